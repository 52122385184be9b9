"""Log-ins of people: which there are, and their end. Whose may be asked about: `operations.access.sessions`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from dashboard.api.describe import answers, problem_answer
from dashboard.api.shapes import Id, answer
from dashboard.edge import actor_of
from operations.access.accounts import SESSION_COOKIE
from operations.access.sessions import Listed

if TYPE_CHECKING:
    from operations.services import Services

Account = Annotated[str | None, Query(min_length=1, max_length=64, description="name of an account of one's scope; left out: one's own")]
_SESSION = {
    "session_id": "9f86d081884c7d65",
    "is_current": False,
    "how": "password",
    "is_wall": False,
    "address": "10.12.0.31",
    "agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "created_at": "2026-05-01T07:58:00Z",
    "last_seen_at": "2026-05-01T12:14:00Z",
}
_ENDED: dict[Any, Any] = {204: {"description": "Ended"}, 404: problem_answer("There is no such session or account, or it may not be known")}


def router(services: Services) -> APIRouter:
    """Routes under /sessions."""
    routes = APIRouter(prefix="/sessions", tags=["sessions"])
    sessions = services.sessions

    @routes.get("", responses=answers({"account": "li.wei", "sessions": [_SESSION]}, problems=(404, 422)))
    async def several(request: Request, account: Account = None) -> Response:
        """Sessions of one's own account, or of one in the scope of an administrator; used last first."""
        return answer(_view(await sessions.of(actor_of(request), account, _cookie(request))))

    @routes.delete("", responses=answers({"ended": 3}, problems=(404, 422)))
    async def end_all(request: Request, account: Account = None) -> Response:
        """End all sessions of the account except the one that asks; their sockets are closed."""
        actor = actor_of(request)
        return answer({"ended": await sessions.end_all(actor, account, _cookie(request), "api")})

    @routes.delete("/{session_id}", status_code=204, responses=_ENDED)
    async def end(request: Request, session_id: Id, account: Account = None) -> Response:
        """End one session; its sockets are closed."""
        await sessions.end(actor_of(request), session_id, account, "api")
        return Response(status_code=204)

    return routes


def _cookie(request: Request) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


def _view(listed: Listed) -> dict[str, Any]:
    sessions = [
        {
            "session_id": session.session_id,
            "is_current": session.session_id == listed.current_id,
            "how": session.how,
            "is_wall": session.is_wall,
            "address": session.address,
            "agent": session.agent,
            "created_at": datetime.fromtimestamp(session.created_at, UTC),
            "last_seen_at": datetime.fromtimestamp(session.last_seen_at, UTC),
        }
        for session in listed.sessions
    ]
    return {"account": listed.account, "sessions": sessions}
