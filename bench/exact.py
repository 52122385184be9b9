"""`bench exact`: are the rings right? 2,000 random points on each of three cities, searched to and from, 1/3/5 minutes.

Reached streets and their times are compared with `tests.geodata.reference`, which shares nothing with the searches but the streets'
arrays; once with the restrictions of the source, once with restrictions over ways put in, because none of the three has
any. Areas are measured in road metres at every point. Times are set beside Valhalla's, which has speeds of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench import cities, harness
from bench.cities import BenchCity
from bench.rings import Incident, accuracy, incidents
from geodata.building.source import CitySource
from geodata.demo import demo_source
from geodata.openstreetmap.osm import read_osm
from geodata.routing.searches import Ground
from geodata.routing.travel import TravelTimes
from geodata.streets.graph import STREET_CLASSES
from tests.geodata.planted import plant_over_ways
from tests.geodata.reference import Reference, car_reference
from tests.geodata.sources import graph_of

PEERS = ("pyvalhalla-weekly",)
POINTS = 2_000
LIMIT_S = 300.0
PLANTED = 1_000  # of which those count that aren't ambiguous
SEED = 20160102
TARGETS, SOURCES = 40, 50  # pairs for Valhalla: a matrix of so many sources to each target


def differing(reference: Reference, ground: Ground, chosen: list[Incident]) -> dict[str, float]:
    """Points at which some street is missing, too many or at another time than the reference's, and how many streets were compared."""
    wrong = streets = 0
    for incident in chosen:
        point = reference.at(incident.point.edge, incident.point.fraction)
        for towards in (True, False):
            expected = (reference.labels_to if towards else reference.labels_from)(point, LIMIT_S)
            with ground.search(incident.point, LIMIT_S, "to" if towards else "from") as found:
                labels = dict(zip(found.edge.tolist(), found.label_s.tolist(), strict=True))
            wrong += labels != expected
            streets += len(expected)
    return {"wrong": float(wrong), "edges_compared": float(streets)}


def restricted(source: CitySource, travel: TravelTimes, chosen: list[Incident]) -> dict[str, float]:
    """The same with restrictions over ways."""
    planted = plant_over_ways(source, graph_of(source)[0], PLANTED, SEED)
    graph, counts = graph_of(planted)
    found = differing(car_reference(planted, graph), Ground(graph), chosen)
    over_ways = {"restrictions_over_ways": float(counts["restriction_over_ways_applied"]), "copies": float(len(graph.car.copy_of))}
    return {f"{key}_over_ways": value for key, value in found.items()} | over_ways


def beside_valhalla(bench_city: BenchCity, ground: Ground, chosen: list[Incident]) -> dict[str, float]:
    """Correlation of travel times between random points, and the median and the middle 80 % of ours ÷ theirs.

    `r_streets` is of pairs that both lie on streets, neither tracks nor service roads: there Valhalla drives at walking pace, or
    takes another street nearby for the point.
    """
    ours: list[float] = []
    theirs: list[float] = []
    on_streets: list[bool] = []
    refusals: list[str] = []
    is_street = bench_city.city.graph.street_class < STREET_CLASSES.index("service")
    with harness.Peer(harness.ROOT / "bench" / "peer_roads.py") as peer:
        peer.ask("load_valhalla", name=bench_city.name, osm=str(bench_city.osm_file), tiles=str(bench_city.tiles))
        rng = np.random.default_rng(SEED)
        for target in chosen[:TARGETS]:
            starts = [chosen[i] for i in rng.choice(len(chosen), SOURCES, replace=False)]
            edges = np.array([s.point.edge for s in starts], np.int32)
            with ground.search(target.point, 3600.0) as found:
                seconds = found.seconds_at(edges, np.array([s.point.fraction for s in starts]))[0]
            asked = [[s.point.lon, s.point.lat] for s in starts]
            answered = _asked_of_valhalla(peer, bench_city.name, asked, (target.point.lon, target.point.lat), refusals)
            for start, mine, other in zip(starts, seconds.tolist(), answered, strict=True):
                if np.isfinite(mine) and other is not None and min(mine, other) > 20.0:
                    ours.append(mine)
                    theirs.append(float(other))
                    on_streets.append(bool(is_street[start.point.edge] and is_street[target.point.edge]))
    share = np.array(ours) / np.array(theirs)
    chosen_rows = np.flatnonzero(on_streets)
    for reason in sorted(set(refusals)):
        harness.say(f"  Valhalla refused {refusals.count(reason)} pairs: {reason}")
    return {
        "valhalla_pairs": float(len(ours)),
        "valhalla_pairs_refused": float(len(refusals)),
        "valhalla_r": float(np.corrcoef(ours, theirs)[0, 1]),
        "valhalla_pairs_streets": float(len(chosen_rows)),
        "valhalla_r_streets": float(np.corrcoef(np.array(ours)[chosen_rows], np.array(theirs)[chosen_rows])[0, 1]),
        "valhalla_ratio_median": float(np.median(share)),
        "valhalla_ratio_p10": float(np.percentile(share, 10)),
        "valhalla_ratio_p90": float(np.percentile(share, 90)),
    }


