"""What a call may be a further call about: signs, weights, bounds; quick among thousands."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.codes import load_codes
from dispatch.duplicates import MOST, THRESHOLD, Call, call_of, candidates, compare, metres_between, overlap
from dispatch.model import Incident, Stage
from tests.operations.access_world import NOW, incident

LON, LAT = 121.55, 29.87
FAMILY = load_codes().family_of
ROADS = [f"{one}{other}路" for one in "中解人江海北南东" for other in "山放民厦曙"]
METRE = 1 / 111_195


def call(**more: Any) -> Call:
    fields: dict[str, Any] = {"incident_type": "assault", "text": "", "address": "", "called_at": NOW, "lon": LON, "lat": LAT}
    return Call(**(fields | more))


def other(incident_id: str = "i1", north_m: float = 0, minutes: float = 0, **more: Any) -> Incident:
    fields: dict[str, Any] = {"incident_type": "assault", "lon": LON, "lat": LAT + north_m * METRE}
    return incident(incident_id, called_at=NOW - timedelta(minutes=minutes), **(fields | more))


def suggested(one: Call, *others: Incident, **more: Any) -> list[str]:
    return [found.incident_id for found in candidates(one, others, FAMILY, **more)]


@pytest.mark.parametrize(
    ("why", "changed", "expected"),
    [
        ("80 m away, 4 min ago, the same kind", {"north_m": 80, "minutes": 4}, True),
        ("next door at once, whatever the kind", {"north_m": 30, "minutes": 1, "incident_type": "noise"}, True),
        ("next door half an hour ago, another kind", {"north_m": 30, "minutes": 30, "incident_type": "noise"}, False),
        ("next door half an hour ago, a related kind", {"north_m": 30, "minutes": 30, "incident_type": "dispute"}, True),
        ("300 m away, ten minutes ago, the same kind", {"north_m": 300, "minutes": 10}, False),
        ("the same place and kind, an hour and a half ago", {"minutes": 90}, False),
        ("500 m away at once", {"north_m": 500}, False),
        ("without a point, nothing said", {"lon": None, "lat": None, "minutes": 1}, False),
    ],
)
def test_place_time_and_kind(why: str, changed: dict[str, Any], expected: bool) -> None:
    assert bool(suggested(call(), other(**changed))) is expected, why


def test_similar_words_carry_what_place_and_time_leave_open() -> None:
    there = {"north_m": 220, "minutes": 30}
    assert not suggested(call(text="两个男的在打架"), other(text="有人偷了电动车", **there))
    assert suggested(call(text="两个男的在打架，有人流血"), other(text="门口两个男的打架流血", **there))


def test_an_address_in_words_stands_for_a_point_that_is_missing() -> None:
    unlocated = {"lon": None, "lat": None, "minutes": 3}
    assert suggested(call(address="中山东路128号"), other(address="中山东路128号", **unlocated))
    assert not suggested(call(address="中山东路128号"), other(address="解放南路7号", **unlocated))


def test_the_same_number_counts_where_the_place_does_not() -> None:
    far = other(north_m=3_000, minutes=5)
    assert not suggested(call(), far)
    assert suggested(call(), far, same_number={"i1"})
    assert not suggested(call(), other(north_m=3_000, minutes=125), same_number={"i1"})


def test_what_was_told_apart_is_not_asked_again_from_either_side() -> None:
    one, two = other("one", told_apart=("two",)), other("two")
    assert suggested(call_of(one), two) == []
    assert suggested(call_of(two), one) == []
    assert suggested(call_of(other("three")), one, two) == ["one", "two"]


def test_ended_ones_are_named_while_they_are_fresh_and_merged_ones_never() -> None:
    assert suggested(call(), other(stage=Stage.CLOSED, minutes=5)) == ["i1"]
    assert suggested(call(), other(stage=Stage.MERGED, merged_into="x", minutes=5)) == []


def test_the_reader_is_asked_last_and_the_likeliest_come_first() -> None:
    near = [other(f"i{k}", north_m=20 * k) for k in range(8)]
    asked: list[str] = []

    def may(one: Incident) -> bool:
        asked.append(one.incident_id)
        return one.incident_id != "i0"

    far = other("far", north_m=5_000)
    assert suggested(call(), far, *near, may_suggest=may)[0] == "i1"
    assert len(suggested(call(), *near)) == MOST
    assert "far" not in asked


@given(
    st.floats(-400, 400),
    st.floats(0, 120),
    st.text(alphabet="打架流血有人中山路abc ", max_size=20),
    st.booleans(),
    st.sampled_from(["assault", "fire"]),
)
def test_a_likeness_is_the_sum_of_its_reasons_and_the_same_both_ways(
    north: float, minutes: float, text: str, number: bool, kind: str
) -> None:
    one, two = other("one", text="中山路有人打架"), other("two", north_m=north, minutes=minutes, text=text, incident_type=kind)
    there, back = compare(call_of(one), two, FAMILY, number), compare(call_of(two), one, FAMILY, number)
    assert there.score == pytest.approx(there.place + there.time + there.kind + there.words + there.caller)
    assert there.score == pytest.approx(back.score)
    assert 0 <= there.score <= 1.25 + 1e-9
    found = candidates(call_of(one), [two], FAMILY, {"two"} if number else ())
    assert bool(found) is (there.score >= THRESHOLD and abs(there.seconds) <= 7200 and (number or (there.metres or 0) <= 400))


def test_overlap_is_of_the_shorter_text() -> None:
    assert overlap(frozenset("ab"), frozenset("abcdef")) == 1
    assert overlap(frozenset(), frozenset("a")) == 0
    assert metres_between(LON, LAT, None, None) is None


@pytest.mark.parametrize("placed", [True, False])
def test_quick_among_two_thousand(placed: bool) -> None:
    many = [
        other(f"i{k}", north_m=(k - 1000) * 5, minutes=k % 90, text=f"{k}号有人打架", address=ROADS[k % 40], lon=LON + (k % 40) * 0.002)
        for k in range(2_000)
    ]
    one = call(text="9号有人打架", address=ROADS[9], **({} if placed else {"lon": None, "lat": None}))
    candidates(one, many, FAMILY)
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        candidates(one, many, FAMILY)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.002, f"{min(took) * 1e3:.2f} ms"
