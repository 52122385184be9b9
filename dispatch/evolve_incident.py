"""What one incident is after one more of its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dispatch.claims import claim_after
from dispatch.codes import OFFICER_EMERGENCY, PANIC_SOURCE
from dispatch.events import (
    Acknowledged,
    AfterActionRevised,
    AfterActionSigned,
    AlarmTaken,
    AnyEvent,
    Arrived,
    CallAdded,
    CalledBack,
    CheckedIn,
    CommentAdded,
    DeadlineMissed,
    Departed,
    FeedbackGiven,
    FindingAdded,
    HandoverAccepted,
    HandoverOffered,
    HandoverRefused,
    HelpCalledAgain,
    IncidentClassified,
    IncidentClosed,
    IncidentEnded,
    IncidentEscalated,
    IncidentLocated,
    IncidentMerged,
    IncidentReceived,
    IncidentReopened,
    IncidentReturned,
    IncidentReviewed,
    IncidentsToldApart,
    LeadNamed,
    NoteAdded,
    NoteRead,
    PushDelivered,
    PushRecalled,
    PushRefused,
    PushSeen,
    Recorded,
    RepushStopped,
    ServiceCalled,
    StageCorrected,
    UnitPushed,
    UnitReleased,
    UploadAdded,
)
from dispatch.evolve_after_action import AfterActionEvent, evolve_after_action
from dispatch.model import Assignment, AssignmentStage, Incident, Miss, Note, Reading, Stage

Changes = dict[str, Any]

KEPT_HELP_IDS = 50  # a phone sends a call for help again until it is answered, not for ever

# How far an active assignment carries its incident.
STAGE_BY_ASSIGNMENT_STAGE = {
    AssignmentStage.PUSHED: Stage.PUSHED,
    AssignmentStage.ACKNOWLEDGED: Stage.ACKNOWLEDGED,
    AssignmentStage.EN_ROUTE: Stage.EN_ROUTE,
    AssignmentStage.ON_SCENE: Stage.ON_SCENE,
    AssignmentStage.FEEDBACK: Stage.FEEDBACK,
}
LOOP_ORDER = tuple(Stage)
# Channels by which a crew's stage is its own word, or its own position's: the instant is the one at which it was so.
OWN_WORD = frozenset({"terminal", "position"})
# Of one incident: what its crews and desks may still have to read; each change of it carries them to every screen.
KEPT_NOTES = 10


def evolve_incident(incident: Incident | None, recorded: Recorded) -> Incident | None:
    """The incident after `recorded`; None when the event is of an incident nobody has received."""
    body = recorded.body
    if isinstance(body, IncidentReceived):
        return _received(recorded, body)
    if incident is None:
        return None
    change = _CHANGES.get(type(body))
    changed = msgspec.structs.replace(
        incident,
        version=recorded.incident_version or incident.version,
        **(change(incident, body, recorded) if change is not None else {}),
    )
    claim = claim_after(changed, recorded)
    if claim is not changed.claim:
        changed = msgspec.structs.replace(changed, claim=claim)
    stage, lead_id = changed.stage, changed.lead_id
    if changed.is_open:
        lead = changed.lead
        stage, lead_id = derived_stage(changed), "" if lead is None else lead.assignment_id
    if stage == incident.stage:
        return msgspec.structs.replace(changed, stage=stage, lead_id=lead_id)
    return msgspec.structs.replace(
        changed,
        stage=stage,
        lead_id=lead_id,
        stage_since=recorded.occurred_at,
        review_round=changed.review_round + (stage == Stage.FEEDBACK),
    )


def derived_stage(incident: Incident) -> Stage:
    """Stage of an open incident: as far as its furthest assignment since it was received or last reopened.

    Feedback counts from the responsible crew alone; another crew that has given some is still on scene.
    """
    lead = incident.lead
    reached = [Stage.RECEIVED]
    for assignment in incident.assignments[incident.round_start :]:
        stage = _reached(assignment)
        if stage == Stage.FEEDBACK and assignment is not lead:
            stage = Stage.ON_SCENE
        if stage is not None:
            reached.append(stage)
    stage = max(reached, key=LOOP_ORDER.index)
    if stage == Stage.FEEDBACK and incident.returned:
        return Stage.ON_SCENE
    return Stage.REVIEWED if stage == Stage.FEEDBACK and incident.reviewed else stage


def _reached(assignment: Assignment) -> Stage | None:
    """What the assignment says about its incident; a unit that was let go before it arrived says nothing any more."""
    if assignment.is_active:
        return STAGE_BY_ASSIGNMENT_STAGE[assignment.stage]
    if assignment.feedback_at is not None:
        return Stage.FEEDBACK
    return Stage.ON_SCENE if assignment.stage == AssignmentStage.RELEASED else None


def _received(recorded: Recorded, body: IncidentReceived) -> Incident:
    is_panic = body.incident_type == OFFICER_EMERGENCY and body.source == PANIC_SOURCE and recorded.on_behalf_of is not None
    return Incident(
        incident_id=body.incident_id,
        number=body.number,
        incident_type=body.incident_type,
        grade=body.grade,
        text=body.text,
        org_code=body.org_code,
        stage=Stage.RECEIVED,
        stage_since=recorded.recorded_at,
        called_at=body.called_at,
        received_at=recorded.recorded_at,
        version=recorded.incident_version or 1,
        lon=body.lon,
        lat=body.lat,
        accuracy_m=body.accuracy_m,
        address=body.address,
        source=body.source,
        source_id=body.source_id,
        has_caller=body.caller_digest is not None,
        area=body.area,
        split_from=body.split_from,
        help_for=recorded.on_behalf_of or "" if is_panic else "",
        help_calls=int(is_panic),
        help_at=body.called_at if is_panic else None,
        help_ids=(body.source_id,) if is_panic and body.source_id is not None else (),
    )


def _help_again(incident: Incident, body: HelpCalledAgain, recorded: Recorded) -> Changes:
    ids = incident.help_ids if body.held_id is None else (*incident.help_ids, body.held_id)[-KEPT_HELP_IDS:]
    at = recorded.occurred_at if incident.help_at is None else max(incident.help_at, recorded.occurred_at)
    return {"help_calls": incident.help_calls + 1, "help_at": at, "help_ids": ids}


def _replaced(incident: Incident, assignment_id: str, **changes: Any) -> tuple[Assignment, ...]:
    return tuple(msgspec.structs.replace(a, **changes) if a.assignment_id == assignment_id else a for a in incident.assignments)


def _classified(incident: Incident, body: IncidentClassified, recorded: Recorded) -> Changes:
    return {"incident_type": body.incident_type, "grade": body.grade, "text": body.text}


def _located(incident: Incident, body: IncidentLocated, recorded: Recorded) -> Changes:
    assignments = tuple(
        msgspec.structs.replace(
            a,
            promised_eta_s=promise.eta_s,
            promised_distance_m=promise.distance_m,
            promised_eta_p90_s=promise.eta_p90_s,
            promised_turnout_s=promise.turnout_s,
            promised_at=recorded.occurred_at,
        )
        if a.is_active and (promise := body.promises.get(a.unit_id)) is not None
        else a
        for a in incident.assignments
    )
    bound = body.arrive_within_s  # another place, another duty circle, or none
    assignments = tuple(
        msgspec.structs.replace(a, arrive_within_s=bound.get(a.unit_id)) if a.is_active and a.arrive_within_s != bound.get(a.unit_id) else a
        for a in assignments
    )
    return {
        **_owned_by(incident, body.org_code),
        "lon": body.lon,
        "lat": body.lat,
        "accuracy_m": body.accuracy_m,
        "address": body.address,
        "area": body.area,
        "assignments": assignments,
    }


def _owned_by(incident: Incident, org_code: str) -> Changes:
    """The owner; what it had been offered or asked to look at before is its own now."""
    return {
        "org_code": org_code,
        "handover_to": "" if incident.handover_to == org_code else incident.handover_to,
        "escalated_to": "" if incident.escalated_to == org_code else incident.escalated_to,
    }


def _pushed(incident: Incident, body: UnitPushed, recorded: Recorded) -> Changes:
    assignment = Assignment(
        assignment_id=body.assignment_id,
        unit_id=body.unit_id,
        stage=AssignmentStage.PUSHED,
        pushed_at=recorded.occurred_at,
        pushed_by=recorded.actor,
        promised_eta_s=body.promised_eta_s,
        promised_distance_m=body.promised_distance_m,
        promised_eta_p90_s=body.promised_eta_p90_s,
        promised_turnout_s=body.promised_turnout_s,
        promised_at=recorded.occurred_at,
        entered=(),
        auxiliary=body.auxiliary,
        because_of=body.because_of,
        arrive_within_s=body.arrive_within_s,
    )
    return {"assignments": (*incident.assignments, assignment), "reviewed": False}


def _service_called(incident: Incident, body: ServiceCalled, recorded: Recorded) -> Changes:
    assignment = Assignment(
        assignment_id=body.assignment_id,
        unit_id=body.service,
        stage=AssignmentStage.PUSHED,
        pushed_at=recorded.occurred_at,
        pushed_by=recorded.actor,
        service=body.service,
    )
    return {"assignments": (*incident.assignments, assignment)}


def _lead_named(incident: Incident, body: LeadNamed, recorded: Recorded) -> Changes:
    return {"lead_id": body.assignment_id, "reviewed": False}


def _repush_stopped(incident: Incident, body: RepushStopped, recorded: Recorded) -> Changes:
    return {"repush_stopped": (*incident.repush_stopped, body.assignment_id)}


def _delivered(incident: Incident, body: PushDelivered, recorded: Recorded) -> Changes:
    return {"assignments": _replaced(incident, body.assignment_id, delivered_at=recorded.occurred_at)}


def _seen(incident: Incident, body: PushSeen, recorded: Recorded) -> Changes:
    return {"assignments": _replaced(incident, body.assignment_id, seen_at=recorded.occurred_at)}


def _step(stage: AssignmentStage, instant: str) -> Callable[[Incident, Any, Recorded], Changes]:
    def change(incident: Incident, body: Acknowledged | Departed, recorded: Recorded) -> Changes:
        reached = {"stage": stage, instant: recorded.occurred_at, "entered": _entered(incident, body.assignment_id, stage, recorded)}
        return {"assignments": _replaced(incident, body.assignment_id, **reached)}

    return change


def _arrived(incident: Incident, body: Arrived, recorded: Recorded) -> Changes:
    reached: Changes = {"stage": AssignmentStage.ON_SCENE, "arrived_at": recorded.occurred_at, "arrival": body.position}
    reached["entered"] = _entered(incident, body.assignment_id, AssignmentStage.ON_SCENE, recorded)
    return {"assignments": _replaced(incident, body.assignment_id, **reached)}


def _entered(incident: Incident, assignment_id: str, stage: AssignmentStage, recorded: Recorded) -> tuple[AssignmentStage, ...] | None:
    """The assignment's stages that others have entered, with this one if its channel says so."""
    one = next((a for a in incident.assignments if a.assignment_id == assignment_id), None)
    known = None if one is None else one.entered
    return known if known is None or recorded.channel in OWN_WORD else (*known, stage)


