"""Historical incidents from a CSV file with a mapping (TOML): each row becomes part of an incident or a named reject.

The whole file is read before anything is stored, and stored in one transaction: a file with wrong columns changes nothing,
and importing the same file twice changes nothing the second time.
"""

from __future__ import annotations

import csv
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from dispatch.model import Grade
from dispatch.past import SHOWN_AT_MOST, PastIncident, PastResponse

_NUMBER_PAIR = re.compile(r"^\(?\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*\)?$")
# A cell longer than this is no value of a table of incidents.
_MAX_CELL = 10_000


class ImportRefused(Exception):
    """The file or the mapping can't be used at all; nothing was stored. The message names the value and the remedy."""


class SourceMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[source]`: whose records these are and how their times are written."""

    name: str
    time_zone: str
    time_format: str = "%Y-%m-%dT%H:%M:%S"
    encoding: str = "utf-8-sig"
    delimiter: str = ","


class IncidentMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[incident]`: columns of the incident itself. The point is one column (`point`) or two (`lon`, `lat`)."""

    id: str
    type: str
    received: str
    address: str = ""
    point: str = ""
    point_order: str = "lon,lat"
    lon: str = ""
    lat: str = ""
    grade: str = ""
    grades: dict[str, int] = {}
    default_grade: int = 3
    disposition: str = ""


class ResponseMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[response]`: columns of one unit's response in the same row."""

    id: str
    unit: str
    pushed: str = ""
    departed: str = ""
    arrived: str = ""
    cleared: str = ""


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole mapping file."""

    source: SourceMapping
    incident: IncidentMapping
    response: ResponseMapping | None = None

    def columns(self) -> list[str]:
        """Every column the mapping names."""
        i, r = self.incident, self.response
        names = [i.id, i.type, i.received, i.address, i.point, i.lon, i.lat, i.grade, i.disposition]
        if r is not None:
            names += [r.id, r.unit, r.pushed, r.departed, r.arrived, r.cleared]
        return [name for name in names if name]


@dataclass
class ImportResult:
    """What a file gave. `rejects` are (line, reason); `remarks` count what was kept although something is odd."""

    incidents: list[PastIncident] = field(default_factory=list)
    rows: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)

    @property
    def responses(self) -> int:
        return sum(len(incident.responses) for incident in self.incidents)


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises ImportRefused naming the field that is wrong."""
    try:
        mapping = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
        ZoneInfo(mapping.source.time_zone)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ImportRefused(f"mapping {path} can't be used: {error}. See docs/examples/ for one that works.") from None
    except (ZoneInfoNotFoundError, ValueError):
        raise ImportRefused(f"mapping {path}: time_zone {mapping.source.time_zone!r} is unknown; write e.g. Asia/Shanghai") from None
    for grade in (*mapping.incident.grades.values(), mapping.incident.default_grade):
        if grade not in tuple(Grade):
            raise ImportRefused(f"mapping {path}: grade {grade} is none of ours; write 1 (most urgent) to 4 in grades and default_grade")
    if mapping.incident.point_order not in ("lon,lat", "lat,lon"):
        raise ImportRefused(f"mapping {path}: point_order {mapping.incident.point_order!r} must be 'lon,lat' or 'lat,lon'")
    return mapping


def read_incidents(path: Path, mapping: Mapping) -> ImportResult:
    """Read a CSV file of incidents. Raises ImportRefused when it is no such table; single bad rows become rejects."""
    result = ImportResult()
    rows_by_id: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for line, row in _rows(path, mapping):
        result.rows += 1
        source_id = row[mapping.incident.id].strip()
        if not source_id:
            result.rejects.append((line, f"no incident id in column {mapping.incident.id!r}"))
            continue
        rows_by_id.setdefault(source_id, []).append((line, row))
    reader = _RowReader(mapping, result)
    seen: set[str] = set()
    for source_id, rows in rows_by_id.items():
        incident = reader.incident(source_id, rows, seen)
        if incident is not None:
            result.incidents.append(incident)
    return result


