"""`/account`: one's own account and sessions; for administrators those of their scope. Who may: `operations.access.sessions`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboard.edge import actor_of
from dashboard.forms import fields_of
from dashboard.i18n import words_in
from dashboard.layouts.account import AccountView, account_page
from dashboard.login import THEME_COOKIE, language_of
from dispatch.errors import NotFound
from dispatch.model import Actor
from operations.access.accounts import SESSION_COOKIE
from operations.access.authority import ENROLLING, Action, Role

if TYPE_CHECKING:
    from operations.services import Services

MOST_NAMES = 1_000  # account names that the page offers


class AccountPage:
    """The page as of now. `account` is another one that an administrator asks for; `said` is what went wrong."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def show(self, request: Request, account: str | None = None, said: str = "", status: int = 200) -> Response:
        services, actor, words = self._services, actor_of(request), words_in(language_of(request))
        cookie, listed = cookie_of(request), None
        try:
            if actor.kind != ENROLLING:
                listed = await services.sessions.of(actor, account, cookie)
        except NotFound as missing:
            said, status = words.refusal(missing), 404
        organisation = services.organisations.get(actor.org_code)
        view = AccountView(
            name=actor.name,
            role=Role.ADMIN if actor.kind == ENROLLING else actor.role,
            organisation=words.pick(organisation.name, organisation.name_en) if organisation else actor.org_code,
            listed=listed,
            back="/terminal" if actor.role == Role.OFFICER else "/",
            now_s=services.clock.unix_s(),
            time_zone=services.city.time_zone,
            factor=await services.enrolment.state(actor),
            error=said,
            accounts=await self._names(actor),
            begun=services.enrolment.begun(cookie),
        )
        html = account_page(view, words, request.cookies.get(THEME_COOKIE, "dark"))
        return HTMLResponse(html, status, {"Cache-Control": "no-store"})

    async def refused(self, request: Request, refused: NotFound) -> Response:
        """One's own page, with what was not there."""
        return await self.show(request, None, words_in(language_of(request)).refusal(refused), 404)

    async def _names(self, actor: Actor) -> list[str] | None:
        if not self._services.authority.can(actor, Action.MANAGE_ACCOUNTS):
            return None
        return [user.name for user in await self._services.sessions.accounts(actor)][:MOST_NAMES]


def add_account(server: FastAPI, services: Services, page: AccountPage) -> None:
    """Mount the page and the forms that end sessions."""
    router = APIRouter(include_in_schema=False)
    sessions = services.sessions

    @router.get("/account")
    async def show(request: Request) -> Response:
        """The page."""
        return await page.show(request, request.query_params.get("account") or None)

    @router.post("/account/sessions/end")
    async def end(request: Request) -> Response:
        """End one session."""
        form = await fields_of(request)
        account = form.get("account") or None
        try:
            await sessions.end(actor_of(request), form.get("session_id", ""), account)
        except NotFound as missing:  # it has ended meanwhile
            return await page.refused(request, missing)
        return _back(actor_of(request), account)

    @router.post("/account/sessions/end-all")
    async def end_all(request: Request) -> Response:
        """End all sessions of the account but the one that asks."""
        account = (await fields_of(request)).get("account") or None
        try:
            await sessions.end_all(actor_of(request), account, cookie_of(request))
        except NotFound as missing:
            return await page.refused(request, missing)
        return _back(actor_of(request), account)

    server.include_router(router)


def cookie_of(request: Request) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


def _back(actor: Actor, account: str | None) -> Response:
    other = account is not None and account != actor.name
    return RedirectResponse(f"/account?account={quote(account or '', safe='')}" if other else "/account", 303)
