"""The one-click answer on a real small city."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import patch

import pytest

from dispatch.model import UnitKind
from dispatch.past import PastIncident
from operations.situation import scene as scene_module
from operations.situation.candidates import OLD_FIX_S
from operations.situation.neighbours import neighbour_table
from operations.situation.scene import LEAST_AVAILABLE, MAX_CAMERAS
from tests.dashboard.api_world import EAST, MIDDLE, WEST, ApiCity, api_city, degrees

LON, LAT = MIDDLE


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiCity]:
    with api_city(tmp_path_factory.mktemp("node")) as running:
        yield running


def test_a_scene_holds_everything_about_its_point(city: ApiCity) -> None:
    city.unit("s1", WEST, at_m=(450, 500))
    incident = city.incident()["incident_id"]
    scene = city.get(f"/incidents/{incident}/scene").json()
    assert scene["org_code"] == WEST
    assert [f["properties"]["minutes"] for f in scene["rings"]["features"] if f["properties"]["kind"] == "ring"] == [5.0, 3.0, 1.0]
    assert scene["units"][0]["unit_id"] == "s1"
    assert scene["units"][0]["recommended"]
    assert scene["units_by_ring"][0]["unit_ids"] == ["s1"]
    assert [c["element_id"] for c in scene["cameras"]] == ["cam-1"]
    assert [t["element_id"] for t in scene["elements"]] == ["kp-1"]
    assert scene["incident_id"] == incident
    assert scene["weather"] is None  # the city knows a station, but nobody has said what it measures


def test_the_moment_follows_the_units(city: ApiCity) -> None:
    city.unit("m1", WEST, at_m=(500, 400))
    before = next(u for u in city.get(f"/scene?lon={LON}&lat={LAT}").json()["units"] if u["unit_id"] == "m1")
    city.clock.advance(1.0)
    city.unit("m1", WEST, at_m=(500, 100))
    city.unit("m2", WEST, at_m=(500, 300))
    after = {u["unit_id"]: u for u in city.get(f"/scene?lon={LON}&lat={LAT}").json()["units"]}
    assert after["m1"]["distance_m"] == pytest.approx(400, abs=5)
    assert after["m2"]["distance_m"] == pytest.approx(200, abs=5)
    assert before["distance_m"] == pytest.approx(100, abs=5)


def test_a_unit_without_a_position_is_nowhere_near(city: ApiCity) -> None:
    city.unit("silent", WEST, at_m=None)
    assert "silent" not in city.get(f"/scene?lon={LON}&lat={LAT}").text
    assert "silent" not in city.get(f"/nearest?lon={LON}&lat={LAT}&k=200").text


def test_earlier_incidents_at_the_place_journal_and_imported(city: ApiCity) -> None:
    east_lon, east_lat = degrees(1000, 1000)
    now = city.clock.now()
    old = [("old", 10, "theft"), ("ancient", 100, "theft"), ("hush", 5, "complaint")]
    imported = [PastIncident("cad", name, kind, 3, now - timedelta(days=days), "", east_lon, east_lat, "", ()) for name, days, kind in old]
    city.services.scene._past.add(imported)
    earlier = city.incident(lon=east_lon, lat=east_lat)["incident_id"]
    near_lon, near_lat = degrees(900, 1000)
    this = city.incident(lon=near_lon, lat=near_lat)["incident_id"]
    rows = city.get(f"/incidents/{this}/scene").json()["earlier_incidents"]
    assert [(r["incident_id"], r["source"]) for r in rows if r["source"] == "cad" or r["incident_id"] == earlier] == [
        (earlier, rows[0]["source"]),
        (None, "cad"),
    ]
    assert this not in {r["incident_id"] for r in rows}
    from_west = city.get(f"/scene?lon={east_lon}&lat={east_lat}", "operator", WEST).json()["earlier_incidents"]
    assert from_west == []


def test_neighbours_are_those_whose_area_is_near(city: ApiCity) -> None:
    near = neighbour_table(city.services.city)
    assert EAST in near(WEST)
    assert WEST not in near(WEST)
    assert near("nowhere") == frozenset()
    # Both areas meet in the middle, so no distance parts them.
    assert EAST in neighbour_table(city.services.city, near_m=1.0)(WEST)


def test_a_load_is_what_a_crew_was_sent_to_while_on_duty(city: ApiCity) -> None:
    city.unit("worker", WEST, at_m=(500, 520))
    incident = city.incident()["incident_id"]
    assert city.command(incident, "push", unit_ids=["worker"]).status_code == 200
    assert city.command(incident, "recall").status_code == 200

    def load() -> int:
        row = next(u for u in city.get(f"/scene?lon={LON}&lat={LAT}").json()["units"] if u["unit_id"] == "worker")
        return next(int(reason["incidents"]) for reason in row["reasons"] if reason["code"] == "load")

    assert load() == 1
    city.clock.advance(13 * 3600.0)
    city.unit("worker", WEST, at_m=(500, 521))
    assert load() == 0


def test_who_counts_is_found_behind_old_positions_and_others_crews(city: ApiCity) -> None:
    city.unit("old", WEST, at_m=(500, 480))
    city.clock.advance(OLD_FIX_S + 1.0)
    for k in range(LEAST_AVAILABLE):
        city.unit(f"neighbour{k}", EAST, at_m=(520 + k, 500))
    city.unit("walker", WEST, at_m=(0, 0), kind=UnitKind.FOOT_PATROL)
    scene = city.get(f"/scene?lon={LON}&lat={LAT}", "operator", WEST).json()
    assert {"old", "neighbour0"} <= {unit["unit_id"] for unit in scene["units"]}
    assert [ring["available"] for ring in scene["units_by_ring"]] == [0, 0, 0]
    assert [ring["nearest_beyond"]["unit_id"] for ring in scene["units_by_ring"]] == ["walker"] * 3
    assert [unit["unit_id"] for unit in scene["units"] if unit["recommended"]] == ["walker"]


def test_nobody_is_sent_by_an_old_position_while_another_is_known(city: ApiCity) -> None:
    city.unit("gone", WEST, at_m=(500, 499))
    city.clock.advance(OLD_FIX_S + 1.0)
    incident_id = city.incident()["incident_id"]
    incident = city.services.handler.picture.incidents[incident_id]
    assert city.run(city.services.scene.next_nearest(incident)) == "gone"
    city.unit("here", WEST, at_m=(500, 900))
    assert city.run(city.services.scene.next_nearest(incident)) == "here"


def test_those_too_many_to_be_listed_are_counted(city: ApiCity) -> None:
    with patch.object(scene_module, "MAX_LISTED", 2):
        city.clock.advance(OLD_FIX_S + 1.0)
        for k in range(LEAST_AVAILABLE + 3):
            city.unit(f"crowd{k}", WEST, at_m=(500, 500 + k))
        scene = city.get(f"/scene?lon={LON}&lat={LAT}", "operator", WEST).json()
    assert len([unit for unit in scene["units"] if unit["unit_id"].startswith("crowd")]) == LEAST_AVAILABLE
    assert [ring["available"] for ring in scene["units_by_ring"]] == [LEAST_AVAILABLE + 3] * 3
    assert [ring["unlisted"] for ring in scene["units_by_ring"]] == [3, 0, 0]


def test_a_camera_with_pictures_is_told_behind_many_that_are_known_by_their_place_alone(city: ApiCity) -> None:
    lon, lat = degrees(60, 900)
    for number in range(MAX_CAMERAS + 1):
        place = degrees(60 + number, 900)
        assert city.put(f"/cameras/mute-{number}", {"lon": place[0], "lat": place[1]}, "admin").status_code == 200
    place = degrees(160, 900)
    sub = {"lon": place[0], "lat": place[1], "substream_url": "rtsp://10.0.0.9/sub"}  # the small picture alone is one
    assert city.put("/cameras/sees", sub, "admin").status_code == 200
    told = [camera["element_id"] for camera in city.get(f"/scene?lon={lon}&lat={lat}").json()["cameras"]]
    assert (len(told), told[-1]) == (MAX_CAMERAS, "sees")
    assert city.services.scene.nearest_cameras(lon, lat) == ["sees"]
