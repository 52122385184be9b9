"""The nouns of the domain: incidents, assignments, units, organisations' place in them. Frozen; changed only by `evolve`.

Terms: `docs/glossary.md`. Instants are aware UTC datetimes; coordinates lon, lat in WGS-84 degrees.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

from dispatch.shifts import Rostered

# `gc=False`: these hold no cycles, and by the ten thousand they would make each full garbage collection a stall of milliseconds.


class Grade(IntEnum):
    """Urgency of an incident; 1 is most urgent."""

    MAJOR = 1  # 重大
    URGENT = 2  # 紧急
    ORDINARY = 3  # 一般
    NON_POLICE = 4  # 非警务


class Stage(StrEnum):
    """Where an incident stands in the dispatch loop. The first eight are in order; the rest end it another way."""

    RECEIVED = "received"  # 接警
    PUSHED = "pushed"  # 派警
    ACKNOWLEDGED = "acknowledged"  # 签收
    EN_ROUTE = "en_route"  # 出警
    ON_SCENE = "on_scene"  # 到场
    FEEDBACK = "feedback"  # 反馈
    REVIEWED = "reviewed"  # 审核
    CLOSED = "closed"  # 办结
    DIVERTED = "diverted"  # 分流
    INVALID = "invalid"  # 无效
    CANCELLED = "cancelled"  # 撤警
    MERGED = "merged"  # 并警: it was a further call about another incident


OPEN_STAGES = frozenset({Stage.RECEIVED, Stage.PUSHED, Stage.ACKNOWLEDGED, Stage.EN_ROUTE, Stage.ON_SCENE, Stage.FEEDBACK, Stage.REVIEWED})


class Step(StrEnum):
    """A step of the loop that has a deadline."""

    ACKNOWLEDGE = "acknowledge"
    DEPART = "depart"
    ARRIVE = "arrive"
    FEEDBACK = "feedback"
    REVIEW = "review"
    SEND = "send"  # the only crew has refused: somebody sends another
    HELP = "help"  # somebody takes on a crew's call for help, or sends others
    CHECK_IN = "check_in"  # a crew on the scene says that all is well; due again and again


class Area(StrEnum):
    """How densely built-up the place of an incident is; what arrival targets are set by."""

    TOWN = "town"
    OUTSKIRTS = "outskirts"
    COUNTRY = "country"


class AssignmentStage(StrEnum):
    """Where one unit stands on one incident."""

    PUSHED = "pushed"
    ACKNOWLEDGED = "acknowledged"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    FEEDBACK = "feedback"
    RELEASED = "released"  # the incident ended or the unit was let go after working on it
    RECALLED = "recalled"  # 撤回: the push was taken back
    REFUSED = "refused"  # the unit said no, with a reason


ACTIVE_ASSIGNMENT_STAGES = frozenset(
    {AssignmentStage.PUSHED, AssignmentStage.ACKNOWLEDGED, AssignmentStage.EN_ROUTE, AssignmentStage.ON_SCENE, AssignmentStage.FEEDBACK}
)


class UnitStatus(StrEnum):
    """What a unit can be asked to do. The order is the code byte of live frames: append only."""

    AVAILABLE = "available"  # 待命/巡逻
    DISPATCHED = "dispatched"  # 已派
    EN_ROUTE = "en_route"  # 出警途中
    ON_SCENE = "on_scene"  # 现场处置
    COMMITTED_DEPLOYABLE = "committed_deployable"  # 有任务可调派
    COMMITTED = "committed"  # 有任务不可调派
    OUT_OF_SERVICE = "out_of_service"  # 停用/离岗


UNIT_STATUSES = tuple(UnitStatus)


class UnitKind(StrEnum):
    """Kind of crew; also its element in the catalogue. The order is part of the live hello: append only."""

    PATROL_CAR = "patrol_car"
    FOOT_PATROL = "foot_patrol"
    ARMED_PATROL = "armed_patrol"


class FixState(StrEnum):
    """Whether a position can say anything about an arrival."""

    NOT_ASKED = ""  # recorded before positions were asked, or there is none to ask: another service
    SOUND = "sound"
    NONE = "none"
    OLD = "old"
    DOUBTFUL = "doubtful"  # wrong datum suspected, or the crew's trackers disagree
    NO_POINT = "no_point"  # the incident has none


class ArrivalFix(msgspec.Struct, frozen=True, gc=False):
    """What the crew's own position said about its arrival. Kept beside the button's word, never in its place."""

    state: FixState = FixState.NOT_ASKED
    distance_m: float | None = None  # straight line to the incident's point; None unless the fix is sound
    position_at: datetime | None = None  # of the freshest fix at the arrival; also of one that was too old
    position_arrived_at: datetime | None = None  # since when the position is there; None: it is not, or that was not seen
    within_m: float = 0.0  # so far counted as there: more than usual where the incident's point is vague


class Assignment(msgspec.Struct, frozen=True, gc=False):
    """One unit on one incident with its times; an instant is None until it has happened."""

    assignment_id: str
    unit_id: str
    stage: AssignmentStage
    pushed_at: datetime
    pushed_by: str
    # What the desk was promised at the push: seconds and metres by road; None when the unit had no fresh position or the incident no point.
    promised_eta_s: float | None = None
    promised_distance_m: float | None = None
    promised_eta_p90_s: float | None = None  # nine ways in ten take no longer; None: not known
    promised_turnout_s: float | None = None  # assumed until it sets out, on top of both; None: not stated
    promised_at: datetime | None = None  # the push, or when the point was moved meanwhile; None: recorded before this was kept
    delivered_at: datetime | None = None  # the terminal has it
    seen_at: datetime | None = None  # a person has opened it
    acknowledged_at: datetime | None = None
    departed_at: datetime | None = None
    arrived_at: datetime | None = None
    feedback_at: datetime | None = None
    ended_at: datetime | None = None  # released, recalled or refused
    reason: str = ""  # why refused or recalled
    service: str = ""  # 119, 120, 12345 …: another service, which has no terminal here; `unit_id` is its name
    auxiliary: bool = False  # a crew of auxiliary officers (辅警) alone: may begin, is never responsible
    because_of: str = ""  # assignment whose missed acknowledgement led to this one
    checked_in_at: datetime | None = None  # when it last said that all was well there
    check_ins: int = 0  # how often it has
    corrected: tuple[AssignmentStage, ...] = ()  # stages whose time a desk has corrected or taken back, in that order
    # Stages that somebody else said for the crew (代签收 …): not its terminal, nor its position. None: recorded before this was kept.
    entered: tuple[AssignmentStage, ...] | None = None
    arrival: ArrivalFix | None = None  # what the position said when the arrival was reported; None: not asked
    checks: int = 0  # items of the check-list of its newest feedback; 0: that had none
    checks_done: int = 0  # those that were seen to
    arrive_within_s: float | None = None  # from the push, at grade 1, by a duty circle; None: the city's targets alone

    @property
    def is_active(self) -> bool:
        return self.stage in ACTIVE_ASSIGNMENT_STAGES


class Miss(msgspec.Struct, frozen=True, gc=False):
    """A deadline that passed. `round` tells repeated deadlines of one step apart, `level` how far up it was told."""

    step: Step
    round: int
    level: int  # 0: the incident's owner, 1: the organisation above it, and so on
    org_code: str  # who was told
    due_at: datetime
    told_at: datetime  # when: later than due where the grade was raised, or nothing ran, after it was due
    assignment_id: str = ""  # empty: the incident as a whole
    quiet: bool = False  # for the supervision list 督办 only


class Reading(msgspec.Struct, frozen=True, gc=False):
    """Somebody has read a note: a crew, or an account at a desk."""

    reader: str  # unit_id, or account
    at: datetime
    org_code: str = ""  # of the desk; empty: a crew


class Note(msgspec.Struct, frozen=True, gc=False):
    """A remark on an incident, and who has read it."""

    note_id: str
    text: str
    by: str  # account, as in the journal
    at: datetime
    to_units: tuple[str, ...] = ()  # for these crews; none: for everybody on it
    by_unit: str = ""  # the crew that wrote it
    reads: tuple[Reading, ...] = ()


class FindingKind(StrEnum):
    """What a reviewer has found out about an incident afterwards."""

    GOOD = "good"  # 做得好
    SHORTFALL = "shortfall"  # 不足
    MEASURE = "measure"  # 改进措施


class AfterAction(msgspec.Struct, frozen=True, gc=False):
    """复盘: how far the review of an incident afterwards has come. What was written stands in the journal."""

    revision: int = 1  # one more each time a signed review is taken up again
    comments: int = 0
    findings: tuple[str, ...] = ()  # ids of all, in the order they were written; also of those that others took the place of
    replaced: tuple[str, ...] = ()  # those
    signed_by: str = ""  # account, as in the journal; empty: the present revision is not signed
    signed_at: datetime | None = None


class Claim(msgspec.Struct, frozen=True, gc=False):
    """认领: somebody at a desk has taken the incident on for now. It says so to others and binds nobody."""

    by: str  # account, as in the journal
    org_code: str  # of the account
    at: datetime
    until: datetime  # when it lapses unless its holder does something on the incident before


class Incident(msgspec.Struct, frozen=True, gc=False):
    """One thing that is responded to, from the first call to its end.

    `stage` is derived from the assignments while the loop runs. `lon`/`lat` are None while the place is unknown (待定位).
    The caller's name and number are not here: they are personal fields and lie apart in storage.
    """

    incident_id: str
    number: int  # short running number people say aloud
    incident_type: str
    grade: Grade
    text: str
    org_code: str  # responsible organisation, owner of the incident
    stage: Stage
    stage_since: datetime
    called_at: datetime
    received_at: datetime
    version: int  # number of events so far; what `expected_version` is compared with
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    address: str = ""
    source: str = "desk"  # desk, api, or the feed's name
    source_id: str | None = None
    has_caller: bool = False  # a caller is known and kept apart
    assignments: tuple[Assignment, ...] = ()
    round_start: int = 0  # assignments before this index belong to the time before the last reopening
    reviewed: bool = False  # the feedback was reviewed and nothing has happened since
    reviewed_at: datetime | None = None  # when last; None: not since it was received or reopened, or before this was kept
    returned: bool = False  # the feedback has to be completed (退回补录)
    disposition: str = ""  # 处理结果
    uploads: int = 0  # photos, videos, files kept with it
    area: Area | None = None  # of its point; None while there is none
    lead_id: str = ""  # assignment that is responsible (主责), kept until it can't be any more; empty: see `lead`
    review_round: int = 0  # how often its feedback has come up for review
    merged_from: tuple[str, ...] = ()  # further calls about the same: ids of the incidents they were received as
    merged_into: str = ""  # the incident this was a further call about
    told_apart: tuple[str, ...] = ()  # ids of incidents that somebody said this is not the same as; not suggested again
    split_from: str = ""  # the incident this was a part of
    escalated_to: str = ""  # 上报: organisation above that was asked to look at it
    handover_to: str = ""  # 移交: organisation that was offered it and has not answered
    handed_over: bool = False  # its owner was settled by a hand-over, no longer by its place
    called_back: bool = False  # 回访
    help_for: str = ""  # 紧急求援: the crew that called for help for itself with its panic button; empty: no such call
    help_calls: int = 0  # how often it has, while this is open
    help_at: datetime | None = None  # when last
    help_ids: tuple[str, ...] = ()  # which times the button was held: the same again is no other; the newest of them
    misses: tuple[Miss, ...] = ()  # deadlines that passed, in the order they were noticed
    alarm_taken: int = 0  # so many of `misses` somebody has taken on
    repush_stopped: tuple[str, ...] = ()  # assignments whose missed acknowledgement shall send nobody else
    notes: tuple[Note, ...] = ()  # the newest `evolve_incident.KEPT_NOTES`; all of them are in the journal
    claim: Claim | None = None  # the newest, also one that has lapsed meanwhile: see `dispatch.claims`
    after_action: AfterAction | None = None  # None: nobody has written anything about it afterwards

    @property
    def is_open(self) -> bool:
        return self.stage in OPEN_STAGES

    @property
    def has_point(self) -> bool:
        return self.lon is not None and self.lat is not None

    @property
    def lead(self) -> Assignment | None:
        """The responsible crew's assignment (主责): the first that is on it, until a desk names another or it has gone without feedback."""
        crews = [a for a in self.assignments[self.round_start :] if not (a.service or a.auxiliary) and (a.is_active or a.feedback_at)]
        return next((a for a in crews if a.assignment_id == self.lead_id), crews[0] if crews else None)

    @property
    def has_feedback(self) -> bool:
        """The responsible crew has given feedback since the incident was received or last reopened."""
        return self.lead is not None and self.lead.feedback_at is not None

    @property
    def awaits_review(self) -> bool:
        """A crew has been on the scene, or has given feedback, since it was received or last reopened, and nobody has reviewed that."""
        crews = (a for a in self.assignments[self.round_start :] if not a.service)
        return self.stage != Stage.REVIEWED and any(a.arrived_at is not None or a.feedback_at is not None for a in crews)

    @property
    def active_assignments(self) -> tuple[Assignment, ...]:
        return tuple(a for a in self.assignments if a.is_active)

    def assignment_of(self, unit_id: str) -> Assignment | None:
        """The unit's newest assignment on this incident, whatever its stage."""
        return next((a for a in reversed(self.assignments) if a.unit_id == unit_id), None)


