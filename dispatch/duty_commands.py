"""What is asked for outside incidents: of crews and their duty, broadcasts, duty circles, elements. Part of `dispatch.commands`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dispatch.command_bases import Command
from dispatch.duty_circles import Tier
from dispatch.model import UnitKind, UnitStatus
from dispatch.shifts import Rostered


class RegisterUnit(Command, kw_only=True, frozen=True, tag="register_unit"):
    unit_id: str
    callsign: str
    kind: UnitKind
    org_code: str
    trackers: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    marked: bool = True
    radio_group: str = ""
    registered: bool = True
    auxiliary: bool = False


class SetUnitStatus(Command, kw_only=True, frozen=True, tag="set_unit_status"):
    unit_id: str
    status: UnitStatus
    text: str = ""


class SignOn(Command, kw_only=True, frozen=True, tag="sign_on"):
    """A crew says that it is there: at its terminal, or the desk for a crew on the radio."""

    unit_id: str


class SignOff(Command, kw_only=True, frozen=True, tag="sign_off"):
    unit_id: str
    text: str = ""


class TellDuty(Command, kw_only=True, frozen=True, tag="tell_duty"):
    """Made by the duty watch: the clock has changed the duty of these crews."""

    unit_ids: tuple[str, ...]


class PlanShift(Command, kw_only=True, frozen=True, tag="plan_shift"):
    """A shift with its whole roster; another one under the same id takes its place."""

    org_code: str
    shift_id: str
    name: str
    starts_at: datetime
    ends_at: datetime
    leader: str = ""
    radio_group: str = ""
    crews: tuple[Rostered, ...] = ()


class CancelShift(Command, kw_only=True, frozen=True, tag="cancel_shift"):
    org_code: str
    shift_id: str
    text: str = ""


class MusterReserves(Command, kw_only=True, frozen=True, tag="muster_reserves"):
    """紧急集合: call crews in, whatever the roster says. Without `unit_ids`: every crew of the organisation that is off duty."""

    org_code: str
    text: str
    until: datetime
    unit_ids: tuple[str, ...] = ()  # filled in by enrich when empty


class AnswerMuster(Command, kw_only=True, frozen=True, tag="answer_muster"):
    muster_id: str
    unit_id: str
    coming: bool
    text: str = ""


class EndMuster(Command, kw_only=True, frozen=True, tag="end_muster"):
    muster_id: str
    text: str = ""


class SignShiftHandover(Command, kw_only=True, frozen=True, tag="sign_shift_handover"):
    """交接班: a duty leader signs the sheet of a shift as it was at a revision."""

    org_code: str
    shift_id: str
    side: str  # outgoing | incoming
    name: str
    revision: int


class WriteElement(Command, kw_only=True, frozen=True, tag="write_element"):
    element: str
    element_id: str
    lon: float
    lat: float
    properties: dict[str, Any] = {}


class RemoveElement(Command, kw_only=True, frozen=True, tag="remove_element"):
    element: str
    element_id: str


class SendBroadcast(Command, kw_only=True, frozen=True, tag="broadcast"):
    org_code: str  # to this organisation and those below it
    text: str
    urgent: bool = False
    to_crews: bool = True  # on duty
    to_desks: bool = True
    lasts_s: int = 8 * 3600
    replaces: str = ""  # broadcast_id of the one it takes the place of
    unit_ids: tuple[str, ...] = ()  # filled in by enrich, as the next
    desks: tuple[str, ...] = ()


class RecallBroadcast(Command, kw_only=True, frozen=True, tag="recall_broadcast"):
    broadcast_id: str


class MarkBroadcastDelivered(Command, kw_only=True, frozen=True, tag="broadcast_delivered"):
    broadcast_id: str
    recipient: str  # unit_id of a crew, code of the organisation of a desk


class ReadBroadcast(Command, kw_only=True, frozen=True, tag="read_broadcast"):
    broadcast_id: str
    recipient: str


class SetDutyCircle(Command, kw_only=True, frozen=True, tag="set_duty_circle"):
    """A duty circle (快反圈) as a whole; another one under the same id takes its place as the next version."""

    circle_id: str
    name: str
    org_code: str
    lon: float
    lat: float
    tiers: tuple[Tier, ...]
    key_place: str = ""
    expected_version: int | None = None  # 0: there is none yet


class WithdrawDutyCircle(Command, kw_only=True, frozen=True, tag="withdraw_duty_circle"):
    circle_id: str
    text: str = ""
    expected_version: int | None = None