def _checked_in(incident: Incident, body: CheckedIn, recorded: Recorded) -> Changes:
    assignments = tuple(
        msgspec.structs.replace(a, checked_in_at=recorded.occurred_at, check_ins=a.check_ins + 1)
        if a.assignment_id == body.assignment_id
        else a
        for a in incident.assignments
    )
    return {"assignments": assignments}


# Instants of an assignment by the stage they lead to, the furthest first.
_INSTANT_OF = {
    AssignmentStage.FEEDBACK: "feedback_at",
    AssignmentStage.ON_SCENE: "arrived_at",
    AssignmentStage.EN_ROUTE: "departed_at",
    AssignmentStage.ACKNOWLEDGED: "acknowledged_at",
}


def _corrected(incident: Incident, body: StageCorrected, recorded: Recorded) -> Changes:
    """Another time; or none, and the crew stands where it stood before. A review of feedback that is taken back is void."""
    one = next((a for a in incident.assignments if a.assignment_id == body.assignment_id), None)
    if one is None or body.stage not in _INSTANT_OF:
        return {}
    changes: Changes = {_INSTANT_OF[body.stage]: body.at, "corrected": (*one.corrected, body.stage)}
    if body.stage == AssignmentStage.ON_SCENE:
        changes |= {"arrival": body.position} | ({"checked_in_at": None} if body.at is None else {})
    if body.at is None:
        left = (stage for stage, name in _INSTANT_OF.items() if stage != body.stage and getattr(one, name) is not None)
        changes["stage"] = next(left, AssignmentStage.PUSHED)
    is_void = body.at is None and body.stage == AssignmentStage.FEEDBACK
    return {"assignments": _replaced(incident, body.assignment_id, **changes), **({"reviewed": False} if is_void else {})}


