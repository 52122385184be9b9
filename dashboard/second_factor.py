"""The second factor in the browser: its code after the password, and setting it up on the account page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboard.account import AccountPage, cookie_of
from dashboard.edge import actor_of, client_address, set_session
from dashboard.forms import fields_of
from dashboard.i18n import words_in
from dashboard.layouts.account import recovery_page
from dashboard.login import THEME_COOKIE, LoginPages, enter_with, language_of, too_many
from dispatch.errors import NotFound
from operations.access.accounts import WaitedTooLong
from operations.access.attempts import TooManyAttempts

if TYPE_CHECKING:
    from operations.services import Services


def add_second_factor(server: FastAPI, services: Services, login: LoginPages, account: AccountPage) -> None:
    """Mount the routes."""
    router = APIRouter(include_in_schema=False)
    enrolment = services.enrolment

    @router.post("/login/code")
    async def enter_code(request: Request) -> Response:
        """Check the second factor of a log-in whose first was right."""
        form = await fields_of(request)
        ticket, next_path = form.get("ticket", ""), form.get("next", "/")
        spoken, agent = words_in(language_of(request)), request.headers.get("user-agent", "")
        try:
            secret = await services.accounts.login_with_code(ticket, form.get("code", ""), client_address(request), agent)
        except TooManyAttempts as refused:
            return login.code_form(request, next_path, ticket, too_many(refused, spoken), 429)
        except WaitedTooLong:
            return login.form(request, next_path, spoken("The code came too late or was wrong too often. Log in again."), status=401)
        if secret is None:
            return login.code_form(request, next_path, ticket, spoken("The code is wrong or was used before."), 401)
        return enter_with(secret, next_path, request)

    @router.post("/account/second-factor")
    async def begin(request: Request) -> Response:
        """Begin to set one up; the page then shows its QR code."""
        await enrolment.begin(actor_of(request), cookie_of(request))
        return RedirectResponse("/account", 303)

    @router.post("/account/second-factor/confirm")
    async def confirm(request: Request) -> Response:
        """Switch it on with its first code; the answer shows the recovery codes, this once."""
        actor, spoken = actor_of(request), words_in(language_of(request))
        code = (await fields_of(request)).get("code", "")
        try:
            enrolled = await enrolment.confirm(actor, cookie_of(request), code, client_address(request))
        except NotFound as missing:
            return await account.refused(request, missing)
        except TooManyAttempts as refused:
            return await account.show(request, said=too_many(refused, spoken), status=429)
        if enrolled is None:
            return await account.show(request, said=spoken("The code is wrong. Is the clock of the phone right?"), status=422)
        html = recovery_page(enrolled.recovery_codes, actor.name, spoken, request.cookies.get(THEME_COOKIE, "dark"))
        answer = HTMLResponse(html, headers={"Cache-Control": "no-store"})
        set_session(answer, enrolled.cookie, request)
        return answer

    server.include_router(router)
