"""Lists of one catalogue element from CSV or GeoJSON: every row is written or rejected with its reason."""

from __future__ import annotations

import asyncio
import csv
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch.catalogue import Catalogue
from dispatch.duty_commands import WriteElement
from dispatch.errors import DispatchError
from dispatch.model import Actor
from operations.incidents.writer import MAX_BATCH
from operations.records.csv_encoding import encoding_of
from operations.records.incident_import import ImportRefused

if TYPE_CHECKING:
    from operations.incidents.handle import Handler


@dataclass
class ElementList:
    """What a file gave; `rejects` are (row, reason), rows counted from 1."""

    elements: list[WriteElement] = field(default_factory=list)
    rows: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)


def require_importable(catalogue: Catalogue, element: str) -> None:
    """Raises ImportRefused unless `element` is in the catalogue and stands still, as a list of things does."""
    lists = sorted(kind.id for kind in catalogue.kinds.values() if kind.source == "city")
    if element in lists:
        return
    kind = catalogue.kinds.get(element)
    said = f"There is no element {element!r} in the catalogue" if kind is None else f"{element} comes from {kind.source}, not from a list"
    raise ImportRefused(f"{said}; import one of {', '.join(lists)}.")


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a CSV or features of a GeoJSON: `id`, `lon`, `lat` and what else there is. Raises ImportRefused when it is neither."""
    return _geojson(path) if path.suffix.lower() in (".geojson", ".json") else _csv(path)


def read_elements(path: Path, element: str) -> ElementList:
    """Read a CSV (columns id, lon, lat; every other column becomes a property) or a GeoJSON FeatureCollection of points.

    Raises ImportRefused when the file is neither.
    """
    result, seen = ElementList(), set()
    for number, row in enumerate(rows_of(path), start=1):
        result.rows += 1
        try:
            command = element_of(element, row)
            if command.element_id in seen:
                raise ValueError(f"id {command.element_id!r} is there twice")
        except ValueError as error:
            result.rejects.append((number, str(error)))
            continue
        seen.add(command.element_id)
        result.elements.append(command)
    return result


async def write_elements(handler: Handler, elements: Iterable[WriteElement], actor: Actor) -> tuple[int, list[str]]:
    """Write them, many to a commit; how many were written, and what the rest was refused for."""
    written, refused, waiting = 0, [], list(elements)
    for start in range(0, len(waiting), MAX_BATCH):
        some = waiting[start : start + MAX_BATCH]
        outcomes = await asyncio.gather(*(handler.handle(command, actor) for command in some), return_exceptions=True)
        for command, outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, DispatchError):
                refused.append(f"{command.element_id}: {outcome.detail}")
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                written += 1
    return written, refused


def _csv(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding=encoding_of(path), newline="") as file:
            reader = csv.DictReader(file, restval="")
            missing = {"id", "lon", "lat"} - set(reader.fieldnames or [])
            if missing:
                # A list without a header has its first row there, which may hold an address with its password.
                found = ", ".join("(address)" if "://" in name else name for name in reader.fieldnames or []) or "no header"
                raise ImportRefused(f"{path} has no column {', '.join(sorted(missing))}; it has: {found[:400]}. Name them id, lon, lat.")
            yield from reader
    except OSError as error:
        raise ImportRefused(f"{path} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImportRefused(f"{path} is no CSV in UTF-8 or GBK: {error}; in Excel save it as CSV UTF-8") from None


def _geojson(path: Path) -> Iterator[dict[str, Any]]:
    try:
        collection = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ImportRefused(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise ImportRefused(f"{path} is no JSON: {error}") from None
    features = collection.get("features") if isinstance(collection, dict) else None
    if not isinstance(features, list):
        raise ImportRefused(f"{path} is no GeoJSON FeatureCollection; export one with Point features")
    for feature in features:
        feature = feature if isinstance(feature, dict) else {}
        geometry, properties = feature.get("geometry") or {}, feature.get("properties") or {}
        lon, lat = (*(geometry.get("coordinates") or ()), "", "")[:2] if geometry.get("type") == "Point" else ("", "")
        yield {**properties, "id": feature.get("id", properties.get("id", "")), "lon": lon, "lat": lat}


def element_of(element: str, row: dict[str, Any]) -> WriteElement:
    """One row as a command. Raises ValueError with what is wrong."""
    element_id = str(row.get("id") or "").strip()
    if not element_id:
        raise ValueError("it has no id")
    try:
        lon, lat = float(row["lon"]), float(row["lat"])
    except (TypeError, ValueError):
        raise ValueError(f"{element_id}: lon {row['lon']!r}, lat {row['lat']!r} is no point") from None
    if not (math.isfinite(lon) and math.isfinite(lat) and -180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError(f"{element_id}: {lon}, {lat} is nowhere; lon is -180 to 180, lat -90 to 90, in WGS-84")
    properties = {
        key: value for key, value in row.items() if key not in ("id", "lon", "lat") and key is not None and value not in ("", None)
    }
    return WriteElement(element=element, element_id=element_id, lon=lon, lat=lat, properties=properties)
