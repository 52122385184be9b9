"""What positions suggest about stages: once it has held for a while, from sound fresh fixes only, until it is overtaken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import commands as c
from dispatch.clock import ManualClock
from dispatch.model import Incident
from operations.tracking.positions import SUSPICIOUS
from operations.tracking.stage_signs import STANDS_FOR_S, Suggestion, suggestion
from operations.tracking.stage_watch import StageWatch
from operations.tracking.trails import SOUND_FOR_S, Fix, Trails
from tests.dispatch.driver import START, Node, crew
from tests.operations.test_trails import LAT, LON, T0, Table, at


def at_stage(stage: str, **fields: object) -> Incident:
    """An incident with crew A at this stage, reached at the start."""
    node = Node()
    node.unit("A")
    incident_id = node.incident(lon=LON, lat=LAT, **fields)
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    reached = ("acknowledged", "en_route", "on_scene", "feedback")
    makers = (c.Acknowledge, c.Depart, c.Arrive, c.Feedback)
    for name, make in zip(reached, makers, strict=True):
        if stage == "pushed":
            break
        node.give(make(incident_id=incident_id, **({"text": "done"} if make is c.Feedback else {})), crew("A"))
        if name == stage:
            break
    return node.picture.incidents[incident_id]


def seen(stage: str, trail: Sequence[Fix], now_s: float, home: bool = True, **fields: object) -> Suggestion | None:
    incident = at_stage(stage, **fields)
    return suggestion(trail, incident, incident.assignments[0], T0 + now_s, lambda lon, lat: home)


def every(step_s: float, *metres: float, start_s: float = 0.0) -> list[Fix]:
    return [at(start_s + step_s * k, m) for k, m in enumerate(metres)]


STANDING = every(5, 900, 500, 150, 60, 40, 40, 40, 40)
LEAVING = every(5, 2000, 1990, 1900, 1800, 1700, 1600, 1500)
HOME = every(20, 10, 200, 600, 900, 1200, 1500, 1500)


def test_who_stands_at_the_place_seems_to_have_arrived_since_it_stands() -> None:
    found = seen("en_route", STANDING, 35)
    assert found is not None
    assert (found.command, found.source) == ("arrive", "position")
    assert found.since_at == START + timedelta(seconds=15), "60 m from the point, as near as it stands now"
    assert found.distance_m == pytest.approx(40, abs=0.5)
    assert seen("acknowledged", STANDING, 35) == found, "also of a crew that never said it had set out"


def test_who_only_passes_by_or_waits_at_a_light_far_off_has_not() -> None:
    assert seen("en_route", every(5, 400, 250, 120, 20, 120), 20) is None
    assert seen("en_route", every(5, *[260.0] * 8), 35) is None


def test_who_moves_away_from_where_it_acknowledged_seems_to_have_set_out() -> None:
    found = seen("acknowledged", LEAVING, 30)
    assert found is not None
    assert (found.command, found.since_at) == ("depart", START + timedelta(seconds=15))
    assert seen("acknowledged", LEAVING[:5], 20) is None, "not for long enough yet"
    assert seen("acknowledged", every(5, 2000, 1960, 2040, 1950, 2000, 1970, 2010), 30) is None, "jitter is no way"
    assert seen("pushed", LEAVING, 30) is None, "nobody has acknowledged"


def test_who_is_away_in_its_own_area_after_its_feedback_seems_to_be_back() -> None:
    found = seen("feedback", HOME, 120)
    assert found is not None
    assert (found.command, found.since_at) == ("clear", START + timedelta(seconds=40))
    assert seen("feedback", HOME, 120, home=False) is None
    assert seen("on_scene", HOME, 120) is None, "its feedback is still to come"


@pytest.mark.parametrize("stage", ["pushed", "on_scene"])
def test_stages_at_which_nothing_is_suggested(stage: str) -> None:
    assert all(seen(stage, trail, 120) is None for trail in (STANDING, LEAVING, HOME))


def test_a_point_known_only_roughly_or_not_at_all_suggests_no_arrival() -> None:
    assert seen("en_route", STANDING, 35, accuracy_m=800.0) is None
    incident = msgspec.structs.replace(at_stage("en_route"), lon=None, lat=None)
    assert suggestion(STANDING, incident, incident.assignments[0], T0 + 35, lambda lon, lat: True) is None


def test_a_trail_that_has_gone_silent_or_is_doubted_suggests_nothing() -> None:
    assert seen("en_route", STANDING, 35 + SOUND_FOR_S + 1) is None
    assert seen("en_route", [*STANDING, at(40, 40, is_sound=False)], 40) is None
    assert seen("en_route", [], 10) is None


moves = st.lists(st.tuples(st.floats(0.5, 90), st.floats(0, 1200), st.booleans()), max_size=30)


@given(st.sampled_from(["pushed", "acknowledged", "en_route", "on_scene", "feedback"]), moves, st.floats(0, 200))
def test_whatever_the_trail_a_suggestion_rests_on_a_sound_fresh_fix(
    stage: str, steps: list[tuple[float, float, bool]], later: float
) -> None:
    seconds, trail = 0.0, []
    for wait, metres, is_sound in steps:
        seconds += wait
        trail.append(at(seconds, metres, is_sound))
    found = seen(stage, trail, seconds + later)
    if found is None:
        return
    newest = trail[-1]
    assert newest.is_sound
    assert T0 + seconds + later - newest.at <= SOUND_FOR_S
    assert found.command in {"acknowledged": ("arrive", "depart"), "en_route": ("arrive",), "feedback": ("clear",)}[stage]
    assert START <= found.since_at <= found.position_at
    if found.command == "arrive":
        assert newest.metres_to(LON, LAT) <= 200
        assert newest.at - found.since_at.timestamp() >= STANDS_FOR_S - 1e-3


class Desk:
    """A node, a table of positions and the watch between them."""

    def __init__(self) -> None:
        self.node, self.table, self.clock = Node(), Table(), ManualClock(START)
        self.trails = Trails(lambda: self.node.picture, self.table)
        self.watch = StageWatch(self.trails, lambda: self.node.picture, self.clock, lambda unit, lon, lat: unit.unit_id == "A")
        self.told: list[frozenset[str]] = []
        self.watch.listen(self.told.append)
        self.incident_id = self.node.pushed("A")
        self.give(c.Acknowledge)

    def give(self, make: type) -> None:
        self.node.give(make(incident_id=self.incident_id), crew("A"))

    def stand(self, start_s: int, end_s: int, metres: float = 30.0, flags: int = 0) -> None:
        """A fix and a look every second."""
        for second in range(start_s, end_s):
            self.clock.set(START + timedelta(seconds=second))
            self.table.put("A", second, metres, flags)
            self.watch.tick()

    @property
    def suggested(self) -> list[str]:
        return [one.command for one in self.watch.of(self.node.picture.incidents[self.incident_id])]


def test_it_is_told_once_when_it_comes_and_once_when_it_goes() -> None:
    desk = Desk()
    desk.stand(0, 60)
    assert desk.suggested == ["arrive"]
    assert desk.told == [frozenset({desk.incident_id})]
    (one,) = desk.watch.of(desk.node.picture.incidents[desk.incident_id])
    assert one.since_at == START
    desk.stand(60, 63, metres=260)
    assert desk.suggested == []
    assert len(desk.told) == 2


def test_it_vanishes_at_once_when_the_stage_was_entered() -> None:
    desk = Desk()
    desk.stand(0, 20)
    assert desk.suggested == ["arrive"]
    desk.give(c.Arrive)
    assert desk.suggested == [], "not only with the next look"
    desk.stand(20, 40)
    assert desk.suggested == []


def test_it_vanishes_when_the_tracker_falls_silent_or_is_doubted() -> None:
    desk = Desk()
    desk.stand(0, 20)
    desk.clock.advance(SOUND_FOR_S + 1)
    desk.watch.tick()
    assert desk.suggested == []
    desk = Desk()
    desk.stand(0, 20)
    desk.stand(20, 24, flags=SUSPICIOUS)
    assert desk.suggested == []


def test_nothing_is_ever_written() -> None:
    desk = Desk()
    before = len(desk.node.journal)
    desk.stand(0, 60)
    assert len(desk.node.journal) == before
