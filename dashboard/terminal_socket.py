"""The terminals' socket `/terminal/socket`: pushes out, confirmations, stages and positions in. `docs/terminal-protocol.md`.

One officer's terminal speaks for its own unit. A gateway (an officer's token without a unit) speaks for all units of its
scope on one socket and names the unit in each message.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import structlog
from fastapi import FastAPI, WebSocket
from msgspec import Meta

from dashboard.edge import actor_of, datum_of, still_authenticated
from dashboard.open_sockets import UNAUTHENTICATED, Recheck
from dashboard.server import TEXT, Outlet, bye, websocket_message
from dispatch import commands as c
from dispatch.errors import DispatchError
from dispatch.model import Actor, Unit
from operations.access.authority import Action
from operations.incidents.panic import Held, call_for_help
from operations.outgoing.push import Pushes
from operations.tracking.reports import FeedSession, Instant, PositionReport

if TYPE_CHECKING:
    from operations.services import Services

WATCH_EVERY_S = 1.0
RECHECK_EVERY_S = 30.0
MOST_WAITING_BYTES = 256 * 1024  # for a terminal that reads slowly; then it is cut off and greeted anew
MOST_AT_ONCE = 64  # commands of one gateway that are being made durable
LARGEST_MESSAGE = 64 * 1024
MOST_BAD_MESSAGES = 100
REPLACED, FAULT, NOT_PERMITTED, TOO_MANY_BAD = 4409, 1011, 4403, 4408
FEED_NAME = "terminals"  # all of them are one feed on the health page

log = structlog.get_logger(__name__)

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Key = Annotated[str, Meta(min_length=1, max_length=200)]


class Message(msgspec.Struct, tag_field="type", kw_only=True):
    """Base of what terminals say; `unit_id` is for gateways."""

    unit_id: Id | None = None
    key: Key | None = None  # of a repeated command


class Ping(Message, tag="ping"):
    t: float = 0.0


class Resync(Message, tag="resync"):
    pass


class Delivered(Message, tag="delivered"):
    incident_id: Id
    assignment_id: Id | None = None


class Seen(Message, tag="seen"):
    incident_id: Id
    assignment_id: Id | None = None
    happened_at: Instant | None = None


class Order(Message, tag="command"):
    """A command as in the API; its fields lie beside these."""

    command: str


class Panic(Message, tag="panic"):
    """The panic button was held: help for the crew itself, ahead of everything else it has said."""

    lon: float | None = None
    lat: float | None = None
    position_at: Instant | None = None
    happened_at: Instant | None = None


class Position(Message, tag="position"):
    lon: float
    lat: float
    position_at: Instant
    speed_mps: float | None = None
    heading_deg: float | None = None
    tracker_id: Id | None = None
    datum: str | None = None


AnyMessage = Ping | Resync | Delivered | Seen | Order | Panic | Position
# What a crew may ask for; whether this crew may, is decided by the one authority.
CrewCommand = (
    c.Acknowledge
    | c.Refuse
    | c.Depart
    | c.Arrive
    | c.CheckIn
    | c.Feedback
    | c.Clear
    | c.Note
    | c.ReadNote
    | c.SetUnitStatus
    | c.MarkBroadcastDelivered
    | c.ReadBroadcast
    | c.SignOn
    | c.SignOff
    | c.AnswerMuster
)

_message = msgspec.json.Decoder(AnyMessage)
_fields = msgspec.json.Decoder(dict[str, Any])


class TerminalLink:
    """One connected terminal or gateway."""

    def __init__(self, actor: Actor, outlet: Outlet) -> None:
        self.actor = actor
        self.outlet = outlet
        self.bad_messages = 0

    def tell(self, message: bytes) -> None:
        if self.outlet.waiting_bytes > MOST_WAITING_BYTES:
            log.warning("terminal_stalled", actor=self.actor.name, waiting_bytes=self.outlet.waiting_bytes)
            self.outlet.abort()
        else:
            self.outlet.write(websocket_message(TEXT, message))

    def bye(self, reason: str) -> None:
        bye(self.outlet, reason, REPLACED if reason == "replaced" else FAULT)


class Conversation:
    """What one link says, in order per unit; different units of a gateway do not wait for each other."""

    def __init__(self, services: Services, pushes: Pushes, link: TerminalLink, feed: FeedSession) -> None:
        self._services = services
        self._pushes = pushes
        self._link = link
        self._feed = feed
        self._turns: dict[str, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def hold(self, socket: WebSocket) -> None:
        """Answer until the terminal leaves, or has sent too much that makes no sense."""
        async with asyncio.TaskGroup() as group:
            while self._link.bad_messages <= MOST_BAD_MESSAGES:
                received = await socket.receive()
                if received["type"] == "websocket.disconnect":
                    return
                await self._room.acquire()
                group.create_task(self._take(received.get("text") or received.get("bytes") or b""))
            bye(self._link.outlet, "too_many_bad_messages", TOO_MANY_BAD)

    async def _take(self, text: str | bytes) -> None:
        try:
            await self._answer(text)
        finally:
            self._room.release()

    async def _answer(self, text: str | bytes) -> None:
        message = None
        try:
            if len(text) > LARGEST_MESSAGE:
                raise ValueError(f"a message may have {LARGEST_MESSAGE} bytes, this one has {len(text)}")
            message = _message.decode(text)
            if isinstance(message, Ping):
                self._reply({"type": "pong", "t": message.t, "server_at": self._services.clock.unix_s()})
            elif isinstance(message, Resync):
                self._pushes.greet(self._link)
            elif isinstance(message, Panic):
                await self._call_for_help(message, self._pushes.unit_of(self._link.actor, message.unit_id))
            else:
                unit = self._pushes.unit_of(self._link.actor, message.unit_id)
                async with self._turns.setdefault(unit.unit_id, asyncio.Lock()):
                    await self._carry_out(message, unit, text)
        except DispatchError as refused:
            key = message.key if message is not None else None
            self._reply({"type": "result", "key": key, "ok": False, "rule": refused.rule, "detail": refused.detail})
        except (msgspec.MsgspecError, ValueError, RecursionError) as misunderstood:
            self._link.bad_messages += 1
            self._reply({"type": "error", "key": message.key if message is not None else None, "reason": str(misunderstood)})

    async def _carry_out(self, message: Delivered | Seen | Order | Position, unit: Unit, text: str | bytes) -> None:
        actor, handler = self._link.actor, self._services.handler
        match message:
            case Position():
                await self._place(message, unit)
            case Delivered():
                await self._pushes.confirm(actor, unit, message.incident_id, message.assignment_id, message.key)
            case Seen():
                happened_at = message.happened_at
                seen = c.MarkSeen(incident_id=message.incident_id, unit_ids=(unit.unit_id,), happened_at=happened_at, channel="terminal")
                await handler.handle(seen, actor, message.key)
            case Order():
                outcome = await handler.handle(_command(text, unit), actor, message.key)
                self._reply({"type": "result", "key": message.key, "ok": True, "version": outcome.version, "revision": outcome.revision})

    async def _call_for_help(self, message: Panic, unit: Unit) -> None:
        """It takes no turn among the unit's other messages. The position sent with it goes through the checks like any other."""
        if message.lon is not None and message.lat is not None:
            at = message.position_at or message.happened_at or self._services.clock.now()
            await self._place(Position(lon=message.lon, lat=message.lat, position_at=at), unit)
        held = Held(message.key, message.happened_at, message.lon, message.lat, message.position_at)
        outcome = await call_for_help(self._services, self._link.actor, unit, held)
        incident = self._services.handler.picture.incidents.get(outcome.incident_id or "")
        known = {"incident_id": outcome.incident_id, "number": None if incident is None else incident.number}
        self._reply({"type": "result", "key": message.key, "ok": True, "version": outcome.version, "revision": outcome.revision, **known})

    async def _place(self, message: Position, unit: Unit) -> None:
        report = PositionReport(
            lon=message.lon,
            lat=message.lat,
            position_at=message.position_at,
            unit_id=unit.unit_id,
            tracker_id=message.tracker_id,
            speed_mps=message.speed_mps,
            heading_deg=message.heading_deg,
            datum=message.datum,
        )
        for _, reason in await self._services.intake.positions([report], self._feed):
            self._reply({"type": "rejected", "unit_id": unit.unit_id, "reason": reason})

    def _reply(self, reply: dict[str, Any]) -> None:
        self._link.tell(msgspec.json.encode(reply))


