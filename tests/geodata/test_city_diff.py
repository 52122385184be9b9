"""What differs between two cities: by example, and as a property of any two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from geodata.building.build import build_city
from geodata.building.source import CitySource, SourceElement, SourceOrganisation
from geodata.cities.city import CityError
from geodata.cities.city_diff import Change, CityDiff, Part, diff_cities
from geodata.cities.city_diff_text import SHOWN, lines
from tests.geodata.sources import ban, city_source, way

# A cross of four streets over node 2.
PLACES = {1: (-3.0, 0.0), 2: (0.0, 0.0), 3: (3.0, 0.0), 4: (0.0, 3.0), 5: (0.0, -3.0)}
STREETS = [way(1, 1, 2, name="中山路"), way(2, 2, 3, name="解放路", maxspeed="50"), way(3, 2, 4), way(4, 2, 5, highway="service")]
AREA = box(121.54, 29.86, 121.56, 29.88)
CITY = SourceOrganisation("330200000000", "宁波市公安局", "Ningbo", "city", None, 121.55, 29.87, True, AREA)
STATION = SourceOrganisation(
    "330203000100", "鼓楼派出所", "Gulou", "station", "330200000000", 121.551, 29.871, True, box(121.54, 29.86, 121.55, 29.88)
)
HYDRANT = SourceElement("hydrant", "h1", 121.55, 29.87, {"diameter": "100"})


def source(**more: Any) -> CitySource:
    values: dict[str, Any] = {"boundary": AREA, "organisations": [CITY, STATION], "elements": [HYDRANT], "restrictions": []}
    return city_source(more.pop("places", PLACES), more.pop("ways", STREETS), **values | more)


def diff(tmp_path: Path, a: CitySource, b: CitySource) -> CityDiff:
    build_city(a, tmp_path / "a")
    build_city(b, tmp_path / "b")
    return diff_cities(tmp_path / "a", tmp_path / "b")


def changes(part: Part) -> dict[str, dict[str, tuple[Any, Any]]]:
    return {thing.id: {c.field: (c.before, c.after) for c in thing.changes} for thing in part.changed}


def test_streets_that_come_go_and_change(tmp_path: Path) -> None:
    a = source(restrictions=[ban("no_left_turn", 1, 2, 3)])
    ways = [
        way(1, 1, 2, name="中山西路", oneway="yes"),
        way(2, 2, 3, name="解放路", maxspeed="30"),
        way(4, 2, 5, highway="residential", motor_vehicle="private"),
        way(9, 4, 2),
    ]
    b = source(ways=ways, places=PLACES | {5: (0.0, -4.0)}, restrictions=[ban("only_straight_on", 1, 2, 2, modes=("bus",))])
    found = diff(tmp_path, a, b)
    assert [(t.id, t.name, t.kind) for t in found.streets.removed] == [("3", "", "residential")]
    assert [(t.id, t.kind, t.length_m) for t in found.streets.added] == [("9", "residential", pytest.approx(300, abs=0.1))]
    assert changes(found.streets) == {
        "1": {
            "name": ("中山路", "中山西路"),
            "oneway": ("no", "forward"),
            "turn_restrictions": (["no_left_turn over node 2 to way 3"], ["only_straight_on over node 2 to way 2 except bus"]),
        },
        "2": {"speed_kph": ([40.0, 40.0], [24.0, 24.0])},
        "4": {
            "access": ("car, e-bike, foot", "car, e-bike, foot motor_vehicle=private"),
            "class": ("service", "residential"),
            "geometry_m": (pytest.approx(300, abs=0.1), pytest.approx(400, abs=0.1)),
            "speed_kph": ([16.0, 16.0], [12.0, 12.0]),
        },
    }
    assert found.street_km["all"] == (pytest.approx(1.2, abs=1e-3), pytest.approx(1.3, abs=1e-3))
    assert found.street_km["service"] == (pytest.approx(0.3, abs=1e-3), 0.0)
    assert not found.organisations
    assert not found.elements


def test_a_street_cut_anew_is_the_same_street(tmp_path: Path) -> None:
    """A new crossing cuts the graph's edges, not the way."""
    long = [way(1, 1, 2, 3, name="中山路"), way(3, 4, 4 + 1)]
    apart = [way(1, 1, 2, 3, name="中山路"), way(3, 4, 5), way(7, 2, 4)]
    found = diff(tmp_path, source(ways=long), source(ways=apart))
    assert [t.id for t in found.streets.added] == ["7"]
    assert not found.streets.changed


def test_organisations_and_elements_that_come_go_move_and_change(tmp_path: Path) -> None:
    moved = replace(STATION, lon=121.552, name="鼓楼路派出所", jurisdiction=AREA)
    brigade = replace(STATION, code="330203910000", name="交警大队", jurisdiction=None)
    camera = SourceElement("street_camera", "c1", 121.55, 29.87, {"name": "相机"})
    elements = [replace(HYDRANT, lat=29.8701, properties={"diameter": "150"}), camera]
    found = diff(tmp_path, source(), source(organisations=[CITY, moved, brigade], elements=elements))
    assert [t.id for t in found.organisations.added] == ["330203910000"]
    (station,) = found.organisations.changed
    assert station.moved_m == pytest.approx(96.6, abs=0.2)
    by_field = {c.field: (c.before, c.after) for c in station.changes}
    assert by_field["name"] == ("鼓楼派出所", "鼓楼路派出所")
    assert by_field["area_km2"] == (pytest.approx(2.143, abs=0.01), pytest.approx(4.286, abs=0.02))
    assert found.elements.keys() == {"hydrant", "street_camera"}
    (hydrant,) = found.elements["hydrant"].changed
    assert (hydrant.moved_m, hydrant.changes) == (pytest.approx(11.1, abs=0.1), (Change("diameter", "100", "150"),))
    assert [t.name for t in found.elements["street_camera"].added] == ["相机"]
    assert not found.streets


