"""What every conversation needs: who asks, in which language, and the facts panels name things by."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from dash import Dash

from dashboard.i18n import Words, words_in
from dashboard.layouts.facts import Facts, LastFix
from dashboard.past import services_at
from dispatch.model import Actor
from operations.access.authority import as_wall, within
from operations.records.past import PastHandler

if TYPE_CHECKING:
    from operations.services import Services


def actor_of_callback(app: Dash, page: dict[str, Any] | None = None) -> Actor:
    """Who the edge found behind the request this callback serves, as the page it comes from may use it."""
    actor: Actor = app.backend.request_adapter().context.visitor.actor
    return seen_by(actor, page)


async def services_seen(app: Dash, services: Services) -> Services:
    """What the page shows: the present, or the moment of the past that its requests name."""
    visitor = app.backend.request_adapter().context.visitor
    return await services_at(services, visitor.actor, visitor.at)


def seen_by(actor: Actor, page: dict[str, Any] | None) -> Actor:
    """A wall's page sees only what a wall may, a station's desk only the station's; no page can show more than the account may see."""
    page = page or {}
    if page.get("desk"):
        actor = within(actor, str(page["desk"]))
    return as_wall(actor) if page.get("wall") else actor


def words_of(page: dict[str, Any] | None) -> Words:
    """The words of the page's language."""
    return words_in((page or {}).get("lang", "en"))


def facts_for(services: Services, actor: Actor, page: dict[str, Any] | None) -> Facts:
    """Names and rights as of now."""
    spoken = words_of(page)
    is_wall = bool((page or {}).get("wall"))

    def element_kind(element: str) -> str:
        kind = services.catalogue.kinds.get(element)
        return spoken.pick(kind.zh, kind.en) if kind else element

    return Facts(
        words=spoken,
        account=actor.name,
        zone=ZoneInfo(services.city.time_zone),
        now=services.clock.now(),
        codes=services.codes,
        targets=services.targets,
        units=services.handler.picture.units,
        incidents=services.handler.picture.incidents,
        organisations=services.organisations,
        element_kind=element_kind,
        suggestions=services.stages.of,
        last_fix=lambda unit_id: _last_fix(services, unit_id),
        is_past=isinstance(services.handler, PastHandler),
        may=lambda action: not is_wall and services.authority.can(actor, action),
        in_scope=lambda org_code: services.authority.in_scope(actor, org_code),
    )


def _last_fix(services: Services, unit_id: str) -> LastFix | None:
    table = services.positions
    index = table.index_of(unit_id)
    if index is None or math.isnan(table.lon[index]):
        return None
    return LastFix(float(table.lon[index]), float(table.lat[index]), datetime.fromtimestamp(float(table.position_at[index]), UTC))
