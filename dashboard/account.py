"""`/account`: one's own account and sessions; for administrators those of their scope. Who may is decided by `operations.sessions`."""

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
from operations.accounts import SESSION_COOKIE
from operations.authority import Action, Role

if TYPE_CHECKING:
    from operations.services import Services

MOST_NAMES = 1_000  # account names that the page offers


def add_account(server: FastAPI, services: Services) -> None:
    """Mount the page and its forms."""
    router = APIRouter(include_in_schema=False)
    sessions = services.sessions

    async def page(request: Request, account: str | None, refused: NotFound | None = None) -> HTMLResponse:
        actor, words = actor_of(request), words_in(language_of(request))
        organisation = services.organisations.get(actor.org_code)
        names = None
        if services.authority.can(actor, Action.MANAGE_ACCOUNTS):
            names = [user.name for user in await sessions.accounts(actor)][:MOST_NAMES]
        try:
            listed = await sessions.of(actor, account, _cookie(request))
        except NotFound as missing:
            listed, refused = None, refused or missing
        view = AccountView(
            name=actor.name,
            role=actor.role,
            organisation=words.pick(organisation.name, organisation.name_en) if organisation else actor.org_code,
            listed=listed,
            back="/terminal" if actor.role == Role.OFFICER else "/",
            now_s=services.clock.unix_s(),
            time_zone=services.city.time_zone,
            error=words.refusal(refused) if refused is not None else "",
            accounts=names,
        )
        html = account_page(view, words, request.cookies.get(THEME_COOKIE, "dark"))
        return HTMLResponse(html, 200 if refused is None else 404, {"Cache-Control": "no-store"})

    @router.get("/account")
    async def show(request: Request) -> Response:
        """The page as of now."""
        return await page(request, request.query_params.get("account") or None)

    @router.post("/account/sessions/end")
    async def end(request: Request) -> Response:
        """End one session."""
        form = await fields_of(request)
        account = form.get("account") or None
        try:
            await sessions.end(actor_of(request), form.get("session_id", ""), account)
        except NotFound as refused:  # it has ended meanwhile
            return await page(request, None, refused)
        return _back(actor_of(request), account)

    @router.post("/account/sessions/end-all")
    async def end_all(request: Request) -> Response:
        """End all sessions of the account but the one that asks."""
        account = (await fields_of(request)).get("account") or None
        try:
            await sessions.end_all(actor_of(request), account, _cookie(request))
        except NotFound as refused:
            return await page(request, None, refused)
        return _back(actor_of(request), account)

    server.include_router(router)


def _cookie(request: Request) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


def _back(actor: Actor, account: str | None) -> Response:
    other = account is not None and account != actor.name
    return RedirectResponse(f"/account?account={quote(account or '', safe='')}" if other else "/account", 303)