class Unit(msgspec.Struct, frozen=True, gc=False):
    """A crew with its trackers: one dot on the map. Its position is not here but in the position table."""

    unit_id: str
    callsign: str
    kind: UnitKind
    org_code: str
    status: UnitStatus
    status_since: datetime
    trackers: tuple[str, ...] = ()  # codes of car radio, phones, body cameras; each may report a position
    members: tuple[str, ...] = ()  # names or numbers of the crew
    marked: bool = True  # False: plain clothes (便衣)
    radio_group: str = ""
    registered: bool = True  # False: made by a position of an unknown unit
    incident_id: str | None = None  # incident it works on now
    auxiliary: bool = False  # auxiliary officers (辅警) alone: may begin, is never responsible
    task: str = ""  # what its own task is, as said with the status
    # Its duty as last put on record; at any other instant ask `dispatch.duty`.
    rostered: Rostered | None = None  # the crew as the shift it is on duty by has it
    shift_id: str = ""  # the shift it is on duty by
    muster_id: str = ""  # the muster it is on duty by
    off_duty_since: datetime | None = None  # None: on duty. Past it with an incident: overtime, kept until it is released
    own_status: UnitStatus = UnitStatus.AVAILABLE  # what it is when it is on duty next
    signed_on_at: datetime | None = None
    signed_off_at: datetime | None = None  # None after signing on again

    @property
    def crew(self) -> Rostered:
        """Who and what it is today: as rostered, and where the roster says nothing as registered."""
        row = self.rostered or Rostered(self.unit_id)
        return msgspec.structs.replace(
            row,
            members=row.members or self.members,
            trackers=row.trackers or self.trackers,
            radio_group=row.radio_group or self.radio_group,
        )


