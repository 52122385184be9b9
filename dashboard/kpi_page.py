"""`/kpi`: response times of a period for the reader's scope, the incidents behind any number, and all of it as a workbook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from dashboard.edge import actor_of
from dashboard.i18n import Words, words_in
from dashboard.kpi_workbook import MEDIA_TYPE, workbook
from dashboard.layouts.kpi import KpiView, behind_page, kind_words, kpi_page, month_words, stage_words
from dashboard.layouts.parts import number_of
from dashboard.layouts.plain_page import in_address
from dashboard.layouts.review_record import replay_address
from dashboard.login import THEME_COOKIE, language_of
from dashboard.organisation_names import organisation_name
from dashboard.periods import beginning_of, days_asked
from dispatch.kpi_facts import OWN
from dispatch.kpis import STAGES
from dispatch.model import Actor, Grade
from operations.access.authority import Action
from operations.records.kpis import WITH_ROOM, WITHOUT_ROOM, GroupBy, KpiQuery
from operations.records.silences import UNRECORDED_S, silences

if TYPE_CHECKING:
    from operations.services import Services

DAYS = (1, 7, 28, 365)
USUAL_DAYS = 28
MAX_DAYS = 3660
_FIELDS = ("org", "from", "to", "by", "stage", "source", "grade", "type", "at")


class _Asked(msgspec.Struct, frozen=True):
    """What the address asks for, with the usual where it says nothing (or nothing sound: then `error`)."""

    desk: Actor
    query: KpiQuery
    stage: str
    first: date
    last: date
    today: date
    divided: date | None
    fields: dict[str, str]
    error: str


def add_kpi_page(server: FastAPI, services: Services) -> None:
    """Mount the page, the lists behind its numbers and the workbook."""
    router = APIRouter(include_in_schema=False)
    pages = _Pages(services)

    @router.get("/kpi")
    async def show(request: Request) -> Response:
        """Response times of a period; without one of the last 28 days."""
        return await pages.show(request)

    @router.get("/kpi/incidents")
    async def behind(request: Request) -> Response:
        """The incidents behind a figure."""
        return await pages.behind(request)

    @router.get("/kpi.xlsx")
    async def table(request: Request) -> Response:
        """The same figures as a workbook."""
        return await pages.table(request)

    server.include_router(router)


class _Pages:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._zone = ZoneInfo(services.city.time_zone)

    async def show(self, request: Request) -> Response:
        words = words_in(language_of(request))
        asked = self._asked(request, words)
        view = await self._view(request, asked, words)
        html = kpi_page(view, words, request.cookies.get(THEME_COOKIE, "dark"))
        return HTMLResponse(html, 422 if asked.error else 200, {"Cache-Control": "no-store"})

    async def table(self, request: Request) -> Response:
        words = words_in(language_of(request))
        asked = self._asked(request, words)
        found = await self._services.kpis.of(asked.desk, asked.query)
        name_of = self._namer(asked, words)
        name = organisation_name(self._services.organisations, asked.desk.org_code, words)
        file = await asyncio.to_thread(workbook, found, name_of, name, words)
        filename = f"liandong-kpi-{asked.first}-{asked.last}.xlsx"
        return Response(file, 200, {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{filename}"'}, MEDIA_TYPE)

    async def behind(self, request: Request) -> Response:
        words = words_in(language_of(request))
        asked, fields = self._asked(request, words), request.query_params
        stage, kind, key = fields.get("figure", "arrive"), fields.get("of", "all"), fields.get("key")
        ids, total = await self._services.kpis.behind(asked.desk, asked.query, stage, kind, key)
        figure = {"figure": stage, "of": kind, **({} if key is None else {"key": key})}
        view = await self._view(request, asked, words)
        rows = [await self._row(asked, incident_id, words) for incident_id in ids]
        of_group = [] if key is None else [view.name_of(key)]
        title = " · ".join((*of_group, stage_words(words, asked.query.source)[stage], kind_words(words)[kind]))
        return HTMLResponse(
            behind_page(view, figure, title, rows, total, words, request.cookies.get(THEME_COOKIE, "dark")),
            200,
            {"Cache-Control": "no-store"},
        )

    async def _row(self, asked: _Asked, incident_id: str, words: Words) -> tuple[str, ...]:
        services = self._services
        is_own = asked.query.source == OWN
        if is_own:
            incident = await services.history.incident(incident_id)
        else:
            incident = await asyncio.to_thread(services.imported.as_ended, incident_id)
        if incident is None or not services.authority.may_see_incident(asked.desk, incident):
            return (escape(incident_id), "", "", "", "", "")
        kind = services.codes.type_by_id.get(incident.incident_type)
        received = incident.received_at.astimezone(self._zone)
        # One of another system is nowhere but in the past.
        address = f"/?incident={in_address(incident_id)}" if is_own else replay_address(incident_id, incident.received_at)
        after_action = self._after_action(asked, incident_id, words) if is_own else ""
        return (
            f'<a href="{escape(address)}">{escape(number_of(incident))}</a>{after_action}',
            escape(words.pick(kind.zh, kind.en) if kind else incident.incident_type),
            escape(words.grade(int(incident.grade))),
            f"{received:%Y-%m-%d %H:%M:%S}",
            escape(organisation_name(services.organisations, incident.org_code, words)),
            escape(words.stage(incident.stage)),
        )

    def _after_action(self, asked: _Asked, incident_id: str, words: Words) -> str:
        """The way to its review, for who may read that."""
        if not self._services.authority.can(asked.desk, Action.SEE_AFTER_ACTION):
            return ""
        label = words("After action")
        return f' · <a href="/review/{in_address(incident_id)}">{escape(label)}</a>'

    async def _view(self, request: Request, asked: _Asked, words: Words) -> KpiView:
        services = self._services
        found = await services.kpis.of(asked.desk, asked.query)
        compared = None
        if asked.divided is not None:
            compared = await services.kpis.compare(asked.desk, asked.query, beginning_of(asked.divided, self._zone))
        visible = services.authority.visible_orgs(actor_of(request))
        return KpiView(
            found=found,
            stage=asked.stage,
            asked=asked.fields,
            first=asked.first,
            last=asked.last,
            today=asked.today,
            org_code=asked.desk.org_code,
            organisations=[one for one in services.organisations.all() if one.code in visible],
            sources=await services.kpis.sources(asked.desk),
            grades=[(str(int(grade)), words.grade(int(grade))) for grade in Grade],
            types=_types(services, asked.query.incident_type, words),
            periods=[(days, asked.today - timedelta(days=days - 1)) for days in DAYS],
            name_of=self._namer(asked, words),
            compared=compared,
            divided=asked.divided,
            error=asked.error,
            unrecorded=[] if asked.query.source != OWN else await self._unrecorded(asked.query),
        )

    async def _unrecorded(self, query: KpiQuery) -> list[tuple[datetime, datetime]]:
        """Times of the period, from the first event on, without any event or position."""
        services = self._services
        first_at, now = await services.history.first_recorded_at(), services.clock.now()
        begins, ends = max(query.from_, first_at or now), min(query.to, now)
        if begins >= ends:
            return []
        found = await silences(services.history, services.tracks, begins.timestamp(), ends.timestamp(), now.timestamp())
        long = [span for span in found.nothing if span[1] - span[0] >= UNRECORDED_S]
        return [(datetime.fromtimestamp(first, self._zone), datetime.fromtimestamp(last, self._zone)) for first, last in long]

    def _asked(self, request: Request, words: Words) -> _Asked:
        """Raises NotPermitted, NotFound."""
        services, actor, given = self._services, actor_of(request), request.query_params
        services.authority.authorise(actor, Action.SEE_KPIS)
        desk = services.authority.at_desk_of(actor, given["org"]) if given.get("org") else actor
        today = services.clock.now().astimezone(self._zone).date()
        first, last, divided, error = today - timedelta(days=USUAL_DAYS - 1), today, None, ""
        try:
            first, last = days_asked(given.get("from"), given.get("to"), first, last, MAX_DAYS)
            divided = _divided(given.get("at"), first, last)
        except ValueError:
            error = words("This is no period of 1 to {n} days; the last {m} are shown.", n=MAX_DAYS, m=USUAL_DAYS)
        by = GroupBy(given["by"]) if given.get("by") in tuple(GroupBy) else GroupBy.COUNTY
        stage = given["stage"] if given.get("stage") in STAGES else "arrive"
        from_, to = beginning_of(first, self._zone), beginning_of(last + timedelta(days=1), self._zone)
        fields = {name: given[name][:64] for name in _FIELDS if given.get(name)}
        if fields.get("grade") not in {str(int(grade)) for grade in Grade}:
            fields.pop("grade", None)
        grade = int(fields["grade"]) if "grade" in fields else None
        query = KpiQuery(from_, to, by, fields.get("source", OWN), grade, fields.get("type"))
        return _Asked(desk, query, stage, first, last, today, divided, fields, error)

    def _namer(self, asked: _Asked, words: Words) -> Callable[[str], str]:
        """A group's key, in words; organisations by their names whatever is grouped, as the page's own head asks too."""
        by = asked.query.group_by
        types = self._services.codes.type_by_id
        areas = {"town": words("town"), "outskirts": words("outskirts"), "country": words("country")}

        def name_of(key: str) -> str:
            match by:
                case GroupBy.GRADE if key.isdecimal() and len(key) == 1:
                    return words.grade(int(key))
                case GroupBy.HOUR if len(key) <= 2:
                    return f"{int(key):02d}:00"
                case GroupBy.MONTH if len(key) == 6:
                    return month_words(date(int(key[:4]), int(key[4:]), 1), asked.first, asked.last, asked.today, words)
                case GroupBy.TYPE if key in types:
                    return words.pick(types[key].zh, types[key].en)
                case GroupBy.AREA if key in areas:
                    return areas[key]
                case GroupBy.COMMAND_ROOM if not key.isdecimal():
                    rooms = {WITH_ROOM: words("with a command room"), WITHOUT_ROOM: words("without a command room")}
                    return rooms.get(key, words("of no station"))
            return organisation_name(self._services.organisations, key, words)

        return name_of


def _divided(at: str | None, first: date, last: date) -> date | None:
    """The day that divides a period. Raises ValueError for one outside of it."""
    if not at:
        return None
    day = date.fromisoformat(at)
    if not first < day <= last:
        raise ValueError(f"{day} is not within {first} to {last}")
    return day


def _types(services: Services, asked: str | None, words: Words) -> list[tuple[str, str]]:
    """Types that may be asked for alone. One that this city does not have, as an import may, stays as it was asked for."""
    known = [(kind.id, words.pick(kind.zh, kind.en)) for kind in services.codes.type_by_id.values()]
    return known if asked is None or asked in services.codes.type_by_id else [*known, (asked, asked)]
