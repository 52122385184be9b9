"""Shifts, rosters, signing on and off, musters and signatures over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dashboard.callbacks.selection import panel_of
from geodata.districts.beats import Beat, Beats
from operations.situation.candidates import OLD_FIX_S
from tests.dashboard.api_world import CITY, COUNTY, EAST, MIDDLE, WEST, ApiCity, degrees, problem_of
from tests.dashboard.pages_world import COMMANDER, PAGE, words_in
from tests.operations.access_world import NOW


def when(hours: float) -> str:
    return (NOW + timedelta(hours=hours)).isoformat()


def plan(city: ApiCity, shift_id: str, begins: float, ends: float, *unit_ids: str, org_code: str = WEST, **more: Any) -> dict[str, Any]:
    body = {"name": shift_id, "starts_at": when(begins), "ends_at": when(ends), "crews": [{"unit_id": u} for u in unit_ids], **more}
    answer = city.put(f"/shifts/{org_code}/{shift_id}", body, "commander")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


@pytest.fixture(autouse=True)
def _plain_again(city: ApiCity) -> Any:
    """Each test ends without a plan, or the next ones' crews would be off duty."""
    yield
    for org_code in (WEST, EAST):
        for shift in city.get(f"/shifts?org={org_code}").json()["shifts"]:
            city.ask("DELETE", f"/shifts/{org_code}/{shift['shift_id']}", "commander")
    for muster in city.get(f"/musters?org={CITY}").json()["musters"]:
        city.post(f"/musters/{muster['muster_id']}/end", {}, "commander")
    city.run(city.services.duty.tick())


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["unit_id"] for row in rows]


def test_a_shift_is_planned_read_and_taken_out(city: ApiCity) -> None:
    city.unit("d-1")
    crew = {"unit_id": "d-1", "members": ["赵"], "vehicle": "浙B1", "trackers": ["t-d1"], "radio_group": "g", "beat": "b"}
    shown = plan(city, "day", 0, 8, leader="王所长", radio_group="海曙1", crews=[crew])
    assert (shown["org_code"], shown["shift_id"], shown["leader"], shown["crews"]) == (WEST, "day", "王所长", [crew])
    assert city.get(f"/shifts?org={WEST}").json()["shifts"] == [shown]
    assert city.ask("DELETE", f"/shifts/{WEST}/day", "commander").status_code == 204
    assert city.get(f"/shifts?org={WEST}").json()["shifts"] == []


def test_the_roster_says_who_is_on_duty_when(city: ApiCity) -> None:
    for unit_id in ("d-1", "d-2", "d-3"):
        city.unit(unit_id)
    plan(city, "day", -1, 8, "d-1", "d-2")
    plan(city, "night", 8, 16, "d-3", leader="李所长")
    now = city.get(f"/rosters?org={WEST}").json()
    assert {"d-1", "d-2"} <= set(ids(now["on_duty"]))
    assert "d-3" in ids(now["off_duty"])
    assert (now["next"]["shift_id"], now["next"]["leader"]) == ("night", "李所长")
    later = city.get(f"/rosters?org={WEST}&at={when(9).replace('+', '%2B')}").json()
    assert ids(later["on_duty"]) == ["d-3"]
    assert not later["has_run_out"]
    assert city.get(f"/rosters?org={WEST}&at={when(17).replace('+', '%2B')}").json()["has_run_out"]


def test_whether_a_crew_is_on_its_beat_is_not_said_by_an_old_position(city: ApiCity) -> None:
    outline = tuple(degrees(east, north) for east, north in ((0, 0), (1000, 0), (1000, 1000), (0, 1000), (0, 0)))
    services = replace(city.services, beats=Beats([Beat("b1", WEST, "老街", areas=((outline,),))]))
    city.unit("d-4", at_m=(300, 300))
    plan(city, "day", -1, 8, crews=[{"unit_id": "d-4", "beat": "b1"}])
    city.run(city.services.duty.tick())
    chosen = {"kind": "unit", "unit_id": "d-4"}
    assert "老街 · on its beat" in words_in(city.run(panel_of(services, COMMANDER, chosen, PAGE))[0])
    table = city.services.positions
    index = table.index_of("d-4")
    assert index is not None
    table.position_at[index] -= OLD_FIX_S + 1
    said = words_in(city.run(panel_of(services, COMMANDER, chosen, PAGE))[0])
    assert "老街" in said
    assert "on its beat" not in said


