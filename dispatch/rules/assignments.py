"""Rules of the assignment: who is sent, and what the crew says about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dispatch.commands import (
    Acknowledge,
    Arrive,
    CallService,
    CheckIn,
    Clear,
    Depart,
    Feedback,
    MarkDelivered,
    MarkSeen,
    NameLead,
    Push,
    Reassign,
    Recall,
    Refuse,
    Reinforce,
    Repush,
    StopRepush,
    UnitCommand,
)
from dispatch.errors import NotPermitted, RuleViolation
from dispatch.events import (
    Acknowledged,
    AnyEvent,
    Arrived,
    CheckedIn,
    Departed,
    FeedbackGiven,
    LeadNamed,
    PushDelivered,
    PushRecalled,
    PushRefused,
    PushSeen,
    RepushStopped,
    ServiceCalled,
    UnitPushed,
    UnitReleased,
)
from dispatch.model import Assignment, AssignmentStage, Unit, UnitStatus
from dispatch.rules.case import CLOCK_TOLERANCE, Case, occurred_at, unit_name

Events = tuple[AnyEvent, ...]

ORDER = (
    AssignmentStage.PUSHED,
    AssignmentStage.ACKNOWLEDGED,
    AssignmentStage.EN_ROUTE,
    AssignmentStage.ON_SCENE,
    AssignmentStage.FEEDBACK,
)
ARRIVED = frozenset({AssignmentStage.ON_SCENE, AssignmentStage.FEEDBACK})


def push(case: Case[Push]) -> Events:
    """派警: sends units. One that is on it already stays on it."""
    return _pushes(case, "push")


def reinforce(case: Case[Reinforce]) -> Events:
    """增援: sends further units to an incident that has some."""
    if not case.incident.active_assignments:
        raise RuleViolation("no-unit-on-incident", f"{case.name} has no unit to reinforce; push instead.")
    return _pushes(case, "reinforce")


def reassign(case: Case[Reassign]) -> Events:
    """转派: lets go the crews on it and sends others, in one step. Other services that were called still come."""
    leaving = [a for a in case.incident.active_assignments if not a.service and a.unit_id not in case.command.unit_ids]
    pushes = _pushes(case, "reassign")
    return (*(_let_go(case, a, case.command.text) for a in leaving), *pushes)


def _pushes(case: Case[Push] | Case[Reinforce] | Case[Reassign] | Case[Repush], reason: str, because_of: str = "") -> Events:
    on_it = {a.unit_id for a in case.incident.active_assignments if not a.service}
    events = []
    for unit_id in case.command.unit_ids:
        if unit_id in on_it:
            continue
        promise = case.command.promises.get(unit_id)
        events.append(
            UnitPushed(
                incident_id=case.incident.incident_id,
                assignment_id=case.new_id(),
                unit_id=unit_id,
                reason=reason,
                promised_eta_s=None if promise is None else promise.eta_s,
                promised_distance_m=None if promise is None else promise.distance_m,
                promised_eta_p90_s=None if promise is None else promise.eta_p90_s,
                promised_turnout_s=None if promise is None else promise.turnout_s,
                auxiliary=case.picture.units[unit_id].auxiliary,
                because_of=because_of,
                leaves=_left_task(case.picture.units[unit_id]),
                arrive_within_s=case.command.arrive_within_s.get(unit_id),
            )
        )
    return tuple(events)


def _left_task(unit: Unit) -> str:
    """On record: no unit is called away from its task silently."""
    return unit.task or str(unit.status) if unit.status == UnitStatus.COMMITTED_DEPLOYABLE else ""


def repush(case: Case[Repush]) -> Events:
    """Nobody has acknowledged in time: sends others as well. Both crews are told; the first stays on until it is released."""
    incident, because_of = case.incident, case.command.because_of
    late = next((a for a in incident.assignments if a.assignment_id == because_of), None)
    is_late = late is not None and late.stage == AssignmentStage.PUSHED and because_of not in incident.repush_stopped
    if not is_late or any(a.because_of == because_of for a in incident.assignments):
        return ()
    return _pushes(case, "repush", because_of)


def stop_repush(case: Case[StopRepush]) -> Events:
    """The operator stops the countdown after which others would be sent."""
    incident, assignment_id = case.incident, case.command.assignment_id
    if all(a.assignment_id != assignment_id for a in incident.assignments):
        raise RuleViolation("not-assigned", f"{case.name} has no assignment {assignment_id}; check the id.")
    return () if assignment_id in incident.repush_stopped else (RepushStopped(incident.incident_id, assignment_id),)


def call_service(case: Case[CallService]) -> Events:
    """Asks another service to come: an assignment without a terminal, whose stages are entered at the desk."""
    service = case.command.service
    known = case.incident.assignment_of(service)
    if known is not None and known.is_active:
        return ()
    if service in case.picture.units:
        raise RuleViolation("no-service", f"{service} is a unit and no other service; push to it instead.")
    return (ServiceCalled(case.incident.incident_id, case.new_id(), service, case.command.text),)


def name_lead(case: Case[NameLead]) -> Events:
    """主责: makes one crew on it responsible; only its feedback can lead to closing."""
    if len(case.command.unit_ids) != 1:
        raise RuleViolation("units-not-named", f"{case.name} has one responsible crew; name exactly one unit in unit_ids.")
    assignment = named_assignment(case, case.command.unit_ids[0])
    _require_active(case, assignment)
    if assignment.auxiliary or assignment.service:
        detail = f"{unit_name(case, assignment.unit_id)} can't be responsible: it is no crew of police officers; name another."
        raise RuleViolation("never-responsible", detail)
    lead = case.incident.lead
    if lead is not None and lead.assignment_id == assignment.assignment_id:
        return ()
    return (LeadNamed(case.incident.incident_id, assignment.assignment_id, assignment.unit_id, case.command.text),)


def recall(case: Case[Recall]) -> Events:
    """撤回: takes pushes back; a unit that has arrived is released instead. Without `unit_ids`: every crew; a service only by name."""
    named = case.command.unit_ids or tuple(a.unit_id for a in case.incident.active_assignments if not a.service)
    if not named:
        raise RuleViolation(
            "no-unit-on-incident", f"{case.name} has no unit to recall; name a service that is to be called off in unit_ids."
        )
    assignments = [named_assignment(case, unit_id) for unit_id in named]
    return tuple(_let_go(case, a, case.command.text) for a in assignments if a.is_active)


def _let_go(case: Case[Any], assignment: Assignment, reason: str) -> PushRecalled | UnitReleased:
    event = UnitReleased if assignment.stage in ARRIVED else PushRecalled
    return event(case.incident.incident_id, assignment.assignment_id, assignment.unit_id, reason)


def delivered(case: Case[MarkDelivered]) -> Events:
    """The terminal has the push."""
    open_ = [a for a in own_assignments(case) if a.delivered_at is None]
    return tuple(PushDelivered(case.incident.incident_id, a.assignment_id) for a in open_)


def seen(case: Case[MarkSeen]) -> Events:
    """A person has opened the push."""
    open_ = [a for a in own_assignments(case) if a.seen_at is None]
    return tuple(PushSeen(case.incident.incident_id, a.assignment_id) for a in open_)


def acknowledge(case: Case[Acknowledge]) -> Events:
    """签收."""
    return _step(case, AssignmentStage.ACKNOWLEDGED, "acknowledged_at", Acknowledged)


def depart(case: Case[Depart]) -> Events:
    """出警. May come without an acknowledgement: by radio that is normal."""
    return _step(case, AssignmentStage.EN_ROUTE, "departed_at", Departed)


def arrive(case: Case[Arrive]) -> Events:
    """到场. May come without a departure, and wherever the crew's position is: button and position are both kept."""

    def arrived(incident_id: str, assignment_id: str, unit_id: str) -> Arrived:
        return Arrived(incident_id, assignment_id, unit_id, case.command.positions.get(unit_id))

    return _step(case, AssignmentStage.ON_SCENE, "arrived_at", arrived)


