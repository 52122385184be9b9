"""What a crew's position says about its arrival: how far, since when, and when it has nothing to say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.arrivals import APART_S, THERE_M, Disagreement, disagreement
from dispatch.commands import Arrive, Recall
from dispatch.model import ArrivalFix, FixState, Incident, UnitKind, UnitStatus
from operations.tracking.positions import SUSPICIOUS, TRACKERS_DISAGREE, PositionTable
from operations.tracking.trails import KEPT, SOUND_FOR_S, SPACING_S, Fix, Trails, arrival_fix
from tests.dispatch.driver import START, Node

T0 = START.timestamp()
LON, LAT = 121.55, 29.87
METRE = 1 / 111_195.0  # degrees of latitude


def incident(**fields: object) -> Incident:
    node = Node()
    incident_id = node.incident(lon=LON, lat=LAT, **fields)
    return node.picture.incidents[incident_id]


def at(seconds: float, metres: float, is_sound: bool = True) -> Fix:
    """So many seconds after the start, so far north of the incident."""
    return Fix(T0 + seconds, LON, LAT + metres * METRE, is_sound)


def drive(*places: tuple[float, float]) -> list[Fix]:
    return [at(*place) for place in places]


COMING = drive((0, 2000), (10, 1500), (20, 1000), (30, 500), (40, 100), (50, 20), (60, 20))


def flagged(trail: list[Fix], pressed_s: float, **fields: object) -> Disagreement | None:
    return disagreement(START + timedelta(seconds=pressed_s), arrival_fix(trail, incident(**fields), T0 + pressed_s))


def test_a_button_pressed_at_the_door_agrees() -> None:
    fix = arrival_fix(COMING, incident(), T0 + 60)
    assert (fix.state, fix.distance_m) == (FixState.SOUND, pytest.approx(20, abs=0.2))
    assert fix.position_at == START + timedelta(seconds=60)
    assert fix.position_arrived_at == START + timedelta(seconds=50), "as near as now, give or take the way to the door"
    assert flagged(COMING, 60) is None


def test_one_pressed_on_the_way_is_flagged_by_its_distance() -> None:
    found = flagged(COMING[:4], 31)
    assert found is not None
    assert found.distance_m == pytest.approx(500, abs=1)
    assert found.apart_s is None


def test_one_entered_for_an_earlier_instant_is_held_against_the_trail_of_then() -> None:
    found = flagged([*COMING, at(100, 20)], 0)
    assert found is not None
    assert found.distance_m == pytest.approx(2000, abs=1)
    assert found.apart_s is None, "40 s are within the minute"
    found = flagged([at(-60, 3000), *COMING], -40)
    assert found is not None
    assert found.apart_s == pytest.approx(-80)


def test_one_pressed_long_after_is_flagged_by_its_time() -> None:
    waiting = [at(60 + 10 * k, 20) for k in range(1, 31)]
    found = flagged(COMING + waiting, 360)
    assert found == Disagreement(apart_s=310.0)


def test_who_walks_in_from_the_edge_of_the_circle_is_not_late() -> None:
    assert flagged([at(4 * k, 400 - 1.4 * 4 * k) for k in range(70)], 276) is None


def test_a_jump_of_the_receiver_ends_no_stay() -> None:
    trail = [*COMING, at(70, 95), at(80, 20), at(90, 118), at(100, 20)]
    assert arrival_fix(trail, incident(), T0 + 100).position_arrived_at == START + timedelta(seconds=50)


def test_who_was_there_already_when_first_looked_at_is_never_late() -> None:
    fix = arrival_fix([at(10 * k, 5) for k in range(60)], incident(), T0 + 590)
    assert (fix.state, fix.position_arrived_at) == (FixState.SOUND, None)


@pytest.mark.parametrize(
    ("trail", "state"),
    [
        ([], FixState.NONE),
        (drive((100, 900)), FixState.NONE),  # measured later only
        (drive((0, 900)), FixState.OLD),
        ([at(60, 900, is_sound=False)], FixState.DOUBTFUL),
    ],
)
def test_a_position_that_can_say_nothing_is_named_and_never_flags(trail: list[Fix], state: FixState) -> None:
    pressed = 61 if state is FixState.OLD else 60
    fix = arrival_fix(trail, incident(), T0 + pressed)
    assert (fix.state, fix.distance_m) == (state, None)
    assert flagged(trail, pressed) is None


def test_an_incident_without_a_point_or_with_a_vague_one() -> None:
    nowhere = msgspec.structs.replace(incident(), lon=None, lat=None)
    assert arrival_fix(COMING, nowhere, T0 + 60) == ArrivalFix(FixState.NO_POINT)
    assert flagged(drive((0, 450)), 1, accuracy_m=500.0) is None
    assert flagged(drive((0, 450)), 1, accuracy_m=20.0) is not None


steps = st.lists(st.tuples(st.floats(0.5, 120), st.floats(0, 3000), st.booleans()), max_size=40)


@given(steps, st.floats(-100, 3000), st.sampled_from([None, 50.0, 600.0]))
def test_whatever_the_trail_only_a_sound_fresh_fix_flags(
    moves: list[tuple[float, float, bool]], pressed_s: float, accuracy_m: float | None
) -> None:
    seconds, trail = 0.0, []
    for wait, metres, is_sound in moves:
        seconds += wait
        trail.append(at(seconds, metres, is_sound))
    one = incident(accuracy_m=accuracy_m)
    fix = arrival_fix(trail, one, T0 + pressed_s)
    found = disagreement(START + timedelta(seconds=pressed_s), fix)
    known = [f for f in trail if f.at <= T0 + pressed_s + 5]
    is_usable = bool(known) and T0 + pressed_s - known[-1].at <= SOUND_FOR_S and known[-1].is_sound
    assert (fix.state == FixState.SOUND) == is_usable
    if found is not None:
        assert is_usable
        within = max(THERE_M, accuracy_m or 0)
        away = known[-1].metres_to(LON, LAT)
        assert (found.distance_m is not None) == (round(away, 1) > within)
        assert found.apart_s is None or abs(found.apart_s) > APART_S
        assert found.apart_s is None or found.apart_s < 0 or away <= within


class Table(PositionTable):
    """Positions set by hand."""

    def put(self, unit_id: str, seconds: float, metres: float, flags: int = 0) -> None:
        index = np.array([self.ensure(unit_id, UnitKind.PATROL_CAR, UnitStatus.AVAILABLE)])
        nothing = np.full(1, np.nan)
        here = np.array([LON]), np.array([LAT + metres * METRE])
        self.write(index, *here, np.array([T0 + seconds]), T0 + seconds, nothing, nothing, np.array([0]))
        self.flags[index] |= flags


def test_trails_are_kept_of_crews_on_incidents_only_and_stay_small() -> None:
    node, table = Node(), Table()
    trails = Trails(lambda: node.picture, table)
    incident_id = node.pushed("A")
    node.unit("B")
    for second in range(int(KEPT * SPACING_S * 1.5)):
        table.put("A", second, 500)
        table.put("B", second, 500)
        trails.look()
    trail = trails.of("A")
    assert len(trail) == KEPT
    assert trail[-1].at == T0 + int(KEPT * SPACING_S * 1.5) - 1, "the newest fix is always there"
    assert all(later.at - fix.at >= SPACING_S for fix, later in zip(trail, list(trail)[1:-1], strict=False))
    node.give(Recall(incident_id=incident_id))
    trails.look()
    assert len(trails.of("A")) == 1, "what was before is forgotten; only the present fix is known"


@pytest.mark.parametrize("flag", [SUSPICIOUS, TRACKERS_DISAGREE])
def test_what_the_checks_doubt_is_in_doubt_here(flag: int) -> None:
    node, table = Node(), Table()
    trails = Trails(lambda: node.picture, table)
    incident_id = node.pushed("A")
    table.put("A", 0, 900, flag)
    assert trails.arrival("A", node.picture.incidents[incident_id], START).state == FixState.DOUBTFUL
    table.put("A", 1, 900)
    assert trails.arrival("A", node.picture.incidents[incident_id], START).state == FixState.SOUND
    assert trails.arrival("Z", node.picture.incidents[incident_id], START).state == FixState.NONE


def test_the_word_of_the_position_is_on_record_with_the_button() -> None:
    node = Node()
    incident_id = node.pushed("A")
    said = ArrivalFix(FixState.SOUND, 640.0, datetime(2026, 5, 1, 8, tzinfo=UTC), None, THERE_M)
    (recorded,) = node.give(Arrive(incident_id=incident_id, unit_ids=("A",), positions={"A": said}))
    assert recorded.body.position == said  # type: ignore[union-attr]
    assignment = node.picture.incidents[incident_id].assignments[0]
    assert assignment.arrived_at == recorded.occurred_at, "the button stands as it was pressed"
    assert disagreement(assignment.arrived_at, assignment.arrival) == Disagreement(distance_m=640.0)
