"""What the tags of a street mean."""

from __future__ import annotations

import pytest

from geodata.building.street_rules import DEFAULT_KPH, NO_ACCESS_SHARE, SPEED_SHARE, parse_maxspeed, street_rule
from geodata.streets.graph import STREET_CLASSES


@pytest.mark.parametrize(
    ("text", "kph"),
    [
        ("50", 50.0),
        ("60 km/h", 60.0),
        ("60km/h", 60.0),
        ("30 mph", pytest.approx(48.28, abs=0.01)),
        ("60;40", 60.0),
        ("80|60|60", 80.0),
        ("signals;40", 40.0),
        ("walk", 7.0),
        ("none", 130.0),
        ("CN:urban", 50.0),
        ("DE:rural", 80.0),
        ("DE:zone:30", 30.0),
        ("DE:zone30", 30.0),
        ("DE:30", 30.0),
        ("zone:20", 20.0),
        ("GB:motorway", 120.0),
        ("999", 130.0),
        ("3", 5.0),
        ("0", None),
        ("", None),
        ("signals", None),
        ("fast", None),
        ("-50", None),
    ],
)
def test_maxspeed_values(text: str, kph: float | None) -> None:
    assert parse_maxspeed(text) == kph


def speeds_kph(**tags: str) -> tuple[float, float]:
    rule = street_rule({key.replace("__", ":"): value for key, value in tags.items()})
    assert rule is not None
    return round(rule.car_forward_mps * 3.6 / SPEED_SHARE, 3), round(rule.car_backward_mps * 3.6 / SPEED_SHARE, 3)


def test_limit_of_a_direction_beats_the_common_one() -> None:
    assert speeds_kph(highway="primary", maxspeed="60", maxspeed__backward="40") == (60.0, 40.0)


def test_class_decides_without_a_limit_and_the_zone_type_before_it() -> None:
    assert speeds_kph(highway="secondary") == (DEFAULT_KPH["secondary"],) * 2
    assert speeds_kph(highway="secondary", maxspeed__type="CN:rural") == (80.0, 80.0)


@pytest.mark.parametrize(
    ("tags", "goes"),
    [
        ({}, (True, True)),
        ({"oneway": "yes"}, (True, False)),
        ({"oneway": "1"}, (True, False)),
        ({"oneway": "-1"}, (False, True)),
        ({"oneway": "no"}, (True, True)),
        ({"oneway": "reversible"}, (True, True)),
        ({"junction": "roundabout"}, (True, False)),
        ({"junction": "roundabout", "oneway": "no"}, (True, True)),
        ({"highway": "motorway"}, (True, False)),
        ({"highway": "motorway", "oneway": "-1"}, (False, True)),
        ({"highway": "motorway_link"}, (True, True)),
    ],
)
def test_directions(tags: dict[str, str], goes: tuple[bool, bool]) -> None:
    forward, backward = speeds_kph(**{"highway": "residential", **tags})
    assert (forward > 0, backward > 0) == goes


@pytest.mark.parametrize(
    ("tags", "share"),
    [
        ({"access": "private"}, NO_ACCESS_SHARE),
        ({"motor_vehicle": "no"}, NO_ACCESS_SHARE),
        ({"access": "no", "bus": "yes"}, 1.0),
        ({"access": "no", "emergency": "yes"}, 1.0),
        ({"access": "private", "motor_vehicle": "yes"}, 1.0),
        ({"access": "destination"}, 1.0),
    ],
)
def test_closed_roads_cost_time_but_stay_open(tags: dict[str, str], share: float) -> None:
    assert speeds_kph(highway="service", **tags)[0] == DEFAULT_KPH["service"] * share


@pytest.mark.parametrize("highway", ["footway", "steps", "cycleway", "path", "bridleway", "corridor"])
def test_paths_are_for_feet_only_whatever_the_access(highway: str) -> None:
    rule = street_rule({"highway": highway, "motor_vehicle": "yes"})
    assert rule is not None
    assert rule.foot
    assert rule.car_forward_mps == rule.car_backward_mps == 0
    assert STREET_CLASSES[rule.street_class] == "path"


def test_pedestrian_street_takes_cars_only_where_some_vehicle_gets_in() -> None:
    assert speeds_kph(highway="pedestrian") == (0.0, 0.0)
    assert speeds_kph(highway="pedestrian", motor_vehicle="delivery")[0] > 0


@pytest.mark.parametrize(
    ("tags", "walks"),
    [
        ({"highway": "motorway"}, False),
        ({"highway": "motorway_link"}, False),
        ({"highway": "trunk"}, True),
        ({"highway": "trunk", "foot": "no"}, False),
        ({"highway": "primary", "foot": "no"}, True),
        ({"highway": "residential", "access": "private"}, True),
    ],
)
def test_where_people_walk(tags: dict[str, str], walks: bool) -> None:
    rule = street_rule(tags)
    assert rule is not None
    assert rule.foot is walks


