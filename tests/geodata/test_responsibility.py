"""Who is responsible for what kind of incident where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box, mapping

from dispatch.codes import load_codes
from geodata.cities.city import CityError
from geodata.districts.jurisdictions import Jurisdictions
from geodata.districts.responsibility import BUILT_IN, FILE_NAME, Answer, Kind, Responsibility, Rule, load_rules
from geodata.projection import LocalProjection
from tests import cities
from tests.cities import build_test_city, degrees

CITY, WEST_COUNTY, EAST_COUNTY = "330200000000", "330203000000", "330205000000"
WEST, EAST = "330203010000", "330205010000"
CITY_TRAFFIC, WEST_TRAFFIC, EAST_TRAFFIC, HARBOUR = "330200910000", "330203910000", "330205910000", "330200930000"
PARENTS = {CITY: None, WEST_COUNTY: CITY, EAST_COUNTY: CITY, WEST: WEST_COUNTY, EAST: EAST_COUNTY}
PARENTS |= {CITY_TRAFFIC: CITY, WEST_TRAFFIC: WEST_COUNTY, EAST_TRAFFIC: EAST_COUNTY, HARBOUR: CITY}
TYPES = {kind.id for kind in load_codes().incident_type}
IN_WEST, IN_EAST = (121.52, 29.85), (121.58, 29.85)
HARBOUR_BOX = ((121.51, 29.84), (121.53, 29.84), (121.53, 29.86), (121.51, 29.86))


def jurisdictions() -> Jurisdictions:
    """West and east of 121.55, a county and a station each; brigades without an area."""
    levels = {CITY: "city", WEST_COUNTY: "county", EAST_COUNTY: "county"}
    common = {"lon": 121.55, "lat": 29.85, "valid_from": None, "valid_to": None}
    rows = [{"code": code, "level": levels.get(code, "station"), "parent": parent, **common} for code, parent in PARENTS.items()]
    west, east = box(121.5, 29.8, 121.55, 29.9), box(121.55, 29.8, 121.6, 29.9)
    areas = {CITY: box(121.5, 29.8, 121.6, 29.9), WEST_COUNTY: west, WEST: west, EAST_COUNTY: east, EAST: east}
    features = [{"properties": {"code": code}, "geometry": mapping(area)} for code, area in areas.items()]
    return Jurisdictions(rows, {"features": features}, LocalProjection(121.55, 29.85))


def table(*rules: Rule) -> Responsibility:
    return Responsibility(jurisdictions(), rules, PARENTS)


TRAFFIC = Rule(Kind.TRAFFIC, types=("traffic_accident",), organisations=(CITY_TRAFFIC, WEST_TRAFFIC, EAST_TRAFFIC))
PORT = Rule(Kind.PORT, areas=((HARBOUR_BOX,),), organisations=(HARBOUR,))


@given(incident_type=st.sampled_from(sorted(TYPES)), lon=st.floats(121.4, 121.7), lat=st.floats(29.7, 30.0))
def test_without_a_rule_the_territory_decides(incident_type: str, lon: float, lat: float) -> None:
    assert table().of(incident_type, lon, lat) == Answer(jurisdictions().locate(lon, lat).code, Kind.TERRITORY)


@pytest.mark.parametrize(
    ("incident_type", "point", "answer"),
    [
        ("traffic_accident", IN_WEST, Answer(WEST_TRAFFIC, Kind.TRAFFIC)),
        ("traffic_accident", IN_EAST, Answer(EAST_TRAFFIC, Kind.TRAFFIC)),
        ("theft", IN_WEST, Answer(WEST, Kind.TERRITORY)),
        ("unheard_of", IN_EAST, Answer(EAST, Kind.TERRITORY)),
    ],
)
def test_of_several_the_one_of_the_nearest_bureau(incident_type: str, point: tuple[float, float], answer: Answer) -> None:
    assert table(TRAFFIC).of(incident_type, *point) == answer


def test_a_bureau_without_a_brigade_of_its_own_has_that_of_the_level_above() -> None:
    rule = Rule(Kind.TRAFFIC, types=("traffic_accident",), organisations=(CITY_TRAFFIC, WEST_TRAFFIC))
    assert table(rule).of("traffic_accident", *IN_EAST).code == CITY_TRAFFIC


def test_a_rule_none_of_whose_organisations_belongs_above_the_place_does_not_fit() -> None:
    patrol = "330203010100"
    rule = Rule(Kind.RAIL, types=("theft",), organisations=(WEST_TRAFFIC, patrol))
    found = Responsibility(jurisdictions(), [rule], {**PARENTS, patrol: WEST})
    assert [found.of("theft", *point) for point in (IN_WEST, IN_EAST)] == [Answer(patrol, Kind.RAIL), Answer(EAST, Kind.TERRITORY)]


@pytest.mark.parametrize(("point", "code"), [(IN_WEST, HARBOUR), ((121.54, 29.85), WEST), ((121.51, 29.84), HARBOUR), (IN_EAST, EAST)])
def test_a_polygon_gives_everything_in_it(point: tuple[float, float], code: str) -> None:
    assert table(PORT).of("theft", *point).code == code


def test_the_hole_of_a_polygon_is_outside() -> None:
    hole = ((121.515, 29.845), (121.525, 29.845), (121.525, 29.855), (121.515, 29.855))
    assert table(Rule(Kind.PORT, areas=((HARBOUR_BOX, hole),), organisations=(HARBOUR,))).of("theft", *IN_WEST).code == WEST


@pytest.mark.parametrize(("within", "west", "east"), [(WEST, HARBOUR, EAST), (EAST_COUNTY, WEST, HARBOUR), (CITY, HARBOUR, HARBOUR)])
def test_a_place_is_also_named_by_who_answers_there(within: str, west: str, east: str) -> None:
    rule = Rule(Kind.WATER, types=("drowning",), within=(within,), organisations=(HARBOUR,))
    assert [table(rule).of("drowning", *point).code for point in (IN_WEST, IN_EAST)] == [west, east]
    assert table(rule).of("theft", *IN_WEST).code == WEST


def test_areas_and_organisations_add_up() -> None:
    rule = Rule(Kind.PORT, areas=((HARBOUR_BOX,),), within=(EAST,), organisations=(HARBOUR,))
    assert [table(rule).of("theft", *point).code for point in (IN_WEST, IN_EAST, (121.54, 29.85))] == [HARBOUR, HARBOUR, WEST]


def test_the_first_fitting_rule_decides_and_territory_is_an_exception_from_those_below() -> None:
    own = Rule(Kind.TERRITORY, within=(WEST,))
    assert table(PORT, TRAFFIC).of("traffic_accident", *IN_WEST) == Answer(HARBOUR, Kind.PORT)
    assert table(TRAFFIC, PORT).of("traffic_accident", *IN_WEST) == Answer(WEST_TRAFFIC, Kind.TRAFFIC)
    assert table(own, PORT, TRAFFIC).of("traffic_accident", *IN_WEST) == Answer(WEST, Kind.TERRITORY)
    assert table(own, PORT, TRAFFIC).of("traffic_accident", *IN_EAST) == Answer(EAST_TRAFFIC, Kind.TRAFFIC)


# The file


def written(folder: Path, text: str) -> tuple[Rule, ...]:
    path = folder / "responsibility.toml"
    path.write_text(text, encoding="utf-8")
    return load_rules(path, PARENTS, TYPES)


def test_the_built_in_table_has_no_rule(tmp_path: Path) -> None:
    assert load_rules(tmp_path / "none.toml", PARENTS, TYPES) == ()
    assert BUILT_IN.exists()


def test_a_file_says_it_all(tmp_path: Path) -> None:
    rules = written(
        tmp_path,
        f"""
        [[rule]]
        kind = "port"
        areas = [[[[121.51, 29.84], [121.53, 29.84], [121.53, 29.86], [121.51, 29.86]]]]
        organisations = ["{HARBOUR}"]

        [[rule]]
        kind = "territory"
        types = ["traffic_accident"]
        within = ["{EAST}"]

        [[rule]]
        kind = "traffic"
        types = ["traffic_accident"]
        organisations = ["{CITY_TRAFFIC}", "{WEST_TRAFFIC}", "{EAST_TRAFFIC}"]
        """,
    )
    assert rules == (PORT, Rule(Kind.TERRITORY, types=("traffic_accident",), within=(EAST,)), TRAFFIC)


def rule_text(**fields: Any) -> str:
    """One rule as TOML, sound but for what is given."""
    sound = {"kind": '"traffic"', "types": '["theft"]', "organisations": f'["{WEST_TRAFFIC}"]'} | fields
    return "[[rule]]\n" + "\n".join(f"{name} = {value}" for name, value in sound.items() if value is not None)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[rule]", "can't be read"),
        ("rule = 5", "Expected `array`"),
        ("[[rules]]", "unknown field `rules`"),
        (rule_text(kind='"moon"'), "Invalid enum value 'moon'"),
        (rule_text(typ='["theft"]'), "unknown field `typ`"),
        (rule_text(types='"theft"'), "Expected `array`"),
        (rule_text(types='["thft"]'), "rule 1 (traffic): there is no incident type 'thft'"),
        (rule_text(types=None), "it fits every incident everywhere"),
        (rule_text(organisations=None), "it names nobody"),
        (rule_text(organisations='["330299910000"]'), "there is no organisation '330299910000'"),
        (rule_text(within='["3302"]'), "there is no organisation '3302'"),
        (rule_text(kind='"territory"'), "leave organisations out"),
        (rule_text(organisations=f'["{CITY_TRAFFIC}", "{HARBOUR}"]'), f"two of its organisations belong to {CITY}"),
        (rule_text(areas="[[]]"), "an area is empty"),
        (rule_text(areas="[[[[1, 2], [3, 4]]]]"), "area 1 has a ring of fewer than three points"),
        (rule_text(areas="[[[[29, 121], [29, 122], [30, 121]]]]"), "area 1 has the point 29, 121"),
        (rule_text(areas="[[[[nan, 1], [2, 2], [3, 1]]]]"), "area 1 has the point nan, 1"),
        (rule_text(areas="[[[[0, 0], [1, 1], [1, 0], [0, 1]]]]"), "area 1 crosses itself"),
        (rule_text(areas="[[[[0, 0], [1, 0], [1, 1]], [[5, 5], [6, 5], [6, 6]]]]"), "a hole lies outside"),
        (rule_text() + "\n" + rule_text(types='["thft"]'), "rule 2 (traffic)"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(CityError) as caught:
        written(tmp_path, text)
    assert named in str(caught.value)
    assert str(tmp_path / "responsibility.toml") in str(caught.value)


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "responsibility.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CityError, match="can't be read"):
        load_rules(path, PARENTS, TYPES)


def test_a_city_is_asked_by_its_own_file_and_a_bad_one_stops_it(tmp_path: Path) -> None:
    city = build_test_city(tmp_path)
    areas = Jurisdictions.of(city)
    inside = degrees(250, 550)
    assert Responsibility.of_city(city, areas, TYPES).of("fire", *inside) == Answer(cities.WEST, Kind.TERRITORY)
    path = city.folder / FILE_NAME
    path.write_text(f'[[rule]]\nkind = "water"\ntypes = ["fire"]\norganisations = ["{cities.EAST}"]')
    assert Responsibility.of_city(city, areas, TYPES).of("fire", *inside) == Answer(cities.EAST, Kind.WATER)
    with pytest.raises(CityError, match="there is no incident type 'fire'"):
        Responsibility.of_city(city, areas, {"theft"})


def test_the_document_names_every_kind_and_field() -> None:
    text = (Path(__file__).parents[2] / "docs" / "city.md").read_text(encoding="utf-8")
    assert [name for name in (*Kind, *Rule.__struct_fields__) if f"`{name}`" not in text] == []


def test_the_example_of_the_document_is_sound(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "city.md").read_text(encoding="utf-8")
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert [rule.kind for rule in written(tmp_path, example)] == [Kind.EXPRESSWAY, Kind.TRAFFIC]
