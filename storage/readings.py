"""Readings of elements that change (weather, traffic events, hazmat vehicles): append-only, read back by time.

They are tracks, not journal events. Synchronous: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Engine, Float, Index, String, Table, Text, and_, func, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import writing
from storage.tables import metadata

readings_table = Table(
    "element_readings",
    metadata,
    Column("element", String(64), primary_key=True),
    Column("element_id", String(64), primary_key=True),
    Column("at", Float(53), primary_key=True),
    Column("received_at", Float(53), nullable=False),
    Column("lon", Float(53), nullable=False),
    Column("lat", Float(53), nullable=False),
    Column("properties", Text, nullable=False),
    Index("ix_element_readings_received", "element", "element_id", "received_at"),
    Index("ix_element_readings_heard", "received_at"),
)


class Reading(msgspec.Struct, frozen=True):
    """One element at one instant. Degrees WGS-84, Unix seconds."""

    element: str
    element_id: str
    lon: float
    lat: float
    at: float  # when it was so
    received_at: float  # when it was heard; what replay goes by
    properties: dict[str, Any] = {}


class ReadingStore:
    """Readings in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, readings: Sequence[Reading]) -> None:
        """Keep readings; one of the same element and instant as before changes nothing."""
        if not readings:
            return
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        rows = [{**msgspec.structs.asdict(reading), "properties": msgspec.json.encode(reading.properties).decode()} for reading in readings]
        with writing(self._engine) as connection:
            connection.execute(insert(readings_table).on_conflict_do_nothing(), rows)

    def as_of(self, received_at: float, oldest_at: float = 0.0) -> list[Reading]:
        """The newest reading of every element as it was known at `received_at` (Unix s), none from before `oldest_at`."""
        t = readings_table
        newest = (
            select(t.c.element, t.c.element_id, func.max(t.c.at).label("at"))
            .where(t.c.received_at <= received_at, t.c.at >= oldest_at)
            .group_by(t.c.element, t.c.element_id)
            .subquery()
        )
        same = and_(t.c.element == newest.c.element, t.c.element_id == newest.c.element_id, t.c.at == newest.c.at)
        query = select(t).join(newest, same).order_by(t.c.element, t.c.element_id)
        return self._read(query)

    def between(self, after_s: float, until_s: float) -> list[Reading]:
        """Readings heard after `after_s` and by `until_s` (Unix s), in the order they were heard."""
        t = readings_table
        heard = select(t).where(t.c.received_at > after_s, t.c.received_at <= until_s)
        return self._read(heard.order_by(t.c.received_at, t.c.at, t.c.element, t.c.element_id))

    def _read(self, query: Any) -> list[Reading]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Reading(**{**row, "properties": msgspec.json.decode(row["properties"])}) for row in rows]
