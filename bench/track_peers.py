"""The same day of tracks elsewhere, and the two questions put to each: rows in SQLite, rows in PostgreSQL, Parquet read by DuckDB.

A peer may look back five minutes for the state of an instant (every unit reports each three seconds); ours looks back a day.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import psycopg

from bench import harness
from bench.track_day import BEGAN_S, COLUMNS, UNITS, TrackDay, evict, warm
from storage.track_files import FIX
from storage.track_reader import TrackReader, TrackState

LOOK_BACK_DS = 3_000
PIECE = 400_000  # fixes of one Parquet file, half an hour
ORDER = "unit, position_ms, received_ds, lon, lat, heading, speed, status, flags"
LON = ORDER.split(", ").index("lon")


class Answer(NamedTuple):
    """What a question took, and enough of the answer to see that it is the same: units or fixes, and a sum of longitudes (1e-6°)."""

    seconds: float
    count: int
    lon: int = 0


class Side(Protocol):
    """One way of keeping the day."""

    def forget(self) -> None:
        """Make the next question a cold one, as far as a process can."""

    def warm(self) -> None:
        """Bring its files into the page cache."""

    def state(self, at_s: float) -> Answer: ...

    def day(self, unit: int) -> Answer: ...


def _longitudes(found: TrackState) -> int:
    return int((found.lon * 1e6).round().astype(int).sum())


class Ours:
    """The slices, read as the server reads them."""

    def __init__(self, day: TrackDay, ids: list[str]) -> None:
        self._day, self._ids = day, ids
        self._reader = TrackReader(day.tracks)

    def forget(self) -> None:
        self._reader = TrackReader(self._day.tracks)
        evict(self._day.tracks)

    def warm(self) -> None:
        warm(self._day.tracks)

    def state(self, at_s: float) -> Answer:
        begin = time.perf_counter()
        found = self._reader.known_at(at_s)
        seconds = time.perf_counter() - begin
        return Answer(seconds, len(found), _longitudes(found))

    def day(self, unit: int) -> Answer:
        ends = BEGAN_S + self._day.seconds
        begin = time.perf_counter()
        found = self._reader.unit_path(self._ids[unit], BEGAN_S - 60.0, ends + 60.0, ends + 60.0)
        seconds = time.perf_counter() - begin
        return Answer(seconds, len(found), _longitudes(found))


class Sqlite:
    """Rows with an index on unit and time."""

    def __init__(self, day: TrackDay) -> None:
        self._day = day
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._day.sqlite}?mode=ro", uri=True)

    def forget(self) -> None:
        self._connection.close()
        evict(self._day.folder)
        self._connection = self._open()

    def warm(self) -> None:
        warm(self._day.sqlite)

    def state(self, at_s: float) -> Answer:
        at_ds = int(at_s * 10)
        begin = time.perf_counter()
        rows = [
            self._connection.execute(
                "SELECT lon FROM fixes WHERE unit = ? AND received_ds > ? AND received_ds <= ? ORDER BY received_ds DESC LIMIT 1",
                (unit, at_ds - LOOK_BACK_DS, at_ds),
            ).fetchone()
            for unit in range(UNITS)
        ]
        seconds = time.perf_counter() - begin
        found = [row[0] for row in rows if row]
        return Answer(seconds, len(found), sum(found))

    def day(self, unit: int) -> Answer:
        begin = time.perf_counter()
        rows = self._connection.execute(f"SELECT {ORDER} FROM fixes WHERE unit = ? ORDER BY received_ds", (unit,)).fetchall()  # noqa: S608
        seconds = time.perf_counter() - begin
        return Answer(seconds, len(rows), sum(row[LON] for row in rows))


class Postgres:
    """The same rows and index. What its own 128 MB of buffers hold stays warm: a restart for each question would take minutes."""

    def __init__(self, day: TrackDay, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._folder = Path(url.rpartition("host=")[2])
        self._connection.execute(f"CREATE TABLE fixes ({COLUMNS})")
        with self._connection.cursor() as cursor, cursor.copy(f"COPY fixes ({ORDER}) FROM STDIN") as copy:
            for piece in day.pieces():
                copy.write("".join("\t".join(map(str, row)) + "\n" for row in piece.tolist()))
        self._connection.execute("CREATE INDEX by_unit ON fixes (unit, received_ds)")
        self._connection.execute("VACUUM ANALYZE fixes")

    def close(self) -> None:
        """A server waits for its connections before it ends."""
        self._connection.close()

    def forget(self) -> None:
        evict(self._folder / "data" / "base")

    def warm(self) -> None:
        warm(self._folder / "data" / "base")

    def state(self, at_s: float) -> Answer:
        at_ds = int(at_s * 10)
        begin = time.perf_counter()
        rows = self._connection.execute(
            "SELECT f.lon FROM generate_series(0, %s) AS u(unit) CROSS JOIN LATERAL (SELECT lon FROM fixes WHERE unit = u.unit "
            "AND received_ds > %s AND received_ds <= %s ORDER BY received_ds DESC LIMIT 1) AS f",
            (UNITS - 1, at_ds - LOOK_BACK_DS, at_ds),
        ).fetchall()
        return Answer(time.perf_counter() - begin, len(rows), sum(row[0] for row in rows))

    def day(self, unit: int) -> Answer:
        begin = time.perf_counter()
        rows = self._connection.execute(f"SELECT {ORDER} FROM fixes WHERE unit = %s ORDER BY received_ds", (unit,)).fetchall()  # type: ignore[arg-type]  # noqa: S608
        seconds = time.perf_counter() - begin
        return Answer(seconds, len(rows), sum(row[LON] for row in rows))


class DuckDb:
    """Parquet, in a process of its own."""

    def __init__(self, day: TrackDay, peer: harness.Peer) -> None:
        self._day, self._peer = day, peer

    def forget(self) -> None:
        evict(parquet_folder(self._day))

    def warm(self) -> None:
        warm(parquet_folder(self._day))

    def state(self, at_s: float) -> Answer:
        at_ds = int(at_s * 10)
        said = self._peer.ask("state", folder=str(parquet_folder(self._day)), from_ds=at_ds - LOOK_BACK_DS, until_ds=at_ds)
        return Answer(said["seconds"], said["units"], said["lon"])

    def day(self, unit: int) -> Answer:
        ends = (BEGAN_S + self._day.seconds + 60) * 10
        said = self._peer.ask("day", folder=str(parquet_folder(self._day)), unit=unit, from_ds=0, until_ds=ends)
        return Answer(said["seconds"], said["fixes"], said["lon"])


def parquet_folder(day: TrackDay) -> Path:
    return day.folder / "parquet"


@contextmanager
def duckdb_worker() -> Iterator[harness.Peer]:
    """Raises PeerError where it was not installed."""
    with harness.Peer(Path(__file__).with_name("peer_tracks.py")) as peer:
        yield peer


def write_parquet(day: TrackDay, peer: harness.Peer) -> int:
    """Bytes of the day as Parquet; written if it is not there."""
    folder = parquet_folder(day)
    if not folder.exists():
        fields = [[name, str(FIX[name])] for name in FIX.names or ()]
        peer.ask("write", rows=str(day.rows), fields=fields, folder=str(folder.with_suffix(".part")), piece=PIECE)
        folder.with_suffix(".part").rename(folder)
    return sum(path.stat().st_size for path in folder.glob("*.parquet"))


def sqlite_bytes(day: TrackDay) -> tuple[int, int]:
    """Of the whole file, and of its rows without the index."""
    with closing(sqlite3.connect(day.sqlite)) as connection:
        whole = day.sqlite.stat().st_size
        try:
            index = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = 'by_unit'").fetchone()[0] or 0
        except sqlite3.OperationalError:  # built without dbstat
            index = 0
        return whole, whole - index


def unit_ids(day: TrackDay) -> list[str]:
    """By the number that rows have."""
    heard = TrackReader(day.tracks).heard_in(BEGAN_S)
    if heard is None:
        raise RuntimeError(f"{day.tracks} holds no slice of the day's beginning")
    return list(heard.unit_ids)


def same(answers: dict[str, Answer]) -> None:
    """Raises RuntimeError where sides do not agree."""
    if len({(answer.count, answer.lon) for answer in answers.values()}) != 1:
        raise RuntimeError(f"the sides do not agree: { {name: answer[1:] for name, answer in answers.items()} }")
