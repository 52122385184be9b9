"""What is due on an incident is said in the panel: undelivered pushes, re-push, alarms, supervision, offers, time left."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from dashboard.callbacks.context import facts_for
from dashboard.layouts.due import UNDELIVERED_AFTER, what_is_due
from dashboard.layouts.facts import Facts
from dashboard.layouts.incident import assignments
from dispatch.model import Actor, Incident, Miss, Step
from tests.dashboard.api_world import COUNTY, EAST, WEST, ApiCity
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, commands_in, parts_of, words_in

A_WHILE = timedelta(seconds=37)  # after a push of grade 2: 30 s to acknowledge are over, the 10 s to the re-push are not


def pushed(city: ApiCity, name: str, **more: Any) -> Incident:
    """An incident with two crews just pushed to it, whose radio groups are known."""
    unit_ids = [f"{name}-1", f"{name}-2"]
    for number, unit_id in enumerate(unit_ids, 1):
        city.unit(unit_id, callsign=f"{name} {number}", radio_group=f"West {number}")
    incident_id = city.incident("commander", **more)["incident_id"]
    assert city.command(incident_id, "push", "commander", unit_ids=unit_ids).status_code == 200
    found: Incident = city.services.handler.picture.incidents[incident_id]
    return found


def late(incident: Incident, number: int, level: int = 0, org_code: str = WEST, quiet: bool = False) -> Miss:
    """The missed acknowledgement of the crew with this number."""
    one = incident.assignments[number]
    due_at = one.pushed_at + timedelta(seconds=60 if quiet else 30)
    return Miss(
        step=Step.ACKNOWLEDGE,
        round=number,
        level=level,
        org_code=org_code,
        due_at=due_at,
        told_at=due_at,
        assignment_id=one.assignment_id,
        quiet=quiet,
    )


def facts_at(city: ApiCity, incident: Incident, after: timedelta, actor: Actor = COMMANDER) -> Facts:
    """The facts as they are so long after the push."""
    return dataclasses.replace(facts_for(city.services, actor, PAGE), now=incident.assignments[0].pushed_at + after)


def named(component: Any, name: str) -> list[Any]:
    """The parts with this class."""
    return [part for part in parts_of(component) if name in getattr(part, "className", "").split()]


def test_a_push_that_has_not_arrived_names_the_radio_group(city: ApiCity) -> None:
    incident = pushed(city, "radio")
    early, after = (what_is_due(incident, facts_at(city, incident, UNDELIVERED_AFTER + timedelta(seconds=s))) for s in (-1, 1))
    crews = [named(due, "to-be-called") for due in (early, after)]
    assert [[crew.hidden for crew in two] for two in crews] == [[True, True], [False, False]]
    assert words_in(crews[1][0]).startswith("radio 1 radio group West 1 for")
    instant = float(getattr(crews[1][0], "data-from"))
    assert instant == (incident.assignments[0].pushed_at + UNDELIVERED_AFTER).timestamp()


@pytest.mark.parametrize("step", ["delivered", "acknowledge"])
def test_a_push_that_has_arrived_or_was_answered_is_no_cause(city: ApiCity, step: str) -> None:
    incident = pushed(city, f"arrived-{step}")
    unit_ids = [a.unit_id for a in incident.assignments]
    assert city.command(incident.incident_id, step, "commander", unit_ids=unit_ids).status_code == 200
    incident = city.services.handler.picture.incidents[incident.incident_id]
    assert "Not delivered" not in words_in(what_is_due(incident, facts_at(city, incident, A_WHILE)))


def test_the_soonest_of_each_step_counts_down_and_each_crew_has_its_own(city: ApiCity) -> None:
    incident = pushed(city, "count")
    facts = facts_at(city, incident, timedelta(seconds=7))
    clocks = named(named(what_is_due(incident, facts), "countdowns"), "due")
    assert [words_in(clock) for clock in clocks] == ["Acknowledge overdue 0:23", "Arrive overdue 4:53"]
    assert [words_in(clock) for clock in named(assignments(incident, facts), "due")] == ["Acknowledge overdue 0:23"] * 2
    over = named(named(what_is_due(incident, facts_at(city, incident, A_WHILE)), "countdowns"), "due")
    assert [clock.className for clock in over] == ["due overdue", "due"]
    assert words_in(over[0]) == "Acknowledge overdue 0:07"


def test_a_running_re_push_can_be_stopped(city: ApiCity) -> None:
    incident = pushed(city, "resend", grade=1)
    missed = msgspec.structs.replace(incident, misses=(late(incident, 0), late(incident, 1)))
    due = what_is_due(missed, facts_at(city, incident, A_WHILE))
    first, second = named(due, "repush")
    assert words_in(first).startswith("No answer from resend 1")
    assert "0:03" in words_in(first)
    presses = [json.loads(getattr(button, "data-press")) for button in parts_of(due, "Button") if "Stop it" in words_in(button)]
    assert [(one["command"], one["assignment"]) for one in presses] == [("stop_repush", a.assignment_id) for a in incident.assignments]
    assert [button.className for button in parts_of([first, second], "Button")] == ["stop-repush", ""]
    stopped = msgspec.structs.replace(missed, repush_stopped=tuple(a.assignment_id for a in incident.assignments))
    assert "No answer" not in words_in(what_is_due(stopped, facts_at(city, incident, A_WHILE)))


def test_alarms_of_an_incident_are_one_line(city: ApiCity) -> None:
    incident = pushed(city, "alarm")
    misses = (late(incident, 0), late(incident, 1), late(incident, 0, 1, COUNTY))
    missed = msgspec.structs.replace(incident, misses=misses)
    due = what_is_due(missed, facts_at(city, incident, A_WHILE))
    assert words_in(named(due, "alarm")).startswith("Alarm Acknowledge overdue (alarm 1, alarm 2) told up to Haishu")
    assert commands_in(named(due, "alarm")) == [("take_alarm", "")]
    taken = msgspec.structs.replace(missed, alarm_taken=3)
    assert "Alarm" not in words_in(what_is_due(taken, facts_at(city, incident, A_WHILE)))
    assert commands_in(what_is_due(missed, facts_at(city, incident, A_WHILE, VIEWER))) == []


def test_a_quiet_miss_is_under_supervision_and_no_alarm(city: ApiCity) -> None:
    incident = pushed(city, "quiet", grade=3)
    missed = msgspec.structs.replace(incident, misses=(late(incident, 0, quiet=True),))
    said = words_in(what_is_due(missed, facts_at(city, incident, timedelta(seconds=70))))
    assert "Supervision Acknowledge overdue (quiet 1)" in said
    assert "Alarm" not in said


def test_an_offer_is_answered_where_it_was_made_to(city: ApiCity) -> None:
    incident_id = city.incident("commander")["incident_id"]
    assert city.command(incident_id, "offer_handover", "commander", to_org_code=EAST).status_code == 200
    incident = city.services.handler.picture.incidents[incident_id]
    east = what_is_due(incident, facts_for(city.services, Actor("east", "commander", EAST), PAGE))
    assert commands_in(east) == [("accept_handover", ""), ("refuse_handover", "")]
    west = what_is_due(incident, facts_for(city.services, Actor("west", "commander", WEST), PAGE))
    assert words_in(west) == "西门派出所 offers it to 东门派出所 not answered yet"
    assert commands_in(west) == []


def test_nothing_is_said_while_nothing_is_due(city: ApiCity) -> None:
    incident_id = city.incident("commander")["incident_id"]
    incident = city.services.handler.picture.incidents[incident_id]
    assert what_is_due(incident, facts_for(city.services, COMMANDER, PAGE)).children == []
