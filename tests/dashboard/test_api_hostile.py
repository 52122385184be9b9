"""Malformed, oversized, foreign and absurd requests: refused by name, never a fault, nothing changed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dashboard.api.command_body import COMMANDS
from tests.dashboard.api_world import MIDDLE, WEST, ApiCity, fields_of, problem_of

LON, LAT = MIDDLE
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
GOOD = {"incident_type": "theft", "grade": 3, "lon": LON, "lat": LAT}

# Whatever JSON can say, and what Python's parser takes beyond it.
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**30), 1e308, float("nan"), float("inf"), -0.0])
ODD_TEXTS = ["\ud800", "a\x00b", "' OR 1=1 --", "<script>", "../../etc/passwd", "x" * 5000, "2026-05-01", "NaN"]
TEXTS = st.text(max_size=30) | st.sampled_from(ODD_TEXTS)
ANY = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
TIMES = st.sampled_from(
    ["2026-05-01T08:00:00", "2026-05-01T08:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "1e9", "", 1777622400]
)
INCIDENT_FIELDS = [
    "incident_type",
    "grade",
    "text",
    "lon",
    "lat",
    "accuracy_m",
    "address",
    "called_at",
    "caller",
    "source_id",
    "datum",
    "extra",
]
COMMAND_FIELDS = [
    "unit_ids",
    "on_behalf_of",
    "channel",
    "happened_at",
    "text",
    "expected_version",
    "grade",
    "lon",
    "lat",
    "form",
    "to",
    "disposition",
]
UNIT, UNIT_FIELDS = (
    {"callsign": "x", "kind": "patrol_car", "org_code": "3302"},
    ["callsign", "kind", "org_code", "trackers", "members", "marked", "auxiliary"],
)
ELEMENT, ELEMENT_FIELDS = {"lon": LON, "lat": LAT}, ["lon", "lat", "properties", "at", "datum"]
QUERY_FIELDS = [
    "lon",
    "lat",
    "minutes",
    "direction",
    "k",
    "kinds",
    "status",
    "q",
    "near",
    "at",
    "since",
    "limit",
    "stage",
    "scope",
    "from",
    "to",
    "cursor",
    "bbox",
    "from_lon",
]


def mostly(good: dict[str, Any], fields: list[str]) -> st.SearchStrategy[Any]:
    """A right body with a few fields replaced by anything, or anything at all."""
    wrong = st.dictionaries(st.sampled_from(fields), ANY | TIMES, max_size=4)
    return wrong.map(lambda w: good | w) | ANY


def dumped(body: Any) -> bytes:
    return json.dumps(body, allow_nan=True).encode("utf-8", "surrogatepass")


def is_sound(answer: httpx.Response) -> None:
    """An answer or a problem, never a fault."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        problem_of(answer, answer.status_code)
    else:
        answer.json()


@FUZZ
@given(mostly(GOOD, INCIDENT_FIELDS))
@example(GOOD | {"lon": float("nan")})
@example(GOOD | {"text": "\ud800"})
@example(GOOD | {"caller": {"name": "\ud800", "number": "\x00"}})
@example(GOOD | {"source_id": "\x00"})
@example(GOOD | {"incident_type": "a\x00"})
@example(GOOD | {"called_at": "9999-12-31T23:59:59-14:00"})
@example(GOOD | {"grade": 10**400})
def test_any_body_of_an_incident(city: ApiCity, body: Any) -> None:
    answer = city.ask("POST", "/incidents", content=dumped(body), headers={"Content-Type": "application/json"})
    is_sound(answer)


@pytest.fixture(scope="module")
def incident_id(city: ApiCity) -> str:
    city.unit("fuzzed", WEST)
    found: str = city.incident()["incident_id"]
    return found


@FUZZ
@given(name=st.sampled_from(sorted(COMMANDS)) | TEXTS, body=mostly({"unit_ids": ["fuzzed"]}, COMMAND_FIELDS))
@example(name="locate", body={"lon": float("inf"), "lat": 0})
@example(name="feedback", body={"unit_ids": ["fuzzed"], "form": {"\ud800": 1}})
@example(name="note", body={"text": "\x00"})
@example(name="push", body={"unit_ids": ["\ud800"]})
@example(name="acknowledge", body={"unit_ids": ["fuzzed"], "on_behalf_of": "\ud800"})
def test_any_body_of_a_command(city: ApiCity, incident_id: str, name: str, body: Any) -> None:
    given_body = body | {"command": name} if isinstance(body, dict) else body
    path = f"/incidents/{incident_id}/commands"
    is_sound(city.ask("POST", path, content=dumped(given_body), headers={"Content-Type": "application/json"}))


