"""What a crew does at the scene, in a real Chromium of phone size: check-list, voice note, the other crews, and what is not known yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from dispatch.codes import load_codes
from tests.browser.desk_server import chromium
from tests.browser.node import Node, wait_for
from tests.browser.phone import Phone, node_with, phone_of, shows_well
from tests.cities import CITY, WEST

pytestmark = pytest.mark.browser
# The page draws with the next frame; on two shared cores that can be late.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("--use-fake-device-for-media-stream") as running:
        yield running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with node_with(tmp_path_factory.mktemp("node"), "car", "van") as running:
        yield running


@pytest.fixture
def phone(node: Node, browser: Browser) -> Iterator[Phone]:
    with phone_of(node, browser) as device:
        yield device


def items_for(incident_type: str) -> list[str]:
    lists = load_codes().checklist
    return [item.id for item in next(one for one in lists if incident_type in one.incident_types).item]


# The check-list


def test_the_check_list_of_the_type_goes_up_with_the_feedback(phone: Phone, node: Node) -> None:
    page = phone.ready()
    incident_id = phone.at_scene()
    phone.press("feedback")
    items = items_for("assault")
    expect(page.locator("[data-check]")).to_have_count(len(items))
    expect(page.locator(".checklist legend b")).to_have_text(f"已做 0/{len(items)}")
    expect(page.locator(".lacking")).to_contain_text("必做项还有 5 项未做")
    shows_well(page)
    for item in ("recorder_on", "injuries_seen", "evidence_kept"):
        page.click(f"[data-check={item}]")
    page.click("[data-check=evidence_kept]")
    expect(page.locator("[data-check][aria-checked=true]")).to_have_count(2)
    expect(page.locator(".lacking")).to_contain_text("3 项")
    expect(page.locator("[data-step=send]")).to_be_disabled()  # ticks alone say nothing of what came of it
    page.click("[data-outcome=taken_to_station]")
    expect(page.locator("[data-step=send]")).to_be_in_viewport(ratio=1)
    shows_well(page)
    phone.press("send")
    (given,) = wait_for(lambda: node.events(incident_id, "feedback_given"))
    done = {item: item in ("recorder_on", "injuries_seen") for item in items}
    assert given["form"] == {"disposition": "taken_to_station", "checks": done}


def test_ticks_survive_a_reload_and_stay_for_feedback_that_is_returned(phone: Phone, node: Node) -> None:
    page = phone.ready()
    incident_id = phone.at_scene(incident_type="lost_property")  # of no list of its own: the general one
    phone.press("feedback")
    page.click("[data-check=identity_shown]")
    page.wait_for_timeout(200)  # until it is on the phone's disk
    page.reload()
    page.wait_for_selector(".head .tick")
    phone.press("feedback")
    expect(page.locator("[data-check=identity_shown]")).to_have_attribute("aria-checked", "true")
    page.click("[data-outcome=helped]")
    phone.press("send")
    wait_for(lambda: node.events(incident_id, "feedback_given"))
    give_back(node, incident_id)
    expect(page.locator(".note.bad")).to_contain_text("反馈被退回")
    phone.press("feedback")
    expect(page.locator("[data-check][aria-checked=true]")).to_have_count(1)
    page.click("[data-check=result_told]")
    page.fill("textarea", "已告知失主")
    phone.press("send")
    first, second = wait_for(lambda: len(found := node.events(incident_id, "feedback_given")) == 2 and found)
    assert [item for item, done in first["form"]["checks"].items() if done] == ["identity_shown"]
    assert [item for item, done in second["form"]["checks"].items() if done] == ["identity_shown", "result_told"]


def give_back(node: Node, incident_id: str) -> None:
    """As the station's leader."""
    token = node.accounts.add_token("commander", CITY, name=f"leader-{incident_id}")
    command = {"command": "return", "text": "补录"}
    answer = httpx.post(
        f"{node.url}/api/v1/incidents/{incident_id}/commands", json=command, headers={"Authorization": f"Bearer {token}"}, timeout=20.0
    )
    assert answer.is_success, answer.text