def _step(
    case: Case[Acknowledge] | Case[Depart] | Case[Arrive],
    stage: AssignmentStage,
    instant: str,
    event: Callable[[str, str, str], Acknowledged | Departed | Arrived],
) -> Events:
    """Forward only. A stage that was skipped keeps no time; one that is already reached is no breach and changes nothing."""
    events = []
    for assignment in own_assignments(case):
        if getattr(assignment, instant) is not None:
            continue
        _require_active(case, assignment)
        if ORDER.index(assignment.stage) > ORDER.index(stage):
            detail = (
                f"{unit_name(case, assignment.unit_id)} is already {assignment.stage} on {case.name.lower()}; it can't go back to {stage}."
            )
            raise RuleViolation("stage-backwards", detail)
        events.append(event(case.incident.incident_id, assignment.assignment_id, assignment.unit_id))
    return tuple(events)


def refuse(case: Case[Refuse]) -> Events:
    """The crew can't go and says why; only before it has set out."""
    events = []
    for assignment in own_assignments(case):
        if assignment.stage == AssignmentStage.REFUSED:
            continue
        _require_active(case, assignment)
        if ORDER.index(assignment.stage) > ORDER.index(AssignmentStage.ACKNOWLEDGED):
            detail = f"{unit_name(case, assignment.unit_id)} is {assignment.stage} and can't refuse any more; ask the desk to recall it."
            raise RuleViolation("stage-backwards", detail)
        events.append(PushRefused(case.incident.incident_id, assignment.assignment_id, assignment.unit_id, case.command.text))
    return tuple(events)


