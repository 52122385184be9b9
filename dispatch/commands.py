"""What someone asks for: imperative, frozen. `decide` answers each with events or a refusal.

The names are those of the API (`POST /incidents/{id}/commands`, field `command`). Values that cost a search (responsible
organisation, promised times) are filled in by `operations.incidents.enrich` before `decide` sees the command.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from dispatch.command_bases import Command, IncidentCommand, UnitCommand
from dispatch.duty_commands import (
    AnswerMuster,
    CancelShift,
    EndMuster,
    MarkBroadcastDelivered,
    MusterReserves,
    PlanShift,
    ReadBroadcast,
    RecallBroadcast,
    RegisterUnit,
    RemoveElement,
    SendBroadcast,
    SetDutyCircle,
    SetUnitStatus,
    SignOff,
    SignOn,
    SignShiftHandover,
    TellDuty,
    WithdrawDutyCircle,
    WriteElement,
)
from dispatch.events import Promise
from dispatch.model import Area, ArrivalFix, AssignmentStage, Grade, Step
from dispatch.moments import AFTER_S, BEFORE_S


class Caller(msgspec.Struct, frozen=True):
    """Personal fields of the person who called."""

    name: str = ""
    number: str = ""


def caller_digest(salt: str, caller: Caller) -> str:
    """What the journal keeps of a caller: proves who it was for as long as the salt (hexadecimal) is kept beside the caller."""
    return hashlib.sha256(bytes.fromhex(salt) + msgspec.json.encode(caller, order="sorted")).hexdigest()


class ReceiveIncident(Command, kw_only=True, frozen=True, tag="receive"):
    incident_type: str
    grade: Grade
    text: str = ""
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    address: str = ""
    called_at: datetime | None = None
    caller: Caller | None = None
    source: str = "desk"
    source_id: str | None = None
    org_code: str | None = None  # filled in by enrich from the point when absent
    area: Area | None = None  # filled in by enrich from the point
    datum: str = "wgs84"  # converted by enrich
    caller_digest: str | None = None  # salted digest of `caller`, filled in by the handler; the salt is kept with the caller


class Classify(IncidentCommand, kw_only=True, frozen=True, tag="classify"):
    incident_type: str | None = None
    grade: Grade | None = None
    text: str | None = None


class Locate(IncidentCommand, kw_only=True, frozen=True, tag="locate"):
    lon: float
    lat: float
    accuracy_m: float | None = None
    address: str = ""
    org_code: str | None = None  # filled in by enrich from the point when absent
    area: Area | None = None  # filled in by enrich from the point
    datum: str = "wgs84"
    promises: dict[str, Promise] = {}  # by unit_id, for the units still on their way; filled in by enrich
    arrive_within_s: dict[str, float] = {}  # likewise: what a duty circle binds them to; filled in by enrich


class Push(IncidentCommand, kw_only=True, frozen=True, tag="push"):
    unit_ids: tuple[str, ...]
    promises: dict[str, Promise] = {}  # by unit_id; filled in by enrich
    arrive_within_s: dict[str, float] = {}  # by unit_id: what a duty circle binds it to; filled in by enrich


class Reinforce(IncidentCommand, kw_only=True, frozen=True, tag="reinforce"):
    unit_ids: tuple[str, ...]
    promises: dict[str, Promise] = {}
    arrive_within_s: dict[str, float] = {}  # by unit_id: what a duty circle binds it to; filled in by enrich


class Reassign(IncidentCommand, kw_only=True, frozen=True, tag="reassign"):
    """Recall the units that are on it and push to others, in one step."""

    unit_ids: tuple[str, ...]
    text: str = ""
    promises: dict[str, Promise] = {}
    arrive_within_s: dict[str, float] = {}  # by unit_id: what a duty circle binds it to; filled in by enrich


class Repush(IncidentCommand, kw_only=True, frozen=True, tag="repush"):
    """Made by the deadline watch: nobody has acknowledged `because_of` in time, so the next nearest are sent as well."""

    unit_ids: tuple[str, ...]
    because_of: str  # assignment_id
    promises: dict[str, Promise] = {}
    arrive_within_s: dict[str, float] = {}  # by unit_id: what a duty circle binds it to; filled in by enrich


class StopRepush(IncidentCommand, kw_only=True, frozen=True, tag="stop_repush"):
    assignment_id: str


class CallService(IncidentCommand, kw_only=True, frozen=True, tag="call_service"):
    """Ask another service (119, 120, 12345, utilities) to come; it has no terminal here, its stages are entered at the desk."""

    service: str
    text: str = ""


class NameLead(IncidentCommand, kw_only=True, frozen=True, tag="name_lead"):
    """Make one crew on the incident the responsible one (主责)."""

    unit_ids: tuple[str, ...]
    text: str = ""


class Recall(IncidentCommand, kw_only=True, frozen=True, tag="recall"):
    unit_ids: tuple[str, ...] = ()  # empty: every crew on it; other services are called off by name
    text: str = ""


class MarkDelivered(UnitCommand, kw_only=True, frozen=True, tag="delivered"):
    pass


class MarkSeen(UnitCommand, kw_only=True, frozen=True, tag="seen"):
    pass


class Acknowledge(UnitCommand, kw_only=True, frozen=True, tag="acknowledge"):
    pass


class Refuse(UnitCommand, kw_only=True, frozen=True, tag="refuse"):
    pass


class Depart(UnitCommand, kw_only=True, frozen=True, tag="depart"):
    pass


class Arrive(UnitCommand, kw_only=True, frozen=True, tag="arrive"):
    positions: dict[str, ArrivalFix] = {}  # by unit_id: what each crew's own position says; filled in by enrich


class CheckIn(UnitCommand, kw_only=True, frozen=True, tag="check_in"):
    """All is well on the scene."""


class CorrectStage(IncidentCommand, kw_only=True, frozen=True, tag="correct_stage"):
    """A stage was pressed or entered wrongly: this is when it was reached, or it was not reached yet (`at` left out)."""

    unit_ids: tuple[str, ...]  # one
    stage: AssignmentStage
    text: str
    at: datetime | None = None
    position: ArrivalFix | None = None  # of a corrected arrival; filled in by enrich


class Feedback(UnitCommand, kw_only=True, frozen=True, tag="feedback"):
    form: dict[str, Any] = {}


class Clear(UnitCommand, kw_only=True, frozen=True, tag="clear"):
    """The unit has finished its work there and is free again; the incident goes on."""


class Review(IncidentCommand, kw_only=True, frozen=True, tag="review"):
    text: str = ""


class Return(IncidentCommand, kw_only=True, frozen=True, tag="return"):
    text: str


class Close(IncidentCommand, kw_only=True, frozen=True, tag="close"):
    disposition: str = ""  # needed where nobody has given feedback
    text: str = ""
    reviewed_first: bool = False  # filled in by enrich: the city's table wants what a crew did reviewed before


class Divert(IncidentCommand, kw_only=True, frozen=True, tag="divert"):
    to: str
    text: str = ""


class MarkInvalid(IncidentCommand, kw_only=True, frozen=True, tag="mark_invalid"):
    text: str = ""


class Cancel(IncidentCommand, kw_only=True, frozen=True, tag="cancel"):
    text: str = ""


class Reopen(IncidentCommand, kw_only=True, frozen=True, tag="reopen"):
    text: str


class CallBack(IncidentCommand, kw_only=True, frozen=True, tag="call_back"):
    """The caller was asked afterwards. `satisfied`: true, false, or unknown."""

    text: str
    satisfied: bool | None = None


class Merge(IncidentCommand, kw_only=True, frozen=True, tag="merge"):
    """The incident is a further call about the one named in `into`."""

    into: str  # incident_id
    text: str = ""


class TellApart(IncidentCommand, kw_only=True, frozen=True, tag="tell_apart"):
    """The incident is not the same as the one named in `other`, however alike they look; nobody is asked again."""

    other: str  # incident_id


class Split(IncidentCommand, kw_only=True, frozen=True, tag="split"):
    """A part of the incident becomes an incident of its own; what is not given is as in the first."""

    text: str
    incident_type: str | None = None
    grade: Grade | None = None
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    address: str = ""
    org_code: str | None = None  # filled in by enrich
    area: Area | None = None  # filled in by enrich
    datum: str = "wgs84"


class Escalate(IncidentCommand, kw_only=True, frozen=True, tag="escalate"):
    text: str
    to_org_code: str | None = None  # filled in by enrich when absent: the organisation above the owner


class OfferHandover(IncidentCommand, kw_only=True, frozen=True, tag="offer_handover"):
    """Offer the incident to another organisation. One that offers it to itself takes it over at once."""

    to_org_code: str
    text: str = ""


class AcceptHandover(IncidentCommand, kw_only=True, frozen=True, tag="accept_handover"):
    text: str = ""


class RefuseHandover(IncidentCommand, kw_only=True, frozen=True, tag="refuse_handover"):
    text: str


class MissDeadline(IncidentCommand, kw_only=True, frozen=True, tag="miss_deadline"):
    """Made by the deadline watch."""

    step: Step
    round: int
    level: int
    org_code: str
    due_at: datetime
    assignment_id: str = ""
    quiet: bool = False


class TakeAlarm(IncidentCommand, kw_only=True, frozen=True, tag="take_alarm"):
    """Somebody at a desk has taken on what was missed so far on this incident."""

    text: str = ""


class ClaimIncident(IncidentCommand, kw_only=True, frozen=True, tag="claim"):
    take_over: bool = False


class ReleaseClaim(IncidentCommand, kw_only=True, frozen=True, tag="release_claim"):
    pass


class WarnPlace(IncidentCommand, kw_only=True, frozen=True, tag="warn_place"):
    """Warn whoever is sent to the incident's place from now on, until the warning expires."""

    warning: str
    text: str
    expires_at: datetime
    source: str = "desk"
    radius_m: float = 50.0


