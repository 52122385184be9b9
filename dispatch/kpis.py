"""Figures of response: how long each stage takes, how often within its target, and what can't be said. Pure.

Nobody is left out in silence: of each stage, `n + missing + out_of_order + unreached` is all that were counted. Quantiles are
interpolated linearly between the two nearest values, over whole milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dispatch.deadlines import Target, Targets
from dispatch.kpi_facts import AREAS, ENTERED_BITS, Facts
from dispatch.model import AssignmentStage, Step

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

Z95 = 1.959964  # of the normal distribution: 95 in 100 lie within so many standard errors
MAX_GROUPS = 10_000
# Milliseconds of a duration take the lower bits of a sorting key, its group the upper ones: 34 years fit.
_MS_BITS = 40


class StageFigures(msgspec.Struct, frozen=True):
    """One stage of one group. Seconds; None: nothing to count from."""

    stage: str
    n: int  # both instants are known, and in order
    p50_s: float | None
    p90_s: float | None
    # Where the p50 lies 95 times in 100, were the same to happen again; None: too few.
    p50_low_s: float | None
    p50_high_s: float | None
    targeted: int  # those that have a target: done ones, and unreached ones that are late by it
    within: int  # those of them that kept it
    within_target: float | None  # the share
    missing: int  # something later happened, so this did, and no time of it (or of its beginning) is known
    out_of_order: int  # its end lies before its beginning
    unreached: int  # not done: still under way, recalled, or the incident ended before
    late_unreached: int  # those of them that have waited longer than their target
    entered: int  # of n, those that somebody else said for the crew (代签收 …)


class GroupFigures(msgspec.Struct, frozen=True):
    """Everything of one group."""

    key: str
    incidents: int
    responses: int
    stages: tuple[StageFigures, ...]
    checklists: int = 0  # incidents whose feedback had a check-list
    checklists_complete: int = 0  # those where every item was seen to: 现场处置规范率 is their share
    merged: int = 0  # further calls, counted with the incident they were about


@dataclass(frozen=True)
class _Rows:
    """One stage as columns, a row for each that could have it."""

    stage: str
    incident: Ints  # row of the incident of each
    begins_at: Floats
    ends_at: Floats
    later_at: Floats  # the newest instant of what comes after the stage; NaN where nothing has
    given_up_at: Floats  # until when it waited, where it ended without; NaN: it is still under way
    target_s: Floats  # NaN: measured only
    entered: Mask


STAGES = ("push", "acknowledge", "depart", "arrive", "first_arrival", "feedback", "review", "close")


def measure(facts: Facts, targets: Targets, group_of: Ints, keys: tuple[str, ...], now_s: float) -> tuple[GroupFigures, ...]:
    """Figures of every group that has incidents. `group_of` is the index into `keys` of each incident, `now_s` Unix seconds."""
    merged = facts.incidents["merged"]
    groups = len(keys)
    incidents = np.bincount(group_of[~merged], minlength=groups)
    of_response = group_of[facts.responses["incident"]]
    responses = np.bincount(of_response, minlength=groups)
    stages = [_figures(rows, group_of, groups, now_s) for rows in _stages(facts, targets)]
    asked = facts.incidents["checks"] > 0
    complete = asked & (facts.incidents["checks_done"] == facts.incidents["checks"])
    lists, done = np.bincount(group_of[asked], minlength=groups), np.bincount(group_of[complete], minlength=groups)
    further = np.bincount(group_of[merged], minlength=groups)
    return tuple(
        GroupFigures(
            key, int(incidents[i]), int(responses[i]), tuple(stage[i] for stage in stages), int(lists[i]), int(done[i]), int(further[i])
        )
        for i, key in enumerate(keys)
        if incidents[i] or further[i]
    )


def which(facts: Facts, targets: Targets, stage: str, kind: str, now_s: float) -> Ints:
    """Rows of the incidents behind a figure: of a stage those `all`, `late`, `missing`, `out_of_order` or `unreached`; each once.

    Raises KeyError for another stage or kind.
    """
    rows = {one.stage: one for one in _stages(facts, targets)}[stage]
    part = _Parts.of(rows, now_s)
    masks: Mapping[str, Callable[[], Mask]] = {
        "all": lambda: part.ok,
        "late": lambda: part.ok & (part.took_ms > rows.target_s * 1000) | part.late_unreached,
        "missing": lambda: part.missing,
        "out_of_order": lambda: part.out_of_order,
        "unreached": lambda: part.unreached,
    }
    return np.unique(rows.incident[masks[kind]()])


@dataclass(frozen=True)
class _Parts:
    """What becomes of each row: exactly one of `ok`, `missing`, `out_of_order`, `unreached`."""

    ok: Mask
    missing: Mask
    out_of_order: Mask
    unreached: Mask
    late_unreached: Mask
    took_ms: Ints  # 0 where it is not ok

    @classmethod
    def of(cls, rows: _Rows, now_s: float) -> _Parts:
        begun, done = ~np.isnan(rows.begins_at), ~np.isnan(rows.ends_at)
        both = begun & done
        took_s = np.where(both, rows.ends_at - rows.begins_at, 0.0)
        out_of_order = both & (took_s < 0)
        ok = both & ~out_of_order
        missing = ~both & (done | ~np.isnan(rows.later_at))
        unreached = ~both & ~missing
        waited_s = np.where(np.isnan(rows.given_up_at), now_s, rows.given_up_at) - rows.begins_at
        with np.errstate(invalid="ignore"):
            late = unreached & begun & (waited_s > rows.target_s)
        return cls(ok, missing, out_of_order, unreached, late, np.rint(np.where(ok, took_s, 0.0) * 1000).astype(np.int64))


def _figures(rows: _Rows, group_of: Ints, groups: int, now_s: float) -> list[StageFigures]:
    part, group = _Parts.of(rows, now_s), group_of[rows.incident]
    with np.errstate(invalid="ignore"):
        has_target = part.ok & ~np.isnan(rows.target_s)
        within = has_target & (part.took_ms <= rows.target_s * 1000)

    def count(mask: Mask) -> Ints:
        return np.bincount(group[mask], minlength=groups)

    n, kept, late = count(part.ok), count(within), count(part.late_unreached)
    targeted = count(has_target) + late
    missing, disordered, unreached, entered = (
        count(part.missing),
        count(part.out_of_order),
        count(part.unreached),
        count(part.ok & rows.entered),
    )
    p50, p90, low, high = _quantiles(part.took_ms[part.ok], group[part.ok], n)
    return [
        StageFigures(
            stage=rows.stage,
            n=int(n[i]),
            p50_s=_known(p50[i]),
            p90_s=_known(p90[i]),
            p50_low_s=_known(low[i]),
            p50_high_s=_known(high[i]),
            targeted=int(targeted[i]),
            within=int(kept[i]),
            within_target=round(int(kept[i]) / int(targeted[i]), 4) if targeted[i] else None,
            missing=int(missing[i]),
            out_of_order=int(disordered[i]),
            unreached=int(unreached[i]),
            late_unreached=int(late[i]),
            entered=int(entered[i]),
        )
        for i in range(groups)
    ]


def _quantiles(took_ms: Ints, group: Ints, n: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Of each group p50, p90 and the two ends of the p50's interval, seconds; NaN where there are none (or too few)."""
    ordered = np.sort(group.astype(np.int64) << _MS_BITS | took_ms) & ((1 << _MS_BITS) - 1)
    begins = np.cumsum(n) - n

    def at(place: NDArray[Any]) -> Floats:
        """Between the two values beside a place within its group."""
        found = np.full(len(n), np.nan)
        some = n > 0
        lower = np.floor(place[some]).astype(np.int64)
        upper = np.minimum(lower + 1, n[some] - 1)
        first, second = ordered[begins[some] + lower], ordered[begins[some] + upper]
        found[some] = (first + (second - first) * (place[some] - lower)) / 1000
        return found

    # The middle one of n is within so many ranks of the true middle, 95 times in 100: the binomial's, by its normal shape.
    half = Z95 * np.sqrt(n) / 2
    low, high = np.floor(n / 2 - half - 1), np.ceil(n / 2 + half)
    enough = (low >= 0) & (high <= n - 1)
    ends = [np.where(enough, at(np.clip(end, 0, np.maximum(n - 1, 0))), np.nan) for end in (low, high)]
    return at(0.5 * (n - 1)), at(0.9 * (n - 1)), ends[0], ends[1]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 3)


