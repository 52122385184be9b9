"""Worker for the track peer DuckDB: Parquet of a day of fixes, written and read by it, each question timed. Runs in `.venv-bench`.

One JSON request a line on standard input, one answer a line on standard output, see `bench.harness.Peer`. The fixes come as a file of
fixed records, whose fields are named in the request.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np


def write(rows: str, fields: list[list[str]], folder: str, piece: int, **_: Any) -> dict[str, Any]:
    """Parquet files of `piece` fixes each, in the order received, zstd."""
    begin = time.perf_counter()
    fixes = np.memmap(rows, np.dtype([(name, kind) for name, kind in fields]), "r")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, len(fixes), piece)):
        columns = {name: np.ascontiguousarray(fixes[name][first : first + piece]) for name, _ in fields}  # noqa: F841 named in the query
        path = Path(folder) / f"{number:04}.parquet"
        duckdb.sql("SELECT * FROM columns").write_parquet(str(path), compression="zstd")
    return {"seconds": time.perf_counter() - begin, "bytes": sum(path.stat().st_size for path in Path(folder).glob("*.parquet"))}


def state(folder: str, from_ds: int, until_ds: int, **_: Any) -> dict[str, Any]:
    """The newest fix of each unit that was heard in a span, on a connection that knows nothing yet."""
    with duckdb.connect() as connection:
        begin = time.perf_counter()
        found = connection.execute(
            "SELECT unit, arg_max(lon, received_ds), arg_max(lat, received_ds), max(received_ds) FROM read_parquet(?) "
            "WHERE received_ds > ? AND received_ds <= ? GROUP BY unit ORDER BY unit",
            [f"{folder}/*.parquet", from_ds, until_ds],
        ).fetchnumpy()
        seconds = time.perf_counter() - begin
    names = list(found)
    return {"seconds": seconds, "units": len(found[names[0]]), "lon": int(found[names[1]].astype(np.int64).sum())}


def day(folder: str, unit: int, from_ds: int, until_ds: int, **_: Any) -> dict[str, Any]:
    """One unit's fixes in order."""
    with duckdb.connect() as connection:
        begin = time.perf_counter()
        found = connection.execute(
            "SELECT * FROM read_parquet(?) WHERE unit = ? AND received_ds > ? AND received_ds <= ? ORDER BY received_ds",
            [f"{folder}/*.parquet", unit, from_ds, until_ds],
        ).fetchnumpy()
        seconds = time.perf_counter() - begin
    return {"seconds": seconds, "fixes": len(found["unit"]), "lon": int(found["lon"].astype(np.int64).sum())}


ANSWERS = {"write": write, "state": state, "day": day}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = ANSWERS[request.pop("op")](**request)
        except Exception as fault:
            answer = {"error": f"{type(fault).__name__}: {fault}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
