"""Pushes to terminals: from the journal to the crew's devices, at least once, until the terminal says it has them.

The outbox is written in the same transaction as the push, so a push survives a crash between the two; what is left in it
is sent again while a terminal of the unit is connected, first soon, then less and less often. Messages:
`docs/terminal-protocol.md`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import structlog

from dispatch.commands import Caller, MarkDelivered
from dispatch.deadlines import deadlines
from dispatch.errors import NotFound, Unavailable
from dispatch.event_bases import IncidentEvent, OrganisationEvent, UnitEvent
from dispatch.events import AnyEvent, PlaceWarned, PushDelivered, PushSeen, Recorded, UnitPushed, WarningLifted
from dispatch.model import Actor, Assignment, Incident, Unit
from dispatch.picture import OperatingPicture
from operations.duty.rosters import duty_view
from operations.incidents.batch import ENDED, PUSH
from operations.incidents.bus import Subscription
from operations.outgoing.broadcasts import tell_phones, waiting_on_phones
from storage.journal import OutboxEntry

if TYPE_CHECKING:
    from operations.services import Services

AGAIN_AFTER_S = 5.0  # what has not been confirmed by then is sent again; each further time after twice as long
AGAIN_AT_MOST_S = 60.0
JITTER = 0.2  # share by which these times vary, so that terminals that were cut off together do not stay together
LOOK_EVERY_S = 1.0  # for what is to be sent again
MOST_LINKS = 8  # terminals of one unit: a car and some phones; the oldest makes room

Json = dict[str, Any]

log = structlog.get_logger(__name__)


class Link(Protocol):
    """One connected terminal, or a gateway that speaks for many units."""

    actor: Actor

    def tell(self, message: bytes) -> None: ...

    def bye(self, reason: str) -> None: ...


class Sending(NamedTuple):
    """What was sent and not confirmed yet."""

    unit_id: str
    times: int  # how often
    again_at: float  # loop time


class Pushes:
    """Who is connected, and what each unit has yet to get. Lives on the event loop; works only while someone is connected."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._links: dict[str, list[tuple[str, Link]]] = {}  # by unit_id: (device, link), newest last
        self._gateways: list[Link] = []
        self._sent: dict[tuple[str, str], Sending] = {}  # by (assignment_id, topic): what has been sent and not settled yet
        self._picture = services.handler.picture  # as of the last batch heard, or newer
        self._task: asyncio.Task[None] | None = None

    # Coming and going

    async def attach(self, link: Link, device: str) -> None:
        """Register first, then say what is so now: nothing falls between. A new link of the same device replaces the old one."""
        unit_id = link.actor.unit_id
        if unit_id is None:
            self._gateways.append(link)
        else:
            self._register(unit_id, device, link)
        self._start()
        self.greet(link)
        for entry in await self._services.history.outbox(unit_id):
            await self._send_entry(entry)

    def detach(self, link: Link) -> None:
        unit_id = link.actor.unit_id
        if unit_id is None:
            self._gateways = [other for other in self._gateways if other is not link]
        else:
            left = [pair for pair in self._links.get(unit_id, []) if pair[1] is not link]
            self._links[unit_id] = left
            if not left:
                del self._links[unit_id]
        if not self._links and not self._gateways and self._task is not None:
            self._task.cancel()
            self._task = None

    def _start(self) -> None:
        if self._task is None:
            subscription = self._services.bus.subscribe()
            self._picture = self._services.handler.picture
            self._task = asyncio.create_task(self._run(subscription), name="pushes")

    async def _run(self, subscription: Subscription) -> None:
        """A fault ends all links: terminals come back at once, and start it anew."""
        stop_suggesting = self._services.stages.listen(self._suggest)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(subscription))
                group.create_task(self._send_again())
        except* Exception:
            log.exception("pushes_failed", units=len(self._links), gateways=len(self._gateways))
            self._task = None
            for link in [*self._gateways, *(link for links in self._links.values() for _, link in links)]:
                link.bye("server_fault")
        finally:
            subscription.close()
            stop_suggesting()

    def _register(self, unit_id: str, device: str, link: Link) -> None:
        links = self._links.setdefault(unit_id, [])
        for pair in [pair for pair in links if device and pair[0] == device] or links[: len(links) + 1 - MOST_LINKS]:
            pair[1].bye("replaced")
            links.remove(pair)
        links.append((device, link))

    def links_of(self, unit: Unit) -> list[Link]:
        """The unit's own terminals; without any, the gateways whose scope it is in."""
        own = self._links.get(unit.unit_id)
        if own:
            return [link for _, link in own]
        authority = self._services.authority
        picture = self._services.handler.picture
        return [link for link in self._gateways if authority.speaks_for(link.actor, unit, picture)]

    def units_of(self, actor: Actor, picture: OperatingPicture) -> list[Unit]:
        """The units that a link speaks for."""
        if actor.unit_id is not None:
            unit = picture.units.get(actor.unit_id)
            return [] if unit is None else [unit]
        return [unit for unit in picture.units.values() if self._services.authority.speaks_for(actor, unit, picture)]

    def unit_of(self, actor: Actor, unit_id: str | None) -> Unit:
        """The unit a message is about. Raises NotFound where the link may not speak for it."""
        picture = self._services.handler.picture
        unit = picture.units.get(unit_id or actor.unit_id or "")
        if unit is None or not self._services.authority.speaks_for(actor, unit, picture):
            raise NotFound("unknown-unit", f"This terminal does not speak for unit {unit_id}; check unit_id.")
        return unit

    # What terminals are told

    def greet(self, link: Link) -> None:
        """Everything that is so now; the terminal forgets what is not in it."""
        picture = self._services.handler.picture
        units = self.units_of(link.actor, picture)
        mine = [picture.incidents[id_] for id_ in dict.fromkeys(unit.incident_id for unit in units) if id_ is not None]
        message: Json = {
            "type": "hello",
            "revision": picture.revision,
            "server_at": self._services.clock.unix_s(),
            "unit": units[0] if link.actor.unit_id is not None and units else None,
            "duty": None,
            "muster": None,
            "incidents": [self._told(link, incident, picture) for incident in mine],
            "broadcasts": waiting_on_phones(picture, units, self._services.clock.now()),
        }
        if link.actor.unit_id is None:
            message["units"] = units
        elif units:
            message |= self._duty(units[0], picture)
        link.tell(msgspec.json.encode(message))

    async def _listen(self, subscription: Subscription) -> None:
        async for batch in subscription:
            if subscription.overflowed:
                subscription.overflowed = False
                self._picture = self._services.handler.picture
                for link in [*self._gateways, *(link for links in self._links.values() for _, link in links)]:
                    self.greet(link)  # pushes and ends that were missed come from the outbox
                continue
            before, self._picture = self._picture, self._services.handler.picture
            await self._tell(batch, before, self._picture)
            tell_phones(batch, self._picture, self.links_of)

    async def _tell(self, batch: Iterable[Recorded], before: OperatingPicture, now: OperatingPicture) -> None:
        """What these events mean for the terminals: pushes first, they ring."""
        told = [r for r in batch if isinstance(r.body, IncidentEvent) and not isinstance(r.body, PushDelivered | PushSeen)]
        pushed = {r.body.assignment_id for r in told if isinstance(r.body, UnitPushed)}
        for incident_id in dict.fromkeys(r.incident_id for r in told):
            incident = now.incidents.get(incident_id or "")
            if incident is None:
                continue
            earlier = before.incidents.get(incident.incident_id)
            was_active = set() if earlier is None else {a.assignment_id for a in earlier.active_assignments}
            for assignment in incident.assignments:
                unit = now.units.get(assignment.unit_id)
                if unit is None:
                    continue
                if assignment.assignment_id in pushed and assignment.is_active:
                    await self._send(PUSH, unit, incident, assignment)
                elif assignment.is_active:
                    self._send_incident(unit, incident)
                elif assignment.assignment_id in was_active:
                    await self._send(ENDED, unit, incident, assignment)
        self._warn([r.body.warning_id for r in told if isinstance(r.body, PlaceWarned | WarningLifted)], before, now)
        on_duty = [r.body for r in batch if isinstance(r.body, UnitEvent | OrganisationEvent)]
        for unit_id in dict.fromkeys(unit_id for body in on_duty for unit_id in _concerned(body, now)):
            unit = now.units.get(unit_id)
            links = [] if unit is None else self.links_of(unit)
            if unit is not None and links:
                changed = msgspec.json.encode({"type": "unit", "unit": unit, **self._duty(unit, now)})
                for link in links:
                    link.tell(changed)

    def _duty(self, unit: Unit, picture: OperatingPicture) -> Json:
        """The unit's duty, and the muster that calls it in, answered or not; a terminal rings for one that is not."""
        now = self._services.clock.now()
        called = [m for m in picture.musters.values() if m.is_running(now) and unit.unit_id in m.unit_ids]
        muster: Json | None = None
        if called:
            answer = called[-1].answers.get(unit.unit_id)
            muster = {name: getattr(called[-1], name) for name in ("muster_id", "org_code", "text", "by", "called_at", "until")}
            muster["coming"] = None if answer is None else answer.coming
        return {"duty": duty_view(picture, unit, now), "muster": muster}

    def _warn(self, warning_ids: list[str], before: OperatingPicture, now: OperatingPicture) -> None:
        """A warning was set or lifted: crews on their way to the place are told, whatever incident that was said at."""
        warnings = filter(None, (now.warnings.get(id_) or before.warnings.get(id_) for id_ in warning_ids))
        self._suggest(frozenset(one.incident_id for one in self._services.premises.concerned(warnings, now)))

    def _suggest(self, incident_ids: frozenset[str]) -> None:
        """What is told beside the incident itself has changed for crews on these: what positions suggest, warnings of the place."""
        for incident in filter(None, map(self._picture.incidents.get, incident_ids)):
            for assignment in incident.active_assignments:
                unit = self._picture.units.get(assignment.unit_id)
                if unit is not None and not assignment.service:
                    self._send_incident(unit, incident)

    def _send_incident(self, unit: Unit, incident: Incident) -> None:
        for link in self.links_of(unit):
            told = self._told(link, incident, self._picture)
            link.tell(msgspec.json.encode({"type": "incident", "unit_id": unit.unit_id, "unit": unit, "incident": told}))

    def _told(self, link: Link, incident: Incident, picture: OperatingPicture) -> Json:
        """The incident as this terminal may know it, with the crews on it by callsign and which of them is responsible (主责)."""
        told = self._services.authority.incident_for(link.actor, incident, picture)
        warnings = self._services.premises.for_crew(incident, picture)
        # Of the whole incident: where the responsible crew may not be known of, no other is shown as responsible.
        lead_id = "" if incident.lead is None else incident.lead.assignment_id
        crews = []
        for a in told.assignments:
            if a.is_active or a.assignment_id == lead_id:
                unit = picture.units.get(a.unit_id)
                callsign = a.unit_id if unit is None else unit.callsign
                is_lead = a.assignment_id == lead_id
                crews.append({"assignment_id": a.assignment_id, "unit_id": a.unit_id, "callsign": callsign, "responsible": is_lead})
        return {
            **msgspec.structs.asdict(told),
            "crews": crews,
            "suggestions": self._services.stages.of(told),
            "check_ins": self._check_ins(told),
            "warnings": warnings,
        }

    def _check_ins(self, told: Incident) -> list[Json]:
        """When crews on the scene are asked whether all is well. The terminal counts by itself, also without a network."""
        targets = self._services.targets
        every_s = targets.check_in_every_s(told)
        running = [d for d in deadlines(told, targets) if d.ask_at is not None]
        return [{"assignment_id": d.assignment_id, "ask_at": d.ask_at, "due_at": d.due_at, "every_s": every_s} for d in running]

    async def _send(self, topic: str, unit: Unit, incident: Incident, assignment: Assignment) -> None:
        """A push or its end, to every link of the unit."""
        links = self.links_of(unit)
        if not links or (topic == PUSH and not assignment.is_active):
            return
        self._note_sent(unit, assignment, topic)
        about: Json = {"unit_id": unit.unit_id, "incident_id": incident.incident_id, "assignment_id": assignment.assignment_id}
        if topic == ENDED:
            ended = msgspec.json.encode({"type": "recall", **about, "stage": assignment.stage, "reason": assignment.reason, "unit": unit})
            for link in links:
                link.tell(ended)
            return
        route = {"eta_s": assignment.promised_eta_s, "distance_m": assignment.promised_distance_m}
        for link in links:
            told = self._told(link, incident, self._picture)
            known = await self._caller(link.actor, incident)
            link.tell(msgspec.json.encode({"type": "push", **about, "unit": unit, "incident": told, "caller": known, "route": route}))

    async def _caller(self, actor: Actor, incident: Incident) -> Caller | None:
        """The caller as the crew may see it; a push goes out without one rather than not at all."""
        try:
            return await self._services.personal.caller(actor, incident, "terminal")
        except Unavailable as refused:
            log.warning("push_without_caller", incident=incident.number, reason=refused.detail)
            return None

    def _note_sent(self, unit: Unit, assignment: Assignment, topic: str) -> None:
        before = self._sent.get((assignment.assignment_id, topic))
        times = 1 if before is None else before.times + 1
        wait_s = min(AGAIN_AFTER_S * 2 ** (times - 1), AGAIN_AT_MOST_S) * random.uniform(1 - JITTER, 1 + JITTER)
        self._sent[assignment.assignment_id, topic] = Sending(unit.unit_id, times, asyncio.get_running_loop().time() + wait_s)

    async def _send_again(self) -> None:
        """Send again what no terminal has confirmed in time."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            entries = await self._services.history.outbox()
            waiting = {(entry.assignment_id, entry.topic) for entry in entries}
            self._sent = {key: sending for key, sending in self._sent.items() if key in waiting}
            now = asyncio.get_running_loop().time()
            for entry in entries:
                sending = self._sent.get((entry.assignment_id, entry.topic))
                if sending is None or sending.again_at <= now:
                    await self._send_entry(entry)

    async def _send_entry(self, entry: OutboxEntry) -> None:
        picture = self._services.handler.picture
        unit = picture.units.get(entry.unit_id)
        if unit is None or not self.links_of(unit):
            return
        incident = picture.incidents.get(entry.incident_id) or await self._services.history.incident(entry.incident_id)
        assignment = None if incident is None else _assignment(incident, entry.assignment_id)
        if incident is not None and assignment is not None:
            await self._send(entry.topic, unit, incident, assignment)

    # What terminals say

    async def confirm(self, actor: Actor, unit: Unit, incident_id: str, assignment_id: str | None, key: str | None) -> None:
        """The terminal has a push, or has understood its end. Raises DispatchError where it may not say so."""
        incident = self._services.handler.picture.incidents.get(incident_id)
        assignment = None if incident is None or assignment_id is None else _assignment(incident, assignment_id)
        sent = [self._sent.get((assignment_id or "", topic)) for topic in (PUSH, ENDED)]
        is_own = any(sending is not None and sending.unit_id == unit.unit_id for sending in sent)
        if assignment_id is not None and is_own and (assignment is None or not assignment.is_active):
            await self._services.handler.settle(((assignment_id, PUSH), (assignment_id, ENDED)))
        else:
            command = MarkDelivered(incident_id=incident_id, unit_ids=(unit.unit_id,), channel="terminal")
            await self._services.handler.handle(command, actor, key)


def _concerned(body: AnyEvent, picture: OperatingPicture) -> tuple[str, ...]:
    """Units that an event about duty is told to."""
    if isinstance(body, UnitEvent):
        return (body.unit_id,)
    muster = picture.musters.get(getattr(body, "muster_id", ""))
    return () if muster is None else muster.unit_ids


def _assignment(incident: Incident, assignment_id: str) -> Assignment | None:
    return next((a for a in incident.assignments if a.assignment_id == assignment_id), None)
