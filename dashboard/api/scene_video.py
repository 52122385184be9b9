"""Scene video of an incident, over HTTP: what comes in, what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from dashboard.api.describe import answers
from dashboard.api.incidents import find_incident
from dashboard.api.shapes import answer
from dashboard.edge import actor_of
from dispatch.events import UploadAdded
from dispatch.model import Actor, Incident
from operations.access.authority import Action
from operations.footage.scene_video_told import row_of
from storage.evidence import Manifest

if TYPE_CHECKING:
    from operations.services import Services

_RECORDING = {
    "recording_id": "0f3c5a7e9b1d42f68a0c1e2d3b4f5a69",
    "unit_id": "car-12",
    "began_at": "2026-05-01T08:03:12Z",
    "state": "live",
    "last_at": None,
    "delay_s": 0.4,
    "trouble": "",
    "watch": "/video/scene/0f3c5a7e9b1d42f68a0c1e2d3b4f5a69",
    "playback": None,
    "file": None,
}


def router(services: Services) -> APIRouter:
    """The route under /incidents."""
    routes = APIRouter(prefix="/incidents", tags=["scene video"])

    @routes.get("/{incident_id}/scene-video", responses=answers({"recordings": [_RECORDING]}, problems=(404,)))
    async def recordings(request: Request, incident_id: str) -> Response:
        """What crews have sent from the scene: `live`, `late` and `waiting` ones to watch or play back, `stored` ones as evidence."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_EVIDENCE)
        incident = await find_incident(services, actor, incident_id)
        rows = [*_under_way(services, actor, incident), *await _kept(services, actor, incident)]
        return answer({"recordings": sorted(rows, key=lambda row: row["began_at"])})

    return routes


def _under_way(services: Services, actor: Actor, incident: Incident) -> list[dict[str, Any]]:
    picture = services.handler.picture
    rows = []
    for one in services.scene_video.of_incident(incident.incident_id):
        if services.authority.hides_unit(actor, one.recording.unit_id, picture):
            continue
        address = f"/video/scene/{one.recording.recording_id}"
        row = row_of(one, services.clock)
        rows.append(row | {"watch": address, "playback": f"{address}/playback" if row["state"] == "waiting" else None, "file": None})
    return rows


async def _kept(services: Services, actor: Actor, incident: Incident) -> list[dict[str, Any]]:
    picture = services.handler.picture
    recorded = await services.history.timeline(incident.incident_id)
    shown = [one.body for one in recorded if services.authority.may_see_event(actor, one, picture, incident)]
    kept = await services.evidence.records(body.upload_id for body in shown if isinstance(body, UploadAdded))
    return [_stored(manifest) for manifest in kept.values() if manifest.scene is not None]


def _stored(manifest: Manifest) -> dict[str, Any]:
    scene, address = manifest.scene, f"/video/scene/{manifest.upload_id}"
    assert scene is not None
    return {
        "recording_id": manifest.upload_id,
        "unit_id": manifest.unit_id,
        "began_at": scene.began_at,
        "ended_at": scene.ended_at,
        "state": "stored",
        "whole": scene.whole,
        "chunks": scene.chunks,
        "size_bytes": manifest.size_bytes,
        "sha256": manifest.sha256,
        "clock_offset_ms": scene.clock_offset_ms,
        "places": scene.places,
        "watch": None,
        "playback": f"{address}/playback",
        "file": f"/uploads/{manifest.upload_id}",
    }