def _let_go(stage: AssignmentStage) -> Callable[[Incident, Any, Recorded], Changes]:
    def change(incident: Incident, body: PushRecalled | PushRefused | UnitReleased, recorded: Recorded) -> Changes:
        ended = _replaced(incident, body.assignment_id, stage=stage, ended_at=recorded.occurred_at, reason=body.reason)
        return {"assignments": ended}

    return change


def _feedback(incident: Incident, body: FeedbackGiven, recorded: Recorded) -> Changes:
    asked, done = _checks(body.form)
    assignments = tuple(
        msgspec.structs.replace(
            a,
            stage=AssignmentStage.FEEDBACK if a.is_active else a.stage,
            feedback_at=a.feedback_at or recorded.occurred_at,
            checks=asked,
            checks_done=done,
        )
        if a.assignment_id == body.assignment_id
        else a
        for a in incident.assignments
    )
    lead = msgspec.structs.replace(incident, assignments=assignments).lead
    is_of_lead = lead is not None and lead.assignment_id == body.assignment_id
    return {"assignments": assignments, "reviewed": False, "returned": incident.returned and not is_of_lead}


def _checks(form: dict[str, Any]) -> tuple[int, int]:
    """Items of a feedback's check-list, and how many of them were seen to; (0, 0) where it has none."""
    checks = form.get("checks")
    if not isinstance(checks, dict):
        return 0, 0
    return len(checks), sum(is_done is True for is_done in checks.values())


