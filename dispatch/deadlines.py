"""When each step of the loop is due, and what is to be done when it is late. Pure: f(incident, targets, instant).

A step's clock starts from an event, which the targets name. What was noticed to be late stands in the incident itself
(`Incident.misses`), so that after a restart nothing is told twice and nothing is forgotten.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec

from dispatch.model import Area, Assignment, AssignmentStage, Grade, Incident, Miss, Stage, Step

BUILT_IN = Path(__file__).with_name("targets.toml")

# The instants a clock can start from, by the event that brings them, in the order of the loop.
_STARTS = {
    "unit_pushed": "pushed_at",
    "acknowledged": "acknowledged_at",
    "departed": "departed_at",
    "arrived": "arrived_at",
    "feedback_given": "feedback_at",
}
# The events from which a step's clock may start: those that come before it. What is reviewed is the newest feedback.
_MAY_START = {
    Step.ACKNOWLEDGE: ("unit_pushed",),
    Step.DEPART: ("unit_pushed", "acknowledged"),
    Step.ARRIVE: ("unit_pushed", "acknowledged", "departed"),
    Step.FEEDBACK: ("unit_pushed", "acknowledged", "departed", "arrived"),
    Step.REVIEW: ("feedback_given",),
}
_TARGETED = tuple(_MAY_START)  # steps that have rows; when a crew checks in is another table
_YEAR_S = 365 * 86_400.0  # a target or a countdown that is longer is a slip of the pen
# A crew that stands here or further has done the step; a stage may be left out.
_DONE_BY = {
    Step.ACKNOWLEDGE: AssignmentStage.ACKNOWLEDGED,
    Step.DEPART: AssignmentStage.EN_ROUTE,
    Step.ARRIVE: AssignmentStage.ON_SCENE,
    Step.FEEDBACK: AssignmentStage.FEEDBACK,
}
_ORDER = tuple(AssignmentStage)
# In a round, corrections are counted by this; far more than a crew's number on an incident or its check-ins there.
_CORRECTED = 100_000


class OnMiss(StrEnum):
    """What a missed target leads to."""

    REPUSH = "repush"
    ALARM = "alarm"
    SUPERVISE = "supervise"


class Target(msgspec.Struct, frozen=True, rename={"start": "from"}, forbid_unknown_fields=True):
    """One row: how long a step may take, for the grades 1 to 4."""

    step: Step
    start: str  # name of the event its clock starts from
    seconds: tuple[float, float, float, float]  # 0: measured only
    on_miss: tuple[OnMiss, OnMiss, OnMiss, OnMiss]
    area: Area | None = None  # None: wherever it is


class CheckIns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long after its arrival, and after each answer, a crew on the scene is asked whether all is well."""

    seconds: tuple[float, float, float, float]  # for the grades 1 to 4; 0: never
    types: tuple[str, ...] = ()  # of incident; empty: all that no other row names


class Targets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The targets of a city."""

    target: tuple[Target, ...]
    repush_after_s: float
    climb_after_s: float
    check_in_grace_s: float = 60.0  # from the question to the alarm
    check_in: tuple[CheckIns, ...] = ()  # none: nobody is asked

    def check_in_every_s(self, incident: Incident) -> float:
        """Seconds after which a crew on the scene is asked; 0: never. The first row that names the type, else the one that names none."""
        rows = [row for row in self.check_in if incident.incident_type in row.types] or [row for row in self.check_in if not row.types]
        return rows[0].seconds[int(incident.grade) - 1] if rows else 0.0

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
    ask_at: datetime | None = None  # of a check-in alone: when the crew is asked; it is due a while after


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
    """The city's own targets where it has a file, else the built-in ones (docs/targets.md). Raises ValueError naming what is wrong."""
    path = city_file if city_file is not None and city_file.exists() else BUILT_IN
    try:
        targets = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Targets)
    except (OSError, msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"targets {path} can't be read: {error}") from None
    for fault in _faults(targets):
        raise ValueError(f"targets {path}: {fault}")
    return targets


def _faults(targets: Targets) -> Iterator[str]:
    for name in ("repush_after_s", "climb_after_s", "check_in_grace_s"):
        if not 0 < getattr(targets, name) <= _YEAR_S:
            yield f"{name} is {getattr(targets, name):g}; give seconds, more than 0 and at most a year"
    for row in targets.target:
        if row.step not in _TARGETED:
            yield f"{row.step} is no row of [[target]]; write [[{row.step}]]"
            continue
        if row.start not in _MAY_START[row.step]:
            yield f"{row.step} starts from {row.start!r}; name one of {', '.join(_MAY_START[row.step])}"
        for seconds in row.seconds:
            if not 0 <= seconds <= _YEAR_S:
                yield f"{row.step} has {seconds:g} seconds; give at most a year, 0 for measured only"
        if OnMiss.REPUSH in row.on_miss and row.step != Step.ACKNOWLEDGE:
            yield f"{row.step} can't send others (repush), only a missed acknowledge does; write alarm or supervise"
    yield from _check_in_faults(targets)
    for step, area in itertools.product(_TARGETED, Area):
        count = sum(row.step == step and row.area in (None, area) for row in targets.target)
        if count != 1:
            yield f"{step} has {count} rows for {area}; give one for each area or one without area, with 0 seconds for measured only"


