"""Duty circles against the live picture: drafts by road, whether one may be set, and the drill of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import shapely

from dispatch.clock import Clock
from dispatch.duty_circles import DutyCircle
from dispatch.model import Actor
from dispatch.picture import OperatingPicture
from geodata.districts.drawn_areas import Polygon, drawable, shape_of
from geodata.projection import LocalProjection
from geodata.routing.travel import RingsAnswer
from operations.access.authority import Authority
from operations.duty.circle_checks import CircleChecks
from operations.duty.circle_drill import GATE_REACH_M, compare
from operations.duty.duty_circles import DutyCircles
from operations.situation.scene import Box, SceneService
from storage.past import METRES_PER_DEGREE

Json = dict[str, Any]


class Drills:
    """Stateless."""

    def __init__(
        self,
        circles: DutyCircles,
        checks: CircleChecks,
        scene: SceneService,
        authority: Authority,
        projection: LocalProjection,
        clock: Clock,
        picture: Callable[[], OperatingPicture],
    ) -> None:
        self.checks = checks
        self._circles = circles
        self._scene = scene
        self._authority = authority
        self._projection = projection
        self._clock = clock
        self._picture = picture

    async def draft(self, lon: float, lat: float, minutes: Sequence[float]) -> list[Json]:
        """Tiers without forces whose areas are the rings by road towards a point, made drawable. Raises OffNetwork and BadRings."""
        rings = await self._scene.rings(lon, lat, minutes)
        areas = await asyncio.to_thread(self._areas, rings)
        return [{"minutes": m, "area": {"type": "MultiPolygon", "coordinates": area}} for m, area in zip(rings.minutes, areas, strict=True)]

    def _areas(self, rings: RingsAnswer) -> list[tuple[Polygon, ...]]:
        return [drawable(area, self._projection) for area in rings.areas]

    async def drill(self, circle: DutyCircle, actor: Actor) -> Json:
        """Who is inside now against who should be, of the crews the actor may see."""
        limit_s = 60.0 * circle.tiers[-1].minutes
        present = await self._scene.crews_near(circle.lon, circle.lat, actor, limit_s, _box(circle))
        picture = self._picture()
        named = {gate.unit_id for tier in circle.tiers for gate in tier.gates if gate.unit_id}
        hidden = {unit_id for unit_id in named if self._authority.hides_unit(actor, unit_id, picture)}
        found = await asyncio.to_thread(compare, circle, present, hidden, self._circles.reach)
        return {"at": self._clock.now(), "circle_id": circle.circle_id, "version": circle.version} | found


def _box(circle: DutyCircle) -> Box:
    """Around all areas and gates, and as far beyond as who stands at a gate may be."""
    shapes = [shape_of(tier.area) for tier in circle.tiers]
    shapes += [shapely.Point(gate.lon, gate.lat) for tier in circle.tiers for gate in tier.gates]
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    margin = 2.0 * GATE_REACH_M / METRES_PER_DEGREE
    return west - 2.0 * margin, south - margin, east + 2.0 * margin, north + margin
