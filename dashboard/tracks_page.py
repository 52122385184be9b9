"""`/tracks`: where crews have been, for reviewers. Times in the address are the city's own; `incident` fills place and time in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboard.edge import actor_of
from dashboard.figures.track_map import Circle, Way, extent, track_map
from dashboard.forms import fields_of
from dashboard.i18n import Words, words_in
from dashboard.layouts.track_holds import holds_section
from dashboard.layouts.tracks import TracksView, tracks_page
from dashboard.login import THEME_COOKIE, language_of
from dashboard.organisation_names import organisation_name
from dispatch.errors import DispatchError, NotPermitted
from dispatch.model import Actor
from geodata.streets.street_lines import lines_within
from geodata.tracks.passages import runs
from operations.access.authority import Action
from operations.tracking.track_holds import NewHold
from operations.tracking.track_questions import LONGEST_NEAR, Near, Path, PathPoint, UnitTrack

if TYPE_CHECKING:
    from operations.services import Services

_FIELDS = ("point", "radius", "unit", "from", "to", "incident")
MOST_DRAWN = 12  # crews; more can't be told apart
MOST_POINTS = 4_000  # of a drawn way
STREETS_WITHIN_DEG = 0.25  # a wider drawing has no room for streets
USUAL = timedelta(hours=2)
BEFORE = timedelta(minutes=15)  # of an incident: who passed before the call


def add_tracks_page(server: FastAPI, services: Services) -> None:
    """Mount the page."""
    router = APIRouter(include_in_schema=False)
    page = _Page(services)

    @router.get("/tracks")
    async def show(request: Request) -> Response:
        """The forms, and the answer to what the address asks."""
        return await page.show(request)

    @router.post("/tracks/holds")
    async def hold(request: Request) -> Response:
        """Set a hold, or release one."""
        return await page.hold(request)

    server.include_router(router)


class _Page:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._zone = ZoneInfo(services.city.time_zone)

    async def hold(self, request: Request) -> Response:
        services, actor, fields = self._services, actor_of(request), await fields_of(request)
        services.authority.authorise(actor, Action.HOLD_TRACKS)
        words = words_in(language_of(request))
        try:
            if fields.get("release"):
                await services.track_holds.release(actor, fields["release"])
            else:
                await services.track_holds.set(actor, self._new_hold(fields))
        except ValueError:
            return await self.show(request, words("Give a place as longitude, latitude, and times as year-month-day and hour:minute."))
        except NotPermitted:
            raise
        except DispatchError as refused:
            return await self.show(request, words.refusal(refused))
        return RedirectResponse("/tracks", 303)

    def _new_hold(self, fields: dict[str, str]) -> NewHold:
        """Raises ValueError for what is no place or no time."""
        until = self._until(fields["until"]) if fields.get("until") else None
        reason = fields.get("reason", "")
        if fields.get("incident"):
            return NewHold(reason, incident_id=fields["incident"], until=until)
        from_at, to_at = (self._instant(fields[name]) if fields.get(name) else None for name in ("from", "to"))
        if not fields.get("point"):
            return NewHold(reason, "", from_at, to_at, until=until)
        lon, lat = _place(fields["point"])
        return NewHold(reason, "", from_at, to_at, lon, lat, float(fields.get("radius") or "nan"), until)

    async def show(self, request: Request, refused: str = "") -> Response:
        services, actor, words = self._services, actor_of(request), words_in(language_of(request))
        services.authority.authorise(actor, Action.SEE_TRACKS)
        asked = {name: request.query_params[name][:64] for name in _FIELDS if request.query_params.get(name)}
        asked = await self._with_incident(actor, asked)
        answer, drawing, error = None, "", refused
        try:
            answer, ways = await self._answer(actor, asked)
            drawing = await self._drawing(answer, ways, words)
        except ValueError:
            error = words("Give a place as longitude, latitude, and times as year-month-day and hour:minute.")
        except NotPermitted:
            raise
        except DispatchError as refused:
            error = words.refusal(refused)
        view = TracksView(
            asked=self._with_span(asked),
            answer=answer,
            drawing=drawing,
            units=self._units(actor),
            organisation_of=lambda code: organisation_name(services.organisations, code, words),
            zone=self._zone,
            name=organisation_name(services.organisations, actor.org_code, words),
            error=error,
            holds=await self._holds(actor, asked, words),
        )
        html = tracks_page(view, words, request.cookies.get(THEME_COOKIE, "dark"))
        return HTMLResponse(html, 422 if error else 200, {"Cache-Control": "no-store"})

    async def _answer(self, actor: Actor, asked: dict[str, str]) -> tuple[Near | Path | None, list[Way]]:
        """The answer, None where nothing is asked, and the ways to draw.

        Raises ValueError for what is no place or no time, DispatchError as the questions.
        """
        if "from" not in asked or "to" not in asked or "incident" in asked:
            return None, []
        from_at, to_at = (self._instant(asked[name]) for name in ("from", "to"))
        questions = self._services.track_questions
        if "unit" in asked:
            path = await questions.path(actor, asked["unit"], from_at, to_at)
            return path, [Way(path.unit.callsign, _pieces(path.points))]
        if "point" in asked:
            lon, lat = _place(asked["point"])
            near, ways = await questions.near_with_ways(actor, lon, lat, float(asked.get("radius", "50")), from_at, to_at, MOST_DRAWN)
            return near, [Way(unit.callsign, _pieces(points)) for unit, points in ways]
        return None, []

    async def _with_incident(self, actor: Actor, asked: dict[str, str]) -> dict[str, str]:
        """Place and time of an incident, to be asked about; one that the actor may not see fills in nothing."""
        if "incident" not in asked or "from" in asked:
            return {name: value for name, value in asked.items() if name != "incident"}
        incident = await self._services.history.incident(asked["incident"])
        if incident is None or not self._services.authority.may_see_incident(actor, incident, self._services.handler.picture):
            return {}
        begins = incident.called_at - BEFORE
        ends = min(self._services.clock.now() if incident.is_open else incident.stage_since, begins + LONGEST_NEAR)
        filled = {"incident": asked["incident"], "from": self._local(begins), "to": self._local(ends)}
        return filled if incident.lon is None else filled | {"point": f"{incident.lon:.6f}, {incident.lat:.6f}"}

    def _with_span(self, asked: dict[str, str]) -> dict[str, str]:
        """What the forms show: without a span the last two hours."""
        now = self._services.clock.now()
        shown = {"from": self._local(now - USUAL), "to": self._local(now)} | asked
        return {name: value for name, value in shown.items() if name != "incident"}

    def _local(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%Y-%m-%dT%H:%M:%S")

    def _instant(self, text: str) -> datetime:
        """A time of the city, or one with its own offset, as UTC. Raises ValueError."""
        at = datetime.fromisoformat(text)
        try:
            return (at.replace(tzinfo=self._zone) if at.tzinfo is None else at).astimezone(UTC)
        except OverflowError:
            raise ValueError(text) from None

    def _until(self, text: str) -> datetime:
        """As `_instant`; a day alone lasts to its end. Raises ValueError."""
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return self._instant(text)
        if day == date.max:
            raise ValueError(text)
        return self._instant((day + timedelta(days=1)).isoformat())

    def _units(self, actor: Actor) -> list[UnitTrack]:
        authority, picture = self._services.authority, self._services.handler.picture
        found = [unit for unit in picture.units.values() if authority.may_see_track(actor, unit, picture)]
        return [UnitTrack(unit.unit_id, unit.callsign, unit.org_code) for unit in sorted(found, key=lambda unit: unit.callsign)]

    async def _holds(self, actor: Actor, asked: dict[str, str], words: Words) -> str:
        services = self._services
        if not services.authority.can(actor, Action.HOLD_TRACKS):
            return ""
        holds, keep_days = await services.track_holds.all(actor), services.track_retention.keep_days
        shown = asked if "incident" in asked else self._with_span(asked)
        return holds_section(holds, shown, keep_days, services.clock.now(), self._zone, words)

    async def _drawing(self, answer: Near | Path | None, ways: list[Way], words: Words) -> str:
        if answer is None:
            return ""
        circle = Circle(answer.lon, answer.lat, answer.radius_m) if isinstance(answer, Near) else None
        return await asyncio.to_thread(self._draw, ways, circle, words("Ways"))

    def _draw(self, ways: list[Way], circle: Circle | None, label: str) -> str:
        box = extent(ways, circle)
        if box is None:
            return ""
        streets = lines_within(self._services.city.graph, box) if box[2] - box[0] < STREETS_WITHIN_DEG else []
        return track_map(box, ways, circle, streets, label)


def _place(text: str) -> tuple[float, float]:
    """Longitude and latitude. Raises ValueError."""
    lon, lat = (float(part) for part in text.split(","))
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError(text)
    return lon, lat


def _pieces(points: Sequence[PathPoint]) -> list[list[tuple[float, float]]]:
    """Runs of fixes without a silence between them, thinned to what a drawing can show."""
    at = np.array([point.position_at.timestamp() for point in points])
    return [[(points[i].lon, points[i].lat) for i in run] for run in runs(at, MOST_POINTS)]
