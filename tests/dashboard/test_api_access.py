"""Who sees what over HTTP, as it changes with what happens. Who reaches which route and command at all: tests/access."""

from __future__ import annotations

from typing import Any

from tests.dashboard.api_world import CITY, COUNTY, EAST, MIDDLE, WEST, ApiCity, problem_of

LON, LAT = MIDDLE
AT = f"lon={LON}&lat={LAT}"


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


def test_a_feed_that_reports_again_does_not_read_what_became_of_it(city: ApiCity) -> None:
    first = city.incident("feed", source_id="CAD-2")
    city.unit("sent-2")
    city.command(first["incident_id"], "push", unit_ids=["sent-2"])
    again = city.post("/incidents", {"incident_type": "assault", "grade": 2, "source_id": "CAD-2"}, "feed")
    assert again.status_code == 200
    assert again.json() == {name: first[name] for name in ("incident_id", "number", "received_at")}


def test_a_feed_that_writes_a_crew_does_not_read_it(city: ApiCity) -> None:
    city.unit("written", members=("022117",), marked=False)
    answer = city.put("/units/written/status", {"status": "committed"}, "feed")
    assert answer.json() == {"unit_id": "written", "status": "committed"}