# The stages ------------------------------------------------------------------------------------------------------------


def _stages(facts: Facts, targets: Targets) -> tuple[_Rows, ...]:
    one, crew = facts.incidents, facts.responses
    counted = np.flatnonzero(~one["merged"])
    of_crew = crew["incident"].astype(np.int64)
    limits = _Limits(facts, targets)
    return (
        _of_incident("push", one, counted, "received_at", "pushed_at", ("arrived_at", "feedback_at")),
        _of_crew("acknowledge", crew, of_crew, crew["pushed_at"], "acknowledged_at", limits.of_crew(Step.ACKNOWLEDGE)),
        # A source without acknowledgements is measured from the push: there is nothing else that the way out began with.
        _of_crew("depart", crew, of_crew, _acknowledged(crew), "departed_at", limits.of_crew(Step.DEPART)),
        _of_crew("arrive", crew, of_crew, crew["pushed_at"], "arrived_at", limits.of_crew(Step.ARRIVE)),
        _of_incident("first_arrival", one, counted, "received_at", "arrived_at", ("feedback_at",)),
        _of_crew("feedback", crew, of_crew, crew["arrived_at"], "feedback_at", limits.of_crew(Step.FEEDBACK)),
        _of_incident("review", one, counted, "feedback_at", "reviewed_at", (), limits.of_incident(Step.REVIEW)),
        _of_incident("close", one, counted, "received_at", "ended_at", ()),
    )


