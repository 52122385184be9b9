"""When each step of the loop is due, and what is to be done when it is late. Pure: f(incident, targets, instant).

A step's clock starts from an event, which the targets name. What was noticed to be late stands in the incident itself
(`Incident.misses`), so that after a restart nothing is told twice and nothing is forgotten.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from dispatch.model import Area, Assignment, AssignmentStage, Grade, Incident, Miss, Stage, Step

BUILT_IN = Path(__file__).with_name("targets.toml")

# The instants a clock can start from, by the event that brings them.
_STARTS = {
    "unit_pushed": "pushed_at",
    "acknowledged": "acknowledged_at",
    "departed": "departed_at",
    "arrived": "arrived_at",
    "feedback_given": "feedback_at",
}
# A crew that stands here or further has done the step; a stage may be left out.
_DONE_BY = {
    Step.ACKNOWLEDGE: AssignmentStage.ACKNOWLEDGED,
    Step.DEPART: AssignmentStage.EN_ROUTE,
    Step.ARRIVE: AssignmentStage.ON_SCENE,
    Step.FEEDBACK: AssignmentStage.FEEDBACK,
}
_ORDER = tuple(AssignmentStage)


class OnMiss(StrEnum):
    """What a missed target leads to."""

    REPUSH = "repush"
    ALARM = "alarm"
    SUPERVISE = "supervise"


class Target(msgspec.Struct, frozen=True, rename={"start": "from"}):
    """One row: how long a step may take, for the grades 1 to 4."""

    step: Step
    start: str  # name of the event its clock starts from
    seconds: tuple[float, float, float, float]  # 0: measured only
    on_miss: tuple[OnMiss, OnMiss, OnMiss, OnMiss]
    area: Area | None = None  # None: wherever it is


class Targets(msgspec.Struct, frozen=True):
    """The targets of a city."""

    target: tuple[Target, ...]
    repush_after_s: float
    climb_after_s: float

    def of(self, step: Step, area: Area | None) -> Target | None:
        """The row for a step; a place of unknown kind is held to the town's."""
        rows = [row for row in self.target if row.step == step]
        return next((row for row in rows if row.area in (None, area or Area.TOWN)), None)


class Deadline(msgspec.Struct, frozen=True):
    """A step that has begun and is not done yet."""

    step: Step
    round: int
    due_at: datetime
    on_miss: OnMiss
    assignment_id: str = ""  # empty: the incident as a whole
    unit_id: str = ""


class Notice(msgspec.Struct, frozen=True):
    """A late step that is to be told to a level."""

    deadline: Deadline
    level: int
    at: datetime


class SendOthers(msgspec.Struct, frozen=True):
    """Nobody has acknowledged: the next nearest are to be sent as well."""

    deadline: Deadline
    at: datetime


def load_targets(city_file: Path | None = None) -> Targets:
    """The city's own targets where it has a file, else the built-in ones. Raises ValueError naming what is wrong."""
    path = city_file if city_file is not None and city_file.exists() else BUILT_IN
    try:
        targets = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Targets)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"targets {path} can't be read: {error}") from None
    for row in targets.target:
        if row.start not in _STARTS:
            raise ValueError(f"targets {path}: {row.step} starts from {row.start!r}; name one of {', '.join(_STARTS)}")
        if min(row.seconds) < 0:
            raise ValueError(f"targets {path}: {row.step} has {min(row.seconds):g} seconds; 0 means measured only")
    keys = [(row.step, row.area) for row in targets.target]
    if len(set(keys)) != len(keys):
        raise ValueError(f"targets {path}: {max(keys, key=keys.count)[0]} is declared twice for one area")
    if any(OnMiss.REPUSH in row.on_miss for row in targets.target if row.step != Step.ACKNOWLEDGE):
        raise ValueError(f"targets {path}: only a missed acknowledge sends others (repush); write alarm or supervise for the rest")
    if min(targets.repush_after_s, targets.climb_after_s) <= 0:
        raise ValueError(f"targets {path}: repush_after_s and climb_after_s must be more than 0")
    return targets


def deadlines(incident: Incident, targets: Targets) -> list[Deadline]:
    """What is due on an open incident, late or not, soonest first."""
    if not incident.is_open:
        return []
    return sorted(_running(incident, targets), key=lambda d: d.due_at)


