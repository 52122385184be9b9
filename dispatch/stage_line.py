"""How the stages of one incident went: from when to when, how long, by which target, and what can't be said. Pure.

Counted as the figures of response are (`dispatch.kpis`), so that an incident stands on its own page as it stands in them; but that an
arrival at grade 1 is also held to its duty circle, as the desk's countdown was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum

import msgspec

from dispatch.deadlines import Targets
from dispatch.model import Assignment, AssignmentStage, Grade, Incident, Stage, Step


class Verdict(StrEnum):
    """What became of a stage; each has exactly one."""

    DONE = "done"  # in time, or measured only
    LATE = "late"
    MISSING = "missing"  # something later happened, so this did, and no time of it (or of its beginning) is known
    OUT_OF_ORDER = "out_of_order"  # its end lies before its beginning
    UNREACHED = "unreached"  # under way, recalled, or ended before
    LATE_UNREACHED = "late_unreached"  # the same, and waited longer than the target


class StageSpan(msgspec.Struct, frozen=True):
    """One stage, of the incident or of one crew. Seconds; None: not known, or no target."""

    stage: str  # as in `dispatch.kpis.STAGES`
    verdict: Verdict
    assignment_id: str = ""  # empty: the incident as a whole
    unit_id: str = ""
    begins_at: datetime | None = None
    ends_at: datetime | None = None
    took_s: float | None = None  # of one that was done; of one that was not: how long it waited
    target_s: float | None = None
    by_circle: bool = False  # the target is a duty circle's
    entered: bool = False  # somebody else said it for the crew
    corrected: bool = False  # a desk has put its time right


def stage_spans(incident: Incident, targets: Targets, now: datetime) -> tuple[StageSpan, ...]:
    """Every stage of the incident, then of each crew in the order they were sent; other services are no crews.

    A further call that was merged has none but its crews': the rest counts with the incident it was about.
    """
    return (*_of_incident(incident, targets, now), *(span for one in _crews(incident) for span in _of_crew(incident, one, targets, now)))


def _crews(incident: Incident) -> list[Assignment]:
    return [one for one in incident.assignments if not one.service]


def _of_incident(incident: Incident, targets: Targets, now: datetime) -> Iterator[StageSpan]:
    if incident.stage == Stage.MERGED:
        return
    crews = _crews(incident)
    pushed_at = _first(one.pushed_at for one in crews)
    arrived_at = _first(one.arrived_at for one in crews)
    feedback_at = max((one.feedback_at for one in crews if one.feedback_at is not None), default=None)
    ended_at = None if incident.is_open else incident.stage_since
    until, received_at, reviewed_at = ended_at or now, incident.received_at, incident.reviewed_at
    limit_s = _target_s(incident, targets, Step.REVIEW)
    yield _span("push", received_at, pushed_at, arrived_at or feedback_at, until)
    yield _span("first_arrival", received_at, arrived_at, feedback_at, until)
    yield _span("review", feedback_at, reviewed_at, None, until, target_s=limit_s)
    yield _span("close", received_at, ended_at, None, until)


def _of_crew(incident: Incident, one: Assignment, targets: Targets, now: datetime) -> Iterator[StageSpan]:
    until = one.ended_at or now
    steps = (
        ("acknowledge", Step.ACKNOWLEDGE, AssignmentStage.ACKNOWLEDGED, one.pushed_at, one.acknowledged_at),
        ("depart", Step.DEPART, AssignmentStage.EN_ROUTE, one.acknowledged_at, one.departed_at),
        ("arrive", Step.ARRIVE, AssignmentStage.ON_SCENE, one.pushed_at, one.arrived_at),
        ("feedback", Step.FEEDBACK, AssignmentStage.FEEDBACK, one.arrived_at, one.feedback_at),
    )
    reached = (one.acknowledged_at, one.departed_at, one.arrived_at, one.feedback_at)
    for number, (stage, step, said, begins_at, ends_at) in enumerate(steps):
        later = next((at for at in reversed(reached[number + 1 :]) if at is not None), None)
        target_s, by_circle = _target_s(incident, targets, step), False
        bound_s = one.arrive_within_s if step == Step.ARRIVE and incident.grade == Grade.MAJOR else None
        if bound_s is not None and (target_s is None or bound_s < target_s):
            target_s, by_circle = bound_s, True
        span = _span(stage, begins_at, ends_at, later, until, target_s=target_s)
        yield msgspec.structs.replace(
            span,
            assignment_id=one.assignment_id,
            unit_id=one.unit_id,
            by_circle=by_circle,
            entered=ends_at is not None and said in (one.entered or ()),
            corrected=said in one.corrected,
        )


def _span(
    stage: str, begins_at: datetime | None, ends_at: datetime | None, later: datetime | None, until: datetime, target_s: float | None = None
) -> StageSpan:
    """`later`: the newest instant of what comes after the stage; `until`: when it was given up, or now."""
    verdict, took_s = Verdict.UNREACHED, None
    if begins_at is not None and ends_at is not None:
        took_s = (ends_at - begins_at).total_seconds()
        verdict = Verdict.LATE if target_s is not None and took_s > target_s else Verdict.DONE
        if took_s < 0:
            verdict, took_s = Verdict.OUT_OF_ORDER, None
    elif ends_at is not None or later is not None:
        verdict = Verdict.MISSING
    elif begins_at is not None:
        took_s = max((until - begins_at).total_seconds(), 0.0)
        verdict = Verdict.LATE_UNREACHED if target_s is not None and took_s > target_s else Verdict.UNREACHED
    return StageSpan(stage, verdict, begins_at=begins_at, ends_at=ends_at, took_s=took_s, target_s=target_s)


def _target_s(incident: Incident, targets: Targets, step: Step) -> float | None:
    row = targets.of(step, incident.area)
    return None if row is None else row.seconds[int(incident.grade) - 1] or None


def _first(instants: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)
