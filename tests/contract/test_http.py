"""`/api/v1` as an outside program meets it: shapes, times, places, keys, versions, refusals."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.contract.conftest import PLACE, City, fields, problem

LON, LAT = PLACE
POINT = {"lon": LON, "lat": LAT}
CALL = {"incident_type": "assault", "grade": 2, "text": "两人打架"} | POINT
ISO_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
HERE = f"lon={LON}&lat={LAT}"


def instants(value: Any) -> list[Any]:
    """Every value below a name that ends in `at`, as instants' names do."""
    if isinstance(value, list):
        return [found for one in value for found in instants(one)]
    if not isinstance(value, dict):
        return []
    own = [one for name, one in value.items() if (name == "at" or name.endswith("_at")) and one is not None]
    return own + [found for one in value.values() for found in instants(one)]


@pytest.mark.parametrize(
    "path",
    [
        "/ready",
        "/picture",
        "/changes?since=0",
        "/incidents",
        "/units",
        "/elements",
        "/elements/weather_station",
        f"/scene?{HERE}",
        f"/nearest?{HERE}&k=3",
        f"/rings?{HERE}",
        "/organisations",
    ],
)
def test_answers_are_json_with_instants_that_have_an_offset(city: City, path: str) -> None:
    answer = city.api().get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] in ("application/json", "application/geo+json")
    assert all(isinstance(at, str) and ISO_WITH_OFFSET.fullmatch(at) for at in instants(answer.json()))


def test_health_needs_no_token_and_everything_else_does(city: City) -> None:
    with httpx.Client(base_url=f"{city.server.url}/api/v1", timeout=20) as stranger:
        assert stranger.get("/health").json() == {"status": "ok"}
        for path in ("/ready", "/picture", "/incidents", "/elements", "/metrics"):
            assert problem(stranger.get(path), 401)["type"].endswith("unauthenticated")
            assert problem(stranger.get(path, headers={"Authorization": "Bearer nonsense"}), 401)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/index.php", 404),
        ("GET", "/.git/config", 404),
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/tiles/x", 404),
        ("GET", "/assets/none.js", 404),
        ("GET", "/terminal/none", 404),
        ("GET", "/live", 404),
        ("GET", "/uploads", 405),
        ("GET", "/api/v1/incidents/x/commands", 405),
        ("DELETE", "/api/v1/incidents", 405),
    ],
)
def test_an_unknown_path_or_method_is_a_problem_and_never_a_page(city: City, method: str, path: str, status: int) -> None:
    headers = city.bearer("operator") | {"Accept": "text/html"}
    problem(httpx.request(method, city.server.url + path, headers=headers, timeout=20), status)


# The picture


def test_the_picture_of_a_past_moment_is_what_it_was_then(city: City) -> None:
    now = city.api().get("/picture").json()
    incident = city.incident(text="after the moment")
    then = city.api().get("/picture", params={"at": now["at"]}).json()
    assert incident["incident_id"] not in {i["incident_id"] for i in then["incidents"]}
    assert (then["live"], then["revision"], then["at"]) == (False, now["revision"], now["at"])
    assert {u["unit_id"] for u in then["units"]} == {u["unit_id"] for u in now["units"]}


@pytest.mark.parametrize("at", ["junk", "2026-05-01T08:00:00", "2999-01-01T00:00:00Z"])
def test_a_moment_that_is_none_is_named(city: City, at: str) -> None:
    assert fields(problem(city.api().get("/picture", params={"at": at}), 422)) == {"at"}


def test_changes_go_on_from_a_revision(city: City) -> None:
    before = city.api().get("/picture").json()["revision"]
    incident = city.incident()
    events = city.api().get("/changes", params={"since": before}).json()["events"]
    (received,) = [e for e in events if e["incident_id"] == incident["incident_id"]]
    assert received["event"] == "incident_received"
    assert received["revision"] > before


# Incidents


