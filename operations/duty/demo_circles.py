"""The demo city's duty circles, prepared by rule at its first start, through the same command as anybody's.

They are no part of the city folder: a circle is what a commander has set, so it has its versions, its author and its place in the
journal from the beginning.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

from dispatch.duty_circles import Force, Gate, Polygon, Tier
from dispatch.duty_commands import SetDutyCircle
from dispatch.model import Actor, UnitKind
from geodata.districts.drawn_areas import shape_of
from geodata.streets.snapping import OffNetwork
from geodata.streets.street_lines import ways_out
from operations.duty.circle_checks import CAMERA, KEY_PLACE

if TYPE_CHECKING:
    from operations.services import Services
    from operations.situation.elements import Thing

MINUTES = (1.0, 3.0, 5.0)
# Kinds of key place in this order, so many of each.
WANTED = (("station", 2), ("hospital", 2), ("school", 2), ("mall", 1), ("government", 1))
GATES = (2, 4, 0)  # by tier: the outermost is where further forces come from, it is not closed
CAMERAS = (4, 0, 0)
CAMERA_RADIUS_M = 350.0


async def prepare_demo_circles(services: Services, actor: Actor) -> int:
    """How many were set; none where the journal knows of any circle already."""
    if services.handler.picture.duty_circles:
        return 0
    made = 0
    for place in _chosen(services.elements.newest(KEY_PLACE)):
        try:
            drafted = await services.drills.draft(place.lon, place.lat, MINUTES)
        except OffNetwork:
            continue
        command = await asyncio.to_thread(_circle, services, place, drafted)
        await services.handler.handle(services.drills.checks.checked(command, services.handler.picture.units.__contains__), actor)
        made += 1
    return made


def _chosen(places: list[Thing]) -> list[Thing]:
    found: list[Thing] = []
    for kind, most in WANTED:
        found += islice((place for place in places if place.properties.get("kind") == kind), most)
    return found


def _circle(services: Services, place: Thing, drafted: list[dict[str, Any]]) -> SetDutyCircle:
    station, city = services.responsibility.territory(place.lon, place.lat), services.city.code
    county = next(iter(services.organisations.ancestors(station)), station)
    cameras = [one["element_id"] for one in services.elements.around(place.lon, place.lat, CAMERA_RADIUS_M, (CAMERA,), max(CAMERAS))]
    forces = (
        (Force(station, UnitKind.PATROL_CAR, 1), Force(station, UnitKind.FOOT_PATROL, 1)),
        (Force(county, UnitKind.PATROL_CAR, 3),),
        (Force(city, UnitKind.ARMED_PATROL, 1),),
    )
    tiers = []
    for number, draft in enumerate(drafted):
        area: tuple[Polygon, ...] = draft["area"]["coordinates"]
        found = ways_out(services.city.graph, shape_of(area), GATES[number]) if GATES[number] else []
        names = [way.name or str(place.properties["name"]) for way in found]
        # One street may lead out twice.
        numbered = [f"{name} {names[: k + 1].count(name)}" if names.count(name) > 1 else name for k, name in enumerate(names)]
        gates = tuple(Gate(name, way.lon, way.lat) for name, way in zip(numbered, found, strict=True))
        tiers.append(Tier(draft["minutes"], area, forces[number], gates, tuple(cameras[: CAMERAS[number]])))
    return SetDutyCircle(
        circle_id=f"demo-{place.element_id}",
        name=str(place.properties["name"]),
        org_code=station,
        lon=place.lon,
        lat=place.lat,
        key_place=place.element_id,
        tiers=tuple(tiers),
    )
