"""The live socket `/live`: who connects with what, and what a client may ask. Protocol: `docs/live-protocol.md`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import FastAPI, WebSocket
from msgspec import Meta
from starlette.datastructures import QueryParams

from dashboard.edge import actor_of, still_authenticated
from dashboard.live_hub import LiveClient, LiveHub
from dashboard.server import TEXT, Outlet, bye, websocket_message
from dispatch.errors import NotFound, NotPermitted
from dispatch.model import Actor
from operations.authority import Action
from operations.screens import SCREENS

if TYPE_CHECKING:
    from operations.services import Services

MOST_BAD_MESSAGES = 100
LARGEST_REQUEST = 64 * 1024
MOST_DIGITS = 18  # of a revision: more can't be one


class Ping(msgspec.Struct, tag="ping", tag_field="type"):
    t: float


class Resync(msgspec.Struct, tag="resync", tag_field="type"):
    pass


class Looking(msgspec.Struct, tag="look", tag_field="type"):
    incident_id: Annotated[str, Meta(max_length=64)] | None = None


class Show(msgspec.Struct, tag="show", tag_field="type"):
    screen: str
    view: dict[str, Any]


Request = Ping | Resync | Looking | Show


def add_live(server: FastAPI, services: Services) -> LiveHub:
    """Serve `/live` on `server`."""
    hub = LiveHub(services)

    @server.websocket("/live")
    async def live(socket: WebSocket) -> None:
        """Hello, texts and frames until the client goes."""
        await serve(services, hub, socket)

    return hub


async def serve(services: Services, hub: LiveHub, socket: WebSocket) -> None:
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
    revision = query.get("revision")
    since_revision = int(revision) if revision else None
    client = await hub.join(actor, outlet, query.get("screen"), since_revision, partial(still_authenticated, socket))
    try:
        while client.bad_messages <= MOST_BAD_MESSAGES:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            answer(services, client, message.get("text") or message.get("bytes") or b"")
        bye(outlet, "too_many_bad_messages", 4408)
    finally:
        hub.leave(client)


def answer(services: Services, client: LiveClient, request: str | bytes) -> None:
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
    except (msgspec.MsgspecError, ValueError, NotPermitted) as refused:
        client.bad_messages += 1
        _reply(client, {"type": "error", "reason": str(refused)})


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
        return "past_not_served", 4404
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
