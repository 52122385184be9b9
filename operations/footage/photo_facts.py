"""What a camera wrote into a photo beside the picture (EXIF): where and when it was taken. A claim of the camera, as any position is.

Of JPEG, which is what cameras and phones' browsers send. To find it in PNG or WebP the picture would have to be decoded, and a
hostile one be as large in memory as it likes; HEIC keeps what it has in its file, unread. Blocks on the disk: call it from a thread.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from PIL import ExifTags, Image

from geodata.datum import TO_WGS84

log = structlog.get_logger(__name__)

# Only headers are read here and no pixel is decoded, so a picture that claims a million pixels a side costs nothing.
Image.MAX_IMAGE_PIXELS = None
# As cameras write the name of the datum, letters and digits alone; none written is WGS-84 (Exif 2.32, 4.6.6).
_DATUMS = {"": "wgs84", "WGS84": "wgs84", "CGCS2000": "cgcs2000", "GCJ02": "gcj02", "BD09": "bd09"}
_TIME = "%Y:%m:%d %H:%M:%S"


class PhotoFacts(NamedTuple):
    """None where the camera wrote nothing, or nothing that can be meant."""

    lon: float | None = None  # WGS-84
    lat: float | None = None
    taken_at: datetime | None = None  # aware, UTC


NONE = PhotoFacts()


def read_photo_facts(path: Path, media_type: str, zone: tzinfo) -> PhotoFacts:
    """What the photo says of itself; `zone` is that of cameras that write their local time without one."""
    if media_type != "image/jpeg":
        return NONE
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            exif = image.getexif()
            place, shot = exif.get_ifd(ExifTags.IFD.GPSInfo), exif.get_ifd(ExifTags.IFD.Exif)
            lon, lat = _place(place)
            return PhotoFacts(lon, lat, _taken_at(shot, place, zone))
    except Exception as unreadable:  # the file comes from outside and its reader may trip over anything; it is kept all the same
        log.info("photo_facts_unreadable", path=path.name, reason=f"{type(unreadable).__name__}: {unreadable}"[:200])
        return NONE


def _place(gps: dict[int, Any]) -> tuple[float, float] | tuple[None, None]:
    tags = ExifTags.GPS
    lon = _degrees(gps.get(tags.GPSLongitude), gps.get(tags.GPSLongitudeRef), "EW", 180.0)
    lat = _degrees(gps.get(tags.GPSLatitude), gps.get(tags.GPSLatitudeRef), "NS", 90.0)
    datum = _DATUMS.get("".join(c for c in str(gps.get(tags.GPSMapDatum, "")).upper() if c.isalnum()))
    if lon is None or lat is None or datum is None or (lon == 0.0 and lat == 0.0):
        return None, None
    moved_lon, moved_lat = TO_WGS84[datum](lon, lat)
    return float(moved_lon), float(moved_lat)


def _degrees(parts: Any, reference: Any, references: str, most: float) -> float | None:
    """Degrees, minutes and seconds with their letter; None when they are no angle of at most `most`."""
    if not isinstance(parts, tuple) or len(parts) != 3 or not isinstance(reference, str) or reference[:1] not in tuple(references):
        return None
    degrees, minutes, seconds = (float(part) for part in parts)
    angle = degrees + minutes / 60 + seconds / 3600
    if not (math.isfinite(angle) and 0.0 <= angle <= most):
        return None
    return angle if reference[0] == references[0] else -angle


def _taken_at(shot: dict[int, Any], gps: dict[int, Any], zone: tzinfo) -> datetime | None:
    """The camera's own time with its offset; else the satellites'; else the camera's as local time."""
    base, tags = ExifTags.Base, ExifTags.GPS
    written, offset = shot.get(base.DateTimeOriginal), shot.get(base.OffsetTimeOriginal)
    if isinstance(written, str) and isinstance(offset, str) and (at := _parsed(f"{written} {offset.strip()}", f"{_TIME} %z")):
        return at
    clock = gps.get(tags.GPSTimeStamp)
    if isinstance(clock, tuple) and len(clock) == 3:
        hour, minute, second = (int(float(part)) for part in clock)
        if at := _parsed(f"{gps.get(tags.GPSDateStamp)} {hour:02}:{minute:02}:{second:02} +0000", f"{_TIME} %z"):
            return at
    local = _parsed(str(written), _TIME)
    return None if local is None else local.replace(tzinfo=zone).astimezone(UTC)


def _parsed(text: str, form: str) -> datetime | None:
    try:
        at = datetime.strptime(text, form)  # noqa: DTZ007 without one where the camera wrote none
    except ValueError:
        return None
    return at if at.tzinfo is None else at.astimezone(UTC)
