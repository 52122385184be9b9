"""When what a recorder plays was taken: the word that tells most of it counts, and without any nothing is shown."""

from __future__ import annotations

from dataclasses import replace
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
LATER = AT + 86_400


def unit(timestamp: int, taken_at: float | None = None, ssrc: int = 0) -> AccessUnit:
    return AccessUnit(b"", timestamp & 0xFFFFFFFF, True, taken_at, False, ssrc)


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
    times.report(Control(AT + 2.5, 91_000), LATER)
    assert times.of(unit(181_000)) == (180_000, AT + 3.5)
    assert times.of(unit(271_000, AT + 7.5)) == (270_000, AT + 7.5)


def test_the_timestamp_of_its_beginning_counts_unless_it_can_not_be_right() -> None:
    assert SpanTime(SPAN, 90_000, AT, 91_000).of(unit(1_000)) == (0, AT - 1), "a key frame before it"
    assert SpanTime(SPAN, 90_000, AT, 0).of(unit(2**31)) == (0, AT)


def test_reports_of_when_they_were_sent_are_of_no_use() -> None:
    times = SpanTime(SPAN, 90_000, AT, None)
    times.report(Control(AT + 86_400, 1_000), AT + 86_400)
    times.report(Control(), LATER)
    assert times.of(unit(1_000))[1] == AT


@pytest.mark.parametrize("ago_s", [10, 60, 600])
@pytest.mark.parametrize("clock_error_s", [-5, 0, 5])
def test_where_a_span_ends_now_a_report_of_when_it_was_sent_dates_nothing(ago_s: float, clock_error_s: float) -> None:
    for began_at in (AT, None):
        times = SpanTime(Span(AT, AT + ago_s), 90_000, began_at, None)
        times.report(Control(AT + ago_s + clock_error_s, 1_000), AT + ago_s)
        if began_at is None:
            with pytest.raises(PullFailed, match="does not say"):
                times.of(unit(1_000))
        else:
            assert times.of(unit(1_000))[1] == AT
            times.report(Control(AT + ago_s + clock_error_s + 5, 451_000), AT + ago_s + 5)
            assert times.of(unit(451_000))[1] == AT + 5


@pytest.mark.parametrize(
    ("first_at", "arrived_at"),
    [
        (AT, AT + 1),  # what is taken now, sent now
        (AT, AT + 20),
        (AT - 8, AT + 20),  # a key frame before it
        (AT + 40, LATER),  # the recording begins late
    ],
)
def test_reports_alone_date_what_can_not_be_when_they_were_sent(first_at: float, arrived_at: float) -> None:
    times = SpanTime(Span(AT, AT + 60), 90_000, None, None)
    times.report(Control(first_at + 1, 91_000), arrived_at)
    assert times.of(unit(1_000))[1] == first_at


def test_a_key_frame_before_the_beginning_is_dated_by_the_report() -> None:
    times = SpanTime(SPAN, 90_000, AT, None)
    times.report(Control(AT - 4, 1_000), LATER)
    assert times.of(unit(1_000))[1] == AT - 4


def test_two_times_for_the_same_pictures_are_none() -> None:
    times = SpanTime(SPAN, 90_000, AT, None)
    times.report(Control(AT + 10, 1_000), LATER)
    with pytest.raises(PullFailed, match="two times"):
        times.of(unit(1_000))


@pytest.mark.parametrize("is_long_ago", [True, False])
def test_reports_that_have_dated_pictures_tell_of_a_gap_unless_they_may_be_of_when_they_were_sent(is_long_ago: bool) -> None:
    times, arrived_at = SpanTime(SPAN, 90_000, AT, None), LATER if is_long_ago else AT + 60
    times.report(Control(AT, 1_000), arrived_at)
    assert times.of(unit(1_000))[1] == AT
    times.report(Control(AT + 31, 91_000), arrived_at + 1)
    if is_long_ago:
        assert times.of(unit(91_000))[1] == AT + 31
    else:
        with pytest.raises(PullFailed, match="two times"):
            times.of(unit(91_000))


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


BREAKS = pytest.mark.parametrize(
    "behind",
    [unit(180_000, ssrc=1), unit(180_000 + 6 * 90_000), unit(180_000 - 6 * 90_000), unit(2**31 + 200_000)],
    ids=["another source", "a leap", "a leap back", "a count begun anew"],
)


@BREAKS
@pytest.mark.parametrize("is_reported", [True, False])
def test_behind_a_break_what_nothing_dates_anew_is_not_shown(behind: AccessUnit, is_reported: bool) -> None:
    times = SpanTime(SPAN, 90_000, AT, 0)
    if is_reported:
        times.report(Control(AT, 0), LATER)
    assert [times.of(unit(k * 90_000))[1] for k in (0, 1, 2)] == [AT, AT + 1, AT + 2]
    with pytest.raises(PullFailed, match="behind a break") as refused:
        times.of(behind)
    assert refused.value.reason == "no-recorder"


@BREAKS
def test_behind_a_break_a_report_on_it_or_the_recorders_word_dates_anew(behind: AccessUnit) -> None:
    for is_by_report in (True, False):
        times = SpanTime(SPAN, 90_000, AT, 0)
        assert [times.of(unit(k * 90_000))[1] for k in (0, 1, 2)] == [AT, AT + 1, AT + 2]
        if is_by_report:
            times.report(Control(AT + 40, behind.timestamp, ssrc=behind.ssrc), LATER)
        assert times.of(behind if is_by_report else replace(behind, taken_at=AT + 40))[1] == AT + 40
        assert times.of(replace(behind, timestamp=behind.timestamp + 90_000))[1] == AT + 41


@pytest.mark.parametrize("told", [Control(AT + 2, 180_000), Control(AT + 40, 180_000, ssrc=1), Control(LATER, 2**31 + 1)])
def test_behind_a_break_a_report_on_other_pictures_or_of_when_it_was_sent_dates_nothing(told: Control) -> None:
    times = SpanTime(SPAN, 90_000, AT, 0)
    assert times.of(unit(0))[1] == AT
    times.report(told, LATER)
    with pytest.raises(PullFailed, match="behind a break"):
        times.of(unit(2**31 + 1))


def test_a_leap_beyond_the_span_is_its_end() -> None:
    times = SpanTime(SPAN, 90_000, AT, 0)
    assert times.of(unit(0))[1] == AT
    assert times.of(unit(900 * 90_000))[1] == AT + 900


def test_a_report_of_another_source_dates_nothing() -> None:
    times = SpanTime(SPAN, 90_000, None, None)
    times.report(Control(AT, 0, ssrc=5), LATER)
    with pytest.raises(PullFailed, match="does not say"):
        times.of(unit(0))


def test_pictures_out_of_order_and_seconds_without_any_are_no_break() -> None:
    times = SpanTime(SPAN, 90_000, AT, 0)
    assert [times.of(unit(int(k * 90_000)))[1] - AT for k in (0, 3, 1, 5, 9.5)] == [0, 3, 1, 5, 9.5]


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-20_000, 80_000), max_size=40), st.sampled_from([90_000, 48_000, 1_000]))
def test_counting_goes_on_over_the_end_of_32_bits(begin: int, steps: list[int], clock_hz: int) -> None:
    times, at = SpanTime(Span(AT, AT + 1e6), clock_hz, AT, None), begin
    assert times.of(unit(at))[0] == 0
    for step in steps:
        at += step
        assert times.of(unit(at, AT))[0] == (at - begin) * 90_000 // clock_hz
