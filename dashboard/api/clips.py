"""Clips of an incident's cameras, and looking back at a camera."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from dashboard.api.describe import answers, problem_answer
from dashboard.api.incidents import find_incident
from dashboard.api.shapes import Body, Id, IdempotencyKey, Instant, answer
from dashboard.api.video import refusal
from dashboard.edge import actor_of, session_of
from dispatch.moments import AFTER_S, BEFORE_S, MOST_AFTER_S, MOST_BEFORE_S
from operations.access.authority import Action
from operations.cameras.recorded_watch import LONGEST_S
from operations.cameras.video import VideoRefused
from operations.footage.clip_list import clips_of

if TYPE_CHECKING:
    from operations.services import Services

_ID = "9d0f6c1e2b7a4c5f8e3d1a0b9c8d7e6f"
_CLIP = {
    "clip_id": _ID,
    "camera_id": "cam-0117",
    "state": "stored",
    "at": "2026-05-01T08:03:12Z",
    "from_at": "2026-05-01T08:02:12Z",
    "to_at": "2026-05-01T08:03:42Z",
    "by": "operator",
    "camera_name": "天一广场南侧",
    "start_at": "2026-05-01T08:02:11.480Z",
    "end_at": "2026-05-01T08:03:42.020Z",
    "time_source": "camera",
    "gaps_s": [],
    "cut_at": "2026-05-01T08:03:46Z",
    "size_bytes": 6_250_000,
    "sha256": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    "file": f"/uploads/{_ID}",
}
_IN_STEP = {
    "id": _ID,
    "url": f"/uploads/{_ID}",
    "start_at": "2026-05-01T08:02:11.480Z",
    "duration_s": 90.54,
    "label": "天一广场南侧",
    "time_source": "camera",
}
_RECORDED = {
    "camera_id": "cam-0117",
    "kind": "mp4",
    "url": "/video/cam-0117/recorded?token=p3bq…",
    "start_at": "2026-05-01T07:58:10.200Z",
    "end_at": "2026-05-01T08:03:10.120Z",
    "time_source": "camera",
    "gaps_s": [],
    "expires_at": "2026-05-01T08:20:00Z",
}
_REFUSED = problem_answer("Nothing that was recorded can be played; `type` says why, `message_zh` and `message_en` say it in words")


class ClipBody(Body):
    """Which moment of which camera."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"camera_id": "cam-0117", "at": "2026-05-01T08:03:12Z"}]})

    camera_id: Id
    at: Instant | None = Field(None, description="what was seen; default: now")
    before_s: float = Field(BEFORE_S, ge=0, le=MOST_BEFORE_S)
    after_s: float = Field(AFTER_S, ge=0, le=MOST_AFTER_S)


class RecordedBody(Body):
    """From when, and how much."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"at": "2026-05-01T07:58:10Z", "seconds": 300}]})

    at: Instant
    seconds: float = Field(LONGEST_S, ge=1, le=LONGEST_S)


def router(services: Services) -> APIRouter:
    """Routes under /incidents and /cameras."""
    routes = APIRouter(tags=["video"])

    @routes.post(
        "/incidents/{incident_id}/clips", status_code=202, responses=answers({"clip_id": _ID}, status=202, problems=(404, 409, 422))
    )
    async def bookmark(request: Request, incident_id: str, body: ClipBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Mark a moment. Its clip is cut when what follows has been recorded, and is then an upload of the incident."""
        actor = actor_of(request)
        channel = "api" if actor.kind == "token" else "desk"
        clip_id = await services.clips.bookmark(
            actor, incident_id, body.camera_id, channel, body.at, body.before_s, body.after_s, idempotency_key
        )
        return answer({"clip_id": clip_id}, status=202)

    @routes.get("/incidents/{incident_id}/clips", responses=answers({"clips": [_CLIP], "in_step": [_IN_STEP]}, problems=(404,)))
    async def clips(request: Request, incident_id: str) -> Response:
        """Moments that were marked: `waiting`, `stored`, or `missed` with a `reason`. `in_step`: what can be played together on the
        incident's clock, scene videos of phones included."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_EVIDENCE)
        incident = await find_incident(services, actor, incident_id)
        found: dict[str, Any] = await clips_of(services, actor, incident)
        return answer(found)

    @routes.post(
        "/cameras/{camera_id}/recorded", status_code=201, responses=answers(_RECORDED, status=201, problems=(404, 422)) | {503: _REFUSED}
    )
    async def recorded(request: Request, camera_id: Id, body: RecordedBody) -> Response:
        """What the camera showed, to be fetched or watched at `url` by the session that asked."""
        actor = actor_of(request)
        channel = "api" if actor.kind == "token" else "desk"
        try:
            to_at = body.at + timedelta(seconds=body.seconds)
            found = await services.recorded.open(actor, camera_id, body.at, to_at, session_of(request), channel)
        except VideoRefused as refused:
            return refusal(refused)
        return answer(found, status=201)

    return routes
