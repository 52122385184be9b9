"""Duty circles (快反圈) as one reader may see them: all, one, those around a point; and to what they bind crews that are pushed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import msgspec

from dispatch.clock import Clock
from dispatch.duty_circles import DutyCircle, Force, Tier
from dispatch.errors import NotFound
from dispatch.model import Actor, Unit
from dispatch.organisations import OrganisationTree
from dispatch.picture import OperatingPicture
from geodata.drawn_areas import holds
from operations.authority import Action, Authority
from operations.event_view import without_hidden_crews

Json = dict[str, Any]
Reach = Callable[[str], frozenset[str]]  # an organisation's code → its own and those below it


def fits(unit: Unit, force: Force, reach: Reach) -> bool:
    """Whether a crew is of the kind and of the organisation that a force is made of."""
    return unit.kind == force.kind and unit.org_code in reach(force.org_code)


def holding_tier(circle: DutyCircle, lon: float, lat: float) -> Tier | None:
    """The shortest tier whose area holds the point; None outside the circle."""
    return next((tier for tier in circle.tiers if bool(holds(tier.area, [lon], [lat])[0])), None)


def bound_s(circles: Iterable[DutyCircle], lon: float, lat: float, units: Iterable[Unit], reach: Reach) -> dict[str, float]:
    """By unit_id: seconds from the push within which crews of the circles around a point have to be there.

    The minutes of the crew's own tier, or those of the shortest tier whose area holds the point where these are longer: who is
    one minute from the place need not be one minute from every corner of its circle. Of several circles the shortest counts.
    Crews that are of no tier are not in the answer.
    """
    around = [(circle, tier) for circle in circles if (tier := holding_tier(circle, lon, lat)) is not None]
    found: dict[str, float] = {}
    for unit in units:
        for circle, here in around:
            own = next((tier for tier in circle.tiers if any(fits(unit, force, reach) for force in tier.forces)), None)
            if own is not None:
                seconds = 60.0 * max(own.minutes, here.minutes)
                found[unit.unit_id] = min(seconds, found.get(unit.unit_id, seconds))
    return found


class DutyCircles:
    """Stateless but for the shapes that `geodata.drawn_areas` keeps."""

    def __init__(
        self, authority: Authority, organisations: OrganisationTree, clock: Clock, picture: Callable[[], OperatingPicture]
    ) -> None:
        self._authority = authority
        self._organisations = organisations
        self._clock = clock
        self._picture = picture

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
        found = []
        for circle in self.visible(actor):
            tier = holding_tier(circle, lon, lat)
            if tier is not None:
                view = self.view(actor, circle)
                tiers = [{name: value for name, value in one.items() if name != "area"} for one in view["tiers"]]
                found.append(view | {"tiers": tiers, "inside_minutes": tier.minutes})
        return found

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
        """`bound_s` of all circles that hold now, whoever may see them."""
        circles = (one for one in self._picture().duty_circles.values() if not one.withdrawn)
        return bound_s(circles, lon, lat, units, self.reach)

    def reach(self, org_code: str) -> frozenset[str]:
        """The organisation and everything below it today."""
        return self._organisations.reach(org_code, self._today())

    def _today(self) -> date:
        return self._clock.now().date()