def _command(text: str | bytes, unit: Unit) -> CrewCommand:
    """The crew's command. Raises msgspec.ValidationError naming the field that is wrong."""
    fields = _fields.decode(text)
    fields["channel"] = "terminal"
    fields["unit_id"] = fields["recipient"] = unit.unit_id  # of a status, of a broadcast; stages take unit_ids
    if fields["command"] != "note":
        fields["unit_ids"] = [unit.unit_id]
    return msgspec.convert(fields, CrewCommand)


def add_terminal_socket(server: FastAPI, services: Services) -> Pushes:
    """Serve `/terminal/socket` on `server`."""
    pushes = Pushes(services)
    watch = Watch()

    @server.websocket("/terminal/socket")
    async def terminal_socket(socket: WebSocket) -> None:
        """Pushes out; confirmations, stages and positions in."""
        await serve(services, pushes, watch, socket)

    return pushes


async def serve(services: Services, pushes: Pushes, watch: Watch, socket: WebSocket) -> None:
    """One connection from accept to end."""
    actor = actor_of(socket)
    await socket.accept()
    outlet = Outlet.of(socket.scope)
    is_gateway = actor.unit_id is None and actor.kind == "token"
    if not services.authority.can(actor, Action.USE_TERMINAL) or (actor.unit_id is None and not is_gateway):
        bye(outlet, "no_unit" if actor.unit_id is None else "not_permitted", NOT_PERMITTED)
        return
    link = TerminalLink(actor, outlet)
    feed = FeedSession(name=FEED_NAME, actor=actor, datum=datum_of(socket))
    watch.add(link, partial(still_authenticated, socket))
    try:
        await pushes.attach(link, socket.query_params.get("device", "")[:64])
        await Conversation(services, pushes, link, feed).hold(socket)
    finally:
        watch.remove(link)
        pushes.detach(link)


class Watch:
    """Ends links whose reader has stopped or whose log-in has ended. One task for all of them, none without any."""

    def __init__(self) -> None:
        self._links: dict[TerminalLink, Recheck] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, link: TerminalLink, recheck: Recheck) -> None:
        self._links[link] = recheck
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="terminal-watch")

    def remove(self, link: TerminalLink) -> None:
        del self._links[link]
        if not self._links and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        recheck_at = loop.time() + RECHECK_EVERY_S
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            for link in tuple(self._links):
                if link.outlet.is_stalled(loop.time()):
                    log.warning("terminal_stalled", actor=link.actor.name, waiting_bytes=link.outlet.waiting_bytes)
                    link.outlet.abort()
            if loop.time() >= recheck_at:
                recheck_at = loop.time() + RECHECK_EVERY_S
                for link, recheck in tuple(self._links.items()):
                    if not await recheck():
                        bye(link.outlet, "session_ended", UNAUTHENTICATED)
