"""The live socket `/live`, of now or of the past: who connects with what, what a client may ask. Protocol: `docs/live-protocol.md`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import structlog
from fastapi import FastAPI, WebSocket
from msgspec import Meta
from starlette.datastructures import QueryParams

from dashboard.edge import actor_of, still_authenticated
from dashboard.live_hub import LiveClient, LiveHub
from dashboard.replay_session import FASTEST, SLOWEST, ReplaySession
from dashboard.server import TEXT, Outlet, bye, websocket_message
from dispatch.errors import NotFound, NotPermitted
from dispatch.model import Actor
from operations.access.authority import Action, as_replay
from operations.outgoing.screens import SCREENS
from storage.journal import JournalError
from storage.speeds import DamagedSpeeds
from storage.track_files import DamagedSlice

if TYPE_CHECKING:
    from operations.services import Services

MOST_BAD_MESSAGES = 100
LARGEST_REQUEST = 64 * 1024
MOST_DIGITS = 18  # of a revision: more can't be one
# A replay reads the disk and holds a picture of its own.
MOST_REPLAYS, MOST_REPLAYS_OF_ACCOUNT = 60, 6

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)  # as the API's instants

log = structlog.get_logger(__name__)
Moment = Annotated[datetime, Meta(tz=True)]


class Ping(msgspec.Struct, tag="ping", tag_field="type"):
    t: float


class Resync(msgspec.Struct, tag="resync", tag_field="type"):
    pass


class Looking(msgspec.Struct, tag="look", tag_field="type"):
    incident_id: Annotated[str, Meta(max_length=64)] | None = None


class Show(msgspec.Struct, tag="show", tag_field="type"):
    screen: str
    view: dict[str, Any]


class Seek(msgspec.Struct, tag="seek", tag_field="type"):
    at: Moment


class Speed(msgspec.Struct, tag="speed", tag_field="type"):
    speed: float


class Pause(msgspec.Struct, tag="pause", tag_field="type"):
    pass


class Play(msgspec.Struct, tag="play", tag_field="type"):
    pass


class Step(msgspec.Struct, tag="step", tag_field="type"):
    to: Literal["next", "previous"]
    incident_id: Annotated[str, Meta(max_length=64)] | None = None


class Repeat(msgspec.Struct, tag="loop", tag_field="type", rename={"from_": "from"}):
    from_: Moment | None = None
    to: Moment | None = None


Control = Seek | Speed | Pause | Play | Step | Repeat  # of a replay's clock
Request = Ping | Resync | Looking | Show | Control


def add_live(server: FastAPI, services: Services) -> LiveHub:
    """Serve `/live` on `server`."""
    hub = LiveHub(services)
    replays: Counter[str] = Counter()  # open ones, by account

    @server.websocket("/live")
    async def live(socket: WebSocket) -> None:
        """Hello, texts and frames until the client goes."""
        await serve(services, hub, socket, replays)

    return hub


async def serve(services: Services, hub: LiveHub, socket: WebSocket, replays: Counter[str]) -> None:
    """One connection from accept to end."""
    query = socket.query_params
    actor = actor_of(socket)
    await socket.accept()
    outlet = Outlet.of(socket.scope)
    refusal = _refusal(services, actor, query)
    if refusal is not None:
        bye(outlet, *refusal)
        return
    actor = _at_desk(services, actor, query)
    if "at" in query:
        await _serve_past(services, socket, as_replay(actor), outlet, replays)
        return
    revision = query.get("revision")
    since_revision = int(revision) if revision else None
    client = await hub.join(actor, outlet, query.get("screen"), since_revision, partial(still_authenticated, socket))
    try:
        await _hear(services, socket, outlet, lambda: client)
    finally:
        hub.leave(client)


async def _serve_past(services: Services, socket: WebSocket, actor: Actor, outlet: Outlet, replays: Counter[str]) -> None:
    """A replay, from its first moment to its end."""
    query = socket.query_params
    at, speed = datetime.fromisoformat(query["at"]), float(query.get("speed", "1"))
    if replays.total() >= MOST_REPLAYS or replays[actor.name] >= MOST_REPLAYS_OF_ACCOUNT:
        bye(outlet, "too_many_replays", 4429)
        return
    replays[actor.name] += 1
    session = ReplaySession(services, actor, outlet, query.get("screen"), partial(still_authenticated, socket), at, speed)
    session.playing = query.get("playing") != "0"
    playing: asyncio.Task[None] | None = None
    try:
        await session.open()
        playing = asyncio.create_task(session.run(), name="replay")
        await _hear(services, socket, outlet, lambda: session.client, session)
    except (DamagedSlice, DamagedSpeeds, JournalError) as damage:
        log.warning("past_not_readable", at=query["at"], damage=str(damage))
        bye(outlet, "past_not_readable", 4500)
    finally:
        replays[actor.name] -= 1
        if playing is not None:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        session.close()


async def _hear(
    services: Services, socket: WebSocket, outlet: Outlet, client: Callable[[], LiveClient | None], session: ReplaySession | None = None
) -> None:
    """Answer until the client goes, or has said too much that made no sense. `client`: as it is now; a replay's changes with each jump."""
    while (present := client()) is not None and present.bad_messages <= MOST_BAD_MESSAGES:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        present = client() or present
        answer(services, present, message.get("text") or message.get("bytes") or b"", session)
    bye(outlet, "too_many_bad_messages", 4408)