def _check_in_faults(targets: Targets) -> Iterator[str]:
    for row in targets.check_in:
        for seconds in row.seconds:
            if not 0 <= seconds <= _YEAR_S:
                yield f"check_in has {seconds:g} seconds; give at most a year, 0 for never"
    if sum(not row.types for row in targets.check_in) > 1:
        yield "check_in has several rows without types; give one for all types that no other row names"


def deadlines(incident: Incident, targets: Targets) -> list[Deadline]:
    """What is due on an open incident, late or not, soonest first."""
    if not incident.is_open:
        return []
    return sorted(_running(incident, targets), key=lambda d: d.due_at)


def notices(incident: Incident, targets: Targets, levels: int) -> list[Notice]:
    """What has to be told next about each running step, and when. `levels`: how many there are, the owner's included."""
    found = []
    for deadline in deadlines(incident, targets):
        is_quiet = deadline.on_miss == OnMiss.SUPERVISE
        # Where the grade has changed, what was told quietly was no alarm, and an alarm is no entry on the supervision list.
        told = [index for index, miss in enumerate(incident.misses) if miss.quiet == is_quiet and _is_of(miss, deadline)]
        if not told:
            found.append(Notice(deadline, 0, deadline.due_at))
        elif not is_quiet and told[-1] >= incident.alarm_taken and len(told) < levels:
            found.append(Notice(deadline, len(told), _after(incident.misses[told[-1]], deadline, targets.climb_after_s)))
    return found


def others_to_send(incident: Incident, targets: Targets) -> list[SendOthers]:
    """Countdowns that run: pushes nobody has acknowledged in time, whose next nearest have not been sent."""
    answered = {a.because_of for a in incident.assignments} | set(incident.repush_stopped)
    alarmed = [miss for miss in incident.misses if miss.step == Step.ACKNOWLEDGE and miss.level == 0 and not miss.quiet]
    return [
        SendOthers(deadline, _after(miss, deadline, targets.repush_after_s))
        for deadline in deadlines(incident, targets)
        if deadline.on_miss == OnMiss.REPUSH and deadline.assignment_id not in answered
        for miss in alarmed
        if _is_of(miss, deadline)
    ]


def _after(told: Miss, deadline: Deadline, seconds: float) -> datetime:
    """So long after people could know: nobody is passed over because the grade was raised, or nothing ran, when it became due."""
    return max(told.told_at, deadline.due_at) + timedelta(seconds=seconds)


def is_done(incident: Incident, step: Step, assignment_id: str, round_: int) -> bool:
    """Whether the step needs no watching any more: done, its crew off the incident (as all are when it ends), or of an earlier round."""
    if step == Step.HELP:
        return not _calls_for_help(incident) or round_ != incident.help_calls
    if step == Step.SEND:
        refused = _left_alone(incident)
        return refused is None or refused[1].assignment_id != assignment_id
    if step == Step.REVIEW:
        return incident.stage != Stage.FEEDBACK or round_ != incident.review_round
    number, assignment = next(((n, a) for n, a in enumerate(incident.assignments) if a.assignment_id == assignment_id), (0, None))
    if assignment is None or not assignment.is_active or round_ != _round(number, assignment, step):
        return True
    return assignment.stage != AssignmentStage.ON_SCENE if step == Step.CHECK_IN else _has_done(assignment, step)


def _round(number: int, assignment: Assignment, step: Step) -> int:
    """Tells repeated deadlines of one crew's step apart: each check-in is another, and a corrected stage begins those that hang on it anew.

    What was told of a step before the correction was told by a time that is not true.
    """
    if step == Step.CHECK_IN:
        return assignment.check_ins + _CORRECTED * assignment.corrected.count(AssignmentStage.ON_SCENE)
    reached = _ORDER.index(_DONE_BY[step])
    return number + _CORRECTED * sum(_ORDER.index(stage) <= reached for stage in assignment.corrected)


def alarms(incident: Incident) -> list[Miss]:
    """Late steps that are still not done and that nobody has taken on; none of the quiet ones."""
    return [miss for miss in incident.misses[incident.alarm_taken :] if not miss.quiet and _is_still_late(incident, miss)]


def supervised(incident: Incident) -> list[Miss]:
    """Late steps for the supervision list 督办 that are still not done."""
    return [miss for miss in incident.misses if miss.quiet and _is_still_late(incident, miss)]


