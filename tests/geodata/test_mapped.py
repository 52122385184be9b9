"""An opened city is mapped, not copied, and its arrays are to numba what a graph's are that was just built."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from geodata.cities.city import CityError, open_city
from geodata.mapped import map_array, save_arrays
from geodata.routing.isochrones import StreetShapes, write_pieces
from geodata.routing.searches import Ground, owned, settle
from geodata.routing.travel import TravelTimes
from geodata.streets.graph import Profile, StreetGraph, load_graph, save_graph
from geodata.streets.snapping import Segments, nearest_segments
from tests.cities import build_test_city
from tests.geodata.networks import ORIGIN, random_grid


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_test_city(tmp_path_factory.mktemp("mapped")).folder


def test_an_array_is_mapped_plain_and_the_file_is_safe(tmp_path: Path) -> None:
    stored = np.arange(1000, dtype=np.int32)
    save_arrays(tmp_path, {"a": stored, "none": np.empty((0, 4))})
    array = map_array(tmp_path, "a")
    assert type(array) is np.ndarray
    assert isinstance(array.base, np.memmap)
    assert array.flags.c_contiguous
    assert array.flags.aligned
    array[:] = 7
    assert (map_array(tmp_path, "a") == stored).all()
    assert map_array(tmp_path, "none").shape == (0, 4)


def test_searches_work_on_the_mapped_arrays_themselves(folder: Path) -> None:
    graph = open_city(folder).graph
    ground, shapes = Ground(graph), StreetShapes(graph)
    assert ground.twin is graph.twin
    for profile in (graph.car, graph.foot):
        for item in fields(Profile):
            if item.name != "name":
                array = getattr(ground.profiles[profile.name], item.name)
                assert isinstance(array.base, np.memmap), item.name
                assert not array.size or np.shares_memory(array, getattr(profile, item.name))
    assert shapes._x is graph.vertex_x


def test_segments_are_those_of_the_graph(folder: Path) -> None:
    city = open_city(folder)
    stored, made = Segments.load(city.segments_path), Segments.of(city.graph)
    for item in fields(Segments):
        np.testing.assert_array_equal(getattr(stored, item.name), getattr(made, item.name))
    assert isinstance(stored.ends.base, np.memmap)


def test_a_missing_part_of_the_segments_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CityError, match=r"segments is damaged .*Build the city again"):
        Segments.load(tmp_path / "segments")


def test_kernels_are_compiled_once_for_built_and_opened_graphs(tmp_path: Path, folder: Path) -> None:
    built = random_grid(np.random.default_rng(7))
    for travel in (TravelTimes(built), TravelTimes(open_city(folder))):
        travel.rings(*ORIGIN, minutes=(1, 3))
    for kernel in (settle, nearest_segments, write_pieces):
        assert len(kernel.signatures) == 1, kernel.signatures


def test_other_arrays_are_made_plain_by_a_copy() -> None:
    read_only = np.arange(4, dtype=np.int32)
    read_only.setflags(write=False)
    strided = np.arange(8, dtype=np.int32)[::2]
    for array in (read_only, strided):
        assert owned(array).flags.writeable
        assert owned(array).flags.c_contiguous
        assert owned(array).tolist() == array.tolist()


def test_a_graph_survives_saving(tmp_path: Path) -> None:
    graph = random_grid(np.random.default_rng(3))
    save_graph(graph, tmp_path)
    again = load_graph(tmp_path)
    for item in fields(StreetGraph):
        value = getattr(graph, item.name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(getattr(again, item.name), value)
            assert getattr(again, item.name).dtype == value.dtype
    assert (again.names, again.origin_lon, again.car.name) == (graph.names, graph.origin_lon, "car")
