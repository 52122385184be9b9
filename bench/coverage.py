"""`bench coverage`: which streets 700 units can be on within five minutes, against pandana, networkx and scipy.

The graph is the middle of the demo city copied and linked eight times (`bench.linked`), 249,000 directed edges a car may use. Every
unit has moved before each question. scipy searches the very same turn graph and is the reference for exactness; pandana and
networkx search nodes and know no turns.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from bench import cities, harness
from bench.linked import copied, middle_of
from bench.nearest import Positions, moved
from geodata.routing.cores import PARTS
from geodata.routing.coverage import LIMIT_S, CoverageSearch, Reach
from geodata.routing.isochrones import StreetShapes
from geodata.routing.nearest import UnitPlacement
from geodata.routing.searches import Ground
from geodata.streets.graph import StreetGraph
from geodata.streets.snapping import Snapper

PEERS = ("scipy", "networkx", "pandana")
UNITS = 700
ON_FOOT = 0.2  # of the fleet the percentiles are taken with; peers get cars only
COPY_EDGES = 31_120  # of one copy: eight make 249,000
SIZES = {"30k": (1, 1), "250k": (4, 2), "1m": (8, 4)}  # columns, rows of copies
ROUNDS = 7
CALLS = 300  # for the percentiles of the whole answer
MINUTES_S = (60.0, 180.0, 300.0)
SEED = 20160104


@dataclass(frozen=True)
class Fleet:
    """Where the units are, in every round a little elsewhere."""

    rounds: list[Positions]

    @classmethod
    def on(cls, graph: StreetGraph, units: int, rounds: int, rng: np.random.Generator) -> Fleet:
        """Units beside random streets a car may use."""
        shapes = StreetShapes(graph)
        usable = np.flatnonzero(np.isfinite(graph.car.time_s))
        lonlat = np.array([shapes.route([int(e)], float(rng.random()), 1.0)[0] for e in rng.choice(usable, units)])
        at = lonlat[:, 0], lonlat[:, 1]
        return cls([at := moved(at, rng) for _ in range(rounds)])


def answer(search: CoverageSearch, snapper: Snapper, weights: np.ndarray, at: Positions, on_foot: np.ndarray) -> np.ndarray:
    """The whole answer: every unit snapped, the search, and the share of two weights within 1, 3 and 5 minutes."""
    reach = search.reach(UnitPlacement.place(snapper, *at, on_foot))
    return np.asarray(reach.within(MINUTES_S) @ weights)


def turns_of_units(search: CoverageSearch, units: UnitPlacement) -> csr_array:
    """The turn graph of cars for scipy, the units as one more node: from it whatever follows a unit's edge, at the time it leaves that."""
    car = search.ground.profiles["car"]
    size = len(car.time_s)
    edge = np.concatenate([units.edge, search.ground.twin[units.edge]])
    key_s = np.concatenate([1.0 - units.fraction, units.fraction]) * car.time_s[edge]
    best: dict[int, float] = {}
    for e, key in zip(edge.tolist(), key_s.tolist(), strict=True):
        if np.isfinite(key):
            for n in car.next_edge[car.next_ptr[e] : car.next_ptr[e + 1]].tolist():
                best[n] = min(best.get(n, np.inf), key)
    weight = np.concatenate([np.repeat(car.time_s.astype(np.float64), np.diff(car.next_ptr)), list(best.values())])
    adjacent = np.concatenate([car.next_edge, np.array(list(best), np.int32)])
    return csr_array((weight, adjacent, np.append(car.next_ptr, len(weight)).astype(np.int32)), shape=(size + 1, size + 1))


