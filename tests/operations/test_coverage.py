"""Coverage on a real small city: whose streets, whose units, what is left out and what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from dispatch.past import PastIncident
from geodata.streets.street_times import StreetEffects
from operations.records.expected import LEAST_INCIDENTS
from tests.dashboard.api_world import EAST, WEST, ApiCity, api_city, degrees, problem_of


@pytest.fixture
def city(tmp_path: Path) -> Iterator[ApiCity]:
    with api_city(tmp_path) as running:
        yield running


def happened(city: ApiCity, count: int, east_m: float, incident_type: str = "theft") -> None:
    """So many incidents imported at one place, one a day at this hour, and history read again."""
    lon, lat = degrees(east_m, 500)
    now = city.clock.now()
    rows = [
        PastIncident("cad", f"{incident_type}-{east_m}-{k}", incident_type, 3, now - timedelta(days=1 + k), "", lon, lat, "", ())
        for k in range(count)
    ]
    city.services.scene._past.add(rows)
    city.run(city.services.expected.read())


def test_nobody_covers_nothing_and_everything_is_a_gap(city: ApiCity) -> None:
    found = city.get("/coverage").json()
    assert found["minutes"] == [1.0, 3.0, 5.0]
    assert found["street_share"] == [0.0, 0.0, 0.0]
    assert found["units"] == 0
    assert [gap["properties"]["minutes"] for gap in found["gaps"]["features"]] == [3.0]
    assert found["gaps"]["features"][0]["properties"]["street_km"] == pytest.approx(found["street_km"], rel=0.1)


def test_shares_grow_with_minutes_and_units(city: ApiCity) -> None:
    city.unit("w1", WEST, at_m=(100, 100))
    one = city.get("/coverage?minutes=0.25,0.5,5").json()
    city.unit("e1", EAST, at_m=(1000, 1000))
    two = city.get("/coverage?minutes=0.25,0.5,5").json()
    assert one["street_share"] == sorted(one["street_share"])
    assert 0 < one["street_share"][0] < two["street_share"][0] < 1
    assert two["street_share"][-1] == 1.0
    assert two["units"] == 2


def test_what_is_not_counted_is_said(city: ApiCity) -> None:
    city.unit("old", WEST, at_m=(100, 100))
    city.clock.advance(121.0)
    city.unit("silent", WEST, at_m=None)
    city.unit("field", WEST, at_m=(-5000, 100))
    city.unit("here", WEST, at_m=(500, 100))
    found = city.get("/coverage").json()
    assert found["units"] == 1
    assert found["left_out"] == {"no_position": 1, "old_position": 1, "off_network": 1}


def test_a_busy_unit_covers_nothing(city: ApiCity) -> None:
    city.unit("w1", WEST, at_m=(500, 450))
    incident = city.incident()["incident_id"]
    assert city.get("/coverage").json()["units"] == 1
    assert city.command(incident, "push", unit_ids=["w1"]).status_code == 200
    assert city.get("/coverage").json()["units"] == 0


def test_of_a_moment_before_anything_was_kept_nothing_is_stated(city: ApiCity) -> None:
    city.unit("w1", WEST, at_m=(100, 100))
    before = city.clock.now() - timedelta(days=3)
    found = city.get(f"/coverage?at={before:%Y-%m-%dT%H:%M:%SZ}", "commander").json()
    assert found["positions_known"] is False
    assert [found[name] for name in ("street_share", "incident_share", "units", "gaps")] == [None] * 4
    assert found["street_km"] > 0
    assert city.get("/coverage").json()["positions_known"] is True


def test_a_closed_street_makes_another_moment(city: ApiCity) -> None:
    before = city.services.coverage.moment().ground
    assert city.services.coverage.moment().ground is before
    city.services.travel.affect(StreetEffects(closed=np.array([0], np.int32)))
    assert city.services.coverage.moment().ground is not before


def test_a_station_has_its_own_streets_and_the_units_it_may_see(city: ApiCity) -> None:
    city.unit("w1", WEST, at_m=(100, 100))
    city.unit("e1", EAST, at_m=(1000, 1000))
    city.unit("plain", EAST, at_m=(560, 500), marked=False)
    whole, west = city.get("/coverage").json(), city.get("/coverage", scope=WEST).json()
    assert whole["units"] == 3
    assert west["units"] == 2  # the neighbour's marked car counts, its plain clothes are not known of
    assert west["street_km"] < whole["street_km"]
    at_desk = city.get(f"/coverage?scope={WEST}").json()
    assert at_desk["street_km"] == west["street_km"]
    assert city.get(f"/coverage?scope={EAST}", scope=WEST).status_code == 403
    gaps = city.get("/coverage?minutes=1&gaps=0.1", scope=WEST).json()["gaps"]["features"]
    area = shapely.union_all([shape(gap["geometry"]) for gap in gaps])
    assert area.contains(shapely.Point(degrees(300, 800)))
    assert not area.contains(shapely.Point(degrees(850, 550)))  # the neighbour's streets are no gap of ours


def test_too_few_incidents_are_not_taken_for_many(city: ApiCity) -> None:
    happened(city, LEAST_INCIDENTS - 1, 100)
    happened(city, 5, 100, "complaint")
    found = city.get("/coverage").json()
    assert found["incident_share"] is None
    assert found["expected"]["incidents"] == LEAST_INCIDENTS - 1
    assert found["resident_share"] is None  # no homes in the source


def test_expected_incidents_weigh_where_they_happened(city: ApiCity) -> None:
    happened(city, LEAST_INCIDENTS, 100)
    city.unit("w1", WEST, at_m=(100, 500))
    near = city.get("/coverage?minutes=0.4").json()
    assert near["incident_share"][0] > 2 * near["street_share"][0]
    assert near["expected"]["incidents"] == LEAST_INCIDENTS
    assert near["expected"]["hours"] is not None


def test_hot_spots_are_where_most_has_happened(city: ApiCity) -> None:
    assert city.get("/elements/hotspot").json()["features"] == []
    happened(city, LEAST_INCIDENTS, 100)
    (spot,) = city.get("/elements/hotspot").json()["features"]
    assert spot["properties"]["incidents"] == LEAST_INCIDENTS
    assert spot["geometry"]["coordinates"] == pytest.approx(degrees(100, 500), abs=2e-3)
    assert city.services.elements.counts()["hotspot"]["state"] == "live"


def test_minutes_that_can_not_be_are_refused(city: ApiCity) -> None:
    problem_of(city.get("/coverage?minutes=0"), 422)
    problem_of(city.get("/coverage?gaps=99"), 422)
    problem_of(city.get("/coverage", role=None), 401)
    assert "gaps" not in city.get("/coverage?gaps=0").json()
