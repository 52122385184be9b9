"""What comes in over HTTP, checked value by value; a wrong one is named. Also what several routes share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from fastapi import Header, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, WithJsonSchema

from dashboard.problems import FieldError, InvalidFields
from dispatch.model import Grade, UnitKind
from geodata.datum import to_wgs84

if TYPE_CHECKING:
    from operations.services import Services

# How far outside the streets' extent a point may lie: an incident at sea is real, one in another province is a mistake.
OUTSIDE_DEG = 0.1
MAX_ID, MAX_NAME, MAX_TEXT = 64, 200, 4000  # characters
MAX_JSON = 64 * 1024  # bytes of a free object
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


def _instant(value: Any) -> datetime:
    """ISO 8601 with an offset, as UTC. A number or a time without offset is no instant."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("give a time as ISO 8601 text with an offset, such as 2026-05-01T08:00:00+08:00")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value[:40]!r} is no ISO 8601 time; write 2026-05-01T08:00:00+08:00") from None
    if at.tzinfo is None:
        raise ValueError(f"{value[:40]!r} has no offset from UTC; add one, such as +08:00 or Z (in a URL: %2B08:00)")
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        at = datetime.min.replace(tzinfo=UTC)
    if at < EARLIEST:
        raise ValueError(f"{value[:40]!r} is before {EARLIEST.year}; correct it")
    return at


def _json(value: Any) -> Any:
    """A free object, bounded and storable; not-a-number becomes null."""
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"can't be written as JSON: {error}") from None
    if len(encoded) > MAX_JSON:
        raise ValueError(f"takes {len(encoded)} bytes; send at most {MAX_JSON}")
    return msgspec.json.decode(encoded)


JsonObject = Annotated[dict[str, Any], BeforeValidator(_json)]
_INSTANT = {"type": "string", "format": "date-time", "examples": ["2026-05-01T20:00:00+08:00"]}
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema(_INSTANT)]
At = Annotated[Instant | None, Query(description="as of this past moment; default: now", examples=[None])]
Longitude = Annotated[FiniteFloat, Field(ge=-180, le=180, description="degrees east", examples=[121.5503])]
Latitude = Annotated[FiniteFloat, Field(ge=-90, le=90, description="degrees north", examples=[29.8739])]
Metres = Annotated[FiniteFloat, Field(ge=0, le=100_000)]
Datum = Literal["wgs84", "cgcs2000", "gcj02", "bd09"]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID, pattern=r"^[^\x00-\x1f/]+$")]
Name = Annotated[str, Field(max_length=MAX_NAME)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
GradeNumber = Annotated[Grade, Field(description="1 major 重大, 2 urgent 紧急, 3 ordinary 一般, 4 non-police 非警务")]

LonQuery = Annotated[FiniteFloat, Query(ge=-180, le=180, description="degrees east, WGS-84", examples=[121.5503])]
LatQuery = Annotated[FiniteFloat, Query(ge=-90, le=90, description="degrees north, WGS-84", examples=[29.8739])]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="the same key gives the same answer and has one effect; a UUID", max_length=200),
]


class Body(BaseModel):
    """Base of request bodies: unknown fields are refused by name, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid")


class CallerBody(Body):
    """Who called. Kept apart from the journal."""

    name: Name = ""
    number: Name = ""


class NewIncident(Body):
    """A call for service."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "incident_type": "assault",
                    "grade": 2,
                    "text": "三人在路口打架",
                    "lon": 121.5503,
                    "lat": 29.8739,
                    "address": "中山东路与江厦街口",
                    "called_at": "2026-05-01T20:14:05+08:00",
                    "caller": {"name": "王先生", "number": "13800001234"},
                    "source_id": "CAD-2026-0501-0117",
                }
            ]
        },
    )

    incident_type: Id = Field(description="from the city's code table")
    grade: GradeNumber
    text: Text = ""
    lon: Longitude | None = Field(None, description="without a point the incident is 待定位")
    lat: Latitude | None = None
    accuracy_m: Metres | None = None
    address: Text = ""
    called_at: Instant | None = Field(None, description="default: now")
    caller: CallerBody | None = None
    source_id: Name | None = Field(None, min_length=1, description="the id in the system that took the call; repeated, it changes nothing")
    datum: Datum | None = Field(None, description="of lon and lat; default: the one declared with the token")


