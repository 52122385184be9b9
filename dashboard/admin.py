"""`/admin`: health at a glance for whoever runs the system: feeds, checks, the event loop, the city. Plain HTML, renewed by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from dashboard.edge import actor_of
from dashboard.i18n import words_in
from dashboard.layouts.admin import admin_page
from dashboard.login import THEME_COOKIE, language_of
from operations.access.authority import Action
from operations.cameras.camera_health import MOST_LISTED

if TYPE_CHECKING:
    from operations.services import Services


def add_admin(server: FastAPI, services: Services) -> None:
    """Mount the page. Raises NotPermitted for roles that may not see health."""
    router = APIRouter(include_in_schema=False)

    @router.get("/admin")
    async def show(request: Request) -> Response:
        """The page as of now."""
        services.authority.authorise(actor_of(request), Action.SEE_HEALTH)
        report = await asyncio.to_thread(services.city.report)
        page = admin_page(
            services.health.snapshot(),
            services.elements.counts(),
            report,
            services.city,
            services.catalogue,
            words_in(language_of(request)),
            request.cookies.get(THEME_COOKIE, "dark"),
            services.cameras.failing(MOST_LISTED),
        )
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    server.include_router(router)
