"""Figures of response: how long each stage takes, how often within its target, and what can't be said. Pure.

Nobody is left out in silence: of each stage, `n + missing + out_of_order + unreached` is all that were counted. Quantiles are
interpolated linearly between the two nearest values, over whole milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dispatch.deadlines import Target, Targets
from dispatch.kpi_facts import AREAS, ENTERED_BITS, OWN, Columns, Facts, named
from dispatch.model import AssignmentStage, Step

Floats = NDArray[np.float64]
Ints = NDArray[Any]  # whole numbers of any width
Mask = NDArray[np.bool_]

Z95 = 1.959964  # of the normal distribution: 95 in 100 lie within so many standard errors
# Milliseconds of a duration take the lower bits of a sorting key, its group the upper ones: 34 years fit.
_MS_BITS = 40


class StageFigures(msgspec.Struct, frozen=True):
    """One stage of one group. Seconds; None: nothing to count from."""

    stage: str
    n: int = 0  # both instants are known, and in order
    p50_s: float | None = None
    p90_s: float | None = None
    # Where the p50 lies 95 times in 100, were the same to happen again; None: too few.
    p50_low_s: float | None = None
    p50_high_s: float | None = None
    targeted: int = 0  # those that have a target: done ones, and unreached ones that are late by it
    within: int = 0  # those of them that kept it
    within_target: float | None = None  # the share
    missing: int = 0  # something later happened, so this did, and no time of it (or of its beginning) is known
    out_of_order: int = 0  # its end lies before its beginning
    unreached: int = 0  # not done: still under way, recalled, or the incident ended before
    late_unreached: int = 0  # those of them that have waited longer than their target
    entered: int = 0  # of n, those that somebody else said for the crew (代签收 …)


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
OF_CREWS = ("acknowledge", "depart", "arrive", "feedback")  # a row for each crew that was sent


def measure(facts: Facts, targets: Targets, group_of: Ints, keys: tuple[str, ...], now_s: float) -> tuple[GroupFigures, ...]:
    """Figures of every group that has incidents, and last, under the key `all`, of all of them together.

    `group_of` is the index into `keys` of each incident, -1 for one that does not count; `now_s` is Unix seconds.
    """
    one, groups = facts.incidents, len(keys)
    merged = one["merged"]
    asked = one["checks"] > 0
    complete = asked & (one["checks_done"] == one["checks"])
    incidents, further, lists, done = (_counts(group_of[mask], groups) for mask in (~merged, merged, asked, complete))
    responses = _counts(group_of[facts.responses["incident"]], groups)
    stages = [_figures(rows, group_of, groups, now_s) for rows in _stages(facts, targets)]
    return tuple(
        GroupFigures(
            key, int(incidents[i]), int(responses[i]), tuple(stage[i] for stage in stages), int(lists[i]), int(done[i]), int(further[i])
        )
        for i, key in enumerate((*keys, "all"))
        if incidents[i] or further[i] or i == groups
    )


def which(facts: Facts, targets: Targets, counted: Mask, stage: str, kind: str, now_s: float) -> Ints:
    """Rows of the incidents behind a figure, each once: of a stage those `all`, `late`, `missing`, `out_of_order` or `unreached`.

    `counted` is a mask of incidents. Raises KeyError for another stage or kind.
    """
    rows = {one.stage: one for one in _stages(facts, targets)}[stage]
    part = _Parts.of(rows, now_s)
    with np.errstate(invalid="ignore"):
        late = part.ok & (part.took_ms > rows.target_s * 1000) | part.late_unreached
    kinds = {"all": part.ok, "late": late, "missing": part.missing, "out_of_order": part.out_of_order, "unreached": part.unreached}
    return np.unique(rows.incident[kinds[kind] & counted[rows.incident]])


def _counts(group: Ints, groups: int) -> Ints:
    """How many there are of each group, and last of all together; -1 is none."""
    counts = np.bincount(group + 1, minlength=groups + 1)[1:]
    return np.append(counts, counts.sum())


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


# What is known of a row, a bit each, so that all counts of all groups come out of one pass.
_OK, _MISSING, _OUT_OF_ORDER, _UNREACHED, _LATE, _TARGETED, _WITHIN, _ENTERED = (1 << bit for bit in range(8))


def _figures(rows: _Rows, group_of: Ints, groups: int, now_s: float) -> list[StageFigures]:
    part, group = _Parts.of(rows, now_s), group_of[rows.incident]
    code = part.ok * np.int16(_OK)
    for mask, bit in (
        (part.missing, _MISSING),
        (part.out_of_order, _OUT_OF_ORDER),
        (part.unreached, _UNREACHED),
        (part.late_unreached, _LATE),
    ):
        code |= mask * np.int16(bit)
    with np.errstate(invalid="ignore"):
        kept_to = part.took_ms <= rows.target_s * 1000
    code |= (part.ok & ~np.isnan(rows.target_s)) * np.int16(_TARGETED)
    code |= (part.ok & kept_to) * np.int16(_WITHIN)
    code |= (part.ok & rows.entered) * np.int16(_ENTERED)
    table = np.bincount((group + 1) * 256 + code, minlength=(groups + 1) * 256).reshape(groups + 1, 256)[1:]
    table = np.vstack([table, table.sum(axis=0)])

    def count(bit: int) -> Ints:
        return table[:, np.arange(256) & bit > 0].sum(axis=1)

    n, missing, disordered, unreached = count(_OK), count(_MISSING), count(_OUT_OF_ORDER), count(_UNREACHED)
    late, kept, entered = count(_LATE), count(_WITHIN), count(_ENTERED)
    targeted = count(_TARGETED) + late
    timed = part.ok & (group >= 0)
    took_ms, of_group = part.took_ms[timed], group[timed]
    by_group, whole = _quantiles(took_ms, of_group, n[:-1]), _quantiles(took_ms, np.zeros_like(of_group), n[-1:])
    p50, p90, low, high = (np.append(*both) for both in zip(by_group, whole, strict=True))
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
        for i in range(groups + 1)
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


def _stages(facts: Facts, targets: Targets) -> Iterator[_Rows]:
    one, crew = facts.incidents, facts.responses
    limits = _Limits(facts, targets)
    acknowledges = crew["acknowledges"]
    # A source without acknowledgements is measured from the push: there is nothing else that the way out began with. Our target counts
    # from the acknowledgement, so nothing of such a source is held to it.
    out_from = np.where(acknowledges, crew["acknowledged_at"], crew["pushed_at"])
    out_within_s = np.where(acknowledges, limits.of_crew(Step.DEPART), np.nan)
    yield _of_incident("push", one, "received_at", "pushed_at", ("arrived_at", "feedback_at"))
    yield _only(_of_crew("acknowledge", crew, crew["pushed_at"], "acknowledged_at", limits.of_crew(Step.ACKNOWLEDGE)), acknowledges)
    yield _of_crew("depart", crew, out_from, "departed_at", out_within_s)
    yield _of_crew("arrive", crew, crew["pushed_at"], "arrived_at", limits.of_crew(Step.ARRIVE))
    yield _of_incident("first_arrival", one, "received_at", "arrived_at", ("feedback_at",))
    yield _only(_of_crew("feedback", crew, crew["arrived_at"], "feedback_at", limits.of_crew(Step.FEEDBACK)), acknowledges)
    own = named(facts.sources, lambda name: name == OWN)[one["source"]]
    yield _only(_of_incident("review", one, "feedback_at", "reviewed_at", (), limits.of_incident(Step.REVIEW)), own[~one["merged"]])
    yield _of_incident("close", one, "received_at", "ended_at", ())


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


def _of_crew(stage: str, crew: Columns, begins_at: Floats, ends: str, target_s: Floats) -> _Rows:
    later = _newest([crew[name] for name in _LATER[ends]], len(crew))
    acknowledges = crew["acknowledges"]
    if not acknowledges.all():
        # Another system's records end with a crew being free again: a stage without a time before that is one nobody wrote down.
        later = np.where(acknowledges, later, np.fmax(later, crew["ended_at"]))
    return _Rows(stage, crew["incident"], begins_at, crew[ends], later, crew["ended_at"], target_s, (crew["entered"] & _BIT[ends]) > 0)


def _of_incident(stage: str, one: Columns, begins: str, ends: str, later: tuple[str, ...], target_s: Floats | None = None) -> _Rows:
    """Further calls do not count: what they were about does."""
    n = len(one)
    limit = np.full(n, np.nan) if target_s is None else target_s
    newest, entered = _newest([one[name] for name in later], n), np.zeros(n, np.bool_)
    rows = _Rows(stage, np.arange(n), one[begins], one[ends], newest, one["ended_at"], limit, entered)
    return _only(rows, ~one["merged"])


def _only(rows: _Rows, mask: Mask) -> _Rows:
    if mask.all():
        return rows
    columns = {name: value[mask] for name, value in vars(rows).items() if name != "stage"}
    return _Rows(rows.stage, **columns)


def _newest(columns: list[Floats], rows: int) -> Floats:
    newest = np.full(rows, np.nan)
    for column in columns:
        newest = np.fmax(newest, column)
    return newest


class _Limits:
    """Targets in seconds as columns."""

    def __init__(self, facts: Facts, targets: Targets) -> None:
        self._targets = targets
        self._grade, self._area = np.clip(facts.incidents["grade"], 0, 4), facts.incidents["area"]
        self._incident = facts.responses["incident"]

    def of_incident(self, step: Step) -> Floats:
        """Of each incident; NaN: measured only."""
        table = np.full((5, len(AREAS)), np.nan)
        for i, area in enumerate(AREAS):
            row: Target | None = self._targets.of(step, area)
            if row is not None:
                table[1:, i] = [seconds or np.nan for seconds in row.seconds]
        return table[self._grade, self._area]

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