def notices(incident: Incident, targets: Targets, levels: int) -> list[Notice]:
    """What has to be told next about each running step, and when. `levels`: how many there are, the owner's included."""
    found = []
    for deadline in deadlines(incident, targets):
        told = [index for index, miss in enumerate(incident.misses) if _is_of(miss, deadline)]
        if not told:
            found.append(Notice(deadline, 0, deadline.due_at))
            continue
        is_taken = told[-1] < incident.alarm_taken
        if deadline.on_miss != OnMiss.SUPERVISE and not is_taken and len(told) < levels:
            climbs_at = incident.misses[told[0]].due_at + timedelta(seconds=len(told) * targets.climb_after_s)
            found.append(Notice(deadline, len(told), climbs_at))
    return found


def others_to_send(incident: Incident, targets: Targets) -> list[SendOthers]:
    """Countdowns that run: pushes nobody has acknowledged in time, whose next nearest have not been sent."""
    answered = {a.because_of for a in incident.assignments} | set(incident.repush_stopped)
    missed = {miss.assignment_id for miss in incident.misses if miss.step == Step.ACKNOWLEDGE}
    return [
        SendOthers(deadline, deadline.due_at + timedelta(seconds=targets.repush_after_s))
        for deadline in deadlines(incident, targets)
        if deadline.on_miss == OnMiss.REPUSH and deadline.assignment_id in missed - answered
    ]


def is_done(incident: Incident, step: Step, assignment_id: str, round_: int) -> bool:
    """Whether the step needs no watching any more: done, or its crew is off the incident, or it belongs to an earlier round."""
    if step == Step.REVIEW:
        return incident.stage != Stage.FEEDBACK or round_ != incident.returns
    assignment = next((a for a in incident.assignments if a.assignment_id == assignment_id), None)
    return assignment is None or not assignment.is_active or _has_done(assignment, step)


def alarms(incident: Incident) -> list[Miss]:
    """Late steps that are still not done and that nobody has taken on; none of the quiet ones."""
    return [miss for miss in incident.misses[incident.alarm_taken :] if not miss.quiet and _is_still_late(incident, miss)]


def supervised(incident: Incident) -> list[Miss]:
    """Late steps for the supervision list 督办 that are still not done."""
    return [miss for miss in incident.misses if miss.quiet and _is_still_late(incident, miss)]


def _is_still_late(incident: Incident, miss: Miss) -> bool:
    return incident.is_open and not is_done(incident, miss.step, miss.assignment_id, miss.round)


def _running(incident: Incident, targets: Targets) -> Iterator[Deadline]:
    for number, assignment in enumerate(incident.assignments):
        if assignment.is_active and not assignment.service:
            for step in _DONE_BY:
                if not _has_done(assignment, step):
                    yield from _deadline(incident, targets, step, number, assignment)
    if incident.stage == Stage.FEEDBACK and incident.lead is not None:
        yield from _deadline(incident, targets, Step.REVIEW, incident.returns, incident.lead)


def _deadline(incident: Incident, targets: Targets, step: Step, round_: int, assignment: Assignment) -> Iterator[Deadline]:
    target = targets.of(step, incident.area)
    begun_at = None if target is None else getattr(assignment, _STARTS[target.start])
    if target is None or begun_at is None or not (seconds := target.seconds[_row(incident.grade)]):
        return
    due_at = begun_at + timedelta(seconds=seconds)
    on_miss = target.on_miss[_row(incident.grade)]
    if step == Step.REVIEW:
        yield Deadline(step, round_, due_at, on_miss)
    else:
        yield Deadline(step, round_, due_at, on_miss, assignment.assignment_id, assignment.unit_id)


def _row(grade: Grade) -> int:
    return int(grade) - 1


def _has_done(assignment: Assignment, step: Step) -> bool:
    return _ORDER.index(assignment.stage) >= _ORDER.index(_DONE_BY[step])


def _is_of(miss: Miss, deadline: Deadline) -> bool:
    if deadline.assignment_id:
        return (miss.step, miss.assignment_id) == (deadline.step, deadline.assignment_id)
    return (miss.step, miss.round) == (deadline.step, deadline.round)