@FUZZ
@given(
    body=mostly(
        {"callsign": "x", "kind": "patrol_car", "org_code": "3302"}, ["callsign", "kind", "org_code", "trackers", "members", "marked"]
    )
)
def test_any_body_of_a_unit(city: ApiCity, body: Any) -> None:
    is_sound(city.ask("PUT", "/units/fuzz-1", content=dumped(body), headers={"Content-Type": "application/json"}))


@FUZZ
@given(
    element=st.sampled_from(["duty_post", "weather_station"]),
    body=mostly(ELEMENT, ELEMENT_FIELDS),
)
@example(element="weather_station", body={"lon": LON, "lat": LAT, "properties": {"x": "\ud800"}})
@example(element="weather_station", body={"lon": LON, "lat": LAT, "properties": {"x": float("nan"), "y": 10**30}})
def test_any_body_of_an_element(city: ApiCity, element: str, body: Any) -> None:
    is_sound(city.ask("PUT", f"/elements/{element}/fuzz-1", content=dumped(body), headers={"Content-Type": "application/json"}))


@FUZZ
@given(mostly({"url": "http://127.0.0.1:9/", "events": ["*"]}, ["url", "events", "secret", "extra"]))
@example({"url": "http://\ud800/", "events": ["*"]})
@example({"url": "http://127.0.0.1:9/\x00", "events": ["*"]})
@example({"url": "http://127.0.0.1:" + "9" * 400, "events": ["*"]})
@example({"url": "http://[::1", "events": ["*"]})
@example({"url": "http://xn--/", "events": ["*"]})
@example({"url": "http://127.0.0.1:9/", "events": ["*"], "secret": "whsec_\ud800"})
def test_any_body_of_a_webhook(city: ApiCity, body: Any) -> None:
    answer = city.ask("POST", "/webhooks", "admin", content=dumped(body), headers={"Content-Type": "application/json"})
    is_sound(answer)
    if answer.status_code == 201:
        city.ask("DELETE", f"/webhooks/{answer.json()['webhook_id']}", "admin")


@FUZZ
@given(
    path=st.sampled_from(["/rings", "/nearest", "/eta", "/scene", "/places", "/picture", "/changes", "/incidents", "/elements/key_place"]),
    query=st.dictionaries(
        st.sampled_from(QUERY_FIELDS),
        st.one_of(TEXTS, NUMBERS.map(str), TIMES.map(str), st.sampled_from(["1,3,5", "nan,1", "121.55,29.87", ",", "1e400", "330203"])),
    ),
)
@example(path="/incidents", query={"cursor": "\x00"})
@example(path="/changes", query={"since": str(2**60)})
@example(path="/rings", query={"lon": "121.55", "lat": "29.87", "minutes": "nan"})
@example(path="/rings", query={"lon": "121.55", "lat": "29.87", "minutes": ",".join(["1"] * 11)})
def test_any_query(city: ApiCity, path: str, query: dict[str, str]) -> None:
    encoded = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
    is_sound(city.get(path, params={"lon": str(LON), "lat": str(LAT)} | encoded if path in ("/rings", "/nearest") else encoded))