def test_a_check_list_filled_in_without_a_network_is_sent_once(phone: Phone, node: Node) -> None:
    page = phone.ready()
    page.evaluate("navigator.serviceWorker.ready")
    incident_id = phone.at_scene(incident_type="fire", grade=1)
    wait_for(lambda: node.events(incident_id, "arrived"))
    phone.context.set_offline(True)
    phone.press("feedback")
    page.click("[data-check=people_out]")
    page.fill("textarea", "明火已灭")
    phone.press("send")
    expect(page.locator("[data-stage=feedback].waiting")).to_be_visible()
    page.reload()
    expect(page.locator("[data-stage=feedback].waiting")).to_be_visible()
    phone.context.set_offline(False)
    (given,) = wait_for(lambda: node.events(incident_id, "feedback_given"))
    assert given["form"] == {"checks": {item: item == "people_out" for item in items_for("fire")}}


# The voice note


def test_a_voice_note_is_recorded_and_kept_with_the_incident(phone: Phone, node: Node) -> None:
    phone.context.grant_permissions(["geolocation", "microphone"])
    page = phone.ready()
    incident_id = phone.at_scene()
    page.click("[data-do=record]")
    expect(page.locator(".voice .time")).to_contain_text("0:01")
    shows_well(page)
    page.click("[data-do=keep-recording]")
    expect(page.locator("[data-state=stored]")).to_contain_text("录音")
    shows_well(page)
    (added,) = wait_for(lambda: node.events(incident_id, "upload_added"))
    assert (added["media_type"], added["unit_id"]) == ("audio/webm", "car")
    assert added["filename"].startswith("录音 ")
    assert added["filename"].endswith(".webm")
    assert added["size_bytes"] > 500


def test_a_voice_note_without_a_network_waits_and_goes_up_by_itself(phone: Phone, node: Node) -> None:
    phone.context.grant_permissions(["geolocation", "microphone"])
    page = phone.ready()
    page.evaluate("navigator.serviceWorker.ready")
    incident_id = phone.at_scene()
    wait_for(lambda: node.events(incident_id, "arrived"))
    phone.context.set_offline(True)
    page.click("[data-do=record]")
    expect(page.locator(".voice .time")).to_contain_text("0:01")
    page.click("[data-do=keep-recording]")
    expect(page.locator("[data-state=queued]")).to_contain_text("录音")
    page.wait_for_timeout(300)  # until it is on the phone's disk
    page.reload()
    expect(page.locator("[data-state=queued]")).to_contain_text("录音")
    assert not node.events(incident_id, "upload_added")
    phone.context.set_offline(False)
    (added,) = wait_for(lambda: node.events(incident_id, "upload_added"))
    assert added["media_type"] == "audio/webm"


def test_a_voice_note_that_is_not_wanted_leaves_nothing(phone: Phone, node: Node) -> None:
    phone.context.grant_permissions(["geolocation", "microphone"])
    page = phone.ready()
    incident_id = phone.at_scene()
    page.click("[data-do=record]")
    page.click("[data-do=drop-recording]")
    expect(page.locator(".voice")).to_have_count(0)
    phone.pick("file", "sheet.pdf", "application/pdf", b"%PDF-1.7 ")
    expect(page.locator("[data-state=stored]")).to_have_count(1)
    assert [event["filename"] for event in node.events(incident_id, "upload_added")] == ["sheet.pdf"]


def test_a_recall_in_the_middle_keeps_what_was_said(phone: Phone, node: Node) -> None:
    phone.context.grant_permissions(["geolocation", "microphone"])
    page = phone.ready()
    incident_id = phone.at_scene()
    page.click("[data-do=record]")
    expect(page.locator(".voice .time")).to_contain_text("0:01")
    node.command(incident_id, "cancel")
    expect(page.locator(".voice")).to_have_count(0)
    (added,) = wait_for(lambda: node.events(incident_id, "upload_added"))
    assert added["media_type"] == "audio/webm"


def test_a_microphone_that_is_refused_is_said(phone: Phone) -> None:
    page = phone.ready()
    phone.at_scene()
    page.click("[data-do=record]")
    expect(page.locator(".note.bad")).to_contain_text("不能录音")
    expect(page.locator(".note.bad")).to_contain_text("允许本网站使用麦克风")
    expect(page.locator(".voice")).to_have_count(0)
    shows_well(page)


# The other crews