def _acknowledged(crew: NDArray[np.void]) -> Floats:
    return np.where(crew["acknowledges"], crew["acknowledged_at"], crew["pushed_at"])


# What comes after each stage of a crew; the end of an assignment alone says nothing of what was done.
_LATER = {
    "acknowledged_at": ("departed_at", "arrived_at", "feedback_at"),
    "departed_at": ("arrived_at", "feedback_at"),
    "arrived_at": ("feedback_at",),
    "feedback_at": (),
}
_BIT = {
    "acknowledged_at": ENTERED_BITS[AssignmentStage.ACKNOWLEDGED],
    "departed_at": ENTERED_BITS[AssignmentStage.EN_ROUTE],
    "arrived_at": ENTERED_BITS[AssignmentStage.ON_SCENE],
    "feedback_at": ENTERED_BITS[AssignmentStage.FEEDBACK],
}


def _of_crew(stage: str, crew: NDArray[np.void], incident: Ints, begins_at: Floats, ends: str, target_s: Floats) -> _Rows:
    later = _newest([crew[name] for name in _LATER[ends]], len(crew))
    if ends not in ("acknowledged_at", "feedback_at"):
        # Another system's records end with a crew being free again: a stage without a time before that is one nobody wrote down.
        later = np.where(crew["acknowledges"], later, _newest([later, crew["ended_at"]], len(crew)))
    rows = _Rows(stage, incident, begins_at, crew[ends], later, crew["ended_at"], target_s, (crew["entered"] & _BIT[ends]) > 0)
    return rows if crew["acknowledges"].all() or ends in ("departed_at", "arrived_at") else _some(rows, crew["acknowledges"])


