"""Rules of the incident as a whole: from the call to its end."""

from __future__ import annotations

from datetime import UTC, timedelta

from dispatch.codes import OFFICER_EMERGENCY, PANIC_SOURCE
from dispatch.commands import (
    AcceptHandover,
    AddUpload,
    CallBack,
    Cancel,
    Classify,
    Close,
    Divert,
    Escalate,
    Locate,
    MarkInvalid,
    Merge,
    MissDeadline,
    OfferHandover,
    ReceiveIncident,
    RefuseHandover,
    Reopen,
    Return,
    Review,
    Split,
    TakeAlarm,
    TellApart,
)
from dispatch.deadlines import is_done
from dispatch.errors import NotFound, RuleViolation
from dispatch.events import (
    AlarmTaken,
    AnyEvent,
    CallAdded,
    CalledBack,
    DeadlineMissed,
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
    IncidentSplit,
    IncidentsToldApart,
    UploadAdded,
)
from dispatch.model import Incident, Stage
from dispatch.picture import OperatingPicture
from dispatch.rules.case import Case, incident_name, occurred_at, unit_name
from dispatch.rules.guards import incident_open

Events = tuple[AnyEvent, ...]

# A panic button that is held again within this time rings already.
HELP_APART = timedelta(seconds=10)


def receive(case: Case[ReceiveIncident]) -> Events:
    """Opens an incident. The same `source` and `source_id` again is the same incident: nothing happens twice.

    A crew's second call for help adds to its open one.
    """
    command, picture = case.command, case.picture
    if case.found is not None:
        return _help_again(case, case.found)
    incident_id = case.new_id()
    return (
        IncidentReceived(
            incident_id=incident_id,
            number=picture.next_number,
            incident_type=command.incident_type,
            grade=command.grade,
            text=command.text,
            org_code=command.org_code or case.actor.org_code,
            called_at=min(command.called_at or command.happened_at or case.now, case.now).astimezone(UTC),
            lon=command.lon,
            lat=command.lat,
            accuracy_m=command.accuracy_m,
            address=command.address,
            source=command.source,
            source_id=command.source_id,
            caller_digest=command.caller_digest,
            area=command.area,
        ),
    )


def open_call_for_help(picture: OperatingPicture, command: ReceiveIncident) -> Incident | None:
    """The open incident of the crew that holds its panic button: a crew has one at a time."""
    if command.incident_type != OFFICER_EMERGENCY or command.source != PANIC_SOURCE or command.on_behalf_of is None:
        return None
    return next((i for i in picture.incidents.values() if i.is_open and i.help_for == command.on_behalf_of), None)


def _help_again(case: Case[ReceiveIncident], incident: Incident) -> Events:
    """The button was held once more: it counts and rings again, but not for each time a thumb slips. Everything else is a repetition."""
    command = case.command
    is_known = command.source_id is not None and command.source_id in (incident.source_id, *incident.help_ids)
    if is_known or incident.help_at is None or open_call_for_help(case.picture, command) is not incident:
        return ()
    if occurred_at(command, case.now) < incident.help_at + HELP_APART:
        return ()
    return (HelpCalledAgain(incident.incident_id, command.source_id, command.lon, command.lat),)


def classify(case: Case[Classify]) -> Events:
    """Type, grade and text as they are known now."""
    command, incident = case.command, case.incident
    if command.incident_type is None and command.grade is None and command.text is None:
        raise RuleViolation("nothing-to-change", "Classify names nothing to change; give incident_type, grade or text.")
    event = IncidentClassified(
        incident_id=incident.incident_id,
        incident_type=incident.incident_type if command.incident_type is None else command.incident_type,
        grade=incident.grade if command.grade is None else command.grade,
        text=incident.text if command.text is None else command.text,
    )
    same = (event.incident_type, event.grade, event.text) == (incident.incident_type, incident.grade, incident.text)
    return () if same else (event,)


def locate(case: Case[Locate]) -> Events:
    """Sets or moves the point, and with it responsibility (unless that was handed over) and the promised times of units on their way."""
    command, incident = case.command, case.incident
    by_place = incident.org_code if incident.handed_over else command.org_code
    event = IncidentLocated(
        incident_id=incident.incident_id,
        lon=command.lon,
        lat=command.lat,
        org_code=by_place or incident.org_code,
        accuracy_m=command.accuracy_m,
        address=command.address or incident.address,
        promises=command.promises,
        area=command.area,
        arrive_within_s=command.arrive_within_s,
    )
    present = (incident.lon, incident.lat, incident.org_code, incident.accuracy_m, incident.address, incident.area)
    return () if (event.lon, event.lat, event.org_code, event.accuracy_m, event.address, event.area) == present else (event,)


def review(case: Case[Review]) -> Events:
    """审核: the responsible leader has seen the feedback."""
    if case.incident.stage == Stage.REVIEWED:
        return ()
    if case.incident.stage != Stage.FEEDBACK:
        detail = f"{case.name} can't be reviewed: it is {case.incident.stage}; wait for its feedback."
        raise RuleViolation("no-feedback", detail)
    return (IncidentReviewed(case.incident.incident_id, case.command.text),)


