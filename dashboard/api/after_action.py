"""The review of an incident afterwards (复盘), as data. What reviewers write are commands (`add_finding`, `sign_after_action` …)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response

from dashboard.api.describe import answers
from dashboard.api.shapes import answer_in_thread
from dashboard.edge import actor_of
from operations.records.after_action import Review

if TYPE_CHECKING:
    from operations.services import Services

_STAGE = {
    "stage": "arrive",
    "verdict": "late",
    "assignment_id": "0196b2a4-…",
    "unit_id": "330203A3",
    "begins_at": "2026-05-01T12:15:00Z",
    "ends_at": "2026-05-01T12:22:10Z",
    "took_s": 430.0,
    "target_s": 300.0,
    "by_circle": False,
    "entered": False,
    "corrected": False,
}
_CREW = {
    "unit_id": "330203A7",
    "callsign": "A7",
    "rank": 1,
    "eta_s": 96.0,
    "eta_p90_s": 131.0,
    "distance_m": 780.0,
    "turnout_s": 60.0,
    "fix_age_s": 3.0,
    "sent": False,
    "could_go": True,
    "there_at": "2026-05-01T12:17:36Z",
    "instead_of": "330203A3",
    "sooner_s": 212.0,
    "sooner_than_actual_s": 274.0,
    "meanwhile": {"status": "available", "incident_id": "", "number": 0},
}
_REVIEW = {
    "incident_id": "0196b2a4-77aa-7c31-9d55-2f6b1f0c9a10",
    "version": 14,
    "made_at": "2026-05-02T09:00:00Z",
    "spans": [_STAGE],
    "promised": [{"unit_id": "330203A3", "promised_s": 240.0, "by_button": {"travel_s": 355.0}, "by_position": {"why": "no_position"}}],
    "pushes": [{"standing": "nearer", "push": {"at": "2026-05-01T12:15:00Z", "unit_ids": ["330203A3"]}, "crews": [_CREW], "unplaced": []}],
    "similar": {"area": "town", "figures": {"incidents": 41, "stages": []}},
    "findings": [],
    "signatures": [],
}
_LISTS = ("spans", "promised", "tracks", "findings", "comments", "revisions", "signatures", "similar", "after_action")


def router(services: Services) -> APIRouter:
    """`/incidents/{id}/review`."""
    routes = APIRouter(tags=["incidents"])

    @routes.get("/incidents/{incident_id}/review", responses=answers(_REVIEW, problems=(404,)))
    async def review(request: Request, incident_id: str) -> Response:
        """Stages against targets, promised against actual, who was nearest by road at each push, similar incidents, what was written."""
        found = await services.after_actions.of(services, actor_of(request), incident_id)
        return await answer_in_thread(lambda: _view(found))

    return routes


def _view(found: Review) -> dict[str, Any]:
    """Without the timeline, which has a route of its own."""
    incident = found.incident
    return {
        "incident_id": incident.incident_id,
        "version": incident.version,
        "made_at": found.made_at,
        "pushes": msgspec.to_builtins(found.looks),
        "pushes_left_out": found.pushes_left_out,
        "tracks_left_out": found.tracks_left_out,
        "tracks_hidden": found.tracks_hidden,
    } | {name: msgspec.to_builtins(getattr(found, name)) for name in _LISTS}
