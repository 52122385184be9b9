"""Rules of the incident as a whole: from the call to its end."""

from __future__ import annotations

from datetime import UTC

from dispatch.commands import (
    AddUpload,
    Cancel,
    Classify,
    Close,
    Divert,
    Locate,
    MarkInvalid,
    Note,
    ReceiveIncident,
    Reopen,
    Return,
    Review,
)
from dispatch.errors import RuleViolation
from dispatch.events import (
    AnyEvent,
    IncidentClassified,
    IncidentClosed,
    IncidentEnded,
    IncidentLocated,
    IncidentReceived,
    IncidentReopened,
    IncidentReturned,
    IncidentReviewed,
    NoteAdded,
    UploadAdded,
)
from dispatch.model import Stage
from dispatch.rules.case import Case

Events = tuple[AnyEvent, ...]


def receive(case: Case[ReceiveIncident]) -> Events:
    """Opens an incident. The same `source` and `source_id` again is the same incident: nothing happens twice."""
    command, picture = case.command, case.picture
    if case.found is not None:
        return ()
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
        ),
    )


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
    """Sets or moves the point, and with it responsibility and the promised times of units on their way."""
    command, incident = case.command, case.incident
    event = IncidentLocated(
        incident_id=incident.incident_id,
        lon=command.lon,
        lat=command.lat,
        org_code=command.org_code or incident.org_code,
        accuracy_m=command.accuracy_m,
        address=command.address or incident.address,
        promises=command.promises,
    )
    present = (incident.lon, incident.lat, incident.org_code, incident.accuracy_m, incident.address)
    return () if (event.lon, event.lat, event.org_code, event.accuracy_m, event.address) == present else (event,)


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
    """Needs feedback, or a disposition that says how it ended without. Units still on it are released."""
    incident, command = case.incident, case.command
    if incident.stage == Stage.CLOSED:
        return ()
    refuse_ended(case)
    if not incident.has_feedback and not command.disposition.strip():
        detail = f"{case.name} can't be closed: nobody has given feedback; get feedback, or name a disposition."
        raise RuleViolation("disposition-missing", detail)
    return (IncidentClosed(incident.incident_id, command.disposition, command.text),)


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
    refuse_ended(case)
    return (IncidentEnded(case.incident.incident_id, stage, case.command.text, to),)


def refuse_ended(case: Case[Close] | Case[Divert] | Case[MarkInvalid] | Case[Cancel]) -> None:
    """The guard `incident_open` for commands of which a repetition is no breach."""
    if not case.incident.is_open:
        raise RuleViolation("incident-ended", f"{case.name} is {case.incident.stage}; reopen it first.")


def reopen(case: Case[Reopen]) -> Events:
    """重开: begins a new round; the assignments of the earlier one stay as they were."""
    if case.incident.is_open:
        raise RuleViolation("incident-not-ended", f"{case.name} is {case.incident.stage}; only an ended incident can be reopened.")
    return (IncidentReopened(case.incident.incident_id, case.command.text),)


def note(case: Case[Note]) -> Events:
    """A remark in the timeline; also after the end."""
    return (NoteAdded(case.incident.incident_id, case.command.text),)


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
        ),
    )