def test_the_nearest_that_is_off_duty_says_so_and_is_not_pushed(city: ApiCity) -> None:
    city.unit("d-1", at_m=(500, 500))
    city.unit("d-2", at_m=(500, 450))
    plan(city, "day", -1, 8, "d-2")
    lon, lat = MIDDLE
    rows = {row["unit_id"]: row for row in city.get(f"/nearest?lon={lon}&lat={lat}&k=200").json()["units"]}
    assert not rows["d-1"]["available"]
    assert "off_duty" in [reason["code"] for reason in rows["d-1"]["reasons"]]
    assert rows["d-2"]["available"]
    assert "not_signed_on" in [reason["code"] for reason in rows["d-2"]["reasons"]]
    refused = problem_of(city.command(city.incident()["incident_id"], "push", unit_ids=["d-1"]), 422)
    assert refused["type"].endswith("unit-off-duty")


def test_crews_sign_themselves_on_and_off_or_the_desk_does(city: ApiCity) -> None:
    city.unit("d-1")
    plan(city, "day", -1, 8, "d-1")

    def sign(command: str, role: str = "officer", **more: Any) -> dict[str, Any]:
        unit_id = "d-1" if role == "officer" else None
        scope = WEST if role == "officer" else CITY
        answer = city.post("/units/d-1/commands", {"command": command, **more}, role, scope, unit_id=unit_id)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    assert sign("sign_on")["signed_on"]
    off = sign("sign_off", text="换装")
    assert (off["on_duty"], off["why"]) == (False, "signed_off")
    assert city.get("/units/d-1").json()["status"] == "out_of_service"
    assert sign("sign_on", "operator", on_behalf_of="赵警官", channel="radio")["on_duty"]
    last = city.get(f"/changes?since={city.services.handler.picture.revision - 2}").json()["events"]
    signed = next(event for event in last if event["event"] == "crew_signed_on")
    assert (signed["on_behalf_of"], signed["channel"]) == ("赵警官", "radio")
    city.unit("d-2")
    problem_of(city.post("/units/d-2/commands", {"command": "sign_off"}, "officer", WEST, unit_id="d-1"), 403)


def test_reserves_are_mustered_answer_and_go_home(city: ApiCity) -> None:
    for unit_id in ("d-1", "d-2"):
        city.unit(unit_id)
    plan(city, "tomorrow", 24, 32, "d-1", "d-2")
    body = {"org_code": WEST, "text": "大型活动散场", "until": when(3)}
    problem_of(city.post("/musters", body, "operator"), 403)
    answer = city.post("/musters", body, "commander")
    assert answer.status_code == 201
    muster = answer.json()
    assert {"d-1", "d-2"} <= set(ids(muster["crews"]))  # nobody was named: all of the organisation who are off duty
    here = f"/musters/{muster['muster_id']}"
    city.post(f"{here}/answers", {"unit_id": "d-1", "coming": True}, "officer", WEST, unit_id="d-1")
    said = city.post(f"{here}/answers", {"unit_id": "d-2", "coming": False, "text": "在外地"}).json()
    assert (said["answered"], said["coming"]) == (2, 1)
    on_duty = ids(city.get(f"/rosters?org={WEST}").json()["on_duty"])
    assert "d-1" in on_duty
    assert "d-2" not in on_duty
    assert city.get(f"/musters?org={WEST}").json()["musters"] == [said]
    assert city.post(f"{here}/end", {"text": "解除"}, "commander").json()["ended_at"] is not None
    assert city.get(f"/musters?org={WEST}").json()["musters"] == []


