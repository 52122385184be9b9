"""What devices say, as reports: channels become cameras, positions those of units, alarms are shown where they rang.

Cameras that a person has placed stay where they were placed when their device does not know where they stand. A device speaks for
its own channels only: the first that names a channel has it until it logs out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from dispatch.clock import Clock
from dispatch.model import Element, Grade
from dispatch.organisations import CODE_LENGTH, OrganisationTree
from dispatch.picture import OperatingPicture
from feeds.gb28181.messages import ALARM_METHODS, Alarm, Channel, MobilePosition
from feeds.gb28181.sip import BadMessage
from operations.health import FeedHealth
from operations.tracking.fixes import Refusals
from operations.tracking.intake import Commands
from operations.tracking.reports import CameraReport, FeedSession, IncidentReport, PositionReport

CAMERA = "street_camera"
SCHEME = "gb28181"
# Alarms of one device in the same way, each within this of the one before, are one alarm: motion rings every few seconds.
SAME_ALARM_S = 300.0
# Cameras of all devices together; their ids are kept.
MAX_CHANNELS = 200_000
_EVENTS = {"ON": "on", "OFF": "off", "VLOST": "fault", "DEFECT": "fault", "DEL": "removed"}


class Sink(Protocol):
    """What is needed of the intake."""

    async def cameras(self, reports: Sequence[CameraReport], feed: FeedSession) -> Refusals: ...

    async def positions(self, reports: Sequence[PositionReport], feed: FeedSession) -> Refusals: ...

    async def incidents(self, reports: Sequence[IncidentReport], feed: FeedSession) -> Refusals: ...

    def hear(self, unit_id: str, feed: FeedSession) -> None: ...


class Options(msgspec.Struct, frozen=True):
    """What the site has decided."""

    open_registration: bool = False  # devices that no unit carries make one when they send positions
    incident_types: dict[int, str] = {}  # by alarm method; those of other methods become no incident


class Reporter:
    """One a listener."""

    def __init__(
        self,
        sink: Sink,
        handler: Commands,
        organisations: OrganisationTree,
        feed: FeedSession,
        stats: FeedHealth,
        clock: Clock,
        options: Options,
    ) -> None:
        self._sink = sink
        self._handler = handler
        self._organisations = organisations
        self._feed = feed
        self._stats = stats
        self._clock = clock
        self._options = options
        self._owner: dict[str, str] = {}  # by channel: the device that has named it
        self._alarms: dict[tuple[str, int], tuple[datetime, datetime]] = {}  # by device and method: the first and the last of one alarm
        self.unplaced: set[str] = set()  # cameras whose place nobody has told

    def forget(self, device_id: str) -> None:
        """The device has logged out: its channels may be another's."""
        for channel_id in [channel_id for channel_id, owner in self._owner.items() if owner == device_id]:
            del self._owner[channel_id]
            self.unplaced.discard(channel_id)

    def hear(self, device_id: str) -> None:
        """A device that a crew carries is alive."""
        unit_id = self._picture.unit_by_tracker.get(device_id)
        if unit_id is not None:
            self._sink.hear(unit_id, self._feed)

    async def channels(self, device_id: str, entries: Iterable[Channel | BadMessage]) -> list[str]:
        """Take entries of a catalogue; the ids that were entries at all."""
        named: list[str] = []
        reports = []
        for entry in entries:
            if isinstance(entry, BadMessage):
                self._stats.reject(entry.reason)
                continue
            named.append(entry.channel_id)
            if self._is_its(device_id, entry.channel_id) and (report := self._camera(device_id, entry)) is not None:
                reports.append(report)
        if reports:
            await self._sink.cameras(reports, self._feed)
        return named

    async def positions(self, device_id: str, positions: Iterable[MobilePosition | BadMessage]) -> None:
        reports = []
        for position in positions:
            if isinstance(position, BadMessage):
                self._stats.reject(position.reason)
            elif position.at is None:
                self._stats.reject("bad_time")
            elif self._is_its(device_id, position.device_id) and (unit_id := self._unit_of(position.device_id)) is not None:
                reports.append(_position(position, position.at, unit_id))
        if reports:
            await self._sink.positions(reports, self._feed)

    async def alarm(self, device_id: str, alarm: Alarm) -> None:
        """Show an alarm at its camera, as its newest; it becomes an incident where the site wants that of its method."""
        if not self._is_its(device_id, alarm.device_id):
            return
        if alarm.at is None:
            self._stats.reject("bad_time")
            return
        camera = self._written(alarm.device_id)
        begun = self._begun(alarm, alarm.at)
        incident_type = self._options.incident_types.get(alarm.method)
        if incident_type is not None:
            await self._sink.incidents([_incident(alarm, begun, incident_type, camera)], self._feed)
        if camera is not None:
            told = {
                "alarm": ALARM_METHODS[alarm.method],
                "alarm_priority": alarm.priority,
                "alarm_at": begun.isoformat(),
                "alarm_text": alarm.text,
            }
            shown = CameraReport(
                camera_id=alarm.device_id, lon=camera.lon, lat=camera.lat, datum="wgs84", properties=dict(camera.properties) | told
            )
            await self._sink.cameras([shown], self._feed)
        elif incident_type is None:
            self._stats.reject("alarm_without_camera")

    @property
    def _picture(self) -> OperatingPicture:
        return self._handler.picture

    def _written(self, camera_id: str) -> Element | None:
        written = self._picture.elements.get(CAMERA, {}).get(camera_id)
        return None if written is None or written.removed else written

    def _is_its(self, device_id: str, channel_id: str) -> bool:
        """Whether the channel is this device's; one that nobody has is from now on."""
        if device_id == channel_id:
            return True
        owner = self._owner.get(channel_id)
        if owner is None and len(self._owner) < MAX_CHANNELS:
            owner = self._owner[channel_id] = device_id
        if owner != device_id:
            self._stats.reject("not_own_channel" if owner is not None else "too_many_channels")
        return owner == device_id

    def _camera(self, device_id: str, entry: Channel) -> CameraReport | None:
        """None for what is no camera, is carried by a crew, or stands nobody knows where."""
        if not entry.is_camera or entry.channel_id in self._picture.unit_by_tracker:
            return None
        written = self._written(entry.channel_id)
        if entry.lon is not None and entry.lat is not None:
            lon, lat, datum = entry.lon, entry.lat, None
        elif written is not None:
            lon, lat, datum = written.lon, written.lat, "wgs84"
        else:
            self.unplaced.add(entry.channel_id)
            return None
        self.unplaced.discard(entry.channel_id)
        # A notification may tell a change of state alone: what was told before stays.
        properties = dict(written.properties) if written is not None else {}
        status = _EVENTS.get(entry.event) or entry.status
        properties |= {name: text for name, text in (("name", _printable(entry.name)), ("status", status)) if text} | entry.details
        org_code = entry.details.get("civil_code", "").ljust(CODE_LENGTH, "0")
        if self._organisations.get(org_code) is not None:
            properties["org_code"] = org_code
        url = f"{SCHEME}://{device_id}/{entry.channel_id}"
        return CameraReport(camera_id=entry.channel_id, lon=lon, lat=lat, datum=datum, url=url, properties=properties)

    def _unit_of(self, device_id: str) -> str | None:
        unit_id = self._picture.unit_by_tracker.get(device_id)
        if unit_id is None and self._options.open_registration:
            # A unit made for it is not named by its number, which everybody who sees the map would see.
            unit_id = f"{SCHEME}-{hashlib.sha256(device_id.encode()).hexdigest()[:10]}"
        if unit_id is None:
            self._stats.reject("unknown_tracker")
        return unit_id

    def _begun(self, alarm: Alarm, at: datetime) -> datetime:
        """When the alarm began that this one belongs to."""
        key = (alarm.device_id, alarm.method)
        first, last = self._alarms.get(key, (at, at))
        if abs((at - last).total_seconds()) > SAME_ALARM_S:
            first = last = at
        if len(self._alarms) >= MAX_CHANNELS:
            self._alarms.clear()
        self._alarms[key] = (first, max(last, at))
        return first