def _reviewed(incident: Incident, body: IncidentReviewed, recorded: Recorded) -> Changes:
    return {"reviewed": True, "returned": False, "reviewed_at": recorded.occurred_at}


def _returned(incident: Incident, body: IncidentReturned, recorded: Recorded) -> Changes:
    return {"reviewed": False, "returned": True}


def _ended(incident: Incident, stage: Stage, disposition: str, recorded: Recorded) -> Changes:
    assignments = tuple(
        msgspec.structs.replace(a, stage=AssignmentStage.RELEASED, ended_at=recorded.occurred_at) if a.is_active else a
        for a in incident.assignments
    )
    return {"stage": stage, "disposition": disposition, "assignments": assignments}


def _closed(incident: Incident, body: IncidentClosed, recorded: Recorded) -> Changes:
    return _ended(incident, Stage.CLOSED, body.disposition, recorded)


def _ended_otherwise(incident: Incident, body: IncidentEnded, recorded: Recorded) -> Changes:
    return _ended(incident, body.stage, body.to, recorded)


def _reopened(incident: Incident, body: IncidentReopened, recorded: Recorded) -> Changes:
    return {
        "stage": Stage.RECEIVED,
        "round_start": len(incident.assignments),
        "reviewed": False,
        "reviewed_at": None,
        "returned": False,
        "disposition": "",
        "escalated_to": "",
        "handover_to": "",
        "called_back": False,
    }


def _called_back(incident: Incident, body: CalledBack, recorded: Recorded) -> Changes:
    return {"called_back": True}


def _merged(incident: Incident, body: IncidentMerged, recorded: Recorded) -> Changes:
    return {**_ended(incident, Stage.MERGED, "", recorded), "merged_into": body.into}


def _call_added(incident: Incident, body: CallAdded, recorded: Recorded) -> Changes:
    return {"merged_from": (*incident.merged_from, body.from_id)}


