"""What happened: past tense, frozen, versioned. The journal is a list of these and nothing else changes state.

Personal fields (a caller's name and number) are never inside an event; it carries `caller_digest`, a salted digest, and
storage keeps the fields apart so that they can be erased without touching the journal.
A field added later gets a default, so that old events still decode; a changed meaning gets a new event.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from dispatch.after_action_events import AfterActionRevised, AfterActionSigned, CommentAdded, FindingAdded
from dispatch.duty_events import (
    BroadcastDelivered,
    BroadcastRead,
    BroadcastRecalled,
    BroadcastSent,
    CrewSignedOff,
    CrewSignedOn,
    DutyBegan,
    DutyCircleSet,
    DutyCircleWithdrawn,
    DutyEnded,
    ElementRemoved,
    ElementWritten,
    MusterAnswered,
    MusterEnded,
    ReservesMustered,
    ShiftCancelled,
    ShiftHandoverSigned,
    ShiftPlanned,
    UnitRegistered,
    UnitStatusSet,
)
from dispatch.event_bases import IncidentEvent
from dispatch.model import Area, ArrivalFix, AssignmentStage, Grade, Stage, Step

SCHEMA_VERSION = 1


class Promise(msgspec.Struct, frozen=True):
    """Time and way by road promised when a unit is pushed, or when the point of an incident is moved."""

    eta_s: float  # p50: from where the unit is, without turnout
    distance_m: float
    eta_p90_s: float | None = None  # nine ways in ten take no longer; None: not known how they spread
    turnout_s: float | None = None  # assumed from the push until the wheels turn, and in neither of the above


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
    area: Area | None = None
    split_from: str = ""


class HelpCalledAgain(IncidentEvent, frozen=True, tag="help_called_again"):
    """A crew whose call for help is open has held its panic button again."""

    held_id: str | None = None  # which time it was held
    lon: float | None = None  # where the crew was then
    lat: float | None = None


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
    promises: dict[str, Promise] = {}  # by unit_id: new road times of the units still on their way
    area: Area | None = None
    # By unit_id: what the duty circle of the new point binds those units to; those that are not in here it binds to nothing.
    arrive_within_s: dict[str, float] = {}


class UnitPushed(IncidentEvent, frozen=True, tag="unit_pushed"):
    """派警: `reason` is push, reassign, reinforce or repush."""

    assignment_id: str
    unit_id: str
    reason: str = "push"
    promised_eta_s: float | None = None
    promised_distance_m: float | None = None
    promised_eta_p90_s: float | None = None
    promised_turnout_s: float | None = None
    auxiliary: bool = False
    because_of: str = ""  # of a repush: the assignment that nobody acknowledged
    leaves: str = ""  # its own task that the unit leaves for this, as said with its status
    arrive_within_s: float | None = None  # at grade 1, by the duty circle the incident is in and the tier the unit is of


class RepushStopped(IncidentEvent, frozen=True, tag="repush_stopped"):
    assignment_id: str


class ServiceCalled(IncidentEvent, frozen=True, tag="service_called"):
    """Another service was asked to come; it has no terminal here."""

    assignment_id: str
    service: str
    text: str = ""


class LeadNamed(IncidentEvent, frozen=True, tag="lead_named"):
    """主责: this crew is responsible from now on."""

    assignment_id: str
    unit_id: str
    text: str = ""


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
    """到场, as it was pressed or entered; `position` is what the crew's own position said about it."""

    assignment_id: str
    unit_id: str
    position: ArrivalFix | None = None


class CheckedIn(IncidentEvent, frozen=True, tag="checked_in"):
    """报平安: the crew on the scene says that all is well."""

    assignment_id: str
    unit_id: str


class StageCorrected(IncidentEvent, frozen=True, tag="stage_corrected"):
    """A desk has put right when a stage was reached, or taken it back; the event that said so stays as it was."""

    assignment_id: str
    unit_id: str
    stage: AssignmentStage
    was_at: datetime
    at: datetime | None  # None: taken back
    text: str  # why
    position: ArrivalFix | None = None  # of a corrected arrival: what the crew's position says of the new instant


