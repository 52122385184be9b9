"""HTTP: translating between requests and what operations do; no rules of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Response

from dashboard.api import (
    after_action,
    broadcasts,
    calibration,
    camera_control,
    camera_groups,
    camera_register,
    clips,
    docs,
    duty_circles,
    elements,
    ground,
    incidents,
    kpis,
    metrics,
    musters,
    past,
    picture,
    pursuit,
    scene_video,
    sessions,
    shifts,
    system,
    track_holds,
    tracks,
    units,
    video,
    webhooks,
    what_if,
)
from dashboard.api.describe import EVERYWHERE, add_openapi
from dashboard.problems import add_problem_handlers

if TYPE_CHECKING:
    from operations.services import Services

PREFIX = "/api/v1"


def create_server() -> FastAPI:
    """An empty server whose OpenAPI document is ours; routes are added to it."""
    server = FastAPI(title="Liandong 联动", version="1", openapi_url=f"{PREFIX}/openapi.json", docs_url=None, redoc_url=None)
    add_problem_handlers(server)
    add_openapi(server)
    return server


def add_api(server: FastAPI, services: Services) -> None:
    """Mount every route of the API, its documentation and the metrics."""
    for topic in (
        incidents,
        after_action,
        scene_video,
        picture,
        past,
        tracks,
        track_holds,
        ground,
        pursuit,
        what_if,
        units,
        shifts,
        musters,
        elements,
        camera_register,
        video,
        clips,
        camera_control,
        broadcasts,
        calibration,
        kpis,
        duty_circles,
        camera_groups,
        webhooks,
        sessions,
        system,
        metrics,
    ):
        server.include_router(topic.router(services), prefix=PREFIX, responses=EVERYWHERE, default_response_class=Response)
    server.include_router(metrics.router(services), include_in_schema=False)
    server.include_router(docs.router())