def test_a_call_becomes_an_incident_of_the_organisation_whose_ground_it_is(city: City) -> None:
    incident = city.incident(called_at="2026-05-01T20:14:05+08:00", caller={"name": "王", "number": "13800001234"})
    assert re.fullmatch("330203[0-9]{6}", incident["org_code"])
    assert (incident["stage"], incident["version"], incident["called_at"]) == ("received", 1, "2026-05-01T12:14:05Z")
    assert "13800001234" not in str(incident)
    listed = city.api().get("/incidents", params={"stage": "open", "scope": "330203"}).json()["incidents"]
    assert incident["incident_id"] in {i["incident_id"] for i in listed}


def test_a_call_without_a_point_can_be_located_later(city: City) -> None:
    incident = city.incident(lon=None, lat=None)
    assert (incident["lon"], incident["lat"]) == (None, None)
    path = f"/incidents/{incident['incident_id']}"
    assert city.api().get(f"{path}/scene").status_code == 422
    assert city.api().post(f"{path}/commands", json={"command": "locate"} | POINT).json()["version"] == 2
    assert city.api().get(path).json()["org_code"].startswith("330203")
    assert city.api().get(f"{path}/scene").status_code == 200


def test_gcj02_and_bd09_are_converted(city: City) -> None:
    as_sent = {"gcj02": (121.5546, 29.8713), "bd09": (121.5611, 29.8775)}
    for datum, (lon, lat) in as_sent.items():
        incident = city.incident(datum=datum, lon=lon, lat=lat)
        assert abs(incident["lon"] - LON) < 0.0005, datum
        assert abs(incident["lat"] - LAT) < 0.0005, datum


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"incident_type":"assault","grade":2,"lon":NaN,"lat":29.8}', "lon"),
        ('{"incident_type":"assault","grade":2,"lon":1e999,"lat":29.8}', "lon"),
        ('{"incident_type":"assault","grade":2,"lon":"east","lat":29.8}', "lon"),
        ('{"incident_type":"assault","grade":2,"lon":121.55}', "lat"),
        ('{"incident_type":"assault","grade":2,"lon":29.87,"lat":121.55}', "lat"),
        ('{"incident_type":"assault","grade":2,"lon":2.35,"lat":29.87}', "lon"),
        ('{"incident_type":"assault","grade":2,"lon":121.55,"lat":29.87,"datum":"mars"}', "datum"),
        ('{"incident_type":"assault","grade":9}', "grade"),
        ('{"incident_type":"assault","grade":2,"called_at":"2026-05-01T08:00:00"}', "called_at"),
        ('{"incident_type":"assault","grade":2,"priority":1}', "priority"),
        ('{"grade":2}', "incident_type"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_field(city: City, body: str, field: str) -> None:
    before = city.api().get("/incidents?limit=1").json()
    refused = city.api().post("/incidents", content=body, headers={"Content-Type": "application/json"})
    assert fields(problem(refused, 422)) == {field}
    assert city.api().get("/incidents?limit=1").json() == before


def test_a_body_that_is_no_json_is_400(city: City) -> None:
    refused = city.api().post("/incidents", content="{", headers={"Content-Type": "application/json"})
    assert fields(problem(refused, 400)) == {"body"}


# Keys and versions


def test_the_same_key_gives_the_same_answer_and_one_effect(city: City) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (city.api().post("/incidents", json=CALL, headers=key) for _ in range(2))
    assert (first.status_code, first.text) == (again.status_code, again.text) == (201, first.text)
    problem(city.api().post("/incidents", json=CALL | {"text": "another"}, headers=key), 409)
    path, note = f"/incidents/{first.json()['incident_id']}/commands", {"command": "note", "text": "once"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (city.api().post(path, json=note, headers=key) for _ in range(2))
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (200, first.json())
    assert first.json()["version"] == 2


def test_a_repeated_source_id_changes_nothing(city: City) -> None:
    first = city.api().post("/incidents", json=CALL | {"source_id": "CAD-1"})
    again = city.api().post("/incidents", json=CALL | {"source_id": "CAD-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["incident_id"] == again.json()["incident_id"]
    assert again.json()["version"] == 1


def test_a_conflict_tells_the_present_version(city: City) -> None:
    path = f"/incidents/{city.incident()['incident_id']}/commands"
    refused = city.api().post(path, json={"command": "note", "text": "x", "expected_version": 7})
    assert problem(refused, 409)["present_version"] == 1


# Commands


def test_one_incident_from_push_to_close_and_its_timeline(city: City) -> None:
    city.unit("loop-1")
    incident_id = city.incident()["incident_id"]
    by_radio = {"unit_ids": ["loop-1"], "on_behalf_of": "loop-1", "channel": "radio"}
    happened = datetime.now(UTC).isoformat()
    steps: list[dict[str, Any]] = [
        {"command": "push", "unit_ids": ["loop-1"], "expected_version": 1},
        {"command": "acknowledge", "happened_at": happened} | by_radio,
        {"command": "depart"} | by_radio,
        {"command": "arrive"} | by_radio,
        {"command": "feedback", "text": "双方已和解"} | by_radio,
        {"command": "close", "disposition": "settled"},
    ]
    version, events = 1, ["incident_received"]
    for step in steps:
        answer = city.api().post(f"/incidents/{incident_id}/commands", json=step)
        assert answer.status_code == 200, answer.text
        assert answer.json()["version"] > version
        version = answer.json()["version"]
        events += [event["event"] for event in answer.json()["events"]]
    told = city.api().get(f"/incidents/{incident_id}/timeline").json()
    assert [event["event"] for event in told["events"] if event["event"] not in ("push_delivered", "push_seen")] == events
    (acknowledged,) = [event for event in told["events"] if event["event"] == "acknowledged"]
    assert (acknowledged["on_behalf_of"], acknowledged["channel"]) == ("loop-1", "radio")
    assert city.api().get(f"/incidents/{incident_id}").json()["stage"] == "closed"
    assert city.api().get("/units/loop-1").json()["status"] == "available"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"command": "fly"}, 422, "invalid-fields"),
        ({}, 422, "invalid-fields"),
        ({"command": "push"}, 422, "invalid-fields"),
        ({"command": "push", "unit_ids": ["nobody"]}, 404, "unknown-unit"),
        ({"command": "close"}, 422, "disposition-missing"),
        ({"command": "acknowledge", "unit_ids": ["loop-1"], "channel": "radio"}, 422, "not-assigned"),
        ({"command": "note", "text": "x", "happened_at": "2999-01-01T00:00:00Z"}, 422, "implausible-time"),
        ({"command": "reopen", "text": "x"}, 403, "role-not-permitted"),
    ],
)
def test_a_refused_command_names_the_rule(city: City, body: dict[str, Any], status: int, said: str) -> None:
    city.unit("loop-1")
    incident_id = city.incident()["incident_id"]
    assert problem(city.api().post(f"/incidents/{incident_id}/commands", json=body), status)["type"] == f"urn:liandong:problem:{said}"
    assert city.api().get(f"/incidents/{incident_id}").json()["version"] == 1