def test_each_crew_sees_who_else_is_on_it_and_who_is_responsible(phone: Phone, node: Node) -> None:
    page = phone.ready()
    incident_id = phone.pushed()
    expect(page.locator(".push .crews .lead")).to_have_text("本组主责")
    node.command(incident_id, "reinforce", unit_ids=["van"])
    other = page.locator("[data-crew=van]")
    expect(other).to_have_text("西门A2已派")
    shows_well(page)
    phone.press("acknowledge")
    node.command(incident_id, "depart", unit_ids=["van"])
    expect(other).to_have_text("西门A2出警途中")
    node.command(incident_id, "name_lead", unit_ids=["van"])
    expect(other).to_have_text("西门A2主责 · 出警途中")
    expect(page.locator(".crews .lead")).to_have_count(1)
    node.command(incident_id, "call_service", service="120")
    expect(page.locator("[data-crew='120']")).to_have_text("120已派")
    shows_well(page)
    node.command(incident_id, "recall", unit_ids=["van"])
    expect(other).to_have_count(0)
    expect(page.locator(".crews .lead")).to_have_text("本组主责")


# What a newer server may say


def changing(kind: str, change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def changed(message: dict[str, Any]) -> dict[str, Any]:
        if message["type"] == kind:
            change(message)
        return message

    return changed


def test_a_stage_it_does_not_know_is_shown_under_its_own_name_with_no_step_to_press(phone: Phone) -> None:
    def stand_off(message: dict[str, Any]) -> None:
        for assignment in message["incident"]["assignments"]:
            assignment["stage"] = "standing_off"

    phone.change_what_is_heard(changing("incident", stand_off))
    page = phone.ready()
    phone.pushed()
    phone.press("acknowledge")
    expect(page.locator(".note.bad")).to_contain_text("“standing off”，本页不认识")
    expect(page.locator("[data-step]")).to_have_count(0)
    expect(page.locator("[data-do=reload]")).to_be_visible()
    expect(page.locator(".incident .place")).to_have_text("中山东路 128 号")
    expect(page.locator(".calm")).to_have_count(0)
    shows_well(page)


def test_a_status_it_does_not_know_is_no_other_status(phone: Phone) -> None:
    def in_court(message: dict[str, Any]) -> dict[str, Any]:
        return message | {"unit": message["unit"] | {"status": "in_court"}} if message.get("unit") else message

    phone.change_what_is_heard(in_court)
    page = phone.ready()
    expect(page.locator(".head .status")).to_have_text("in court")
    expect(page.locator(".calm .word")).to_have_text("in court")
    expect(page.locator(".calm p")).to_contain_text("本页不认识状态“in court”")
    shows_well(page)
    page.click("[data-open=me]")
    expect(page.locator("[data-choice][aria-checked=true]")).to_have_count(2)  # theme and language; no status


def test_a_grade_it_does_not_know_is_named_by_its_number(phone: Phone) -> None:
    phone.change_what_is_heard(changing("push", lambda message: message["incident"].update(grade=7)))
    page = phone.ready()
    phone.pushed()
    expect(page.locator(".push .what")).to_have_text("7 级 · 殴打他人")
    expect(page.locator(".push .shape")).to_be_visible()
    shows_well(page)


def test_an_end_it_does_not_know_is_told_in_its_own_word(phone: Phone, node: Node) -> None:
    phone.change_what_is_heard(changing("recall", lambda message: message.update(stage="handed_to_army")))
    page = phone.ready()
    incident_id = phone.pushed()
    node.command(incident_id, "recall", unit_ids=["car"])
    expect(page.locator(".note")).to_contain_text("本次任务已结束")
    expect(page.locator(".note")).to_contain_text("handed to army")
    shows_well(page)


def test_messages_it_does_not_know_change_nothing(phone: Phone, node: Node) -> None:
    heard: list[str] = []

    def unheard_of(message: dict[str, Any]) -> dict[str, Any]:
        heard.append(message["type"])
        return message | {"type": "unit_of_the_future"} if message["type"] == "unit" else message

    phone.change_what_is_heard(unheard_of)
    page = phone.ready()
    node.ask("PUT", "/units/car", json={"callsign": "西门A9", "kind": "patrol_car", "org_code": WEST})
    phone.pushed()
    assert "unit" in heard
    expect(page.locator(".push .what")).to_have_text("紧急 · 殴打他人")
    expect(page.locator(".note")).to_have_count(0)
    node.ask("PUT", "/units/car", json={"callsign": "西门A1", "kind": "patrol_car", "org_code": WEST})