def check_in(case: Case[CheckIn]) -> Events:
    """报平安: the crew on the scene is well; its clock starts again. One that comes late, or after the feedback, changes nothing."""
    at = occurred_at(case.command, case.now)
    events = []
    for assignment in own_assignments(case):
        _require_active(case, assignment)
        if assignment.stage not in ARRIVED:
            name = unit_name(case, assignment.unit_id)
            raise RuleViolation("unit-not-arrived", f"{name} is {assignment.stage}; it checks in on the scene, report the arrival first.")
        known = assignment.checked_in_at
        if assignment.stage == AssignmentStage.ON_SCENE and (known is None or at > known):
            events.append(CheckedIn(case.incident.incident_id, assignment.assignment_id, assignment.unit_id))
    return tuple(events)


def feedback(case: Case[Feedback]) -> Events:
    """反馈. May be given more than once, and completed after the crew was released (补录)."""
    command = case.command
    if not command.text.strip() and not command.form:
        raise RuleViolation("text-missing", "Feedback is empty; give a text or a form.")
    events = []
    for assignment in own_assignments(case):
        if assignment.stage in (AssignmentStage.RECALLED, AssignmentStage.REFUSED):
            _require_active(case, assignment)
        events.append(FeedbackGiven(case.incident.incident_id, assignment.assignment_id, assignment.unit_id, command.text, command.form))
    return tuple(events)


def clear(case: Case[Clear]) -> Events:
    """The crew has finished there and is free again."""
    events = []
    for assignment in own_assignments(case):
        if assignment.stage == AssignmentStage.RELEASED:
            continue
        _require_active(case, assignment)
        if assignment.stage not in ARRIVED:
            name = unit_name(case, assignment.unit_id)
            detail = f"{name} is {assignment.stage}; it can be cleared after it has arrived, before that recall it."
            raise RuleViolation("unit-not-arrived", detail)
        events.append(UnitReleased(case.incident.incident_id, assignment.assignment_id, assignment.unit_id, case.command.text))
    return tuple(events)


def own_assignments(case: Case[Any]) -> list[Assignment]:
    """The assignments a crew's command is about: its own, or the ones the desk names on the crew's behalf."""
    command: UnitCommand = case.command
    own = case.actor.unit_id
    if own is not None:
        if command.unit_ids not in ((), (own,)):
            detail = f"{unit_name(case, own)} acts for itself only, not for {', '.join(command.unit_ids)}; leave unit_ids out."
            raise NotPermitted("not-own-unit", detail)
        named: tuple[str, ...] = (own,)
    elif command.unit_ids:
        named = command.unit_ids
    else:
        active = case.incident.active_assignments
        if len(active) != 1:
            on_it = ", ".join(a.unit_id for a in active) or "none"
            raise RuleViolation("units-not-named", f"{case.name} has {len(active)} units on it ({on_it}); name one in unit_ids.")
        named = (active[0].unit_id,)
    assignments = [named_assignment(case, unit_id) for unit_id in dict.fromkeys(named)]
    for assignment in assignments:
        _after_push(case, assignment)
    return assignments


def named_assignment(case: Case[Any], unit_id: str) -> Assignment:
    """The unit's newest assignment on the incident. Raises RuleViolation where it has none."""
    assignment = case.incident.assignment_of(unit_id)
    if assignment is None:
        raise RuleViolation("not-assigned", f"{unit_name(case, unit_id)} has not been pushed to {case.name.lower()}; push it first.")
    return assignment


def _after_push(case: Case[Any], assignment: Assignment) -> None:
    at = case.command.happened_at
    if at is not None and at < assignment.pushed_at - CLOCK_TOLERANCE:
        pushed = assignment.pushed_at.isoformat()
        detail = f"happened_at {at.isoformat()} is before {unit_name(case, assignment.unit_id)} was pushed ({pushed}); correct it."
        raise RuleViolation("before-push", detail)


def _require_active(case: Case[Any], assignment: Assignment) -> None:
    if not assignment.is_active:
        why = f" ({assignment.reason})" if assignment.reason else ""
        detail = (
            f"{unit_name(case, assignment.unit_id)} is not on {case.name.lower()} any more: {assignment.stage}{why}; push it again first."
        )
        raise RuleViolation("assignment-ended", detail)