def return_(case: Case[Return]) -> Events:
    """退回补录: the feedback must be completed."""
    if case.incident.stage not in (Stage.FEEDBACK, Stage.REVIEWED):
        detail = f"{case.name} can't be returned: it is {case.incident.stage}; there is no feedback to complete."
        raise RuleViolation("no-feedback", detail)
    return (IncidentReturned(case.incident.incident_id, case.command.text),)


def close(case: Case[Close]) -> Events:
    """Needs complete feedback, or a disposition that says how it ended without. Units still on it are released."""
    incident, command = case.incident, case.command
    if incident.stage == Stage.CLOSED:
        return ()
    incident_open(case)
    lead = incident.lead
    if command.disposition.strip() or (incident.has_feedback and not incident.returned):
        return (IncidentClosed(incident.incident_id, command.disposition, command.text),)
    if lead is None:
        why = "no responsible crew has given feedback"
    elif lead.feedback_at is None:
        why = f"the responsible {unit_name(case, lead.unit_id)} has given no feedback"
    else:
        why = f"the feedback of the responsible {unit_name(case, lead.unit_id)} was returned and is not complete"
    raise RuleViolation("disposition-missing", f"{case.name} can't be closed: {why}; get feedback, or name a disposition.")


def divert(case: Case[Divert]) -> Events:
    """分流 to another service, which `to` names."""
    if case.incident.stage == Stage.DIVERTED and case.incident.disposition == case.command.to:
        return ()
    if not case.command.to.strip():
        raise RuleViolation("target-missing", f"{case.name} can't be diverted: to is empty; name the service that takes it, such as 119.")
    return _end(case, Stage.DIVERTED, to=case.command.to)


def mark_invalid(case: Case[MarkInvalid]) -> Events:
    """无效: there was nothing to respond to."""
    return _end(case, Stage.INVALID)


def cancel(case: Case[Cancel]) -> Events:
    """撤警: no response is needed any more."""
    return _end(case, Stage.CANCELLED)


def _end(case: Case[Divert] | Case[MarkInvalid] | Case[Cancel], stage: Stage, to: str = "") -> Events:
    if case.incident.stage == stage and stage != Stage.DIVERTED:
        return ()
    incident_open(case)
    return (IncidentEnded(case.incident.incident_id, stage, case.command.text, to),)


def reopen(case: Case[Reopen]) -> Events:
    """重开: begins a new round; the assignments of the earlier one stay as they were."""
    if case.incident.stage == Stage.MERGED:
        detail = f"{case.name} was merged into {incident_name(case, case.incident.merged_into)}; split that one instead."
        raise RuleViolation("incident-merged", detail)
    if case.incident.is_open:
        raise RuleViolation("incident-not-ended", f"{case.name} is {case.incident.stage}; only an ended incident can be reopened.")
    return (IncidentReopened(case.incident.incident_id, case.command.text),)


def call_back(case: Case[CallBack]) -> Events:
    """回访: the caller was asked how it went; after closing."""
    if case.incident.stage != Stage.CLOSED:
        raise RuleViolation("incident-not-ended", f"{case.name} is {case.incident.stage}; call back when it is closed.")
    return (CalledBack(case.incident.incident_id, case.command.text, case.command.satisfied),)


def merge(case: Case[Merge]) -> Events:
    """并警: this was a further call about `into`. It ends; its text, caller and files stay on record under its own number."""
    incident, into_id = case.incident, case.command.into
    if incident.stage == Stage.MERGED and incident.merged_into == into_id:
        return ()
    incident_open(case)
    into = case.picture.incidents.get(into_id)
    if into is None:
        raise NotFound("unknown-incident", f"There is no incident {into_id} to merge into; check the id.")
    if into_id == incident.incident_id or not into.is_open:
        raise RuleViolation("merge-target", f"{case.name} can't be merged into incident {into.number}: name another one that is open.")
    if incident.active_assignments:
        on_it = ", ".join(unit_name(case, a.unit_id) for a in incident.active_assignments)
        detail = f"{case.name} has units on it ({on_it}); merge the other one into it, or recall them first."
        raise RuleViolation("unit-assigned", detail)
    return (
        IncidentMerged(incident.incident_id, into.incident_id, into.number, case.command.text),
        CallAdded(into.incident_id, incident.incident_id, incident.number),
    )


def tell_apart(case: Case[TellApart]) -> Events:
    """Not the same: the two incidents are not suggested to be merged again."""
    incident, other_id = case.incident, case.command.other
    other = case.picture.incidents.get(other_id)
    if other is None:
        raise NotFound("unknown-incident", f"There is no incident {other_id} to tell this one apart from; check the id.")
    if other_id == incident.incident_id:
        raise RuleViolation("merge-target", f"{case.name} can't be told apart from itself; name another incident.")
    if other_id in incident.told_apart or incident.incident_id in other.told_apart:
        return ()
    return (IncidentsToldApart(incident.incident_id, other_id, other.number),)


