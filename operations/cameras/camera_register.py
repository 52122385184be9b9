"""The register of cameras: which there are, whose they are, how they do. Their addresses go in and never come out to a screen.

A camera is the element `street_camera` (`operations.situation.elements`) with addresses beside it (`storage.cameras`). Whose it is says its
property `org_code`; without one it belongs to whoever's area it stands in. Whoever writes one needs that organisation in scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from dispatch.clock import Clock
from dispatch.duty_commands import RemoveElement, WriteElement
from dispatch.errors import NotFound
from dispatch.model import Actor
from dispatch.organisations import OrganisationTree
from operations.access.authority import CAMERA, Action, Authority
from operations.cameras.camera_fields import checked_address, checked_properties
from operations.cameras.camera_health import CameraHealth, CameraHealthState
from operations.incidents.handle import Handler
from operations.situation.elements import ElementStore, Thing
from storage.cameras import ADDRESSES, Addresses, CameraSource, CameraStore

NO_ADDRESSES = Addresses()
MOST_OF_A_PAGE = 1_000

Box = tuple[float, float, float, float]  # west, south, east, north


class Camera(msgspec.Struct, frozen=True):
    """One camera as everybody who sees elements may see it."""

    camera_id: str
    lon: float
    lat: float
    org_code: str  # whose it is
    properties: dict[str, Any]
    has: Addresses
    state: str  # `operations.cameras.camera_health.CameraHealthState`
    last_picture_at: datetime | None
    last_error: str  # of the newest failure, empty when a picture has come since
    last_error_at: datetime | None
    frozen_since: datetime | None = None
    black_since: datetime | None = None

    @property
    def heading_deg(self) -> float | None:
        value = self.properties.get("heading_deg")
        return float(value) if isinstance(value, int | float) else None

    @property
    def turns(self) -> bool:
        """Whether it can be turned from here."""
        return self.has.control_url


class CameraRegister:
    """Answers and writes. `start` before use; safe to ask from threads."""

    def __init__(
        self,
        elements: ElementStore,
        store: CameraStore,
        health: CameraHealth,
        handler: Handler,
        authority: Authority,
        organisations: OrganisationTree,
        territory: Callable[[float, float], str],
        clock: Clock,
        loopback: bool = False,
    ) -> None:
        self._elements = elements
        self._store = store
        self.health = health
        self._handler = handler
        self._authority = authority
        self._organisations = organisations
        self._territory = territory
        self._clock = clock
        self._loopback = loopback  # whether cameras on this very machine are served: test cameras of a demo
        self._has: dict[str, Addresses] = {}
        self._owners: dict[tuple[float, float], str] = {}  # by point, for cameras that name no organisation
        # What was counted, told by identity, and how many have an address: it is asked for every few seconds.
        self._counted: tuple[tuple[Thing, ...], dict[str, Addresses], int] = ((), self._has, 0)
        self._sorted: tuple[tuple[Thing, ...], tuple[Thing, ...]] = ((), ())  # as laid out, and the same by id

    async def start(self) -> None:
        """Read which addresses there are, and how cameras did before."""
        self._has = await asyncio.to_thread(self._store.known)
        await self.health.start(self.has_address)
        self._elements.show_beside(CAMERA, self._beside, self._lasting)

    async def stop(self) -> None:
        await self.health.stop()

    # Reading ----------------------------------------------------------------------------------------------------------

    def has_address(self, camera_id: str) -> bool:
        return self._has.get(camera_id, NO_ADDRESSES).any_picture

    def owner(self, lon: float, lat: float, properties: dict[str, Any]) -> str:
        """Code of the organisation that answers for a camera."""
        named = properties.get("org_code")
        if isinstance(named, str) and self._organisations.get(named) is not None:
            return named
        point = (lon, lat)
        known = self._owners.get(point)
        if known is None:
            known = self._owners[point] = self._territory(lon, lat)
        return known

    def one(self, camera_id: str) -> Camera:
        """Raises NotFound."""
        thing = self._elements.one(CAMERA, camera_id)
        if thing is None:
            raise NotFound("unknown-camera", f"There is no camera {camera_id[:64]}; check the id.")
        return self._camera(thing)

    def page(
        self, after: str = "", limit: int = MOST_OF_A_PAGE, bbox: Box | None = None, q: str = "", org_code: str = "", state: str = ""
    ) -> tuple[list[Camera], str | None]:
        """Cameras by id after `after`, at most `limit`, and what the next page comes after; None: there is none.

        `q` is looked for in id, names and group; `org_code` takes what lies below with it. May take tens of milliseconds.
        """
        wanted = q.casefold()
        reach = self._organisations.reach(org_code, self._clock.now().date()) if org_code else None
        found: list[Camera] = []
        for thing in self._by_id():
            if thing.element_id <= after or (bbox is not None and not _within(thing, bbox)) or (wanted and wanted not in _words(thing)):
                continue
            if reach is not None and self.owner(thing.lon, thing.lat, thing.properties) not in reach:
                continue
            if state and self.state_of(thing.element_id) != state:
                continue
            if len(found) == limit:
                return found, found[-1].camera_id
            found.append(self._camera(thing))
        return found, None

    def state_of(self, camera_id: str) -> str:
        return self.health.state_of(camera_id, self.has_address(camera_id)).value

    def failing(self, limit: int) -> list[Camera]:
        """Those whose newest try gave no picture, newest failure first."""
        things = (self._elements.one(CAMERA, record.camera_id) for record in self.health.failing())
        return [self._camera(thing) for thing in things if thing is not None][:limit]

    def counts(self) -> dict[str, int]:
        """How many are registered, have an address, are watched now, and are in which state."""
        things, has = self._elements.all_of(CAMERA), self._has
        if self._counted[0] is not things or self._counted[1] is not has:
            with_address = sum(1 for thing in things if has.get(thing.element_id, NO_ADDRESSES).any_picture)
            self._counted = (things, has, with_address)
        with_address = self._counted[2]
        states = self.health.counts(lambda camera_id: self._elements.one(CAMERA, camera_id) is not None)
        untried = with_address - states["ok"] - states["failing"]
        watched = self.health.watched()
        return {"registered": len(things), "with_address": with_address, "watched_now": watched, **states, "untried": untried}

    async def source(self, camera_id: str) -> CameraSource | None:
        """Its addresses, for whatever opens them; None when there are none."""
        return await asyncio.to_thread(self._store.get, camera_id)

    def _by_id(self) -> tuple[Thing, ...]:
        things = self._elements.all_of(CAMERA)
        if self._sorted[0] is not things:
            self._sorted = (things, tuple(sorted(things, key=lambda thing: thing.element_id)))
        return self._sorted[1]

    def _camera(self, thing: Thing) -> Camera:
        camera_id = thing.element_id
        record, live = self.health.record(camera_id), self.health.live(camera_id)
        failing = record.last_error_at is not None and record.last_error_at > (record.last_picture_at or 0.0)
        return Camera(
            camera_id=camera_id,
            lon=thing.lon,
            lat=thing.lat,
            org_code=self.owner(thing.lon, thing.lat, thing.properties),
            properties=thing.properties,
            has=self._has.get(camera_id, NO_ADDRESSES),
            state=self.state_of(camera_id),
            last_picture_at=_instant(record.last_picture_at),
            last_error=record.last_error if failing else "",
            last_error_at=_instant(record.last_error_at) if failing else None,
            frozen_since=None if live is None else live.frozen_since,
            black_since=None if live is None else live.black_since,
        )

    def _beside(self, thing: Thing) -> dict[str, Any]:
        """What a map shows of a camera beside its properties; of one that fails also when the last picture came, Unix seconds."""
        state = self.state_of(thing.element_id)
        shown = self._lasting(thing) | {"health": state}
        if state == CameraHealthState.FAILING:
            shown["last_picture_s"] = self.health.record(thing.element_id).last_picture_at
        return shown

    def _lasting(self, thing: Thing) -> dict[str, Any]:
        return {"turns": self._has.get(thing.element_id, NO_ADDRESSES).control_url}

    # Writing ----------------------------------------------------------------------------------------------------------

    def checked(self, properties: dict[str, Any], addresses: dict[str, str]) -> dict[str, Any]:
        """The properties as they are kept; `addresses` by name. Raises BadCamera for them or for an address."""
        for field, address in addresses.items():
            checked_address(field, address, self._loopback)
        return checked_properties(properties, self._organisations.expand)

    def authorise(self, actor: Actor, camera_id: str, lon: float, lat: float, properties: dict[str, Any]) -> None:
        """Raises NotPermitted unless the actor may write a camera of this owner, and the one that stands under this id now."""
        self._authority.authorise(actor, Action.REGISTER_CAMERA, org_code=self.owner(lon, lat, properties))
        present = self._elements.one(CAMERA, camera_id)
        if present is not None:
            owner = self.owner(present.lon, present.lat, present.properties)
            self._authority.authorise(actor, Action.REGISTER_CAMERA, org_code=owner)

    def write(self, sources: Sequence[CameraSource]) -> None:
        """Keep addresses that were checked; an empty address keeps the one there is. Blocks: in a thread."""
        before = self._store.several([source.camera_id for source in sources])
        merged = [_merged(before.get(source.camera_id), source) for source in sources]
        self._store.write(merged)
        self._note({source.camera_id: Addresses.of(source) for source in merged})

    async def put(
        self,
        actor: Actor,
        camera_id: str,
        lon: float,
        lat: float,
        properties: dict[str, Any],
        addresses: dict[str, str | None],
        key: str | None = None,
    ) -> Camera:
        """Register a camera or write it anew. `addresses` by name: None keeps what there is, empty takes it away.

        Raises BadCamera, NotPermitted.
        """
        changed = {name: value for name in ADDRESSES if (value := addresses.get(name)) is not None}
        properties = self.checked(properties, changed)
        self.authorise(actor, camera_id, lon, lat, properties)
        command = WriteElement(element=CAMERA, element_id=camera_id, lon=lon, lat=lat, properties=properties)
        await self._handler.handle(command, actor, key)
        if changed:
            before = await self.source(camera_id) or CameraSource(camera_id, "", "", actor.name, 0.0)
            source = msgspec.structs.replace(before, **changed, feed=actor.name, written_at=self._clock.unix_s())
            await asyncio.to_thread(self._store.write, [source])
            self._note({camera_id: Addresses.of(source)})
        return self.one(camera_id)

    async def remove(self, actor: Actor, camera_id: str, key: str | None = None) -> None:
        """Take it off the map and forget its addresses. Raises NotFound, NotPermitted."""
        self._authority.authorise(actor, Action.REGISTER_CAMERA)
        camera = self.one(camera_id)
        self._authority.authorise(actor, Action.REGISTER_CAMERA, org_code=camera.org_code)
        await self._handler.handle(RemoveElement(element=CAMERA, element_id=camera_id), actor, key)
        await asyncio.to_thread(self._store.remove, camera_id)
        await self.health.forget(camera_id)
        self._note({camera_id: NO_ADDRESSES})

    def _note(self, changed: dict[str, Addresses]) -> None:
        # Swapped whole: it is read on the event loop while a thread writes.
        self._has = self._has | changed


def _merged(before: CameraSource | None, source: CameraSource) -> CameraSource:
    if before is None:
        return source
    kept = {name: getattr(source, name) or getattr(before, name) for name in ADDRESSES}
    return msgspec.structs.replace(source, **kept)


def _within(thing: Thing, box: Box) -> bool:
    west, south, east, north = box
    return west <= thing.lon <= east and south <= thing.lat <= north


def _words(thing: Thing) -> str:
    p = thing.properties
    return " ".join((thing.element_id, str(p.get("name", "")), str(p.get("name_en", "")), str(p.get("group", "")))).casefold()


def _instant(unix_s: float | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)
