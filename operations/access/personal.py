"""The only way in which personal data leaves: what this actor may see of it, written down before it is shown.

What can't be written down is not shown.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta
from typing import Protocol

from dispatch.clock import Clock
from dispatch.commands import Caller
from dispatch.model import Actor, Incident
from operations.access.on_record import Log, look_of, write_down
from operations.access.permissions import Action

# A panel asks again with everything that happens to its incident: within this time it is the same look.
SAME_LOOK = timedelta(minutes=5)
MOST_REMEMBERED = 10_000
MOST_CALLS = 50  # of one number, newest first; a person reads fewer


class Callers(Protocol):
    """Who called; `operations.records.history.History`."""

    async def caller(self, incident_id: str) -> Caller | None: ...

    async def incidents_of_number(self, number: str, limit: int) -> list[Incident]: ...


class Sight(Protocol):
    """The questions of `operations.access.authority.Authority` that matter here."""

    def can(self, actor: Actor, action: str) -> bool: ...

    def caller_for(self, actor: Actor, incident: Incident, caller: Caller | None) -> Caller | None: ...


class PersonalData:
    """One per node; on the event loop."""

    def __init__(self, callers: Callers, sight: Sight, log: Log, clock: Clock) -> None:
        self._callers = callers
        self._sight = sight
        self._log = log
        self._clock = clock
        self._seen: dict[tuple[str, str, str, str], datetime] = {}  # kind and name of the actor, what, subject: last written down

    def of(self, callers: Callers) -> PersonalData:
        """The same guard, with the same memory of looks, before other data: that of a moment of the past."""
        other = copy(self)
        other._callers = callers
        return other

    async def caller(self, actor: Actor, incident: Incident, channel: str) -> Caller | None:
        """The incident's caller as the actor may see it: whole, masked or not at all. Raises Unavailable."""
        whole = await self._callers.caller(incident.incident_id) if incident.has_caller else None
        shown = self._sight.caller_for(actor, incident, whole)
        if shown is not None and (shown.name or shown.number):
            await self._write(actor, "caller" if shown == whole else "caller_masked", incident.incident_id, channel)
        return shown

    async def calls_of_same_number(self, actor: Actor, incident: Incident, channel: str) -> list[Incident]:
        """Other incidents reported from the number of this one's caller, newest first, where the actor may see both callers whole."""
        whole = await self._callers.caller(incident.incident_id) if incident.has_caller else None
        if whole is None or self._sight.caller_for(actor, incident, whole) != whole:
            return []
        found = await self.calls_of_number(actor, whole.number, channel)
        return [one for one in found if one.incident_id != incident.incident_id]

    async def calls_of_number(self, actor: Actor, number: str, channel: str) -> list[Incident]:
        """Incidents reported from a number, newest first, of those whose caller the actor may see whole. Raises Unavailable."""
        if not self._sight.can(actor, Action.SEE_CALLER):
            return []
        whole = Caller(number=number)
        found = await self._callers.incidents_of_number(number, MOST_CALLS)
        shown = [one for one in found if self._sight.caller_for(actor, one, whole) == whole]
        if shown:
            await self._write(actor, "calls_of_number", shown[0].incident_id, channel)
        return shown

    async def upload(self, actor: Actor, upload_id: str) -> None:
        """A photo, video or file is about to be shown. Raises Unavailable."""
        await self._write(actor, "upload", upload_id)

    async def scene_video(self, actor: Actor, recording_id: str) -> None:
        """What a crew's phone sends is about to be watched live. Raises Unavailable."""
        await self._write(actor, "scene_video", recording_id)

    async def track(self, actor: Actor, subject: str, channel: str) -> None:
        """Where crews have been is about to be shown; `subject` says of whom, or of which place, and when. Raises Unavailable."""
        await self._write(actor, "track", subject, channel)

    async def report(self, actor: Actor, incident_id: str, what: str, channel: str = "") -> None:
        """A report of an incident is about to leave, each one written down; `what`: report or report_table. Raises Unavailable."""
        await write_down(self._log, look_of(actor, self._clock.now(), what, incident_id, channel), "The report is not made")

    async def taken(self, actor: Actor, upload_id: str, what: str) -> None:
        """A file is about to leave, each time written down; `what`: upload_copy or upload_original. Raises Unavailable."""
        await write_down(self._log, look_of(actor, self._clock.now(), what, upload_id), "The file is not handed out")

    async def _write(self, actor: Actor, what: str, subject: str, channel: str = "") -> None:
        now = self._clock.now()
        key = (actor.kind, actor.name, what, subject)
        before = self._seen.get(key)
        if before is not None and now - before < SAME_LOOK:
            return
        await write_down(self._log, look_of(actor, now, what, subject, channel), "Personal data is not shown")
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen = {key: at for key, at in self._seen.items() if now - at < SAME_LOOK}
        self._seen[key] = now
