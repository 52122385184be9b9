"""What happens outside incidents: to crews and their duty, broadcasts, duty circles, elements. Part of `dispatch.events`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.duty_circles import Tier
from dispatch.event_bases import Event, OrganisationEvent, UnitEvent
from dispatch.model import UnitKind, UnitStatus
from dispatch.shifts import Rostered


class UnitRegistered(UnitEvent, frozen=True, tag="unit_registered"):
    callsign: str
    kind: UnitKind
    org_code: str
    trackers: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    marked: bool = True
    radio_group: str = ""
    registered: bool = True
    auxiliary: bool = False


class UnitStatusSet(UnitEvent, frozen=True, tag="unit_status_set"):
    status: UnitStatus
    text: str = ""


class CrewSignedOn(UnitEvent, frozen=True, tag="crew_signed_on"):
    """The crew has said that it is there."""

    shift_id: str = ""  # which it signed on for; may begin within the hour


class CrewSignedOff(UnitEvent, frozen=True, tag="crew_signed_off"):
    text: str = ""


class DutyBegan(UnitEvent, frozen=True, tag="duty_began"):
    """By roster, by muster or by signing on; again with another roster where that has changed."""

    shift_id: str = ""
    muster_id: str = ""
    row: Rostered | None = None  # the crew as the shift has it


class DutyEnded(UnitEvent, frozen=True, tag="duty_ended"):
    """`since` is when it ended by the clock; a crew on an incident stays on that until it is released."""

    since: datetime
    why: str


class ShiftPlanned(OrganisationEvent, frozen=True, tag="shift_planned"):
    """A shift and its whole roster, new or instead of what was planned under the same id."""

    shift_id: str
    name: str
    starts_at: datetime
    ends_at: datetime
    leader: str = ""
    radio_group: str = ""
    crews: tuple[Rostered, ...] = ()


class ShiftCancelled(OrganisationEvent, frozen=True, tag="shift_cancelled"):
    shift_id: str
    text: str = ""


class ReservesMustered(OrganisationEvent, frozen=True, tag="reserves_mustered"):
    """紧急集合."""

    muster_id: str
    unit_ids: tuple[str, ...]
    text: str
    until: datetime


class MusterAnswered(OrganisationEvent, frozen=True, tag="muster_answered"):
    muster_id: str
    unit_id: str
    coming: bool
    text: str = ""


class MusterEnded(OrganisationEvent, frozen=True, tag="muster_ended"):
    """By command, or because its time was over."""

    muster_id: str
    text: str = ""


class ShiftHandoverSigned(OrganisationEvent, frozen=True, tag="shift_handover_signed"):
    """交接班: a duty leader has signed the sheet of this shift as it was at revision `at_revision`."""

    shift_id: str
    side: str  # outgoing | incoming
    name: str
    at_revision: int


class BroadcastEvent(Event, frozen=True):
    """An event about one broadcast."""

    broadcast_id: str


class BroadcastSent(BroadcastEvent, frozen=True, tag="broadcast_sent"):
    """通播: to the crews and desks named, as they were on duty then."""

    org_code: str
    text: str
    urgent: bool
    sent_by_org: str
    expires_at: datetime
    unit_ids: tuple[str, ...] = ()
    desks: tuple[str, ...] = ()
    replaces: str = ""


class BroadcastRecalled(BroadcastEvent, frozen=True, tag="broadcast_recalled"):
    """It no longer holds; `replaced_by`: the one that was sent in its place."""

    replaced_by: str = ""


class BroadcastDelivered(BroadcastEvent, frozen=True, tag="broadcast_delivered"):
    recipient: str


class BroadcastRead(BroadcastEvent, frozen=True, tag="broadcast_read"):
    recipient: str


class DutyCircleEvent(Event, frozen=True):
    """An event about one duty circle."""

    circle_id: str


class DutyCircleSet(DutyCircleEvent, frozen=True, tag="duty_circle_set"):
    """快反圈: a circle as a whole, new or instead of the version before."""

    version: int
    name: str
    org_code: str
    lon: float
    lat: float
    tiers: tuple[Tier, ...]
    key_place: str = ""


class DutyCircleWithdrawn(DutyCircleEvent, frozen=True, tag="duty_circle_withdrawn"):
    """It no longer holds; `text` says why."""

    version: int
    org_code: str
    text: str = ""


class ElementWritten(Event, frozen=True, tag="element_written"):
    element: str
    element_id: str
    lon: float
    lat: float
    properties: dict[str, Any] = {}


class ElementRemoved(Event, frozen=True, tag="element_removed"):
    """It no longer stands there; also said of one that the city folder knows."""

    element: str
    element_id: str
