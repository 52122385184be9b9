"""The pages on a composed node of the small test city: Dash application, server behind its edge, panels as an actor sees them."""

from __future__ import annotations

import json
from typing import Any

from dash import Dash
from fastapi import FastAPI

from dashboard.application import add_pages
from dashboard.edge import Edge
from dashboard.station import StationDesks
from dashboard.web import PAGES
from dispatch.model import Actor
from tests.dashboard.api_world import CITY, ApiCity

PAGE = {"id": "page-1", "lang": "en", "wall": False}
COMMANDER = Actor("chief", "commander", CITY)
VIEWER = Actor("guest", "viewer", CITY)


def pages_of(city: ApiCity, demo_accounts: list[tuple[str, str, str, str]] | None = None) -> tuple[Dash, Edge]:
    """The application and its server behind the edge."""
    server = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app = add_pages(server, city.services, demo_accounts or [])
    desks = StationDesks(server, city.services)
    return app, Edge(desks, city.services.accounts, city.clock, server.routes, app.csp_hashes(), PAGES)


def words_in(component: Any) -> str:
    """Everything a reader can read in a component, in order."""
    if component is None or isinstance(component, bool):
        return ""
    if isinstance(component, str | int | float):
        return str(component)
    if isinstance(component, list | tuple):
        return " ".join(filter(None, (words_in(part) for part in component)))
    return words_in(getattr(component, "children", None))


def parts_of(component: Any, kind: str | None = None) -> list[Any]:
    """Every component below, of one kind by its class name."""
    found: list[Any] = []
    if isinstance(component, list | tuple):
        for part in component:
            found += parts_of(part, kind)
    elif hasattr(component, "children") or hasattr(component, "_type"):
        if kind is None or component.__class__.__name__ == kind:
            found.append(component)
        found += parts_of(getattr(component, "children", None), kind)
    return found


def commands_in(component: Any) -> list[tuple[str, str]]:
    """(command, unit) of every button that sends one or opens its form, in order."""
    presses = [getattr(button, "data-press", None) for button in parts_of(component, "Button")]
    return [(one["command"], one["unit"]) for one in map(json.loads, filter(None, presses))]