@pytest.mark.parametrize("highway", ["proposed", "construction", "trail", "rest_area", "", "motorway_linkk"])
def test_no_street(highway: str) -> None:
    assert street_rule({"highway": highway}) is None


def test_what_is_not_understood_is_remarked() -> None:
    rule = street_rule({"highway": "residential", "maxspeed": "fast", "oneway": "maybe"})
    assert rule is not None
    assert set(rule.remarks) == {"maxspeed_not_understood", "oneway_not_understood"}
    assert rule.car_backward_mps > 0


@pytest.mark.parametrize(
    ("tags", "goes"),
    [
        ({"oneway:bus": "no"}, (True, True)),
        ({"oneway:psv": "no"}, (True, True)),
        ({"oneway:emergency": "no"}, (True, True)),
        ({"busway": "opposite_lane"}, (True, True)),
        ({"busway:left": "opposite_lane"}, (True, True)),
        ({"oneway:bicycle": "no"}, (True, False)),
    ],
)
def test_police_use_bus_lanes_against_one_way_streets(tags: dict[str, str], goes: tuple[bool, bool]) -> None:
    rule = street_rule({"highway": "residential", "oneway": "yes", **tags})
    assert rule is not None
    assert (rule.car_forward_mps > 0, rule.car_backward_mps > 0) == goes


@pytest.mark.parametrize(
    ("tags", "drivable"),
    [
        ({"highway": "residential", "access": "private"}, False),
        ({"highway": "residential", "motor_vehicle": "no"}, False),
        ({"highway": "service", "access": "no", "psv": "yes"}, True),
        ({"highway": "busway"}, True),
        ({"highway": "pedestrian", "bus": "yes"}, True),
        ({"highway": "residential", "access": "destination"}, True),
    ],
)
def test_a_city_may_keep_units_out_of_closed_roads(tags: dict[str, str], drivable: bool) -> None:
    kept_out, passed = street_rule(tags, closed_ways_pass=False), street_rule(tags)
    assert kept_out is not None
    assert passed is not None
    assert (kept_out.car_forward_mps > 0) == drivable
    assert passed.car_forward_mps > 0


@pytest.mark.parametrize(
    ("tags", "forward_kph", "backward_kph"),
    [
        ({"highway": "residential"}, 20, 20),
        ({"highway": "cycleway"}, 20, 20),
        ({"highway": "path"}, 10, 10),
        ({"highway": "footway"}, 5, 5),
        ({"highway": "footway", "bicycle": "yes"}, 10, 10),
        ({"highway": "pedestrian", "bicycle": "designated"}, 10, 10),
        ({"highway": "residential", "bicycle": "no"}, 5, 5),
        ({"highway": "trunk", "bicycle": "no"}, 0, 0),
        ({"highway": "trunk"}, 20, 20),
        ({"highway": "primary", "motorroad": "yes"}, 0, 0),
        ({"highway": "motorway"}, 0, 0),
        ({"highway": "steps"}, 0, 0),
        ({"highway": "residential", "motor_vehicle": "no"}, 20, 20),
        ({"highway": "service", "access": "private"}, 10, 10),
        ({"highway": "service", "access": "private", "bicycle": "yes"}, 20, 20),
        ({"highway": "residential", "oneway": "yes"}, 20, 0),
        ({"highway": "residential", "oneway": "-1"}, 0, 20),
        ({"highway": "residential", "junction": "roundabout"}, 20, 0),
        ({"highway": "residential", "oneway": "yes", "oneway:bicycle": "no"}, 20, 20),
        ({"highway": "residential", "oneway": "yes", "cycleway": "opposite_lane"}, 20, 20),
        ({"highway": "residential", "oneway": "yes", "cycleway:left:oneway": "-1"}, 20, 20),
        ({"highway": "cycleway", "oneway:bicycle": "yes"}, 20, 0),
    ],
)
def test_where_an_e_bike_rides_and_how_fast(tags: dict[str, str], forward_kph: float, backward_kph: float) -> None:
    rule = street_rule(tags)
    assert rule is not None
    assert (rule.ebike_forward_mps * 3.6, rule.ebike_backward_mps * 3.6) == pytest.approx((forward_kph, backward_kph))


def test_e_bikes_are_kept_out_of_closed_roads_too() -> None:
    rule = street_rule({"highway": "service", "access": "private"}, closed_ways_pass=False)
    assert rule is not None
    assert (rule.ebike_forward_mps, rule.car_forward_mps) == (0.0, 0.0)