class UnitBody(Body):
    """A crew with its trackers."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "callsign": "江厦A3",
                    "kind": "patrol_car",
                    "org_code": "330203510000",
                    "trackers": ["car-0117", "phone-2231"],
                    "members": ["022117", "022231"],
                    "marked": True,
                    "radio_group": "海曙1",
                }
            ]
        },
    )

    callsign: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    kind: UnitKind
    org_code: Id = Field(description="full or short code (3302, 330203)")
    trackers: list[Id] = Field([], max_length=20)
    members: list[Annotated[str, Field(min_length=1, max_length=MAX_ID)]] = Field([], max_length=50)
    marked: bool = Field(True, description="false: plain clothes 便衣")
    radio_group: Annotated[str, Field(max_length=MAX_ID)] = ""
    auxiliary: bool = Field(False, description="auxiliary officers 辅警 alone: may begin, is never responsible")


class StatusBody(Body):
    """What a unit can be asked to do."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "out_of_service", "text": "加油"}]})

    status: Literal["available", "committed_deployable", "committed", "out_of_service"]
    text: Text = ""


class ElementBody(Body):
    """One thing on the map."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"lon": 121.5503, "lat": 29.8739, "properties": {"name": "天一广场快反点"}}]},
    )

    lon: Longitude
    lat: Latitude
    properties: JsonObject = {}
    at: Instant | None = Field(None, description="of a reading (weather, traffic): when it was so; default: now")
    datum: Datum | None = Field(None, description="of lon and lat; default: the one declared with the token")


def answer(data: Any, status: int = 200, media_type: str = "application/json") -> Response:
    """JSON, encoded once and not checked again: what leaves is made by our own code."""
    return Response(msgspec.json.encode(data), status, media_type=media_type)


async def answer_in_thread(build: Callable[[], Any], media_type: str = "application/json") -> Response:
    """An answer whose making may take longer than the event loop has: built and encoded in a thread."""
    return await asyncio.to_thread(lambda: answer(build(), media_type=media_type))


def require_point(services: Services, lon: float | None, lat: float | None, datum: str = "wgs84") -> None:
    """Both or neither, and not far off this city. Raises InvalidFields."""
    if lon is None and lat is None:
        return
    if lon is None or lat is None:
        missing = "lon" if lon is None else "lat"
        raise InvalidFields.one(missing, "lon and lat belong together; give both, or neither")
    there_lon, there_lat = (float(v) for v in to_wgs84(datum, lon, lat))
    west, south, east, north = services.city.bounds
    place, errors = services.city.name_en, []
    if not west - OUTSIDE_DEG <= there_lon <= east + OUTSIDE_DEG:
        errors.append(FieldError("lon", f"{lon:g} is far outside {place} ({west:.3f} to {east:.3f}); were lon and lat exchanged?"))
    if not south - OUTSIDE_DEG <= there_lat <= north + OUTSIDE_DEG:
        errors.append(FieldError("lat", f"{lat:g} is far outside {place} ({south:.3f} to {north:.3f}); were lon and lat exchanged?"))
    if errors:
        raise InvalidFields(*errors)


def known_org(services: Services, field: str, code: str) -> str:
    """The full code. Raises InvalidFields naming `field`."""
    try:
        return services.organisations.expand(code)
    except ValueError as error:
        raise InvalidFields.one(field, str(error)) from None


def numbers(field: str, text: str, least: int, most: int) -> list[float]:
    """Comma-separated numbers of a query. Raises InvalidFields."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidFields.one(field, f"{text[:60]!r} is no list of numbers; write them with commas between") from None
    if not least <= len(values) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise InvalidFields.one(field, f"{len(values)} numbers were given; give {wanted}")
    if any(value != value or value in (float("inf"), float("-inf")) for value in values):
        raise InvalidFields.one(field, f"{text[:60]!r} holds a value that is no number; correct it")
    return values


def words(field: str, text: str, allowed: frozenset[str]) -> list[str]:
    """Comma-separated names of a query, each out of `allowed`. Raises InvalidFields."""
    chosen = [part for part in text.split(",") if part]
    unknown = sorted(set(chosen) - allowed)
    if unknown:
        raise InvalidFields.one(field, f"{unknown[0][:60]!r} is not known; use {', '.join(sorted(allowed))}")
    return chosen
