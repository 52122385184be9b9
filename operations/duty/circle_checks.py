"""Whether a duty circle is about this city: areas that are areas, points in it, organisations, key places, crews and cameras that exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from dispatch.duty_circles import KEPT_CREW, Force, Gate, Tier
from dispatch.duty_commands import SetDutyCircle
from dispatch.organisations import OrganisationTree
from dispatch.rules.duty_circles import Fault, circle_faults
from geodata.districts.drawn_areas import fault
from operations.situation.elements import Thing

CAMERA, KEY_PLACE = "street_camera", "key_place"

KnowsUnit = Callable[[str], bool]  # by unit_id; of a crew that whoever asks may not know of as of one that there is not


class Elements(Protocol):
    """The catalogue's things; `operations.situation.elements.ElementStore`."""

    def newest(self, element: str) -> list[Thing]: ...


class Ground(Protocol):
    """Where this city is; `operations.tracking.ground.Ground`."""

    def surrounds(self, lon: float, lat: float) -> bool: ...


class UnsoundCircle(Exception):
    """A circle that can't be; every field that is wrong, with the remedy."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{field} {detail}" for field, detail in faults))
        self.faults = faults


class CircleChecks:
    """Stateless. A check takes milliseconds."""

    def __init__(self, organisations: OrganisationTree, elements: Elements, ground: Ground) -> None:
        self._organisations = organisations
        self._elements = elements
        self._ground = ground

    def checked(self, command: SetDutyCircle, knows_unit: KnowsUnit) -> SetDutyCircle:
        """The command with full codes of organisations. Raises UnsoundCircle with everything that is wrong."""
        faults = list(circle_faults(command)) or [*self._place_faults(command), *self._tier_faults(command, knows_unit)]
        if faults:
            raise UnsoundCircle(faults)
        tiers = tuple(msgspec.structs.replace(tier, forces=tuple(map(self._expanded, tier.forces))) for tier in command.tiers)
        return msgspec.structs.replace(command, org_code=self._organisations.expand(command.org_code), tiers=tiers)

    def _expanded(self, force: Force) -> Force:
        return msgspec.structs.replace(force, org_code=self._organisations.expand(force.org_code))

    def _place_faults(self, command: SetDutyCircle) -> Iterator[Fault]:
        if not self._ground.surrounds(command.lon, command.lat):
            yield "lon", f"{command.lon:g}, {command.lat:g} is outside the city; were lon and lat exchanged?"
        yield from self._organisation_faults("org_code", command.org_code)
        if command.key_place and command.key_place not in self._ids(KEY_PLACE):
            yield "key_place", f"there is no key place {command.key_place!r}; leave it out or name one of /api/v1/elements/key_place"

    def _tier_faults(self, command: SetDutyCircle, knows_unit: KnowsUnit) -> Iterator[Fault]:
        cameras = self._ids(CAMERA) if any(tier.cameras for tier in command.tiers) else frozenset()
        for number, tier in enumerate(command.tiers):
            here = f"tiers[{number}]"
            yield from self._area_faults(f"{here}.area", tier)
            for at, force in enumerate(tier.forces):
                yield from self._organisation_faults(f"{here}.forces[{at}].org_code", force.org_code)
            for at, gate in enumerate(tier.gates):
                yield from self._gate_faults(f"{here}.gates[{at}]", gate, knows_unit)
            for at, camera in enumerate(tier.cameras):
                if camera not in cameras:
                    yield (
                        f"{here}.cameras[{at}]",
                        f"there is no camera {camera!r}; leave it out or name one of /api/v1/elements/street_camera",
                    )

    def _gate_faults(self, field: str, gate: Gate, knows_unit: KnowsUnit) -> Iterator[Fault]:
        if not self._ground.surrounds(gate.lon, gate.lat):
            yield field, f"{gate.name} at {gate.lon:g}, {gate.lat:g} is outside the city; move it"
        if gate.unit_id not in ("", KEPT_CREW) and not knows_unit(gate.unit_id):
            yield f"{field}.unit_id", f"there is no crew {gate.unit_id!r}; leave it out or name one of /api/v1/units"

    def _area_faults(self, field: str, tier: Tier) -> Iterator[Fault]:
        for number, polygon in enumerate(tier.area):
            outside = next((point for ring in polygon for point in ring if not self._ground.surrounds(*point)), None)
            if outside is not None:
                yield f"{field}.coordinates[{number}]", f"reaches outside the city at {outside[0]:g}, {outside[1]:g}; draw it within"
            elif (why := fault(polygon)) is not None:
                yield f"{field}.coordinates[{number}]", why

    def _organisation_faults(self, field: str, code: str) -> Iterator[Fault]:
        try:
            self._organisations.expand(code)
        except ValueError as error:
            yield field, str(error)

    def _ids(self, element: str) -> frozenset[str]:
        return frozenset(thing.element_id for thing in self._elements.newest(element))
