"""`/login` and `/logout`: the way in and out. Who may come in is decided by `operations.access.accounts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboard.edge import clear_session, client_address, safe_next, set_session
from dashboard.forms import fields_of
from dashboard.i18n import Words, words_in
from dashboard.layouts.login import code_page, login_page
from dashboard.organisation_names import organisation_name
from operations.access.accounts import SESSION_COOKIE
from operations.access.attempts import TooManyAttempts
from operations.access.second_factor import CodeNeeded

if TYPE_CHECKING:
    from operations.services import Services

LANGUAGE_COOKIE, THEME_COOKIE = "liandong_lang", "liandong_theme"
DemoAccounts = list[tuple[str, str, str, str]]  # name, password, role, organisation


def language_of(request: Request) -> str:
    """The address's wish, else what was chosen before, else the browser's first language."""
    for wish in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in ("zh", "en"):
            return wish
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


class LoginPages:
    """The forms of the way in. `demo_accounts` is empty outside demo mode."""

    def __init__(self, services: Services, demo_accounts: DemoAccounts) -> None:
        self._services = services
        self._demo_accounts = demo_accounts

    def form(self, request: Request, next_path: str, error: str = "", name: str = "", status: int = 200) -> Response:
        """Name and password."""
        spoken = words_in(language_of(request))
        organisations = self._services.organisations
        listed = [(name, word, role, organisation_name(organisations, code, spoken)) for name, word, role, code in self._demo_accounts]
        return _html(login_page(self._city(spoken), spoken, safe_next(next_path), error, listed, name, self._ways()), status)

    def code_form(self, request: Request, next_path: str, ticket: str, error: str = "", status: int = 200) -> Response:
        """The second factor of a log-in whose first was right."""
        spoken = words_in(language_of(request))
        return _html(code_page(self._city(spoken), spoken, safe_next(next_path), ticket, error), status)

    def _ways(self) -> frozenset[str]:
        """In beside the password."""
        is_open = {"oidc": self._services.oidc is not None, "certificate": self._services.takes_certificates}
        return frozenset(way for way in is_open if is_open[way])

    def _city(self, spoken: Words) -> str:
        return spoken.pick(self._services.city.name, self._services.city.name_en)


def add_login(server: FastAPI, services: Services, pages: LoginPages) -> None:
    """Mount the routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def show(request: Request) -> Response:
        """The form."""
        return pages.form(request, request.query_params.get("next", "/"))

    @router.post("/login")
    async def enter(request: Request) -> Response:
        """Check name and password; on success go where the visitor wanted to, or ask for the second factor."""
        form = await fields_of(request)
        name, next_path = form.get("name", ""), form.get("next", "/")
        spoken, agent = words_in(language_of(request)), request.headers.get("user-agent", "")
        try:
            wall, address = wants_wall(next_path), client_address(request)
            secret = await services.accounts.login(name, form.get("password", ""), address, wall, agent)
        except TooManyAttempts as refused:
            return pages.form(request, next_path, too_many(refused, spoken), name, 429)
        except CodeNeeded as needed:
            return pages.code_form(request, next_path, needed.ticket)
        if secret is None:
            return pages.form(request, next_path, spoken("Account or password is wrong."), name, 401)
        return enter_with(secret, next_path, request)

    @router.post("/logout")
    async def leave(request: Request) -> Response:
        """End the session."""
        cookie = request.cookies.get(SESSION_COOKIE)
        if cookie:
            await services.accounts.logout(cookie)
        answer = RedirectResponse("/login", 303)
        clear_session(answer)
        return answer

    server.include_router(router)


def wants_wall(next_path: str) -> bool:
    """Whether a log-in is for a wall, a screen nobody sits at."""
    return safe_next(next_path).startswith("/wall")


def enter_with(secret: str, next_path: str, request: Request) -> Response:
    """Go where the visitor wanted to, with the new session."""
    answer = RedirectResponse(safe_next(next_path), 303)
    set_session(answer, secret, request)
    return answer


def too_many(refused: TooManyAttempts, spoken: Words) -> str:
    return spoken("Too many failed log-ins. Try again in {n} s.", n=round(refused.retry_after_s))


def _html(page: str, status: int) -> Response:
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})
