"""The phones' second socket `/terminal/video`: numbered chunks of scene video up, acknowledged by number. `docs/terminal-protocol.md`.

It is a socket of its own so that no push ever waits behind a second of video.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import structlog
from fastapi import FastAPI, WebSocket
from msgspec import Meta

from dashboard.edge import actor_of, still_authenticated
from dashboard.open_sockets import UNAUTHENTICATED
from dashboard.server import TEXT, Outlet, bye, websocket_message
from dispatch.errors import Conflict, DispatchError, NotFound, Unavailable
from dispatch.model import Actor, Unit
from operations.access.permissions import Action
from operations.footage.scene_recording import Asked, Reception
from operations.footage.scene_video import SceneVideo
from operations.tracking.reports import Instant
from storage.evidence import Manifest

if TYPE_CHECKING:
    from operations.services import Services

CHUNK_HEAD = struct.Struct(">IQ")  # number, the phone's clock in Unix ms
LARGEST_TEXT = 16 * 1024
MOST_BAD_MESSAGES = 20
MOST_BYTES_PER_S = 4_000_000  # of one phone that catches up: 25 times as fast as it records
MOST_WAITING_BYTES = 64 * 1024  # answers that a phone does not read
RECHECK_EVERY_S = 30.0
REFUSED, TRY_AGAIN, TOO_MANY_BAD = 4403, 4503, 4408

log = structlog.get_logger(__name__)


class Begin(msgspec.Struct, tag_field="type", tag="recording", kw_only=True):
    """The first message: which recording comes. Times by the phone's own clock."""

    recording_id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    incident_id: Annotated[str, Meta(min_length=1, max_length=64)]
    mime: Annotated[str, Meta(max_length=100)]
    began_at: Instant
    device_now: Instant
    name: Annotated[str, Meta(max_length=200)] = ""
    clock_offset_ms: Annotated[int, Meta(ge=-(10**12), le=10**12)] | None = None
    unit_id: Annotated[str, Meta(max_length=64)] | None = None  # for gateways


class End(msgspec.Struct, tag_field="type", tag="end"):
    """The recorder has ended after so many chunks."""

    chunks: Annotated[int, Meta(ge=0, le=2**32)]


_message = msgspec.json.Decoder(Begin | End)


def add_scene_video_socket(server: FastAPI, services: Services) -> None:
    """Serve `/terminal/video` on `server`."""

    @server.websocket("/terminal/video")
    async def terminal_video(socket: WebSocket) -> None:
        """Chunks up, numbers down."""
        actor = actor_of(socket)
        await socket.accept()
        if not services.authority.can(actor, Action.USE_TERMINAL):
            bye(Outlet.of(socket.scope), "not_permitted", REFUSED)
            return
        await Line(services, actor, socket).hold()