class LiftWarning(IncidentCommand, kw_only=True, frozen=True, tag="lift_warning"):
    """The warning, shown at this incident, no longer holds."""

    warning_id: str
    text: str


class Note(IncidentCommand, kw_only=True, frozen=True, tag="note"):
    text: str
    to_units: tuple[str, ...] = ()


class ReadNote(UnitCommand, kw_only=True, frozen=True, tag="read_note"):
    """Without `unit_ids`, and not from a crew: somebody at the sender's desk has read it."""

    note_id: str


class Comment(IncidentCommand, kw_only=True, frozen=True, tag="comment"):
    """复盘: a remark for reviewers."""

    text: str


class AddFinding(IncidentCommand, kw_only=True, frozen=True, tag="add_finding"):
    """复盘: what was found out afterwards."""

    kind: str  # FindingKind
    text: str
    replaces: str = ""  # finding_id


class SignAfterAction(IncidentCommand, kw_only=True, frozen=True, tag="sign_after_action"):
    """复盘: close the review as it was shown: `expected_version` is needed."""

    name: str


class ReviseAfterAction(IncidentCommand, kw_only=True, frozen=True, tag="revise_after_action"):
    """复盘: take a signed review up again."""

    text: str


class AddUpload(IncidentCommand, kw_only=True, frozen=True, tag="add_upload"):
    """Made by the evidence store when an upload is complete, never from outside."""

    upload_id: str
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    unit_id: str | None = None
    taken_at: datetime | None = None
    mismatched: bool = False


