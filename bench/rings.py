"""`bench rings`: 1/3/5-minute rings by road, exact streets and areas, against scipy, pandana, networkx and Valhalla.

scipy searches the very same turn graph and is the reference for exactness. pandana and networkx search nodes and know no
turns; Valhalla has its own speeds. Areas are measured as road metres: what share of the reachable metres lies inside
(recall), what share of the metres inside is reachable (precision).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from bench import cities, harness
from bench.cities import BenchCity
from geodata.projection import LocalProjection
from geodata.routing.isochrones import StreetShapes
from geodata.routing.searches import Ground, RoadPoint
from geodata.routing.travel import TravelTimes
from geodata.streets.graph import StreetGraph

PEERS = ("scipy", "networkx", "pandana", "pyvalhalla-weekly")
MINUTES = (1, 3, 5)
LIMIT_S = 300.0
ROUNDS = 7
INCIDENTS = 40  # timed and compared in each round
RING_CALLS = 200  # for the percentiles of the whole answer
ACCURACY_INCIDENTS = 20
SAMPLE_M = 10.0
SEED = 20160101


@dataclass(frozen=True)
class Incident:
    """A point to draw rings around, and the node nearest to it for peers that know only nodes."""

    lon: float
    lat: float
    point: RoadPoint
    node: int


def incidents(graph: StreetGraph, travel: TravelTimes, count: int) -> list[Incident]:
    """Points beside random streets a car may use: dense where the streets are dense."""
    rng = np.random.default_rng(SEED)
    shapes = StreetShapes(graph)
    found = []
    for edge in rng.choice(np.flatnonzero(np.isfinite(graph.car.time_s)), count):
        lon, lat = shapes.route([int(edge)], float(rng.random()), 1.0)[0] + rng.normal(0, 1e-4, 2)
        point = travel.snap(float(lon), float(lat))
        found.append(Incident(float(lon), float(lat), point, int(graph.head[point.edge])))
    return found


def turn_matrix(ground: Ground) -> csr_array:
    """The reversed turns of cars for scipy: entry (e, p) is the time of e, p a state from which e may be entered."""
    car = ground.profiles["car"]
    weight = np.repeat(car.time_s[car.state_edge].astype(np.float64), np.diff(car.previous_ptr))
    return csr_array((weight, car.previous_edge, car.previous_ptr), shape=(len(car.state_edge),) * 2)


def with_incident(matrix: csr_array, ground: Ground, incident: Incident) -> csr_array:
    """`matrix` with the incident as one more node, the last, that leads to whatever may enter its street."""
    car = ground.profiles["car"]
    edges, fractions = ground.seeds(incident.point, car)
    size = matrix.shape[0]
    best: dict[int, float] = {}
    for edge, key_s in zip(edges, fractions * car.time_s[edges], strict=True):
        for state in np.flatnonzero(car.state_edge == edge):
            for n in matrix.indices[matrix.indptr[state] : matrix.indptr[state + 1]]:
                best[int(n)] = min(best.get(int(n), np.inf), float(key_s))
    indices = np.concatenate([matrix.indices, np.array(list(best), np.int32)])
    data = np.concatenate([matrix.data, np.array(list(best.values()))])
    return csr_array((data, indices, np.append(matrix.indptr, len(data))), shape=(size + 1, size + 1))


def search(ground: Ground, incident: Incident) -> None:
    """Our side: the reached edges and their times, taken out of the search."""
    with ground.search(incident.point, LIMIT_S) as found:
        found.edge.copy()
        found.label_s.copy()


def answer(travel: TravelTimes, incident: Incident, streets: bool = False) -> bytes:
    """The whole answer as a client gets it: three rings with areas, as JSON text."""
    return msgspec.json.encode(travel.rings(incident.lon, incident.lat, MINUTES).encodable(streets))


def against_scipy(ground: Ground, chosen: list[Incident]) -> tuple[dict[str, list[float]], int]:
    """Seconds of each side per round over all incidents, and how many edges differ by more than 0.1 s or are missing."""
    base = turn_matrix(ground)
    # scipy converts other index types on every call: give it what it works with.
    matrices = [with_incident(base, ground, incident) for incident in chosen]
    source = base.shape[0]

    def ours() -> float:
        return sum(harness.timed(lambda i=incident: search(ground, i)) for incident in chosen)  # type: ignore[misc]

    def theirs() -> float:
        return sum(harness.timed(lambda m=m: dijkstra(m, indices=source, limit=LIMIT_S)) for m in matrices)  # type: ignore[misc]

    wrong = 0
    for incident, matrix in zip(chosen, matrices, strict=True):
        with ground.search(incident.point, LIMIT_S) as found:
            labels = np.full(len(ground.twin), np.inf)
            labels[found.edge] = found.label_s
        expected = dijkstra(matrix, indices=source, limit=LIMIT_S)[: len(labels)]
        both = np.isfinite(labels) & np.isfinite(expected)
        wrong += int(np.count_nonzero(np.isfinite(labels) != np.isfinite(expected)))
        wrong += int(np.count_nonzero(np.abs(labels[both] - expected[both]) > 0.1))
    return harness.turn_about({"ours": ours, "scipy": theirs}, ROUNDS), wrong


def against_node_peer(name: str, bench_city: BenchCity, ground: Ground, chosen: list[Incident]) -> dict[str, list[float]]:
    """Seconds per round over all incidents, ours and a peer's that searches nodes."""
    with harness.Peer(harness.ROOT / "bench" / "peer_roads.py") as peer:
        peer.ask(f"load_{name}", graph=str(bench_city.peer_graph()))

        def theirs() -> float:
            return sum(float(peer.ask(f"search_{name}", node=i.node, limit_s=LIMIT_S)["seconds"]) for i in chosen)

        def ours() -> float:
            return sum(harness.timed(lambda i=i: search(ground, i)) for i in chosen)  # type: ignore[misc]

        return harness.turn_about({"ours": ours, name: theirs}, ROUNDS)


