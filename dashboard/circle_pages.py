"""`/circle/{id}`: the sheet of a duty circle, to be read and printed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from dashboard.edge import actor_of
from dashboard.figures.circle_map import circle_map, extent
from dashboard.i18n import words_in
from dashboard.layouts.circle_sheet import CircleSheet, circle_page, numbered_gates
from dashboard.login import THEME_COOKIE, language_of
from dashboard.organisation_names import organisation_name
from dispatch.duty_circles import DutyCircle
from geodata.streets.street_lines import lines_within
from operations.access.authority import Action
from operations.duty.circle_checks import CAMERA

if TYPE_CHECKING:
    from operations.services import Services


def add_circle_pages(server: FastAPI, services: Services) -> None:
    """Mount the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/circle/{circle_id}")
    async def sheet(request: Request, circle_id: str) -> Response:
        """The circle as it stands."""
        actor, words, picture = actor_of(request), words_in(language_of(request)), services.handler.picture
        services.authority.authorise(actor, Action.SEE_DUTY_CIRCLES)
        circle = services.duty_circles.get(actor, circle_id)

        def callsign_of(unit_id: str) -> str:
            unit = picture.units.get(unit_id)
            return "" if unit is None or services.authority.hides_unit(actor, unit_id, picture) else unit.callsign

        named = {camera for tier in circle.tiers for camera in tier.cameras}
        cameras = {
            thing.element_id: str(thing.properties.get("name", ""))
            for thing in services.elements.newest(CAMERA)
            if thing.element_id in named
        }
        view = CircleSheet(
            circle=circle,
            drawing=await asyncio.to_thread(_drawing, services, circle),
            organisation_of=lambda code: organisation_name(services.organisations, code, words),
            callsign_of=callsign_of,
            cameras=cameras,
            printed_at=services.clock.now(),
            time_zone=services.city.time_zone,
            schematic=services.city.schematic,
        )
        html = circle_page(view, words, request.cookies.get(THEME_COOKIE, "dark"))
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})

    server.include_router(router)


def _drawing(services: Services, circle: DutyCircle) -> str:
    streets = lines_within(services.city.graph, extent(circle))
    gates = [(number, gate.lon, gate.lat) for number, gate in numbered_gates(circle)]
    return circle_map(circle, streets, gates, circle.name)
