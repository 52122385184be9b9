"""An arrival whose button and position disagree is shown with both, in words, at the desk and over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dashboard.callbacks.context import facts_for
from dashboard.i18n import words_in as words
from dashboard.layouts.incident import assignments
from dashboard.layouts.timeline import timeline
from dispatch.events import Arrived
from tests.dashboard.api_world import ApiCity
from tests.dashboard.pages_world import COMMANDER, PAGE, parts_of, words_in

MIDDLE_M = (500, 500)  # where the incidents of `ApiCity` are


def arrived(city: ApiCity, unit_id: str, at_m: tuple[float, float] | None) -> dict[str, Any]:
    """A crew at that place whose arrival is entered at the desk; the incident over HTTP."""
    city.unit(unit_id, at_m=at_m)
    incident_id = city.incident()["incident_id"]
    assert city.command(incident_id, "push", unit_ids=[unit_id]).status_code == 200
    assert city.command(incident_id, "arrive", unit_ids=[unit_id], on_behalf_of=unit_id, channel="radio").status_code == 200
    found: dict[str, Any] = city.get(f"/incidents/{incident_id}").json()
    return found


def position_said(city: ApiCity, incident_id: str, language: str = "en") -> tuple[list[str], list[str]]:
    """What the timeline and the crew's row say of the position."""
    facts = facts_for(city.services, COMMANDER, PAGE | {"lang": language})
    recorded = city.run(city.services.history.timeline(incident_id))
    incident = city.services.handler.picture.incidents[incident_id]
    parts = parts_of(timeline(recorded, facts)), parts_of(assignments(incident, facts))
    said = [[words_in(p) for p in some if "position-says" in getattr(p, "className", "").split()] for some in parts]
    return said[0], said[1]


def test_one_far_from_the_point_is_flagged_everywhere(city: ApiCity) -> None:
    incident = arrived(city, "far", (500, 1150))
    assignment = incident["assignments"][0]
    assert assignment["arrival"]["state"] == "sound"
    assert assignment["arrival"]["distance_m"] == pytest.approx(650, abs=20)
    assert [one["distance_m"] for one in incident["disagreements"]] == [assignment["arrival"]["distance_m"]]
    (event,) = [e for e in city.get(f"/incidents/{incident['incident_id']}/timeline").json()["events"] if e["event"] == "arrived"]
    assert event["position"]["distance_m"] == event["disagreement"]["distance_m"] == assignment["arrival"]["distance_m"]
    assert event["occurred_at"] == assignment["arrived_at"], "the button stands as it was pressed"
    flag = words_in_distance("button and position disagree: the position was {} away", assignment["arrival"]["distance_m"])
    assert position_said(city, incident["incident_id"]) == ([flag], [flag])
    assert position_said(city, incident["incident_id"], "zh")[0][0].startswith("按键与定位不符：当时定位距现场 ")


def words_in_distance(text: str, metres: float) -> str:
    return text.format(words("en").distance(metres))


def test_one_at_the_point_is_not(city: ApiCity) -> None:
    incident = arrived(city, "near", MIDDLE_M)
    assert incident["disagreements"] == []
    in_timeline, in_row = position_said(city, incident["incident_id"])
    assert in_timeline == ["position: 0 m from the point"]
    assert in_row == []


def test_one_without_a_position_says_so_and_is_never_flagged(city: ApiCity) -> None:
    incident = arrived(city, "mute", None)
    assert incident["assignments"][0]["arrival"]["state"] == "none"
    assert incident["disagreements"] == []
    assert position_said(city, incident["incident_id"]) == (["no position"], [])


def test_a_position_that_is_too_old_says_how_old(city: ApiCity) -> None:
    city.unit("late", at_m=(500, 1150))
    incident_id = city.incident()["incident_id"]
    city.command(incident_id, "push", unit_ids=["late"])
    city.clock.advance(150)
    city.command(incident_id, "arrive", unit_ids=["late"], on_behalf_of="late", channel="radio")
    assert position_said(city, incident_id) == (["no fresh position: the last was 2:30 old"], [])


def test_what_was_recorded_before_positions_were_asked_says_nothing(city: ApiCity) -> None:
    incident = arrived(city, "old", MIDDLE_M)
    recorded = city.run(city.services.history.timeline(incident["incident_id"]))
    facts = facts_for(city.services, COMMANDER, PAGE)
    before = [
        msgspec.structs.replace(one, body=msgspec.structs.replace(one.body, position=None)) if isinstance(one.body, Arrived) else one
        for one in recorded
    ]
    assert "position" in words_in(timeline(recorded, facts))
    assert "position" not in words_in(timeline(before, facts))


def test_a_feedback_says_how_much_of_its_check_list_was_done_and_what_was_not(city: ApiCity) -> None:
    incident_id = arrived(city, "ticks", MIDDLE_M)["incident_id"]
    done = {"recorder_on": True, "injuries_seen": False, "evidence_kept": "yes", "<b>old</b>": False}
    forms: list[dict[str, Any]] = [{"checks": done}, {"checks": {"recorder_on": True}}, {}, {"checks": ["none"]}]
    for form in forms:
        answer = city.command(incident_id, "feedback", unit_ids=["ticks"], on_behalf_of="ticks", text="done", form=form)
        assert answer.status_code == 200, answer.text
    recorded = city.run(city.services.history.timeline(incident_id))
    shown = {language: facts_for(city.services, COMMANDER, PAGE | {"lang": language}) for language in ("en", "zh")}
    checks = {
        language: [words_in(p) for p in parts_of(timeline(recorded, facts)) if "checks" in getattr(p, "className", "").split()]
        for language, facts in shown.items()
    }
    missing = "Injuries looked at, 120 called where needed (required) Evidence kept, camera footage secured (required) <b>old</b>"
    assert checks["en"] == ["1 of 1 checks", f"1 of 4 checks {missing}"], "newest first"
    assert checks["zh"][1].startswith("处置规范 1/4 项 查看伤情")