class FeedbackGiven(IncidentEvent, frozen=True, tag="feedback_given"):
    """反馈. `form` holds structured fields by incident type."""

    assignment_id: str
    unit_id: str
    text: str
    form: dict[str, Any] = {}


class UnitReleased(IncidentEvent, frozen=True, tag="unit_released"):
    """The unit was let go after it had arrived; the incident goes on."""

    assignment_id: str
    unit_id: str
    reason: str = ""


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


class CalledBack(IncidentEvent, frozen=True, tag="called_back"):
    """回访."""

    text: str
    satisfied: bool | None = None


class IncidentMerged(IncidentEvent, frozen=True, tag="incident_merged"):
    """并警: this was a further call about the incident `into`, and ends with that."""

    into: str
    into_number: int
    text: str = ""


class CallAdded(IncidentEvent, frozen=True, tag="call_added"):
    """并警: the incident `from_id` was a further call about this one."""

    from_id: str
    from_number: int


class IncidentsToldApart(IncidentEvent, frozen=True, tag="incidents_told_apart"):
    """Somebody said that this is not the same as the incident `other_id`; the two are not suggested to be merged again."""

    other_id: str
    other_number: int


class IncidentSplit(IncidentEvent, frozen=True, tag="incident_split"):
    """拆警: a part of this became the incident `part_id`."""

    part_id: str
    part_number: int


class IncidentEscalated(IncidentEvent, frozen=True, tag="incident_escalated"):
    """上报."""

    to_org_code: str
    text: str


class HandoverOffered(IncidentEvent, frozen=True, tag="handover_offered"):
    """移交: offered, and the owner stays the owner until it is accepted."""

    to_org_code: str
    text: str = ""


class HandoverAccepted(IncidentEvent, frozen=True, tag="handover_accepted"):
    """The incident has another owner from now on."""

    org_code: str
    text: str = ""


class HandoverRefused(IncidentEvent, frozen=True, tag="handover_refused"):
    org_code: str
    text: str


class DeadlineMissed(IncidentEvent, frozen=True, tag="deadline_missed"):
    """A target of the loop has passed. There is one for each step, round and level, loud and quiet apart."""

    step: Step
    round: int
    level: int
    org_code: str
    due_at: datetime
    assignment_id: str = ""
    quiet: bool = False


class AlarmTaken(IncidentEvent, frozen=True, tag="alarm_taken"):
    """Somebody has taken on what had been missed by then."""

    text: str = ""


class IncidentClaimed(IncidentEvent, frozen=True, tag="incident_claimed"):
    """认领: the sender, of this organisation, has taken it on for now. `taken_from`: who had, where it was taken over."""

    org_code: str
    taken_from: str = ""


class ClaimReleased(IncidentEvent, frozen=True, tag="claim_released"):
    """The holder has let it go."""


class PlaceWarned(IncidentEvent, frozen=True, tag="place_warned"):
    """The incident's place carries a warning from now until `expires_at`."""

    warning_id: str
    warning: str
    text: str
    source: str
    expires_at: datetime
    org_code: str
    radius_m: float
    lon: float | None = None
    lat: float | None = None
    address: str = ""


class WarningLifted(IncidentEvent, frozen=True, tag="warning_lifted"):
    """A warning was taken back before it expired; the incident is the one at which that was said."""

    warning_id: str
    text: str


class NoteAdded(IncidentEvent, frozen=True, tag="note_added"):
    """`to_units`: for these crews; none: for everybody on it. `by_unit`: the crew that wrote it, empty for a desk."""

    text: str
    note_id: str = ""
    to_units: tuple[str, ...] = ()
    by_unit: str = ""


class NoteRead(IncidentEvent, frozen=True, tag="note_read"):
    """Read by a crew, or at a desk of the organisation."""

    note_id: str
    unit_id: str = ""
    org_code: str = ""


class UploadAdded(IncidentEvent, frozen=True, tag="upload_added"):
    """A photo, video or file is completely stored; `sha256` is of its bytes. `mismatched`: it is not what it was announced as."""

    upload_id: str
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    unit_id: str | None = None
    taken_at: datetime | None = None
    mismatched: bool = False


