"""Holds on tracks: an incident's time, or a span and a place, kept from removal. Who set one, why and until when is on record."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from dispatch.clock import Clock
from dispatch.errors import NotFound, RuleViolation
from dispatch.model import Actor, Incident
from dispatch.picture import OperatingPicture
from operations.access.authority import Action, Authority
from operations.access.on_record import Log, put_on_record
from operations.tracking.track_questions import LATE
from storage.track_holds import Hold, TrackHoldStore
from storage.track_removal import Held

AROUND = timedelta(minutes=30)  # before an incident's call and after its end
MOST_ACTIVE = 1_000
MOST_SHOWN = 500  # of those that are released or over
LONGEST_SPAN = timedelta(days=31)
LONGEST_REASON = 500  # characters
LEAST_RADIUS_M, MOST_RADIUS_M = 10.0, 50_000.0


class NewHold(msgspec.Struct, frozen=True):
    """What is to be held: an incident, or a span with or without a circle."""

    reason: str
    incident_id: str = ""
    from_at: datetime | None = None
    to_at: datetime | None = None
    lon: float | None = None
    lat: float | None = None
    radius_m: float | None = None
    until: datetime | None = None


class Incidents(Protocol):
    """`operations.records.history.History`."""

    async def incident(self, incident_id: str) -> Incident | None: ...


class TrackHolds:
    """One per node; on the event loop."""

    def __init__(
        self,
        store: TrackHoldStore,
        authority: Authority,
        incidents: Incidents,
        picture: Callable[[], OperatingPicture],
        log: Log,
        clock: Clock,
    ) -> None:
        self._store = store
        self._authority = authority
        self._incidents = incidents
        self._picture = picture
        self._log = log
        self._clock = clock
        # Taken while one is set, and by the removal until it is done with those it knows: none is set too late and not told.
        self.unchanged = asyncio.Lock()

    async def set(self, actor: Actor, new: NewHold, key: str = "", channel: str = "desk") -> Hold:
        """Set a hold; the same `key` of the same actor sets it once. Raises NotPermitted, NotFound, RuleViolation, Unavailable."""
        self._authority.authorise(actor, Action.HOLD_TRACKS)
        hold_id = hashlib.sha256(f"{actor.name}\0{key}".encode()).hexdigest()[:32] if key else secrets.token_hex(16)
        async with self.unchanged:
            known = await asyncio.to_thread(self._store.get, hold_id)
            if known is not None:
                return known
            await self._check(actor, new)
            hold = Hold(
                hold_id=hold_id,
                reason=new.reason.strip(),
                org_code=actor.own_org_code or actor.org_code,
                set_by=actor.name,
                set_at=self._clock.now(),
                incident_id=new.incident_id,
                from_at=new.from_at,
                to_at=new.to_at,
                lon=new.lon,
                lat=new.lat,
                radius_m=new.radius_m,
                until=new.until,
            )
            await put_on_record(self._log, self._clock, actor, "tracks_held", hold_id, channel)
            await asyncio.to_thread(self._store.add, hold)
            return hold

    async def release(self, actor: Actor, hold_id: str, channel: str = "desk") -> Hold:
        """Raises NotPermitted, NotFound, Unavailable. Releasing one that is released changes nothing."""
        self._authority.authorise(actor, Action.HOLD_TRACKS)
        hold = await asyncio.to_thread(self._store.get, hold_id)
        if hold is None or not self._sees(actor, hold):
            raise NotFound("unknown-hold", f"There is no hold {hold_id[:64]} that you may release; look at the ones there are.")
        if hold.released_at is None:
            await put_on_record(self._log, self._clock, actor, "tracks_released", hold_id, channel)
            await asyncio.to_thread(self._store.release, hold_id, actor.name, self._clock.now())
        return await asyncio.to_thread(self._store.get, hold_id) or hold

    async def all(self, actor: Actor) -> list[Hold]:
        """Those set from the actor's scope, the active ones first, newest first of each. Raises NotPermitted."""
        self._authority.authorise(actor, Action.HOLD_TRACKS)
        orgs = self._authority.visible_orgs(actor)
        return await asyncio.to_thread(self._store.listed, orgs, self._clock.now(), MOST_SHOWN)

    async def held(self) -> list[Held]:
        """What the active ones cover, with what was handed in late; for the removal, which asks as the system.

        Slices go by when they were heard. An unknown incident covers nothing.
        """
        found = []
        for hold in await asyncio.to_thread(self._store.active, self._clock.now()):
            if not hold.incident_id:
                assert hold.from_at is not None
                assert hold.to_at is not None
                circle = None if hold.lon is None or hold.lat is None or hold.radius_m is None else (hold.lon, hold.lat, hold.radius_m)
                found.append(Held(hold.from_at.timestamp(), (hold.to_at + LATE).timestamp(), circle))
                continue
            incident = await self._incidents.incident(hold.incident_id)
            if incident is not None:
                ends = self._clock.now() if incident.is_open else incident.stage_since
                found.append(Held((incident.called_at - AROUND).timestamp(), (ends + AROUND + LATE).timestamp()))
        return found

    def _sees(self, actor: Actor, hold: Hold) -> bool:
        return hold.org_code in self._authority.visible_orgs(actor)

    async def _check(self, actor: Actor, new: NewHold) -> None:
        now = self._clock.now()
        if not 0 < len(new.reason.strip()) <= LONGEST_REASON:
            raise RuleViolation("no-reason", f"A hold needs a reason of 1 to {LONGEST_REASON} characters; say why it is kept.")
        if new.until is not None and new.until <= now:
            raise RuleViolation("bad-until", f"{new.until.isoformat()} is over; give a later end, or none.")
        if new.incident_id:
            if any(value is not None for value in (new.from_at, new.to_at, new.lon, new.lat, new.radius_m)):
                raise RuleViolation("bad-hold", "A hold is on an incident or on a span; give one of the two.")
            incident = await self._incidents.incident(new.incident_id)
            if incident is None or not self._authority.may_see_incident(actor, incident, self._picture()):
                raise NotFound("unknown-incident", f"There is no incident {new.incident_id[:64]}; check the id.")
        else:
            _check_span(new)
        if await asyncio.to_thread(self._store.count_active, now) >= MOST_ACTIVE:
            raise RuleViolation("too-many-holds", f"There are {MOST_ACTIVE} holds already; release those that are not needed any more.")


def _check_span(new: NewHold) -> None:
    if new.from_at is None or new.to_at is None or not timedelta(0) < new.to_at - new.from_at <= LONGEST_SPAN:
        raise RuleViolation("bad-period", f"A hold needs an incident, or a span of at most {LONGEST_SPAN.days} days with from and to.")
    circle = (new.lon, new.lat, new.radius_m)
    if any(value is None for value in circle) and any(value is not None for value in circle):
        raise RuleViolation("bad-hold", "A place needs lon, lat and radius_m; give all three, or none for everything in the span.")
    if new.lon is not None and new.lat is not None and not (-180 <= new.lon <= 180 and -90 <= new.lat <= 90):
        raise RuleViolation("bad-hold", f"{new.lon:g}, {new.lat:g} is no place; give degrees, longitude first.")
    if new.radius_m is not None and not LEAST_RADIUS_M <= new.radius_m <= MOST_RADIUS_M:
        raise RuleViolation("bad-radius", f"{new.radius_m:g} m can't be held; {LEAST_RADIUS_M:g} to {MOST_RADIUS_M:g} can.")
