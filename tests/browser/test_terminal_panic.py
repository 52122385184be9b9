"""The panic button in a real Chromium of phone size: held, let go too early, without a network, unanswered, refused, over a push."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.node import Node, wait_for
from tests.browser.phone import Phone, node_with, phone_of, shows_well
from tests.cities import WEST, degrees

pytestmark = pytest.mark.browser
# The page draws with the next frame; on two shared cores that can be late.
expect.set_options(timeout=15_000)

# How far the bar is filled, frame after frame, until it is gone.
FILLING = """() => new Promise((done) => {
  const seen = [];
  const look = () => {
    const bar = document.querySelector('.hold.holding i');
    if (!bar) return done(seen);
    seen.push(bar.getBoundingClientRect().width / bar.parentNode.clientWidth);
    requestAnimationFrame(look);
  };
  look();
})"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with node_with(tmp_path_factory.mktemp("node"), "car") as running:
        yield running


@pytest.fixture
def phone(node: Node, browser: Browser) -> Iterator[Phone]:
    with phone_of(node, browser) as device:
        yield device


def emergencies(node: Node) -> list[dict[str, Any]]:
    found = node.ask("GET", "/incidents", params={"stage": "open"})["incidents"]
    return [incident for incident in found if incident["incident_type"] == "officer_emergency"]


def speak_english(page: Page, theme: str = "light") -> None:
    page.click("[data-open=me]")
    page.click("[data-choice=en]")
    page.click(f"[data-choice={theme}]")
    page.click("[data-do=close]")


def test_holding_it_calls_for_help_and_says_that_the_command_room_knows(phone: Phone, node: Node) -> None:
    page = phone.ready()
    wait_for(lambda: node.unit("car")["lon"] is not None)
    lift = phone.touch(".panic")
    expect(page.locator(".hold")).to_contain_text("继续按住，发出紧急求援")
    shows_well(page)
    filled = page.evaluate(FILLING)
    assert filled == sorted(filled)
    assert filled[-1] > filled[0]
    received = page.locator("[data-alarm=received]")
    expect(received).to_be_visible()
    lift()
    (incident,) = emergencies(node)
    expect(received).to_contain_text(f"警情 {incident['number']}")
    expect(page.locator(".hold")).to_have_count(0)
    shows_well(page)
    assert (incident["grade"], incident["org_code"]) == (1, WEST)
    assert incident["text"] == "西门A1按住了紧急求援按钮。 西门A1 held the panic button."
    assert (incident["lon"], incident["lat"]) == pytest.approx(degrees(320, 240), abs=1e-5)
    (event,) = node.events(incident["incident_id"], "incident_received")
    assert (event["actor"], event["on_behalf_of"], event["channel"]) == ("officer-1", "car", "terminal")
    page.reload()
    expect(received).to_contain_text("指挥室已收到")
    page.click("[data-dismiss=alarm]")
    expect(received).to_have_count(0)
    page.reload()
    page.wait_for_selector(".head .tick")
    expect(received).to_have_count(0)


def test_letting_go_too_early_sends_nothing_and_says_so(phone: Phone, node: Node) -> None:
    page = phone.ready()
    speak_english(page)
    lift = phone.touch(".panic")
    expect(page.locator(".hold")).to_contain_text("Let go to cancel")
    lift()
    expect(page.locator(".hold.short")).to_contain_text("Not sent")
    expect(page.locator(".hold.short")).to_contain_text("Hold it for 1.5 s")
    shows_well(page)
    expect(page.locator(".hold")).to_have_count(0)
    expect(page.locator("[data-alarm]")).to_have_count(0)
    assert emergencies(node) == []


def test_a_key_holds_it_as_a_finger_does(phone: Phone, node: Node) -> None:
    page = phone.ready()
    page.focus(".panic")
    page.keyboard.down("Enter")
    page.wait_for_selector("[data-alarm]")
    page.keyboard.up("Enter")
    expect(page.locator("[data-alarm=received]")).to_be_visible()
    assert len(emergencies(node)) == 1


def test_without_a_network_it_waits_is_kept_and_goes_out_with_its_own_time(phone: Phone, node: Node) -> None:
    page = phone.ready()
    page.evaluate("navigator.serviceWorker.ready")
    phone.context.set_offline(True)
    expect(page.locator(".head .link.down")).to_be_visible()
    phone.call_for_help()
    queued = page.locator("[data-alarm=queued]")
    expect(queued).to_contain_text("一有网络立即发出")
    expect(queued).to_contain_text("请同时用电台呼叫")
    shows_well(page)
    page.reload()
    expect(queued).to_be_visible()
    page.wait_for_timeout(1500)  # what makes its own time another than that of its arrival
    assert emergencies(node) == []
    phone.context.set_offline(False)
    expect(page.locator("[data-alarm=received]")).to_be_visible()
    expect(queued).to_have_count(0)
    (incident,) = emergencies(node)
    called, received = (datetime.fromisoformat(incident[name]) for name in ("called_at", "received_at"))
    assert (received - called).total_seconds() > 1.4


