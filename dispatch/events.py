"""What happened: past tense, frozen, versioned. The journal is a list of these and nothing else changes state.

Personal fields (a caller's name and number) are never inside an event; it carries `caller_digest`, a salted digest, and
storage keeps the fields apart so that they can be erased without touching the journal.
A field added later gets a default, so that old events still decode; a changed meaning gets a new event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from dispatch.model import Grade, Stage, UnitKind, UnitStatus

SCHEMA_VERSION = 1


class Event(msgspec.Struct, frozen=True, tag_field="event"):
    """Base of all events."""


class IncidentEvent(Event, frozen=True):
    """An event in the life of one incident."""

    incident_id: str


class UnitEvent(Event, frozen=True):
    """An event about one unit outside any incident."""

    unit_id: str


class IncidentReceived(IncidentEvent, frozen=True, tag="incident_received"):
    number: int
    incident_type: str
    grade: Grade
    text: str
    org_code: str
    called_at: datetime
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    address: str = ""
    source: str = "desk"
    source_id: str | None = None
    caller_digest: str | None = None


class IncidentClassified(IncidentEvent, frozen=True, tag="incident_classified"):
    incident_type: str
    grade: Grade
    text: str


class IncidentLocated(IncidentEvent, frozen=True, tag="incident_located"):
    """The point was set or moved; responsibility and promised times were computed again."""

    lon: float
    lat: float
    org_code: str
    accuracy_m: float | None = None
    address: str = ""


class UnitPushed(IncidentEvent, frozen=True, tag="unit_pushed"):
    """派警: `reason` is push, reassign or reinforce."""

    assignment_id: str
    unit_id: str
    reason: str = "push"
    promised_eta_s: float | None = None
    promised_distance_m: float | None = None


class PushDelivered(IncidentEvent, frozen=True, tag="push_delivered"):
    assignment_id: str


class PushSeen(IncidentEvent, frozen=True, tag="push_seen"):
    assignment_id: str


class PushRecalled(IncidentEvent, frozen=True, tag="push_recalled"):
    assignment_id: str
    unit_id: str
    reason: str = ""


class PushRefused(IncidentEvent, frozen=True, tag="push_refused"):
    assignment_id: str
    unit_id: str
    reason: str = ""


class Acknowledged(IncidentEvent, frozen=True, tag="acknowledged"):
    assignment_id: str
    unit_id: str


class Departed(IncidentEvent, frozen=True, tag="departed"):
    assignment_id: str
    unit_id: str


class Arrived(IncidentEvent, frozen=True, tag="arrived"):
    assignment_id: str
    unit_id: str


class FeedbackGiven(IncidentEvent, frozen=True, tag="feedback_given"):
    """反馈. `form` holds structured fields by incident type."""

    assignment_id: str
    unit_id: str
    text: str
    form: dict[str, Any] = {}


class IncidentReviewed(IncidentEvent, frozen=True, tag="incident_reviewed"):
    text: str = ""


class IncidentReturned(IncidentEvent, frozen=True, tag="incident_returned"):
    """退回: the feedback must be completed."""

    text: str


class IncidentClosed(IncidentEvent, frozen=True, tag="incident_closed"):
    disposition: str
    text: str = ""


class IncidentEnded(IncidentEvent, frozen=True, tag="incident_ended"):
    """Ended another way than by closing: `stage` is diverted, invalid or cancelled; `to` names who took it over."""

    stage: Stage
    text: str = ""
    to: str = ""


class IncidentReopened(IncidentEvent, frozen=True, tag="incident_reopened"):
    text: str


class NoteAdded(IncidentEvent, frozen=True, tag="note_added"):
    text: str


class UploadAdded(IncidentEvent, frozen=True, tag="upload_added"):
    """A photo, video or file is completely stored; `sha256` is of its bytes."""

    upload_id: str
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    unit_id: str | None = None
    taken_at: datetime | None = None


class UnitRegistered(UnitEvent, frozen=True, tag="unit_registered"):
    callsign: str
    kind: UnitKind
    org_code: str
    trackers: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    marked: bool = True
    radio_group: str = ""
    registered: bool = True


class UnitStatusSet(UnitEvent, frozen=True, tag="unit_status_set"):
    status: UnitStatus
    text: str = ""


class ElementWritten(Event, frozen=True, tag="element_written"):
    element: str
    element_id: str
    lon: float
    lat: float
    properties: dict[str, Any] = {}


class Recorded(msgspec.Struct, frozen=True):
    """An event as it stands in the journal, with everything that makes it evidence.

    `revision` is the node's running number without gaps. `occurred_at` is when it happened (a crew on the radio may be
    entered later), `recorded_at` when it was written. `hash` is SHA-256 over `previous_hash` and the event's canonical JSON.
    """

    revision: int
    event_id: str  # UUIDv7
    node: str
    incident_id: str | None
    incident_version: int | None
    schema: int
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    actor_role: str
    command_id: str | None
    on_behalf_of: str | None
    channel: str | None  # terminal, radio, phone, desk, api, feed
    body: AnyEvent
    previous_hash: str
    hash: str


AnyEvent = (
    IncidentReceived
    | IncidentClassified
    | IncidentLocated
    | UnitPushed
    | PushDelivered
    | PushSeen
    | PushRecalled
    | PushRefused
    | Acknowledged
    | Departed
    | Arrived
    | FeedbackGiven
    | IncidentReviewed
    | IncidentReturned
    | IncidentClosed
    | IncidentEnded
    | IncidentReopened
    | NoteAdded
    | UploadAdded
    | UnitRegistered
    | UnitStatusSet
    | ElementWritten
)
