"""`bench growth`: how the cost of each question grows with the streets, at about 30,000, 250,000 and 1,000,000 directed edges.

The graphs are those of `bench coverage`: the middle of the demo city, copied side by side and linked. Everything is asked of one graph
after the other, with 700 units on each: in a larger city they are thinner on the ground. What building and opening cost is in
`bench city`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import cities, harness
from bench.coverage import COPY_EDGES, SIZES, UNITS, answer
from bench.drives import drive, fixes
from bench.linked import copied, middle_of
from bench.match import followed
from bench.nearest import moved, positions
from bench.rings import answer as rings_answer
from bench.rings import incidents, search
from geodata.routing.coverage import CoverageSearch
from geodata.routing.searches import Ground
from geodata.routing.standby import Task, advise
from geodata.routing.travel import TravelTimes
from geodata.streets.crossings import busy_crossings
from geodata.streets.graph import StreetGraph

QUESTIONS = 200
COVERAGES = 40
ON_FOOT = 0.2
K = 10
DRIVEN_S = 120.0
NOISE_M = 5.0
MOVES = 20
SITES = 500
ADVICES = 3
SEED = 20160105


def asked(graph: StreetGraph, travel: TravelTimes, rng: np.random.Generator) -> dict[str, list[float]]:
    """Seconds of each search, whole answer of rings, ten nearest, and whole answer of coverage."""
    ground, chosen = Ground(graph), incidents(graph, travel, QUESTIONS)
    on_foot = rng.random(UNITS) < ON_FOOT
    at = positions(graph, UNITS, rng)
    units = travel.place(*at, on_foot)
    cover = CoverageSearch(ground)
    weights = np.column_stack([cover.streets.length_m] * 2).astype(np.float32)
    places = [at := moved(at, rng) for _ in range(COVERAGES)]
    answer(cover, travel.snapper, weights, at, on_foot)
    return {
        "search": [harness.timed(lambda i=i: search(ground, i)) for i in chosen],  # type: ignore[misc]
        "rings": [harness.timed(lambda i=i: rings_answer(travel, i)) for i in chosen],  # type: ignore[misc]
        "nearest": [harness.timed(lambda i=i: travel.nearest(i.lon, i.lat, units, K)) for i in chosen],  # type: ignore[misc]
        "coverage": [harness.timed(lambda p=p: answer(cover, travel.snapper, weights, p, on_foot)) for p in places],  # type: ignore[misc]
    }


def matched(graph: StreetGraph, travel: TravelTimes, rng: np.random.Generator) -> float:
    """Share of one core that following 700 cars takes at a fix a second."""
    starts = rng.choice(np.flatnonzero(np.isfinite(graph.car.time_s)), UNITS).tolist()

    def seconds(edge: int, _: float) -> float:
        return float(graph.car.time_s[edge])

    drives = [drive(graph, seconds, start, 0.0, DRIVEN_S, rng) for start in starts]
    _, taken = followed(graph, travel.snapper, fixes(graph, drives, 0.0, DRIVEN_S, NOISE_M, rng))
    return taken / DRIVEN_S


def advised(graph: StreetGraph, travel: TravelTimes, rng: np.random.Generator) -> list[float]:
    """Seconds of advice for twenty idle units, weighed by the length of streets."""
    demand = np.where(np.isfinite(graph.car.time_s), graph.length_m, 0.0).astype(np.float64)
    sites = [crossing.point for crossing in busy_crossings(graph, demand, SITES)]
    taken = []
    for _ in range(ADVICES):
        units = [travel.snap(lon, lat) for lon, lat in zip(*positions(graph, MOVES, rng), strict=True)]
        task = Task(units, ["car"] * MOVES, np.ones(MOVES, np.bool_), sites, demand, most_moves=MOVES)
        taken.append(harness.timed(lambda task=task: advise(travel.ground(), task)))  # type: ignore[misc]
    return taken


def run() -> dict[str, Any]:
    """Measure at each size."""
    one = middle_of(cities.demo().city.graph, COPY_EDGES)
    figures: dict[str, float] = {"units": float(UNITS)}
    samples: dict[str, Any] = {}
    for size, copies in SIZES.items():
        graph = copied(one, *copies)
        harness.say(f"{graph.car_edge_count} edges")
        travel, rng = TravelTimes(graph), np.random.default_rng(SEED)
        travel.warm_up()
        taken = asked(graph, travel, rng)
        figures[f"edges_{size}"] = float(graph.car_edge_count)
        for what, seconds in taken.items():
            figures |= {f"{what}_p{p}_ms_{size}": 1e3 * harness.percentile(seconds, p) for p in (50, 99)}
        figures[f"match_core_share_{size}"] = matched(graph, travel, rng)
        advices = advised(graph, travel, rng)
        figures |= {f"standby_p50_s_{size}": harness.percentile(advices, 50), f"standby_max_s_{size}": max(advices)}
        samples[size] = taken | {"standby": advices}
    notes = {
        "graph": f"the middle of the demo city, {one.car_edge_count} directed car edges, copied and linked; the size is invented",
        "coverage": "snapping of all units, every one moved, a fifth on foot; the searches; two weights in 1, 3, 5 minutes",
        "match": "processor time of following 700 cars at 1 Hz, as a share of one core",
        "standby": f"{MOVES} moves of {MOVES} units to {SITES} sites, weighed by street length",
        "samples": str(harness.keep_samples("growth", samples).relative_to(harness.ROOT)),
    }
    return harness.result("growth", figures, {}, notes)


if __name__ == "__main__":
    harness.main(run)
