"""Duty circles over HTTP: set by whom it is theirs to, seen by whom it concerns, refused field by field, drilled live, printed, binding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dispatch.model import Actor
from operations.duty.demo_circles import prepare_demo_circles
from tests.dashboard.api_world import CITY, COUNTY, EAST, SYSTEM, WEST, ApiCity, api_city, degrees, problem_of

LON, LAT = degrees(300, 300)  # the key place, west of the border


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiCity]:
    with api_city(tmp_path_factory.mktemp("circles")) as running:
        yield running


def square(half_m: float, east_m: float = 300, north_m: float = 300) -> dict[str, Any]:
    sides = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    return {"type": "Polygon", "coordinates": [[list(degrees(east_m + x * half_m, north_m + y * half_m)) for x, y in sides]]}


def tier(minutes: float = 1, half_m: float = 120, **more: Any) -> dict[str, Any]:
    return {"minutes": minutes, "area": square(half_m), "forces": [{"org_code": WEST, "kind": "patrol_car", "count": 2}]} | more


def plan(*tiers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "第一医院", "org_code": WEST, "lon": LON, "lat": LAT, "key_place": "kp-1", "tiers": list(tiers) or [tier()]} | more


def set_circle(city: ApiCity, circle_id: str, body: dict[str, Any], role: str = "commander", scope: str = CITY) -> Any:
    return city.put(f"/duty-circles/{circle_id}", body, role, scope)


def test_a_circle_is_set_read_changed_and_withdrawn(city: ApiCity) -> None:
    gate = {"name": "南门", "lon": LON, "lat": LAT}
    first = set_circle(city, "a", plan(tier(cameras=["cam-1"], gates=[gate]), tier(3, 250), expected_version=0))
    assert first.status_code == 200, first.text
    made = first.json()
    assert (made["version"], made["org_name"], made["may_change"]) == (1, "西门派出所", True)
    assert made["tiers"][0]["area"]["type"] == "MultiPolygon"
    assert city.get("/duty-circles/a").json() == made | {"may_change": False}, "an operator looks"
    assert problem_of(set_circle(city, "a", plan(expected_version=7)), 409)["present_version"] == 1
    assert set_circle(city, "a", plan(name="别名", expected_version=1)).json()["version"] == 2
    listed = city.get("/duty-circles").json()["features"]
    assert [(one["id"], one["geometry"]["type"], one["properties"]["name"]) for one in listed] == [("a", "MultiPolygon", "别名")]
    assert problem_of(city.ask("DELETE", "/duty-circles/a", "commander"), 422)["type"].endswith("text-missing")
    assert city.ask("DELETE", "/duty-circles/a?text=x&expected_version=2", "commander").status_code == 204
    assert problem_of(city.get("/duty-circles/a"), 404)["type"].endswith("unknown-circle")
    told = [
        event for event in city.get("/changes?since=0&limit=1000", "commander").json()["events"] if event["event"].startswith("duty_circle")
    ]
    assert [event["version"] for event in told] == [1, 2, 3]


CROSSED = {"type": "Polygon", "coordinates": [[list(degrees(*point)) for point in ((0, 0), (200, 200), (200, 0), (0, 200), (0, 0))]]}
FAR = {"type": "Polygon", "coordinates": [[[10.0, 50.0], [10.1, 50.0], [10.1, 50.1], [10.0, 50.0]]]}


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (plan(tier(area=CROSSED)), "tiers[0].area.coordinates[0]", "crosses itself near"),
        (plan(tier(area=FAR)), "tiers[0].area.coordinates[0]", "reaches outside the city at 10, 50"),
        (plan(tier(3), tier(1)), "tiers[1].minutes", "ascending"),
        (plan(org_code="999999999999"), "org_code", "is not known"),
        (plan(tier(forces=[{"org_code": "9", "kind": "patrol_car"}])), "tiers[0].forces[0].org_code", "is not known"),
        (plan(tier(cameras=["cam-9"])), "tiers[0].cameras[0]", "there is no camera 'cam-9'"),
        (plan(tier(gates=[{"name": "g", "lon": 10.0, "lat": 50.0}])), "tiers[0].gates[0]", "outside the city"),
        (plan(key_place="kp-9"), "key_place", "there is no key place 'kp-9'"),
        (plan(lon=29.8, lat=89.0), "lon", "outside the city"),
        (plan(tier(area={"type": "Polygon", "coordinates": square(9)["coordinates"][0:1] * 1 + [[]]})), "tiers[0].area", "not closed"),
        (plan(tier(area={"type": "MultiPolygon", "coordinates": square(9)["coordinates"]})), "tiers[0].area", "is no MultiPolygon"),
    ],
)
def test_what_is_wrong_is_named_field_by_field(city: ApiCity, body: dict[str, Any], field: str, said: str) -> None:
    errors = problem_of(set_circle(city, "bad", body), 422)["errors"]
    assert [said in error["detail"] for error in errors if error["field"] == field] == [True], errors


def test_everything_that_is_wrong_is_said_at_once(city: ApiCity) -> None:
    errors = problem_of(set_circle(city, "bad", plan(tier(area=CROSSED, cameras=["cam-9"]), key_place="kp-9")), 422)["errors"]
    assert {error["field"] for error in errors} == {"key_place", "tiers[0].area.coordinates[0]", "tiers[0].cameras[0]"}


def test_who_may_set_one_and_who_sees_it(city: ApiCity) -> None:
    assert set_circle(city, "scope", plan(org_code=EAST), "commander", WEST).status_code == 403
    assert set_circle(city, "scope", plan(), "operator", WEST).status_code == 403
    assert set_circle(city, "scope", plan(tier(forces=[])), "commander", WEST).status_code == 200
    assert city.get("/duty-circles/scope", "operator", EAST).status_code == 404, "another station's, and none of its forces"
    assert city.get("/duty-circles/scope", "viewer", WEST).status_code == 403
    assert city.get("/duty-circles/scope", "operator", COUNTY).status_code == 200
    assert problem_of(set_circle(city, "scope", plan(org_code=EAST), "commander", EAST), 404)["type"].endswith("unknown-circle")
    counted_on = [{"org_code": EAST, "kind": "patrol_car"}]
    assert set_circle(city, "scope", plan(tier(forces=counted_on)), "commander", WEST).status_code == 200
    assert city.get("/duty-circles/scope", "operator", EAST).status_code == 200, "its forces are counted on"
    assert set_circle(city, "scope", plan(), "commander", EAST).status_code == 403
    city.ask("DELETE", "/duty-circles/scope?text=x", "commander")


def test_a_crew_in_plain_clothes_at_a_gate_is_named_to_those_who_may_know_of_it(city: ApiCity) -> None:
    city.unit("plain", WEST, (900, 900), marked=False)
    gate = {"name": "南门", "lon": LON, "lat": LAT, "unit_id": "plain"}
    told = {}
    for unit_id in ("plain", "nobody"):  # the county may not know of the first: it is told as of one that there is not
        unknown = plan(tier(gates=[gate | {"unit_id": unit_id}]), key_place="kp-9")
        errors = problem_of(set_circle(city, "gate", unknown, "commander", COUNTY), 422)["errors"]
        assert [error["field"] for error in errors] == ["key_place", "tiers[0].gates[0].unit_id"]
        told[unit_id] = errors[1]["detail"].replace(unit_id, "…")
    assert told["plain"] == told["nobody"]
    assert set_circle(city, "gate", plan(tier(gates=[gate])), "commander", WEST).status_code == 200
    for path in ("/duty-circles/gate", "/duty-circles/gate/drill", "/duty-circles"):
        assert "plain" in city.get(path, "operator", WEST).text
        assert "plain" not in city.get(path, "operator", COUNTY).text.replace("plain-", "")
    shown = city.get("/duty-circles/gate", "commander", COUNTY).json()
    assert shown["tiers"][0]["gates"][0]["unit_id"] == "*"
    sent_back = plan(*shown["tiers"], name="renamed")
    assert set_circle(city, "gate", sent_back, "commander", COUNTY).status_code == 200
    kept = city.get("/duty-circles/gate", "commander", WEST).json()
    assert (kept["name"], kept["tiers"][0]["gates"][0]["unit_id"]) == ("renamed", "plain"), (
        "whoever may not know of it does not take it off"
    )
    city.ask("DELETE", "/duty-circles/gate?text=x", "commander", WEST)


def test_the_draft_is_the_rings_by_road(city: ApiCity) -> None:
    tiers = city.get(f"/duty-circle-draft?lon={LON}&lat={LAT}&minutes=0.5,1", "commander").json()["tiers"]
    assert [one["minutes"] for one in tiers] == [0.5, 1.0]
    body = plan(*({"minutes": one["minutes"], "area": one["area"]} for one in tiers))
    assert set_circle(city, "draft", body).status_code == 200
    assert problem_of(city.get("/duty-circle-draft?lon=1&lat=1", "commander"), 422)
    assert city.get(f"/duty-circle-draft?lon={LON}&lat={LAT}", "operator").status_code == 403
    city.ask("DELETE", "/duty-circles/draft?text=x", "commander")


def test_the_drill_follows_the_positions_and_the_scene_names_the_circle(city: ApiCity) -> None:
    set_circle(city, "drill", plan(tier(gates=[{"name": "南门", "lon": LON, "lat": LAT}])))
    before = city.get("/duty-circles/drill/drill").json()
    assert (before["expected"], before["missing"], before["gates_unmanned"]) == (2, 2, 1)
    city.unit("d1", WEST, (300, 310))
    city.unit("d2", EAST, (310, 300))
    found = city.get("/duty-circles/drill/drill").json()
    (part,) = found["tiers"]
    assert [row["unit_id"] for row in part["forces"][0]["crews"]] == ["d1"]
    assert [row["unit_id"] for row in part["further"]] == ["d2"]
    assert (found["missing"], part["inside"], part["gates"][0]["state"]) == (1, 2, "manned")
    inside = city.get(f"/scene?lon={LON}&lat={LAT}").json()["duty_circles"]
    assert [(one["circle_id"], one["inside_minutes"], "area" in one["tiers"][0]) for one in inside] == [("drill", 1.0, False)]
    east_lon, east_lat = degrees(900, 900)
    assert city.get(f"/scene?lon={east_lon}&lat={east_lat}").json()["duty_circles"] == []
    assert city.get(f"/scene?lon={LON}&lat={LAT}", "viewer").json()["duty_circles"] == [], "a viewer sees none"
    city.clock.advance(600)
    later = city.get("/duty-circles/drill/drill").json()
    assert later["missing"] == 2
    assert {row["why_not"] for row in later["tiers"][0]["further"]} == {"old_position"}
    city.ask("DELETE", "/duty-circles/drill?text=x", "commander")


def test_a_push_at_grade_1_inside_is_bound_by_the_tier(city: ApiCity) -> None:
    set_circle(city, "bound", plan())
    city.unit("b1", WEST, (350, 300))
    incident = city.incident(lon=LON, lat=LAT, grade=1)
    city.command(incident["incident_id"], "push", unit_ids=["b1"])
    shown = city.get(f"/incidents/{incident['incident_id']}").json()
    assert [one["arrive_within_s"] for one in shown["assignments"]] == [60.0]
    (due,) = [one for one in shown["deadlines"] if one["step"] == "arrive"]
    pushed_at = shown["assignments"][0]["pushed_at"]
    assert (datetime.fromisoformat(due["due_at"]) - datetime.fromisoformat(pushed_at)).total_seconds() == 60
    city.ask("DELETE", "/duty-circles/bound?text=x", "commander")


def test_the_demos_circles_are_made_once_where_its_key_places_are(city: ApiCity, tmp_path: Path) -> None:
    actor = Actor(SYSTEM.name, "admin", CITY, kind="system")
    assert city.run(prepare_demo_circles(city.services, actor)) == 0, "somebody has set circles here already"
    with api_city(tmp_path) as fresh:
        assert fresh.run(prepare_demo_circles(fresh.services, actor)) == 1
        (made,) = fresh.get("/duty-circles").json()["features"]
        assert (made["properties"]["name"], made["properties"]["org_code"]) == ("第一医院", WEST)
        assert [one["minutes"] for one in made["properties"]["tiers"]] == [1, 3, 5]
        assert fresh.run(prepare_demo_circles(fresh.services, actor)) == 0