# By road


def test_rings_are_areas_smallest_last_with_the_streets_on_request(city: City) -> None:
    drawn = city.api().get(f"/rings?{HERE}&minutes=1,3,5&direction=to&streets=1").json()
    by_kind: dict[str, list[dict[str, Any]]] = {"MultiPolygon": [], "MultiLineString": []}
    for feature in drawn["features"]:
        by_kind[feature["geometry"]["type"]].append(feature["properties"])
    for found in by_kind.values():
        assert [p["minutes"] for p in found] == [5, 3, 1]
        metres = [p["edge_metres"] for p in found]
        assert metres == sorted(metres, reverse=True)
        assert metres[-1] > 0
    away = city.api().get(f"/rings?{HERE}&minutes=3&direction=from").json()
    assert [f["geometry"]["type"] for f in away["features"]] == ["MultiPolygon"]


def test_a_point_off_the_network_is_422_with_the_distance(city: City) -> None:
    for path in ("/rings", "/nearest"):
        found = problem(city.api().get(path, params={"lon": 122.2, "lat": 29.5}), 422)
        assert found["nearest_street_m"] > 1000
    found = problem(city.api().get(f"/eta?from_lon={LON}&from_lat={LAT}&to_lon=122.2&to_lat=29.5"), 422)
    assert found["nearest_street_m"] > 1000


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (f"/rings?{HERE}&minutes=0", "minutes"),
        (f"/rings?{HERE}&minutes=nan", "minutes"),
        (f"/rings?{HERE}&minutes=1,x", "minutes"),
        (f"/rings?{HERE}&direction=up", "direction"),
        (f"/rings?{HERE}&at=yesterday", "at"),
        (f"/rings?lon=nan&lat={LAT}", "lon"),
        (f"/rings?lon={LON}&lat=91", "lat"),
        (f"/nearest?{HERE}&k=0", "k"),
        (f"/nearest?{HERE}&kinds=tank", "kinds"),
        (f"/nearest?{HERE}&status=flying", "status"),
        ("/eta?from_lon=121.5&from_lat=29.8&to_lon=121.6", "to_lat"),
        ("/incidents?stage=lost", "stage"),
        ("/incidents?scope=9999", "scope"),
        ("/incidents?cursor=zz", "cursor"),
        ("/changes?since=-1", "since"),
        ("/elements/hydrant?bbox=1,2", "bbox"),
    ],
)
def test_a_query_that_cannot_be_answered_names_its_parameter(city: City, query: str, field: str) -> None:
    assert fields(problem(city.api().get(query), 422)) == {field}