class BookmarkMoment(IncidentCommand, kw_only=True, frozen=True, tag="bookmark"):
    """Made by the clips' service, which gives it its id; `at` is the instant that was seen, now when it is not given."""

    moment_id: str
    camera_id: str
    at: datetime | None = None
    before_s: float = BEFORE_S
    after_s: float = AFTER_S


class MissClip(IncidentCommand, kw_only=True, frozen=True, tag="miss_clip"):
    """Made by the clips' service. `reason` is one of `operations.footage.clips.MISSED`."""

    moment_id: str
    reason: str


# What a caller of the API may send to an incident.
AnyIncidentCommand = (
    Classify
    | Locate
    | Push
    | Reinforce
    | Reassign
    | StopRepush
    | CallService
    | NameLead
    | Recall
    | MarkDelivered
    | MarkSeen
    | Acknowledge
    | Refuse
    | Depart
    | Arrive
    | CheckIn
    | CorrectStage
    | Feedback
    | Clear
    | Review
    | Return
    | Close
    | Divert
    | MarkInvalid
    | Cancel
    | Reopen
    | CallBack
    | Merge
    | TellApart
    | Split
    | Escalate
    | OfferHandover
    | AcceptHandover
    | RefuseHandover
    | TakeAlarm
    | ClaimIncident
    | ReleaseClaim
    | WarnPlace
    | LiftWarning
    | Note
    | ReadNote
    | Comment
    | AddFinding
    | SignAfterAction
    | ReviseAfterAction
)
# What concerns crews and their duty.
AnyDutyCommand = SignOn | SignOff | TellDuty | PlanShift | CancelShift | MusterReserves | AnswerMuster | EndMuster | SignShiftHandover
AnyCircleCommand = SetDutyCircle | WithdrawDutyCircle
AnyBroadcastCommand = SendBroadcast | RecallBroadcast | MarkBroadcastDelivered | ReadBroadcast
AnyCommand = (
    AnyIncidentCommand
    | AnyBroadcastCommand
    | AnyCircleCommand
    | AnyDutyCommand
    | ReceiveIncident
    | Repush
    | MissDeadline
    | AddUpload
    | BookmarkMoment
    | MissClip
    | RegisterUnit
    | SetUnitStatus
    | WriteElement
    | RemoveElement
)
