"""What devices of GB/T 28181 say and are asked, out of and into the bodies of their messages. No I/O.

Names and values: GB/T 28181-2016 annex A and GB/T 28181-2022 annex A. Times of devices are China's, as in the standard.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import msgspec

from feeds.gb28181.sip import BadMessage
from feeds.gb28181.xml_text import Tree, escaped

CHINA_TIME = timezone(timedelta(hours=8))
CONTENT_TYPE = "Application/MANSCDP+xml"
# Devices and channels: 20 digits (annex E), 18 in devices made before 2011.
DEVICE_ID = re.compile(r"[0-9]{18,20}")
# The kind of a device, digits 11 to 13 of its 20.
CAMERA_KINDS = frozenset({"131", "132"})
# Of a name, an address, a description; what is longer was meant for something else.
LONGEST_TEXT = 200
ALARM_METHODS = {1: "phone", 2: "device", 3: "text_message", 4: "gps", 5: "video", 6: "device_fault", 7: "other"}


class Channel(msgspec.Struct, frozen=True):
    """One entry of a catalogue. `lon`, `lat` are None when the device does not know where its camera stands."""

    channel_id: str
    name: str
    event: str  # of a notification: ON OFF VLOST DEFECT ADD DEL UPDATE; empty in an answer
    status: str  # on | off; empty when it was not said
    lon: float | None
    lat: float | None
    details: dict[str, str]  # maker, model, civil_code, address; those that were said

    @property
    def is_camera(self) -> bool:
        return len(self.channel_id) != 20 or self.channel_id[10:13] in CAMERA_KINDS


class MobilePosition(msgspec.Struct, frozen=True):
    """Where a device was. Degrees as it has them, in the datum of the feed."""

    device_id: str
    lon: float
    lat: float
    at: datetime | None  # None: no time that exists
    speed_mps: float | None
    heading_deg: float | None


class Alarm(msgspec.Struct, frozen=True):
    device_id: str
    method: int  # one of ALARM_METHODS
    priority: int  # 1 most urgent to 4
    at: datetime | None
    text: str
    lon: float | None
    lat: float | None
    alarm_type: str  # a number that means something within its method


def device_id(tree: Tree) -> str:
    """The device a message is about. Raises BadMessage("bad_body")."""
    given = tree.get("DeviceID")
    if not DEVICE_ID.fullmatch(given):
        raise BadMessage("bad_body")
    return given


def channels(tree: Tree) -> Iterator[Channel | BadMessage]:
    """Entries of a catalogue; one whose id is none is a BadMessage among them."""
    for item in tree.find("Item"):
        channel_id = item.get("DeviceID")
        if not DEVICE_ID.fullmatch(channel_id):
            yield BadMessage("bad_body")
            continue
        lon, lat = _place(item.get("Longitude"), item.get("Latitude"))
        said = {
            "maker": item.get("Manufacturer"),
            "model": item.get("Model"),
            "civil_code": item.get("CivilCode"),
            "address": item.get("Address"),
        }
        details = {name: text[:LONGEST_TEXT] for name, text in said.items() if text}
        status = {"ON": "on", "OK": "on", "ONLINE": "on", "OFF": "off", "OFFLINE": "off"}.get(item.get("Status").upper(), "")
        yield Channel(channel_id, item.get("Name")[:LONGEST_TEXT], item.get("Event").upper(), status, lon, lat, details)


def total(tree: Tree) -> int:
    """How many entries an answer has in all its parts. Raises BadMessage("bad_body")."""
    told = tree.get("SumNum")
    if not (told.isascii() and told.isdigit()) or len(told) > 7:
        raise BadMessage("bad_body")
    return int(told)


def mobile_positions(tree: Tree) -> Iterator[MobilePosition | BadMessage]:
    """One position (2016), or a list of them (2022); what is no position is a BadMessage among them."""
    items = list(tree.find("Item"))
    for item in items or [tree]:
        try:
            yield MobilePosition(
                device_id=device_id(item if item.get("DeviceID") else tree),
                lon=_number(item.get("Longitude")),
                lat=_number(item.get("Latitude")),
                at=instant(item.get("CaptureTime") or item.get("Time") or tree.get("Time")),
                speed_mps=_optional(item.get("Speed"), 1 / 3.6),
                heading_deg=_optional(item.get("Direction"), 1.0),
            )
        except BadMessage as bad:
            yield bad


def alarm(tree: Tree) -> Alarm:
    """Raises BadMessage("bad_body")."""
    method, priority = tree.get("AlarmMethod"), tree.get("AlarmPriority")
    if method not in map(str, ALARM_METHODS) or priority not in ("1", "2", "3", "4"):
        raise BadMessage("bad_body")
    lon, lat = _place(tree.get("Longitude"), tree.get("Latitude"))
    alarm_type = next((info.text.strip() for info in tree.find("AlarmType")), "")
    text = tree.get("AlarmDescription")[:LONGEST_TEXT]
    return Alarm(device_id(tree), int(method), int(priority), instant(tree.get("AlarmTime")), text, lon, lat, alarm_type[:20])


def query(command: str, serial: int, of_device: str, *more: tuple[str, str]) -> bytes:
    """A question, or what a subscription asks for."""
    return _body("Query", command, serial, of_device, *more)


def response(command: str, serial: str, of_device: str) -> bytes:
    """What the standard wants as answer to an alarm, beside the 200. `serial` is the device's."""
    return _body("Response", command, serial, of_device, ("Result", "OK"))


def instant(text: str) -> datetime | None:
    """2017-07-26T11:27:00, with or without parts of seconds and an offset; None when it is no time."""
    try:
        told = datetime.fromisoformat(text)
        return (told if told.tzinfo is not None else told.replace(tzinfo=CHINA_TIME)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def date_field(now: datetime) -> str:
    """Time for devices to set their clocks by, in the answer to a registration."""
    return now.astimezone(CHINA_TIME).strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}"


def _body(kind: str, command: str, serial: int | str, of_device: str, *more: tuple[str, str]) -> bytes:
    fields = [("CmdType", command), ("SN", str(serial)), ("DeviceID", of_device), *more]
    lines = "".join(f"<{name}>{escaped(value)}</{name}>\r\n" for name, value in fields)
    return f'<?xml version="1.0" encoding="GB2312"?>\r\n<{kind}>\r\n{lines}</{kind}>\r\n'.encode("gb18030")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadMessage("bad_body") from None


def _optional(text: str, factor: float) -> float | None:
    try:
        value = float(text) * factor
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0.0 else None


def _place(lon: str, lat: str) -> tuple[float, float] | tuple[None, None]:
    """Degrees; 0, 0 and what is no number is no place."""
    try:
        place = float(lon), float(lat)
    except ValueError:
        return None, None
    return place if all(map(math.isfinite, place)) and any(place) else (None, None)