def against_scipy(search: CoverageSearch, placed: list[UnitPlacement]) -> tuple[dict[str, list[float]], int]:
    """Seconds of the search alone, each side a round, and how many edges differ by more than 0.1 s or are missing."""
    matrices = [turns_of_units(search, units) for units in placed]
    source = matrices[0].shape[0] - 1
    wrong = 0
    for units, matrix in zip(placed[:2], matrices[:2], strict=True):
        label_s = dijkstra(matrix, indices=source, limit=LIMIT_S)[:-1]
        # At the head of every edge no unit stands on, for whoever has entered it or its twin.
        car_s = search.ground.profiles["car"].time_s
        free = np.setdiff1d(np.flatnonzero(np.isfinite(car_s)), [units.edge, search.ground.twin[units.edge]]).astype(np.int32)
        expected = np.fmin(label_s[free] + car_s[free], label_s[search.ground.twin[free]])
        found = search.reach(units).seconds_at(free, np.ones(len(free)))
        # At the limit either answer is right.
        clear = np.abs(np.where(np.isfinite(found), found, expected) - LIMIT_S) > 0.1
        expected[expected > LIMIT_S] = np.inf
        same = np.isclose(found, expected, rtol=0.0, atol=0.1) | (np.isinf(found) & np.isinf(expected))
        wrong += int(np.count_nonzero(clear & ~same))
    turn = iter(np.repeat(np.arange(ROUNDS), 2))

    def ours() -> float:
        units = placed[int(next(turn))]
        return harness.timed(lambda: search.reach(units))

    def theirs() -> float:
        matrix = matrices[int(next(turn))]
        return harness.timed(lambda: dijkstra(matrix, indices=source, limit=LIMIT_S))

    return harness.turn_about({"ours": ours, "scipy": theirs}, ROUNDS), wrong


def against_pandana(search: CoverageSearch, snapper: Snapper, graph: StreetGraph, name: str, fleet: Fleet) -> dict[str, list[float]]:
    """Seconds from moved units to an answer: snapping, search and shares of ours; setting and asking for the nearest of theirs.

    And what all cores together spent on it, as `ours_cpu` and `pandana_cpu`.
    """
    weights = np.column_stack([search.streets.length_m] * 2).astype(np.float32)
    cars = np.zeros(UNITS, np.bool_)
    turn = iter(np.repeat(np.arange(ROUNDS), 2))
    cpu: dict[str, list[float]] = {"ours_cpu": [], "pandana_cpu": []}
    with harness.Peer(harness.ROOT / "bench" / "peer_roads.py") as peer:
        peer.ask("load_pandana", graph=str(cities.write_peer_graph(name, graph)))

        def theirs() -> float:
            lon, lat = fleet.rounds[int(next(turn))]
            answered = peer.ask("coverage_pandana", lon=lon.tolist(), lat=lat.tolist(), limit_s=LIMIT_S)
            cpu["pandana_cpu"].append(float(answered["cpu_seconds"]))
            return float(answered["seconds"])

        def ours() -> float:
            at = fleet.rounds[int(next(turn))]
            begin = time.process_time()
            seconds = harness.timed(lambda: answer(search, snapper, weights, at, cars))
            cpu["ours_cpu"].append(time.process_time() - begin)
            return seconds

        return harness.turn_about({"ours": ours, "pandana": theirs}, ROUNDS) | cpu


def against_networkx(search: CoverageSearch, graph: StreetGraph, name: str, placed: list[UnitPlacement]) -> dict[str, list[float]]:
    """Seconds of the search alone; networkx begins at the nodes the units come to."""
    turn = iter(np.repeat(np.arange(ROUNDS), 2))
    with harness.Peer(harness.ROOT / "bench" / "peer_roads.py") as peer:
        peer.ask("load_networkx", graph=str(cities.write_peer_graph(name, graph)))

        def theirs() -> float:
            nodes = graph.head[placed[int(next(turn))].edge].tolist()
            return float(peer.ask("coverage_networkx", nodes=nodes, limit_s=LIMIT_S)["seconds"])

        def ours() -> float:
            units = placed[int(next(turn))]
            return harness.timed(lambda: search.reach(units))

        return harness.turn_about({"ours": ours, "networkx": theirs}, ROUNDS)


def reached_share(reach: Reach) -> float:
    """Share of street length within five minutes, to say what was searched."""
    length_m = reach.streets.length_m
    return float(reach.within((LIMIT_S,))[0] @ length_m / length_m.sum())


