"""Reports come in here, whatever protocol brought them: positions through the checks into table and tracks, the rest as commands.

Every method takes a list of reports of one kind and a feed, and returns the refused ones as (index, reason); what it does not
return was accepted. Positions are written on the event loop; commands go through the handler, all of a message at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from dispatch import commands as c
from dispatch.catalogue import Catalogue
from dispatch.clock import Clock
from dispatch.errors import DispatchError
from dispatch.model import Actor, Element
from dispatch.picture import OperatingPicture
from geodata.datum import TO_WGS84
from operations.access.authority import CAMERA, Authority
from operations.access.permissions import Action
from operations.health import Health
from operations.incidents.bus import Bus, Subscription
from operations.situation.traffic import require_traffic
from operations.tracking import quality
from operations.tracking.datum_watch import SnapDistance
from operations.tracking.fixes import Fixes, Follower, Refusals, Tracks
from operations.tracking.ground import Ground
from operations.tracking.positions import PositionTable
from operations.tracking.reporters import Reporters
from operations.tracking.reports import CameraReport, ElementReport, FeedSession, IncidentReport, PositionReport, StatusReport
from storage.cameras import ADDRESSES, CameraSource
from storage.readings import Reading
from storage.track_reader import TrackState

# Samples of positions are judged for their datum this often.
JUDGE_EVERY_S = 10.0
# Elements closer than this to where they were written are where they were.
SAME_PLACE_DEG = 1e-6


class Commands(Protocol):
    """What the intake needs of the handler."""

    @property
    def picture(self) -> OperatingPicture: ...

    async def handle(self, command: Any, actor: Any, key: str | None = None) -> Any: ...


class Readings(Protocol):
    """Takes readings of elements; durable when the call returns."""

    async def readings(self, readings: list[Reading]) -> None: ...


class Cameras(Protocol):
    """The register of cameras; `operations.cameras.camera_register.CameraRegister`."""

    def checked(self, properties: dict[str, Any], addresses: dict[str, str]) -> dict[str, Any]: ...

    def authorise(self, actor: Actor, camera_id: str, lon: float, lat: float, properties: dict[str, Any]) -> None: ...

    def write(self, sources: Sequence[CameraSource]) -> None:
        """Called in a thread."""


class Intake:
    """One per server; all feeds share it."""

    def __init__(
        self,
        *,
        clock: Clock,
        handler: Commands,
        authority: Authority,
        catalogue: Catalogue,
        positions: PositionTable,
        tracks: Tracks,
        elements: Readings,
        cameras: Cameras,
        health: Health,
        ground: Ground | None = None,
        rules: quality.Rules | None = None,
        snap_distance: SnapDistance | None = None,
        follower: Follower | None = None,
    ) -> None:
        self.health = health
        self._clock = clock
        self._handler = handler
        self._authority = authority
        self._catalogue = catalogue
        self._elements = elements
        self._cameras = cameras
        self._ground = ground
        self._rules = rules or quality.Rules()
        trackers = quality.Trackers()
        self.reporters = Reporters(handler, authority, positions, trackers)
        self.fixes = Fixes(
            clock, self.reporters, quality.Known(self._rules, trackers, ground), positions, tracks, health, snap_distance, follower
        )
        self._running: list[asyncio.Task[None]] = []

    def authorise(self, feed: FeedSession) -> None:
        """Whether the feed may report at all. Raises NotPermitted."""
        action = Action.USE_TERMINAL if feed.actor.unit_id is not None else Action.FEED_IN
        self._authority.authorise(feed.actor, action, org_code=feed.actor.org_code)

    async def positions(self, reports: Sequence[PositionReport], feed: FeedSession) -> Refusals:
        """Check, place and keep positions; unknown units are registered first, in the feed's scope."""
        return self._count(feed, len(reports), await self.fixes.take(reports, feed))

    def hear(self, unit_id: str, feed: FeedSession) -> None:
        """The unit's device is alive and says nothing new."""
        self.fixes.hear(unit_id)
        self.health.feed(feed.name).heard(self._clock.unix_s(), 0)

    async def incidents(self, reports: Sequence[IncidentReport], feed: FeedSession) -> Refusals:
        """Receive incidents; a `source_id` received before from this feed is accepted and changes nothing."""

        async def one(report: IncidentReport) -> None:
            fields = {name: getattr(report, name) for name in report.__struct_fields__ if name != "datum"}
            if report.lon is not None and report.lat is not None:
                self._place(report.lon, report.lat, report.datum or feed.datum)
            command = c.ReceiveIncident(**fields, source=feed.name, datum=report.datum or feed.datum, channel="feed")
            await self._handler.handle(command, feed.actor)

        return await self._each(reports, feed, one)

    async def statuses(self, reports: Sequence[StatusReport], feed: FeedSession) -> Refusals:
        """Set units' statuses; the status a unit has already is accepted and changes nothing."""

        async def one(report: StatusReport) -> None:
            unit = self._handler.picture.units.get(report.unit_id)
            command = c.SetUnitStatus(unit_id=report.unit_id, status=report.status, text=report.text, channel="feed")
            if unit is None or unit.status != report.status:
                await self._handler.handle(command, feed.actor)
            else:
                self._authority.authorise_command(feed.actor, command, self._handler.picture)

        return await self._each(reports, feed, one)

    async def elements(self, reports: Sequence[ElementReport], feed: FeedSession) -> Refusals:
        """Readings (weather, events) are kept as such; what stands there is written only when it changed."""
        readings: list[Reading] = []

        async def one(report: ElementReport) -> None:
            kind = self._catalogue.kinds.get(report.element)
            if report.element == CAMERA:
                raise DispatchError("camera_as_element", "Cameras are sent as messages of type camera.")
            if kind is None or kind.source not in ("readings", "city"):
                raise DispatchError("unknown_element", f"{report.element!r} is no element a feed can write; see the catalogue.")
            lon, lat = self._place(report.lon, report.lat, report.datum or feed.datum)
            if kind.source == "readings":
                self._authority.authorise(feed.actor, Action.WRITE_ELEMENT)
                require_traffic(report.element, report.properties)
                at = _believable(report.at.timestamp(), self._clock.unix_s(), self._rules)
                readings.append(Reading(report.element, report.id, lon, lat, at, self._clock.unix_s(), report.properties))
            else:
                await self._write_element(_element(report.element, report.id, lon, lat, report.properties), feed)

        refused = await self._each(reports, feed, one)
        if readings:
            await self._elements.readings(readings)
        return refused

    async def cameras(self, reports: Sequence[CameraReport], feed: FeedSession) -> Refusals:
        """Cameras become elements without their addresses, which are kept apart."""
        sources: list[CameraSource] = []

        async def one(report: CameraReport) -> None:
            lon, lat = self._place(report.lon, report.lat, report.datum or feed.datum)
            properties = dict(report.properties)
            if report.heading_deg is not None:
                properties["heading_deg"] = report.heading_deg
            addresses = {name: getattr(report, name) for name in ADDRESSES}
            properties = self._cameras.checked(properties, addresses)
            self._cameras.authorise(feed.actor, report.camera_id, lon, lat, properties)
            await self._write_element(_element(CAMERA, report.camera_id, lon, lat, properties), feed)
            if any(addresses.values()):
                written_at = self._clock.unix_s()
                sources.append(CameraSource(camera_id=report.camera_id, feed=feed.name, written_at=written_at, **addresses))

        refused = await self._each(reports, feed, one)
        if sources:
            await asyncio.to_thread(self._cameras.write, sources)
        return refused

    def _place(self, lon: float, lat: float, datum: str) -> tuple[float, float]:
        """The point in WGS-84. Raises DispatchError when it is none of this city's."""
        lon, lat = _wgs84(lon, lat, datum)
        if self._ground is not None and not self._ground.surrounds(lon, lat):
            raise DispatchError("outside_city", f"{lon:.5f}, {lat:.5f} is far outside the city; were lon and lat exchanged?")
        return lon, lat

    async def _write_element(self, command: c.WriteElement, feed: FeedSession) -> None:
        """Only a change is an event; what stands as it stood only asks whether the feed may write it."""
        written = self._handler.picture.elements.get(command.element, {}).get(command.element_id)
        if written is not None and _same_element(written, command):
            self._authority.authorise_command(feed.actor, command, self._handler.picture)
        else:
            await self._handler.handle(command, feed.actor)

    async def _each(self, reports: Sequence[Any], feed: FeedSession, one: Callable[[Any], Awaitable[None]]) -> Refusals:
        """Handle all reports of a message together, so that they share commits. Refusals by the rule's name."""
        outcomes = await asyncio.gather(*(one(report) for report in reports), return_exceptions=True)
        refused: Refusals = []
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, DispatchError):
                refused.append((index, outcome.rule))
            elif outcome is not None:
                raise outcome
        return self._count(feed, len(reports), refused)

    def _count(self, feed: FeedSession, total: int, refused: Refusals) -> Refusals:
        stats = self.health.feed(feed.name)
        useless = sum(reason not in quality.STILL_HEARD for _, reason in refused)
        stats.heard(self._clock.unix_s(), total - len(refused), useless)
        for _, reason in refused:
            stats.reject(reason)
        return refused

    # Running ----------------------------------------------------------------------------------------------------------

    async def start(self, bus: Bus, last_known: TrackState) -> None:
        """Fill the table from picture and tracks, then follow the journal and judge datums until `stop`."""
        subscription = bus.subscribe()
        self.fixes.restore(list(self._handler.picture.units.values()), last_known)
        self._running = [asyncio.create_task(self._follow(subscription)), asyncio.create_task(self._judge())]

    async def stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = []

    async def _follow(self, subscription: Subscription) -> None:
        try:
            async for batch in subscription:
                if subscription.overflowed:
                    subscription.overflowed = False
                    self.reporters.forget()
                    self.fixes.follow_units(list(self._handler.picture.units.values()))
                else:
                    self.fixes.follow(batch)
        finally:
            subscription.close()

    async def _judge(self) -> None:
        while True:
            await asyncio.sleep(JUDGE_EVERY_S)
            await self.fixes.judge_datums()