def _some(rows: _Rows, mask: Mask) -> _Rows:
    """Only those whose source keeps the stage at all."""
    columns = {name: value[mask] for name, value in vars(rows).items() if name != "stage"}
    return _Rows(rows.stage, **columns)


def _of_incident(
    stage: str,
    one: NDArray[np.void],
    rows: Ints,
    begins: str,
    ends: str,
    later: tuple[str, ...],
    target_s: Floats | None = None,
) -> _Rows:
    some = one[rows]
    limit = np.full(len(rows), np.nan) if target_s is None else target_s[rows]
    entered = np.zeros(len(rows), np.bool_)
    return _Rows(
        stage, rows, some[begins], some[ends], _newest([some[name] for name in later], len(rows)), some["ended_at"], limit, entered
    )


def _newest(columns: list[Floats], rows: int) -> Floats:
    newest = np.full(rows, np.nan)
    for column in columns:
        newest = np.fmax(newest, column)
    return newest


class _Limits:
    """Targets in seconds as columns."""

    def __init__(self, facts: Facts, targets: Targets) -> None:
        self._targets = targets
        self._grade, self._area = facts.incidents["grade"].astype(np.int64), facts.incidents["area"].astype(np.int64)
        self._incident = facts.responses["incident"]

    def of_incident(self, step: Step) -> Floats:
        """Of each incident; NaN: measured only."""
        table = np.full((5, len(AREAS)), np.nan)
        for i, area in enumerate(AREAS):
            row: Target | None = self._targets.of(step, area)
            if row is not None:
                table[1:, i] = [seconds or np.nan for seconds in row.seconds]
        return table[np.clip(self._grade, 0, 4), self._area]

    def of_crew(self, step: Step) -> Floats:
        return self.of_incident(step)[self._incident]


# Two periods beside each other ---------------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True):
    """How a stage's figure differs after a day from before: after − before, and where that lies 95 times in 100."""

    stage: str
    p50_s: float | None
    p50_low_s: float | None
    p50_high_s: float | None
    within_target: float | None
    within_low: float | None
    within_high: float | None


def changes(before: GroupFigures, after: GroupFigures) -> tuple[Change, ...]:
    """Of each stage. Both periods are taken for samples that do not depend on each other."""
    return tuple(_change(a, b) for a, b in zip(before.stages, after.stages, strict=True))


def _change(before: StageFigures, after: StageFigures) -> Change:
    p50 = _difference(before.p50_s, after.p50_s)
    errors = [_half_width(one) for one in (before, after)]
    wide = None if p50 is None or None in errors else math.hypot(*(error for error in errors if error is not None))
    share, low, high = _share_change(before, after)
    return Change(
        after.stage,
        p50,
        None if p50 is None or wide is None else round(p50 - wide, 3),
        None if p50 is None or wide is None else round(p50 + wide, 3),
        share,
        low,
        high,
    )


def _half_width(one: StageFigures) -> float | None:
    return None if one.p50_low_s is None or one.p50_high_s is None else (one.p50_high_s - one.p50_low_s) / 2


def _share_change(before: StageFigures, after: StageFigures) -> tuple[float | None, float | None, float | None]:
    """Newcombe's interval of a difference of two shares, from Wilson's of each."""
    if not (before.targeted and after.targeted):
        return None, None, None
    (p, p_low, p_high), (q, q_low, q_high) = (wilson(one.within, one.targeted) for one in (before, after))
    low = (q - p) - math.hypot(q - q_low, p_high - p)
    high = (q - p) + math.hypot(q_high - q, p - p_low)
    return round(q - p, 4), round(low, 4), round(high, 4)


def wilson(part: int, whole: int) -> tuple[float, float, float]:
    """A share, and Wilson's interval for it: where it lies 95 times in 100. `whole` is at least 1."""
    share, z2 = part / whole, Z95**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z95 * math.sqrt(share * (1 - share) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return share, middle - half, middle + half


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(after - before, 3)
