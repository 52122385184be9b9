"""Rules of putting right a stage that was pressed or entered wrongly. Nothing is deleted: an event supersedes another."""

from __future__ import annotations

from datetime import UTC, datetime

from dispatch.commands import CorrectStage
from dispatch.errors import RuleViolation
from dispatch.events import AnyEvent, StageCorrected
from dispatch.model import Assignment, AssignmentStage
from dispatch.rules.assignments import named_assignment
from dispatch.rules.case import Case, unit_name
from dispatch.rules.guards import incident_open, instant_plausible

Events = tuple[AnyEvent, ...]

# The instant of each stage that can be corrected, in the order in which they lie. When it was pushed is the desk's own act.
INSTANT_OF = {
    AssignmentStage.ACKNOWLEDGED: "acknowledged_at",
    AssignmentStage.EN_ROUTE: "departed_at",
    AssignmentStage.ON_SCENE: "arrived_at",
    AssignmentStage.FEEDBACK: "feedback_at",
}
# All instants of an assignment in that order; a check-in is made on the scene.
_IN_ORDER = ("pushed_at", "acknowledged_at", "departed_at", "arrived_at", "checked_in_at", "feedback_at", "ended_at")


def correct_stage(case: Case[CorrectStage]) -> Events:
    """Puts right when a stage was reached, or takes back the last one. Times stay in order; a reason is needed."""
    command = case.command
    if len(command.unit_ids) != 1:
        raise RuleViolation("units-not-named", f"unit_ids names {len(command.unit_ids)} units; name the one whose stage is corrected.")
    if command.stage not in INSTANT_OF:
        known = ", ".join(INSTANT_OF)
        raise RuleViolation("stage-not-correctable", f"The stage {command.stage} can't be corrected; name one of {known}.")
    assignment = named_assignment(case, command.unit_ids[0])
    was_at = getattr(assignment, INSTANT_OF[command.stage])
    if command.at is None:
        return _taken_back(case, assignment, was_at)
    if was_at is None:
        detail = f"{unit_name(case, assignment.unit_id)} has not reached {command.stage} on {case.name.lower()}; enter it first."
        raise RuleViolation("stage-not-reached", detail)
    instant_plausible("at", command.at, case.now)
    at = min(command.at, case.now).astimezone(UTC)
    if at == was_at:
        return ()
    _stays_in_order(case, assignment, at)
    return (_corrected(case, assignment, was_at, at),)


def _taken_back(case: Case[CorrectStage], assignment: Assignment, was_at: datetime | None) -> Events:
    """Only the stage the crew stands at, and only while it is on an open incident: what came after it would hang in the air."""
    if was_at is None:
        return ()
    incident_open(case)
    if assignment.stage != case.command.stage:
        detail = (
            f"{unit_name(case, assignment.unit_id)} is {assignment.stage} on {case.name.lower()}; only that can be taken back, "
            f"not {case.command.stage}. Correct its time instead."
        )
        raise RuleViolation("stage-not-last", detail)
    return (_corrected(case, assignment, was_at, None),)


def _stays_in_order(case: Case[CorrectStage], assignment: Assignment, at: datetime) -> None:
    own = _IN_ORDER.index(INSTANT_OF[case.command.stage])
    before = [t for name in _IN_ORDER[:own] if (t := getattr(assignment, name)) is not None]
    after = [t for name in _IN_ORDER[own + 1 :] if (t := getattr(assignment, name)) is not None]
    earliest, latest = max(before), min(after, default=case.now)
    if not earliest <= at <= latest:
        detail = (
            f"at {at.isoformat()} would put {case.command.stage} out of order; give a time from {earliest.isoformat()} "
            f"to {latest.isoformat()}, or correct the other stages first."
        )
        raise RuleViolation("stage-out-of-order", detail)


def _corrected(case: Case[CorrectStage], assignment: Assignment, was_at: datetime, at: datetime | None) -> StageCorrected:
    command = case.command
    return StageCorrected(
        incident_id=case.incident.incident_id,
        assignment_id=assignment.assignment_id,
        unit_id=assignment.unit_id,
        stage=command.stage,
        was_at=was_at,
        at=at,
        text=command.text,
        position=command.position if at is not None and command.stage == AssignmentStage.ON_SCENE else None,
    )
