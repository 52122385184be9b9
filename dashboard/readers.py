"""Pages, what they ask back, and the base map are for those who may see the picture: a feed's token opens none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.edge import actor_of
from dashboard.station import refused
from dispatch.errors import NotPermitted
from operations.access.authority import Action

if TYPE_CHECKING:
    from operations.services import Services

# Below these each route asks a question of its own, or hands out a file that tells nothing. Everything else is a page's.
ASKED_THERE = ("/api", "/uploads", "/feeds", "/live", "/metrics", "/admin", "/account", "/terminal", "/assets", "/login", "/logout")
STATIC = ("/_dash-component-suites", "/_favicon.ico", "/favicon.ico")
# Dash opens a socket for callbacks whether or not there is one that would use it. There is none, so nobody comes in.
CALLBACK_SOCKET = "/_dash-ws-callback"
NOT_PERMITTED = 4403  # WebSocket close code


class ForReaders:
    """Wraps the application behind the edge, which has found out who asks."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and scope["path"] == CALLBACK_SOCKET:
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": NOT_PERMITTED, "reason": "callbacks come by POST"})
            return
        if scope["type"] == "http" and is_a_pages(scope["path"]):
            request = Request(scope)
            try:
                self._services.authority.authorise(actor_of(request), Action.SEE_PICTURE)
            except NotPermitted as error:
                await refused(request, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_a_pages(path: str) -> bool:
    """Whether the path is a page, or something that only a page asks for."""
    return not any(path == known or path.startswith(known + "/") for known in (*ASKED_THERE, *STATIC))
