"""`bench nearest`: the 10 nearest by road of 700 and of 5,000 moving units, against Valhalla's matrix and the straight line.

Every unit has moved before each question, so our time holds the snapping of all of them, as Valhalla's does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import cities, harness
from bench.cities import BenchCity
from bench.rings import Incident, incidents
from geodata.routing.isochrones import StreetShapes
from geodata.routing.nearest import straight_m
from geodata.routing.travel import TravelTimes
from geodata.streets.graph import StreetGraph

PEERS = ("pyvalhalla-weekly",)
K = 10
QUESTIONS = 300
MATRIX_ROUNDS = 5
ON_FOOT = 0.2
# A fix lies beside the street it was taken on: 5 m in the open.
NOISE_DEG = 5.0 / 111_000
SEED = 20160102

Positions = tuple[NDArray[np.float64], NDArray[np.float64]]


def positions(graph: StreetGraph, count: int, rng: np.random.Generator) -> Positions:
    """Units on random streets a car may use, with noise."""
    shapes = StreetShapes(graph)
    usable = np.flatnonzero(np.isfinite(graph.car.time_s))
    lonlat = np.array([shapes.route([int(e)], float(rng.random()), 1.0)[0] for e in rng.choice(usable, count)])
    return lonlat[:, 0] + rng.normal(0, NOISE_DEG, count), lonlat[:, 1] + rng.normal(0, NOISE_DEG, count)


def moved(at: Positions, rng: np.random.Generator) -> Positions:
    """Every unit some 12 m off its place, in any direction: it stays beside its street, as vehicles do."""
    return at[0] + rng.normal(0, 1e-4, len(at[0])), at[1] + rng.normal(0, 1e-4, len(at[1]))


def questions(travel: TravelTimes, at: Positions, asked: list[Incident], rng: np.random.Generator) -> dict[str, list[float]]:
    """Seconds of each question, the snapping of the moved units and the search apart."""
    units = travel.place(*at, rng.random(len(at[0])) < ON_FOOT)
    taken: dict[str, list[float]] = {"snap": [], "nearest": [], "both": []}
    for incident in asked:
        now = moved(at, rng)

        def snap(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> None:
            nonlocal units
            units = travel.move(units, lon, lat)

        snap_s = harness.timed(lambda a=now: snap(*a))  # type: ignore[misc]
        nearest_s = harness.timed(lambda i=incident: travel.nearest(i.lon, i.lat, units, K))  # type: ignore[misc]
        taken["snap"].append(snap_s)
        taken["nearest"].append(nearest_s)
        taken["both"].append(snap_s + nearest_s)
    return taken


def straight_line(travel: TravelTimes, at: Positions, asked: list[Incident]) -> dict[str, float]:
    """How often the unit nearest in a straight line is not the nearest by road, what that costs, how many of ten are missed."""
    units = travel.place(*at, np.zeros(len(at[0]), np.bool_))
    wrong, missed, late = 0, [], []
    for incident in asked:
        road = travel.nearest(incident.lon, incident.lat, units, K)
        line = np.argsort(straight_m(incident.lon, incident.lat, *at))[:K]
        if not len(road.index):
            continue
        missed.append(len(set(road.index.tolist()) - set(line.tolist())))
        if line[0] != road.index[0]:
            wrong += 1
            late.append(float(travel.etas_to(incident.lon, incident.lat, units).eta_s[line[0]] - road.eta_s[0]))
    return {
        "straight_line_wrong_share": wrong / len(asked),
        "straight_line_missed_of_10": float(np.mean(missed)),
        "straight_line_late_s_p50": float(np.median(late)) if late else 0.0,
    }


def against_valhalla(bench_city: BenchCity, travel: TravelTimes, at: Positions, asked: list[Incident]) -> dict[str, list[float]]:
    """Seconds for 700 × 1, turn about."""
    sources = np.column_stack(at).tolist()
    turn = iter(np.tile(np.arange(len(asked)), 2 * MATRIX_ROUNDS))
    with harness.Peer(harness.ROOT / "bench" / "peer_roads.py") as peer:
        peer.ask("load_valhalla", name=bench_city.name, osm=str(bench_city.osm_file), tiles=str(bench_city.tiles))

        def theirs() -> float:
            incident = asked[int(next(turn))]
            return float(peer.ask("matrix_valhalla", name=bench_city.name, sources=sources, lon=incident.lon, lat=incident.lat)["seconds"])

        def ours() -> float:
            incident = asked[int(next(turn))]
            return harness.timed(lambda: travel.etas_to(incident.lon, incident.lat, travel.place(*at, np.zeros(len(at[0]), np.bool_))))

        return harness.turn_about({"ours": ours, "valhalla": theirs}, MATRIX_ROUNDS)


def run() -> dict[str, Any]:
    """Measure on the demo city."""
    bench_city = cities.demo()
    travel = TravelTimes(bench_city.city)
    travel.warm_up()
    rng = np.random.default_rng(SEED)
    asked = incidents(bench_city.city.graph, travel, QUESTIONS)
    figures: dict[str, float] = {"edges": float(bench_city.city.graph.car_edge_count)}
    samples: dict[str, Any] = {}
    fleets = {count: positions(bench_city.city.graph, count, rng) for count in (700, 5000)}
    for count, at in fleets.items():
        harness.say(f"nearest of {count}")
        taken = questions(travel, at, asked, rng)
        samples[str(count)] = taken
        figures |= {
            f"p50_ms_{count}": 1e3 * harness.percentile(taken["both"], 50),
            f"p99_ms_{count}": 1e3 * harness.percentile(taken["both"], 99),
        }
        figures |= {f"{part}_p50_ms_{count}": 1e3 * harness.percentile(taken[part], 50) for part in ("snap", "nearest")}
        figures |= {f"{part}_p99_ms_{count}": 1e3 * harness.percentile(taken[part], 99) for part in ("snap", "nearest")}
    figures |= straight_line(travel, fleets[700], asked)
    notes = {"p99_ms": "snapping of all units, every one of them moved, plus the question"}
    ratios: dict[str, float | None] = {"vs_valhalla_matrix_700": None}
    harness.say("Valhalla's matrix")
    try:
        samples["valhalla"] = against_valhalla(bench_city, travel, fleets[700], asked[:MATRIX_ROUNDS])
        ratios["vs_valhalla_matrix_700"] = harness.ratio(samples["valhalla"]["ours"], samples["valhalla"]["valhalla"])
    except harness.PeerError as error:
        notes["vs_valhalla_matrix_700"] = str(error)
    notes["samples"] = str(harness.keep_samples("nearest", samples).relative_to(harness.ROOT))
    return harness.result("nearest", figures, ratios, notes)


if __name__ == "__main__":
    harness.main(run)
