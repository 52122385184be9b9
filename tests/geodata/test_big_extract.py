"""The large extract of the benchmarks is as real as the small one that it is copied from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import osmium
import pytest
from osmium.osm.mutable import Node, Relation, Way

from bench.big_extract import GAP_DEG, LINKS_A_SIDE, write_copies
from geodata.building.build import build_city
from geodata.cities.city import open_city
from geodata.openstreetmap.osm import read_osm
from tests.geodata.test_osm import write_pbf

COPIES = 4


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross in a square, with a building, a forbidden turn and a hydrant."""
    middle = Node(id=5, location=(121.505, 29.805), tags={"emergency": "fire_hydrant", "name": "井"})
    arms = [Way(id=100 + n, nodes=[n, 5], tags={"highway": "primary", "name": f"{n}路"}) for n in (1, 2, 3, 4)]
    house = Way(id=200, nodes=[1, 2, 3, 1], tags={"building": "yes"})
    ban = Relation(
        id=300, members=[("w", 101, "from"), ("n", 5, "via"), ("w", 102, "to")], tags={"type": "restriction", "restriction": "no_left_turn"}
    )
    return write_pbf(tmp_path_factory.mktemp("small") / "a.osm.pbf", middle, *arms, house, ban)


def test_every_copy_has_all_of_it_and_ways_to_its_neighbours(small: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.osm.pbf"
    write_copies(small, big, COPIES)
    one, many = read_osm(small), read_osm(big)
    links = 4 * min(LINKS_A_SIDE, 5)  # in a square of four: two pairs side by side, two above each other; of five ends of streets
    assert len(many.ways) == COPIES * len(one.ways) + links
    assert len(many.restrictions) == COPIES * len(one.restrictions)
    assert len(many.elements) == len({e.element_id for e in many.elements}) == COPIES
    assert len({w.tags["name"] for w in many.ways if "name" in w.tags}) == COPIES * 4
    assert np.ptp(many.node_lon) == pytest.approx(2 * np.ptp(one.node_lon) + GAP_DEG, abs=1e-6)
    report = build_city(many, tmp_path / "city")
    assert report.restrictions == {"applied": COPIES}
    assert report.figures["components"]["car"]["components"] == 1
    lengths = open_city(tmp_path / "city").graph.length_m
    single = build_city(one, tmp_path / "one")
    assert float(lengths.sum()) / 2000 > COPIES * single.figures["street_km"]


def test_ids_ascend_as_in_any_extract(small: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.osm.pbf"
    write_copies(small, big, 2)
    ids: dict[str, list[int]] = {}
    for thing in osmium.FileProcessor(str(big)):
        ids.setdefault(thing.type_str(), []).append(thing.id)
    assert list(ids) == ["n", "w", "r"]
    assert all(found == sorted(set(found)) for found in ids.values())
