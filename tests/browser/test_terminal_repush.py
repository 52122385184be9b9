"""Nobody acknowledges in time, on two real phones: the next crew is sent as well, and both are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from dispatch.deadlines import BUILT_IN
from tests.browser.node import Node, wait_for
from tests.browser.phone import Phone, node_with, shows_well

pytestmark = pytest.mark.browser
# The page draws with the next frame; on two shared cores that can be late.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A city that waits seconds where others wait for half a minute."""
    targets = BUILT_IN.read_text(encoding="utf-8")
    quick = targets.replace("repush_after_s = 10 ", "repush_after_s = 1 ").replace("[30, 30, 60, 180]", "[3, 3, 60, 180]")
    assert quick.count("= 1 ") == quick.count("[3, 3, 60") == 1
    with node_with(tmp_path_factory.mktemp("node"), "car", "van", targets=quick) as running:
        yield running


def test_both_crews_are_told_when_others_are_sent_because_one_did_not_acknowledge(node: Node, browser: Browser) -> None:
    first, second = Phone(node, browser), Phone(node, browser)
    try:
        first.ready()
        second.log_in("officer-2")
        second.page.wait_for_selector(".head .tick")
        for unit_id in ("car", "van"):
            wait_for(lambda unit_id=unit_id: node.unit(unit_id)["lon"] is not None)
        incident_id = first.pushed()
        expect(first.page.locator(".push .told")).to_have_text("你未及时签收，已另派 西门A2；你仍在本警情上")
        expect(second.page.locator(".push .told")).to_have_text("因 西门A1 未及时签收，另派本组")
        expect(second.page.locator(".push [data-crew=car]")).to_contain_text("主责")
        for phone in (first, second):
            shows_well(phone.page)
        (pushed,) = [event for event in node.events(incident_id, "unit_pushed") if event["because_of"]]
        assert pushed["unit_id"] == "van"
        first.press("acknowledge")  # late, and still on it
        expect(first.page.locator(".track .done")).to_have_count(1)
        expect(first.page.locator(".incident .told")).to_contain_text("已另派 西门A2")
        node.command(incident_id, "recall", unit_ids=["van"])
        expect(first.page.locator(".incident .told")).to_have_count(0)
        assert first.complaints == second.complaints == []
    finally:
        first.context.close()
        second.context.close()
