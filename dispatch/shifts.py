"""Shifts 班次 with their rosters, and musters of reserves 紧急集合: who was planned to be on duty, and who was called in beside.

Frozen; changed only by `evolve`. Whether a crew is on duty at an instant is asked of `dispatch.duty`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

# Ended shifts and musters stay in the picture for as long as somebody asks about yesterday's; the journal keeps all.
KEPT_FOR = timedelta(days=3)


class Rostered(msgspec.Struct, frozen=True, gc=False):
    """One crew in one shift. What is empty is as the crew is registered."""

    unit_id: str
    members: tuple[str, ...] = ()
    vehicle: str = ""  # plate, or what is painted on its roof
    trackers: tuple[str, ...] = ()
    radio_group: str = ""
    beat: str = ""  # 巡区: id in the city's table


class Signature(msgspec.Struct, frozen=True, gc=False):
    """A duty leader has signed the hand-over sheet 交接班 of a shift as it was at a revision."""

    side: str  # outgoing | incoming
    name: str
    actor: str
    at: datetime
    revision: int


class Shift(msgspec.Struct, frozen=True, gc=False):
    """A stretch of duty of one organisation, from `starts_at` until before `ends_at`, with its roster by unit_id."""

    org_code: str
    shift_id: str  # unique within the organisation
    name: str
    starts_at: datetime
    ends_at: datetime
    leader: str = ""  # duty leader 值班领导
    radio_group: str = ""  # where the duty leader is heard
    crews: dict[str, Rostered] = {}
    signed: tuple[Signature, ...] = ()

    def is_running(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


class MusterAnswer(msgspec.Struct, frozen=True, gc=False):
    """What a mustered crew has said."""

    coming: bool
    at: datetime
    text: str = ""


class Muster(msgspec.Struct, frozen=True, gc=False):
    """紧急集合: crews called in by a commander, whatever the roster says, until it ends."""

    muster_id: str
    org_code: str
    unit_ids: tuple[str, ...]
    text: str
    by: str
    called_at: datetime
    until: datetime
    ended_at: datetime | None = None
    answers: dict[str, MusterAnswer] = {}  # by unit_id

    def is_running(self, at: datetime) -> bool:
        return self.ended_at is None and self.called_at <= at < self.until
