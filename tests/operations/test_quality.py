"""The checks: each refuses what it names and nothing else; batches are split so that a tracker's fixes are checked in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.tracking import quality
from operations.tracking.quality import Batch, Known, Rules, Trackers, check, one_per_row
from tests.operations.grounds import crossroads

NOW = 1_760_000_000.0
NAN = float("nan")
METRE_DEG = 1 / 111_195.0  # of latitude


def known(trackers: int = 8, ground=None, **rules: float) -> Known:
    table = Trackers(capacity=2)
    for _ in range(trackers):
        table.add()
    return Known(Rules(**rules), table, ground)


def batch(*fixes: tuple[int, float, float, float], now: float = NOW) -> Batch:
    """Each fix is (row, lon, lat, position_at)."""
    row, lon, lat, at = (np.array(column, dtype=float) for column in zip(*fixes, strict=True))
    nothing = np.full(len(row), NAN)
    return Batch(np.arange(len(row)), row.astype(np.int64), lon, lat, at, nothing, nothing.copy(), now)


def reasons(known: Known, *fixes: tuple[int, float, float, float], now: float = NOW) -> list[str]:
    """Reason of each fix, "" for accepted ones, each round checked in turn."""
    answer = [""] * len(fixes)
    for part in one_per_row(batch(*fixes, now=now)):
        for reason, refused in check(part, known)[1]:
            for place in refused.place:
                answer[place] = reason
    return answer


@pytest.mark.parametrize(
    ("lon", "lat", "at", "reason"),
    [
        (121.5, 29.9, NOW, ""),
        (NAN, 29.9, NOW, "not_a_number"),
        (121.5, float("inf"), NOW, "not_a_number"),
        (121.5, 29.9, NAN, "not_a_number"),
        (181.0, 29.9, NOW, "not_a_number"),
        (29.9, 121.5, NOW, "not_a_number"),  # lat and lon exchanged
        (0.0, 0.0, NOW, "no_fix"),
        (121.5, 29.9, NOW + 5.0, ""),
        (121.5, 29.9, NOW + 5.1, "future"),
        (121.5, 29.9, NOW - 24 * 3600, ""),
        (121.5, 29.9, NOW - 24 * 3600 - 1, "stale"),
    ],
)
def test_a_single_fix(lon, lat, at, reason):
    assert reasons(known(), (0, lon, lat, at)) == [reason]


def test_every_reason_is_a_check_in_the_visible_list():
    assert [step.__name__ for step in quality.CHECKS] == [
        "not_a_number",
        "no_fix",
        "future",
        "stale",
        "outside_city",
        "duplicate",
        "impossible_speed",
    ]


def test_far_from_every_street_is_outside_the_city():
    state = known(ground=crossroads(121.5, 29.9))
    assert reasons(state, (0, 121.5, 29.9, NOW), (1, 121.53, 29.9, NOW), (2, 121.7, 29.9, NOW), (3, -121.5, 29.9, NOW)) == [
        "",
        "",
        "outside_city",
        "outside_city",
    ]


def test_the_same_instant_of_a_tracker_again_is_a_duplicate():
    state = known()
    assert reasons(state, (0, 121.5, 29.9, NOW), (1, 121.5, 29.9, NOW)) == ["", ""]
    assert reasons(state, (0, 121.5, 29.9, NOW), (0, 121.5, 29.9, NOW + 1)) == ["duplicate", ""]
    assert reasons(state, (0, 121.5, 29.9, NOW)) == ["duplicate"]


def test_a_replayed_minute_is_all_duplicates():
    state = known()
    minute = [(0, 121.5 + second * 1e-5, 29.9, NOW - 60 + second) for second in range(60)]
    assert reasons(state, *minute) == [""] * 60
    assert reasons(state, *minute) == ["duplicate"] * 60


def test_an_impossible_jump_is_refused_and_a_possible_one_is_not():
    state = known()
    assert reasons(state, (0, 121.5, 29.9, NOW)) == [""]
    assert reasons(state, (0, 121.5, 29.9 + 1_000 * METRE_DEG, NOW + 10), now=NOW + 10) == ["impossible_speed"]
    assert reasons(state, (0, 121.5, 29.9 + 700 * METRE_DEG, NOW + 10), now=NOW + 10) == [""]


def test_after_a_long_gap_any_place_is_possible():
    state = known()
    reasons(state, (0, 121.5, 29.9, NOW))
    assert reasons(state, (0, 122.5, 29.9, NOW + 601), now=NOW + 601) == [""]


def test_a_tracker_that_insists_is_believed_with_the_third_fix():
    state = known()
    reasons(state, (0, 121.5, 29.9, NOW))
    there = [(0, 121.6, 29.9, NOW + second) for second in (1, 2, 3, 4)]
    assert [reasons(state, fix) for fix in there] == [["impossible_speed"], ["impossible_speed"], [""], [""]]


def test_scattered_jumps_are_never_believed():
    state = known()
    reasons(state, (0, 121.5, 29.9, NOW))
    scattered = [(0, 121.6 + 0.05 * second, 29.9, NOW + second) for second in (1, 2, 3, 4, 5)]
    assert [reasons(state, fix) for fix in scattered] == [["impossible_speed"]] * 5


def test_one_spike_in_a_batch_does_not_take_its_neighbours_with_it():
    state = known()
    assert reasons(state, (0, 121.5, 29.9, NOW), (0, 121.9, 29.9, NOW + 1), (0, 121.5, 29.9, NOW + 2)) == ["", "impossible_speed", ""]


def test_a_late_fix_is_sound_but_not_where_the_tracker_is():
    state = known()
    reasons(state, (0, 121.5, 29.9, NOW))
    assert reasons(state, (0, 121.49, 29.9, NOW - 300)) == [""]
    assert state.trackers.lon[0] == 121.5
    assert state.trackers.at[0] == NOW


def test_trackers_of_one_unit_do_not_judge_each_other():
    state = known()
    assert reasons(state, (0, 121.5, 29.9, NOW), (1, 121.6, 29.9, NOW + 1)) == ["", ""]


FIXES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(st.floats(), st.floats(121.4, 121.6)),
        st.one_of(st.floats(), st.floats(29.8, 30.0)),
        st.one_of(st.floats(), st.floats(NOW - 100, NOW + 10)),
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=200)
@given(FIXES)
def test_whatever_comes_each_fix_is_accepted_or_refused_once(fixes):
    state = known(ground=crossroads(121.5, 29.9))
    seen: list[int] = []
    for part in one_per_row(batch(*fixes)):
        assert len(set(part.row.tolist())) == len(part)
        sound, refused = check(part, state)
        assert np.isfinite(sound.lon).all()
        assert np.isfinite(sound.position_at).all()
        seen += sound.place.tolist()
        for _, bad in refused:
            seen += bad.place.tolist()
    assert sorted(seen) == list(range(len(fixes)))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=40))
def test_rounds_keep_every_fix_and_each_trackers_order(pairs):
    whole = batch(*((row, 121.5, 29.9, NOW + at) for row, at in pairs))
    rounds = one_per_row(whole)
    assert sorted(place for part in rounds for place in part.place.tolist()) == list(range(len(pairs)))
    for tracker in range(5):
        times = [at for part in rounds for row, at in zip(part.row, part.position_at, strict=True) if row == tracker]
        assert times == sorted(times)
