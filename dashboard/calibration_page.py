"""`/calibration`: whether promised times are kept, for the reader's scope and a period of days in the city."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from dashboard.edge import actor_of
from dashboard.i18n import words_in
from dashboard.layouts.calibration import CalibrationView, calibration_page
from dashboard.login import THEME_COOKIE, language_of
from dashboard.organisation_names import organisation_name
from dashboard.periods import beginning_of, days_asked
from dispatch.promises import ArrivalBy
from operations.access.authority import Action
from operations.records.calibration import MAX_DAYS

if TYPE_CHECKING:
    from operations.services import Services

DAYS = (1, 7, 28, 90)
USUAL_DAYS = 28


def add_calibration_page(server: FastAPI, services: Services) -> None:
    """Mount the page."""
    router = APIRouter(include_in_schema=False)
    zone = ZoneInfo(services.city.time_zone)

    @router.get("/calibration")
    async def show(request: Request) -> Response:
        """Promised and actual times of a period; without one the last 28 days."""
        actor, asked = actor_of(request), request.query_params
        services.authority.authorise(actor, Action.SEE_CALIBRATION)
        org = asked.get("org")
        desk = services.authority.at_desk_of(actor, org) if org else actor
        words, today = words_in(language_of(request)), services.clock.now().astimezone(zone).date()
        first, last, error = today - timedelta(days=USUAL_DAYS - 1), today, ""
        try:
            first, last = days_asked(asked.get("from"), asked.get("to"), first, last, MAX_DAYS)
        except ValueError:
            error = words("This is no period of 1 to {n} days; the last {m} are shown.", n=MAX_DAYS, m=USUAL_DAYS)
        by = ArrivalBy(asked["by"]) if asked.get("by") in tuple(ArrivalBy) else ArrivalBy.BUTTON
        from_, to = beginning_of(first, zone), beginning_of(last + timedelta(days=1), zone)
        found = await services.calibrations.of(desk, from_, to, by)
        visible = services.authority.visible_orgs(actor)
        view = CalibrationView(
            found=found,
            first=first,
            last=last,
            today=today,
            org_code=desk.org_code,
            organisations=[one for one in services.organisations.all() if one.code in visible],
            periods=[(days, today - timedelta(days=days - 1)) for days in DAYS],
            name_of=lambda code: organisation_name(services.organisations, code, words),
            error=error,
        )
        html = calibration_page(view, words, request.cookies.get(THEME_COOKIE, "dark"))
        return HTMLResponse(html, 422 if error else 200, {"Cache-Control": "no-store"})

    server.include_router(router)
