"""Side paths and deadlines of the loop at the desk, in a real browser: time runs out, alarms sound, calls merge, owners change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from dashboard.layouts.due import UNDELIVERED_AFTER
from dispatch import deadlines
from dispatch.commands import Acknowledge, Arrive, Cancel, Close, Depart, Feedback, MarkDelivered, Push, Review, StopRepush
from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, Incident, Stage, UnitKind
from operations.footage.scene_recording import Asked, Reception
from tests.browser import desk_page
from tests.browser.desk_server import PASSWORD, DeskServer, Visitor, desk_server
from tests.browser.phone import shows_well
from tests.cities import CITY, EAST, WEST
from tests.operations.recorded import recorded

OPERATOR = Actor("commander", "commander", CITY)  # whose desk is looked at

pytestmark = pytest.mark.browser

# The same targets, only sooner: seconds to acknowledge for the grades 1 to 4, and from then to the re-push.
ACKNOWLEDGE_S, REPUSH_S = 7, 6
SOON = (
    ("[30, 30, 60, 180]", f"[{ACKNOWLEDGE_S}, {ACKNOWLEDGE_S}, {ACKNOWLEDGE_S}, 180]"),
    ("repush_after_s = 10", f"repush_after_s = {REPUSH_S}"),
    ("[900, 900, 0, 0]", "[5, 5, 0, 0]"),  # from the arrival to the question whether all is well
    ("check_in_grace_s = 60", "check_in_grace_s = 8"),
)
MAP_IS_COMPLETE = "liandong.basemap.map.loaded() && liandong.basemap.map.getStyle().layers.some((layer) => layer.id.startsWith('label-'))"
SOON_MS = 30_000  # until what is due has been noticed, or a command answered, and drawn, on a busy machine


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskServer]:
    folder = tmp_path_factory.mktemp("loop")
    text = deadlines.BUILT_IN.read_text(encoding="utf-8")
    for usual, soon in SOON:
        assert usual in text
        text = text.replace(usual, soon)
    (folder / "targets.toml").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadlines, "BUILT_IN", folder / "targets.toml")
        with desk_server(folder) as server:
            for k in range(3):
                server.handle(
                    RegisterUnit(unit_id=f"r{k}", callsign=f"电台{k}", kind=UnitKind.FOOT_PATROL, org_code=WEST, radio_group="西 2")
                )
            yield server


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=SOON_MS)
    yield
    expect.set_options(timeout=None)


@pytest.fixture(scope="module")
def operator(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "commander")
    visitor.open("/?lang=en")
    visitor.until(MAP_IS_COMPLETE, within_s=60)
    yield visitor
    assert visitor.errors == []
    assert visitor.outside == []
    visitor.context.close()


@pytest.fixture(autouse=True)
def nothing_left_over(operator: Visitor, desk: DeskServer) -> Iterator[None]:
    """Each test begins with an empty queue and a closed panel."""
    yield
    operator.page.keyboard.press("Escape")
    operator.page.keyboard.press("Escape")
    for incident in desk.services.handler.picture.open_incidents():
        desk.handle(Cancel(incident_id=incident.incident_id))
    expect(operator.page.locator(".card")).to_have_count(0)


def now(desk: DeskServer, incident_id: str) -> Incident:
    found: Incident = desk.services.handler.picture.incidents[incident_id]
    return found


def show(operator: Visitor, desk: DeskServer, incident_id: str) -> Locator:
    """Select it in the queue; its panel."""
    return desk_page.show(operator.page, now(desk, incident_id).number)


def send(operator: Visitor, text: str = "") -> None:
    """Answer the dialog."""
    desk_page.answer(operator.page, text)


def until_it_asks_nothing(operator: Visitor) -> None:
    asked = -1
    while asked != len(operator.requests):
        asked = len(operator.requests)
        operator.page.wait_for_timeout(2_000)


def test_time_runs_out_on_the_card_without_a_question_to_the_server(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=2)
    card = operator.page.locator(".card")
    expect(card).to_be_visible()
    until_it_asks_nothing(operator)  # of a new incident the desk asks once what it may be a further call about
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0",)))
    expect(card.locator(".due:not(.overdue) .due-step")).to_have_text("Acknowledge")
    expect(card.locator(".due-left")).to_have_text(re.compile(r"^0:0[3-7]$"))
    asked = len(operator.requests)
    operator.let_pass(ACKNOWLEDGE_S - 1)
    expect(card.locator(".undelivered")).to_be_visible()
    expect(card.locator(".undelivered")).to_have_text("not delivered电台0")
    expect(card.locator(".due.overdue .due-late")).to_be_visible()
    assert [url for url in operator.requests[asked:] if "/assets/" not in url] == []
    expect(card.locator(".alarm-sign")).to_be_visible()
    expect(operator.page.locator("#grade-counts .alarms b")).to_have_text("1")


def test_a_push_that_has_not_arrived_names_the_radio_group(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=4)
    panel = show(operator, desk, incident_id)
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0", "r1")))
    line = panel.locator(".due-line.undelivered")
    expect(line.locator(".to-be-called").last).to_contain_text("电台1")
    operator.let_pass(UNDELIVERED_AFTER.total_seconds())
    expect(line).to_be_visible()
    expect(line).to_contain_text("radio group 西 2")
    desk.handle(MarkDelivered(incident_id=incident_id, unit_ids=("r0",)))
    expect(line).not_to_contain_text("电台0")
    panel.locator(".assignment", has_text="电台1").locator("button", has_text="Acknowledged").click()
    expect(line).to_have_count(0)


def test_a_key_stops_the_re_push_and_another_takes_on_the_alarm(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=1)
    panel = show(operator, desk, incident_id)
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0",)))
    operator.let_pass(ACKNOWLEDGE_S)
    expect(panel.locator(".due-line.repush")).to_contain_text("No answer from 电台0")
    expect(panel.locator(".due-line.countdowns .due.overdue").first).to_contain_text("overdue")
    operator.page.keyboard.press("s")
    expect(panel.locator(".due-line.repush")).to_have_count(0)
    assert now(desk, incident_id).repush_stopped == (now(desk, incident_id).assignments[0].assignment_id,)
    expect(panel.locator(".due-line.alarm")).to_contain_text("Acknowledge overdue (电台0)")
    operator.page.keyboard.press("a")
    expect(panel.locator(".due-line.alarm")).to_have_count(0)
    expect(operator.page.locator("#grade-counts .alarms b")).to_have_text("0")
    expect(operator.page.locator("#panel-after .timeline")).to_contain_text("Alarm taken on")


def test_a_re_push_that_nobody_stops_sends_the_next_nearest(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=1)
    panel = show(operator, desk, incident_id)
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0",)))
    operator.let_pass(ACKNOWLEDGE_S)
    expect(panel.locator(".due-line.repush")).to_be_visible()
    operator.let_pass(REPUSH_S)
    expect(panel.locator(".assignment")).to_have_count(2)
    expect(panel.locator(".assignment").last).to_contain_text("sent too, because 电台0 did not answer")


def test_one_alarm_sounds_at_a_time_the_most_urgent_first(operator: Visitor, desk: DeskServer) -> None:
    page = operator.page
    assert operator.knows("liandong.sounding.rows") == 0, "a sound before anybody has allowed it"
    page.click("#sound-switch")
    expect(page.locator("#sound-switch[aria-pressed=true]:not(.waiting)")).to_be_visible()
    elsewhere, urgent, major = desk.incident(grade=1), desk.incident(grade=2), desk.incident(300, 300, grade=1)
    desk.handle(Push(incident_id=elsewhere, unit_ids=("r2",)))  # by another desk, whose alarm it is
    for incident_id, unit_id in ((urgent, "r0"), (major, "r1")):
        desk.call(desk.services.handler.handle(Push(incident_id=incident_id, unit_ids=(unit_id,)), OPERATOR))
        # Whoever is sent too would be late as well, and another alarm.
        desk.handle(StopRepush(incident_id=incident_id, assignment_id=now(desk, incident_id).assignments[0].assignment_id))
    operator.let_pass(ACKNOWLEDGE_S)
    operator.until(f"liandong.sounding.incident_id === '{major}' && liandong.sounding.rows > 0", 30)
    panel = show(operator, desk, major)
    expect(panel.locator(".take-alarm")).to_be_visible()
    page.keyboard.press("a")
    operator.until(f"liandong.sounding.incident_id === '{urgent}' && liandong.sounding.grade === 2", 30)
    page.reload()
    page.wait_for_selector("html.ready", timeout=60_000)
    expect(page.locator("#sound-switch[aria-pressed=true]")).to_be_visible()
    page.mouse.click(5, 5)
    operator.until(f"liandong.sounding.incident_id === '{urgent}'", 30)
    page.click("#sound-switch")
    operator.until("liandong.sounding.incident_id === null")
    expect(page.locator("#grade-counts .alarms b")).to_have_text("2")
    assert now(desk, urgent).alarm_taken == 0, "silence at one desk takes nothing on"


def test_late_steps_of_small_incidents_lie_under_supervision(operator: Visitor, desk: DeskServer) -> None:
    desk.incident(200, 200, grade=3, incident_type="fraud")
    late = desk.incident(grade=3, incident_type="dispute")
    desk.handle(Push(incident_id=late, unit_ids=("r0",)))
    operator.let_pass(ACKNOWLEDGE_S)
    expect(operator.page.locator("#queue-supervised")).to_have_text("1")
    operator.page.click("#queue-filter [data-filter=supervised]")
    expect(operator.page.locator(".card")).to_have_count(1)
    expect(operator.page.locator(".card")).to_contain_text("Dispute")
    expect(operator.page.locator(".card .alarm-sign")).to_have_count(0)
    operator.page.click("#queue-filter [data-filter=open]")
    expect(operator.page.locator(".card")).to_have_count(2)


def test_two_calls_become_one_incident(operator: Visitor, desk: DeskServer) -> None:
    desk.incident(1000, 1000, grade=1, incident_type="fraud")
    first, second = desk.incident(grade=2), desk.incident(520, 500, grade=3)
    panel = show(operator, desk, second)
    panel.locator(".actions button", has_text="Merge").click()
    expect(operator.page.locator("#ask-choice")).to_contain_text(f"#{now(desk, first).number} ")
    send(operator, "the same fight")
    expect(panel.locator(".stage-bar .otherwise")).to_have_text("Merged")
    assert now(desk, second).merged_into == first
    expect(operator.page.locator(".card")).to_have_count(2)
    panel.locator(".relations .link").click()
    expect(panel.locator(".relations")).to_have_text(f"further calls: #{now(desk, second).number}")


def test_a_part_is_split_off_and_shown(operator: Visitor, desk: DeskServer) -> None:
    first = desk.incident(grade=2)
    panel = show(operator, desk, first)
    expect(panel.locator(".fold")).to_be_hidden()
    panel.locator(".more").click()
    panel.locator(".fold button", has_text="Split").click()
    expect(operator.page.locator("#split-dialog")).to_be_visible()
    expect(operator.page.locator("#split-type")).to_contain_text("Assault")
    operator.page.fill("#split-text", "a bag is gone")
    operator.page.locator("#split-grade label", has_text="3 Ordinary").click()
    operator.page.click("#split-send")
    expect(panel.locator("blockquote")).to_have_text("a bag is gone")
    expect(panel.locator(".relations")).to_have_text(f"part of #{now(desk, first).number}")
    expect(panel.locator(".fold")).to_be_hidden()


def test_an_incident_is_handed_over_by_offer_and_acceptance(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=3)
    panel = show(operator, desk, incident_id)
    panel.locator(".more").click()
    panel.locator(".fold button", has_text="Hand over").click()
    operator.page.click("#ask-choice")
    operator.page.locator("[role=option]", has_text="东门派出所").click()
    send(operator, "their street")
    expect(panel.locator(".due-line.offer")).to_contain_text("西门派出所 offers it to 东门派出所")
    panel.locator(".due-line.offer button", has_text="Take it over").click()
    expect(panel.locator(".due-line.offer")).to_have_count(0)
    expect(panel.locator(".head-facts").first).to_contain_text("东门派出所")
    assert now(desk, incident_id).org_code == EAST


def test_crews_and_services_on_an_incident(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=3)
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0", "r1")))
    panel = show(operator, desk, incident_id)
    second = panel.locator(".assignment", has_text="电台1")
    second.locator("button", has_text="Make lead").click()
    expect(second.locator(".pill.lead")).to_have_text("Lead")
    panel.locator(".actions button", has_text="Call service").click()
    operator.page.click("#ask-choice")
    operator.page.get_by_text("Ambulance 120", exact=True).click()
    send(operator, "one hurt")
    ambulance = panel.locator(".assignment", has_text="Ambulance 120")
    ambulance.locator("button", has_text="Arrived").or_(ambulance.locator("button", has_text="Set out")).first.click()
    expect(ambulance.locator(".stage-en_route")).to_be_visible()
    expect(operator.page.locator("#panel-after .timeline")).to_contain_text("for Ambulance 120 · phone")


def test_the_caller_is_called_back_after_closing(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=3)
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0",)))
    desk.handle(Acknowledge(incident_id=incident_id, unit_ids=("r0",)))
    panel = show(operator, desk, incident_id)
    panel.locator(".more").click()
    panel.locator(".fold button", has_text="Close").click()
    send(operator)
    panel.locator(".actions button.primary", has_text="Call back").click()
    expect(operator.page.locator("#ask-choice")).to_contain_text("satisfied")
    send(operator, "all is well")
    expect(operator.page.locator("#panel-after .timeline")).to_contain_text("Called back, satisfied: all is well")
    assert now(desk, incident_id).stage == Stage.CLOSED
    assert now(desk, incident_id).called_back


def test_a_crew_on_the_scene_that_falls_silent_is_an_alarm_until_it_answers(browser: Browser, operator: Visitor, desk: DeskServer) -> None:
    desk.services.accounts.add_user("officer", PASSWORD, "officer", WEST, unit_id="r0")
    phone = Visitor(browser, desk, "officer", size=(390, 844))
    phone.page.goto(f"{desk.url}/terminal?lang=en")
    incident_id = desk.incident(grade=2)
    panel = show(operator, desk, incident_id)
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0",)))
    desk.handle(Arrive(incident_id=incident_id, unit_ids=("r0",), on_behalf_of="r0", channel="radio"))
    expect(panel.locator(".countdowns")).to_contain_text("Check in")
    question = phone.page.locator("[data-step=check_in]")
    expect(question).to_contain_text("All well?")
    expect(question).to_be_in_viewport(ratio=1)
    shows_well(phone.page)
    silent = panel.locator(".due-line.silent")
    expect(silent).to_be_visible()
    expect(silent).to_contain_text("电台0radio group 西 2no position")
    expect(panel.locator(".due-line.alarm")).to_contain_text("Check in overdue (电台0)")
    question.click()
    expect(silent).to_have_count(0)
    expect(question).to_have_count(0)
    expect(operator.page.locator("#panel-after .timeline")).to_contain_text("电台0 says all is well")
    assert phone.errors == []
    phone.context.close()


def test_a_wrongly_entered_stage_is_corrected_and_both_stay_in_sight(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=3)
    panel = show(operator, desk, incident_id)
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0",)))
    desk.handle(Arrive(incident_id=incident_id, unit_ids=("r0",), on_behalf_of="r0", channel="radio"))
    more = panel.locator(".more")
    expect(more).to_have_attribute("aria-expanded", "false")
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    panel.locator(".assignment button", has_text="Correct").click()
    dialog = operator.page.locator("#correct-dialog")
    expect(dialog.locator("#correct-time")).to_have_value(re.compile(r"^\d\d:\d\d:\d\d$"))
    dialog.get_by_text("It was not reached: take it back").click()
    operator.page.click("#correct-send")
    expect(dialog.locator("#correct-error")).to_contain_text("text is empty")
    operator.page.fill("#correct-text", "the other crew")
    operator.page.click("#correct-send")
    expect(dialog).to_be_hidden()
    expect(panel.locator(".assignment .pill.stage")).to_have_text("Pushed")
    timeline = operator.page.locator("#panel-after .timeline")
    expect(timeline).to_contain_text("On scene taken back, was")
    expect(timeline.locator(".superseded .what")).to_have_text("电台0 arrived")
    expect(more).to_have_attribute("aria-expanded", "true")


async def filmed(desk: DeskServer, incident_id: str) -> None:
    """Four seconds from the crew's phone."""
    services, now = desk.services, desk.services.clock.now()
    asked = Asked("7" * 32, incident_id, "video/webm", now - timedelta(seconds=4), now)
    reception = await services.scene_video.begin(Actor("phone", "officer", WEST, unit_id="r0"), services.handler.picture.units["r0"], asked)
    assert isinstance(reception, Reception)
    await reception.take(0, int(now.timestamp() * 1000), recorded())
    assert await reception.end(1) is not None