def _told_apart(incident: Incident, body: IncidentsToldApart, recorded: Recorded) -> Changes:
    return {"told_apart": (*incident.told_apart, body.other_id)}


def _escalated(incident: Incident, body: IncidentEscalated, recorded: Recorded) -> Changes:
    return {"escalated_to": body.to_org_code}


def _handover_offered(incident: Incident, body: HandoverOffered, recorded: Recorded) -> Changes:
    return {"handover_to": body.to_org_code}


def _handover_accepted(incident: Incident, body: HandoverAccepted, recorded: Recorded) -> Changes:
    return {**_owned_by(incident, body.org_code), "handed_over": True}


def _handover_refused(incident: Incident, body: HandoverRefused, recorded: Recorded) -> Changes:
    return {"handover_to": ""}


def _missed(incident: Incident, body: DeadlineMissed, recorded: Recorded) -> Changes:
    miss = Miss(body.step, body.round, body.level, body.org_code, body.due_at, recorded.occurred_at, body.assignment_id, body.quiet)
    return {"misses": (*incident.misses, miss)}


def _alarm_taken(incident: Incident, body: AlarmTaken, recorded: Recorded) -> Changes:
    return {"alarm_taken": len(incident.misses)}


def _noted(incident: Incident, body: NoteAdded, recorded: Recorded) -> Changes:
    if not body.note_id:  # of before notes could be read
        return {}
    note = Note(body.note_id, body.text, recorded.actor, recorded.occurred_at, body.to_units, body.by_unit)
    return {"notes": (*incident.notes, note)[-KEPT_NOTES:]}


def _note_read(incident: Incident, body: NoteRead, recorded: Recorded) -> Changes:
    reading = Reading(body.unit_id or recorded.actor, recorded.occurred_at, body.org_code)
    return {
        "notes": tuple(
            msgspec.structs.replace(one, reads=(*one.reads, reading)) if one.note_id == body.note_id else one for one in incident.notes
        )
    }


def _after_action(incident: Incident, body: AfterActionEvent, recorded: Recorded) -> Changes:
    return {"after_action": evolve_after_action(incident.after_action, body, recorded)}


def _upload(incident: Incident, body: UploadAdded, recorded: Recorded) -> Changes:
    return {"uploads": incident.uploads + 1}


# Which function answers which event; one that is not here (a claim) only raises the version. Claims: `dispatch.claims`.
_CHANGES: dict[type[AnyEvent], Callable[[Incident, Any, Recorded], Changes]] = {
    HelpCalledAgain: _help_again,
    IncidentClassified: _classified,
    IncidentLocated: _located,
    UnitPushed: _pushed,
    PushDelivered: _delivered,
    PushSeen: _seen,
    Acknowledged: _step(AssignmentStage.ACKNOWLEDGED, "acknowledged_at"),
    Departed: _step(AssignmentStage.EN_ROUTE, "departed_at"),
    Arrived: _arrived,
    CheckedIn: _checked_in,
    StageCorrected: _corrected,
    FeedbackGiven: _feedback,
    PushRecalled: _let_go(AssignmentStage.RECALLED),
    PushRefused: _let_go(AssignmentStage.REFUSED),
    UnitReleased: _let_go(AssignmentStage.RELEASED),
    IncidentReviewed: _reviewed,
    IncidentReturned: _returned,
    IncidentClosed: _closed,
    IncidentEnded: _ended_otherwise,
    IncidentReopened: _reopened,
    RepushStopped: _repush_stopped,
    ServiceCalled: _service_called,
    LeadNamed: _lead_named,
    CalledBack: _called_back,
    IncidentMerged: _merged,
    CallAdded: _call_added,
    IncidentsToldApart: _told_apart,
    IncidentEscalated: _escalated,
    HandoverOffered: _handover_offered,
    HandoverAccepted: _handover_accepted,
    HandoverRefused: _handover_refused,
    DeadlineMissed: _missed,
    AlarmTaken: _alarm_taken,
    NoteAdded: _noted,
    NoteRead: _note_read,
    UploadAdded: _upload,
    CommentAdded: _after_action,
    FindingAdded: _after_action,
    AfterActionSigned: _after_action,
    AfterActionRevised: _after_action,
}
