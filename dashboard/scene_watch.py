"""Watching scene video: live over `/video/scene/{recording_id}`, afterwards as a file that can be wound. `docs/scene-video.md`.

Pictures of a scene are personal data: who may see evidence and the incident sees them, and every look is written down.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import FileResponse

from dashboard.edge import actor_of, still_authenticated
from dashboard.kept_files import refuse_taking
from dashboard.open_sockets import UNAUTHENTICATED
from dashboard.problems import problem
from dashboard.server import BINARY, TEXT, Outlet, bye, websocket_message
from dispatch.errors import DispatchError, NotFound
from dispatch.model import Actor
from operations.access.authority import Action
from operations.footage.scene_recording import UnderWay
from storage.evidence import Manifest

if TYPE_CHECKING:
    from operations.services import Services

LOOK_EVERY_S = 1.0
RECHECK_EVERY_S = 30.0
NOT_PERMITTED, NOT_FOUND, ENDED, TRY_AGAIN = 4403, 4404, 4410, 4503
PLAYBACK = "/video/scene/{recording_id}/playback"

log = structlog.get_logger(__name__)


def add_scene_watch(server: FastAPI, services: Services) -> None:
    """Serve both on `server`."""

    @server.websocket("/video/scene/{recording_id}")
    async def watch(socket: WebSocket, recording_id: str) -> None:
        """Pictures from the latest key frame on."""
        await serve(services, socket, recording_id)

    @server.get(PLAYBACK, tags=["scene video"], response_class=FileResponse)
    async def playback(request: Request, recording_id: str) -> Response:
        """What has come of a recording that is not live, as a file with its length and an index; ranges are answered."""
        return await play_back(services, request, recording_id)


class Viewer:
    """One connection that watches: `operations.footage.scene_stream.Watcher`."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self._state: bytes | None = None

    @property
    def waiting_bytes(self) -> int:
        return self.outlet.waiting_bytes

    def text(self, message: bytes) -> None:
        self.outlet.write(websocket_message(TEXT, message))

    def binary(self, message: bytes) -> None:
        self.outlet.write(websocket_message(BINARY, message))


async def serve(services: Services, socket: WebSocket, recording_id: str) -> None:
    """One connection from accept to end."""
    actor = actor_of(socket)
    await socket.accept()
    viewer = Viewer(Outlet.of(socket.scope))
    try:
        one = await _visible(services, actor, recording_id)
        await services.personal.scene_video(actor, recording_id)
    except DispatchError as refused:
        _refuse(viewer, refused)
        return
    services.scene_video.watch(one, viewer)
    watching = asyncio.create_task(_keep_watch(services, socket, actor, viewer, one), name="scene-watch")
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass  # nothing is said here
    finally:
        watching.cancel()
        one.stream.leave(viewer)


async def _keep_watch(services: Services, socket: WebSocket, actor: Actor, viewer: Viewer, one: UnderWay) -> None:
    """Say when nothing comes any more, and end with the recording, the log-in, the right to see it, or a reader that has stopped."""
    loop = asyncio.get_running_loop()
    recheck_at, state = loop.time() + RECHECK_EVERY_S, one.state(services.clock.now())
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        now = loop.time()
        if viewer.outlet.is_stalled(now):
            log.warning("scene_watcher_stalled", actor=actor.name, waiting_bytes=viewer.waiting_bytes)
            viewer.outlet.abort()
            return
        if services.scene_video.find(one.recording.recording_id) is not one:
            viewer.outlet.close(ENDED, "ended")
            return
        if (present := one.state(services.clock.now())) != state:
            state = present
            viewer.text(services.scene_video.state_text(one))
        if now >= recheck_at:
            recheck_at = now + RECHECK_EVERY_S
            if not await still_authenticated(socket):
                bye(viewer.outlet, "session_ended", UNAUTHENTICATED)
                return
            try:
                await _visible(services, actor, one.recording.recording_id)
            except DispatchError as refused:
                _refuse(viewer, refused)
                return


async def _visible(services: Services, actor: Actor, recording_id: str) -> UnderWay:
    """A recording under way that the actor may watch. Raises NotPermitted and NotFound."""
    services.authority.authorise(actor, Action.SEE_EVIDENCE)
    one = services.scene_video.find(recording_id)
    if one is None or not await _sees(services, actor, one.recording.incident_id, one.recording.unit_id):
        raise _unknown(recording_id)
    return one


async def play_back(services: Services, request: Request, recording_id: str) -> Response:
    """A finished recording, or one that has stopped coming, to whoever may see evidence and its incident."""
    actor = actor_of(request)
    services.authority.authorise(actor, Action.SEE_EVIDENCE)
    one = services.scene_video.find(recording_id)
    kept = await _kept(services, recording_id) if one is None else None
    of = one.recording if one is not None else kept
    if of is None or not await _sees(services, actor, of.incident_id, of.unit_id):
        raise _unknown(recording_id)
    if one is not None and one.state(services.clock.now()) != "waiting":
        return problem(409, "recording-live", f"Recording {recording_id} is coming in; watch it live, or ask again when it has stopped.")
    if kept is not None:
        refuse_taking(services, request, kept)
    await services.personal.upload(actor, recording_id)
    if kept is not None:
        path = await services.playback.of_kept(kept)
    elif one is not None:
        path = await services.playback.of_unfinished(one)
    return FileResponse(
        path,
        media_type=f"video/{path.suffix[1:]}",
        content_disposition_type="inline",
        headers={"Cache-Control": "private, no-cache", "Content-Security-Policy": "sandbox"},
    )


async def _kept(services: Services, recording_id: str) -> Manifest | None:
    found = (await services.evidence.records([recording_id])).get(recording_id)
    return found if found is not None and found.scene is not None and found.sha256 else None


async def _sees(services: Services, actor: Actor, incident_id: str, unit_id: str | None) -> bool:
    picture = services.handler.picture
    incident = picture.incidents.get(incident_id) or await services.history.incident(incident_id)
    if incident is None or not services.authority.may_see_incident(actor, incident, picture):
        return False
    return unit_id is None or not services.authority.hides_unit(actor, unit_id, picture)


def _unknown(recording_id: str) -> NotFound:
    return NotFound("no-such-recording", f"There is no recording {recording_id[:40]!r} under way; it may have ended.")


def _refuse(viewer: Viewer, refused: DispatchError) -> None:
    zh, en = _SAID.get(refused.rule, ("现在不能观看这段回传，请稍后再试。", refused.detail))
    told: dict[str, Any] = {"refused": refused.rule, "message_zh": zh, "message_en": en}
    viewer.text(msgspec.json.encode(told))
    codes = {"no-such-recording": NOT_FOUND, "role-not-permitted": NOT_PERMITTED}
    viewer.outlet.close(codes.get(refused.rule, TRY_AGAIN), refused.rule)


_SAID = {
    "no-such-recording": ("这段回传已结束或不存在。", "This recording has ended, or does not exist."),
    "role-not-permitted": ("此账号不能查看现场影像。", "This account may not see pictures of a scene."),
}
