"""The position table: newest wins, heard is not changed, trackers are compared, growth and bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.model import Unit, UnitKind, UnitStatus
from operations.tracking import positions
from operations.tracking.positions import PositionTable, TooManyUnits

NOW = 1_760_000_000.0


def table_of(*unit_ids: str, **options: int) -> PositionTable:
    table = PositionTable(**options)
    for unit_id in unit_ids:
        table.ensure(unit_id, UnitKind.PATROL_CAR, UnitStatus.AVAILABLE)
    return table


def write(table: PositionTable, *fixes: tuple, received_at: float = NOW, heading_deg: float = 90.0) -> list[bool]:
    """Each fix is (index, lon, lat, position_at) or with a tracker as fifth."""
    columns = [np.array(column, dtype=float) for column in zip(*(fix[:4] for fix in fixes), strict=True)]
    trackers = np.array([fix[4] if len(fix) > 4 else 0 for fix in fixes])
    n = len(fixes)
    heading, speed = np.full(n, heading_deg), np.full(n, 5.0)
    return table.write(columns[0].astype(np.int64), *columns[1:], received_at, heading, speed, trackers).tolist()


def test_nothing_is_known_before_the_first_fix():
    table = table_of("a")
    assert np.isnan(table.lon[0])
    assert np.isnan(table.heading_deg[0])
    assert table.position_at[0] == 0.0
    assert table.index_of("a") == 0
    assert table.index_of("b") is None


def test_newest_position_wins_and_a_late_one_only_freshens():
    table = table_of("a")
    assert write(table, (0, 121.0, 29.0, NOW)) == [True]
    changed = table.changed_seq[0]
    assert write(table, (0, 121.5, 29.5, NOW - 10), received_at=NOW + 2) == [False]
    assert table.lon[0] == 121.0
    assert table.received_at[0] == NOW + 2
    assert table.changed_seq[0] == changed
    assert table.heard_seq[0] == table.seq


def test_a_repeat_is_heard_and_changes_nothing():
    table = table_of("a")
    write(table, (0, 121.0, 29.0, NOW))
    changed = table.changed_seq[0]
    assert write(table, (0, 121.0, 29.0, NOW), received_at=NOW + 1) == [False]
    assert table.received_at[0] == NOW + 1
    assert table.changed_seq[0] == changed


def test_a_parked_car_moves_its_time_but_is_no_change():
    table = table_of("a")
    write(table, (0, 121.0, 29.0, NOW))
    changed = table.changed_seq[0]
    assert write(table, (0, 121.0, 29.0, NOW + 1)) == [True]
    assert table.position_at[0] == NOW + 1
    assert table.changed_seq[0] == changed
    assert write(table, (0, 121.0, 29.0, NOW + 2), heading_deg=180.0) == [True]
    assert table.changed_seq[0] == table.seq


def test_received_never_runs_backwards():
    table = table_of("a")
    write(table, (0, 121.0, 29.0, NOW), received_at=NOW + 5)
    write(table, (0, 121.0, 29.1, NOW + 1), received_at=NOW + 3)
    assert table.received_at[0] == NOW + 5


def test_the_freshest_tracker_wins_and_a_disagreement_is_shown_until_it_is_over():
    table = table_of("a")
    write(table, (0, 121.0, 29.0, NOW, 1))
    write(table, (0, 121.01, 29.0, NOW + 1, 2))  # 970 m away one second later
    assert table.lon[0] == 121.01
    assert table.flags[0] & positions.TRACKERS_DISAGREE
    write(table, (0, 121.01, 29.0, NOW + 2, 2))
    assert table.flags[0] & positions.TRACKERS_DISAGREE
    write(table, (0, 121.01, 29.0, NOW + 62, 2))
    assert not table.flags[0] & positions.TRACKERS_DISAGREE


def test_trackers_within_300_m_agree():
    table = table_of("a")
    write(table, (0, 121.0, 29.0, NOW, 1), (0, 121.0025, 29.0, NOW + 0.1, 2))
    assert not table.flags[0] & positions.TRACKERS_DISAGREE


def test_trackers_that_disagree_inside_one_batch_are_noticed():
    table = table_of("a")
    assert write(table, (0, 121.02, 29.0, NOW + 0.2, 2), (0, 121.0, 29.0, NOW, 1)) == [True, False]
    assert table.flags[0] & positions.TRACKERS_DISAGREE


def test_doubted_fixes_are_flagged_until_a_sound_one():
    table = table_of("a")
    one = np.array([0])
    at = np.array([NOW])
    nan = np.array([np.nan])
    table.write(one, np.array([121.0]), np.array([29.0]), at, at, nan, nan, one, np.array([True]))
    assert table.flags[0] == positions.SUSPICIOUS
    table.write(one, np.array([121.0]), np.array([29.0]), at + 1, at, nan, nan, one, np.array([False]))
    assert table.flags[0] == 0


def test_the_table_grows_and_keeps_what_it_holds_up_to_its_bound():
    table = table_of("a", max_units=5, capacity=1)
    write(table, (0, 121.0, 29.0, NOW))
    for name in "bcde":
        table.ensure(name, UnitKind.FOOT_PATROL, UnitStatus.OUT_OF_SERVICE)
    assert table.ensure("c", UnitKind.FOOT_PATROL, UnitStatus.AVAILABLE) == 2
    assert (table.count, table.lon[0], np.isnan(table.lon[4])) == (5, 121.0, True)
    with pytest.raises(TooManyUnits, match=r"unit 'f' does not fit: 5 units are known already"):
        table.ensure("f", UnitKind.FOOT_PATROL, UnitStatus.AVAILABLE)


def test_following_the_picture_changes_only_what_differs():
    table = table_of("a")
    unit = Unit(
        "a",
        "甬A1",
        UnitKind.FOOT_PATROL,
        "330203000000",
        UnitStatus.ON_SCENE,
        datetime(2026, 1, 1, tzinfo=UTC),
        marked=False,
        registered=False,
    )
    table.follow(unit)
    assert (positions.UNIT_KINDS[table.kind[0]], positions.UNIT_STATUSES[table.status[0]]) == (UnitKind.FOOT_PATROL, UnitStatus.ON_SCENE)
    assert table.flags[0] == positions.UNREGISTERED | positions.PLAIN_CLOTHES
    seq = table.seq
    table.follow(unit)
    table.set_status(0, UnitStatus.ON_SCENE)
    table.set_flag(0, positions.UNREGISTERED, True)
    assert table.seq == seq
    table.set_flag(0, positions.SIMULATED, True)
    assert table.changed_seq[0] == table.seq == seq + 1


FIX = st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 2))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(FIX, max_size=12), max_size=8))
def test_any_batching_ends_at_each_units_newest_fix(batches):
    table = table_of("a", "b", "c", "d")
    newest: dict[int, tuple[int, int]] = {}  # by unit: instant and tracker
    for batch in batches:
        before = dict(newest)
        fixes = [(unit, 121.0 + at / 100 + tracker / 10_000, 29.0, NOW + at, tracker) for unit, at, tracker in batch]
        accepted = write(table, *fixes) if fixes else []
        for unit, at, tracker in batch:
            if at >= newest.get(unit, (-1, 0))[0]:
                newest[unit] = (at, tracker)
        winners = {(unit, (at, tracker)) for (unit, at, tracker), won in zip(batch, accepted, strict=True) if won}
        assert winners >= newest.items() - before.items()
        assert winners <= newest.items()
    for unit in range(4):
        assert table.position_at[unit] == (NOW + newest[unit][0] if unit in newest else 0.0)
        if unit in newest:
            at, tracker = newest[unit]
            assert table.lon[unit] == 121.0 + at / 100 + tracker / 10_000
