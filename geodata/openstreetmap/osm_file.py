"""An OpenStreetMap extract as a file: which one it is, and what is said of one that can't be read."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import osmium

from geodata.building.source import SourceFile
from geodata.cities.city import CityError


def extract(path: Path) -> osmium.io.File:
    """The file for osmium, whatever its name ends in."""
    return osmium.io.File(str(path), "pbf")


def source_file(path: Path) -> SourceFile:
    """Name, size, checksum and date of an extract. Raises CityError."""
    if not path.is_file():
        raise CityError(f"{path} is not there. Give the path of an OpenStreetMap extract (.osm.pbf).")
    size_bytes = path.stat().st_size
    if size_bytes == 0:
        raise CityError(f"{path} is empty. Fetch the extract again.")
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        header = osmium.io.Reader(extract(path), osmium.osm.NOTHING).header()
    except (OSError, RuntimeError) as error:
        raise unreadable(path, error) from error
    data_at = header.get("osmosis_replication_timestamp") or header.get("timestamp") or ""
    return SourceFile(path.name, size_bytes, sha256, _instant(data_at))


def unreadable(path: Path, error: Exception) -> CityError:
    return CityError(f"{path} can't be read as an OpenStreetMap extract (.osm.pbf): {error}. Another format, or cut off: fetch it again.")


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
