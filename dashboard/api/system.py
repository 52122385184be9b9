"""Is it alive, is it ready, which organisations and codes does it know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response

from dashboard.api.describe import answers
from dashboard.api.shapes import answer
from dashboard.edge import actor_of
from operations.access.authority import GRANTS, Action, Role

if TYPE_CHECKING:
    from operations.services import Services

_READY = {
    "ready": True,
    "revision": 20417,
    "at": "2026-05-01T12:15:00Z",
    "feeds": {"demo": {"state": "ok", "age_s": 0.8, "rate_per_s": 233.1, "accepted": 13986, "rejected": {"stale": 2}}},
    "parts": {},
    "loop_lag_p99_ms": 4.1,
}
_ME = {"name": "operator", "role": "operator", "org_code": "330200000000", "unit_id": None, "actions": ["push", "see_picture"]}


def router(services: Services) -> APIRouter:
    """`/health`, `/ready`, `/me`, `/organisations`, `/codes`."""
    routes = APIRouter(tags=["system"])

    @routes.get("/health", responses=answers({"status": "ok"}))
    async def health() -> Response:
        """Alive: the process answers. Needs no log-in and says nothing else."""
        return answer({"status": "ok"})

    @routes.get("/ready", responses=answers(_READY))
    async def ready(request: Request) -> Response:
        """Each part's state and each feed's age, rate and refusals by reason."""
        services.authority.authorise(actor_of(request), Action.SEE_HEALTH)
        ready = {"ready": True, "revision": services.handler.picture.revision}
        return answer(ready | services.health.snapshot() | {"at": services.clock.now()})

    @routes.get("/me", responses=answers(_ME))
    async def me(request: Request) -> Response:
        """Who the caller is, and what the role may do."""
        actor = actor_of(request)
        return answer(msgspec.to_builtins(actor) | {"actions": sorted(GRANTS[Role(actor.role)])})

    @routes.get("/organisations", responses=answers({"organisations": [{"code": "330203000000", "name": "海曙分局", "level": "county"}]}))
    async def organisations(request: Request) -> Response:
        """The organisations of this node, city first."""
        services.authority.authorise(actor_of(request), Action.SEE_PLACES)
        return answer({"organisations": services.organisations.all()})

    @routes.get(
        "/codes", responses=answers({"incident_type": [{"id": "theft", "zh": "盗窃", "en": "Theft", "grade": 3}], "disposition": []})
    )
    async def codes(request: Request) -> Response:
        """The city's code tables: incident types, dispositions and check-lists."""
        services.authority.authorise(actor_of(request), Action.SEE_PLACES)
        return answer(services.codes)

    return routes