class PlaceWarning(msgspec.Struct, frozen=True, gc=False):
    """What crews must know before they enter a place. It holds until `expires_at`, whatever becomes of the incident it was set from."""

    warning_id: str
    warning: str  # its kind, from the city's table
    text: str  # the reason, in words
    source: str  # where it is known from
    set_by: str
    set_at: datetime
    expires_at: datetime
    org_code: str  # of the incident it was set from, whose command may lift it
    incident_id: str
    radius_m: float
    lon: float | None = None  # None: known by its address only
    lat: float | None = None
    address: str = ""


class Element(msgspec.Struct, frozen=True, gc=False):
    """One entry of the catalogue of things on the map, other than units and incidents."""

    element: str
    element_id: str
    lon: float
    lat: float
    written_at: datetime
    properties: dict[str, Any] = {}
    removed: bool = False  # kept so that one of the city folder does not come back; lon and lat mean nothing then


class Actor(msgspec.Struct, frozen=True):
    """Who acts. `org_code` is the scope; `unit_id` is set for an officer's terminal."""

    name: str  # account or token name, as written into the journal
    role: str  # see operations.access.authority.ROLES
    org_code: str
    unit_id: str | None = None
    kind: str = "user"  # user | token | system
    own_org_code: str | None = None  # the account's own organisation, where `org_code` was narrowed to one below it
