"""Joins pages, API, tiles and sockets into one ASGI application. Nothing here starts anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from dash import ClientsideFunction, Dash, Input, ctx, set_props
from dash.development.base_component import Component
from fastapi import FastAPI

from dashboard import ids
from dashboard.account import AccountPage, add_account
from dashboard.admin import add_admin
from dashboard.calibration_page import add_calibration_page
from dashboard.callbacks import (
    broadcast,
    classify,
    command_line,
    commands,
    correct,
    further_calls,
    locate,
    new_incident,
    scene,
    selection,
    split,
)
from dashboard.certificate import add_certificate
from dashboard.circle_pages import add_circle_pages
from dashboard.duty_pages import add_duty_pages
from dashboard.i18n import LANGUAGES, words_in
from dashboard.kpi_page import add_kpi_page
from dashboard.layouts.page import Desk, Page
from dashboard.layouts.shell import shell
from dashboard.login import LANGUAGE_COOKIE, THEME_COOKIE, DemoAccounts, LoginPages, add_login
from dashboard.markup import with_markup
from dashboard.oidc import add_oidc
from dashboard.review_pages import add_review_pages
from dashboard.second_factor import add_second_factor
from dashboard.station import organisation_of
from dashboard.style import add_style
from dashboard.theme import THEMES, css_variables
from dashboard.tiles import add_tiles
from dashboard.tracks_page import add_tracks_page
from geodata.districts.jurisdictions import Bounds, area_bounds
from operations.access.authority import within

if TYPE_CHECKING:
    from dispatch.model import Actor
    from operations.services import Services

log = structlog.get_logger()

ASSETS = Path(__file__).with_name("assets")
# Loaded by the head or by other pages, not by Dash at the end of the body.
_NOT_BY_DASH = r"boot\.js|(login|admin|account|duty|statistics|circle|tracks|review|review-parts|report)\.(js|css)"

_INDEX = """<!doctype html>
<html>
<head>{%metas%}<meta name="viewport" content="width=device-width, initial-scale=1">
<title>联动 Liandong</title><link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<script src="/assets/build/boot.js"></script>{%css%}
<style>VARIABLES</style></head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


def add_pages(server: FastAPI, services: Services, demo_accounts: DemoAccounts) -> Dash:
    """Mount log-in, health page, base map and the Dash application of desk and wall."""
    login, account = LoginPages(services, demo_accounts), AccountPage(services)
    add_login(server, services, login)
    add_account(server, services, account)
    add_second_factor(server, services, login, account)
    if services.takes_certificates:
        add_certificate(server, services, login)
    if services.oidc is not None:
        add_oidc(server, services, services.oidc, login)
    add_admin(server, services)
    add_duty_pages(server, services)
    add_calibration_page(server, services)
    add_kpi_page(server, services)
    add_tracks_page(server, services)
    add_review_pages(server, services)
    add_circle_pages(server, services)
    add_tiles(server, services)
    add_style(server, services)
    app = Dash(
        __name__,
        server=server,
        enable_mcp=False,
        assets_folder=str(ASSETS),
        assets_ignore=_NOT_BY_DASH,
        assets_path_ignore=[r"^terminal$"],  # the phone's page is not Dash's
        title="联动 Liandong",
        update_title="",
        index_string=_INDEX.replace("VARIABLES", css_variables()),
        serve_locally=True,
        on_error=_on_callback_error,
    )

    areas = area_bounds(services.city.jurisdictions())

    def layout() -> Component:
        return with_markup(shell(services, _page_of_request(app, services, areas)), bound)

    app.clientside_callback(ClientsideFunction("liandong", "start"), Input(ids.CONFIG, "data"))
    for conversation in (
        selection,
        scene,
        commands,
        new_incident,
        further_calls,
        locate,
        classify,
        correct,
        split,
        command_line,
        broadcast,
    ):
        conversation.register(app, services)
    bound = bound_ids(app)
    app.layout = layout
    # Dash does this at the first request of `/` alone: a wall that is asked for first would get a page without styles.
    app._setup_server()
    return app


def bound_ids(app: Dash) -> frozenset[str]:
    """Ids of everything that a callback reads or writes."""
    asked = {str(one["id"]) for callback in app.callback_map.values() for one in (*callback["inputs"], *callback["state"])}
    outputs = [callback["output"] for callback in app.callback_map.values() if not callback["no_output"]]
    answered = {one.component_id for output in outputs for one in (output if isinstance(output, list | tuple) else (output,))}
    return frozenset(asked | answered)


def _on_callback_error(error: Exception) -> None:
    """A panel that could not be made is a fault to be found: Dash alone would answer 500 and say nothing."""
    log.error("callback failed", callback=ctx.outputs_list, exc_info=error)
    set_props(ids.SAID, {"data": {"kind": "bad", "text": f"{type(error).__name__}: {error}"}})


def _page_of_request(app: Dash, services: Services, areas: Mapping[str, Bounds]) -> Page:
    """Who reads, in which language and theme, at whose desk. Dash also asks once at the start, for nobody, to learn every id."""
    if not app.backend.has_request_context():
        return Page(words_in("en"), "dark", actor_name="", role="", demo=services.demo)
    request = app.backend.request_adapter()
    actor = request.context.visitor.actor
    language, theme = request.cookies.get(LANGUAGE_COOKIE, "en"), request.cookies.get(THEME_COOKIE, "dark")
    # The layout is asked for by a request of its own; the page it is for stands in the referrer.
    desk = _desk(services, actor, request.headers.get("referer", ""), areas)
    return Page(
        words=words_in(language if language in LANGUAGES else "en"),
        theme=theme if theme in THEMES else "dark",
        actor_name=actor.name,
        role=actor.role,
        demo=services.demo,
        desk=desk,
        desks=tuple(one for one in services.organisations.all() if services.authority.in_scope(actor, one.code)),
        own=services.authority.visible_orgs(within(actor, desk.code) if desk else actor),
    )


def _desk(services: Services, actor: Actor, address: str, areas: Mapping[str, Bounds]) -> Desk | None:
    """The desk at an address; one without an area of its own, such as a brigade's, looks at that of the nearest level above."""
    organisation = organisation_of(services, actor, address)
    if organisation is None:
        return None
    chain = (organisation.code, *services.organisations.ancestors(organisation.code))
    bounds = next((areas[code] for code in chain if code in areas), services.city.bounds)
    return Desk(organisation.code, organisation.name, organisation.name_en, bounds)
