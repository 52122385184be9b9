"""Which streets an event means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geodata.projection import LocalProjection
from geodata.streets.closures import StreetFinder
from geodata.streets.graph import StreetGraph
from geodata.streets.snapping import Snapper
from tests.geodata.networks import ORIGIN, Street, street_graph

PROJECTION = LocalProjection(*ORIGIN)


def at(x: float, y: float) -> tuple[float, float]:
    lon, lat = PROJECTION.to_degrees(x, y)
    return float(lon), float(lat)


def finder(graph: StreetGraph) -> StreetFinder:
    return StreetFinder(graph, Snapper(graph))


# Two carriageways 16 m apart, of one name, each one-way; a side street of another name and a path for people on foot.
AVENUE = street_graph(
    [(0, 0), (300, 0), (0, 16), (300, 16), (150, -200), (150, -1), (140, 8), (160, 8)],
    [Street(0, 1, one_way=True), Street(3, 2, one_way=True), Street(4, 5), Street(6, 7, car=False)],
)
AVENUE = replace(AVENUE, names=("", "大道", "巷"), name_index=np.array([1, 1, 1, 1, 2, 2, 0, 0], np.int32))


def test_a_point_means_both_carriageways_unless_it_says_which() -> None:
    find = finder(AVENUE)
    assert find.at(*at(50, 3)).tolist() == [0, 2]
    assert find.at(*at(50, 3), heading_deg=90).tolist() == [0]
    assert find.at(*at(50, 3), heading_deg=270).tolist() == [2]
    assert find.at(*at(150, -60)).tolist() == [4, 5]
    assert find.at(*at(150, -60), heading_deg=10).tolist() == [4]
    assert find.at(*at(50, 60)).tolist() == []
    assert find.at(*at(9000, 9000)).tolist() == []


def test_without_a_name_nobody_knows_that_two_streets_are_one() -> None:
    nameless = replace(AVENUE, name_index=np.zeros(8, np.int32))
    assert finder(nameless).at(*at(50, 3)).tolist() == [0]


def test_a_line_means_what_it_follows_and_not_what_it_crosses() -> None:
    blocks = street_graph(
        [(i * 100.0, 0.0) for i in range(5)] + [(i * 100.0, 90.0) for i in range(5)] + [(i * 100.0, -90.0) for i in range(5)],
        [Street(i, i + 1) for i in range(4)] + [Street(i, i + 5) for i in range(5)] + [Street(i, i + 10) for i in range(5)],
    )
    find = finder(blocks)
    assert find.along([at(105, 2), at(295, -2)]).tolist() == [2, 3, 4, 5]
    assert find.along([at(295, -2), at(105, 2)], one_direction=True).tolist() == [3, 5]
    # Round a corner.
    assert find.along([at(110, 1), at(200, 0), at(200, 85)], one_direction=True).tolist() == [2, 12]
    # Across all streets at a right angle, along one of them.
    assert find.along([at(0, 80), at(0, -80)], one_direction=True).tolist() == [9, 18]
    assert find.along([at(5000, 0), at(5200, 0)]).tolist() == []
    assert find.along([at(110, 0), at(110, 0)]).tolist() == []


@pytest.mark.parametrize("length_m", [12.0, 60.0])
def test_a_short_street_is_meant_by_half_of_it(length_m: float) -> None:
    short = street_graph([(0, 0), (length_m, 0)], [Street(0, 1)])
    assert finder(short).along([at(0, 0), at(length_m, 0)]).tolist() == [0, 1]
