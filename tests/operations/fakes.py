"""Small stand-ins for what the intake is composed of: real rules and picture, nothing stored."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from dispatch.catalogue import load_catalogue
from dispatch.clock import ManualClock
from dispatch.commands import Command
from dispatch.decide import decide
from dispatch.events import Recorded
from dispatch.evolve import fold
from dispatch.model import Actor
from dispatch.organisations import Organisation, OrganisationTree
from dispatch.picture import OperatingPicture
from operations.access.authority import Authority
from operations.cameras.camera_fields import checked_address, checked_properties
from operations.health import Health
from operations.incidents.bus import Bus
from operations.tracking.intake import Intake
from operations.tracking.positions import PositionTable
from operations.tracking.reports import FeedSession
from storage.cameras import CameraSource
from storage.readings import Reading

CITY = "330200000000"
COUNTY = "330203000000"
NEIGHBOUR = "330205000000"
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def organisations() -> OrganisationTree:
    def row(code: str, level: str, parent: str | None) -> Organisation:
        return Organisation(code=code, name=code, name_en=code, level=level, parent=parent, lon=121.5, lat=29.9, has_command_room=True)

    return OrganisationTree([row(CITY, "city", None), row(COUNTY, "county", CITY), row(NEIGHBOUR, "county", CITY)])


class FoldingHandler:
    """Decides and folds for real; remembers the commands it was given."""

    def __init__(self, authority: Authority, clock: ManualClock, bus: Bus) -> None:
        self.picture = OperatingPicture()
        self._bus = bus
        self.commands: list[Command] = []
        self._authority = authority
        self._clock = clock
        self._ids = (f"id-{number}" for number in itertools.count(1))

    async def handle(self, command: Any, actor: Any, key: str | None = None) -> tuple[Recorded, ...]:
        self._authority.authorise_command(actor, command, self.picture)
        now = self._clock.now()
        events = decide(self.picture, command, actor, now, lambda: next(self._ids), None)
        self.commands.append(command)
        recorded = []
        for body in events:
            revision = self.picture.revision + len(recorded) + 1
            incident_id = getattr(body, "incident_id", None)
            recorded.append(
                Recorded(
                    revision, f"e{revision}", "n", incident_id, 1, 1, now, now, actor.name, actor.role, None, None, "feed", body, "", ""
                )
            )
        self.picture = fold(self.picture, recorded)
        self._bus.publish(tuple(recorded))
        return tuple(recorded)


class KeptTracks:
    """Counts and keeps what was appended."""

    def __init__(self) -> None:
        self.fixes: list[tuple[str, float, float, float]] = []  # unit, position_at, lon, lat

    def append(self, unit_ids: Sequence[str], indices: Any, position_at: Any, received_at: Any, lon: Any, lat: Any, *rest: Any) -> None:
        for row in zip(indices.tolist(), position_at.tolist(), lon.tolist(), lat.tolist(), strict=True):
            self.fixes.append((unit_ids[row[0]], *row[1:]))


class KeptReadings:
    def __init__(self) -> None:
        self.kept: list[Reading] = []

    async def readings(self, readings: list[Reading]) -> None:
        self.kept += readings


class KeptCameras:
    """The register as far as the intake needs it: checks properties and addresses, asks nobody for the right."""

    def __init__(self) -> None:
        self.kept: list[CameraSource] = []

    def checked(self, properties: dict[str, Any], addresses: dict[str, str]) -> dict[str, Any]:
        for name, address in addresses.items():
            checked_address(name, address)
        return checked_properties(properties, str)

    def authorise(self, actor: Actor, camera_id: str, lon: float, lat: float, properties: dict[str, Any]) -> None: ...

    def write(self, sources: Sequence[CameraSource]) -> None:
        self.kept += sources


class House:
    """An intake with everything it needs, and its parts."""

    def __init__(self, max_units: int = 1_000, snap_distance: Any = None, ground: Any = None) -> None:
        self.clock = ManualClock(START)
        self.bus = Bus()
        self.authority = Authority(organisations(), self.clock)
        self.handler = FoldingHandler(self.authority, self.clock, self.bus)
        self.table = PositionTable(max_units=max_units)
        self.tracks = KeptTracks()
        self.readings = KeptReadings()
        self.cameras = KeptCameras()
        self.health = Health(self.clock)
        self.intake = Intake(
            clock=self.clock,
            handler=self.handler,
            authority=self.authority,
            catalogue=load_catalogue(),
            positions=self.table,
            tracks=self.tracks,
            elements=self.readings,
            cameras=self.cameras,
            health=self.health,
            snap_distance=snap_distance,
            ground=ground,
        )

    def feed(self, name: str = "gps", org_code: str = COUNTY, **options: Any) -> FeedSession:
        return FeedSession(name, Actor(name, "feed", org_code, kind="token"), **options)

    def place_of(self, unit_id: str) -> tuple[float, float] | None:
        index = self.table.index_of(unit_id)
        return None if index is None or np.isnan(self.table.lon[index]) else (self.table.lon[index], self.table.lat[index])