def test_a_review_is_signed_and_its_report_opens_where_there_is_no_network(
    operator: Visitor, desk: DeskServer, browser: Browser, tmp_path: Path
) -> None:
    incident_id = desk.incident(grade=3)
    panel = show(operator, desk, incident_id)
    desk.handle(Push(incident_id=incident_id, unit_ids=("r0",)))
    said = {"incident_id": incident_id, "unit_ids": ("r0",), "on_behalf_of": "r0", "channel": "radio"}
    for step in (Acknowledge(**said), Depart(**said), Arrive(**said), Feedback(**said, text="settled")):  # type: ignore[arg-type]
        desk.handle(step)
    desk.call(filmed(desk, incident_id))
    desk.handle(Review(incident_id=incident_id))
    desk.handle(Close(incident_id=incident_id))
    with operator.context.expect_page() as opened:
        panel.locator("a", has_text="After action").click()
    page, errors = opened.value, []
    page.on("pageerror", lambda error: errors.append(str(error)))
    expect(page.locator("section.stages svg.stage-chart .lane-name").nth(1)).to_have_text("电台0")
    expect(page.locator("svg.track-map")).to_be_visible()
    page.click("#in-step button")
    expect(page.locator("#in-step figure.has-picture .stamp")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    page.wait_for_function("() => document.querySelector('#in-step video').currentTime > 0.5")
    page.locator("form", has=page.locator("select[name=kind]")).locator("textarea").fill("well done")
    page.click("button:has-text('Add finding')")
    page.fill("input[name=name]", "Wu Min")
    page.click("button.primary")
    expect(page.locator(".state.good")).to_contain_text("Signed by Wu Min")
    with page.expect_download() as download:
        page.click("a:has-text('Report (HTML)')")
    file = tmp_path / "report.html"
    download.value.save_as(file)
    page.close()
    assert errors == []
    with_nothing = browser.new_context(offline=True)
    paper = with_nothing.new_page()
    asked: list[str] = []
    paper.on("request", lambda request: asked.append(request.url))
    paper.on("console", lambda message: errors.append(message.text))
    paper.goto(file.as_uri())
    expect(paper.locator("svg.track-map .incident")).to_be_visible()
    expect(paper.locator(".findings")).to_contain_text("well done")
    assert paper.evaluate("getComputedStyle(document.querySelector('.track-map .street')).stroke") != "none"
    assert (asked, errors) == ([file.as_uri()], [])
    with_nothing.close()