class Line:
    """One connection from its first message to its end."""

    def __init__(self, services: Services, actor: Actor, socket: WebSocket) -> None:
        self._services = services
        self._videos: SceneVideo = services.scene_video
        self._actor = actor
        self._socket = socket
        self._outlet = Outlet.of(socket.scope)
        self._reception: Reception | None = None
        self._bad_messages = 0
        self._checked_at = asyncio.get_running_loop().time()

    async def hold(self) -> None:
        """Take what comes until the phone leaves, the recording is complete, or there is no going on."""
        try:
            while self._bad_messages <= MOST_BAD_MESSAGES:
                received = await self._socket.receive()
                if received["type"] == "websocket.disconnect" or not await self._may_go_on():
                    return
                if not await self._take(received):
                    return
            bye(self._outlet, "too_many_bad_messages", TOO_MANY_BAD)
        finally:
            if self._reception is not None:
                self._reception.close()

    async def _take(self, received: Any) -> bool:
        """Whether to go on."""
        data = received.get("bytes")
        try:
            if data is not None:
                await self._take_chunk(data)
                return True
            return await self._take_text(received.get("text") or "")
        except DispatchError as refused:
            is_for_now = isinstance(refused, Unavailable | Conflict)
            self._reply({"refused": refused.rule, "detail": refused.detail, "again": is_for_now})
            if self._reception is None:  # another recording may be named
                self._bad_messages += 1
                return True
            self._outlet.close(TRY_AGAIN if is_for_now else REFUSED, refused.rule)
            return False
        except (msgspec.MsgspecError, ValueError, RecursionError) as misunderstood:
            self._bad_messages += 1
            self._reply({"error": str(misunderstood)})
            return True

    async def _take_chunk(self, data: bytes) -> None:
        if self._reception is None:
            raise ValueError("a chunk came before the recording it belongs to was named")
        if len(data) <= CHUNK_HEAD.size:
            raise ValueError(f"a chunk has {CHUNK_HEAD.size} bytes of head and at least one more, this one has {len(data)}")
        seq, device_ms = CHUNK_HEAD.unpack_from(data)
        have = await self._reception.take(seq, device_ms, data[CHUNK_HEAD.size :])
        self._reply({"have": have})
        await asyncio.sleep(len(data) / MOST_BYTES_PER_S)  # what comes faster waits in the phone

    async def _take_text(self, text: str) -> bool:
        if len(text) > LARGEST_TEXT:
            raise ValueError(f"a text may have {LARGEST_TEXT} characters, this one has {len(text)}")
        message = _message.decode(text)
        if isinstance(message, End):
            if self._reception is None:
                raise ValueError("an end came before the recording it belongs to was named")
            return self._say_kept(await self._reception.end(message.chunks), message.chunks, self._reception)
        if self._reception is not None:
            raise ValueError("this connection brings one recording already; open another for the next")
        begun = await self._videos.begin(self._actor, self._unit(message.unit_id), _asked(message))
        if isinstance(begun, Manifest):
            return self._say_kept(begun, begun.scene.chunks if begun.scene else 0, None)
        self._reception = begun
        self._reply({"have": begun.have})
        return True

    def _say_kept(self, kept: Manifest | None, chunks: int, reception: Reception | None) -> bool:
        """Whether to go on: yes while chunks are missing."""
        if kept is not None:
            self._reply({"stored": kept.scene.chunks if kept.scene else chunks, "sha256": kept.sha256, "upload_id": kept.upload_id})
        elif reception is not None and not reception.is_over:
            self._reply({"have": reception.have})
            return True
        else:  # nothing was ever recorded
            self._reply({"stored": 0, "sha256": "", "upload_id": None})
        self._outlet.close(1000)
        return False

    def _unit(self, unit_id: str | None) -> Unit:
        """The crew this connection speaks for. Raises NotFound where it does not."""
        picture = self._services.handler.picture
        unit = picture.units.get(unit_id or self._actor.unit_id or "")
        if unit is None or not self._services.authority.speaks_for(self._actor, unit, picture):
            raise NotFound("unknown-unit", f"This connection does not speak for unit {unit_id}; check unit_id.")
        return unit

    async def _may_go_on(self) -> bool:
        """Whether the phone reads what it is told, and is still logged in."""
        if self._outlet.waiting_bytes > MOST_WAITING_BYTES:
            log.warning("scene_video_stalled", actor=self._actor.name)
            self._outlet.abort()
            return False
        now = asyncio.get_running_loop().time()
        if now - self._checked_at > RECHECK_EVERY_S:
            self._checked_at = now
            if not await still_authenticated(self._socket):
                bye(self._outlet, "session_ended", UNAUTHENTICATED)
                return False
        return True

    def _reply(self, reply: dict[str, Any]) -> None:
        self._outlet.write(websocket_message(TEXT, msgspec.json.encode(reply)))


def _asked(message: Begin) -> Asked:
    return Asked(
        recording_id=message.recording_id,
        incident_id=message.incident_id,
        mime=message.mime,
        began_at=message.began_at,
        device_now=message.device_now,
        name=message.name,
        clock_offset_ms=message.clock_offset_ms,
    )