def _asked_of_valhalla(
    peer: harness.Peer, name: str, sources: list[list[float]], target: tuple[float, float], refusals: list[str]
) -> list[float | None]:
    """Seconds from each source; None where there is no way, or where it refuses the pair, which is added to `refusals`.

    It refuses a whole matrix for one place it can't use: then the pairs are asked one by one.
    """

    def ask(some: list[list[float]]) -> list[float | None]:
        answer = peer.ask("matrix_valhalla", name=name, sources=some, lon=target[0], lat=target[1])
        return [None if seconds is None else float(seconds) for seconds in answer["eta_s"]]

    try:
        return ask(sources)
    except harness.PeerError:
        found: list[float | None] = []
        for source in sources:
            try:
                found += ask([source])
            except harness.PeerError as error:
                refusals.append(str(error))
                found.append(None)
        return found


def measure(bench_city: BenchCity, read: Callable[[], CitySource], notes: dict[str, str]) -> dict[str, float]:
    """Everything about one city."""
    harness.say(f"exact on {bench_city.name}")
    source, graph = read(), bench_city.city.graph
    travel, ground = TravelTimes(bench_city.city), Ground(graph)
    chosen = incidents(bench_city.city.graph, travel, POINTS)
    figures = {"points": float(len(chosen)), **differing(car_reference(source, graph), ground, chosen)}
    harness.say("  with restrictions over ways")
    figures |= restricted(source, travel, chosen)
    harness.say("  areas")
    shares = accuracy(bench_city, ground, travel, chosen)
    figures |= {key: float(np.mean(values)) for key, values in shares.items()}
    figures |= {f"{key}_least": float(np.min(values)) for key, values in shares.items() if key.startswith("recall")}
    harness.say("  Valhalla")
    try:
        figures |= beside_valhalla(bench_city, ground, chosen)
    except harness.PeerError as error:
        notes[f"valhalla_{bench_city.name}"] = str(error)
    return figures


def prepare() -> None:
    """Build the cities and Valhalla's tiles of them once."""
    for bench_city in (cities.demo(), cities.liechtenstein(), cities.helsinki()):
        if bench_city is not None:
            with harness.Peer(harness.ROOT / "bench" / "peer_roads.py") as peer:
                peer.ask("load_valhalla", name=bench_city.name, osm=str(bench_city.osm_file), tiles=str(bench_city.tiles))


def run() -> dict[str, Any]:
    """Measure on the demo city, and on Liechtenstein and Helsinki where their extracts are at hand; names end in the city."""
    notes: dict[str, str] = {"wrong": "points at which any street's time differs at all from the reference's, of both directions"}
    figures: dict[str, float] = {}
    for name, bench_city, read in (
        ("demo", cities.demo(), demo_source),
        ("liechtenstein", cities.liechtenstein(), lambda: read_osm(cities.LIECHTENSTEIN)),
        ("helsinki", cities.helsinki(), lambda: read_osm(cities.HELSINKI)),
    ):
        if bench_city is None:
            notes[name] = "not measured: its extract is not beside the repository"
        else:
            figures |= {f"{key}_{name}": value for key, value in measure(bench_city, read, notes).items()}
    return harness.result("exact", figures, {}, notes)


if __name__ == "__main__":
    harness.main(run)
