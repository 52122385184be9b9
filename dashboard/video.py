"""The socket `/video/{camera_id}`: a camera's pictures on their way to one browser. Wire: docs/video.md."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import FileResponse

from dashboard.edge import actor_of, session_of, still_authenticated
from dashboard.i18n import video_refusal
from dashboard.open_sockets import UNAUTHENTICATED
from dashboard.problems import problem
from dashboard.server import BINARY, TEXT, Outlet, bye, websocket_message
from dispatch.errors import NotPermitted
from operations.access.authority import Action
from operations.cameras.video import VideoRefused

if TYPE_CHECKING:
    from operations.services import Services

ENDED, NOT_PERMITTED, EXPIRED, REFUSED = 1000, 4403, 4410, 4503  # WebSocket close codes
# A browser that has so much to take yet gets no more; what comes meanwhile waits in the video process, which leaves out what is too much.
MOST_WAITING = 256 * 1024  # bytes
LOOK_AGAIN_S = 0.02
RECHECK_S = 10.0


def add_video(server: FastAPI, services: Services) -> None:
    """Serve `/video/{camera_id}` on `server`."""

    @server.websocket("/video/{camera_id}")
    async def video(socket: WebSocket, camera_id: str) -> None:
        """Pictures until either side has enough."""
        await serve(services, socket, camera_id)

    @server.get("/video/{camera_id}/recorded", tags=["video"], response_class=FileResponse)
    async def recorded(request: Request, camera_id: str, token: str) -> Response:
        """A span of the past that was opened by `POST /api/v1/cameras/{camera_id}/recorded`, as MP4; ranges are answered."""
        try:
            path = await services.recorded.file(actor_of(request), camera_id, token, session_of(request))
        except VideoRefused as refused:
            zh, en = video_refusal("zh", refused), video_refusal("en", refused)
            return problem(410, refused.reason, str(refused), message_zh=zh, message_en=en)
        headers = {"Cache-Control": "private, no-cache", "Content-Security-Policy": "sandbox"}
        return FileResponse(path, media_type="video/mp4", content_disposition_type="inline", headers=headers)


async def serve(services: Services, socket: WebSocket, camera_id: str) -> None:
    """One connection from accept to end."""
    await socket.accept()
    outlet = Outlet.of(socket.scope)
    doing = [
        asyncio.create_task(_send(services, socket, camera_id, outlet)),
        asyncio.create_task(_until_gone(socket)),
        asyncio.create_task(_recheck(services, socket, outlet)),
    ]
    try:
        await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in doing:
            task.cancel()
        ended = await asyncio.gather(*doing, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure


async def _send(services: Services, socket: WebSocket, camera_id: str, outlet: Outlet) -> None:
    token = socket.query_params.get("token", "")
    messages = services.video.watch(actor_of(socket), camera_id, token, session_of(socket))
    try:
        async with aclosing(messages):
            async for message in messages:
                if isinstance(message, str):
                    outlet.write(websocket_message(TEXT, message.encode()))
                else:
                    outlet.write(websocket_message(BINARY, message))
                if not await _has_room(outlet):
                    return
        outlet.close(ENDED, "ended")
    except NotPermitted:
        bye(outlet, "not_permitted", NOT_PERMITTED)
    except VideoRefused as refused:
        text = {"refused": refused.reason, "message_zh": video_refusal("zh", refused), "message_en": video_refusal("en", refused)}
        outlet.write(websocket_message(TEXT, msgspec.json.encode(text)))
        outlet.close(EXPIRED if refused.reason == "expired" else REFUSED, refused.reason)


async def _has_room(outlet: Outlet) -> bool:
    """Waits while too much is waiting. False when the connection has ended, or was cut off because its reader has stopped."""
    loop = asyncio.get_running_loop()
    while not outlet.is_closing:
        if outlet.is_stalled(loop.time()):
            outlet.abort()
        elif outlet.waiting_bytes <= MOST_WAITING:
            return True
        else:
            await asyncio.sleep(LOOK_AGAIN_S)
    return False


async def _until_gone(socket: WebSocket) -> None:
    """What a browser says is not listened to."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _recheck(services: Services, socket: WebSocket, outlet: Outlet) -> None:
    """Until the session has ended, or may no longer watch."""
    while True:
        if not (await still_authenticated(socket) and services.authority.can(actor_of(socket), Action.WATCH_CAMERA)):
            break
        await asyncio.sleep(RECHECK_S)
    if not outlet.is_closing:
        bye(outlet, "session_ended", UNAUTHENTICATED)
