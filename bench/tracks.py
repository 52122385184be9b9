"""`bench tracks`: a day of 700 units at one fix each three seconds, twenty million fixes: how many bytes, beside Parquet and SQLite."""

from __future__ import annotations

from typing import Any

from bench import harness, track_day
from bench.track_peers import duckdb_worker, sqlite_bytes, write_parquet

PEERS = ("duckdb", "numpy")
NOTES = {
    "fixes": "crews of the demo city on patrol, one fix each 3 s; noise of 5 m (sigma) while moving, none standing, as in the demo",
    "ours": "closed slices of five minutes, each beginning with what was known of every unit; the ledger is counted too",
    "parquet": "written by DuckDB, zstd, in the order received, half an hour a file, all columns as kept here",
    "sqlite": "the same columns as rows with an index on unit and time; bytes_sqlite_rows: without the index",
    "year": "figures.gb_a_year_700: bytes of the day times 365",
}


def prepare() -> None:
    track_day.prepare()


def run(seconds: int = track_day.DAY_S) -> dict[str, Any]:
    """Makes the day if it is not there (some minutes), then counts."""
    day = track_day.prepare(seconds)
    slices = [path for path in day.tracks.rglob("*.track")]
    ours = sum(path.stat().st_size for path in slices) + (day.tracks / "ledger").stat().st_size
    whole, rows = sqlite_bytes(day)
    notes, parquet = dict(NOTES), None
    try:
        with duckdb_worker() as peer:
            parquet = write_parquet(day, peer)
    except harness.PeerError as error:
        notes["duckdb"] = str(error)
    fixes = day.fixes
    figures = {
        "fixes": fixes,
        "bytes_per_fix": ours / fixes,
        "bytes_parquet": None if parquet is None else parquet / fixes,
        "bytes_sqlite": whole / fixes,
        "bytes_sqlite_rows": rows / fixes,
        "day_mb": ours / 1e6,
        "gb_a_year_700": ours / seconds * 86_400 * 365 / 1e9,
    }
    ratios = {"bytes_vs_parquet": None if parquet is None else ours / parquet, "bytes_vs_sqlite": ours / whole}
    return harness.result("tracks", figures, ratios, notes)


if __name__ == "__main__":
    harness.main(run)
