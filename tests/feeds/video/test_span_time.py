"""When what a recorder plays was taken: the word that tells most of it counts, and without any nothing is shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.video.access_units import AccessUnit
from feeds.video.pull import PullFailed
from feeds.video.rtp import Control
from feeds.video.span_time import Span, SpanTime, begins_at

AT = datetime(2026, 11, 30, 14, 25, tzinfo=UTC).timestamp()
SPAN = Span(AT + 0.4, AT + 59.2)


def unit(timestamp: int, taken_at: float | None = None) -> AccessUnit:
    return AccessUnit(b"", timestamp & 0xFFFFFFFF, True, taken_at, False)


def test_a_span_is_asked_by_whole_seconds_and_none_is_left_out() -> None:
    assert SPAN.header == "clock=20261130T142500Z-20261130T142600Z"


@pytest.mark.parametrize(
    ("header", "at_s"),
    [
        ("clock=20261130T142500Z-20261130T142600Z", AT),
        (" clock = 20261130T142500.25Z-", AT + 0.25),
        ("clock=20261130T142500Z-;time=20261130T142501Z", AT),
        ("npt=0.000-60.0", None),
        ("clock=20261330T142500Z-", None),
        ("clock=-20261130T142500Z", None),
        ("", None),
    ],
)
def test_where_a_recorder_says_that_it_begins_is_read(header: str, at_s: float | None) -> None:
    assert begins_at(header) == at_s


def test_its_own_word_on_each_picture_goes_before_reports_and_these_before_where_it_begins() -> None:
    times = SpanTime(SPAN, 90_000, AT, None)
    assert times.of(unit(1_000)) == (0, AT)
    assert times.of(unit(91_000)) == (90_000, AT + 1)
    times.report(Control(AT + 5, 91_000))
    assert times.of(unit(181_000)) == (180_000, AT + 6)
    assert times.of(unit(271_000, AT + 7.5)) == (270_000, AT + 7.5)


def test_the_timestamp_of_its_beginning_counts_unless_it_can_not_be_right() -> None:
    assert SpanTime(SPAN, 90_000, AT, 91_000).of(unit(1_000)) == (0, AT - 1), "a key frame before it"
    assert SpanTime(SPAN, 90_000, AT, 0).of(unit(2**31)) == (0, AT)


def test_reports_of_when_they_were_sent_are_of_no_use() -> None:
    times = SpanTime(SPAN, 90_000, AT, None)
    times.report(Control(AT + 86_400, 1_000))
    times.report(Control())
    assert times.of(unit(1_000))[1] == AT


@pytest.mark.parametrize("began_at", [None, AT + 86_400])
def test_what_says_nothing_of_its_time_may_be_live_and_is_refused(began_at: float | None) -> None:
    with pytest.raises(PullFailed, match="does not say") as refused:
        SpanTime(SPAN, 90_000, began_at, None).of(unit(0))
    assert refused.value.reason == "no-recorder"


@pytest.mark.parametrize("taken_at", [AT + 86_400, AT - 86_400, AT - 31, AT + 91])
def test_pictures_of_another_time_are_refused_whatever_its_answer_said(taken_at: float) -> None:
    with pytest.raises(PullFailed, match="plays another") as refused:
        SpanTime(SPAN, 90_000, AT, None).of(unit(0, taken_at))
    assert refused.value.reason == "no-recorder"


def test_a_gap_that_reaches_beyond_the_span_is_its_end_and_no_other_time() -> None:
    times = SpanTime(SPAN, 90_000, None, None)
    assert times.of(unit(0, AT + 1))[1] == AT + 1
    assert times.of(unit(90_000, AT + 7_200))[1] == AT + 7_200
    with pytest.raises(PullFailed, match="plays another"):
        times.of(unit(180_000, AT - 7_200))


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-20_000, 80_000), max_size=40), st.sampled_from([90_000, 48_000, 1_000]))
def test_counting_goes_on_over_the_end_of_32_bits(begin: int, steps: list[int], clock_hz: int) -> None:
    times, at = SpanTime(Span(AT, AT + 1e6), clock_hz, AT, None), begin
    assert times.of(unit(at))[0] == 0
    for step in steps:
        at += step
        assert times.of(unit(at, AT))[0] == (at - begin) * 90_000 // clock_hz