def test_a_lost_answer_leads_to_one_incident(phone: Phone, node: Node) -> None:
    lost: list[str] = []
    phone.change_what_is_heard(losing(lambda message: message["type"] == "result" and not lost, lost))
    page = phone.ready()
    phone.call_for_help()
    expect(page.locator("[data-alarm=sent]")).to_contain_text("等待指挥室确认")
    shows_well(page)
    assert lost == ["result"]
    page.reload()
    expect(page.locator("[data-alarm=received]")).to_be_visible()
    assert len(emergencies(node)) == 1


def losing(which: Callable[[dict[str, Any]], bool], lost: list[str]) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    def change(message: dict[str, Any]) -> dict[str, Any] | None:
        if not which(message):
            return message
        lost.append(message["type"])
        return None

    return change


def test_it_waits_for_no_command_that_has_not_been_answered(phone: Phone, node: Node) -> None:
    lost: list[str] = []
    phone.change_what_is_heard(losing(lambda message: message["type"] == "result" and "number" not in message, lost))
    page = phone.ready()
    phone.pushed()
    phone.press("acknowledge")
    expect(page.locator(".head .status")).to_have_text("已派")  # the server has it; only its answer is lost
    expect(page.locator(".note").filter(has_text="1 条操作待发送")).to_be_visible()
    phone.call_for_help()
    expect(page.locator("[data-alarm=received]")).to_be_visible()
    expect(page.locator(".note").filter(has_text="1 条操作待发送")).to_be_visible()
    assert "result" in lost
    assert len(emergencies(node)) == 1


def test_a_refusal_is_said_and_sends_to_the_radio(phone: Phone, node: Node) -> None:
    def refuse(message: dict[str, Any]) -> dict[str, Any]:
        if message["type"] != "result":
            return message
        refusal = {"ok": False, "rule": "role-not-permitted", "detail": "The role officer may not panic; ask someone whose role may."}
        return {"type": "result", "key": message["key"], **refusal}

    phone.change_what_is_heard(refuse)
    page = phone.ready()
    phone.touch(".panic")
    refused = page.locator(".note.bad")
    expect(refused).to_contain_text("求援未被接受，请用电台呼叫")
    expect(refused).to_contain_text("此账号无此权限")
    expect(refused).to_contain_text("may not panic")
    expect(page.locator("[data-alarm]")).to_have_count(0)
    shows_well(page)


def test_it_lies_over_a_push_and_over_a_sheet(phone: Phone, node: Node) -> None:
    page = phone.ready()
    phone.pushed()
    phone.call_for_help()
    expect(page.locator(".push [data-alarm=received]")).to_be_visible()
    expect(page.locator(".push [data-step=acknowledge]")).to_be_in_viewport(ratio=1)
    shows_well(page)
    page.click(".push [data-dismiss=alarm]")
    for step in ("acknowledge", "depart", "arrive", "feedback"):
        phone.press(step)
    page.fill("textarea", "写到一半")
    phone.call_for_help()
    expect(page.locator(".sheet")).to_have_count(0)
    expect(page.locator("[data-alarm=received]")).to_be_visible()
    phone.press("feedback")
    expect(page.locator("textarea")).to_have_value("写到一半")
    assert len(emergencies(node)) == 1, "a second hold adds to the first"
    assert "正在处置警情" in emergencies(node)[0]["text"]


def test_a_page_that_was_replaced_takes_its_line_back_for_it(phone: Phone, node: Node) -> None:
    old = phone.ready()
    new = phone.open()
    new.goto(f"{node.url}/terminal")
    new.wait_for_selector(".head .tick")
    expect(old.locator(".calm .loud")).to_be_visible()
    old.bring_to_front()
    phone.call_for_help()
    expect(old.locator("[data-alarm=received]")).to_be_visible()
    expect(new.locator(".calm .loud")).to_be_visible()
    assert len(emergencies(node)) == 1


def test_a_shared_phone_keeps_the_call_of_one_crew_from_the_other(phone: Phone, node: Node) -> None:
    node.register("van", "西门A2", "officer-2")
    page = phone.ready()
    phone.context.set_offline(True)
    expect(page.locator(".head .link.down")).to_be_visible()
    phone.call_for_help()
    phone.context.clear_cookies()
    phone.context.set_offline(False)
    page.wait_for_url("**/login**")
    phone.log_in("officer-2")
    page.wait_for_selector(".head .tick")
    expect(page.locator("[data-alarm]")).to_have_count(0)
    assert emergencies(node) == []
    page.click("[data-open=me]")
    expect(page.locator(".quiet").filter(has_text="本机另有 1 条")).to_be_visible()
    page.click("[data-do=logout]")
    page.wait_for_url("**/login**")
    phone.log_in("officer-1")
    expect(page.locator("[data-alarm=received]")).to_be_visible()
    assert len(emergencies(node)) == 1
