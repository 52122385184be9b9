"""Holds on tracks: what is kept although its time is over, by whose word and why. Synchronous: call it from a thread."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Column, ColumnElement, Engine, Float, String, Table, Text, and_, func, insert, not_, or_, select, update

from storage.database import writing
from storage.tables import metadata

track_holds_table = Table(
    "track_holds",
    metadata,
    Column("hold_id", String(64), primary_key=True),
    Column("incident_id", String(64), nullable=False),  # empty: of a span
    Column("from_at", Float(53)),
    Column("to_at", Float(53)),
    Column("lon", Float(53)),
    Column("lat", Float(53)),
    Column("radius_m", Float(53)),
    Column("reason", Text, nullable=False),
    Column("org_code", String(200), nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", Float(53), nullable=False),
    Column("until", Float(53)),
    Column("released_by", Text, nullable=False),
    Column("released_at", Float(53)),
)


class Hold(msgspec.Struct, frozen=True):
    """On an incident, or on a span (with a circle: on what passed through it then)."""

    hold_id: str
    reason: str
    org_code: str  # of who set it
    set_by: str
    set_at: datetime
    incident_id: str = ""
    from_at: datetime | None = msgspec.field(default=None, name="from")
    to_at: datetime | None = msgspec.field(default=None, name="to")
    lon: float | None = None
    lat: float | None = None
    radius_m: float | None = None
    until: datetime | None = None  # None: until it is released
    released_by: str = ""
    released_at: datetime | None = None

    def is_active(self, at: datetime) -> bool:
        return self.released_at is None and (self.until is None or at < self.until)


_INSTANTS = ("from_at", "to_at", "set_at", "until", "released_at")


class TrackHoldStore:
    """All holds, active or not: they are never deleted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, hold: Hold) -> None:
        row = msgspec.structs.asdict(hold)
        row |= {name: None if row[name] is None else row[name].timestamp() for name in _INSTANTS}
        with writing(self._engine) as connection:
            connection.execute(insert(track_holds_table).values(**row))

    def release(self, hold_id: str, by: str, at: datetime) -> None:
        """Note who released it and when; one that was released stays as it is."""
        c = track_holds_table.c
        which = (c.hold_id == hold_id, c.released_at.is_(None))
        with writing(self._engine) as connection:
            connection.execute(update(track_holds_table).where(*which).values(released_by=by, released_at=at.timestamp()))

    def get(self, hold_id: str) -> Hold | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(track_holds_table).where(track_holds_table.c.hold_id == hold_id)).mappings().first()
        return None if row is None else _hold(dict(row))

    def listed(self, org_codes: Collection[str], at: datetime, most_ended: int) -> list[Hold]:
        """Those that organisations set: all active ones, then so many that are released or over; newest first of each."""
        newest = select(track_holds_table).where(track_holds_table.c.org_code.in_(org_codes)).order_by(track_holds_table.c.set_at.desc())
        with self._engine.connect() as connection:
            active = connection.execute(newest.where(_is_active(at))).mappings().all()
            ended = connection.execute(newest.where(not_(_is_active(at))).limit(most_ended)).mappings().all()
        return [_hold(dict(row)) for row in [*active, *ended]]

    def active(self, at: datetime) -> list[Hold]:
        with self._engine.connect() as connection:
            return [_hold(dict(row)) for row in connection.execute(select(track_holds_table).where(_is_active(at))).mappings()]

    def count_active(self, at: datetime) -> int:
        with self._engine.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(track_holds_table).where(_is_active(at))) or 0)


def _is_active(at: datetime) -> ColumnElement[bool]:
    c = track_holds_table.c
    return and_(c.released_at.is_(None), or_(c.until.is_(None), c.until > at.timestamp()))


def _hold(row: dict[str, object]) -> Hold:
    instants = {name: None if row[name] is None else datetime.fromtimestamp(float(str(row[name])), UTC) for name in _INSTANTS}
    return Hold(**row | instants)  # type: ignore[arg-type]