def split(case: Case[Split]) -> Events:
    """拆警: a part becomes an incident of its own, with a number of its own."""
    command, incident, part_id = case.command, case.incident, case.new_id()
    is_placed = command.lon is not None
    number = case.picture.next_number
    part = IncidentReceived(
        incident_id=part_id,
        number=number,
        incident_type=incident.incident_type if command.incident_type is None else command.incident_type,
        grade=incident.grade if command.grade is None else command.grade,
        text=command.text,
        org_code=command.org_code or incident.org_code,
        called_at=incident.called_at,
        lon=command.lon if is_placed else incident.lon,
        lat=command.lat if is_placed else incident.lat,
        accuracy_m=command.accuracy_m if is_placed else incident.accuracy_m,
        address=command.address or ("" if is_placed else incident.address),
        source="split",
        area=command.area if is_placed else incident.area,
        split_from=incident.incident_id,
    )
    return (part, IncidentSplit(incident.incident_id, part_id, number))


def escalate(case: Case[Escalate]) -> Events:
    """上报: asks the organisation above to look at it; it is shown there until it ends. The owner stays the owner."""
    to, incident = case.command.to_org_code, case.incident
    if not to:
        detail = f"{case.name} can't be escalated: there is nobody above {incident.org_code}; offer it to another organisation."
        raise RuleViolation("target-missing", detail)
    if to == incident.org_code:
        raise RuleViolation("target-missing", f"{case.name} can't be escalated to {to}, its owner; name an organisation above it.")
    if to == incident.escalated_to:
        return ()
    return (IncidentEscalated(incident.incident_id, to, case.command.text),)


def offer_handover(case: Case[OfferHandover]) -> Events:
    """移交: offers it to another organisation. Whoever offers it to its own takes it over at once."""
    to, incident = case.command.to_org_code, case.incident
    if to == case.actor.own_org_code:
        desk = case.actor.org_code
        detail = (
            f"{case.name} can't be offered to {to} at the desk of {desk}: that is your own organisation; take it over at your own desk."
        )
        raise RuleViolation("handover-own", detail)
    offered = HandoverOffered(incident.incident_id, to, case.command.text)
    if to == case.actor.org_code:
        is_so = to == incident.org_code and not incident.handover_to
        return () if is_so else (offered, HandoverAccepted(incident.incident_id, to, case.command.text))
    if to == incident.org_code:
        raise RuleViolation("handover-target", f"{case.name} belongs to {to} already; name another organisation.")
    return () if to == incident.handover_to else (offered,)


def accept_handover(case: Case[AcceptHandover]) -> Events:
    """The organisation it was offered to is its owner from now on."""
    incident = case.incident
    if incident.handed_over and not incident.handover_to and incident.org_code == case.actor.org_code:
        return ()
    to = _offered_to(case)
    return (HandoverAccepted(case.incident.incident_id, to, case.command.text),)


def refuse_handover(case: Case[RefuseHandover]) -> Events:
    """It stays with its owner; in a dispute the level above decides."""
    to = _offered_to(case)
    return (HandoverRefused(case.incident.incident_id, to, case.command.text),)


def _offered_to(case: Case[AcceptHandover] | Case[RefuseHandover]) -> str:
    if not case.incident.handover_to:
        raise RuleViolation("no-handover", f"{case.name} is offered to nobody; look at what has changed.")
    return case.incident.handover_to


def miss_deadline(case: Case[MissDeadline]) -> Events:
    """A target has passed and the step is still not done. The same step, round and level is noted only once, loud and quiet apart."""
    command, incident = case.command, case.incident
    known = {(m.step, m.assignment_id, m.round, m.level, m.quiet) for m in incident.misses}
    if not incident.is_open or (command.step, command.assignment_id, command.round, command.level, command.quiet) in known:
        return ()
    if is_done(incident, command.step, command.assignment_id, command.round):
        return ()
    return (
        DeadlineMissed(
            incident_id=case.incident.incident_id,
            step=command.step,
            round=command.round,
            level=command.level,
            org_code=command.org_code,
            due_at=command.due_at,
            assignment_id=command.assignment_id,
            quiet=command.quiet,
        ),
    )


def take_alarm(case: Case[TakeAlarm]) -> Events:
    """Somebody has taken on what was missed on this incident so far; there is none for several incidents at once."""
    if case.incident.alarm_taken == len(case.incident.misses):
        return ()
    return (AlarmTaken(case.incident.incident_id, case.command.text),)


def add_upload(case: Case[AddUpload]) -> Events:
    """A photo, video or file is complete; also after the end, since phones send late."""
    command = case.command
    return (
        UploadAdded(
            incident_id=case.incident.incident_id,
            upload_id=command.upload_id,
            filename=command.filename,
            media_type=command.media_type,
            size_bytes=command.size_bytes,
            sha256=command.sha256,
            unit_id=command.unit_id,
            taken_at=None if command.taken_at is None else command.taken_at.astimezone(UTC),
            mismatched=command.mismatched,
        ),
    )