@pytest.mark.parametrize("incident", ["%00", "%2e%2e", "x" * 5000, "'", "%ff", "{incident_id}", "%0d%0aX: y", "null"])
@pytest.mark.parametrize("rest", ["", "/timeline", "/scene"])
def test_any_incident_id(city: ApiCity, incident: str, rest: str) -> None:
    answer = city.get(f"/incidents/{incident}{rest}")
    is_sound(answer)
    assert answer.status_code in (200, 400, 404)


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {"Content-Type": "application/json"}, 422),
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"\xff\xfe", {"Content-Type": "application/json"}, 400),
        (b"[" * 100_000, {"Content-Type": "application/json"}, 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, {"Content-Type": "application/json"}, 400),
        (b"null", {"Content-Type": "application/json"}, 422),
        (b"[]", {"Content-Type": "application/json"}, 422),
        (b"grade=3", {"Content-Type": "application/x-www-form-urlencoded"}, 422),
        (b'{"grade":' + b"9" * 5000 + b"}", {"Content-Type": "application/json"}, 400),
        (b" " * (1024 * 1024 + 1), {"Content-Type": "application/json"}, 413),
    ],
)
def test_bodies_that_are_no_objects(city: ApiCity, content: bytes, headers: dict[str, str], status: int) -> None:
    before = city.services.handler.picture.revision
    problem_of(city.ask("POST", "/incidents", content=content, headers=headers), status)
    assert city.services.handler.picture.revision == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lon": 181}, "lon"),
        ({"lon": "east"}, "lon"),
        ({"lat": None}, "lat"),
        ({"lon": LAT, "lat": LON}, "lat"),
        ({"lon": 2.35, "lat": 48.85}, "lon"),
        ({"lon": 2.35, "lat": 48.85}, "lat"),
        ({"datum": "wgs72"}, "datum"),
        ({"grade": 0}, "grade"),
        ({"grade": 5}, "grade"),
        ({"incident_type": ""}, "incident_type"),
        ({"incident_type": None}, "incident_type"),
        ({"called_at": "2026-05-01T08:00:00"}, "called_at"),
        ({"called_at": 1777622400}, "called_at"),
        ({"called_at": "yesterday"}, "called_at"),
        ({"accuracy_m": -1}, "accuracy_m"),
        ({"text": "x" * 4001}, "text"),
        ({"caller": {"number": 110}}, "caller.number"),
        ({"caller": {"phone": "110"}}, "caller.phone"),
        ({"urgency": 1}, "urgency"),
    ],
)
def test_the_wrong_field_is_named(city: ApiCity, change: dict[str, Any], field: str) -> None:
    before = city.services.handler.picture.revision
    problem = problem_of(city.post("/incidents", GOOD | change), 422)
    assert field in fields_of(problem)
    assert field in problem["detail"]
    assert city.services.handler.picture.revision == before


def test_not_a_number_is_named(city: ApiCity) -> None:
    answer = city.ask("POST", "/incidents", content=dumped(GOOD | {"lon": float("nan")}), headers={"Content-Type": "application/json"})
    assert fields_of(problem_of(answer, 422)) == {"lon"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"command": "teleport"}, "command"),
        ({}, "command"),
        ({"command": "push"}, "unit_ids"),
        ({"command": "locate", "lon": LON}, "lat"),
        ({"command": "note", "text": "x", "unit_ids": ["u"]}, "unit_ids"),
        ({"command": "close", "disposition": "x", "lon": 1}, "lon"),
        ({"command": "note", "text": "x", "expected_version": "one"}, "expected_version"),
        ({"command": "note", "text": "x", "happened_at": "2026-05-01T08:00:00"}, "happened_at"),
        ({"command": "push", "unit_ids": ["u"] * 51}, "unit_ids"),
        ({"command": "note", "text": "x", "speed": 3}, "speed"),
    ],
)
def test_the_wrong_field_of_a_command_is_named(city: ApiCity, incident_id: str, body: dict[str, Any], field: str) -> None:
    problem = problem_of(city.post(f"/incidents/{incident_id}/commands", body), 422)
    assert any(named.split(".")[0] == field for named in fields_of(problem)), problem


def test_a_wrong_method_is_405_and_an_unknown_path_404(city: ApiCity) -> None:
    assert problem_of(city.ask("DELETE", "/incidents"), 405)["type"].endswith("method-not-allowed")
    assert problem_of(city.ask("PATCH", "/units/x"), 405)
    assert problem_of(city.get("/incidents/x/unknown"), 404)
    assert problem_of(city.get("/kpi"), 404)


def test_a_fault_is_a_problem_that_tells_nothing(city: ApiCity, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(city.services.history, "incidents", broken)
    problem = problem_of(city.get("/incidents"), 500)
    assert "secret" not in json.dumps(problem)


def test_an_idempotency_key_that_is_none(city: ApiCity) -> None:
    for key in ("", "x" * 201):
        answer = city.post("/incidents", GOOD, headers={"Idempotency-Key": key})
        problem_of(answer, 422)