def test_two_leaders_sign_the_sheet(city: ApiCity) -> None:
    city.unit("d-1")
    plan(city, "day", -1, 8, "d-1")
    revision = city.services.handler.picture.revision
    first = {"side": "outgoing", "name": "王所长", "revision": revision}
    assert city.post(f"/shifts/{WEST}/day/signatures", first, "commander").status_code == 200
    second = {"side": "incoming", "name": "李所长", "revision": revision}
    problem_of(city.post(f"/shifts/{WEST}/day/signatures", second, "commander"), 422)
    signed = city.post(f"/shifts/{WEST}/day/signatures", second, "operator").json()["signed"]
    assert [(s["side"], s["name"]) for s in signed] == [("outgoing", "王所长"), ("incoming", "李所长")]
    assert datetime.fromisoformat(signed[0]["at"]) == NOW


@pytest.mark.parametrize(
    ("method", "path", "body", "role", "scope", "status"),
    [
        ("PUT", f"/shifts/{WEST}/x", {"name": "x", "starts_at": when(0), "ends_at": when(8)}, "operator", CITY, 403),
        ("PUT", f"/shifts/{WEST}/x", {"name": "x", "starts_at": when(0), "ends_at": when(8)}, "commander", EAST, 403),
        ("PUT", f"/shifts/{WEST}/x", {"name": "x", "starts_at": "8 Uhr", "ends_at": when(8)}, "commander", CITY, 422),
        ("PUT", f"/shifts/{WEST}/x", {"name": "x", "starts_at": when(0), "ends_at": when(80)}, "commander", CITY, 422),
        ("PUT", "/shifts/none/x", {"name": "x", "starts_at": when(0), "ends_at": when(8)}, "commander", CITY, 422),
        ("PUT", f"/shifts/{WEST}/x", {"name": "x", "starts_at": when(0), "ends_at": when(8), "crew": []}, "commander", CITY, 422),
        ("GET", f"/shifts?org={WEST}", None, "viewer", EAST, 403),
        ("GET", f"/rosters?org={COUNTY}", None, "commander", WEST, 403),
        ("POST", f"/shifts/{WEST}/none/signatures", {"side": "outgoing", "name": "x", "revision": 1}, "operator", CITY, 404),
        ("POST", f"/shifts/{WEST}/none/signatures", {"side": "outgoing", "name": "x", "revision": 1}, "viewer", CITY, 403),
        ("POST", "/musters", {"org_code": WEST, "text": " ", "until": when(1)}, "commander", CITY, 422),
        ("POST", "/musters", {"org_code": EAST, "text": "x", "until": when(1)}, "commander", WEST, 403),
        ("POST", "/musters/none/end", {}, "commander", CITY, 404),
        ("POST", "/musters/none/answers", {"unit_id": "nobody", "coming": True}, "operator", CITY, 404),
        ("POST", "/units/nobody/commands", {"command": "sign_on"}, "operator", CITY, 404),
        ("POST", "/units/nobody/commands", {"command": "push"}, "operator", CITY, 422),
    ],
)
def test_what_may_not_be_is_refused(city: ApiCity, method: str, path: str, body: Any, role: str, scope: str, status: int) -> None:
    problem_of(city.ask(method, path, role, scope, **({} if body is None else {"json": body})), status)


def test_a_plain_clothes_crew_is_on_no_list_of_those_who_may_not_know_of_it(city: ApiCity) -> None:
    city.unit("plain-1", marked=False)
    city.unit("d-1")
    since = city.services.handler.picture.revision
    plan(city, "plain", -1, 8, "d-1", "plain-1")
    body = {"org_code": WEST, "text": "x", "until": when(2), "unit_ids": ["plain-1", "d-1"]}
    muster_id = city.post("/musters", body, "commander").json()["muster_id"]
    city.post(f"/musters/{muster_id}/answers", {"unit_id": "plain-1", "coming": True}, "commander")
    city.run(city.services.duty.tick())
    paths = (f"/shifts?org={WEST}", f"/rosters?org={WEST}", f"/musters?org={WEST}", f"/changes?since={since}")
    for path in paths:
        assert "plain-1" in city.get(path, "commander").text, path  # the city knows of it
        county = city.get(path, "commander", COUNTY).text
        assert "plain-1" not in county, path
        assert "d-1" in county, path
