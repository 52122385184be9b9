"""`bench city`: how cost grows with the city, at about 30,000, 250,000 and 1,000,000 directed edges.

Each city is Liechtenstein so many times (`bench.big_extract`): read, built, opened again by a server that was killed, and asked. Builds and
servers are processes of their own, so that their memory is theirs.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import big_extract, cities, harness
from bench.nearest import positions
from bench.processes import Server, rss_mb, with_descendants
from bench.rings import Incident, answer, incidents, search
from geodata.building.build import build_city
from geodata.cities.city import open_city
from geodata.openstreetmap.osm import read_osm
from geodata.routing.searches import Ground
from geodata.routing.travel import TravelTimes

COPIES = {"30k": 2, "250k": 16, "1m": 64}
PORT = 8097
RESTARTS = 3
QUESTIONS = 200
UNITS = 700
K = 10
SEED = 20160104


def build(osm_file: Path, folder: Path) -> dict[str, Any]:
    """Read and build in this process; seconds of each part, the most memory this process has had."""
    begun = now = time.perf_counter()
    parts: dict[str, float] = {}
    at_work = "read"

    def heard(part: str, share: float) -> None:
        nonlocal now, at_work
        parts[at_work] = parts.get(at_work, 0.0) + time.perf_counter() - now
        now, at_work = time.perf_counter(), part.split(",")[0]

    source = read_osm(osm_file)
    report = build_city(source, folder, progress=heard)
    return {
        "seconds": time.perf_counter() - begun,
        "parts": parts,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "edges": report.figures["directed_edges"],
        "car_edges": report.figures["directed_car_edges"],
    }


def open_and_ask(folder: Path) -> dict[str, float]:
    """Seconds from opening a built city to the first rings, in this fresh process with its modules imported."""
    begun = time.perf_counter()
    city = open_city(folder)
    travel = TravelTimes(city)
    opened = time.perf_counter()
    edge = int(np.flatnonzero(np.isfinite(city.graph.car.time_s))[0])
    node = int(city.graph.tail[edge])
    travel.rings(float(city.graph.node_lon[node]), float(city.graph.node_lat[node])).geojson()
    return {"opened": opened - begun, "answered": time.perf_counter() - begun}


def in_a_process(what: str, *paths: Path) -> dict[str, Any]:
    """One of the two above in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.city", what, *map(str, paths)], cwd=harness.ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    answered: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answered


def restarts(folder: Path, incident: Incident) -> tuple[list[float], float]:
    """Seconds from the start of a killed server's successor to its first rings, and the memory it has then."""
    taken = []
    with Server("city-server", PORT, {"desk": "operator"}, folder) as server:
        for _ in range(RESTARTS):
            server.kill()
            begun = time.perf_counter()
            server.start_again()
            server.get(f"/api/v1/rings?lon={incident.lon}&lat={incident.lat}", "desk")
            taken.append(time.perf_counter() - begun)
        return taken, rss_mb(with_descendants(server.pid))


def questions(folder: Path, osm_file: Path) -> tuple[dict[str, list[float]], Incident]:
    """Seconds of each question."""
    bench_city = cities.BenchCity(folder.name, open_city(folder), osm_file)
    travel, ground = TravelTimes(bench_city.city), Ground(bench_city.city.graph)
    travel.warm_up()
    rng = np.random.default_rng(SEED)
    asked = incidents(bench_city.city.graph, travel, QUESTIONS)
    at = positions(bench_city.city.graph, UNITS, rng)
    on_foot = np.zeros(UNITS, np.bool_)
    units = travel.place(*at, on_foot)
    return {
        "search": [harness.timed(lambda i=i: search(ground, i)) for i in asked],  # type: ignore[misc]
        "rings": [harness.timed(lambda i=i: answer(travel, i)) for i in asked],  # type: ignore[misc]
        "nearest": [harness.timed(lambda i=i: travel.nearest(i.lon, i.lat, units, K)) for i in asked],  # type: ignore[misc]
        "snap": [harness.timed(lambda: travel.place(*at, on_foot)) for _ in asked],
    }, asked[0]


def prepare() -> None:
    """Write the large extracts once."""
    if cities.LIECHTENSTEIN.exists():
        for copies in COPIES.values():
            big_extract.made(cities.LIECHTENSTEIN, copies, harness.WORK)


def run() -> dict[str, Any]:
    """Measure at each size. Raises PeerError where the extract is not at hand or a server does not start."""
    if not cities.LIECHTENSTEIN.exists():
        raise harness.PeerError(f"{cities.LIECHTENSTEIN} is missing: this benchmark grows it")
    figures: dict[str, Any] = {}
    samples: dict[str, Any] = {}
    for size, copies in COPIES.items():
        harness.say(f"{size}: building")
        osm_file = big_extract.made(cities.LIECHTENSTEIN, copies, harness.WORK)
        folder = harness.WORK / osm_file.name.split(".")[0]
        built = in_a_process("build", osm_file, folder)
        harness.say(f"{size}: asking")
        opened = [in_a_process("open", folder) for _ in range(RESTARTS)]
        taken, incident = questions(folder, osm_file)
        harness.say(f"{size}: restarting")
        server_s, server_mb = restarts(folder, incident)
        samples[size] = {"built": built, "opened": opened, "server_s": server_s, **taken}
        figures |= {f"{name}_{size}": built[name] for name in ("edges", "car_edges")}
        figures |= {f"build_s_{size}": built["seconds"], f"build_peak_mb_{size}": built["peak_mb"]}
        figures |= {f"build_{part.replace(' ', '_')}_s_{size}": s for part, s in built["parts"].items()}
        figures |= {f"{part}_s_{size}": float(np.median([o[part] for o in opened])) for part in ("opened", "answered")}
        figures |= {f"restart_s_{size}": float(np.median(server_s)), f"server_mb_{size}": server_mb}
        for what, seconds in taken.items():
            figures |= {f"{what}_p{p}_ms_{size}": 1e3 * harness.percentile(seconds, p) for p in (50, 99)}
    notes = {
        "opened_s": "city opened in a fresh process, modules imported; answered_s: to the first rings",
        "restart_s": "process start of app.py run after kill -9 to its first answer of /rings over HTTP",
        "samples": str(harness.keep_samples("city", samples).relative_to(harness.ROOT)),
    }
    return harness.result("city", figures, {}, notes)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        what, *paths = sys.argv[1:]
        sys.stdout.write(json.dumps({"build": build, "open": open_and_ask}[what](*map(Path, paths))) + "\n")
    else:
        harness.main(run)
