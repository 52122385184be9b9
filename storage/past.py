"""Incidents of the past that other systems recorded (`dispatch.past`), in two tables beside the journal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Engine, Float, Index, Integer, Row, Select, String, Table, Text, and_, func, insert, select

from dispatch.past import STAGE_FIELDS, PastIncident, PastResponse
from storage.database import writing
from storage.tables import metadata

past_incidents = Table(
    "past_incidents",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("source_id", String(200), primary_key=True),
    Column("incident_type", Text, nullable=False),
    Column("grade", Integer, nullable=False),
    Column("received_at", Float(53), nullable=False),
    Column("address", Text, nullable=False),
    Column("lon", Float(53)),
    Column("lat", Float(53)),
    Column("disposition", Text, nullable=False),
    Column("incident_id", String(40), nullable=False),
    Column("lasts_s", Float(53), nullable=False),  # from reception to the last time on record
    Index("ix_past_incidents_place", "lat", "lon"),
    Index("ix_past_incidents_received", "received_at"),
    Index("ix_past_incidents_id", "incident_id", unique=True),
    Index("ix_past_incidents_lasts", "lasts_s"),
)

past_responses = Table(
    "past_responses",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("response_id", String(200), primary_key=True),
    Column("source_id", String(200), nullable=False),
    Column("unit", Text, nullable=False),
    *(Column(name, Float(53)) for name in STAGE_FIELDS),
    Index("ix_past_responses_incident", "source", "source_id"),
)

METRES_PER_DEGREE = 111_195.0
PIECE = 500  # asked for at once
ROUNDING_S = 0.001  # more than a sum of two stored times is off
_AS_IS = [c.name for c in past_incidents.columns if c.name not in ("received_at", "lasts_s")]
_MADE = ("incident_id", "lasts_s")  # out of the rest


class PastIncidents:
    """Reading and writing past incidents. Blocks on the database: call it from a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, incidents: Iterable[PastIncident]) -> int:
        """Store those not yet known by (source, source_id), in one transaction; how many were new."""
        with writing(self._engine) as connection:
            known = {tuple(row) for row in connection.execute(select(past_incidents.c.source, past_incidents.c.source_id))}
            fresh = [i for i in incidents if (i.source, i.source_id) not in known]
            if fresh:
                connection.execute(insert(past_incidents), [_incident_row(i) for i in fresh])
            responses = [_response_row(i, r) for i in fresh for r in i.responses]
            if responses:
                connection.execute(insert(past_responses), responses)
        return len(fresh)

    def conflicts(self, incidents: Sequence[PastIncident]) -> dict[str, str]:
        """By the source's number those that can't be stored as they are given, each with why. All of one source."""
        found: dict[str, str] = {}
        for start in range(0, len(incidents), PIECE):
            given = incidents[start : start + PIECE]
            source, c = given[0].source, past_incidents.c
            known = {one.source_id: one for one in self._with_responses(c.source == source, c.source_id.in_([i.source_id for i in given]))}
            for one in given:
                before = known.get(one.source_id)
                if before is not None and _ordered(before) != _ordered(one):
                    found[one.source_id] = "it is on record already and other there, which stays as it is"
            found |= self._foreign_responses(given)
        return found

    def _foreign_responses(self, given: Sequence[PastIncident]) -> dict[str, str]:
        """Those with a response that is on record of another incident."""
        c, of_response = past_responses.c, {r.response_id: i.source_id for i in given for r in i.responses}
        query, ids = select(c.response_id, c.source_id).where(c.source == given[0].source), list(of_response)
        found = {}
        with self._engine.connect() as connection:
            for start in range(0, len(ids), PIECE):
                for row in connection.execute(query.where(c.response_id.in_(ids[start : start + PIECE]))):
                    if row.source_id != of_response[row.response_id]:
                        why = f"its response {row.response_id} is on record already, of incident {row.source_id}"
                        found[of_response[row.response_id]] = why
        return found

    def near(
        self, lon: float, lat: float, radius_m: float, since: datetime, limit: int = 20, until: datetime | None = None
    ) -> list[PastIncident]:
        """Past incidents within a box of `radius_m` about a point, newest first and none after `until`, without their responses."""
        d_lat = radius_m / METRES_PER_DEGREE
        d_lon = d_lat / max(0.01, math.cos(math.radians(lat)))
        place = past_incidents.c
        query = (
            select(past_incidents)
            .where(place.lat.between(lat - d_lat, lat + d_lat), place.lon.between(lon - d_lon, lon + d_lon))
            .where(place.received_at >= since.timestamp(), place.received_at <= (math.inf if until is None else until.timestamp()))
            .order_by(place.received_at.desc())
            .limit(limit)
        )
        return self._bare(query)

    def places(self, since: datetime) -> list[tuple[str, float, float, float]]:
        """Type, reception (Unix s), lon and lat of every past incident with a point since then."""
        c = past_incidents.c
        query = select(c.incident_type, c.received_at, c.lon, c.lat).where(c.received_at >= since.timestamp(), c.lon.is_not(None))
        with self._engine.connect() as connection:
            return [(row.incident_type, row.received_at, row.lon, row.lat) for row in connection.execute(query)]

    def sources(self) -> list[str]:
        """Names of the imports, in order."""
        with self._engine.connect() as connection:
            return sorted(connection.scalars(select(past_incidents.c.source).distinct()))

    def count(self, from_: datetime, to: datetime) -> int:
        """How many were received from `from_` until before `to`."""
        c = past_incidents.c
        query = select(func.count()).where(c.received_at >= from_.timestamp(), c.received_at < to.timestamp())
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def between(self, from_: datetime, to: datetime) -> list[PastIncident]:
        """Those received from `from_` until before `to` with their responses, in no order."""
        c = past_incidents.c
        return self._with_responses(c.received_at >= from_.timestamp(), c.received_at < to.timestamp())

    def running(self, from_: datetime, to: datetime) -> list[PastIncident]:
        """Those that something is on record of after `from_` and by `to`, or that were running then; with their responses, in no order."""
        c = past_incidents.c
        received = c.received_at.between(from_.timestamp() - self.longest_s(), to.timestamp())  # bounds what is looked at
        return self._with_responses(received, c.received_at + c.lasts_s > from_.timestamp() - ROUNDING_S)

    def received_after(self, at: datetime) -> datetime | None:
        """When the first one after an instant was received."""
        c = past_incidents.c
        return self._instant(select(func.min(c.received_at)).where(c.received_at > at.timestamp()))

    def ended_by(self, at: datetime) -> datetime | None:
        """The last time on record of those that had ended by an instant. Looks at all of them."""
        c = past_incidents.c
        return self._instant(select(func.max(c.received_at + c.lasts_s)).where(c.received_at + c.lasts_s <= at.timestamp()))

    def longest_s(self) -> float:
        """How long the longest of all lasted."""
        with self._engine.connect() as connection:
            return float(connection.scalar(select(func.max(past_incidents.c.lasts_s))) or 0.0)

    def one(self, incident_id: str) -> PastIncident | None:
        """By its `incident_id`, with its responses."""
        return next(iter(self._with_responses(past_incidents.c.incident_id == incident_id)), None)

    def all(self, source: str) -> list[PastIncident]:
        """Every past incident of one source with its responses, oldest first."""
        responses: dict[str, list[PastResponse]] = {}
        with self._engine.connect() as connection:
            of_source = select(past_responses).where(past_responses.c.source == source).order_by(past_responses.c.response_id)
            for row in connection.execute(of_source):
                responses.setdefault(row.source_id, []).append(_response(row))
            incidents = select(past_incidents).where(past_incidents.c.source == source).order_by(past_incidents.c.received_at)
            return [_incident(row, tuple(responses.get(row.source_id, ()))) for row in connection.execute(incidents)]

    def _instant(self, query: Select[Any]) -> datetime | None:
        with self._engine.connect() as connection:
            unix_s = connection.scalar(query)
        return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)

    def _bare(self, query: Select[Any]) -> list[PastIncident]:
        with self._engine.connect() as connection:
            return [_incident(row, ()) for row in connection.execute(query)]

    def _with_responses(self, *conditions: ColumnElement[bool]) -> list[PastIncident]:
        c = past_incidents.c
        same = and_(past_responses.c.source == c.source, past_responses.c.source_id == c.source_id)
        responses: dict[tuple[str, str], list[PastResponse]] = {}
        of_those = select(past_responses).join(past_incidents, same).where(*conditions).order_by(past_responses.c.response_id)
        with self._engine.connect() as connection:
            for row in connection.execute(of_those):
                responses.setdefault((row.source, row.source_id), []).append(_response(row))
            rows = connection.execute(select(past_incidents).where(*conditions))
            return [_incident(row, tuple(responses.get((row.source, row.source_id), ()))) for row in rows]


