"""The checks after a kill see what they are there to see."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bench.loop_checks import Acknowledged, Down, check_events
from bench.loop_kills import Kills
from dispatch import commands as c
from dispatch.deadlines import load_targets
from dispatch.organisations import Organisation, OrganisationTree
from tests.dispatch.driver import CITY, COUNTY, STATION, Node, Watch, crew

ROWS = ((CITY, "city", None), (COUNTY, "county", CITY), (STATION, "station", COUNTY))
TREE = OrganisationTree([Organisation(code, code, code, level, parent, 121.5, 29.8) for code, level, parent in ROWS])
TARGETS = load_targets()


class Evening:
    """One incident whose crew acknowledges after 100 s, when two levels have been told."""

    def __init__(self) -> None:
        self.node = Node()
        self.incident_id = self.node.pushed("u1")
        Watch(self.node, TARGETS).pass_time(100)
        self.acknowledge = self.node.give(c.Acknowledge(incident_id=self.incident_id), crew("u1"))[-1]
        self.answer = Acknowledged("acknowledge", self.incident_id, self.acknowledge.incident_version or 0, self.acknowledge.revision)

    def found(self, *down: Down, without: tuple[int, ...] = (), answers: tuple[Acknowledged, ...] = ()) -> Kills:
        found = Kills()
        events = [event for event in self.node.journal if event.revision not in without]
        check_events(events, answers or (self.answer,), TARGETS, TREE, down, found)
        return found

    @property
    def misses(self) -> list[int]:
        return [event.revision for event in self.node.journal if type(event.body).__name__ == "DeadlineMissed"]


@pytest.fixture
def evening() -> Evening:
    return Evening()


def test_a_sound_journal_has_no_faults(evening: Evening) -> None:
    found = evening.found()
    assert found.faults == []
    assert found.deadlines_told == len(evening.misses) == 2
    assert found.deadlines_told_after_s == [0.0, 0.0]


def test_an_acknowledged_command_without_its_event_is_lost(evening: Evening) -> None:
    assert "acknowledge" in evening.found(without=(evening.acknowledge.revision,)).lost[0]


def test_an_event_that_came_after_its_answer_is_lost(evening: Evening) -> None:
    early = evening.answer._replace(revision=evening.acknowledge.revision - 1)
    assert "before its event" in evening.found(answers=(early,)).lost[0]


def test_a_step_or_call_that_is_there_twice_is_doubled(evening: Evening) -> None:
    evening.node.journal.append(msgspec.structs.replace(evening.acknowledge, revision=99))
    assert "recorded 2 times" in evening.found().doubled[0]
    evening.node.incident()
    assert "was received 2 times" in evening.found().doubled[-1]


def test_a_deadline_told_twice_or_at_another_instant_is_wrong(evening: Evening) -> None:
    first = next(event for event in evening.node.journal if event.revision == evening.misses[0])
    evening.node.journal.append(msgspec.structs.replace(first, revision=99))
    assert "told 2 times" in evening.found().deadlines_wrong[-1]
    late = msgspec.structs.replace(first.body, due_at=first.body.due_at + timedelta(seconds=1))  # type: ignore[union-attr]
    evening.node.journal = [msgspec.structs.replace(e, body=late) if e is first else e for e in evening.node.journal]
    assert f"revision {first.revision} tells" in evening.found().deadlines_wrong[0]


def test_a_deadline_that_nobody_told_is_forgotten_unless_nothing_ran(evening: Evening) -> None:
    untold = tuple(evening.misses)
    assert "level=0" in evening.found(without=untold).deadlines_forgotten[0]
    now = evening.acknowledge.recorded_at
    down = Down(now - timedelta(seconds=90), now - timedelta(seconds=1))
    assert evening.found(down, without=untold).deadlines_forgotten == []
