"""`/login` and `/logout`: the way in and out. Who may come in is decided by `operations.accounts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboard.edge import clear_session, client_address, safe_next, set_session
from dashboard.forms import fields_of
from dashboard.i18n import Words, words_in
from dashboard.layouts.login import login_page
from operations.accounts import SESSION_COOKIE, TooManyAttempts

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


def add_login(server: FastAPI, services: Services, demo_accounts: DemoAccounts) -> None:
    """Mount the routes. `demo_accounts` is empty outside demo mode."""
    router = APIRouter(include_in_schema=False)

    def page(request: Request, next_path: str, error: str = "", name: str = "", status: int = 200) -> HTMLResponse:
        spoken = words_in(language_of(request))
        city = spoken.pick(services.city.name, services.city.name_en)
        listed = [(account, password, role, _where(services, code, spoken)) for account, password, role, code in demo_accounts]
        return HTMLResponse(login_page(city, spoken, safe_next(next_path), error, listed, name), status, {"Cache-Control": "no-store"})

    @router.get("/login")
    async def show(request: Request) -> Response:
        """The form."""
        return page(request, request.query_params.get("next", "/"))

    @router.post("/login")
    async def enter(request: Request) -> Response:
        """Check name and password; on success go where the visitor wanted to."""
        form = await fields_of(request)
        name, next_path = form.get("name", ""), form.get("next", "/")
        spoken = words_in(language_of(request))
        is_wall = safe_next(next_path).startswith("/wall")
        try:
            agent = request.headers.get("user-agent", "")
            secret = await services.accounts.login(name, form.get("password", ""), client_address(request), is_wall, agent)
        except TooManyAttempts as refused:
            return page(
                request, next_path, spoken("Too many failed log-ins. Try again in {n} s.", n=round(refused.retry_after_s)), name, 429
            )
        if secret is None:
            return page(request, next_path, spoken("Account or password is wrong."), name, 401)
        answer = RedirectResponse(safe_next(next_path), 303)
        set_session(answer, secret, request)
        return answer

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


def _where(services: Services, code: str, spoken: Words) -> str:
    known = services.organisations.get(code)
    return spoken.pick(known.name, known.name_en) if known else code
