"""What is kept of the past, and how much happened when: for a time bar."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from dashboard.api.describe import answers
from dashboard.api.shapes import Instant, answer
from dashboard.edge import actor_of
from dashboard.problems import InvalidFields
from operations.access.authority import Action
from operations.records.silences import Span, silences
from storage.journal import CountQuery

if TYPE_CHECKING:
    from operations.services import Services

MOST_BINS = 1_000
# What rings a bell at a desk: late steps, and crews that call for help.
ALARMS = frozenset({"deadline_missed", "help_called_again"})

_DENSITY = {
    "from": "2026-05-01T00:00:00Z",
    "to": "2026-05-02T00:00:00Z",
    "bin_s": 21600.0,
    "events": [210, 460, 720, 640],
    "alarms": [3, 8, 21, 14],
    "by_kind": {"incident_received": [21, 47, 80, 66], "unit_pushed": [20, 51, 92, 70]},
    "nothing_recorded": [{"from": "2026-05-01T02:10:00Z", "to": "2026-05-01T04:30:00Z"}],
    "no_positions": [{"from": "2026-05-01T02:10:00Z", "to": "2026-05-01T04:31:20Z"}],
}
_EXTENT = {
    "from": "2026-04-01T06:00:00Z",
    "to": "2026-05-01T12:00:00Z",
    "events_from": "2026-04-01T06:00:00Z",
    "tracks_from": None,
    "imported_from": None,
}


def router(services: Services) -> APIRouter:
    """`/history/density` and `/history/extent`."""
    routes = APIRouter(prefix="/history", tags=["picture"])

    @routes.get("/extent", responses=answers(_EXTENT))
    async def extent(request: Request) -> Response:
        """From when on events and positions are kept, and incidents of other systems; and up to when a replay can come by now."""
        services.authority.authorise(actor_of(request), Action.SEE_HISTORY)
        events_from, tracks_s, imported_from = await asyncio.gather(
            services.history.first_recorded_at(),
            asyncio.to_thread(services.tracks.first_at),
            asyncio.to_thread(services.imported.first_at),
        )
        begins = {
            "events_from": events_from,
            "tracks_from": None if tracks_s is None else datetime.fromtimestamp(tracks_s, UTC),
            "imported_from": imported_from,
        }
        first = min((at for at in begins.values() if at is not None), default=None)
        return answer({"from": first, "to": services.clock.now(), **begins})

    @routes.get("/density", responses=answers(_DENSITY, problems=(422,)))
    async def density(
        request: Request,
        from_: Annotated[Instant, Query(alias="from", description="recorded at or after")],
        to: Annotated[Instant | None, Query(description="recorded before; default: a day later")] = None,
        bins: Annotated[int, Query(ge=1, le=MOST_BINS, description="equally long parts of the span")] = 200,
        scope: Annotated[str, Query(description="an organisation within one's own; default: all of one's own", max_length=12)] = "",
    ) -> Response:
        """How many events of incidents of one's own organisations were recorded in each part of a span: all, alarms, and by kind.

        Those of other systems that were imported are among them, when they happened. Incidents count where they belong now; those that
        are confidential are left out. `nothing_recorded`: parts of the span without any event or position of any organisation: what
        happened then is not known. `no_positions`: parts without a position. Neither tells ten minutes or less.
        """
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_HISTORY)
        if scope:
            actor = services.authority.at_desk_of(actor, scope)
        to = to or from_ + timedelta(days=1)
        if from_ >= to:
            raise InvalidFields.one("to", f"{to.isoformat()} is not after {from_.isoformat()}; give a later end")
        hidden = frozenset(kind.id for kind in services.codes.incident_type if services.authority.is_confidential(kind.id))
        query = CountQuery(from_, to, bins, services.authority.visible_orgs(actor), hidden)
        by_kind: dict[str, list[int]] = defaultdict(lambda: [0] * bins)
        events, alarms = [0] * bins, [0] * bins
        own, imported, silent = await asyncio.gather(
            services.history.counts(query),
            asyncio.to_thread(services.imported.counts, query),
            silences(services.history, services.tracks, from_.timestamp(), to.timestamp(), services.clock.unix_s()),
        )
        for place, event, number in (*own, *imported):
            by_kind[event][place] += number
            events[place] += number
            alarms[place] += number if event in ALARMS else 0
        counted = {"bin_s": query.bin_s, "events": events, "alarms": alarms, "by_kind": by_kind}
        unknown = {"nothing_recorded": _times(silent.nothing), "no_positions": _times(silent.no_positions)}
        return answer({"from": from_, "to": to, **counted, **unknown})

    return routes


def _times(spans: list[Span]) -> list[dict[str, datetime]]:
    return [{"from": datetime.fromtimestamp(first, UTC), "to": datetime.fromtimestamp(last, UTC)} for first, last in spans]