class MomentBookmarked(IncidentEvent, frozen=True, tag="moment_bookmarked"):
    """Somebody marked what a camera showed at `at`; the clip around it becomes the upload of the id `moment_id`."""

    moment_id: str
    camera_id: str
    at: datetime
    before_s: float
    after_s: float
    by_role: str = ""
    by_org: str = ""


class ClipMissed(IncidentEvent, frozen=True, tag="clip_missed"):
    """There is no clip of a marked moment, and why."""

    moment_id: str
    reason: str


class Unsealed(msgspec.Struct, frozen=True, gc=False):
    """An event with everything that makes it evidence, apart from its place in the hash chain.

    `revision` is the node's running number without gaps. `occurred_at` is when it happened (a crew on the radio may be
    entered later), `recorded_at` when it was written and never earlier than that of the revision before.
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
    command_id: str | None  # the same for all events of one command
    on_behalf_of: str | None
    channel: str | None  # terminal, radio, phone, desk, api, feed
    body: AnyEvent


class Recorded(Unsealed, frozen=True):
    """An event as it stands in the journal. `hash` is SHA-256 over `previous_hash` and the canonical JSON of the rest."""

    previous_hash: str
    hash: str


def canonical_json(event: Unsealed) -> bytes:
    """The bytes that are stored and hashed: sorted keys, no spaces, the two hashes left out."""
    return msgspec.json.encode(event, order="sorted")


def seal(previous_hash: str, canonical: bytes) -> Recorded:
    """The event read back from its canonical JSON and chained to the one before.

    It is read back so that the picture folds exactly what a restart will read, not what was in memory.
    """
    return recorded_from(canonical, previous_hash, chain_hash(previous_hash, canonical))


def recorded_from(canonical: bytes, previous_hash: str, hash_: str) -> Recorded:
    """An event of the journal from its stored parts; the hash is not checked here."""
    event = _decoder.decode(canonical)
    fields = {name: getattr(event, name) for name in Unsealed.__struct_fields__}
    return Recorded(**fields, previous_hash=previous_hash, hash=hash_)


def chain_hash(previous_hash: str, canonical: bytes) -> str:
    """SHA-256, hexadecimal, over the hash of the event before and the event's own bytes."""
    return hashlib.sha256(previous_hash.encode() + canonical).hexdigest()


AnyEvent = (
    IncidentReceived
    | HelpCalledAgain
    | IncidentClassified
    | IncidentLocated
    | UnitPushed
    | RepushStopped
    | ServiceCalled
    | LeadNamed
    | PushDelivered
    | PushSeen
    | PushRecalled
    | PushRefused
    | Acknowledged
    | Departed
    | Arrived
    | CheckedIn
    | StageCorrected
    | FeedbackGiven
    | UnitReleased
    | IncidentReviewed
    | IncidentReturned
    | IncidentClosed
    | IncidentEnded
    | IncidentReopened
    | CalledBack
    | IncidentMerged
    | CallAdded
    | IncidentsToldApart
    | IncidentSplit
    | IncidentEscalated
    | HandoverOffered
    | HandoverAccepted
    | HandoverRefused
    | DeadlineMissed
    | AlarmTaken
    | IncidentClaimed
    | ClaimReleased
    | PlaceWarned
    | WarningLifted
    | NoteAdded
    | NoteRead
    | CommentAdded
    | FindingAdded
    | AfterActionSigned
    | AfterActionRevised
    | UploadAdded
    | MomentBookmarked
    | ClipMissed
    | UnitRegistered
    | UnitStatusSet
    | CrewSignedOn
    | CrewSignedOff
    | DutyBegan
    | DutyEnded
    | ShiftPlanned
    | ShiftCancelled
    | ReservesMustered
    | MusterAnswered
    | MusterEnded
    | ShiftHandoverSigned
    | BroadcastSent
    | BroadcastRecalled
    | BroadcastDelivered
    | BroadcastRead
    | DutyCircleSet
    | DutyCircleWithdrawn
    | ElementWritten
    | ElementRemoved
)

# Made here because the union has to exist first.
_decoder = msgspec.json.Decoder(Unsealed)
