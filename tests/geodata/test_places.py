"""Finding places by name, pinyin and initials."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from geodata.building.graph_build import build_graph
from geodata.building.places_build import build_places
from geodata.building.source import CitySource, MapFeature, SourceElement, SourceOrganisation
from geodata.building.street_layout import lay_out_streets
from geodata.cities.city import CityError
from geodata.cities.place_text import fold, search_forms
from geodata.cities.places import MAX_QUERY_LENGTH, PlaceIndex, load_places, save_places
from geodata.projection import LocalProjection
from tests.geodata.sources import ORIGIN, city_source, way


def lon_lat(east: float, north: float) -> tuple[float, float]:
    lon, lat = LocalProjection(*ORIGIN).to_degrees(east * 100.0, north * 100.0)
    return round(float(lon), 6), round(float(lat), 6)


def index_of(source: CitySource) -> PlaceIndex:
    counts: Counter[str] = Counter()
    layout = lay_out_streets(source, counts)
    return PlaceIndex(build_places(source, layout, build_graph(source, layout, counts)))


def city() -> CitySource:
    # 中山路 runs east through two carriageways, crossed by 解放路; a namesake lies 9 km to the north.
    places = {
        1: (-5, 0),
        2: (0, 0),
        3: (5, 0),
        11: (-5, 0.3),
        12: (0, 0.3),
        13: (5, 0.3),
        21: (0, -5),
        22: (0, 5),
        31: (0, 90),
        32: (5, 90),
    }
    ways = [
        way(1, 1, 2, 3, highway="primary", name="中山路", oneway="yes"),
        way(2, 13, 12, 11, highway="primary", name="中山路", oneway="yes"),
        way(3, 21, 2, 12, 22, name="解放路", name__en="Jiefang Road"),
        way(4, 31, 32, name="中山路"),
        way(5, 22, 3, name="Bühl-Straße"),
        way(6, 21, 1, ref="G15"),
    ]
    features = [
        MapFeature("place", "suburb", "海曙区", Point(lon_lat(1, 1)), 6),
        MapFeature("place", "suburb", "江北区", Point(lon_lat(1, 88)), 6),
        MapFeature("poi", "hotel", "中山饭店", Point(lon_lat(2, 2))),
        MapFeature("building", "yes", "第一医院", box(*lon_lat(3, 3), *lon_lat(3.4, 3.4))),
        MapFeature("water", "lake", "月湖", box(*lon_lat(-3, 1), *lon_lat(-2, 3))),
    ]
    elements = [
        SourceElement("street_camera", "c1", *lon_lat(0.1, 0.1), {"name": "中山路解放路口"}),
        SourceElement("key_place", "k1", *lon_lat(3.2, 3.2), {"name": "第一医院", "kind": "hospital"}),
        SourceElement("hydrant", "h1", *lon_lat(1, 1)),
    ]
    station = SourceOrganisation("330203500100", "鼓楼派出所", "Gulou", "station", None, *lon_lat(0, 1), False)
    return city_source(places, ways, features=features, elements=elements, organisations=[station])


@pytest.fixture(scope="module")
def index() -> PlaceIndex:
    return index_of(city())


def found(index: PlaceIndex, q: str, **more: object) -> list[tuple[str, str]]:
    return [(p.kind, p.name) for p in index.search(q, **more)]


@pytest.mark.parametrize("q", ["解放路", "解放", "放路", "jiefanglu", "jie fang lu", "JIEFANG", "jfl", "fanglu", "Jiefang Road", "ＪＦＬ"])
def test_one_road_by_every_spelling(index: PlaceIndex, q: str) -> None:
    assert ("road", "解放路") in found(index, q)[:2]


@pytest.mark.parametrize("q", ["bühl", "BUHL", "strasse", "Buhl-Strasse", "bühl straße"])
def test_latin_names_without_case_and_accents(index: PlaceIndex, q: str) -> None:
    assert found(index, q)[0] == ("road", "Bühl-Straße")


@pytest.mark.parametrize("q", ["iefang", "anglu", "üh", "jf路", "路中"])
def test_no_beginning_in_the_middle_of_a_syllable_or_word(index: PlaceIndex, q: str) -> None:
    assert found(index, q) == []


def test_whole_names_before_beginnings_before_parts(index: PlaceIndex) -> None:
    names = found(index, "中山路")
    assert names[:2] == [("road", "中山路")] * 2
    assert names[2] == ("street_camera", "中山路解放路口")
    assert ("crossing", "中山路 / 解放路") in names
    assert found(index, "医院") == [("key_place", "第一医院")]


def test_namesakes_apart_are_two_and_carriageways_are_one(index: PlaceIndex) -> None:
    roads = [p for p in index.search("中山路") if p.kind == "road"]
    assert sorted(p.detail for p in roads) == ["江北区", "海曙区"]
    near_north = index.search("中山路", near=lon_lat(0, 80))[0]
    near_south = index.search("中山路", near=lon_lat(0, -3))[0]
    assert (near_north.detail, near_south.detail) == ("江北区", "海曙区")
    assert (near_south.lat, near_north.lat) == pytest.approx((lon_lat(0, 0)[1], lon_lat(0, 90)[1]), abs=4e-4)


@pytest.mark.parametrize(
    "q",
    ["中山路解放路", "解放路中山路", "中山路与解放路", "解放 / 中山", "解放 中山", "zsl jfl", "jiefang&zhongshan", "中山路和解放路交叉口"],
)
def test_crossings_by_both_roads_in_any_order(index: PlaceIndex, q: str) -> None:
    place = next(p for p in index.search(q) if p.kind == "crossing")
    assert place.name == "中山路 / 解放路"
    assert (place.lon, place.lat) == pytest.approx(lon_lat(0, 0.15), abs=2e-4)
    assert place.detail == "海曙区"


def test_crossing_of_two_carriageways_is_one(index: PlaceIndex) -> None:
    assert [p.kind for p in index.search("中山路解放路")].count("crossing") == 1


def test_address_with_district_and_house_number(index: PlaceIndex) -> None:
    first = index.search("江北区中山路12号门口")[0]
    assert (first.kind, first.name, first.detail) == ("road", "中山路", "江北区")


def test_things_of_every_kind(index: PlaceIndex) -> None:
    assert found(index, "鼓楼派出所") == [("organisation", "鼓楼派出所")]
    assert found(index, "yuehu") == [("water", "月湖")]
    assert found(index, "G15")[0] == ("road", "G15")
    assert found(index, "海曙")[0] == ("place", "海曙区")


def test_the_letters_are_those_of_the_names(index: PlaceIndex) -> None:
    assert set(index.letters) == {letter for name in index.table.names for letter in name if letter > "\x7f"}
    assert len(index.letters) == len(set(index.letters)) > 10


def test_the_limit_holds(index: PlaceIndex) -> None:
    assert len(index.search("中", limit=2)) == 2
    assert index.search("中", limit=0) == []


@pytest.mark.parametrize("q", ["", "   ", "!?", "没有"])
def test_nothing_found(index: PlaceIndex, q: str) -> None:
    assert index.search(q) == []


def test_long_text_is_refused(index: PlaceIndex) -> None:
    with pytest.raises(ValueError, match="at most 64 characters, this one has 65"):
        index.search("路" * (MAX_QUERY_LENGTH + 1))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=MAX_QUERY_LENGTH))
def test_any_text_is_answered(index: PlaceIndex, q: str) -> None:
    for place in index.search(q, near=ORIGIN, limit=5):
        assert place.name


def test_saved_and_loaded_is_the_same(index: PlaceIndex, tmp_path: Path) -> None:
    save_places(index.table, tmp_path / "places.npz")
    loaded = load_places(tmp_path / "places.npz")
    assert len(loaded) == len(index)
    for q in ("中山路", "jfl", "月", "解放 中山"):
        assert loaded.search(q) == index.search(q)


def test_damaged_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "places.npz").write_bytes(b"no archive")
    with pytest.raises(CityError, match=r"places\.npz is no place index"):
        load_places(tmp_path / "places.npz")


def test_city_without_any_name(tmp_path: Path) -> None:
    nameless = index_of(city_source({1: (0, 0), 2: (1, 0)}, [way(1, 1, 2)]))
    save_places(nameless.table, tmp_path / "places.npz")
    assert load_places(tmp_path / "places.npz").search("路") == []


def test_phrases_decide_how_a_character_is_read() -> None:
    assert ("chongqingyinhang", (0, 5, 9, 12)) in search_forms("重庆银行")
    assert ("g15shgs", (0, 3, 4, 5, 6)) in search_forms("G15沈海高速")
    assert fold("Ｇ１５ 沈海-高速") == "g15沈海高速"


def test_in_a_big_city_a_name_finds_its_place_first_and_nonsense_finds_nothing() -> None:
    side = 120
    places = {r * side + c: (c * 2.0, r * 2.0) for r in range(side) for c in range(side)}
    text = "中山解放人民环城江东海曙鄞州百丈灵桥药行开明镇明车轿战船柳汀翠柏西湾通途"
    name = [text[i % 36] + text[(i * 7 + 3) % 36] + text[(i // 36 * 5) % 36] for i in range(2 * side)]
    rows = [way(i, *range(i * side, (i + 1) * side), name=name[i] + "路") for i in range(side)]
    columns = [way(side + i, *range(i, side * side, side), name=name[side + i] + "街") for i in range(side)]
    cameras = [
        SourceElement("street_camera", f"c{i}", *lon_lat(i % 200, i // 200), {"name": f"{name[i % 240]}口{i}"}) for i in range(20000)
    ]
    big = index_of(city_source(places, [*rows, *columns], elements=cameras))
    assert len(big) > 30_000
    road, street = name[3] + "路", name[side + 20] + "街"
    assert big.search(road, near=ORIGIN)[0].name == road
    crossing = big.search(road + street, near=ORIGIN)[0]
    assert (crossing.kind, road in crossing.name, street in crossing.name) == ("crossing", True, True)
    assert f"{name[7]}口7" in {place.name for place in big.search(f"{name[7]}口7", near=ORIGIN)}
    assert all(big.search(q, near=ORIGIN) for q in ("路", "z"))
    assert not any(big.search(q, near=ORIGIN) for q in ("x" * 64, "没有的路名123号"))
