"""`/login/oidc`: to the identity provider and back.

What an answer proves is decided by `operations.access.oidc`, who may come in by `operations.access.accounts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from dashboard.edge import client_address, safe_next
from dashboard.i18n import words_in
from dashboard.login import LoginPages, enter_with, language_of, too_many, wants_wall
from operations.access.attempts import TooManyAttempts
from operations.access.oidc import AWAY_S, LoginRefused, Provider, ProviderUnavailable
from operations.access.second_factor import CodeNeeded

if TYPE_CHECKING:
    from operations.services import Services

BROWSER_COOKIE = "liandong_oidc"  # which browser set out; a session it is not
PATH = "/login/oidc"

log = structlog.get_logger(__name__)


def add_oidc(server: FastAPI, services: Services, provider: Provider, pages: LoginPages) -> None:
    """Mount the two routes."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def set_out(request: Request) -> Response:
        """To the provider."""
        next_path = safe_next(request.query_params.get("next", "/"))
        try:
            leaving = await provider.set_out(next_path)
        except ProviderUnavailable as failed:
            return unavailable(request, next_path, failed)
        answer = RedirectResponse(leaving.url, 303, {"Cache-Control": "no-store"})
        is_https = request.url.scheme == "https"
        # Lax, not strict: the browser comes back from another site.
        answer.set_cookie(BROWSER_COOKIE, leaving.cookie, int(AWAY_S), path=PATH, secure=is_https, httponly=True, samesite="lax")
        return answer

    @router.get(PATH + "/return")
    async def come_back(request: Request) -> Response:
        """From the provider, with who it is."""
        spoken, address = words_in(language_of(request)), client_address(request)
        try:
            services.accounts.refuse_address(address)
            identity = await provider.come_back(dict(request.query_params), request.cookies.get(BROWSER_COOKIE, ""))
            wall, agent = wants_wall(identity.next_path), request.headers.get("user-agent", "")
            secret = await services.accounts.enter(identity.name, "oidc", address, wall, agent)
        except LoginRefused as refused:
            services.accounts.count_address(address)
            log.warning("oidc log-in refused", reason=str(refused), address=address)
            return pages.form(request, "/", spoken("The identity provider's answer is not valid. Try again."), status=401)
        except ProviderUnavailable as failed:
            return unavailable(request, "/", failed)
        except TooManyAttempts as refused:
            return pages.form(request, "/", too_many(refused, spoken), status=429)
        except CodeNeeded as needed:
            return _without_cookie(pages.code_form(request, identity.next_path, needed.ticket))
        if secret is None:
            said = spoken("There is no account {name} here. Ask an administrator.", name=identity.name[:64])
            return _without_cookie(pages.form(request, identity.next_path, said, status=403))
        return _without_cookie(enter_with(secret, identity.next_path, request))

    def unavailable(request: Request, next_path: str, failed: ProviderUnavailable) -> Response:
        log.warning("identity provider unavailable", reason=str(failed))
        spoken = words_in(language_of(request))
        return pages.form(request, next_path, spoken("The identity provider does not answer. Log in with your password."), status=503)

    server.include_router(router)


def _without_cookie(answer: Response) -> Response:
    answer.delete_cookie(BROWSER_COOKIE, path=PATH, httponly=True, samesite="lax")
    return answer
