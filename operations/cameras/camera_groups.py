"""Groups of street cameras that a wall goes round: those of an organisation's area, of a duty circle, or a list of ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol

import numpy as np

from dispatch.clock import Clock
from dispatch.errors import NotFound, NotPermitted
from dispatch.model import Actor
from dispatch.organisations import OrganisationTree
from geodata.districts.jurisdictions import Jurisdictions
from operations.access.authority import Action, Authority
from operations.duty.duty_circles import DutyCircles
from operations.situation.elements import Thing

CAMERA = "street_camera"
MAX_CAMERAS = 500  # of one group: at nine tiles and twenty seconds a round of 18 minutes

Json = dict[str, Any]


class CameraGroup(NamedTuple):
    """Its name in both languages, and its cameras in the order they are shown."""

    name: str
    name_en: str
    cameras: list[Thing]


class Elements(Protocol):
    """Where the cameras are found."""

    def newest(self, element: str) -> list[Thing]: ...


class CameraGroups:
    """Finds groups by their names: `org:<code>`, `circle:<circle_id>`, `list:<id>,<id>,…`."""

    def __init__(
        self,
        elements: Elements,
        authority: Authority,
        organisations: OrganisationTree,
        jurisdictions: Jurisdictions,
        duty_circles: DutyCircles,
        clock: Clock,
        has_address: Callable[[str], bool],
    ) -> None:
        self._elements = elements
        self._authority = authority
        self._organisations = organisations
        self._jurisdictions = jurisdictions
        self._duty_circles = duty_circles
        self._clock = clock
        self._has_address = has_address
        self._kinds: dict[str, Callable[[Actor, str], CameraGroup]] = {
            "org": self._of_organisation,
            "circle": self._of_circle,
            "list": self._of_list,
        }

    def find(self, actor: Actor, group: str) -> CameraGroup:
        """The group of that name, MAX_CAMERAS cameras at most. Call it from a thread: an organisation's takes some 20 ms in a large city.

        Raises ValueError when the name is none, NotFound when there is nothing of that name, NotPermitted when the actor may not see it.
        """
        self._authority.authorise(actor, Action.SEE_ELEMENTS)
        kind, _, rest = group.partition(":")
        if kind not in self._kinds or not rest.strip():
            raise ValueError(f"{group[:60]!r} names no group of cameras; write org:330203, circle:<id> or list:cam-1,cam-2")
        found = self._kinds[kind](actor, rest.strip())
        return found._replace(cameras=found.cameras[:MAX_CAMERAS])

    def _of_organisation(self, actor: Actor, code: str) -> CameraGroup:
        today = self._clock.now().date()
        organisation = None
        try:
            organisation = self._organisations.get(self._organisations.expand(code), today)
        except ValueError as error:
            raise NotFound("unknown-organisation", f"There is no such organisation: {error}.") from None
        if organisation is None:
            raise NotFound("unknown-organisation", f"The organisation {code} is not in force today; use the one that took its place.")
        return CameraGroup(organisation.name, organisation.name_en, self._answered_for(organisation.code, today))

    def _answered_for(self, org_code: str, today: date) -> list[Thing]:
        """Cameras whose place one of the organisations below answers for, by name.

        Those that have no address would be tiles that say so, again and again: they are left out, unless there are no others.
        """
        cameras = self._elements.newest(CAMERA)
        lon, lat = (np.array([getattr(camera, axis) for camera in cameras]) for axis in ("lon", "lat"))
        reach = self._organisations.reach(org_code, today)
        stations = self._jurisdictions.locate_all(lon, lat) if cameras else []
        inside = [camera for camera, station in zip(cameras, stations, strict=True) if station in reach]
        inside = [camera for camera in inside if self._has_address(camera.element_id)] or inside
        return sorted(inside, key=lambda camera: (str(camera.properties.get("name", "")), camera.element_id))

    def _of_circle(self, actor: Actor, circle_id: str) -> CameraGroup:
        if not self._authority.sees_circles(actor):
            raise NotPermitted("role-not-permitted", "A duty circle is for desks; send its round to the wall from a desk that may see it.")
        circle = self._duty_circles.get(actor, circle_id)
        return CameraGroup(circle.name, "", self._known(camera_id for tier in circle.tiers for camera_id in tier.cameras))

    def _of_list(self, _actor: Actor, ids: str) -> CameraGroup:
        return CameraGroup("", "", self._known(part.strip() for part in ids.split(",")))

    def _known(self, ids: Iterable[str]) -> list[Thing]:
        """In the given order, each once; ids of no camera are left out."""
        camera_by_id = {camera.element_id: camera for camera in self._elements.newest(CAMERA)}
        return [camera_by_id[camera_id] for camera_id in dict.fromkeys(ids) if camera_id in camera_by_id]


def camera_views(cameras: Sequence[Thing]) -> list[Json]:
    """As tiles want them."""
    return [
        {
            "id": one.element_id,
            "name": str(one.properties.get("name_zh") or one.properties.get("name") or ""),
            "name_en": str(one.properties.get("name_en") or ""),
        }
        for one in cameras
    ]
