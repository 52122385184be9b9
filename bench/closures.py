"""`bench closures`: what it costs that a closed street is closed as a whole, and not at the place where the obstacle lies.

Random places on streets of both directions are closed. Beside the program's answer, to whom the closed street can be entered from either
end, stands the exact one: what lies before the place is reached from one end only, what lies behind it from the other. No peer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bench import cities, harness
from geodata.routing.searches import Floats, Ground, RoadPoint
from geodata.streets.graph import StreetGraph
from geodata.streets.street_times import StreetEffects, StreetTimes, built_times

CLOSURES = 200
PLACES = 50  # on each closed street
LIMIT_S, LONGEST_S = 300.0, 3600.0
SEED = 20260504
NOTHING = np.empty(0, np.int32)


def seconds_along(ground: Ground, start: RoadPoint, edge: int, limit_s: float) -> Floats:
    """[places] seconds from the start to places along the edge, evenly from its tail to its head."""
    with ground.search(start, limit_s, "from") as found:
        return found.seconds_at(np.full(PLACES, edge, np.int32), (np.arange(PLACES) + 0.5) / PLACES)[0]


def exact(ground: Ground, times: StreetTimes, effects: StreetEffects, start: RoadPoint, edge: int, at: float) -> Floats:
    """The same with the obstacle at fraction `at` of the edge."""
    twin = int(ground.twin[edge])
    seconds = np.empty(PLACES)
    before = (np.arange(PLACES) + 0.5) / PLACES <= at
    for barred, side in ((twin, before), (edge, ~before)):
        car_s = times.p50_s["car"].copy()
        car_s[barred] = np.inf  # nobody comes from that end
        one_way = ground.with_times(replace(times, p50_s={**times.p50_s, "car": car_s}), effects)
        seconds[side] = seconds_along(one_way, start, edge, LONGEST_S)[side]
    return seconds


def measured(name: str, graph: StreetGraph, rng: np.random.Generator) -> tuple[dict[str, float], list[float]]:
    """Figures of one city, and how many seconds too early the worst place of each closed street is told to be reached."""
    ground, length_m = Ground(graph), np.asarray(graph.length_m)
    is_open = np.isfinite(graph.car.time_s)
    streets = np.flatnonzero((np.arange(len(ground.twin)) < ground.twin) & is_open & is_open[ground.twin])
    early_s: list[float] = []
    wrong_m: list[float] = []
    times = built_times(graph)
    while len(early_s) < CLOSURES:
        start = RoadPoint(int(rng.choice(streets)), float(rng.random()), 0.0, 0.0, 0.0)
        with ground.search(start, LIMIT_S, "from") as found:
            reached = np.setdiff1d(np.intersect1d(found.edge, streets), [start.edge])
        if not len(reached):
            continue
        edge, at = int(rng.choice(reached)), float(rng.random())
        effects = StreetEffects(np.array([edge, ground.twin[edge]], np.int32), NOTHING, np.empty(0, np.float32))
        told = seconds_along(ground.with_times(times, effects), start, edge, LIMIT_S)
        in_ring = np.isfinite(told)
        off = np.zeros(PLACES)
        off[in_ring] = exact(ground, times, effects, start, edge, at)[in_ring] - told[in_ring]
        early_s.append(float(off.max()))
        wrong_m.append(float((off > 1.0).mean() * length_m[edge]))
    early, wrong = np.array(early_s), np.array(wrong_m)
    figures = {
        f"street_m_p50_{name}": harness.percentile(length_m[streets].tolist(), 50),
        f"street_m_p90_{name}": harness.percentile(length_m[streets].tolist(), 90),
        f"right_{name}": float((wrong == 0).mean()),
        f"wrong_m_p50_{name}": harness.percentile(wrong[wrong > 0].tolist(), 50),
        f"wrong_m_p90_{name}": harness.percentile(wrong[wrong > 0].tolist(), 90),
        f"early_s_p50_{name}": harness.percentile(early[(wrong > 0) & np.isfinite(early)].tolist(), 50),
        f"early_s_p90_{name}": harness.percentile(early[(wrong > 0) & np.isfinite(early)].tolist(), 90),
        f"no_other_way_{name}": float((~np.isfinite(early)).mean()),
    }
    return figures, early_s


def run() -> dict[str, Any]:
    """Measure in the demo city and in the real ones that are at hand."""
    rng = np.random.default_rng(SEED)
    figures: dict[str, float] = {"closures": float(CLOSURES)}
    samples: dict[str, list[float]] = {}
    for bench_city in (cities.demo(), cities.liechtenstein(), cities.helsinki()):
        if bench_city is None:
            continue
        name = "demo" if bench_city.city.schematic else bench_city.name
        harness.say(f"closures in {name}")
        found, samples[name] = measured(name, bench_city.city.graph, rng)
        figures |= found
    notes = {
        "right": "share of closed streets on which no place is told more than 1 s too early; what lies elsewhere is right in any case",
        "wrong_m": "of the others: metres of the closed street that are told too early; early_s: by how much at the worst place",
        "no_other_way": "share on which a place is told that cannot be reached at all within an hour",
        "samples": str(harness.keep_samples("closures", samples).relative_to(harness.ROOT)),
    }
    return harness.result("closures", figures, {}, notes)


if __name__ == "__main__":
    harness.main(run)