def _is_still_late(incident: Incident, miss: Miss) -> bool:
    return not is_done(incident, miss.step, miss.assignment_id, miss.round)


def _running(incident: Incident, targets: Targets) -> Iterator[Deadline]:
    row = int(incident.grade) - 1
    for number, assignment in enumerate(incident.assignments):
        if not assignment.is_active or assignment.service:
            continue
        for step in _DONE_BY:
            target = targets.of(step, incident.area)
            due_at = None if target is None or _has_done(assignment, step) else _due_at(incident, assignment, target)
            if target is not None and due_at is not None:
                yield Deadline(
                    step, _round(number, assignment, step), due_at, target.on_miss[row], assignment.assignment_id, assignment.unit_id
                )
        if (check_in := _check_in(incident, number, assignment, targets)) is not None:
            yield check_in
    if (refused := _left_alone(incident)) is not None:
        number, crew = refused
        due_at = (crew.ended_at or crew.pushed_at) + timedelta(seconds=targets.repush_after_s)
        on_miss = OnMiss.ALARM if incident.grade <= Grade.URGENT else OnMiss.SUPERVISE
        yield Deadline(Step.SEND, number, due_at, on_miss, crew.assignment_id, crew.unit_id)
    if incident.help_at is not None and _calls_for_help(incident):
        yield Deadline(Step.HELP, incident.help_calls, incident.help_at, OnMiss.ALARM)
    review = targets.of(Step.REVIEW, incident.area)
    if incident.stage == Stage.FEEDBACK and review is not None and review.seconds[row]:
        due_at = incident.stage_since + timedelta(seconds=review.seconds[row])
        yield Deadline(Step.REVIEW, incident.review_round, due_at, review.on_miss[row])


def _left_alone(incident: Incident) -> tuple[int, Assignment] | None:
    """The crew that refused, and its number, where with it the last one went and nobody has been there: the desk thinks that it comes.

    A crew that the desk itself has let go is no surprise to it.
    """
    crews = [(number, a) for number, a in enumerate(incident.assignments) if number >= incident.round_start and not a.service]
    if not crews or not incident.is_open or any(a.is_active or a.arrived_at or a.feedback_at for _, a in crews):
        return None
    number, last = max(crews, key=lambda one: (one[1].ended_at or one[1].pushed_at, one[0]))
    return (number, last) if last.stage == AssignmentStage.REFUSED else None


def _calls_for_help(incident: Incident) -> bool:
    """Whether a crew's call for help is still unheard: nobody was sent since. It is due at once, and loud until it is taken on."""
    return incident.is_open and incident.help_at is not None and all(a.pushed_at < incident.help_at for a in incident.assignments)


def _check_in(incident: Incident, number: int, assignment: Assignment, targets: Targets) -> Deadline | None:
    """When the crew on the scene has to have answered next; its feedback ends that."""
    every_s, since = targets.check_in_every_s(incident), assignment.checked_in_at or assignment.arrived_at
    if not every_s or since is None or assignment.stage != AssignmentStage.ON_SCENE:
        return None
    ask_at = since + timedelta(seconds=every_s)
    due_at = ask_at + timedelta(seconds=targets.check_in_grace_s)
    round_ = _round(number, assignment, Step.CHECK_IN)
    return Deadline(Step.CHECK_IN, round_, due_at, OnMiss.ALARM, assignment.assignment_id, assignment.unit_id, ask_at)


def _due_at(incident: Incident, assignment: Assignment, target: Target) -> datetime | None:
    """When a step that has begun is due; None where it is measured only. A duty circle binds the arrival at grade 1, if that is sooner."""
    begun_at, seconds = _begun_at(assignment, target), target.seconds[int(incident.grade) - 1]
    by_target = begun_at + timedelta(seconds=seconds) if begun_at is not None and seconds else None
    if target.step != Step.ARRIVE or incident.grade != Grade.MAJOR or assignment.arrive_within_s is None:
        return by_target
    by_circle = assignment.pushed_at + timedelta(seconds=assignment.arrive_within_s)
    return by_circle if by_target is None else min(by_target, by_circle)


def _begun_at(assignment: Assignment, target: Target) -> datetime | None:
    """When the clock started: at the event the target names, or at the one by which the crew went past it."""
    names = list(_STARTS)
    instants = [getattr(assignment, _STARTS[name]) for name in names[names.index(target.start) :]]
    return next((at for at in instants if at is not None), None)


def _has_done(assignment: Assignment, step: Step) -> bool:
    return _ORDER.index(assignment.stage) >= _ORDER.index(_DONE_BY[step])


def _is_of(miss: Miss, deadline: Deadline) -> bool:
    if deadline.assignment_id:
        return (miss.step, miss.assignment_id, miss.round) == (deadline.step, deadline.assignment_id, deadline.round)
    return (miss.step, miss.round) == (deadline.step, deadline.round)
