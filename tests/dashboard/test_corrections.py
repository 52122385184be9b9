"""A desk corrects a stage in a form, sees both words in the timeline, and is told of crews that have fallen silent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from dashboard.callbacks.context import facts_for
from dashboard.callbacks.correct import nearest_instant, reached, send
from dashboard.layouts.due import what_is_due
from dashboard.layouts.incident import assignments
from dashboard.layouts.timeline import timeline
from dispatch.model import Actor, Incident, Step
from tests.cities import degrees
from tests.dashboard.api_world import WEST, ApiCity, problem_of
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, commands_in, parts_of, words_in


def on_scene(city: ApiCity, unit_id: str) -> Incident:
    """A crew that set out and arrived a minute apart, said by radio."""
    city.unit(unit_id, radio_group="West 2")
    incident_id = city.incident()["incident_id"]
    for command in ("push", "acknowledge", "depart", "arrive"):
        extra = {} if command == "push" else {"on_behalf_of": unit_id, "channel": "radio"}
        assert city.command(incident_id, command, unit_ids=[unit_id], **extra).status_code == 200
        city.clock.advance(60)
    return now(city, incident_id)


def now(city: ApiCity, incident_id: str) -> Incident:
    found: Incident = city.services.handler.picture.incidents[incident_id]
    return found


def correct(city: ApiCity, incident: Incident, stage: str, clock: str | None, text: str, actor: Actor = COMMANDER) -> str:
    """What the form says was wrong; empty when it was taken."""
    assignment = incident.assignments[0]
    times = {str(stage): at.isoformat() for stage, at in reached(assignment).items()}
    key = f"{incident.incident_id}:{incident.version}:{stage}:{clock}:{text}"
    pending = {"incident": incident.incident_id, "version": incident.version, "unit": assignment.unit_id, "key": key, "times": times}
    error: str = city.run(send(city.services, actor, pending, stage, clock, text, facts_for(city.services, actor, PAGE)))
    return error


def entries(city: ApiCity, incident_id: str) -> list[tuple[str, bool]]:
    """What the timeline says, newest first, and whether it is struck through."""
    recorded = city.run(city.services.history.timeline(incident_id))
    rows = parts_of(timeline(recorded, facts_for(city.services, COMMANDER, PAGE)), "Li")
    return [(words_in(row.children[1]), "superseded" in row.className) for row in rows]


def test_a_corrected_time_stands_beside_the_one_that_was_entered(city: ApiCity) -> None:
    incident = on_scene(city, "fix")
    facts = facts_for(city.services, COMMANDER, PAGE)
    arrived_at = incident.assignments[0].arrived_at
    assert arrived_at is not None
    right = facts.clock(arrived_at - timedelta(seconds=20))
    assert correct(city, incident, "on_scene", right, "") == "CorrectStage needs a text that says why; text is empty."
    assert correct(city, incident, "on_scene", "quarter past", "why") == "Give the time as 08:15 or 08:15:00."
    assert correct(city, incident, "on_scene", right, "entered late") == ""
    assert now(city, incident.incident_id).assignments[0].arrived_at == arrived_at - timedelta(seconds=20)
    said = entries(city, incident.incident_id)
    assert said[0] == (f"FIX: On scene corrected from {facts.clock(arrived_at)} to {right}: entered late", False)
    assert ("FIX arrived", True) in said
    assert [text for text, struck in said if struck] == ["FIX arrived"]


def test_a_stage_taken_back_and_said_again(city: ApiCity) -> None:
    incident = on_scene(city, "back")
    assert correct(city, incident, "on_scene", None, "wrong button") == ""
    city.command(incident.incident_id, "arrive", unit_ids=["back"], on_behalf_of="back", channel="radio")
    said = entries(city, incident.incident_id)
    assert [text for text, struck in said if struck] == ["BACK arrived"]
    assert said[0] == ("BACK arrived", False)
    assert said[1][0].startswith("BACK: On scene taken back, was ")


def test_who_may_correct_has_the_button_and_nobody_else(city: ApiCity) -> None:
    incident = on_scene(city, "may")
    shown = [commands_in(assignments(incident, facts_for(city.services, actor, PAGE))) for actor in (COMMANDER, VIEWER)]
    assert [("correct_stage", "may") in commands for commands in shown] == [True, False]
    fields: dict[str, Any] = {"unit_ids": ["may"], "stage": "on_scene", "text": "not me"}
    for role, as_unit in (("viewer", None), ("officer", "may"), ("call_taker", None)):
        problem_of(city.command(incident.incident_id, "correct_stage", role, as_unit=as_unit, **fields), 403)
    answer = city.command(incident.incident_id, "correct_stage", **fields)
    assert answer.status_code == 200, answer.text
    assert answer.json()["events"][0]["event"] == "stage_corrected"
    problem = problem_of(city.command(incident.incident_id, "correct_stage", **fields | {"stage": "pushed"}), 422)
    assert problem["type"].endswith("stage-not-correctable")


@pytest.mark.parametrize(("clock", "expected"), [("23:59", "2026-04-30T23:59:00+08:00"), ("00：10：05", "2026-05-01T00:10:05+08:00")])
def test_a_time_of_day_is_of_the_day_that_brings_it_nearest(city: ApiCity, clock: str, expected: str) -> None:
    was_at = datetime.fromisoformat("2026-05-01T00:05:00+08:00")
    assert nearest_instant(clock, was_at, facts_for(city.services, COMMANDER, PAGE)) == datetime.fromisoformat(expected)


def test_a_silent_crew_is_named_with_radio_group_and_where_it_was_last(city: ApiCity) -> None:
    incident = on_scene(city, "mute")
    table, (lon, lat) = city.services.positions, degrees(500, 620)
    unknown = np.full(1, np.nan)
    at = city.clock.unix_s()
    table.write(np.array([table.index_of("mute")]), np.array([lon]), np.array([lat]), np.array([at]), at, unknown, unknown)
    due = what_is_due(incident, facts_for(city.services, COMMANDER, PAGE))
    assert "No answer" not in words_in(due)
    assert "Check in" in words_in(due), "the desk sees the countdown"
    city.clock.advance(900)
    city.run(city.services.deadlines.tick())
    incident = now(city, incident.incident_id)
    facts = facts_for(city.services, COMMANDER, PAGE)
    (line,) = [part for part in parts_of(what_is_due(incident, facts)) if "silent" in getattr(part, "className", "").split()]
    assert words_in(line).startswith("No answer from the scene: call by radio MUTE radio group West 2 last position 120 m from the point,")
    assert Step.CHECK_IN in [miss.step for miss in incident.misses]
    assert ("check_in", "mute") in commands_in(assignments(incident, facts))
    city.command(incident.incident_id, "check_in", unit_ids=["mute"], on_behalf_of="mute", channel="radio")
    assert "No answer" not in words_in(what_is_due(now(city, incident.incident_id), facts))
    assert entries(city, incident.incident_id)[0] == ("MUTE says all is well", False)
    shown = city.get(f"/incidents/{incident.incident_id}").json()
    assert [d["ask_at"] is not None for d in shown["deadlines"] if d["step"] == "check_in"] == [True]
    assert json.dumps(shown["assignments"][0]["check_ins"]) == "1"
    assert incident.org_code == WEST
