"""The catalogue of things on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from dashboard.api import views
from dashboard.api.describe import answers
from dashboard.api.ground import GEOJSON
from dashboard.api.shapes import At, ElementBody, Id, IdempotencyKey, answer, answer_in_thread, numbers, require_point
from dashboard.edge import actor_of, datum_of
from dashboard.past import services_at
from dashboard.problems import InvalidFields
from dispatch.catalogue import ElementKind
from dispatch.duty_commands import WriteElement
from dispatch.errors import NotFound
from dispatch.model import Actor
from geodata.datum import to_wgs84
from operations.access.authority import CAMERA, Action
from operations.footage.scene_video_told import scene_rows, visible_rows
from operations.situation.elements import MAX_FEATURES, PRIVATE_PROPERTIES
from operations.situation.traffic import require_traffic
from storage.readings import Reading

if TYPE_CHECKING:
    from operations.services import Services

_CATALOGUE = {
    "categories": [
        {
            "id": "video",
            "zh": "视频",
            "en": "Video",
            "elements": [
                {"id": "street_camera", "zh": "监控", "en": "Street cameras", "count": 2000, "newest_at": None, "state": "static"}
            ],
        }
    ]
}
_FEATURES = {
    "type": "FeatureCollection",
    "matched": 1,
    "features": [
        {
            "type": "Feature",
            "id": "duty_post/kf-12",
            "geometry": {"type": "Point", "coordinates": [121.5503, 29.8739]},
            "properties": {"element": "duty_post", "element_id": "kf-12", "name": "天一广场快反点", "at": None},
        }
    ],
}

_WRITTEN = {"type": "Feature", "id": "duty_post/kf-12", "geometry": {"type": "Point", "coordinates": [121.5503, 29.8739]}, "properties": {}}


def router(services: Services) -> APIRouter:
    """Routes under /elements."""
    routes = APIRouter(prefix="/elements", tags=["elements"])

    @routes.get("", responses=answers(_CATALOGUE))
    async def catalogue(request: Request) -> Response:
        """12 categories and their elements, each with its count, the age of its newest datum, and live, static, stale or no_feed."""
        actor, picture = actor_of(request), services.handler.picture
        services.authority.authorise(actor, Action.SEE_ELEMENTS)
        fixes = views.live_fixes(services)

        def view() -> dict[str, Any]:
            units = views.visible_units(services, actor, picture, fixes)
            counts = views.element_counts(services, actor, units, views.visible_incidents(services, actor, picture))
            categories = [
                {"id": c.id, "zh": c.zh, "en": c.en, "elements": [_kind_view(kind) | counts[kind.id] for kind in c.elements]}
                for c in services.catalogue.categories
            ]
            return {"revision": picture.revision, "categories": categories}

        return await answer_in_thread(view)

    @routes.get("/{element}", responses=answers(_FEATURES, problems=(404, 422), media_type=GEOJSON))
    async def features(
        request: Request,
        element: str,
        bbox: Annotated[str, Query(description="west,south,east,north", examples=["121.4,29.8,121.7,30.0"])] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_FEATURES)] = MAX_FEATURES,
        cell_deg: Annotated[float | None, Query(gt=1e-5, le=10, description="one thing a cell of this width, with `count`")] = None,
        at: At = None,
    ) -> Response:
        """GeoJSON of one element. `matched` says how many there are in the box; a smaller limit cuts.

        `cell_deg` thins what stands still: one feature a cell stands for all in it, how many says its member `count`.
        """
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_ELEMENTS)
        kind = _kind(services, element)
        box = box_of(bbox)
        then = await services_at(services, actor, at)
        if kind.source in ("units", "incidents"):
            fixes = views.live_fixes(then)
            return await answer_in_thread(lambda: _moving(then, actor, kind, fixes, box, limit), GEOJSON)
        if kind.source == "recordings" and at is None:  # who sent when is with the uploads of an incident
            return answer(_sending(services, actor, element, box, limit), media_type=GEOJSON)
        return await answer_in_thread(lambda: then.elements.features(element, box, limit, cell_deg), GEOJSON)

    @routes.put("/{element}/{element_id}", responses=answers(_WRITTEN, problems=(400, 404, 413, 422)))
    async def write(request: Request, element: str, element_id: Id, body: ElementBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Write one thing: for ever (a duty post), or a reading of what changes (weather, traffic)."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.WRITE_ELEMENT)
        kind = _kind(services, element)
        if kind.source not in ("city", "readings"):
            raise InvalidFields.one("element", f"{element} comes from {kind.source} and can't be written here")
        private = sorted(name for name in body.properties if name.lower() in PRIVATE_PROPERTIES)
        if private:
            raise InvalidFields.one(f"properties.{private[0]}", "addresses and passwords are never shown, so they are not taken here")
        datum = body.datum or datum_of(request)
        require_point(services, body.lon, body.lat, datum)
        if element == CAMERA:
            raise InvalidFields.one("element", "cameras are registered at /api/v1/cameras")
        lon, lat = (round(float(v), 7) for v in to_wgs84(datum, body.lon, body.lat))
        require_traffic(element, body.properties)
        if kind.source == "readings":
            await _write_reading(services, element, element_id, body, lon, lat)
        else:
            command = WriteElement(element=element, element_id=element_id, lon=lon, lat=lat, properties=body.properties)
            await services.handler.handle(command, actor, idempotency_key)
        written = next(thing for thing in services.elements.newest(element) if thing.element_id == element_id)
        return answer(written.feature())

    return routes


async def _write_reading(services: Services, element: str, element_id: str, body: ElementBody, lon: float, lat: float) -> None:
    now = services.clock.now()
    at = body.at or now
    if at > now:
        raise InvalidFields.one("at", f"{at.isoformat()} is in the future (now {now.isoformat()}); correct it")
    reading = Reading(element, element_id, lon, lat, at.timestamp(), now.timestamp(), body.properties)
    await services.elements.readings([reading])


def _kind(services: Services, element: str) -> ElementKind:
    kind = services.catalogue.kinds.get(element)
    if kind is None:
        raise NotFound("unknown-element", f"There is no element {element[:64]!r} in the catalogue; /api/v1/elements lists them.")
    return kind


def _kind_view(kind: ElementKind) -> dict[str, Any]:
    return {"id": kind.id, "zh": kind.zh, "en": kind.en, "key": kind.key, "source": kind.source, "stale_after_s": kind.stale_after_s}


def box_of(bbox: str) -> tuple[float, float, float, float] | None:
    """`west,south,east,north` of a query; None when it is empty. Raises InvalidFields."""
    if not bbox:
        return None
    west, south, east, north = numbers("bbox", bbox, 4, 4)
    if west > east or south > north:
        raise InvalidFields.one("bbox", f"{bbox[:60]} is inside out; give west,south,east,north")
    return west, south, east, north


def _sending(services: Services, actor: Actor, element: str, box: tuple[float, float, float, float] | None, limit: int) -> dict[str, Any]:
    """Crews that send video, of incidents the actor sees the evidence of."""
    found = services.elements.features(element, box)
    may_see = services.authority.can(actor, Action.SEE_EVIDENCE)
    visible = visible_rows(services.authority, actor, scene_rows(services.scene_video, services.clock), services.handler.picture)
    seen = {row["recording_id"] for rows in visible.values() for row in rows} if may_see else frozenset()
    features = [one for one in found["features"] if one["properties"]["element_id"] in seen]
    return {"type": "FeatureCollection", "matched": len(features), "features": features[:limit]}


def _moving(
    services: Services, actor: Actor, kind: ElementKind, fixes: views.Fixes, box: tuple[float, float, float, float] | None, limit: int
) -> dict[str, Any]:
    """Units of one kind, or open incidents, as features."""
    picture = services.handler.picture
    if kind.source == "units":
        rows = [row for row in views.visible_units(services, actor, picture, fixes) if row["kind"] == kind.id]
    else:
        rows = views.visible_incidents(services, actor, picture)
    west, south, east, north = box or (-180.0, -90.0, 180.0, 90.0)
    placed = [row for row in rows if row["lon"] is not None and west <= row["lon"] <= east and south <= row["lat"] <= north]
    features = [
        {
            "type": "Feature",
            "id": f"{kind.id}/{row.get('unit_id') or row['incident_id']}",
            "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
            "properties": row | {"element": kind.id},
        }
        for row in placed[:limit]
    ]
    return {"type": "FeatureCollection", "matched": len(placed), "features": features}