def against_valhalla(bench_city: BenchCity, travel: TravelTimes, chosen: list[Incident]) -> dict[str, list[float]]:
    """Seconds per round over all incidents for three rings with areas, as JSON text on both sides."""
    with harness.Peer(harness.ROOT / "bench" / "peer_roads.py") as peer:
        peer.ask("load_valhalla", name=bench_city.name, osm=str(bench_city.osm_file), tiles=str(bench_city.tiles))

        def theirs() -> float:
            return sum(
                float(peer.ask("isochrone_valhalla", name=bench_city.name, lon=i.lon, lat=i.lat, minutes=MINUTES)["seconds"])
                for i in chosen
            )

        def ours() -> float:
            return sum(harness.timed(lambda i=i: answer(travel, i)) for i in chosen)  # type: ignore[misc]

        theirs()
        return harness.turn_about({"ours": ours, "valhalla": theirs}, ROUNDS)


@dataclass(frozen=True)
class RoadSamples:
    """A point every 10 m of every street a car may use, from south to north."""

    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]


def road_samples(bench_city: BenchCity, ground: Ground) -> RoadSamples:
    """Samples of the whole city, walked street by street."""
    graph = bench_city.city.graph
    time_s = ground.profiles["car"].time_s
    low = np.flatnonzero((np.arange(len(ground.twin)) < ground.twin) & (np.isfinite(time_s) | np.isfinite(time_s[ground.twin])))
    count = np.maximum(1, np.round(ground.length_m[low] / SAMPLE_M)).astype(np.int64)
    xs, ys, fractions = [], [], []
    for edge, n in zip(low, count, strict=True):
        step = 1 if graph.last_vertex[edge] >= graph.first_vertex[edge] else -1
        run = np.arange(graph.first_vertex[edge], graph.last_vertex[edge] + step, step)
        x, y = graph.vertex_x[run], graph.vertex_y[run]
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        at = (np.arange(n) + 0.5) / n
        fractions.append(at)
        xs.append(np.interp(at * along[-1], along, x))
        ys.append(np.interp(at * along[-1], along, y))
    lon, lat = LocalProjection(graph.origin_lon, graph.origin_lat).to_degrees(np.concatenate(xs), np.concatenate(ys))
    order = np.argsort(lat)
    return RoadSamples(np.repeat(low, count).astype(np.int32)[order], np.concatenate(fractions)[order], lon[order], lat[order])


