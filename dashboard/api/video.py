"""Pictures of cameras: a stream to be watched, a still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict

from dashboard.api.describe import answers, problem_answer
from dashboard.api.shapes import Body, Id, answer
from dashboard.edge import actor_of, session_of
from dashboard.i18n import video_refusal
from dashboard.problems import problem
from dashboard.rate_limit import RateLimit
from operations.cameras.video import Quality, VideoRefused

if TYPE_CHECKING:
    from operations.services import Services

_STREAM = {
    "stream_id": "Zx0b5T7mJrXK4c1yFq2N8w",
    "camera_id": "cam-0117",
    "quality": "sub",
    "kind": "ws-fmp4",
    "url": "/video/cam-0117?token=p3bq…",
    "codec": "avc1.4d401f",
    "expires_at": "2026-05-01T12:00:30Z",
    "transcoded": False,
}
_REFUSED = problem_answer("There is no picture now; `type` says why, `message_zh` and `message_en` say it in words")
_JPEG: dict[Any, Any] = {
    200: {
        "description": "The picture; `X-Taken-At` says when it was taken",
        "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}, "example": "(the bytes of a JPEG)"}},
        "headers": {"X-Taken-At": {"schema": {"type": "string", "format": "date-time"}}},
    },
    404: problem_answer("There is no such camera"),
    503: _REFUSED,
}
SNAPSHOTS_PER_S, SNAPSHOT_BURST = 10.0, 64  # of one account or token: a wall of stills, each every few seconds


class StreamBody(Body):
    """Which of a camera's pictures."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"quality": "sub"}]})

    quality: Quality = Quality.SUB


def router(services: Services) -> APIRouter:
    """Routes under /cameras."""
    routes = APIRouter(prefix="/cameras", tags=["video"])
    limit = RateLimit(services.clock, SNAPSHOTS_PER_S, SNAPSHOT_BURST)

    @routes.post("/{camera_id}/streams", status_code=201, responses=answers(_STREAM, status=201, problems=(404, 422)) | {503: _REFUSED})
    async def open_stream(request: Request, camera_id: Id, body: StreamBody) -> Response:
        """A stream to be watched at `url` (a WebSocket, docs/video.md): once, by the session that asked, within half a minute."""
        actor = actor_of(request)
        try:
            stream = await services.video.open(actor, camera_id, body.quality, session_of(request), _channel(actor.kind))
        except VideoRefused as refused:
            return refusal(refused)
        state = services.video.gateway.states().get(camera_id)
        told = msgspec.to_builtins(stream) | {"transcoded": state is not None and state.transcoded}
        return answer(told, status=201)

    @routes.get("/{camera_id}/snapshot", responses=_JPEG, response_class=Response)
    async def snapshot(request: Request, camera_id: Id) -> Response:
        """A picture of a few seconds ago at most, as JPEG."""
        actor = actor_of(request)
        wait_s = limit.take(f"{actor.kind}:{actor.name}")
        if wait_s > 0.0:
            services.health.refuse_rate("snapshot")
            detail = f"Too many snapshots; wait {wait_s:.1f} s."
            return problem(429, "too-many-requests", detail, headers={"Retry-After": str(int(wait_s) + 1)})
        try:
            taken = await services.video.snapshot(actor, camera_id, _channel(actor.kind))
        except VideoRefused as refused:
            return refusal(refused)
        return Response(taken.jpeg, 200, {"X-Taken-At": taken.taken_at.isoformat(timespec="milliseconds")}, "image/jpeg")

    return routes


def refusal(refused: VideoRefused) -> Response:
    zh, en = video_refusal("zh", refused), video_refusal("en", refused)
    return problem(503, refused.reason, str(refused), message_zh=zh, message_en=en)


def _channel(kind: str) -> str:
    return "api" if kind == "token" else "desk"