def answer(services: Services, client: LiveClient, request: str | bytes, session: ReplaySession | None = None) -> None:
    """Do what a client asks; a request that is not understood or not allowed is answered by an error and counted."""
    try:
        if len(request) > LARGEST_REQUEST:
            raise ValueError(f"a request may have {LARGEST_REQUEST} bytes, this one has {len(request)}")
        match msgspec.json.decode(request, type=Request):
            case Ping(t=t):
                _reply(client, {"type": "pong", "t": t, "server_at": services.clock.unix_s()})
            case Resync():
                client.start_over()
            case Looking(incident_id=incident_id):
                services.authority.authorise(client.actor, Action.LOOK)
                client.look(incident_id, services.clock.unix_s())
            case Show(screen=screen, view=view):
                services.screens.show(client.actor, screen, view)
            case control:
                _control(session, control)
    except (msgspec.MsgspecError, ValueError, NotPermitted) as refused:
        client.bad_messages += 1
        _reply(client, {"type": "error", "reason": str(refused)})


def _control(session: ReplaySession | None, control: Control) -> None:
    """Raises ValueError on a socket that shows the present, and for what a replay can't do."""
    if session is None:
        raise ValueError("this socket shows the present; open one with at= to move about in the past")
    match control:
        case Seek(at=at) | Repeat(from_=datetime() as at) if at < EARLIEST:
            raise ValueError(f"{at.isoformat()} is before {EARLIEST.year}; nothing is kept of that time")
        case Seek(at=at):
            session.seek(at)
        case Speed(speed=speed):
            session.set_speed(speed)
        case Pause() | Play():
            session.play(isinstance(control, Play))
        case Step(to=to, incident_id=incident_id):
            session.step(to == "next", incident_id)
        case Repeat(from_=from_, to=until):
            session.repeat(from_, until)


def _reply(client: LiveClient, reply: dict[str, Any]) -> None:
    client.tell(websocket_message(TEXT, msgspec.json.encode(reply)))


def _at_desk(services: Services, actor: Actor, query: QueryParams) -> Actor:
    """The actor within the organisation it asks for, if it does. Raises NotFound and NotPermitted."""
    return services.authority.at_desk_of(actor, query["scope"]) if "scope" in query else actor


def _refusal(services: Services, actor: Actor, query: QueryParams) -> tuple[str, int] | None:
    """Why this connection can't be served as asked: reason and close code."""
    if not services.authority.can(actor, Action.SEE_PICTURE):
        return "not_permitted", 4403
    if "at" in query or "speed" in query:
        refused = _past_refusal(services, actor, query)
        if refused is not None:
            return refused
    if query.get("screen", SCREENS[0]) not in SCREENS:
        return "unknown_screen", 4400
    revision = query.get("revision", "0")
    if not revision.isdecimal() or len(revision) > MOST_DIGITS:
        return "bad_revision", 4400
    try:
        _at_desk(services, actor, query)
    except NotFound:
        return "unknown_scope", 4400
    except NotPermitted:
        return "outside_scope", 4403
    return None


def _past_refusal(services: Services, actor: Actor, query: QueryParams) -> tuple[str, int] | None:
    """Why a replay can't be served as asked."""
    if not services.authority.can(actor, Action.SEE_HISTORY):
        return "not_permitted", 4403
    try:
        at, speed = datetime.fromisoformat(query.get("at", "")), float(query.get("speed", "1"))
    except ValueError:
        return "bad_moment", 4400
    if at.tzinfo is None or at < EARLIEST or not SLOWEST <= speed <= FASTEST or query.get("playing", "1") not in ("0", "1"):
        return "bad_moment", 4400
    return None
