"""Rows and bytes: how events, incidents and pictures are written into columns and read back."""

from __future__ import annotations

import base64
import binascii
import zlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from dispatch.events import IncidentEvent, Recorded, Unsealed, canonical_json, recorded_from
from dispatch.model import Incident
from dispatch.picture import OperatingPicture
from storage.journal import Answer, IncidentQuery

# Raised when a stored picture can't be read as the present one any more; older snapshots are then passed over.
SNAPSHOT_SCHEMA = 10

_incidents = msgspec.json.Decoder(Incident)
_answers = msgspec.json.Decoder(Answer)
_pictures = msgspec.msgpack.Decoder(OperatingPicture)


def unix_s(at: datetime) -> float:
    return at.timestamp()


def instant(at_unix_s: float) -> datetime:
    return datetime.fromtimestamp(at_unix_s, UTC)


def event_row(recorded: Recorded) -> dict[str, Any]:
    """Columns of one event. `body` is the bytes its hash was taken of."""
    body = canonical_json(Unsealed(**{name: getattr(recorded, name) for name in Unsealed.__struct_fields__}))
    return {
        "revision": recorded.revision,
        "event_id": recorded.event_id,
        "node": recorded.node,
        "incident_id": recorded.incident_id,
        "incident_version": recorded.incident_version,
        "event": event_name(recorded),
        "occurred_at": unix_s(recorded.occurred_at),
        "recorded_at": unix_s(recorded.recorded_at),
        "body": body.decode(),
        "previous_hash": recorded.previous_hash,
        "hash": recorded.hash,
    }


def event_of(row: Any) -> Recorded:
    return recorded_from(row.body.encode(), row.previous_hash, row.hash)


def event_name(recorded: Recorded) -> str:
    return str(type(recorded.body).__struct_config__.tag)


def incident_of_event(recorded: Recorded) -> str | None:
    return recorded.body.incident_id if isinstance(recorded.body, IncidentEvent) else None


def incident_row(incident: Incident) -> dict[str, Any]:
    return {
        "incident_id": incident.incident_id,
        "number": incident.number,
        "incident_type": incident.incident_type,
        "grade": int(incident.grade),
        "stage": str(incident.stage),
        "org_code": incident.org_code,
        "called_at": unix_s(incident.called_at),
        "received_at": unix_s(incident.received_at),
        "stage_since": unix_s(incident.stage_since),
        "lon": incident.lon,
        "lat": incident.lat,
        "source": incident.source,
        "source_id": incident.source_id,
        "version": incident.version,
        "body": msgspec.json.encode(incident).decode(),
    }


def incident_of(body: str) -> Incident:
    return _incidents.decode(body)


def answer_json(answer: Answer) -> str:
    return msgspec.json.encode(answer).decode()


def answer_of(body: str) -> Answer:
    return _answers.decode(body)


def picture_bytes(picture: OperatingPicture) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(picture), 1)


def picture_of_bytes(body: bytes) -> OperatingPicture:
    return _pictures.decode(zlib.decompress(body))


def cursor_after(incident: Incident) -> str:
    """Where the next page begins, opaque to callers."""
    return base64.urlsafe_b64encode(f"{incident.received_at.isoformat()} {incident.incident_id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """Raises ValueError when it is none of ours."""
    try:
        received_at, incident_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ", 1)
        at = datetime.fromisoformat(received_at)
    except (ValueError, binascii.Error):
        raise ValueError(f"cursor {cursor[:80]!r} was not given by a page of incidents; begin without one") from None
    if at.tzinfo is None:
        raise ValueError(f"cursor {cursor[:80]!r} was not given by a page of incidents; begin without one")
    return at, incident_id


def matches(incident: Incident, query: IncidentQuery) -> bool:
    """Whether an incident belongs to a query, its page left aside."""
    west, south, east, north = query.box or (-180.0, -90.0, 180.0, 90.0)
    inside = query.box is None or (
        incident.lon is not None and incident.lat is not None and west <= incident.lon <= east and south <= incident.lat <= north
    )
    return (
        inside
        and (query.stages is None or incident.stage in query.stages)
        and (query.orgs is None or incident.org_code in query.orgs)
        and (query.from_ is None or incident.received_at >= query.from_)
        and (query.to is None or incident.received_at < query.to)
    )
