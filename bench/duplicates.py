"""`python -m bench.duplicates FILE.csv`: what the suggestion of further calls says about real calls, and how long it takes.

FILE is "Fire Department Calls for Service" of San Francisco's open data (nuek-vuh3) or a part of it: one row a unit, so rows are
first put together to calls. Every call has an incident number of its own there: whether two of them were about one incident is
not on record, so this counts what would be suggested and lists it to be judged by eye; it measures no recall.
"""

from __future__ import annotations

import csv
import json
import re
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from bench.harness import machine
from dispatch.duplicates import THRESHOLD, TOO_LATE_S, call_of, compare
from dispatch.duplicates import candidates as suggest
from dispatch.model import Grade, Incident, Stage

ZONE = ZoneInfo("America/Los_Angeles")
FAMILY = {"Structure Fire": "fire", "Outside Fire": "fire"}
THRESHOLDS = (0.55, THRESHOLD, 0.70, 0.80)


def calls_of(path: Path) -> tuple[list[Incident], int, int]:
    """One incident a call, oldest first; how many rows and how many incident numbers there were."""
    found: dict[str, Incident] = {}
    numbers: set[str] = set()
    rows = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows += 1
            numbers.add(row["Incident Number"])
            at = datetime.strptime(row["Received DtTm"], "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=ZONE)
            place = re.fullmatch(r"\((-?[\d.]+), (-?[\d.]+)\)", row["Location"])
            found.setdefault(
                row["Call Number"],
                Incident(
                    incident_id=row["Call Number"],
                    number=len(found) + 1,
                    incident_type=row["Call Type"],
                    grade=Grade.ORDINARY,
                    text="",
                    org_code="",
                    stage=Stage.RECEIVED,
                    stage_since=at,
                    called_at=at,
                    received_at=at,
                    version=1,
                    lon=float(place[2]) if place else None,
                    lat=float(place[1]) if place else None,
                    address=row["Address"],
                ),
            )
    return sorted(found.values(), key=lambda one: one.called_at), rows, len(numbers)


def run(path: Path) -> dict[str, object]:
    """Every call against the calls before it."""
    calls, rows, numbers = calls_of(path)
    pairs = []
    for at, one in enumerate(calls):
        for earlier in reversed(calls[:at]):
            if (one.called_at - earlier.called_at).total_seconds() > TOO_LATE_S:
                break
            pairs.append((compare(call_of(one), earlier, lambda kind: FAMILY.get(kind, kind), False), one, earlier))
    for likeness, one, earlier in sorted(pairs, key=lambda pair: -pair[0].score):
        if likeness.score >= THRESHOLDS[0]:
            apart = f"{likeness.seconds / 60:5.1f} min {likeness.metres or 0:4.0f} m"
            sys.stdout.write(
                f"{likeness.score:.2f} {apart}  {earlier.incident_type}, {earlier.address}  |  {one.incident_type}, {one.address}\n"
            )
    figures: dict[str, object] = {
        "rows": rows,
        "calls": len(calls),
        "incident_numbers": numbers,
        "pairs_within_two_hours": len(pairs),
        "suggested": {f"{bound:.2f}": sum(likeness.score >= bound for likeness, *_ in pairs) for bound in THRESHOLDS},
    }
    return {"bench": "duplicates", "figures": figures | _speed(calls), "ratios": {}, "machine": machine(), "notes": {}}


def _speed(calls: list[Incident]) -> dict[str, float]:
    """One question among 2,000 incidents of the last hour and a half, at the places of these calls."""
    now = calls[-1].called_at
    many = [
        msgspec.structs.replace(
            calls[k % len(calls)], incident_id=f"i{k}", called_at=datetime.fromtimestamp(now.timestamp() - k * 2.7, ZONE)
        )
        for k in range(2_000)
    ]
    took: dict[bool, list[float]] = {True: [], False: []}
    for k in range(200):
        for is_placed in took:
            one = call_of(many[k])
            call = one if is_placed else msgspec.structs.replace(one, lon=None, lat=None)
            begun = time.perf_counter()
            suggest(call, many, lambda kind: FAMILY.get(kind, kind))
            took[is_placed].append((time.perf_counter() - begun) * 1e3)
    return {
        f"{name}_{'ms_with_point' if placed else 'ms_without_point'}": round(pick(took[placed]), 3)
        for placed in took
        for name, pick in (("p50", statistics.median), ("p99", lambda values: statistics.quantiles(values, n=100)[98]))
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Path(sys.argv[1]))) + "\n")