def test_the_nearest_units_come_in_the_order_of_their_road_times(city: City) -> None:
    units = city.api().get(f"/nearest?{HERE}&k=5&kinds=patrol_car,armed_patrol").json()["units"]
    times = [unit["eta_s"] for unit in units]
    assert len(times) > 1
    assert times == sorted(times)
    assert all(unit["distance_m"] >= 0 and unit["reason"] for unit in units)


def test_the_time_between_two_points_has_a_line(city: City) -> None:
    way = city.api().get(f"/eta?from_lon={LON}&from_lat={LAT}&to_lon=121.5703&to_lat=29.8839").json()
    assert way["eta_s"] > 60
    assert way["distance_m"] > 1900
    assert way["line"]["type"] == "LineString"


def test_one_click_answers_everything(city: City) -> None:
    scene = city.api().get(f"/incidents/{city.incident()['incident_id']}/scene").json()
    assert {f["geometry"]["type"] for f in scene["rings"]["features"]} == {"MultiPolygon", "MultiLineString"}
    assert all({"eta_s", "reasons", "recommended"} <= unit.keys() for unit in scene["units"])
    assert [ring["minutes"] for ring in scene["units_by_ring"]] == [1, 3, 5]
    assert scene["cameras"]
    assert scene["elements"]
    assert scene.keys() >= {"earlier_incidents", "weather"}


def test_places_are_found_in_chinese_and_by_initials(city: City) -> None:
    for query in ("中山东路", "zsdl"):
        found = city.api().get("/places", params={"q": query, "near": "121.55,29.87"}).json()["places"]
        assert any(place["name"].startswith("中山东路") for place in found), query
        assert all({"kind", "name", "lon", "lat"} <= place.keys() for place in found)


# Elements, units


def test_the_catalogue_has_25_elements_in_12_categories(city: City) -> None:
    categories = city.api().get("/elements").json()["categories"]
    elements = [element for category in categories for element in category["elements"]]
    assert (len(categories), len(elements)) == (12, 25)
    assert {element["state"] for element in elements} <= {"live", "static", "stale", "no_feed"}


def test_an_element_is_written_and_read_back_in_its_box(city: City) -> None:
    written = city.api().put("/elements/duty_post/post-9", json=POINT | {"properties": {"name": "街口"}})
    assert written.status_code == 200
    box = f"{LON - 0.001},{LAT - 0.001},{LON + 0.001},{LAT + 0.001}"
    features = city.api().get(f"/elements/duty_post?bbox={box}").json()["features"]
    (found,) = [f for f in features if f["id"] == "duty_post/post-9"]
    assert (found["geometry"]["coordinates"], found["properties"]["name"]) == ([LON, LAT], "街口")
    problem(city.api().get("/elements/unicorn"), 404)
    problem(city.api().put("/elements/unicorn/1", json=POINT), 404)
    assert fields(problem(city.api().put("/elements/duty_post/post-9", json={"lon": 2.3, "lat": 48.8}), 422)) == {"lon", "lat"}


