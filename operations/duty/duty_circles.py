"""Duty circles (快反圈) as one reader may see them: all, one, those around a point; and to what they bind crews that are pushed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
import shapely

from dispatch.clock import Clock
from dispatch.duty_circles import DutyCircle, Force, Tier
from dispatch.errors import NotFound
from dispatch.model import Actor, Unit
from dispatch.organisations import OrganisationTree
from dispatch.picture import OperatingPicture
from geodata.districts.drawn_areas import shape_of
from operations.access.authority import Action, Authority
from operations.records.event_view import without_hidden_crews

Json = dict[str, Any]
Reach = Callable[[str], frozenset[str]]  # an organisation's code → its own and those below it


def fits(unit: Unit, force: Force, reach: Reach) -> bool:
    """Whether a crew is of the kind and of the organisation that a force is made of."""
    return unit.kind == force.kind and unit.org_code in reach(force.org_code)


def bound_s(around: Sequence[tuple[DutyCircle, Tier]], units: Iterable[Unit], reach: Reach) -> dict[str, float]:
    """By unit_id: seconds from the push within which crews of the circles around a point have to be there.

    `around`: circles that hold the point, each with the shortest tier that does. The minutes of the crew's own tier, or of
    that one where these are longer: who is one minute from the place need not be one minute from every corner of its circle.
    Of several circles the shortest time counts. Crews that are of no tier are not in the answer.
    """
    found: dict[str, float] = {}
    for unit in units:
        for circle, here in around:
            own = next((tier for tier in circle.tiers if any(fits(unit, force, reach) for force in tier.forces)), None)
            if own is not None:
                seconds = 60.0 * max(own.minutes, here.minutes)
                found[unit.unit_id] = min(seconds, found.get(unit.unit_id, seconds))
    return found


class CircleIndex:
    """Which circles hold a point. Made anew when one has changed: their shapes are kept, so that a thousand of them take milliseconds."""

    def __init__(self, circles: Mapping[str, DutyCircle]) -> None:
        self.circles = circles
        self._tiers = [(one, tier) for one in circles.values() if not one.withdrawn for tier in one.tiers]
        self._tree = shapely.STRtree([shape_of(tier.area) for _, tier in self._tiers])

    def around(self, lon: float, lat: float) -> list[tuple[DutyCircle, Tier]]:
        """Each circle that holds the point, with the shortest tier that does."""
        found: dict[str, tuple[DutyCircle, Tier]] = {}
        for index in sorted(self._tree.query(shapely.Point(lon, lat), predicate="intersects").tolist()):
            circle, tier = self._tiers[index]
            found.setdefault(circle.circle_id, (circle, tier))
        return list(found.values())


class DutyCircles:
    """Stateless but for the index of what is where."""

    def __init__(
        self, authority: Authority, organisations: OrganisationTree, clock: Clock, picture: Callable[[], OperatingPicture]
    ) -> None:
        self._authority = authority
        self._organisations = organisations
        self._clock = clock
        self._picture = picture
        self._index = CircleIndex({})

    def past(self, clock: Clock, picture: Callable[[], OperatingPicture]) -> DutyCircles:
        """Those of another picture."""
        return DutyCircles(self._authority, self._organisations, clock, picture)

    def visible(self, actor: Actor) -> list[DutyCircle]:
        """Those that hold and that the actor may see, by name."""
        circles = (one for one in self._picture().duty_circles.values() if not one.withdrawn)
        seen = [one for one in circles if self._authority.may_see_circle(actor, one.org_code, one.tiers)]
        return sorted(seen, key=lambda one: (one.name, one.circle_id))

    def get(self, actor: Actor, circle_id: str) -> DutyCircle:
        """Raises NotFound when there is none, it was withdrawn, or it may not be known."""
        found = self._picture().duty_circles.get(circle_id)
        if found is None or found.withdrawn or not self._authority.may_see_circle(actor, found.org_code, found.tiers):
            raise NotFound("unknown-circle", f"There is no duty circle {circle_id}; look at the ones there are.")
        return found

    def around(self, actor: Actor, lon: float, lat: float) -> list[Json]:
        """Circles that hold a point, without their areas, each with the minutes of the shortest tier that does."""
        seen = [pair for pair in self._around(lon, lat) if self._authority.may_see_circle(actor, pair[0].org_code, pair[0].tiers)]
        found = []
        for circle, tier in sorted(seen, key=lambda pair: (pair[0].name, pair[0].circle_id)):
            view = self.view(actor, circle)
            tiers = [{name: value for name, value in one.items() if name != "area"} for one in view["tiers"]]
            found.append(view | {"tiers": tiers, "inside_minutes": tier.minutes})
        return found

    def _around(self, lon: float, lat: float) -> list[tuple[DutyCircle, Tier]]:
        index, circles = self._index, self._picture().duty_circles
        if index.circles is not circles:
            index = self._index = CircleIndex(circles)
        return index.around(lon, lat)

    def view(self, actor: Actor, circle: DutyCircle) -> Json:
        """The circle as JSON; each tier's `area` is a GeoJSON MultiPolygon."""
        picture = self._picture()
        view: Json = msgspec.to_builtins(circle)
        for tier in view["tiers"]:
            tier["area"] = {"type": "MultiPolygon", "coordinates": tier["area"]}
        view["tiers"] = without_hidden_crews(view["tiers"], lambda unit_id: self._authority.hides_unit(actor, unit_id, picture))
        organisation = self._organisations.get(circle.org_code)
        names = {"org_name": organisation.name, "org_name_en": organisation.name_en} if organisation is not None else {}
        commands = self._authority.can(actor, Action.SET_DUTY_CIRCLE) and self._authority.in_scope(actor, circle.org_code)
        return view | names | {"may_change": commands}

    def feature(self, actor: Actor, circle: DutyCircle) -> Json:
        """The same as a GeoJSON Feature of its widest tier's area."""
        view = self.view(actor, circle)
        return {"type": "Feature", "id": circle.circle_id, "geometry": view["tiers"][-1]["area"], "properties": view}

    def bound_s(self, lon: float, lat: float, units: Iterable[Unit]) -> dict[str, float]:
        """`bound_s` of all circles that hold the point now, whoever may see them."""
        return bound_s(self._around(lon, lat), units, self.reach)

    def reach(self, org_code: str) -> frozenset[str]:
        """The organisation and everything below it today."""
        return self._organisations.reach(org_code, self._today())

    def _today(self) -> date:
        return self._clock.now().date()