def _wgs84(lon: float, lat: float, datum: str) -> tuple[float, float]:
    """WGS-84 of one element's place. Raises DispatchError naming what is wrong with it."""
    if datum not in TO_WGS84:
        raise DispatchError("unknown_datum", f"Datum {datum!r} is unknown. Name one of {', '.join(TO_WGS84)}.")
    if not (abs(lon) <= 180.0 and abs(lat) <= 90.0):
        raise DispatchError("not_a_number", f"{lon}, {lat} is no place; send lon and lat in degrees.")
    if lon == 0.0 and lat == 0.0:
        raise DispatchError("no_fix", "0, 0 is what a receiver without a fix sends; leave the message out.")
    if datum == "wgs84":
        return lon, lat
    there_lon, there_lat = TO_WGS84[datum](lon, lat)
    return float(there_lon), float(there_lat)


def _believable(at: float, now: float, rules: quality.Rules) -> float:
    """The instant of a reading (Unix s). Raises DispatchError when it lies ahead."""
    if at > now + rules.ahead_s:
        raise DispatchError("future", f"The reading is {at - now:.0f} s ahead of the clock; set the sender's clock.")
    return at


def _element(element: str, element_id: str, lon: float, lat: float, properties: dict[str, Any]) -> c.WriteElement:
    return c.WriteElement(element=element, element_id=element_id, lon=lon, lat=lat, properties=properties, channel="feed")


def _same_element(written: Element, command: c.WriteElement) -> bool:
    near = math.isclose(written.lon, command.lon, abs_tol=SAME_PLACE_DEG) and math.isclose(written.lat, command.lat, abs_tol=SAME_PLACE_DEG)
    return near and not written.removed and written.properties == command.properties
