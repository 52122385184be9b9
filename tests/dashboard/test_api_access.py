"""Every registered route and every command, asked by every role and by nobody: what the table does not grant is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from dashboard.api import add_api, create_server
from operations.permissions import GRANTS, ROLES, Action, Role
from tests.dashboard.api_world import CITY, COUNTY, EAST, MIDDLE, WEST, ApiCity, problem_of

LON, LAT = MIDDLE
AT = f"lon={LON}&lat={LAT}"
INCIDENT = {"incident_type": "theft", "grade": 3}
UNIT = {"callsign": "X", "kind": "patrol_car", "org_code": CITY}
WEBHOOK = {"url": "http://127.0.0.1:9/", "events": ["incident_received"]}
ELEMENT = {"lon": LON, "lat": LAT, "properties": {"name": "x"}}
EVERYBODY = "whoever has logged in"

# (method, path) → what it takes, and a request that would succeed: path and query, body.
ROUTES: dict[tuple[str, str], tuple[str | None, str, Any]] = {
    ("GET", "/health"): (None, "/health", None),
    ("GET", "/ready"): (Action.SEE_HEALTH, "/ready", None),
    ("GET", "/me"): (EVERYBODY, "/me", None),
    ("GET", "/organisations"): (Action.SEE_PLACES, "/organisations", None),
    ("GET", "/codes"): (Action.SEE_PLACES, "/codes", None),
    ("GET", "/metrics"): (Action.SEE_METRICS, "/metrics", None),
    ("GET", "/picture"): (Action.SEE_PICTURE, "/picture", None),
    ("GET", "/changes"): (Action.SEE_HISTORY, "/changes?since=0", None),
    ("POST", "/incidents"): (Action.RECEIVE, "/incidents", INCIDENT),
    ("GET", "/incidents"): (Action.SEE_PICTURE, "/incidents", None),
    ("GET", "/incidents/{incident_id}"): (Action.SEE_PICTURE, "/incidents/INCIDENT", None),
    ("GET", "/incidents/{incident_id}/timeline"): (Action.SEE_HISTORY, "/incidents/INCIDENT/timeline", None),
    ("GET", "/incidents/{incident_id}/scene"): (Action.SEE_SCENE, "/incidents/INCIDENT/scene", None),
    ("POST", "/incidents/{incident_id}/commands"): (Action.NOTE, "/incidents/INCIDENT/commands", {"command": "note", "text": "x"}),
    ("GET", "/rings"): (Action.SEE_SCENE, f"/rings?{AT}", None),
    ("GET", "/nearest"): (Action.SEE_SCENE, f"/nearest?{AT}", None),
    ("GET", "/eta"): (Action.SEE_SCENE, f"/eta?from_lon={LON}&from_lat={LAT}&to_lon={LON}&to_lat={LAT}", None),
    ("GET", "/scene"): (Action.SEE_SCENE, f"/scene?{AT}", None),
    ("GET", "/places"): (Action.SEE_PLACES, "/places?q=x", None),
    ("GET", "/units"): (Action.SEE_PICTURE, "/units", None),
    ("GET", "/units/{unit_id}"): (Action.SEE_PICTURE, "/units/car", None),
    ("PUT", "/units/{unit_id}"): (Action.REGISTER_UNIT, "/units/ROLE", UNIT),
    ("PUT", "/units/{unit_id}/status"): (Action.SET_UNIT_STATUS, "/units/idle/status", {"status": "available"}),
    ("GET", "/elements"): (Action.SEE_ELEMENTS, "/elements", None),
    ("GET", "/elements/{element}"): (Action.SEE_ELEMENTS, "/elements/duty_post", None),
    ("PUT", "/elements/{element}/{element_id}"): (Action.WRITE_ELEMENT, "/elements/duty_post/ROLE", ELEMENT),
    ("GET", "/webhooks"): (Action.MANAGE_WEBHOOKS, "/webhooks", None),
    ("POST", "/webhooks"): (Action.MANAGE_WEBHOOKS, "/webhooks", WEBHOOK),
    ("DELETE", "/webhooks/{webhook_id}"): (Action.MANAGE_WEBHOOKS, "/webhooks/WEBHOOK", None),
    ("GET", "/webhooks/{webhook_id}/deliveries"): (Action.MANAGE_WEBHOOKS, "/webhooks/WEBHOOK/deliveries", None),
    ("POST", "/webhooks/{webhook_id}/redeliver"): (Action.MANAGE_WEBHOOKS, "/webhooks/WEBHOOK/redeliver", {}),
}


@pytest.fixture(scope="module")
def incident_id(city: ApiCity) -> str:
    city.unit("car", WEST)
    city.unit("idle", WEST)
    found: str = city.incident()["incident_id"]
    assert city.command(found, "push", unit_ids=["car"]).status_code == 200
    return found


@pytest.fixture
def webhook_id(city: ApiCity, path: str) -> Iterator[str]:
    """A webhook for routes that are about one; with those that a test made it is gone afterwards."""
    found = city.post("/webhooks", WEBHOOK, "admin").json()["webhook_id"] if "webhook" in path else ""
    yield found
    for hook in city.get("/webhooks", "admin").json()["webhooks"] if found else ():
        city.ask("DELETE", f"/webhooks/{hook['webhook_id']}", "admin")


def registered(city: ApiCity) -> set[tuple[str, str]]:
    server = create_server()
    add_api(server, city.services)
    document = server.openapi()
    return {(method.upper(), path.removeprefix("/api/v1")) for path, calls in document["paths"].items() for method in calls}


def test_the_table_of_this_test_is_complete(city: ApiCity) -> None:
    assert registered(city) == set(ROUTES)


def test_no_route_hides_from_the_document(city: ApiCity) -> None:
    """Routes that are not in the document are the pages of the documentation, and nothing else."""
    server = create_server()
    add_api(server, city.services)
    routers = [route.original_router for route in server.routes if hasattr(route, "original_router")]
    paths = {route.path for router in routers for route in router.routes if isinstance(route, APIRoute)}
    assert paths - {path for _, path in ROUTES} == {"/api/docs", "/api/docs/docs.css", "/api/docs/docs.js"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_reaches_only_the_liveness_probe(city: ApiCity, incident_id: str, method: str, path: str) -> None:
    takes, url, body = ROUTES[method, path]
    answer = city.ask(method, url.replace("INCIDENT", incident_id), None, json=body)
    if takes is None:
        assert answer.status_code == 200
    else:
        problem_of(answer, 401)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_role_reaches_what_the_table_grants_and_nothing_else(
    city: ApiCity, incident_id: str, webhook_id: str, method: str, path: str, role: Role
) -> None:
    takes, url, body = ROUTES[method, path]
    unit_id = ("idle" if "idle" in url else "car") if role == Role.OFFICER else None
    url = url.replace("INCIDENT", incident_id).replace("WEBHOOK", webhook_id).replace("ROLE", role)
    answer = city.ask(method, url, role, unit_id=unit_id, json=body)
    if takes in (None, EVERYBODY) or takes in GRANTS[role]:
        assert answer.status_code in (200, 201, 204), answer.text
    else:
        assert problem_of(answer, 403)["type"].endswith(":role-not-permitted")


ITSELF = "the incident itself"
COMMANDS: dict[str, dict[str, Any]] = {
    "classify": {"grade": 2},
    "locate": {"lon": LON, "lat": LAT},
    "push": {"unit_ids": ["car"]},
    "reinforce": {"unit_ids": ["car"]},
    "reassign": {"unit_ids": ["car"]},
    "recall": {},
    "delivered": {"unit_ids": ["car"]},
    "seen": {"unit_ids": ["car"]},
    "acknowledge": {"unit_ids": ["car"]},
    "refuse": {"unit_ids": ["car"], "text": "x"},
    "depart": {"unit_ids": ["car"]},
    "arrive": {"unit_ids": ["car"]},
    "feedback": {"unit_ids": ["car"], "text": "x"},
    "clear": {"unit_ids": ["car"]},
    "review": {},
    "return": {"text": "x"},
    "close": {"disposition": "settled"},
    "divert": {"to": "119"},
    "mark_invalid": {},
    "cancel": {},
    "reopen": {"text": "x"},
    "note": {"text": "x"},
    "call_service": {"service": "119"},
    "name_lead": {"unit_ids": ["car"]},
    "stop_repush": {"assignment_id": "x"},
    "take_alarm": {},
    "claim": {},
    "release_claim": {},
    "call_back": {"text": "x"},
    "merge": {"into": ITSELF},
    "split": {"text": "x"},
    "escalate": {"text": "x"},
    "offer_handover": {"to_org_code": CITY},
    "accept_handover": {},
    "refuse_handover": {"text": "x"},
}


def fields(name: str, incident_id: str) -> dict[str, Any]:
    return {key: incident_id if value == ITSELF else value for key, value in COMMANDS[name].items()}


def test_every_command_of_the_api_is_in_this_test() -> None:
    from dashboard.api.command_body import COMMANDS as offered

    assert set(offered) == set(COMMANDS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_by_role(city: ApiCity, incident_id: str, name: str, role: Role) -> None:
    """With a version that is never right, so that what is allowed ends in 409 and changes nothing."""
    unit_id = "car" if role == Role.OFFICER else None
    more = fields(name, incident_id) | {"expected_version": 10_000}
    answer = city.command(incident_id, name, role, as_unit=unit_id, **more)
    if Action(name) in GRANTS[role]:
        assert problem_of(answer, 409)["present_version"] < 10_000
    else:
        problem_of(answer, 403)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_neighbouring_station_commands_nothing_and_learns_nothing(city: ApiCity, incident_id: str, name: str) -> None:
    refused = problem_of(city.command(incident_id, name, "commander", EAST, **fields(name, incident_id)), 404)
    missing = problem_of(city.command("00000000-0000-7000-8000-000000000000", name, "commander", EAST, **fields(name, incident_id)), 404)
    assert refused["type"] == missing["type"]
    assert refused["detail"].replace(incident_id, "") == missing["detail"].replace("00000000-0000-7000-8000-000000000000", "")


# Who sees what, over HTTP


def listed(city: ApiCity, role: str, scope: str, **more: Any) -> set[str]:
    return {i["incident_id"] for i in city.get("/incidents", role, scope, **more).json()["incidents"]}


def test_an_incident_is_seen_in_its_scope_on_every_channel(city: ApiCity) -> None:
    found = city.incident(text="nur hier")["incident_id"]
    for scope, sees in ((WEST, True), (COUNTY, True), (CITY, True), (EAST, False)):
        assert (found in listed(city, "viewer", scope)) is sees
        assert (found in {i["incident_id"] for i in city.get("/picture", "viewer", scope).json()["incidents"]}) is sees
        assert ("nur hier" in city.get("/changes?since=0&limit=1000", "viewer", scope).text) is sees
        assert ("nur hier" in city.get("/elements/incident", "viewer", scope).text) is sees
        for path in ("", "/timeline", "/scene"):
            assert city.get(f"/incidents/{found}{path}", "viewer", scope).status_code == (200 if sees else 404)


def test_a_complaint_is_hidden_on_every_channel_from_those_it_may_concern(city: ApiCity) -> None:
    found = city.incident(incident_type="complaint", text="over the officers of west")["incident_id"]
    asked = [("supervisor", WEST, True), ("commander", COUNTY, True), ("commander", WEST, False), ("viewer", CITY, False)]
    for role, scope, sees in asked:
        assert (found in listed(city, role, scope)) is sees
        for path in ("/picture", "/changes?since=0&limit=1000", "/elements/incident", f"/scene?{AT}"):
            assert (found in city.get(path, role, scope).text) is sees
        assert city.get(f"/incidents/{found}", role, scope).status_code == (200 if sees else 404)
    city.unit("complained-of", WEST)
    city.command(found, "push", unit_ids=["complained-of"])
    officer = city.ask("GET", f"/incidents/{found}", "officer", WEST, "complained-of")
    assert officer.status_code == 404


def test_a_callers_number_is_masked_for_those_without_need(city: ApiCity) -> None:
    found = city.incident(caller={"name": "王小明", "number": "13812345678"})["incident_id"]
    city.unit("c1", WEST)
    city.command(found, "push", unit_ids=["c1"])

    def number(role: str, unit_id: str | None = None) -> str:
        shown: str = city.ask("GET", f"/incidents/{found}", role, WEST, unit_id).json()["caller"]["number"]
        return shown

    assert number("operator") == "13812345678"
    assert number("viewer") == "138****5678"
    assert number("officer", "c1") == "13812345678"
    for name, more in (("acknowledge", {}), ("depart", {}), ("arrive", {}), ("feedback", {"text": "done"})):
        assert city.command(found, name, "officer", WEST, as_unit="c1", **more).status_code == 200
    assert number("officer", "c1") == "138****5678"
    for path in ("/picture", "/incidents", "/changes?since=0&limit=1000", f"/incidents/{found}/timeline", f"/incidents/{found}/scene"):
        body = city.get(path).text
        assert "13812345678" not in body
        assert "caller_digest" not in body


def test_plain_clothes_are_nowhere_for_others(city: ApiCity) -> None:
    city.unit("plain-77", WEST, marked=False)
    found = city.incident()["incident_id"]
    assert city.command(found, "push", unit_ids=["plain-77"]).status_code == 200
    paths = ["/units", "/picture", "/changes?since=0&limit=1000", f"/incidents/{found}", f"/incidents/{found}/timeline"]
    paths += [f"/incidents/{found}/scene", f"/nearest?{AT}&k=50", "/elements/patrol_car", "/incidents"]
    for path in paths:
        assert "plain-77" in city.get(path, "commander", WEST).text
        assert "plain-77" not in city.get(path, "commander", COUNTY).text
    assert problem_of(city.get("/units/plain-77", "commander", COUNTY), 404)["detail"] == (
        problem_of(city.get("/units/plain-78", "commander", COUNTY), 404)["detail"].replace("78", "77")
    )


def test_a_neighbours_crew_is_seen_without_its_members(city: ApiCity) -> None:
    city.unit("next-door", EAST, members=("022117",), trackers=("phone-9",))
    seen = city.get("/units/next-door", "commander", WEST).json()
    assert seen["callsign"] == "NEXT-DOOR"
    assert "members" not in seen
    assert "022117" not in city.get("/changes?since=0&limit=1000", "commander", WEST).text
    assert city.get("/units/next-door", "commander", EAST).json()["members"] == ["022117"]
    city.put("/units/next-door/status", {"status": "out_of_service"})
    assert city.get("/units/next-door", "commander", WEST).status_code == 404