def accuracy(bench_city: BenchCity, ground: Ground, travel: TravelTimes, chosen: list[Incident]) -> dict[str, list[float]]:
    """Recall and precision of each ring's area for each incident that has any."""
    samples = road_samples(bench_city, ground)
    found: dict[str, list[float]] = {f"{kind}_{m}": [] for kind in ("recall", "precision") for m in MINUTES}
    for incident in chosen:
        drawn = travel.rings(incident.lon, incident.lat, MINUTES)
        # Nothing north or south of all that is reached and all that is drawn can be either.
        lats = np.concatenate([drawn.streets.lonlat[:, 1], [bound for area in drawn.areas for bound in area.bounds[1::2]]])
        band = slice(*np.searchsorted(samples.lat, [lats.min() - 1e-5, lats.max() + 1e-5]))
        lon, lat = samples.lon[band], samples.lat[band]
        with ground.search(incident.point, LIMIT_S) as search_result:
            seconds = search_result.seconds_at(samples.edge[band], samples.fraction[band])[0]
        for minutes, area in zip(MINUTES, drawn.areas, strict=True):
            west, south, east, north = area.bounds
            near = np.flatnonzero((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
            inside = np.zeros(len(seconds), np.bool_)
            inside[near] = shapely.contains_xy(area, lon[near], lat[near])
            reachable = seconds <= 60.0 * minutes
            both = int(np.count_nonzero(inside & reachable))
            # A few metres of a street that is cut off hold no sample: there is nothing to be recalled, or to be right about.
            for kind, of in (("recall", reachable), ("precision", inside)):
                if of.any():
                    found[f"{kind}_{minutes}"].append(both / int(np.count_nonzero(of)))
    return found


@dataclass
class CityFigures:
    """What was measured on one city."""

    figures: dict[str, float]
    ratios: dict[str, float | None]
    notes: dict[str, str]
    samples: dict[str, Any]


def measure(bench_city: BenchCity) -> CityFigures:
    """Every comparison on one city."""
    harness.say(f"rings on {bench_city.name}")
    travel, ground = TravelTimes(bench_city.city), Ground(bench_city.city.graph)
    travel.warm_up()
    chosen = incidents(bench_city.city.graph, travel, INCIDENTS)
    notes: dict[str, str] = {}
    scipy_s, wrong = against_scipy(ground, chosen)
    samples: dict[str, Any] = {"scipy": scipy_s}
    ratios: dict[str, float | None] = {"search_vs_scipy": harness.ratio(scipy_s["ours"], scipy_s["scipy"])}

    def peer(key: str, name: str, work: Callable[[], dict[str, list[float]]]) -> None:
        harness.say(f"  {name}")
        try:
            samples[name] = work()
            ratios[key] = harness.ratio(samples[name]["ours"], samples[name][name])
        except harness.PeerError as error:
            ratios[key], notes[key] = None, str(error)

    peer("search_vs_pandana", "pandana", lambda: against_node_peer("pandana", bench_city, ground, chosen))
    peer("search_vs_networkx", "networkx", lambda: against_node_peer("networkx", bench_city, ground, chosen[:20]))
    peer("areas_vs_valhalla", "valhalla", lambda: against_valhalla(bench_city, travel, chosen[:20]))
    harness.say("  whole answers and accuracy")
    asked = incidents(bench_city.city.graph, travel, RING_CALLS)
    answers = [harness.timed(lambda i=i: answer(travel, i)) for i in asked]  # type: ignore[misc]
    with_streets = [harness.timed(lambda i=i: answer(travel, i, streets=True)) for i in asked]  # type: ignore[misc]
    shares = accuracy(bench_city, ground, travel, chosen[:ACCURACY_INCIDENTS])
    samples |= {"answers_s": answers, "answers_with_streets_s": with_streets, "accuracy": shares}
    figures = {
        "p50_ms": 1e3 * harness.percentile(answers, 50),
        "p99_ms": 1e3 * harness.percentile(answers, 99),
        "p99_ms_with_streets": 1e3 * harness.percentile(with_streets, 99),
        "missing_edges": float(wrong),
        **{k: float(np.mean(v)) for k, v in shares.items()},
        **{f"{k}_least": float(np.min(v)) for k, v in shares.items() if k.startswith("recall")},
        "edges": float(bench_city.city.graph.car_edge_count),
        "search_us": 1e6 * harness.percentile(scipy_s["ours"], 50) / len(chosen),
    }
    return CityFigures(figures, ratios, notes, samples)


def prepare() -> None:
    """Build the cities and Valhalla's tiles of them once."""
    for bench_city in (cities.demo(), cities.liechtenstein()):
        if bench_city is not None:
            with harness.Peer(harness.ROOT / "bench" / "peer_roads.py") as peer:
                peer.ask("load_valhalla", name=bench_city.name, osm=str(bench_city.osm_file), tiles=str(bench_city.tiles))


def run() -> dict[str, Any]:
    """Measure on the demo city, and on Liechtenstein (names ending in _liechtenstein) where its extract is at hand."""
    main = measure(cities.demo())
    figures, ratios, notes = dict(main.figures), dict(main.ratios), dict(main.notes)
    samples = {"demo": main.samples}
    real = cities.liechtenstein()
    if real is None:
        notes["liechtenstein"] = f"not measured: {cities.LIECHTENSTEIN.name} is not beside the repository"
    else:
        other = measure(real)
        figures |= {f"{k}_liechtenstein": v for k, v in other.figures.items()}
        figures |= {f"{k}_liechtenstein": v for k, v in other.ratios.items() if v is not None}
        notes |= {f"{k}_liechtenstein": v for k, v in other.notes.items()}
        samples["liechtenstein"] = other.samples
    notes["samples"] = str(harness.keep_samples("rings", samples).relative_to(harness.ROOT))
    notes["areas_vs_valhalla_work"] = "three rings with areas as JSON text; Valhalla with reverse, polygons and its own speeds"
    return harness.result("rings", figures, ratios, notes)


if __name__ == "__main__":
    harness.main(run)