def percentiles(search: CoverageSearch, snapper: Snapper, graph: StreetGraph, calls: int, rng: np.random.Generator) -> list[float]:
    """Seconds of whole answers, a fifth of the units on foot."""
    weights = np.column_stack([search.streets.length_m] * 2).astype(np.float32)
    fleet = Fleet.on(graph, UNITS, calls, rng)
    on_foot = rng.random(UNITS) < ON_FOOT
    for at in fleet.rounds[:3]:
        answer(search, snapper, weights, at, on_foot)
    return [harness.timed(lambda at=at: answer(search, snapper, weights, at, on_foot)) for at in fleet.rounds]  # type: ignore[misc]


def run() -> dict[str, Any]:
    """Measure the growth, then the peers on eight copies."""
    rng = np.random.default_rng(SEED)
    one = middle_of(cities.demo().city.graph, COPY_EDGES)
    figures: dict[str, float] = {"units": float(UNITS), "parts": float(PARTS)}
    samples: dict[str, Any] = {}
    notes = {
        "graph": f"the middle of the demo city, {one.car_edge_count} directed car edges, copied and linked; the size is invented",
        "p99_ms": "snapping of all units, every one moved, a fifth on foot; the searches; the shares of two weights in 1, 3, 5 minutes",
        "vs_pandana": "both from moved cars to an answer: snapping, search, shares of ours; set_pois and nearest_pois of theirs",
        "parts": "threads that share one answer of ours; pandana's are as many as there are cores. _cpu: what all of them spent",
        "vs_scipy": "the search alone on the same turn graph; networkx the search alone over nodes",
    }
    ratios: dict[str, float | None] = {"vs_pandana": None, "vs_networkx": None, "vs_scipy": None}
    for size, copies in SIZES.items():
        graph = copied(one, *copies)
        harness.say(f"coverage on {graph.car_edge_count} edges")
        search, snapper = CoverageSearch(Ground(graph)), Snapper(graph)
        taken = percentiles(search, snapper, graph, CALLS, rng)
        samples[size] = taken
        end = "" if size == "250k" else f"_{size}"
        figures |= {f"p{p}_ms{end}": 1e3 * harness.percentile(taken, p) for p in (50, 99)} | {f"edges{end}": float(graph.car_edge_count)}
        if size != "250k":
            continue
        fleet = Fleet.on(graph, UNITS, ROUNDS, rng)
        cars = np.zeros(UNITS, np.bool_)
        placed = [UnitPlacement.place(snapper, *at, cars) for at in fleet.rounds]
        figures["street_share_5_min"] = reached_share(search.reach(placed[0]))
        samples["scipy"], wrong = against_scipy(search, placed)
        ratios["vs_scipy"] = harness.ratio(samples["scipy"]["ours"], samples["scipy"]["scipy"])
        figures |= {"wrong_edges": float(wrong), "search_p50_ms": 1e3 * harness.percentile(samples["scipy"]["ours"], 50)}
        work = {
            "pandana": lambda g=graph, s=search, p=snapper, f=fleet: against_pandana(s, p, g, "linked", f),  # type: ignore[misc]
            "networkx": lambda g=graph, s=search, p=placed: against_networkx(s, g, "linked", p),  # type: ignore[misc]
        }
        for name, measure in work.items():
            harness.say(f"  {name}")
            try:
                samples[name] = measure()
                ratios[f"vs_{name}"] = harness.ratio(samples[name]["ours"], samples[name][name])
                figures |= {f"{side}_ms_beside_{name}": 1e3 * harness.percentile(taken, 50) for side, taken in samples[name].items()}
            except harness.PeerError as error:
                notes[f"vs_{name}"] = str(error)
    notes["samples"] = str(harness.keep_samples("coverage", samples).relative_to(harness.ROOT))
    return harness.result("coverage", figures, ratios, notes)


if __name__ == "__main__":
    harness.main(run)