def _ordered(incident: PastIncident) -> PastIncident:
    """As it is kept: its responses have no order of their own."""
    return msgspec.structs.replace(incident, responses=tuple(sorted(incident.responses, key=lambda one: one.response_id)))


def _incident_row(incident: PastIncident) -> dict[str, object]:
    received_at, until = incident.received_at.timestamp(), incident.shown_until.timestamp()
    return {name: getattr(incident, name) for name in _AS_IS} | {"received_at": received_at, "lasts_s": until - received_at}


def _response_row(incident: PastIncident, response: PastResponse) -> dict[str, object]:
    times = {name: None if (at := getattr(response, name)) is None else at.timestamp() for name in STAGE_FIELDS}
    return {"source": incident.source, "source_id": incident.source_id, "response_id": response.response_id, "unit": response.unit} | times


def _incident(row: Row[tuple[object, ...]], responses: tuple[PastResponse, ...]) -> PastIncident:
    values = {name: value for name, value in row._mapping.items() if name not in _MADE}
    return PastIncident(**values | {"received_at": datetime.fromtimestamp(values["received_at"], UTC), "responses": responses})


def _response(row: Row[tuple[object, ...]]) -> PastResponse:
    values = dict(row._mapping)
    times = {name: None if values[name] is None else datetime.fromtimestamp(values[name], UTC) for name in STAGE_FIELDS}
    return PastResponse(response_id=values["response_id"], unit=values["unit"], **times)
