"""`/review/{incident}`: the review of an incident afterwards (复盘), what reviewers write, its report and its table.

A form only translates: what it asks for is carried out, or refused, like any other command.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboard.callbacks.context import facts_for
from dashboard.edge import actor_of
from dashboard.figures.review_map import MOST_STREETS, map_box, review_map
from dashboard.forms import fields_of
from dashboard.i18n import words_in
from dashboard.kpi_workbook import MEDIA_TYPE
from dashboard.layouts.report import Export, report
from dashboard.layouts.review import review_page
from dashboard.layouts.review_facts import ReviewFacts
from dashboard.layouts.review_findings import Refused
from dashboard.layouts.review_nearest import drawn
from dashboard.login import THEME_COOKIE, language_of
from dashboard.review_workbook import review_workbook
from dispatch.commands import AddFinding, Comment, IncidentCommand, ReviseAfterAction, SignAfterAction
from dispatch.errors import DispatchError, RuleViolation
from dispatch.model import Actor
from geodata.streets.street_lines import lines_within
from operations.access.authority import Action
from operations.access.permissions import REVIEWING
from operations.records.after_action import Review

if TYPE_CHECKING:
    from operations.services import Services

_FRESH = {"Cache-Control": "no-store"}


def add_review_pages(server: FastAPI, services: Services) -> None:
    """Mount the page, its forms, the report and the table."""
    router = APIRouter(include_in_schema=False)

    @router.get("/review/{incident_id}")
    async def show(request: Request, incident_id: str) -> Response:
        """Everything on record of one incident."""
        return await _page(services, request, incident_id)

    @router.post("/review/{incident_id}")
    async def write(request: Request, incident_id: str) -> Response:
        """One form of the page: a finding, a comment, a signature, a further revision."""
        form = await fields_of(request)
        try:
            await services.handler.handle(_command(incident_id, form), actor_of(request), form.get("key") or None)
        except DispatchError as refused:
            return await _page(services, request, incident_id, Refused(words_in(language_of(request)).refusal(refused), form))
        return RedirectResponse(f"/review/{quote(incident_id, safe='')}", 303)

    @router.get("/review/{incident_id}/report.html")
    async def file(request: Request, incident_id: str) -> Response:
        """The report: one file that needs nothing else."""
        actor, language = actor_of(request), language_of(request)
        services.authority.authorise(actor, Action.EXPORT)
        html = await report_of(services, actor, incident_id, language)
        name = f"liandong-{quote(incident_id, safe='')}.html"
        return Response(html, 200, _FRESH | {"Content-Disposition": f'attachment; filename="{name}"'}, "text/html; charset=utf-8")

    @router.get("/review/{incident_id}/data.xlsx")
    async def table(request: Request, incident_id: str) -> Response:
        """The same as figures and rows."""
        actor, language = actor_of(request), language_of(request)
        services.authority.authorise(actor, Action.EXPORT)
        view = await view_of(services, actor, incident_id, language, linked=False)
        book = await asyncio.to_thread(review_workbook, view)
        await services.personal.report(actor, incident_id, "report_table")  # what could not be made was not handed out
        name = f"liandong-{quote(incident_id, safe='')}.xlsx"
        return Response(book, 200, _FRESH | {"Content-Disposition": f'attachment; filename="{name}"'}, MEDIA_TYPE)

    server.include_router(router)


async def view_of(services: Services, actor: Actor, incident_id: str, language: str, linked: bool) -> ReviewFacts:
    """The review with everything that names and draws it. Raises as `AfterActions.of`."""
    review = await services.after_actions.of(services, actor, incident_id)
    facts = facts_for(services, actor, {"lang": language})
    drawing = await asyncio.to_thread(_drawing, services, review, facts.words("Map"))
    return ReviewFacts(review, facts, drawing, services.city.schematic, linked)


async def report_of(services: Services, actor: Actor, incident_id: str, language: str, channel: str = "") -> str:
    """The report, written down before it leaves. Raises as `AfterActions.of`, and Unavailable."""
    view = await view_of(services, actor, incident_id, language, linked=False)
    await services.personal.report(actor, view.review.incident.incident_id, "report", channel)
    made = Export(actor.name, actor.role, view.facts.organisation_name(actor.org_code), actor.org_code, services.city.code)
    return await asyncio.to_thread(report, view, made)


async def _page(services: Services, request: Request, incident_id: str, refused: Refused | None = None) -> Response:
    actor, language = actor_of(request), language_of(request)
    view = await view_of(services, actor, incident_id, language, linked=True)
    own = services.authority.in_scope(actor, view.review.incident.org_code)
    may = frozenset(str(action) for action in REVIEWING if own and services.authority.can(actor, action))
    html = await asyncio.to_thread(
        review_page,
        view,
        request.cookies.get(THEME_COOKIE, "dark"),
        may,
        services.authority.can(actor, Action.EXPORT),
        secrets.token_hex(8),
        refused,
    )
    return HTMLResponse(html, 200 if refused is None else 422, _FRESH)


def _command(incident_id: str, form: dict[str, str]) -> IncidentCommand:
    """What a form of the page asks for. Raises RuleViolation."""
    text = form.get("text", "")
    match form.get("do"):
        case "comment":
            return Comment(incident_id=incident_id, text=text, channel="desk")
        case "add_finding":
            kind, replaces = form.get("kind", ""), form.get("replaces", "")
            return AddFinding(incident_id=incident_id, kind=kind, text=text, replaces=replaces, channel="desk")
        case "sign_after_action":
            version = form.get("version", "")
            seen = int(version) if version.isdecimal() and len(version) < 10 else None
            return SignAfterAction(incident_id=incident_id, name=form.get("name", ""), expected_version=seen, channel="desk")
        case "revise_after_action":
            return ReviseAfterAction(incident_id=incident_id, text=text, channel="desk")
        case other:
            raise RuleViolation("unknown-form", f"There is no form {str(other)[:40]!r} here; reload the page.")


def _drawing(services: Services, review: Review, label: str) -> str:
    """In a thread."""
    incident = review.incident
    point = (incident.lon, incident.lat) if incident.lon is not None and incident.lat is not None else None
    ways, places = drawn(review)
    box = map_box(point, ways, places)
    return "" if box is None else review_map(box, lines_within(services.city.graph, box, MOST_STREETS), point, ways, places, label)
