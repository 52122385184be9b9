"""`/station/<code>`: the desk of one station or county, with or without a command room. It is the page `/` at another address,
scoped to that organisation: what stands here says which organisation an address means and to whom its desk is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.edge import actor_of
from dashboard.i18n import words_in
from dashboard.layouts.refused import refused_page
from dashboard.login import THEME_COOKIE, language_of
from dashboard.problems import refusal
from dispatch.errors import DispatchError, NotFound, NotPermitted
from dispatch.model import Actor
from dispatch.organisations import Organisation

if TYPE_CHECKING:
    from operations.services import Services

PATH = "/station/{code}"
_PATTERN = compile_path(PATH)[0]


class StationDesks:
    """Wraps the pages: hands `/` out at the address of every desk that the visitor may open, and says why at the others."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        code = code_in(scope["path"]) if scope["type"] == "http" else None
        if code is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            self._services.authority.at_desk_of(actor_of(request), code)
        except (NotFound, NotPermitted) as error:
            await refused(request, error)(scope, receive, send)
            return
        await self._app({**scope, "path": "/", "raw_path": b"/"}, receive, send)


def code_in(path: str) -> str | None:
    """The code in the address of a desk; None for every other path."""
    found = _PATTERN.fullmatch(path.rstrip("/"))
    return found["code"] if found else None


def organisation_of(services: Services, actor: Actor, address: str) -> Organisation | None:
    """Whose desk the page at this address is; None: the actor's own, also where it may not open the one named there."""
    code = code_in(urlsplit(address).path)
    if code is None:
        return None
    try:
        return services.organisations.get(services.authority.at_desk_of(actor, code).org_code)
    except (NotFound, NotPermitted):
        return None


def refused(request: Request, error: DispatchError) -> Response:
    """A page for people, a problem for programs."""
    answer = refusal(error)
    if "text/html" not in request.headers.get("accept", ""):
        return answer
    page = refused_page(error, words_in(language_of(request)), request.cookies.get(THEME_COOKIE, "dark"))
    return HTMLResponse(page, answer.status_code, {"Cache-Control": "no-store"})
