"""Where cameras' pictures come from. Addresses may carry passwords: they are kept here and never leave the server.

Synchronous: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Column, Engine, Float, String, Table, delete, insert, select

from storage.database import writing
from storage.tables import metadata

camera_sources_table = Table(
    "camera_sources",
    metadata,
    Column("camera_id", String(64), primary_key=True),
    Column("url", String(2_000), nullable=False),
    Column("substream_url", String(2_000), nullable=False),
    Column("feed", String(64), nullable=False),
    Column("written_at", Float(53), nullable=False),
)


class CameraSource(msgspec.Struct, frozen=True):
    """Addresses of one camera."""

    camera_id: str
    url: str
    substream_url: str  # smaller picture of the same camera; empty when there is none
    feed: str  # who said so
    written_at: float  # Unix s

    def __repr__(self) -> str:
        """Without the addresses: logs must not tell passwords."""
        return f"CameraSource({self.camera_id!r} of {self.feed!r})"


class CameraStore:
    """Camera addresses in the database; the newest of a camera counts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, sources: Sequence[CameraSource]) -> None:
        """Keep addresses, replacing those of the same cameras; within one call the last of a camera counts."""
        newest = {source.camera_id: msgspec.structs.asdict(source) for source in sources}
        if not newest:
            return
        with writing(self._engine) as connection:
            ids = list(newest)
            for start in range(0, len(ids), 500):  # SQLite's bound on parameters of one statement
                connection.execute(delete(camera_sources_table).where(camera_sources_table.c.camera_id.in_(ids[start : start + 500])))
            connection.execute(insert(camera_sources_table), list(newest.values()))

    def get(self, camera_id: str) -> CameraSource | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(camera_sources_table).where(camera_sources_table.c.camera_id == camera_id)).mappings().first()
        return None if row is None else CameraSource(**row)
