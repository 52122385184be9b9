"""Figures of response: as pandas has them, adding up over whatever happened, and honest about what is not known."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.deadlines import load_targets
from dispatch.kpi_facts import Facts, FactsBuilder, joined
from dispatch.kpis import STAGES, GroupFigures, StageFigures, changes, measure, which, wilson
from dispatch.model import Area, Assignment, AssignmentStage, Grade, Incident, Stage
from dispatch.past import PastIncident, PastResponse

T0 = datetime(2026, 5, 1, 16, 30, tzinfo=UTC)  # half past midnight in the city
ZONE = ZoneInfo("Asia/Shanghai")
TARGETS = load_targets()
NOW_S = (T0 + timedelta(hours=1)).timestamp()


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else T0 + timedelta(seconds=seconds)


def crew(pushed_s: float, ack_s: float | None = None, out_s: float | None = None, there_s: float | None = None, back_s: float | None = None,
         **more: Any) -> Assignment:  # fmt: skip
    times = {"acknowledged_at": at(ack_s), "departed_at": at(out_s), "arrived_at": at(there_s), "feedback_at": at(back_s)}
    return Assignment("a", "car", more.pop("stage", AssignmentStage.FEEDBACK), at(pushed_s) or T0, "operator", **times | more)


def incident(*crews: Assignment, number: int = 1, **more: Any) -> Incident:
    fields: dict[str, Any] = {
        "incident_type": "theft",
        "grade": Grade.URGENT,
        "org_code": "330203000000",
        "stage": Stage.RECEIVED,
        "stage_since": T0,
        "received_at": T0,
    }
    return Incident(
        incident_id=f"i{number}", number=number, text="", called_at=T0, version=1,
        assignments=crews, area=Area.TOWN, **fields | more,
    )  # fmt: skip


def facts(*incidents: Incident) -> Facts:
    builder = FactsBuilder(ZONE)
    for one in incidents:
        builder.add(one)
    return builder.built()


def figures(of: Facts, group_of: Any = None, keys: tuple[str, ...] = ("all",)) -> tuple[GroupFigures, ...]:
    groups = np.zeros(len(of.incidents), np.int64) if group_of is None else np.asarray(group_of, np.int64)
    *found, together = measure(of, TARGETS, groups, keys, NOW_S)
    if group_of is None and found:
        assert together == found[0]
    return tuple(found)


def everything(of: Facts) -> np.ndarray:
    return np.ones(len(of.incidents), np.bool_)


def stage(group: GroupFigures, name: str) -> StageFigures:
    return next(one for one in group.stages if one.stage == name)


def test_each_stage_from_its_own_beginning_against_its_own_target() -> None:
    (found,) = figures(facts(incident(crew(10, 30, 100, 350, 500), crew(20, 60, 100, 200, 260))))
    assert (found.incidents, found.responses) == (1, 2)
    assert (stage(found, "push").n, stage(found, "push").p50_s) == (1, 10.0)
    acknowledge = stage(found, "acknowledge")  # 20 s and 40 s; the target of grade 2 is 30 s
    assert (acknowledge.n, acknowledge.p50_s, acknowledge.within, acknowledge.targeted, acknowledge.within_target) == (2, 30.0, 1, 2, 0.5)
    assert (stage(found, "arrive").p50_s, stage(found, "arrive").within_target) == (260.0, 0.5)  # 340 s and 180 s of 300 s
    assert stage(found, "first_arrival").p50_s == 200.0
    assert stage(found, "feedback").p90_s == pytest.approx(60 + 0.9 * 90)


def test_what_nobody_wrote_down_is_missing_and_what_never_came_is_unreached() -> None:
    no_arrival = incident(crew(0, 20, 60, None, 700))
    recalled = incident(crew(0, 20, stage=AssignmentStage.RECALLED, ended_at=at(200)), number=2)
    waiting = incident(crew(0, stage=AssignmentStage.PUSHED), number=3)
    (found,) = figures(facts(no_arrival, recalled, waiting))
    arrive = stage(found, "arrive")
    assert (arrive.n, arrive.missing, arrive.unreached, arrive.out_of_order) == (0, 1, 2, 0)
    # The one that was recalled after 200 s was not late by its target of 300 s; the one that still waits is.
    assert (arrive.late_unreached, arrive.targeted, arrive.within_target) == (1, 1, 0.0)
    feedback = stage(found, "feedback")  # given, but since when it was there is not known
    assert (feedback.n, feedback.missing, feedback.unreached) == (0, 1, 2)


def test_a_stage_before_its_beginning_is_out_of_order_and_no_negative_time() -> None:
    (found,) = figures(facts(incident(crew(0, 20, 60, 50, 700))))
    assert (stage(found, "depart").n, stage(found, "arrive").n) == (1, 1)
    (found,) = figures(facts(incident(crew(100, 20, 60, 150, 700))))
    assert (stage(found, "acknowledge").out_of_order, stage(found, "acknowledge").n, stage(found, "acknowledge").p50_s) == (1, 0, None)


def test_stages_that_others_entered_are_counted_apart() -> None:
    (found,) = figures(facts(incident(crew(0, 20, 60, 90, 100, entered=(AssignmentStage.ON_SCENE,)), crew(0, 20, 60, 95))))
    assert [(name, stage(found, name).entered) for name in ("acknowledge", "arrive")] == [("acknowledge", 0), ("arrive", 1)]


def test_further_calls_count_with_the_incident_they_were_about_and_services_not_at_all() -> None:
    (found,) = figures(facts(incident(crew(0, 20), crew(0, 30, service="119")), incident(number=2, stage=Stage.MERGED)))
    assert (found.incidents, found.merged, found.responses) == (1, 1, 1)
    assert stage(found, "push").n == 1


def test_complete_check_lists() -> None:
    done, lacking = crew(0, 1, 2, 3, 4, checks=5, checks_done=5), crew(0, 1, 2, 3, 4, checks=5, checks_done=4)
    (found,) = figures(facts(incident(done), incident(lacking, number=2), incident(crew(0), number=3)))
    assert (found.checklists, found.checklists_complete) == (2, 1)


def test_review_and_close() -> None:
    one = incident(crew(0, 20, 60, 90, 300), reviewed_at=at(4_000), stage=Stage.CLOSED, stage_since=at(5_000))
    (found,) = figures(facts(one))
    assert (stage(found, "review").p50_s, stage(found, "review").within_target, stage(found, "close").p50_s) == (3_700.0, 1.0, 5_000.0)


def test_another_systems_records_have_no_acknowledgements_to_miss() -> None:
    builder = FactsBuilder(ZONE)
    full = PastResponse("r1", "E1", at(60), at(120), at(400), at(900))
    not_noted = PastResponse("r2", "E2", at(60), at(100), None, at(300))
    builder.add_past(PastIncident("sf", "c1", "fire", 2, T0, responses=(full, not_noted)), "330200000000")
    (found,) = figures(builder.built())
    acknowledge = stage(found, "acknowledge")
    assert (acknowledge.n, acknowledge.missing, acknowledge.unreached) == (0, 0, 0)
    assert (stage(found, "depart").p50_s, stage(found, "arrive").n, stage(found, "arrive").missing) == (50.0, 1, 1)
    assert (stage(found, "depart").targeted, stage(found, "arrive").targeted) == (0, 1)  # our target counts from the acknowledgement
    assert stage(found, "review").unreached == 0


def test_a_grade_that_no_system_should_have_breaks_no_figure() -> None:
    builder = FactsBuilder(ZONE)
    builder.add_past(PastIncident("sf", "c1", "fire", 300, T0), "330200000000")
    assert builder.built().incidents["grade"].tolist() == [4]


def test_the_incidents_behind_a_figure() -> None:
    slow, fast, none = incident(crew(0, 20, 60, 900)), incident(crew(0, 20, 60, 90), number=2), incident(number=3)
    of = facts(slow, fast, none)
    assert which(of, TARGETS, everything(of), "arrive", "late", NOW_S).tolist() == [0]
    assert which(of, TARGETS, everything(of), "arrive", "all", NOW_S).tolist() == [0, 1]
    assert which(of, TARGETS, everything(of), "push", "unreached", NOW_S).tolist() == [2]
    with pytest.raises(KeyError):
        which(of, TARGETS, everything(of), "nap", "all", NOW_S)


# Whatever happened ---------------------------------------------------------------------------------------------------------

instants = st.none() | st.integers(0, 5_000).map(float)
crews = st.builds(
    crew, st.integers(0, 600).map(float), instants, instants, instants, instants,
    stage=st.sampled_from(list(AssignmentStage)), ended_at=instants.map(at),
)  # fmt: skip
any_incident = st.builds(
    lambda crews, grade, stage, number: incident(*crews, grade=grade, stage=stage, number=number),
    st.lists(crews, max_size=4), st.sampled_from(list(Grade)), st.sampled_from(list(Stage)), st.integers(1, 9),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(any_incident, max_size=12), st.data())
def test_nobody_is_left_out(incidents: list[Incident], data: st.DataObject) -> None:
    of = facts(*incidents)
    group_of = [data.draw(st.integers(0, 2)) for _ in incidents]
    groups = figures(of, group_of, ("a", "b", "c"))
    counted = [one for one in incidents if one.stage != Stage.MERGED]
    assert sum(group.incidents for group in groups) == len(counted)
    for group in groups:
        for one in group.stages:
            whole = group.incidents if one.stage in ("push", "first_arrival", "review", "close") else group.responses
            assert one.n + one.missing + one.out_of_order + one.unreached == whole
            assert 0 <= one.within <= one.targeted
            assert one.late_unreached <= one.unreached
    for name in STAGES:
        ids = {
            int(row)
            for kind in ("all", "missing", "out_of_order", "unreached")
            for row in which(of, TARGETS, everything(of), name, kind, NOW_S)
        }
        assert len(ids) <= len(incidents)


@settings(deadline=None)
@given(st.lists(any_incident, min_size=1, max_size=12), st.integers(0, 12))
def test_months_joined_are_one(incidents: list[Incident], cut: int) -> None:
    whole, apart = facts(*incidents), joined([facts(*incidents[:cut]), facts(*incidents[cut:])])
    assert figures(apart) == figures(whole)
    counted = [0 if one.grade == Grade.URGENT else -1 for one in incidents]
    assert figures(whole, counted) == figures(facts(*(one for one in incidents if one.grade == Grade.URGENT)))


def test_quantiles_of_many_groups_equal_pandas() -> None:
    random = np.random.default_rng(1)
    took, group = random.gamma(2, 150, 4_000).round(3), random.integers(0, 7, 4_000)
    incidents = [incident(crew(0, 1, 2, float(s)), number=i) for i, s in enumerate(took)]
    found = figures(facts(*incidents), group, tuple("abcdefg"))
    frame = pd.DataFrame({"group": group, "s": took}).groupby("group")["s"]
    for share, name in ((0.5, "p50_s"), (0.9, "p90_s")):
        assert [getattr(stage(one, "arrive"), name) for one in found] == pytest.approx(frame.quantile(share).tolist(), abs=0.0011)
    assert [stage(one, "arrive").within for one in found] == frame.apply(lambda s: int((s <= 300).sum())).tolist()


# Two periods ---------------------------------------------------------------------------------------------------------------


def period(random: np.random.Generator, median_s: float, n: int) -> GroupFigures:
    took = random.lognormal(math.log(median_s), 0.5, n)
    return figures(facts(*(incident(crew(0, 1, 2, float(s)), number=i) for i, s in enumerate(took))))[0]


def test_a_change_is_told_with_where_it_lies() -> None:
    random = np.random.default_rng(7)
    slower, same = period(random, 300, 400), period(random, 240, 400)
    change = next(one for one in changes(slower, same) if one.stage == "arrive")
    assert change.p50_low_s is not None
    assert change.p50_high_s is not None
    assert change.p50_s is not None
    assert change.p50_low_s < -60 < change.p50_high_s < 0
    assert change.p50_s < 0
    assert change.within_low is not None
    assert change.within_low > 0
    few = next(one for one in changes(period(random, 300, 3), same) if one.stage == "arrive")
    assert few.p50_s is not None
    assert few.p50_low_s is None


def test_the_intervals_hold_what_they_promise() -> None:
    """Of many pairs of periods without any change about 95 in 100 intervals hold zero."""
    random = np.random.default_rng(11)
    held = [
        change.p50_low_s <= 0 <= change.p50_high_s
        for _ in range(200)
        for change in changes(period(random, 300, 60), period(random, 300, 60))
        if change.stage == "arrive" and change.p50_low_s is not None and change.p50_high_s is not None
    ]
    assert len(held) == 200
    assert sum(held) >= 186


def test_wilsons_interval_stays_a_share() -> None:
    share, low, high = wilson(0, 5)
    assert share == 0
    assert low == pytest.approx(0, abs=1e-12)
    assert 0.4 < high < 0.5
