"""The page as it is laid out: every id there, every element with its drawing, every offered button accepted by the domain."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from dashboard import ids
from dashboard.callbacks.commands import command_of
from dashboard.callbacks.context import facts_for
from dashboard.callbacks.selection import panel_of
from dashboard.i18n import words_in as words
from dashboard.layouts.actions import actions, offered_commands
from dashboard.layouts.admin import admin_page
from dashboard.layouts.clip import beside_clip
from dashboard.layouts.incident import assignments, incident_head
from dashboard.layouts.login import login_page
from dashboard.layouts.page import Page
from dashboard.layouts.photo import beside_photo
from dashboard.layouts.said import said
from dashboard.layouts.scene import reasons_text
from dashboard.layouts.shell import shell
from dashboard.layouts.timeline import _upload, uploads
from dispatch import events
from dispatch.decide import decide
from dispatch.events import UploadAdded
from dispatch.model import Actor, AssignmentStage, FindingKind, Grade, Incident, Stage, Step
from operations.footage.evidence import MEDIA_TYPES
from storage.evidence import ClipFacts, Manifest
from tests.dashboard.api_world import COUNTY, EAST, ApiCity, degrees
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, commands_in, pages_of, parts_of, words_in
from tests.operations.access_world import incident as an_incident

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
ICONS = Path(__file__).parents[2] / "dashboard" / "assets" / "icons"
WITH_A_FORM = ("locate", "classify", "correct_stage", "split")
STEPS = ("push", "acknowledge", "depart", "arrive", "feedback", "review", "close")


def page(language: str = "en") -> Page:
    return Page(words(language), "dark", "chief", "commander", demo=False)


def test_every_id_of_a_callback_is_in_the_layout(city: ApiCity) -> None:
    app, _ = pages_of(city)
    present = {str(part.id) for part in parts_of(shell(city.services, page())) if getattr(part, "id", None)}
    named = re.findall(r"([a-z][a-z-]+)\.[a-z_]+", " ".join(app.callback_map))
    named += [one["id"] for spec in app.callback_map.values() for one in (*spec["inputs"], *spec["state"]) if "{" not in one["id"]]
    assert len(named) > 20
    assert set(named) <= present


def test_a_delay_by_traffic_is_said_beside_what_speaks_against_a_crew(city: ApiCity) -> None:
    against = {"code": "nearer_units", "for": False, "text": "", "count": 3}
    delayed = {"code": "traffic", "for": None, "text": "", "delay_s": 95}
    facts = facts_for(city.services, COMMANDER, PAGE | {"lang": "en"})
    unit = {"recommended": False, "reasons": [delayed, against]}
    assert reasons_text(unit, facts) == "3 that can go are nearer · 1:35 longer for closed or slow streets"
    assert reasons_text(unit | {"reasons": [delayed]}, facts) == "1:35 longer for closed or slow streets"


def test_every_id_is_used_once(city: ApiCity) -> None:
    found = [str(part.id) for part in parts_of(shell(city.services, page())) if getattr(part, "id", None)]
    assert len(found) == len(set(found))


def test_the_client_finds_the_parts_it_fills_in(city: ApiCity) -> None:
    present = {str(part.id) for part in parts_of(shell(city.services, page())) if getattr(part, "id", None)}
    sources = (ICONS.parents[1] / "client" / "src").glob("*.js")
    asked = {
        name for path in sources for name in re.findall(r"(?:getElementById|byId|press|hidden|setProps)\(\"([a-z-]+)\"", path.read_text())
    }
    assert len(asked) > 15
    assert asked <= present


def test_the_catalogue_has_a_switch_a_key_and_a_drawing_for_every_element(city: ApiCity) -> None:
    nav = next(part for part in parts_of(shell(city.services, page("zh")), "Nav") if part.id == ids.CATALOGUE)
    switches = [button for button in parts_of(nav, "Button") if getattr(button, "data-element", None)]
    assert len(switches) == 25
    assert len(parts_of(nav, "Kbd")) == 25
    for name in city.services.catalogue.kinds:
        drawing = (ICONS / f"{name}.svg").read_text()
        assert 'width="24"' in drawing, f"{name}: a drawing without a size is not drawn by every browser"
    assert "巡逻车" in words_in(nav)


def at_step(city: ApiCity, step: str, unit_id: str) -> Incident:
    """An incident of which everything up to `step` has been done."""
    city.unit(unit_id)
    incident_id = city.incident("commander")["incident_id"]
    for name in STEPS[: STEPS.index(step) + 1] if step in STEPS else ():
        fields = {"unit_ids": [unit_id]} if name == "push" else {"disposition": "settled"} if name == "close" else {"text": "done"}
        if name in ("acknowledge", "depart", "arrive", "feedback"):
            fields |= {"unit_ids": [unit_id], "on_behalf_of": unit_id, "channel": "radio"}
        answer = city.command(incident_id, name, "commander", **fields)
        assert answer.status_code == 200, answer.text
    found: Incident = city.services.handler.picture.incidents[incident_id]
    return found


@pytest.mark.parametrize("step", ["received", *STEPS])
def test_every_offered_button_is_accepted_by_the_domain(city: ApiCity, step: str) -> None:
    incident = at_step(city, step, f"offer-{step}")
    facts = facts_for(city.services, COMMANDER, PAGE)
    other = city.incident("commander")["incident_id"]
    city.unit(f"instead-{step}")
    choice_of = {"merge": other, "offer_handover": EAST, "call_back": "no", "warn_place": "dog", "note": "", "reassign": f"instead-{step}"}
    offered = [one for one in commands_in([actions(incident, facts), assignments(incident, facts)]) if one[0] not in WITH_A_FORM]
    assert offered
    for command, unit_id in offered:
        pending = {
            "command": command,
            "incident": incident.incident_id,
            "unit": unit_id,
            "expires_at": city.clock.now() + timedelta(days=1),
        }
        complete = command_of(pending, "why", choice_of.get(command, "119"))
        if command == "escalate":
            complete = msgspec.structs.replace(complete, to_org_code=COUNTY)  # filled in before it is decided
        events = decide(city.services.handler.picture, complete, COMMANDER, city.clock.now(), lambda: "new-id")
        assert events, f"{command} at {step} changes nothing"


def test_the_likely_commands_come_first_and_one_stands_out(city: ApiCity) -> None:
    facts = facts_for(city.services, COMMANDER, PAGE)
    received, done = at_step(city, "received", "first-r"), at_step(city, "feedback", "first-f")
    assert offered_commands(received, facts)[0] == ["classify", "note", "merge", "divert", "mark_invalid"]
    assert offered_commands(done, facts)[0] == ["review", "return", "close", "note"]
    assert {"split", "escalate", "offer_handover", "call_service"} < set(offered_commands(done, facts)[1])
    primary = [button for button in parts_of(actions(done, facts), "Button") if button.className == "primary"]
    assert words_in(primary) == "Review"
    likely, rare = offered_commands(at_step(city, "close", "first-c"), facts)
    assert (likely, rare) == (["call_back", "reopen", "note", "warn_place"], [])


def test_an_incident_of_another_organisation_is_not_commanded(city: ApiCity) -> None:
    incident = at_step(city, "received", "foreign")
    assert commands_in(actions(incident, facts_for(city.services, Actor("east", "commander", EAST), PAGE))) == []


def test_crews_are_told_apart(city: ApiCity) -> None:
    """The responsible one, one that never can be, one sent because another was silent, another service."""
    city.unit("lead")
    city.unit("helper", auxiliary=True)
    city.unit("late")
    incident_id = city.incident("commander")["incident_id"]
    city.command(incident_id, "push", "commander", unit_ids=["helper", "lead", "late"])
    city.command(incident_id, "call_service", "commander", service="120", text="one hurt")
    found = city.services.handler.picture.incidents[incident_id]
    first = found.assignments[1].assignment_id
    because = tuple(msgspec.structs.replace(a, because_of=first) if a.unit_id == "late" else a for a in found.assignments)
    rows = parts_of(
        assignments(msgspec.structs.replace(found, assignments=because), facts_for(city.services, COMMANDER, PAGE)).children[1:], "Div"
    )
    said = {name: words_in(next(row for row in rows if name in words_in(row))) for name in ("HELPER", "LEAD", "LATE", "Ambulance 120")}
    assert ["Lead" in said[name] for name in said] == [False, True, False, False]
    assert ["Make lead" in said[name] for name in said] == [False, False, True, False]
    assert "Auxiliary" in said["HELPER"]
    assert "because LEAD did not answer" in said["LATE"]
    assert "called" in said["Ambulance 120"]
    told = [json.loads(getattr(button, "data-press")) for button in parts_of(rows, "Button")]
    assert {one["channel"] for one in told if one["unit"] == "120"} == {"phone"}
    assert {one["channel"] for one in told if one["unit"] == "lead" and one["command"] != "name_lead"} == {"radio"}


def test_relations_to_other_incidents_are_said_in_the_head(city: ApiCity) -> None:
    into, call = city.incident("commander")["incident_id"], city.incident("commander")["incident_id"]
    assert city.command(call, "merge", "commander", into=into).status_code == 200
    assert city.command(into, "escalate", "commander", text="three hurt").status_code == 200
    incidents, facts = city.services.handler.picture.incidents, facts_for(city.services, COMMANDER, PAGE)
    said = words_in(incident_head(incidents[into], facts))
    assert f"further calls:  #{incidents[call].number}" in said
    assert "escalated to Haishu" in said
    assert f"merged into  #{incidents[into].number}" in words_in(incident_head(incidents[call], facts))
    assert words_in(parts_of(incident_head(incidents[call], facts), "Li")[-1]) == "Merged"


def test_a_viewer_is_offered_nothing(city: ApiCity) -> None:
    incident = at_step(city, "push", "viewed")
    assert commands_in(assignments(incident, facts_for(city.services, VIEWER, PAGE))) == []


def test_the_stage_bar_marks_the_present_step_and_its_times(city: ApiCity) -> None:
    incident = at_step(city, "arrive", "bar")
    steps = parts_of(incident_head(incident, facts_for(city.services, COMMANDER, PAGE)), "Li")
    assert [step.className for step in steps] == ["done"] * 4 + ["now"] + ["to-come"] * 3
    assert words_in(steps[4]).startswith("On scene ")


def test_an_incident_ended_another_way_says_how(city: ApiCity) -> None:
    incident = at_step(city, "push", "ended")
    assert city.command(incident.incident_id, "cancel", "commander", text="withdrawn").status_code == 200
    ended = city.services.handler.picture.incidents[incident.incident_id]
    steps = parts_of(incident_head(ended, facts_for(city.services, COMMANDER, PAGE)), "Li")
    assert words_in(steps[-1]) == "Cancelled"
    assert [step.className for step in steps].count("now") == 0


def test_the_log_in_page_escapes_what_a_visitor_sent() -> None:
    html = login_page("宁波", words("en"), '/?a="><script>', '<b onload="x">', [], name='"><img src=x>')
    assert "<img" not in html
    assert "<b onload" not in html
    assert '"><script>' not in html
    assert "Demo accounts" not in html


def test_the_log_in_page_lists_demo_accounts_only_when_given() -> None:
    html = login_page("宁波", words("zh"), "/", "", [("operator", "secret", "operator", "宁波市公安局")])
    assert "演示账号" in html
    assert "调度员" in html
    assert 'data-password="secret"' in html


def test_the_health_page_names_feeds_reasons_and_the_city(city: ApiCity) -> None:
    feed = city.services.health.feed("gps <b>", 10.0)
    feed.heard(city.clock.unix_s(), 3)
    feed.reject("position_in_future", 7)
    counts = city.services.elements.counts()
    html = admin_page(
        city.services.health.snapshot(),
        counts,
        {"problems": {"way_with_missing_nodes": 2}},
        city.services.city,
        city.services.catalogue,
        words("en"),
        "dark",
        [],
    )
    assert "position_in_future" in html
    assert "gps &lt;b&gt;" in html
    assert "<b>2</b> way with missing nodes" in html


def test_the_health_page_speaks_the_readers_language_and_clock(city: ApiCity) -> None:
    feed = city.services.health.feed("gps", 10.0)
    feed.reject("impossible_speed", 7)
    health = city.services.health.snapshot()
    health["parts"] = {"tracks": {"state": "failing", "fixes": 1234, "failure": "the disk <b> is full"}}
    report = {"figures": {"street_km": 1.5, "components": {"car": {"dead_edges": 3}}, "elements": {"hydrant": 4}, "places": {}}}
    counts = {name: count | {"newest_at": "2026-05-01T16:00:00.123+00:00"} for name, count in city.services.elements.counts().items()}
    html = admin_page(health, counts, report, city.services.city, city.services.catalogue, words("zh"), "dark", [])
    for said_so in ("速度不合理", "impossible_speed", "故障", "the disk &lt;b&gt; is full", "<b>1,234</b> 已写定位", "<b>1.5</b> 公里街道"):
        assert said_so in html
    assert "<b>3</b> 机动车: 无出口路段" in html
    assert "<b>4</b> 消火栓" in html
    assert "2026-05-02 00:00:00" in html
    assert "地名库" not in html, "a group without figures is left out"


def test_the_health_page_says_figures_within_figures(city: ApiCity) -> None:
    health = city.services.health.snapshot()
    process = {"process": 0, "state": "ok", "restarts": 2, "streams": 3}
    health["parts"] = {"video": {"state": "ok", "processes": [process], "refused": {"at-limit": 4}, "watching": 5}}
    counts, report = city.services.elements.counts(), city.services.city.report()
    html = admin_page(health, counts, report, city.services.city, city.services.catalogue, words("en"), "dark", [])
    for said_so in ("pictures of cameras", "<b>5</b> viewers of cameras", "<b>2</b> starts again", "<b>4</b> refused: at the limit"):
        assert said_so in html
    assert "{" not in html.split("pictures of cameras")[1].split("</table>")[0]


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_every_kind_of_upload_can_be_shown(city: ApiCity, media_type: str) -> None:
    body = UploadAdded(incident_id="i", upload_id="a" * 32, filename="<b>.x", media_type=media_type, size_bytes=2048, sha256="b" * 64)
    facts = facts_for(city.services, COMMANDER, PAGE)
    figure = json.dumps(_upload(body, facts, []).to_plotly_json(), default=lambda part: part.to_plotly_json())
    assert "a" * 32 in figure
    apart = _upload(msgspec.structs.replace(body, mismatched=True), facts, [])
    assert [type(part).__name__ for part in parts_of(apart)] == ["Figure", "A", "Figcaption", "P"], "a link and a word, no picture"
    assert f"announced as ({media_type})" in words_in(apart)


@pytest.mark.parametrize(
    ("east_m", "says", "is_notice"),
    [
        (120.0, "taken 2026-05-01 16:00:00 · 120 m from the incident's point", False),
        (499.0, "taken 2026-05-01 16:00:00 · 500 m from the incident's point", False),
        (502.0, "taken 2026-05-01 16:00:00 · 500 m from the incident's point", True),
        (2_300.0, "taken 2026-05-01 16:00:00 · 2.3 km from the incident's point", True),
    ],
)
def test_a_photo_taken_far_from_its_incident_says_so(city: ApiCity, east_m: float, says: str, is_notice: bool) -> None:
    lon, lat = degrees(500, 500)
    there = degrees(500 + east_m, 500)
    kept = Manifest("a" * 32, "i", "x.jpg", "image/jpeg", 9, "car", "officer", COUNTY, "u1", NOW, photo_lon=there[0], photo_lat=there[1])
    kept = msgspec.structs.replace(kept, photo_at=NOW)
    facts = facts_for(city.services, COMMANDER, PAGE)
    (line,) = beside_photo(kept, an_incident("i", COUNTY, lon=lon, lat=lat), facts)
    assert words_in(line) == f"Its camera says:  {says}"
    assert ("notice" in line.className) is is_notice


def test_a_photo_says_its_place_while_the_incident_has_none_and_nothing_where_its_camera_wrote_nothing(city: ApiCity) -> None:
    facts = facts_for(city.services, COMMANDER, PAGE)
    kept = Manifest("a" * 32, "i", "x.jpg", "image/jpeg", 9, "car", "officer", COUNTY, "u1", NOW)
    assert beside_photo(kept, an_incident("i", COUNTY), facts) == []
    (line,) = beside_photo(msgspec.structs.replace(kept, photo_lon=121.5, photo_lat=29.8), an_incident("i", COUNTY), facts)
    assert words_in(line) == "Its camera says:  121.50000, 29.80000"


def test_a_clip_says_its_camera_its_times_whose_clock_and_what_is_missing(city: ApiCity) -> None:
    facts = facts_for(city.services, COMMANDER, PAGE)
    times = {"moment_at": NOW, "from_at": NOW - timedelta(seconds=60), "to_at": NOW + timedelta(seconds=30), "cut_at": NOW}
    clip = ClipFacts(
        "gate", "西门", start_at=NOW - timedelta(seconds=61), end_at=NOW + timedelta(seconds=30), time_source="camera", gaps_s=(), **times
    )
    kept = Manifest("a" * 32, "i", "x.mp4", "video/mp4", 9, "li", "operator", COUNTY, None, NOW, sha256="b" * 64, clip=clip)
    first, marked = (words_in(line) for line in beside_clip(kept, facts))
    start, end = facts.clock(clip.start_at), facts.clock(clip.end_at)
    assert first == f"西门 · {start}–{end} · 1:31 · time of the camera"
    assert marked == f"{facts.clock(NOW)} marked by li"
    torn = msgspec.structs.replace(kept, clip=msgspec.structs.replace(clip, time_source="arrival", gaps_s=(4.0, 8.0)))
    lines = [words_in(line) for line in beside_clip(torn, facts)]
    assert lines[0].endswith("time of arrival")
    assert "Not whole: 12 s without a picture." in lines
    short = msgspec.structs.replace(clip, start_at=NOW - timedelta(seconds=15), end_at=NOW + timedelta(seconds=13))
    lines = [words_in(line) for line in beside_clip(msgspec.structs.replace(kept, clip=short), facts)]
    assert lines[2:4] == [
        "Not whole: it begins 45 s later than was asked for.",
        "Not whole: it ends 17 s earlier than was asked for.",
    ]
    assert beside_clip(msgspec.structs.replace(kept, clip=None), facts) == []


def test_files_are_offered_to_nobody_who_may_not_open_them(city: ApiCity) -> None:
    body = UploadAdded(incident_id="i", upload_id="a" * 32, filename="door.jpg", media_type="image/jpeg", size_bytes=2048, sha256="b" * 64)
    shown = {}
    for actor in (COMMANDER, VIEWER):
        found = uploads([SimpleNamespace(body=body)], facts_for(city.services, actor, PAGE), {})  # type: ignore[list-item]
        shown[actor.role] = json.dumps(found.to_plotly_json(), default=lambda part: part.to_plotly_json())
    assert ["door.jpg" in text for text in shown.values()] == [True, False]
    assert ["a" * 32 in text for text in shown.values()] == [True, False]
    assert all('"1"' in text for text in shown.values())


def test_who_watches_and_when_is_laid_over_a_video(city: ApiCity) -> None:
    film = UploadAdded(incident_id="i", upload_id="a" * 32, filename="a.mp4", media_type="video/mp4", size_bytes=9, sha256="b" * 64)
    facts = facts_for(city.services, COMMANDER, PAGE)
    over = f"{COMMANDER.name} · {facts.date(facts.now)} {facts.clock(facts.now)}"
    assert over in words_in(_upload(film, facts, []))
    shown = {}
    for actor in (COMMANDER, Actor("li", "operator", COUNTY)):
        told = _upload(film, facts_for(city.services, actor, PAGE), [])
        shown[actor.role] = json.dumps(told.to_plotly_json(), default=lambda part: part.to_plotly_json())
    assert ["/copy" in text for text in shown.values()] == [True, True]
    assert ["/original" in text for text in shown.values()] == [True, False], "the file itself is for who may export"
    then = words_in(_upload(film, replace(facts, is_past=True), []))
    assert COMMANDER.name in then
    assert over not in then


def example(kind: type[Any]) -> Any:
    """An event of this kind with something in every field that it needs."""
    somethings = {str: "x", int: 1, float: 1.0, Grade: Grade.MAJOR, Stage: Stage.CANCELLED, Step: Step.ARRIVE, datetime: NOW}
    somethings |= {AssignmentStage: AssignmentStage.ON_SCENE, datetime | None: NOW, FindingKind: FindingKind.GOOD}
    hints = get_type_hints(kind)
    return kind(**{field.name: somethings[hints[field.name]] for field in msgspec.structs.fields(kind) if field.required})


@pytest.mark.parametrize("kind", [kind for kind in get_args(events.AnyEvent) if issubclass(kind, events.IncidentEvent)])
def test_every_event_of_an_incident_is_told_in_both_languages(city: ApiCity, kind: type[Any]) -> None:
    body, crews = example(kind), {"x": "120"}
    english = said(body, crews, facts_for(city.services, COMMANDER, PAGE))
    assert english != str(kind.__struct_config__.tag).replace("_", " ")
    if getattr(body, "assignment_id", "") and not hasattr(body, "unit_id"):
        assert "Ambulance 120" in english
    chinese = said(body, crews, facts_for(city.services, COMMANDER, PAGE | {"lang": "zh"}))
    assert re.search("[\u4e00-\u9fff]", chinese), chinese


def test_missed_deadlines_say_who_was_told(city: ApiCity) -> None:
    facts = facts_for(city.services, COMMANDER, PAGE)
    missed = events.DeadlineMissed(incident_id="i", step=Step.ARRIVE, round=0, level=1, org_code=COUNTY, due_at=NOW, assignment_id="a")
    assert said(missed, {"a": "120"}, facts) == "Arrive overdue (Ambulance 120): alarm at Haishu"
    quiet = msgspec.structs.replace(missed, quiet=True)
    assert said(quiet, {"a": "120"}, facts) == "Arrive overdue (Ambulance 120): on the supervision list"


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_panel_asks_the_register_and_falls_back_to_what_the_map_showed(city: ApiCity, language: str) -> None:
    chosen = {
        "kind": "element",
        "element": "street_camera",
        "id": "street_camera/cam-1",
        "lon": 121.5,
        "lat": 29.9,
        "properties": {"kind": "x"},
    }
    above, _, _ = await panel_of(city.services, COMMANDER, chosen, PAGE | {"lang": language})
    assert ("未登记取流地址" if language == "zh" else "no address is registered") in words_in(above)
    above, _, _ = await panel_of(city.services, COMMANDER, chosen | {"id": "street_camera/gone"}, PAGE | {"lang": language})
    assert "kind" in words_in(above)


@pytest.mark.parametrize(("role", "is_offered"), [("operator", True), ("reviewer", False), ("call_taker", False)])
def test_nothing_is_sent_to_a_wall_by_who_may_not(city: ApiCity, role: str, is_offered: bool) -> None:
    shown = parts_of(shell(city.services, replace(page(), role=role)))
    buttons = {ids.PUSH_WALL, ids.VIDEO_TO_WALL, ids.VIDEO_FOLLOW}
    offered = {part.id for part in shown if getattr(part, "id", None) in buttons and not getattr(part, "hidden", False)}
    assert offered == (buttons if is_offered else set())