def test_a_crew_is_registered_under_the_short_form_of_its_organisation(city: City) -> None:
    unit = city.unit("crew-1", trackers=["t-1", "t-2"], members=["022117"], marked=False, radio_group="海曙1")
    assert (unit["org_code"], unit["trackers"], unit["marked"], unit["registered"]) == ("330203000000", ["t-1", "t-2"], False, True)
    body = {"callsign": "C2", "kind": "patrol_car", "org_code": "330203", "trackers": ["t-1"]}
    assert problem(city.api().put("/units/crew-2", json=body), 422)["type"].endswith("tracker-taken")
    assert fields(problem(city.api().put("/units/crew-2", json=body | {"kind": "tank"}), 422)) == {"kind"}
    assert fields(problem(city.api().put("/units/crew-2", json=body | {"org_code": "9999"}), 422)) == {"org_code"}


# The document


def test_openapi_describes_what_is_served(city: City) -> None:
    document = httpx.get(f"{city.server.url}/api/v1/openapi.json", timeout=20).json()
    promised = {
        "GET": "/health /ready /picture /changes /places /incidents /incidents/{incident_id} /incidents/{incident_id}/timeline "
        "/incidents/{incident_id}/scene /rings /nearest /eta /elements /elements/{element} /metrics",
        "POST": "/incidents /incidents/{incident_id}/commands",
        "PUT": "/elements/{element}/{element_id} /units/{unit_id}",
    }
    for method, paths in promised.items():
        for path in paths.split():
            call = document["paths"][f"/api/v1{path}"][method.lower()]
            problems = [r for status, r in call["responses"].items() if status.startswith("4")]
            assert problems
            assert all(list(r["content"]) == ["application/problem+json"] for r in problems), path
            if method != "GET":
                assert "Idempotency-Key" in {p["name"] for p in call["parameters"]}, path


def test_every_documented_call_without_a_path_parameter_answers(city: City) -> None:
    document = httpx.get(f"{city.server.url}/api/v1/openapi.json", timeout=20).json()
    for path, calls in document["paths"].items():
        if "get" not in calls or "{" in path:
            continue
        required = [p for p in calls["get"].get("parameters", []) if p["required"]]
        needed = {p["name"]: p.get("example") or next(iter(p["schema"]["examples"])) for p in required}
        if path == "/api/v1/sessions":
            needed["account"] = "operator"  # a program has no log-in of its own to ask about
        if path == "/api/v1/pursuit":
            needed["seen_at"] = datetime.now(UTC).isoformat()  # the example is long ago
        if path == "/api/v1/tracks/path":
            needed["unit_id"] = city.unit("documented")["unit_id"]
        answer = httpx.get(city.server.url + path, params=needed, headers=city.bearer("admin"), timeout=20)
        assert answer.status_code == 200, f"{path} {needed} {answer.text[:200]}"
        documented = next(iter(calls["get"]["responses"]["200"]["content"]))
        assert answer.headers["content-type"].split(";")[0] == documented.split(";")[0], path


def test_metrics_are_for_prometheus(city: City) -> None:
    for path in ("/metrics", "/api/v1/metrics"):
        answer = httpx.get(city.server.url + path, headers=city.bearer("admin"), timeout=20)
        assert answer.headers["content-type"].startswith("text/plain")
        assert re.search(r"^liandong_revision [0-9.]+$", answer.text, re.MULTILINE)


def test_time_goes_on_in_the_journal(city: City) -> None:
    incident = city.incident()
    received_at = datetime.fromisoformat(incident["received_at"])
    assert abs(datetime.now(UTC) - received_at) < timedelta(seconds=10)
