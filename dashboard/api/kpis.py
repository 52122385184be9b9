"""Figures of response: how long each stage takes, how often within its target, and what can't be said."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from dashboard.api.describe import answers
from dashboard.api.shapes import MAX_ID, MAX_NAME, Instant, answer_in_thread, known_org
from dashboard.edge import actor_of
from dispatch.model import Actor
from operations.records.kpis import GroupBy, KpiQuery

if TYPE_CHECKING:
    from operations.services import Services

USUAL = timedelta(days=28)
_STAGE = {
    "stage": "arrive",
    "n": 812,
    "p50_s": 241.0,
    "p90_s": 518.0,
    "p50_low_s": 233.0,
    "p50_high_s": 250.0,
    "targeted": 815,
    "within": 610,
    "within_target": 0.7485,
    "missing": 14,
    "out_of_order": 2,
    "unreached": 60,
    "late_unreached": 3,
    "entered": 121,
}
_GROUP = {
    "key": "330203000000",
    "incidents": 790,
    "responses": 888,
    "checklists": 640,
    "checklists_complete": 581,
    "merged": 12,
    "stages": [_STAGE],
}
_PERIOD = {"from": "2026-05-01T00:00:00Z", "to": "2026-05-29T00:00:00Z"}
_ASKED = {**_PERIOD, "group_by": "county", "source": "", "grade": None, "incident_type": None, "org_code": "330200000000"}
_KPIS = {**_ASKED, "total": _GROUP | {"key": "all"}, "groups": [_GROUP]}
_CHANGE = {"stage": "arrive", "p50_s": -22.0, "p50_low_s": -35.0, "p50_high_s": -9.0, "within_target": 0.06} | {
    "within_low": 0.02,
    "within_high": 0.1,
}
_COMPARISON = {"at": "2026-05-15T00:00:00Z", "before": _GROUP, "after": _GROUP, "changes": [_CHANGE]}

From = Annotated[Instant | None, Query(alias="from", description="incidents received at or after; default: 28 days before `to`")]
To = Annotated[Instant | None, Query(description="and before; default: now")]
Source = Annotated[str, Query(max_length=MAX_ID, description="name of an import; default: this system's own incidents")]
GradeQuery = Annotated[int | None, Query(ge=1, le=4, description="one grade only")]
TypeQuery = Annotated[str | None, Query(alias="type", max_length=MAX_NAME, description="one incident type only")]
Org = Annotated[str | None, Query(max_length=MAX_ID, description="organisation; default: the caller's own")]


def router(services: Services) -> APIRouter:
    """`/kpis`, `/kpis/compare`, `/kpis/incidents`."""
    routes = APIRouter(tags=["kpis"])
    kpis = services.kpis

    def desk(request: Request, org: str | None) -> Actor:
        actor = actor_of(request)
        return services.authority.at_desk_of(actor, known_org(services, "org", org)) if org else actor

    def query(from_: Instant | None, to: Instant | None, by: GroupBy, source: str, grade: int | None, type_: str | None) -> KpiQuery:
        until = to or services.clock.now()
        return KpiQuery(from_ or until - USUAL, until, by, source, grade, type_)

    @routes.get("/kpis", responses=answers(_KPIS, problems=(422,)))
    async def figures(
        request: Request,
        from_: From = None,
        to: To = None,
        group_by: Annotated[GroupBy, Query(description="what the figures are grouped by")] = GroupBy.ALL,
        source: Source = "",
        grade: GradeQuery = None,
        type_: TypeQuery = None,
        org: Org = None,
    ) -> Response:
        """Of each stage n, p50, p90 and the share within target; missing, out-of-order and unreached ones are counted apart."""
        found = await kpis.of(desk(request, org), query(from_, to, group_by, source, grade, type_))
        return await answer_in_thread(lambda: msgspec.to_builtins(found))

    @routes.get("/kpis/compare", responses=answers(_COMPARISON, problems=(422,)))
    async def compare(
        request: Request,
        at: Annotated[Instant, Query(description="the day that divides: before it, and from it on")],
        from_: From = None,
        to: To = None,
        source: Source = "",
        grade: GradeQuery = None,
        type_: TypeQuery = None,
        org: Org = None,
    ) -> Response:
        """Before and after a day, usually 28 days each, with how far each difference may be off (95 in 100)."""
        begins, ends = from_ or at - USUAL, to or min(at + USUAL, services.clock.now())
        found = await kpis.compare(desk(request, org), query(begins, ends, GroupBy.ALL, source, grade, type_), at)
        return await answer_in_thread(lambda: msgspec.to_builtins(found))

    @routes.get("/kpis/incidents", responses=answers({"incident_ids": ["0198c0de-…"], "total": 14}, problems=(422,)))
    async def behind(
        request: Request,
        stage: Annotated[str, Query(max_length=MAX_ID, examples=["arrive"])],
        of: Annotated[str, Query(max_length=MAX_ID, description="all, late, missing, out_of_order or unreached", examples=["late"])],
        key: Annotated[str | None, Query(max_length=MAX_NAME, description="of one group only")] = None,
        from_: From = None,
        to: To = None,
        group_by: GroupBy = GroupBy.ALL,
        source: Source = "",
        grade: GradeQuery = None,
        type_: TypeQuery = None,
        org: Org = None,
    ) -> Response:
        """The incidents behind a figure, newest first, at most 500, and how many there are."""
        ids, total = await kpis.behind(desk(request, org), query(from_, to, group_by, source, grade, type_), stage, of, key)
        return await answer_in_thread(lambda: {"incident_ids": ids, "total": total})

    return routes
