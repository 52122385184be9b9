"""Where cameras' pictures come from and where they are turned. Addresses may carry passwords: they are kept here and never leave us.

Synchronous: call it from a thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import msgspec
from sqlalchemy import Column, Engine, Float, String, Table, delete, insert, select

from storage.database import writing
from storage.tables import metadata

ADDRESSES = ("url", "substream_url", "control_url", "recorder_url")  # of a camera, by name
MOST_PARAMETERS = 500  # SQLite's bound on parameters of one statement

camera_sources_table = Table(
    "camera_sources",
    metadata,
    Column("camera_id", String(64), primary_key=True),
    Column("url", String(2_000), nullable=False),
    Column("substream_url", String(2_000), nullable=False),
    Column("feed", String(64), nullable=False),
    Column("written_at", Float(53), nullable=False),
    Column("control_url", String(2_000), nullable=False, server_default=""),
    Column("recorder_url", String(2_000), nullable=False, server_default=""),
)


class CameraSource(msgspec.Struct, frozen=True):
    """Addresses of one camera."""

    camera_id: str
    url: str
    substream_url: str  # smaller picture of the same camera; empty when there is none
    feed: str  # who said so
    written_at: float  # Unix s
    control_url: str = ""  # of the device that turns it (ONVIF); empty when nothing does
    recorder_url: str = ""  # where a site's recorder plays a span of the past (`operations.cameras.recorder_address`); empty: it has none

    def __repr__(self) -> str:
        """Without the addresses: logs must not tell passwords."""
        return f"CameraSource({self.camera_id!r} of {self.feed!r})"


class Addresses(msgspec.Struct, frozen=True, gc=False):
    """Which addresses of a camera there are, without them."""

    url: bool = False
    substream_url: bool = False
    control_url: bool = False
    recorder_url: bool = False

    @property
    def any_picture(self) -> bool:
        """Whether there is something to pull: the small picture stands for a large one that nobody named."""
        return self.url or self.substream_url

    @staticmethod
    def of(source: CameraSource) -> Addresses:
        return Addresses(*(bool(getattr(source, name)) for name in ADDRESSES))


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
            for some in _pieces(list(newest)):
                connection.execute(delete(camera_sources_table).where(camera_sources_table.c.camera_id.in_(some)))
            connection.execute(insert(camera_sources_table), list(newest.values()))

    def remove(self, camera_id: str) -> None:
        """Forget its addresses; one without any is no error."""
        with writing(self._engine) as connection:
            connection.execute(delete(camera_sources_table).where(camera_sources_table.c.camera_id == camera_id))

    def get(self, camera_id: str) -> CameraSource | None:
        return self.several([camera_id]).get(camera_id)

    def several(self, camera_ids: Collection[str]) -> dict[str, CameraSource]:
        """Those of these cameras that have addresses, by id."""
        found: dict[str, CameraSource] = {}
        with self._engine.connect() as connection:
            for some in _pieces(list(camera_ids)):
                query = select(camera_sources_table).where(camera_sources_table.c.camera_id.in_(some))
                found |= {row["camera_id"]: CameraSource(**row) for row in connection.execute(query).mappings()}
        return found

    def known(self) -> dict[str, Addresses]:
        """By camera which addresses there are."""
        c = camera_sources_table.c
        query = select(c.camera_id, *(c[name] != "" for name in ADDRESSES))
        with self._engine.connect() as connection:
            return {row[0]: Addresses(*map(bool, row[1:])) for row in connection.execute(query)}


def _pieces(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), MOST_PARAMETERS):
        yield ids[start : start + MOST_PARAMETERS]
