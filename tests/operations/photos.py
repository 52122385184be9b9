"""Small photos with what a camera writes into them."""

from __future__ import annotations

import io
from typing import Any

from PIL import ExifTags, Image


def taken(lon: float | None = None, lat: float | None = None, written: str = "", offset: str = "", **gps: Any) -> bytes:
    """A grey picture taken there and then; further tags of the place by their names, such as GPSMapDatum."""
    exif = Image.Exif()
    place, shot = exif.get_ifd(ExifTags.IFD.GPSInfo), exif.get_ifd(ExifTags.IFD.Exif)
    if lon is not None and lat is not None:
        place[ExifTags.GPS.GPSLongitude], place[ExifTags.GPS.GPSLongitudeRef] = _parts(lon), "E" if lon >= 0 else "W"
        place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLatitudeRef] = _parts(lat), "N" if lat >= 0 else "S"
    for name, value in gps.items():
        place[ExifTags.GPS[name]] = value
    if written:
        shot[ExifTags.Base.DateTimeOriginal] = written
    if offset:
        shot[ExifTags.Base.OffsetTimeOriginal] = offset
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "grey").save(out, "JPEG", exif=exif)
    return out.getvalue()


def _parts(degrees: float) -> tuple[float, float, float]:
    whole, rest = divmod(abs(degrees), 1.0)
    minutes, rest = divmod(rest * 60, 1.0)
    return whole, minutes, round(rest * 60, 4)
