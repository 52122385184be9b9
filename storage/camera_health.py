"""How each camera last did: its newest picture, its newest failure. Kept over restarts. Synchronous: call it from a thread."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Column, Engine, Float, String, Table, delete, insert, select

from storage.cameras import MOST_PARAMETERS
from storage.database import writing
from storage.tables import metadata

LONGEST_ERROR = 300  # characters

camera_health_table = Table(
    "camera_health",
    metadata,
    Column("camera_id", String(64), primary_key=True),
    Column("last_picture_at", Float(53)),
    Column("last_error", String(LONGEST_ERROR), nullable=False),
    Column("last_error_at", Float(53)),
)


class CameraRecord(msgspec.Struct, frozen=True):
    """What is known of one camera. Instants are Unix s; None: never."""

    camera_id: str
    last_picture_at: float | None = None
    last_error: str = ""  # in words, without addresses; of the newest failure, also when a picture came after it
    last_error_at: float | None = None


class CameraHealthStore:
    """The records in the database, one a camera."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> dict[str, CameraRecord]:
        """By camera."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(camera_health_table)).mappings()
            return {row["camera_id"]: CameraRecord(**row) for row in rows}

    def write(self, records: Sequence[CameraRecord]) -> None:
        """Keep these, replacing those of the same cameras."""
        newest = {record.camera_id: msgspec.structs.asdict(record) for record in records}
        self._replace(list(newest), list(newest.values()))

    def remove(self, camera_id: str) -> None:
        self._replace([camera_id], [])

    def _replace(self, ids: list[str], rows: list[dict[str, object]]) -> None:
        if not ids:
            return
        with writing(self._engine) as connection:
            for start in range(0, len(ids), MOST_PARAMETERS):
                some = ids[start : start + MOST_PARAMETERS]
                connection.execute(delete(camera_health_table).where(camera_health_table.c.camera_id.in_(some)))
            if rows:
                connection.execute(insert(camera_health_table), rows)
