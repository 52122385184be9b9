"""Within a circle: straight ways between near fixes count, silences claim nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.tracks.passages import FASTEST_MPS, JOINED_S, metres_off, passages, runs, silences


def track(*rows: tuple[float, float, float]):
    at, x, y = (np.array(column, float) for column in zip(*rows, strict=True))
    return at, x, y


def test_a_way_straight_through_is_found_although_no_fix_lies_inside():
    (stay,) = passages(*track((0, -100, 30), (10, 100, 30)), 50.0, 0.0, 100.0)
    half = 40.0 / 200.0 * 10.0  # 40 m to either side of the nearest point, 20 m a second
    assert (stay.first_at, stay.last_at) == pytest.approx((5 - half, 5 + half))
    assert (stay.nearest_m, stay.nearest_at) == pytest.approx((30.0, 5.0))


def test_a_silence_is_not_bridged_and_is_said():
    rows = track((0, -100, 0), (JOINED_S + 1, 100, 0), (JOINED_S + 2, 110, 0))
    assert passages(*rows, 50.0, 0.0, 100.0) == []
    (silence,) = silences(*rows, 50.0, 0.0, 50.0)
    assert (silence.from_at, silence.to_at, silence.may_have_come) == (0.0, JOINED_S + 1, True)


def test_a_silence_too_short_for_the_way_excludes():
    far = FASTEST_MPS * 100.0
    (silence,) = silences(*track((0, far, 0), (100, far, 0)), 50.0, 0.0, 100.0)
    assert not silence.may_have_come


def test_an_open_end_is_a_silence_with_one_way_to_go():
    far = 50.0 + FASTEST_MPS * 100.0
    for off_m, may_have_come in ((far - 1.0, True), (far + 1.0, False)):
        rows = track((100, 0, off_m), (120, 0, off_m))
        found = silences(*rows, 50.0, 0.0, 220.0)
        assert [(one.from_at, one.to_at, one.may_have_come) for one in found] == [(0, 100, may_have_come), (120, 220, may_have_come)]


def test_without_any_fix_all_of_the_span_is_a_silence():
    nothing = np.zeros(0)
    (silence,) = silences(nothing, nothing, nothing, 50.0, 0.0, 100.0)
    assert (silence.from_at, silence.to_at, silence.may_have_come) == (0.0, 100.0, True)


def test_a_stay_with_a_silence_in_it_is_two_stays():
    stays = passages(*track((0, 0, 0), (10, 5, 0), (200, 5, 0), (210, 0, 3)), 50.0, 0.0, 1000.0)
    assert [(stay.first_at, stay.last_at) for stay in stays] == [(0, 10), (200, 210)]
    assert stays[1].nearest_m == pytest.approx(15 / 34**0.5)  # on the way from one fix to the next


def test_only_what_touches_the_span_counts():
    rows = track((0, 0, 0), (10, 0, 0), (20, 500, 0), (30, 0, 0))
    assert [stay.first_at for stay in passages(*rows, 50.0, 15.0, 100.0)] == pytest.approx([29.0])
    assert passages(*rows, 50.0, 11.1, 28.9) == []


def test_metres_off_the_point():
    x, y = metres_off(np.array([121.01]), np.array([30.0]), 121.0, 29.99)
    assert (float(x[0]), float(y[0])) == pytest.approx((963.0, 1112.0), abs=1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(-120, 120), st.integers(-120, 120)), min_size=2, max_size=12))
def test_stays_are_those_of_a_fine_walk_along_the_straight_pieces(steps):
    """Against a walk in steps of 20 ms: in or out at each, silences left out."""
    at = np.cumsum([step[0] for step in steps]).astype(float)
    x, y = np.array([s[1] for s in steps], float), np.array([s[2] for s in steps], float)
    stays = passages(at, x, y, 60.0, -1.0, 1e9)
    for i in range(len(at) - 1):
        for share in np.arange(0.0, 1.0, 0.02 / (at[i + 1] - at[i]))[:: max(1, int(at[i + 1] - at[i]))]:
            now = at[i] + share * (at[i + 1] - at[i])
            away = np.hypot(x[i] + share * (x[i + 1] - x[i]), y[i] + share * (y[i + 1] - y[i]))
            if abs(away - 60.0) < 1e-6:
                continue
            known = at[i + 1] - at[i] <= JOINED_S or share == 0.0
            said = any(stay.first_at - 1e-9 <= now <= stay.last_at + 1e-9 for stay in stays)
            assert said == (known and away < 60.0)
    assert all(a.last_at < b.first_at for a, b in pairwise(stays))


def test_a_way_is_drawn_in_stretches_without_a_silence() -> None:
    at = np.array([0.0, 10, 20, 30, 60.5, 61, 200])
    assert [one.tolist() for one in runs(at, 100)] == [[0, 1, 2, 3], [4, 5], [6]]
    assert [one.tolist() for one in runs(at, 4)] == [[0, 2, 3], [4, 5], [6]], "thinned, but for the ends"
    assert runs(np.array([]), 4) == []
    assert sum(map(len, runs(np.arange(10_000.0), 600))) <= 600
