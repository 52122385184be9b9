"""What an outside program does over HTTP, from the first call to the end, and what it reads."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, get_args

import pytest

from dashboard.api.shapes import Datum
from geodata.datum import TO_WGS84, wgs84_to_gcj02
from tests.dashboard.api_world import CITY, EAST, MIDDLE, WEST, ApiCity, degrees, problem_of

LON, LAT = MIDDLE
AT = f"lon={LON}&lat={LAT}"


# Incidents


def test_one_incident_from_the_call_to_the_end(city: ApiCity) -> None:
    city.unit("a1", WEST)
    incident = city.incident()
    assert (incident["org_code"], incident["org_name"], incident["stage"], incident["version"]) == (WEST, "西门派出所", "received", 1)
    found = incident["incident_id"]
    pushed = city.command(found, "push", unit_ids=["a1"], expected_version=1).json()
    assert pushed["version"] == 2
    assert pushed["events"][0]["promised_eta_s"] > 0
    for name, stage, more in (
        ("acknowledge", "acknowledged", {}),
        ("depart", "en_route", {}),
        ("arrive", "on_scene", {}),
        ("feedback", "feedback", {"text": "双方已劝离", "form": {"injured": 0}}),
    ):
        assert city.command(found, name, "officer", WEST, as_unit="a1", **more).status_code == 200
        assert city.get(f"/incidents/{found}").json()["stage"] == stage
    assert city.command(found, "review", "commander", WEST).status_code == 200
    assert city.command(found, "close", disposition="settled").status_code == 200
    events = city.get(f"/incidents/{found}/timeline").json()["events"]
    assert [e["event"] for e in events] == [
        "incident_received",
        "unit_pushed",
        "acknowledged",
        "departed",
        "arrived",
        "feedback_given",
        "incident_reviewed",
        "incident_closed",
    ]
    assert [e["incident_version"] for e in events] == list(range(1, 9))


def test_an_incident_without_a_point_waits_for_one(city: ApiCity) -> None:
    incident = city.incident(lon=None, lat=None)
    found = incident["incident_id"]
    assert incident["org_code"] == CITY
    assert problem_of(city.get(f"/incidents/{found}/scene"), 422)["type"].endswith(":no-point")
    lon, lat = degrees(900, 500)
    assert city.command(found, "locate", lon=lon, lat=lat, address="横5路").status_code == 200
    located = city.get(f"/incidents/{found}").json()
    assert (located["org_code"], located["address"]) == (EAST, "横5路")
    assert city.get(f"/incidents/{found}/scene").status_code == 200


def test_every_datum_that_is_known_can_be_named() -> None:
    assert set(get_args(Datum)) == set(TO_WGS84)


def test_another_datum_is_converted(city: ApiCity) -> None:
    lon, lat = (float(v) for v in wgs84_to_gcj02(LON, LAT))
    named = city.incident(lon=lon, lat=lat, datum="gcj02")
    token = city.token("call_taker", datum="gcj02")
    declared = city.post(
        "/incidents", {"incident_type": "theft", "grade": 3, "lon": lon, "lat": lat}, None, headers={"Authorization": f"Bearer {token}"}
    )
    for incident in (named, declared.json()):
        assert (incident["lon"], incident["lat"]) == (pytest.approx(LON, abs=1e-6), pytest.approx(LAT, abs=1e-6))


def test_a_time_with_any_offset_is_the_same_instant(city: ApiCity) -> None:
    called = (city.clock.now() - timedelta(minutes=1)).isoformat()
    assert called.endswith("+00:00")
    local = (city.clock.now() - timedelta(minutes=1) + timedelta(hours=8)).replace(tzinfo=None).isoformat() + "+08:00"
    assert city.incident(called_at=local)["called_at"] == city.incident(called_at=called)["called_at"]


def test_the_same_key_gives_the_same_answer(city: ApiCity) -> None:
    body = {"incident_type": "theft", "grade": 3, "lon": LON, "lat": LAT}
    first = city.post("/incidents", body, headers={"Idempotency-Key": "k-1"})
    found = first.json()["incident_id"]
    note = {"command": "note", "text": "einmal"}
    noted = city.post(f"/incidents/{found}/commands", note, headers={"Idempotency-Key": "k-2"})
    revision = city.services.handler.picture.revision
    again = city.post("/incidents", body, headers={"Idempotency-Key": "k-1"})
    noted_again = city.post(f"/incidents/{found}/commands", note, headers={"Idempotency-Key": "k-2"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert noted_again.json() == noted.json()
    assert city.services.handler.picture.revision == revision
    problem_of(city.post("/incidents", body | {"grade": 1}, headers={"Idempotency-Key": "k-1"}), 409)


def test_a_repeated_source_id_changes_nothing_twice(city: ApiCity) -> None:
    first = city.incident("call_taker", source_id="CAD-1")
    revision = city.services.handler.picture.revision
    again = city.post("/incidents", {"incident_type": "assault", "grade": 2, "source_id": "CAD-1"}, "call_taker")
    assert again.status_code == 200
    assert again.json()["incident_id"] == first["incident_id"]
    assert city.services.handler.picture.revision == revision


def test_an_old_version_is_409_with_the_present_one(city: ApiCity) -> None:
    found = city.incident()["incident_id"]
    city.command(found, "note", text="x")
    assert problem_of(city.command(found, "note", text="y", expected_version=1), 409)["present_version"] == 2


def test_pages_of_incidents_hold_each_once(city: ApiCity) -> None:
    made = []
    for _ in range(5):
        city.clock.advance(1.0)
        made.append(city.incident(text="page")["incident_id"])
    seen: list[str] = []
    cursor = ""
    while True:
        page = city.get("/incidents", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [i["incident_id"] for i in page["incidents"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert [i for i in seen if i in made] == made[::-1]


def test_incidents_by_stage_scope_and_time(city: ApiCity) -> None:
    lon, lat = degrees(900, 500)
    east = city.incident(lon=lon, lat=lat)["incident_id"]
    closed = city.incident()["incident_id"]
    city.command(closed, "mark_invalid")

    def ids(query: str) -> set[str]:
        return {i["incident_id"] for i in city.get(f"/incidents?limit=500&{query}").json()["incidents"]}

    assert east in ids(f"scope={EAST}")
    assert east not in ids(f"scope={WEST}")
    assert closed in ids("stage=invalid,closed")
    assert closed not in ids("stage=open")
    assert east in ids("stage=open")
    now = city.clock.now()
    after, before = (now + timedelta(seconds=1)).isoformat(), now.isoformat()
    assert ids("from=" + after.replace("+", "%2B")) == set()
    assert east not in ids("to=" + before.replace("+", "%2B"))
    problem_of(city.get("/incidents?scope=9999"), 422)
    problem_of(city.get(f"/incidents?scope={EAST}", "viewer", WEST), 403)


# The picture


def test_the_picture_of_the_past_is_the_one_that_was(city: ApiCity) -> None:
    found = city.incident()["incident_id"]
    then = city.clock.now()
    before = city.get("/picture").json()
    city.clock.advance(60)
    city.command(found, "mark_invalid")
    assert found not in {i["incident_id"] for i in city.get("/picture").json()["incidents"]}
    past = city.get("/picture", params={"at": then.isoformat()}).json()
    assert past["live"] is False
    assert past["revision"] == before["revision"]
    assert past["incidents"] == before["incidents"]
    problem_of(city.get("/picture", params={"at": (city.clock.now() + timedelta(seconds=1)).isoformat()}), 422)


def test_changes_lead_from_any_revision_to_the_present(city: ApiCity) -> None:
    start = city.services.handler.picture.revision
    found = city.incident()["incident_id"]
    city.command(found, "note", text="x")
    read: list[dict[str, Any]] = []
    since = start
    while True:
        page = city.get(f"/changes?since={since}&limit=1").json()
        read += page["events"]
        since = page["revision"]
        if not page["more"]:
            break
    assert [(e["revision"], e["event"]) for e in read] == [(start + 1, "incident_received"), (start + 2, "note_added")]
    assert since == city.services.handler.picture.revision
    beyond = city.get(f"/changes?since={since + 1}")
    assert (beyond.status_code, beyond.json()["errors"][0]["field"]) == (422, "since")


# By road


def test_rings_are_areas_smallest_last_with_streets_on_request(city: ApiCity) -> None:
    answer = city.get(f"/rings?{AT}&minutes=1,0.5")
    assert answer.headers["content-type"] == "application/geo+json"
    rings = answer.json()["features"]
    assert [r["properties"]["minutes"] for r in rings] == [1.0, 0.5]
    assert {r["geometry"]["type"] for r in rings} == {"MultiPolygon"}
    assert rings[0]["properties"]["edge_metres"] > rings[1]["properties"]["edge_metres"] > 0
    kinds = [f["geometry"]["type"] for f in city.get(f"/rings?{AT}&minutes=1&streets=1&direction=from").json()["features"]]
    assert sorted(kinds) == ["MultiLineString", "MultiPolygon"]


def test_rings_of_each_profile_are_of_the_road_alone(city: ApiCity) -> None:
    metres = {}
    for profile in ("car", "ebike", "foot"):
        (ring,) = city.get(f"/rings?{AT}&minutes=2&profile={profile}").json()["features"]
        metres[profile] = ring["properties"]["street_metres"]
        assert (ring["properties"]["profile"], ring["properties"]["turnout_included"]) == (profile, False)
    assert metres["car"] > metres["ebike"] > metres["foot"] > 0
    assert city.get(f"/rings?{AT}&profile=boat").status_code == 422


def test_a_point_off_the_network_says_how_far_the_street_is(city: ApiCity) -> None:
    lon, lat = degrees(500, -2000)
    for path in (
        f"/rings?lon={lon}&lat={lat}",
        f"/nearest?lon={lon}&lat={lat}",
        f"/eta?from_lon={lon}&from_lat={lat}&to_lon={LON}&to_lat={LAT}",
    ):
        problem = problem_of(city.get(path), 422)
        assert problem["type"].endswith(":off-network")
        assert problem["nearest_street_m"] == pytest.approx(2000, abs=20)
    scene = city.get(f"/scene?lon={lon}&lat={lat}").json()
    assert scene["rings"] is None
    assert "off the network" in scene["no_rings_because"]
    assert scene["units_by_ring"] == []
    assert scene["nearest_street_m"] == pytest.approx(2000, abs=20)


def test_the_nearest_is_by_road_time_and_says_why(city: ApiCity) -> None:
    city.unit("near-1", WEST, at_m=(450, 500))
    city.unit("near-2", WEST, at_m=(300, 500))
    city.unit("near-3", WEST, at_m=(400, 500))
    city.put("/units/near-3/status", {"status": "out_of_service"})
    rows = [u for u in city.get(f"/nearest?{AT}&k=200").json()["units"] if u["unit_id"].startswith("near-")]
    assert [u["unit_id"] for u in rows] == ["near-1", "near-3", "near-2"]
    assert rows[0]["eta_s"] < rows[2]["eta_s"]
    assert "off duty" in rows[1]["reason"]
    only = city.get(f"/nearest?{AT}&k=200&status=out_of_service").json()["units"]
    assert {u["unit_id"] for u in only} >= {"near-3"}
    assert {u["status"] for u in only} == {"out_of_service"}
    assert city.get(f"/nearest?{AT}&kinds=foot_patrol").json()["units"] == []


def test_a_travel_time_has_a_line_from_point_to_point(city: ApiCity) -> None:
    lon, lat = degrees(100, 900)
    way = city.get(f"/eta?from_lon={LON}&from_lat={LAT}&to_lon={lon}&to_lat={lat}").json()
    assert way["distance_m"] == pytest.approx(800, rel=0.05)
    assert way["eta_s"] > 0
    assert way["line"]["coordinates"][0] == pytest.approx([LON, LAT], abs=2e-4)
    assert way["line"]["coordinates"][-1] == pytest.approx([lon, lat], abs=2e-4)
    assert (way["turnout_s"], way["arrival_s"]) == (60.0, pytest.approx(way["eta_s"] + 60.0, abs=0.1))
    on_foot = city.get(f"/eta?from_lon={LON}&from_lat={LAT}&to_lon={lon}&to_lat={lat}&kind=foot_patrol").json()
    assert on_foot["eta_s"] == pytest.approx(on_foot["distance_m"] / 1.4, rel=0.01)


def test_places_by_name(city: ApiCity) -> None:
    found = city.get("/places", params={"q": "横6路", "near": f"{LON},{LAT}"}).json()["places"]
    assert found[0]["name"] == "横6路"


# Units and elements


def test_a_unit_is_registered_once_and_changed_after(city: ApiCity) -> None:
    body = {"callsign": "西门A9", "kind": "foot_patrol", "org_code": WEST, "trackers": ["t-9"], "members": ["1"]}
    first = city.put("/units/reg-1", body)
    assert (first.status_code, first.json()["registered"]) == (201, True)
    revision = city.services.handler.picture.revision
    assert city.put("/units/reg-1", body).status_code == 200
    assert city.services.handler.picture.revision == revision
    assert city.put("/units/reg-1", body | {"callsign": "西门A10"}).json()["callsign"] == "西门A10"
    assert city.get("/units/reg-1").json()["lon"] is None
    assert problem_of(city.put("/units/reg-2", body | {"org_code": "9999"}), 422)["errors"][0]["field"] == "org_code"
    problem_of(city.put("/units/reg-3", body | {"trackers": []}, "commander", EAST), 403)


def test_the_catalogue_has_every_element_with_its_state(city: ApiCity) -> None:
    categories = city.get("/elements").json()["categories"]
    elements = {e["id"]: e for c in categories for e in c["elements"]}
    assert (len(categories), len(elements)) == (12, 25)
    assert (elements["key_place"]["count"], elements["key_place"]["state"]) == (1, "static")
    assert elements["hotspot"]["state"] == "no_feed"


def test_an_element_is_written_and_found_in_its_box(city: ApiCity) -> None:
    written = city.put("/elements/hydrant/h-1", {"lon": LON, "lat": LAT, "properties": {"name": "消火栓"}})
    assert written.json()["properties"]["name"] == "消火栓"
    inside = city.get("/elements/hydrant", params={"bbox": f"{LON - 0.001},{LAT - 0.001},{LON + 0.001},{LAT + 0.001}"}).json()
    outside = city.get("/elements/hydrant", params={"bbox": f"{LON + 0.1},{LAT},{LON + 0.2},{LAT + 0.1}"}).json()
    assert (inside["matched"], inside["features"][0]["id"], outside["matched"]) == (1, "hydrant/h-1", 0)
    problem_of(city.get("/elements/hydrant", params={"bbox": "1,2,3"}), 422)
    problem_of(city.get("/elements/hydrant", params={"bbox": "3,2,1,4"}), 422)
    problem_of(city.get("/elements/unicorn"), 404)
    problem_of(city.put("/elements/patrol_car/x", {"lon": LON, "lat": LAT}), 422)


def test_a_reading_ages(city: ApiCity) -> None:
    def state() -> str:
        categories = city.get("/elements").json()["categories"]
        found: str = next(e["state"] for c in categories for e in c["elements"] if e["id"] == "weather_station")
        return found

    at = city.clock.now().isoformat()
    assert city.put("/elements/weather_station/ws-9", {"lon": LON, "lat": LAT, "at": at, "properties": {"wind_mps": 3}}).status_code == 200
    assert state() == "live"
    assert city.get(f"/scene?{AT}").json()["weather"]["properties"]["wind_mps"] == 3
    city.clock.advance(3601)
    assert state() == "stale"
    future = (city.clock.now() + timedelta(minutes=1)).isoformat()
    problem_of(city.put("/elements/weather_station/ws-9", {"lon": LON, "lat": LAT, "at": future}), 422)


def test_a_cameras_address_is_refused_and_never_shown(city: ApiCity) -> None:
    address = {"lon": LON, "lat": LAT, "properties": {"name": "x", "URL": "rtsp://user:secret@10.0.0.1/1"}}
    assert "properties.URL" in problem_of(city.put("/elements/street_camera/c-9", address), 422)["detail"]
    for path in ("/elements/street_camera", f"/scene?{AT}", "/changes?since=0&limit=1000"):
        assert "rtsp" not in city.get(path).text


# The system


def test_readiness_and_metrics_tell_of_the_feeds(city: ApiCity) -> None:
    city.services.health.feed("radio").heard(city.clock.unix_s(), 7)
    city.services.health.feed("radio").reject("stale", 2)
    ready = city.get("/ready").json()
    assert ready["feeds"]["radio"]["rejected"] == {"stale": 2}
    assert ready["revision"] == city.services.handler.picture.revision
    city.services.health.refuse_rate("session")
    text = city.get("/metrics", "admin").text
    assert 'liandong_too_many_requests_total{limit="session"} 1.0' in text
    assert "liandong_uploads_mismatched_total 0.0" in text
    assert 'liandong_feed_accepted_total{feed="radio"} 7.0' in text
    assert 'liandong_feed_rejected_total{feed="radio",reason="stale"} 2.0' in text
    assert city.get("/api/v1/metrics", "admin").text.splitlines()[:3] == text.splitlines()[:3]


def test_me(city: ApiCity) -> None:
    me = city.get("/me", "officer", WEST).json()
    assert (me["role"], me["org_code"], me["kind"]) == ("officer", WEST, "token")
    assert "push" not in me["actions"]


# The document


def test_every_call_is_described_with_an_example(city: ApiCity) -> None:
    document = city.get("/openapi.json", None).json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            assert call["description"], f"{method} {path}"
            good = next(answer for status, answer in call["responses"].items() if status.startswith("2"))
            if "204" not in call["responses"]:  # which has no content
                (content,) = good["content"].values()
                assert "example" in content, f"{method} {path}"
            body = call.get("requestBody")
            if body is not None:
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert document["components"]["schemas"][name]["examples"], name


def test_every_reference_of_the_document_leads_somewhere(city: ApiCity) -> None:
    document = city.get("/openapi.json", None).json()
    names = document["components"]["schemas"].keys()
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in names, reference


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for value in node.values() for r in _references(value)]
    return [r for value in node for r in _references(value)] if isinstance(node, list) else []


def test_the_examples_of_bodies_are_accepted(city: ApiCity) -> None:
    from dashboard.api.command_body import CommandBody, to_command
    from dashboard.api.shapes import ElementBody, NewIncident, StatusBody, UnitBody

    for model in (NewIncident, UnitBody, ElementBody, StatusBody, CommandBody):
        for example in model.model_json_schema()["examples"]:
            body = model.model_validate_json(json.dumps(example))
            if isinstance(body, CommandBody):
                to_command("i", body, "wgs84")


def test_the_pages_of_the_documentation_load_nothing_from_outside(city: ApiCity) -> None:
    for path, kind in (("/api/docs", "text/html"), ("/api/docs/docs.css", "text/css"), ("/api/docs/docs.js", "text/javascript")):
        answer = city.get(path, None)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "//" not in answer.text.replace("// Draws", "")