def _position(position: MobilePosition, at: datetime, unit_id: str) -> PositionReport:
    return PositionReport(
        unit_id=unit_id,
        tracker_id=position.device_id,
        lon=position.lon,
        lat=position.lat,
        position_at=at,
        speed_mps=position.speed_mps,
        heading_deg=position.heading_deg,
    )


def _incident(alarm: Alarm, begun: datetime, incident_type: str, camera: Element | None) -> IncidentReport:
    place = _place(alarm, camera)
    lon, lat, datum = place if place is not None else (None, None, None)
    return IncidentReport(
        incident_type=incident_type,
        grade=Grade(min(alarm.priority, Grade.ORDINARY)),  # the fourth is no 非警务, only the least
        source_id=f"{alarm.device_id}/{alarm.method}/{begun:%Y%m%dT%H%M%S}",
        text=alarm.text,
        lon=lon,
        lat=lat,
        address=_name(camera, alarm.device_id),
        called_at=begun,
        datum=datum,
    )


def _place(alarm: Alarm, camera: Element | None) -> tuple[float, float, str | None] | None:
    """Where it rang: the camera's place on the map, which somebody may have corrected, before the device's own."""
    if camera is not None:
        return camera.lon, camera.lat, "wgs84"
    return (alarm.lon, alarm.lat, None) if alarm.lon is not None and alarm.lat is not None else None


def _name(camera: Element | None, device_id: str) -> str:
    return str(camera.properties.get("name") or device_id) if camera is not None else device_id


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())
