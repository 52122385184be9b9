"""Duty on the officer's phone: signing on and off, a muster that rings and is answered, overtime."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.node import Node, wait_for
from tests.browser.phone import Phone, node_with, phone_of, shows_well
from tests.cities import CITY, WEST

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)


class Chief:
    """A commander who plans and musters over the API."""

    def __init__(self, node: Node) -> None:
        token = node.accounts.add_token("commander", CITY, name="chief")
        self._client = httpx.Client(base_url=f"{node.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=20.0)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def plan(self, shift_id: str, begins: timedelta, ends: timedelta, *unit_ids: str) -> None:
        now = datetime.now(UTC)
        body = {"name": "早班", "starts_at": (now + begins).isoformat(), "ends_at": (now + ends).isoformat()}
        self.ask("PUT", f"/shifts/{WEST}/{shift_id}", body | {"crews": [{"unit_id": unit_id} for unit_id in unit_ids]})

    def muster(self) -> str:
        until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
        called = self.ask("POST", "/musters", {"org_code": WEST, "text": "大型活动散场，增援天一广场", "until": until})
        return str(called["muster_id"])

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with node_with(tmp_path_factory.mktemp("node"), "car") as running:
        yield running


@pytest.fixture(scope="module")
def chief(node: Node) -> Iterator[Chief]:
    commander = Chief(node)
    yield commander
    commander.close()


@pytest.fixture
def phone(node: Node, browser: Browser) -> Iterator[Phone]:
    with phone_of(node, browser) as device:
        yield device


def test_a_crew_signs_on_and_off_on_its_phone_and_is_asked_when_reserves_are_mustered(phone: Phone, node: Node, chief: Chief) -> None:
    hour = timedelta(hours=1)
    chief.plan("day", -hour, hour, "car")
    page = phone.ready()
    expect(page.locator(".calm .duty")).to_contain_text("早班，至")
    shows_well(page)
    page.click(".calm [data-do=sign_on]")
    expect(page.locator(".calm [data-do=sign_on]")).to_have_count(0)
    wait_for(lambda: chief.ask("GET", f"/rosters?org={WEST}")["on_duty"][0]["signed_on"])
    page.click("[data-open=me]")
    shows_well(page)
    page.click("[data-do=sign_off]")
    expect(page.locator(".calm .word")).to_have_text("离岗")
    wait_for(lambda: node.unit("car")["status"] == "out_of_service")

    muster_id = chief.muster()
    page.wait_for_selector(".muster")
    expect(page.locator(".muster .said")).to_have_text("大型活动散场，增援天一广场")
    shows_well(page)
    page.reload()  # a phone that was away is asked again
    page.click("[data-muster=coming]")
    expect(page.locator(".muster")).to_have_count(0)
    expect(page.locator(".calm .word")).to_have_text("待命")
    wait_for(lambda: chief.ask("GET", f"/musters?org={WEST}")["musters"][0]["coming"] == 1)
    page.click("[data-muster=other]")  # the newest word counts
    wait_for(lambda: chief.ask("GET", f"/musters?org={WEST}")["musters"][0]["coming"] == 0)
    page.click("[data-muster=other]")
    expect(page.locator(".calm .word")).to_have_text("待命")
    wait_for(lambda: chief.ask("GET", f"/musters?org={WEST}")["musters"][0]["coming"] == 1)  # the screen is ahead of the server
    phone.pushed()
    page.click("[data-step=acknowledge]")
    chief.ask("POST", f"/musters/{muster_id}/end", {})
    expect(page.locator("main .duty.over")).to_contain_text("本次任务结束后离岗")
    shows_well(page)
    assert node.unit("car")["status"] == "dispatched"
