"""The register of cameras. Addresses go in and never come out: an answer says only which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from dashboard.api.describe import answers, problem_answer
from dashboard.api.elements import box_of
from dashboard.api.shapes import (
    Body,
    Datum,
    Id,
    IdempotencyKey,
    JsonObject,
    Latitude,
    Longitude,
    answer,
    answer_in_thread,
    known_org,
    require_point,
)
from dashboard.edge import actor_of, datum_of
from dashboard.problems import InvalidFields
from geodata.datum import to_wgs84
from operations.access.authority import Action
from operations.cameras.camera_fields import LONGEST_URL, BadCamera
from operations.cameras.camera_register import MOST_OF_A_PAGE, Camera
from storage.cameras import ADDRESSES

if TYPE_CHECKING:
    from operations.services import Services

_CAMERA: dict[str, Any] = {
    "camera_id": "cam-0117",
    "lon": 121.5503,
    "lat": 29.8739,
    "org_code": "330203510000",
    "org_name": "江厦派出所",
    "properties": {"name": "中山东路江厦街口北", "heading_deg": 15.0, "fov_deg": 60.0, "ptz": True, "codec": "h264", "group": "江厦"},
    "addresses": {"url": True, "substream_url": True, "control_url": True, "recorder_url": True},
    "state": "ok",
    "last_picture_at": "2026-05-01T12:14:59Z",
    "last_error": "",
    "last_error_at": None,
    "frozen_since": None,
    "black_since": None,
}
_GONE: dict[Any, Any] = {204: {"description": "Removed"}, 404: problem_answer("There is no such camera")}
Address = Annotated[str, Field(max_length=LONGEST_URL)]


class CameraBody(Body):
    """A camera as it is to stand in the register."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "lon": 121.5503,
                    "lat": 29.8739,
                    "properties": {"name": "中山东路江厦街口北", "heading_deg": 15, "fov_deg": 60, "codec": "h264"},
                    "url": "rtsp://camera.example/main",
                    "substream_url": "rtsp://camera.example/sub",
                }
            ]
        },
    )

    lon: Longitude
    lat: Latitude
    properties: JsonObject = Field({}, description="name, heading_deg, fov_deg, range_m, mast_height_m, ptz, codec, group, org_code, …")
    url: Address | None = Field(None, description="rtsp, rtsps, http or https; left out: stays as it is; empty: is taken away")
    substream_url: Address | None = Field(None, description="smaller picture of the same camera")
    control_url: Address | None = Field(None, description="ONVIF device that turns it, http or https")
    recorder_url: Address | None = Field(
        None, description="of a site's recorder, rtsp or rtsps: {from:…} and {to:…} where it takes the span, none where RTSP tells it"
    )
    datum: Datum | None = Field(None, description="of lon and lat; default: the one declared with the token")


def router(services: Services) -> APIRouter:
    """Routes under /cameras that are about the register."""
    routes = APIRouter(prefix="/cameras", tags=["cameras"])
    cameras = services.cameras

    @routes.get("", responses=answers({"cameras": [_CAMERA], "next_cursor": None}, problems=(422,)))
    async def several(
        request: Request,
        bbox: Annotated[str, Query(description="west,south,east,north", examples=["121.4,29.8,121.7,30.0"])] = "",
        q: Annotated[str, Query(max_length=100, description="part of an id, a name or a group")] = "",
        org: Annotated[str, Query(max_length=64, description="of this organisation and those below it")] = "",
        state: Literal["", "ok", "failing", "untried", "no_address"] = "",
        cursor: Annotated[str, Query(max_length=64, description="`next_cursor` of the page before")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_OF_A_PAGE)] = 100,
    ) -> Response:
        """Cameras by id, with whose they are and how they do; `next_cursor` null: these were the last."""
        services.authority.authorise(actor_of(request), Action.SEE_ELEMENTS)
        org_code = known_org(services, "org", org) if org else ""
        box = box_of(bbox)

        def page() -> dict[str, Any]:
            found, next_cursor = cameras.page(cursor, limit, box, q, org_code, state)
            return {"cameras": [_view(services, camera) for camera in found], "next_cursor": next_cursor}

        return await answer_in_thread(page)

    @routes.get("/{camera_id}", responses=answers(_CAMERA, problems=(404,)))
    async def one(request: Request, camera_id: Id) -> Response:
        """One camera. Of its addresses only which there are."""
        services.authority.authorise(actor_of(request), Action.SEE_ELEMENTS)
        return answer(_view(services, cameras.one(camera_id)))

    @routes.put("/{camera_id}", responses=answers(_CAMERA, problems=(400, 413, 422)))
    async def write(request: Request, camera_id: Id, body: CameraBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Register a camera, or write it anew. Its addresses are kept apart and are in no answer."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.REGISTER_CAMERA)
        datum = body.datum or datum_of(request)
        require_point(services, body.lon, body.lat, datum)
        lon, lat = (round(float(v), 7) for v in to_wgs84(datum, body.lon, body.lat))
        addresses = {name: getattr(body, name) for name in ADDRESSES}
        try:
            camera = await cameras.put(actor, camera_id, lon, lat, body.properties, addresses, idempotency_key)
        except BadCamera as bad:
            raise InvalidFields.one(bad.field, bad.said) from None
        return answer(_view(services, camera))

    @routes.delete("/{camera_id}", status_code=204, responses=_GONE)
    async def remove(request: Request, camera_id: Id, idempotency_key: IdempotencyKey = None) -> Response:
        """Take it off the map and forget its addresses."""
        await cameras.remove(actor_of(request), camera_id, idempotency_key)
        return Response(status_code=204)

    return routes


def _view(services: Services, camera: Camera) -> dict[str, Any]:
    org = services.organisations.get(camera.org_code)
    return {
        "camera_id": camera.camera_id,
        "lon": camera.lon,
        "lat": camera.lat,
        "org_code": camera.org_code,
        "org_name": "" if org is None else org.name,
        "properties": camera.properties,
        "addresses": camera.has,
        "state": camera.state,
        "last_picture_at": camera.last_picture_at,
        "last_error": camera.last_error,
        "last_error_at": camera.last_error_at,
        "frozen_since": camera.frozen_since,
        "black_since": camera.black_since,
    }