def _rows(path: Path, mapping: Mapping) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(_MAX_CELL)
    try:
        with path.open(encoding=mapping.source.encoding, newline="") as file:
            reader = csv.DictReader(file, delimiter=mapping.source.delimiter, restval="")
            missing = [name for name in mapping.columns() if name not in (reader.fieldnames or [])]
            if missing:
                found = ", ".join(reader.fieldnames or []) or "no header at all"
                raise ImportRefused(f"{path} has no column {', '.join(map(repr, missing))}; it has: {found[:600]}. Correct the mapping.")
            for row in reader:
                yield reader.line_num, row
    except OSError as error:
        raise ImportRefused(f"{path} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, LookupError, csv.Error) as error:
        raise ImportRefused(f"{path} is no CSV in {mapping.source.encoding}: {error}. Set [source] encoding or delimiter.") from None


class _RowReader:
    """Turns the rows of one incident into a PastIncident, writing rejects and remarks as it goes."""

    def __init__(self, mapping: Mapping, result: ImportResult) -> None:
        self._mapping = mapping
        self._result = result
        self._zone = ZoneInfo(mapping.source.time_zone)

    def incident(self, source_id: str, rows: list[tuple[int, dict[str, str]]], seen: set[str]) -> PastIncident | None:
        columns = self._mapping.incident
        received: list[datetime] = []
        responses = []
        good_row: dict[str, str] | None = None
        for line, row in rows:
            try:
                at = self._instant(row, columns.received)
                if at is None:
                    raise ValueError(f"no time in column {columns.received!r}")
                response = self._response(row, seen)
            except ValueError as error:
                self._result.rejects.append((line, str(error)))
                continue
            received.append(at)
            good_row = good_row or row
            if response is not None:
                responses.append(response)
        if good_row is None:
            return None
        if len(set(received)) > 1:
            self._result.remarks["received times differ between rows of one incident; the earliest was taken"] += 1
        if any(at - min(received) > SHOWN_AT_MOST for one in responses for at in one.times):
            self._result.remarks[f"times more than {SHOWN_AT_MOST.days} days after the reception; a replay ends the incident there"] += 1
        lon, lat = self._point(good_row)
        return PastIncident(
            source=self._mapping.source.name,
            source_id=source_id,
            incident_type=good_row[columns.type].strip(),
            grade=self._grade(good_row),
            received_at=min(received),
            address=good_row[columns.address].strip() if columns.address else "",
            lon=lon,
            lat=lat,
            disposition=good_row[columns.disposition].strip() if columns.disposition else "",
            responses=tuple(responses),
        )

    def _grade(self, row: dict[str, str]) -> int:
        columns = self._mapping.incident
        grade = columns.grades.get(row[columns.grade].strip()) if columns.grade else columns.default_grade
        if grade is None:
            self._result.remarks[f"{columns.grade!r} says what is not in grades; default_grade was taken"] += 1
        return columns.default_grade if grade is None else grade

    def _response(self, row: dict[str, str], seen: set[str]) -> PastResponse | None:
        columns = self._mapping.response
        if columns is None:
            return None
        response_id = row[columns.id].strip()
        if not response_id or response_id in seen:
            raise ValueError(f"response id {response_id!r} is {'repeated' if response_id else 'missing'} in column {columns.id!r}")
        response = PastResponse(
            response_id=response_id,
            unit=row[columns.unit].strip(),
            pushed_at=self._instant(row, columns.pushed),
            departed_at=self._instant(row, columns.departed),
            arrived_at=self._instant(row, columns.arrived),
            cleared_at=self._instant(row, columns.cleared),
        )
        seen.add(response_id)
        for name in response.missing:
            self._result.remarks[f"response without {name}"] += 1
        if not response.is_in_order:
            self._result.remarks["response with stages out of order"] += 1
        return response

    def _instant(self, row: dict[str, str], column: str) -> datetime | None:
        text = row[column].strip() if column else ""
        if not text:
            return None
        try:
            local = datetime.strptime(text, self._mapping.source.time_format)  # noqa: DTZ007 - the zone is added next
        except ValueError:
            raise ValueError(f"{text[:40]!r} in column {column!r} is no time of the form {self._mapping.source.time_format}") from None
        aware = local if local.tzinfo is not None else local.replace(tzinfo=self._zone)
        try:
            instant = aware.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{text!r} in column {column!r} lies beyond the years that a time can have") from None
        if local.tzinfo is None:
            if instant.astimezone(self._zone).replace(tzinfo=None) != local:
                raise ValueError(f"{text!r} in column {column!r} does not exist in {self._zone.key}: clocks were put forward over it")
            if aware.utcoffset() != aware.replace(fold=1).utcoffset():
                self._result.remarks["ambiguous local time (clocks put back); the earlier was taken"] += 1
        return instant

    def _point(self, row: dict[str, str]) -> tuple[float | None, float | None]:
        columns = self._mapping.incident
        text = row[columns.point] if columns.point else f"{row.get(columns.lon, '')},{row.get(columns.lat, '')}"
        match = _NUMBER_PAIR.match(text.strip())
        if match is None:
            self._result.remarks["incident without a usable point"] += 1
            return None, None
        first, second = float(match[1]), float(match[2])
        swapped = columns.point != "" and columns.point_order == "lat,lon"
        lon, lat = (second, first) if swapped else (first, second)
        if not (math.isfinite(lon) and -180 <= lon <= 180 and -90 <= lat <= 90) or (lon, lat) == (0.0, 0.0):
            self._result.remarks["incident without a usable point"] += 1
            return None, None
        return lon, lat
