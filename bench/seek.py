"""`bench seek`: where all units were at a random instant, and one unit's day, beside the same day in DuckDB, SQLite and PostgreSQL; and a
jump of the time bar in Chromium, from the seek to the complete picture."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from bench import harness, track_day
from bench.seek_browser import browser_seeks
from bench.track_day import BEGAN_S, UNITS
from bench.track_peers import Answer, DuckDb, Ours, Postgres, Side, Sqlite, duckdb_worker, same, unit_ids, write_parquet
from tests.postgres import postgres_server, working_folder

PEERS = ("duckdb", "numpy")
ROUNDS, INSTANTS, DAYS = 5, 20, 3
NOTES = {
    "cold": "before each question the reader is a new one and its files are dropped from the page cache (POSIX_FADV_DONTNEED)",
    "postgres": "its files are dropped as well; its own 128 MB of shared buffers stay: a restart for each question would take minutes",
    "peers' state": "may look back five minutes, ours a day",
    "answers": "are compared: as many units of a state, as many fixes of a unit's day, of both the same sum of longitudes",
    "unit_day_ms": "all fixes of one unit, warm: files in the page cache, nothing unpacked",
    "browser": "Chromium with software GL on the same cores, which also run the server and its demo feed",
}


def prepare() -> None:
    track_day.prepare()


def run(seconds: int = track_day.DAY_S, browser: bool = True) -> dict[str, Any]:
    """About six minutes once the day is there."""
    day, notes = track_day.prepare(seconds), dict(NOTES)
    random = np.random.default_rng(11)
    with ExitStack() as stack:
        sides: dict[str, Side] = {"ours": Ours(day, unit_ids(day)), "sqlite": Sqlite(day)}
        try:
            peer = stack.enter_context(duckdb_worker())
            write_parquet(day, peer)
            sides["duckdb"] = DuckDb(day, peer)
        except harness.PeerError as error:
            notes["duckdb"] = str(error)
        binaries = working_folder()
        if binaries is None:
            notes["postgres"] = "no PostgreSQL binaries that start here; pip install pgserver"
        else:
            harness.say(f"seek: {day.fixes:,} fixes into PostgreSQL")
            postgres = stack.enter_context(closing(Postgres(day, stack.enter_context(postgres_server(binaries)))))
            sides["postgres"] = postgres
        states: dict[str, list[float]] = {name: [] for name in sides}
        days: dict[str, list[float]] = {name: [] for name in sides}
        for round_ in range(ROUNDS):
            harness.say(f"seek: round {round_ + 1} of {ROUNDS}")
            order = list(sides) if round_ % 2 == 0 else list(reversed(sides))
            instants = BEGAN_S + 60 + random.uniform(0, seconds - 120, INSTANTS)
            units = random.integers(UNITS, size=DAYS).tolist()
            answers = {name: [_cold_state(sides[name], float(at)) for at in instants] for name in order}
            for asked in zip(*answers.values(), strict=True):
                same(dict(zip(answers, asked, strict=True)))
            for name in order:  # the cold questions threw out the files of all
                sides[name].warm()
            paths = {name: [sides[name].day(unit) for unit in units] for name in order}
            for asked in zip(*paths.values(), strict=True):
                same(dict(zip(paths, asked, strict=True)))
            for name in order:
                states[name] += [answer.seconds for answer in answers[name]]
                days[name] += [answer.seconds for answer in paths[name]]
    harness.keep_samples("seek", {"state_s": states, "unit_day_s": days})
    seeks = browser_seeks() if browser else None
    harness.keep_samples("seek", {"state_s": states, "unit_day_s": days, "browser_ms": seeks})
    figures: dict[str, Any] = {
        "state_p50_ms": harness.percentile(states["ours"], 50) * 1e3,
        "state_p99_ms": harness.percentile(states["ours"], 99) * 1e3,
        "unit_day_ms": harness.percentile(days["ours"], 50) * 1e3,
        "browser_p50_ms": None if seeks is None else harness.percentile(seeks, 50),
        "browser_p95_ms": None if seeks is None else harness.percentile(seeks, 95),
    }
    for name in sides.keys() - {"ours"}:
        figures[f"state_p50_ms_{name}"] = harness.percentile(states[name], 50) * 1e3
        figures[f"unit_day_ms_{name}"] = harness.percentile(days[name], 50) * 1e3
    ratios = {f"state_vs_{name}": harness.ratio(states["ours"], states[name]) if name in states else None for name in _PEER_NAMES}
    ratios |= {f"unit_day_vs_{name}": harness.ratio(days["ours"], days[name]) if name in days else None for name in _PEER_NAMES}
    return harness.result("seek", figures, ratios, notes)


_PEER_NAMES = ("duckdb", "sqlite", "postgres")


def _cold_state(side: Side, at_s: float) -> Answer:
    side.forget()
    return side.state(at_s)


if __name__ == "__main__":
    harness.main(run)
