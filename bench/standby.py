"""`bench standby`: where 20 idle units should wait, and 20 of 300, on the demo city; and the escape area of a pursuit.

No peer is measured. What is stated is the time, what is gained, and whether it was proven best.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from bench import cities, harness
from bench.nearest import positions
from geodata.routing.pursuit import Flight
from geodata.routing.searches import Floats, RoadPoint
from geodata.routing.standby import Advice, Task, advise
from geodata.routing.travel import TravelTimes
from geodata.streets.crossings import busy_crossings

ROUNDS = 5
MOVES = 20
FLEETS = (20, 300)
CROSSINGS = 150
ESCAPES = 100
SEED = 20160103


def sites(bench_city: cities.BenchCity, travel: TravelTimes, demand: Floats) -> list[RoadPoint]:
    """As the server has them: duty posts, doors, busy crossings."""
    posts = [feature["geometry"]["coordinates"] for feature in bench_city.city.elements("duty_post")["features"]]
    doors = [(one["lon"], one["lat"]) for one in bench_city.city.organisations()]
    return [travel.snap(*place) for place in (*posts, *doors)] + [c.point for c in busy_crossings(bench_city.city.graph, demand, CROSSINGS)]


def run() -> dict[str, Any]:
    """Measure on the demo city."""
    bench_city = cities.demo()
    graph, travel = bench_city.city.graph, TravelTimes(bench_city.city)
    travel.warm_up()
    rng = np.random.default_rng(SEED)
    residents = bench_city.city.residents()
    demand = np.asarray(graph.length_m if residents is None else residents, np.float64)
    places = sites(bench_city, travel, demand)
    figures: dict[str, float] = {"edges": float(graph.car_edge_count), "sites": float(len(places))}
    samples: dict[str, Any] = {}
    for count in FLEETS:
        harness.say(f"{MOVES} moves among {count} units")
        taken, found = [], []
        for _ in range(ROUNDS):
            units = [travel.snap(lon, lat) for lon, lat in zip(*positions(graph, count, rng), strict=True)]
            task = Task(units, ["car"] * count, np.ones(count, np.bool_), places, demand, most_moves=MOVES)
            begin = time.perf_counter()
            found.append(advise(travel.ground(), task))
            taken.append(time.perf_counter() - begin)
        samples[f"advice_{count}"] = taken
        figures |= {f"p50_s_{count}": harness.percentile(taken, 50), f"max_s_{count}": max(taken)} | _gained(found, count)
    harness.say("escape areas")
    escapes = travel.escape_streets()
    lon, lat = positions(graph, ESCAPES, rng)
    escapes.escape(Flight(lon[0], lat[0], 60.0))
    samples["escape"] = [
        harness.timed(lambda k=k: escapes.escape(Flight(lon[k], lat[k], float(60 + 6 * k))))  # type: ignore[misc]
        for k in range(ESCAPES)
    ]
    figures |= {f"escape_p{p}_ms": 1e3 * harness.percentile(samples["escape"], p) for p in (50, 99)}
    notes = {
        "weighed": "street length" if residents is None else "residents",
        "escape": "by car, seen 1 to 11 minutes ago, areas and closing lines",
    }
    notes["samples"] = str(harness.keep_samples("standby", samples).relative_to(harness.ROOT))
    return harness.result("standby", figures, {}, notes)


def _gained(found: list[Advice], count: int) -> dict[str, float]:
    return {
        f"share_before_{count}": float(np.mean([a.before / a.total for a in found])),
        f"share_after_{count}": float(np.mean([a.after / a.total for a in found])),
        f"proven_share_{count}": float(np.mean([a.proven for a in found])),
        f"largest_gap_{count}": max(a.gap for a in found),
    }


if __name__ == "__main__":
    harness.main(run)