def test_the_city_itself(tmp_path: Path) -> None:
    found = diff(tmp_path, source(), source(name="宁海", boundary=box(121.54, 29.86, 121.57, 29.88), closed_ways_pass=False))
    assert [c.field for c in found.city] == ["bounds", "closed_ways_pass", "name", "outline_km2"]


def test_in_words(tmp_path: Path) -> None:
    many = [SourceElement("hydrant", f"h{i}", 121.55, 29.87) for i in range(SHOWN + 5)]
    ways = [way(1, 1, 2, name="中山路", oneway="-1"), *STREETS[1:3]]
    said = list(lines(diff(tmp_path, source(elements=[HYDRANT]), source(elements=many, ways=ways))))
    assert "streets: 1 removed, 1 changed" in said
    assert "  ~ 1 中山路 (residential, 300 m) at 121.550000, 29.870000: oneway no → backward" in said
    assert "element hydrant: 24 added, 1 changed" in said
    assert "  + and 4 more; --json lists them all" in said
    assert "street km: 1.200 → 0.900 (-0.300)" in said
    assert list(lines(diff(tmp_path / "same", source(), source()))) == ["no difference"]


@pytest.mark.parametrize("part", ["streets.npz", "city.toml"])
def test_a_folder_that_is_no_city_is_named(tmp_path: Path, part: str) -> None:
    build_city(source(), tmp_path / "a")
    (tmp_path / "a" / part).unlink()
    with pytest.raises(CityError, match=r"/a.*Build"):
        diff_cities(tmp_path / "a", tmp_path / "a")


@st.composite
def cities(draw: st.DrawFn) -> CitySource:
    """Some of eight streets with drawn tags, some of three organisations, some elements."""
    numbers = draw(st.sets(st.integers(1, 8), min_size=1))
    streets = []
    for n in sorted(numbers):
        nodes = draw(st.permutations([1, 2, 3, 4, 5]))[: draw(st.integers(2, 4))]
        tags = {"name": "甲乙丙"[n % 3], "oneway": draw(st.sampled_from(["no", "yes", "-1"]))}
        tags |= {"maxspeed": draw(st.sampled_from(["", "30", "50"])), "access": draw(st.sampled_from(["", "private"]))}
        streets.append(way(n, *nodes, highway=draw(st.sampled_from(["residential", "primary", "footway"])), **tags))
    bans = [ban("no_u_turn", n, 2, draw(st.integers(1, 8))) for n in draw(st.sets(st.integers(1, 8), max_size=3))]
    lon = st.sampled_from([121.551, 121.552, 121.553])
    stations = [replace(STATION, code=f"33020300{n}00", lon=draw(lon)) for n in draw(st.sets(st.integers(10, 13)))]
    elements = [
        SourceElement("hydrant", f"h{n}", draw(lon), 29.87, {"size": draw(st.integers(1, 2))}) for n in draw(st.sets(st.integers(1, 4)))
    ]
    return source(ways=streets, restrictions=bans, organisations=[CITY, *stations], elements=elements)


def mirrored(part: Part, other: Part) -> bool:
    """Whether `other` tells the same from the other side."""
    swapped = [{(c.field, repr(c.after), repr(c.before)) for c in t.changes} for t in part.changed]
    return (
        (part.added, part.removed) == (other.removed, other.added)
        and [(t.id, t.moved_m) for t in part.changed] == [(t.id, t.moved_m) for t in other.changed]
        and swapped == [{(c.field, repr(c.before), repr(c.after)) for c in t.changes} for t in other.changed]
    )


@given(a=cities(), b=cities())
@settings(max_examples=8, deadline=None)
def test_nothing_differs_from_itself_and_back_is_the_mirror_of_there(
    tmp_path_factory: pytest.TempPathFactory, a: CitySource, b: CitySource
) -> None:
    folder = tmp_path_factory.mktemp("cities")
    there = diff(folder, a, b)
    back = diff_cities(folder / "b", folder / "a")
    assert not diff_cities(folder / "a", folder / "a")
    assert bool(there) == bool(back)
    assert mirrored(there.streets, back.streets)
    assert mirrored(there.organisations, back.organisations)
    assert there.elements.keys() == back.elements.keys()
    assert all(mirrored(part, back.elements[name]) for name, part in there.elements.items())
    assert {name: (after, before) for name, (before, after) in there.street_km.items()} == back.street_km
    assert len(there.streets.added) == len({w.way_id for w in b.ways} - {w.way_id for w in a.ways})
    # What the differences say leads from one to the other.
    assert there.street_km["all"][1] - there.street_km["all"][0] == pytest.approx(_gain_km(there.streets), abs=0.01)


def _gain_km(streets: Part) -> float:
    lengths = [c.after - c.before for t in streets.changed for c in t.changes if c.field == "geometry_m"]
    return (sum(t.length_m or 0.0 for t in streets.added) - sum(t.length_m or 0.0 for t in streets.removed) + float(np.sum(lengths))) / 1e3
