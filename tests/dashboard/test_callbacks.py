"""The conversations between page and server, without a browser: panels, scenes, commands, the form."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from dashboard.callbacks import broadcast, classify, locate, split
from dashboard.callbacks.commands import command_of, send
from dashboard.callbacks.context import facts_for
from dashboard.callbacks.place import place_options
from dashboard.callbacks.scene import able_units, reach_of, scene_of
from dashboard.callbacks.selection import panel_of
from dashboard.i18n import words_in as words
from dispatch.commands import (
    AcceptHandover,
    Arrive,
    CallBack,
    CallService,
    Close,
    Escalate,
    Feedback,
    Merge,
    NameLead,
    OfferHandover,
    Push,
    ReceiveIncident,
    RefuseHandover,
    StopRepush,
    TakeAlarm,
)
from dispatch.duty_commands import SendBroadcast, SetUnitStatus
from dispatch.model import Actor, Grade, UnitStatus
from geodata.cities.places import Place
from operations.access.authority import as_wall
from operations.situation.candidates import OLD_FIX_S
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, degrees
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, commands_in, pages_of, parts_of, words_in


def pressed(command: str, incident_id: str, unit_id: str = "", **more: Any) -> dict[str, Any]:
    return {"command": command, "incident": incident_id, "unit": unit_id, "key": f"{command}-{incident_id}-{unit_id}", **more}


def panel(city: ApiCity, selection: dict[str, Any] | None, actor: Actor = COMMANDER, page: dict[str, Any] = PAGE) -> Any:
    return city.run(panel_of(city.services, actor, selection, page))


def scene(city: ApiCity, selection: dict[str, Any] | None, actor: Actor = COMMANDER) -> Any:
    return city.run(scene_of(city.services, actor, selection, PAGE))


def test_the_panel_of_an_incident_tells_its_story(city: ApiCity) -> None:
    city.unit("story")
    incident_id = city.incident("commander", text="有人呼救", caller={"name": "王先生", "number": "13800001234"})["incident_id"]
    city.command(incident_id, "push", "commander", unit_ids=["story"])
    above, below, shown = panel(city, {"kind": "incident", "incident_id": incident_id})
    said = words_in([above, below])
    for part in ("有人呼救", "Assault", "STORY", "Pushed to STORY", "13800001234", "Timeline"):
        assert part in said
    assert (shown["incident"], shown["version"]) == (incident_id, 2)


def test_a_wall_shows_no_caller_and_no_button(city: ApiCity) -> None:
    incident_id = city.incident("commander", caller={"name": "李女士", "number": "13900005678"})["incident_id"]
    wall_page = PAGE | {"wall": True}
    above, below, _ = panel(city, {"kind": "incident", "incident_id": incident_id}, as_wall(COMMANDER), wall_page)
    assert "5678" not in words_in([above, below])
    assert commands_in(above) == []


def test_an_incident_of_another_station_is_not_shown(city: ApiCity) -> None:
    lon, lat = degrees(900, 500)
    incident_id = city.incident("commander", lon=lon, lat=lat)["incident_id"]
    assert city.services.handler.picture.incidents[incident_id].org_code == EAST
    above, below, shown = panel(city, {"kind": "incident", "incident_id": incident_id}, Actor("west", "commander", WEST))
    assert "may not see it" in words_in(above)
    assert below == []
    assert "incident" not in shown


def test_an_unknown_selection_is_said_not_raised(city: ApiCity) -> None:
    assert "does not exist" in words_in(panel(city, {"kind": "unit", "unit_id": "nobody"})[0])
    assert "does not exist" in words_in(panel(city, {"kind": "incident", "incident_id": "nothing"})[0])
    assert panel(city, None) == ([], [], {"selection": None})


def test_the_card_of_a_unit_binds_live_values(city: ApiCity) -> None:
    city.unit("card", members=("P1", "P2"))
    above, _, _ = panel(city, {"kind": "unit", "unit_id": "card"})
    bound = {getattr(part, "data-unit-value", None) for part in parts_of(above, "Span")} - {None}
    assert bound == {"speed", "heading", "place", "fix", "heard"}
    assert "P1, P2" in words_in(above)


def test_the_scene_ranks_units_and_offers_the_push(city: ApiCity) -> None:
    city.unit("near", at_m=(480, 500))
    city.unit("far", at_m=(100, 1050))
    incident_id = city.incident("commander", grade=3)["incident_id"]
    children, drawn = scene(city, {"kind": "incident", "incident_id": incident_id})
    pushes = [unit for command, unit in commands_in(children) if command == "push"]
    assert pushes.index("near") < pushes.index("far")
    top = [button for button in parts_of(children, "Button") if "push-top" in str(button.className)]
    assert len(top) == 1
    kinds = {feature["properties"]["kind"] for feature in drawn["rings"]["features"]}
    assert kinds == {"ring", "streets"}
    json.dumps(drawn)  # it goes to the browser


def test_a_viewer_sees_the_scene_without_a_push(city: ApiCity) -> None:
    incident_id = city.incident("commander")["incident_id"]
    children, _ = scene(city, {"kind": "incident", "incident_id": incident_id}, VIEWER)
    assert commands_in(children) == []


def unlocated(city: ApiCity) -> str:
    """An incident of the western station without a point; its id."""
    command = ReceiveIncident(incident_type="assault", grade=Grade.URGENT, address="somewhere", org_code=WEST)
    incident_id: str = city.handle(command).incident_id
    return incident_id


def test_an_incident_without_a_point_says_why_and_lists_who_could_go(city: ApiCity) -> None:
    city.unit("idle-b", callsign="ZZ 2")
    city.unit("idle-a", callsign="ZZ 1", at_m=None)
    city.unit("resting", callsign="ZZ 3")
    city.unit("elsewhere", org_code=EAST)
    city.handle(SetUnitStatus(unit_id="resting", status=UnitStatus.OUT_OF_SERVICE))
    incident_id = unlocated(city)
    children, drawn = scene(city, {"kind": "incident", "incident_id": incident_id})
    assert "without a point there is no ring" in words_in(children)
    assert (drawn["rings"], drawn["at"]) == (None, None)
    units = able_units(city.services, COMMANDER, city.services.handler.picture.incidents[incident_id])
    assert [unit.unit_id for unit in units][-2:] == ["idle-a", "idle-b"]
    assert {"resting", "elsewhere"} & {unit.unit_id for unit in units} == set()
    pushes = [unit_id for command, unit_id in commands_in(children) if command == "push"]
    assert pushes == [unit.unit_id for unit in units][:20]
    assert ":" not in words_in(parts_of(children, "Section")), "a time by road without a point"


def test_units_that_the_reader_may_not_see_or_command_are_not_offered(city: ApiCity) -> None:
    city.unit("plain", marked=False)
    incident_id = unlocated(city)
    incident = city.services.handler.picture.incidents[incident_id]
    assert "plain" in {unit.unit_id for unit in able_units(city.services, COMMANDER, incident)}
    assert "plain" not in {unit.unit_id for unit in able_units(city.services, as_wall(COMMANDER), incident)}
    assert able_units(city.services, Actor("east", "commander", EAST), incident) == []


def test_an_incident_without_a_point_can_be_pushed_and_then_located(city: ApiCity) -> None:
    city.unit("blind")
    incident_id = unlocated(city)
    facts = facts_for(city.services, COMMANDER, PAGE)
    said = city.run(send(city.services, COMMANDER, pressed("push", incident_id, "blind"), "", None, facts))
    assert said["kind"] == "good"
    lon, lat = degrees(500, 500)
    pending = {"incident": incident_id, "key": "first-point", "shown": {"incident": incident_id, "version": 2}}
    point = {"lon": lon, "lat": lat, "address": ""}
    assert city.run(locate.send(city.services, COMMANDER, pending, point, facts.words)) == ""
    found = city.services.handler.picture.incidents[incident_id]
    assert (found.lon, found.lat, found.address) == (lon, lat, "somewhere")
    assert found.active_assignments[0].promised_eta_s is not None
    _, drawn = scene(city, {"kind": "incident", "incident_id": incident_id})
    assert drawn["at"] == [lon, lat]
    assert drawn["rings"] is not None


def test_a_point_is_refused_in_words(city: ApiCity) -> None:
    incident_id = unlocated(city)
    spoken = words("en")
    pending = {"incident": incident_id, "key": "no-point", "shown": None}
    assert "Choose a place" in city.run(locate.send(city.services, COMMANDER, pending, None, spoken))
    point = {"lon": degrees(500, 500)[0], "lat": degrees(500, 500)[1], "address": ""}
    city.command(incident_id, "note", "commander", text="something new")
    old = pending | {"key": "old", "shown": {"incident": incident_id, "version": 1}}
    assert city.run(locate.send(city.services, COMMANDER, old, point, spoken))
    assert "viewer" in city.run(locate.send(city.services, VIEWER, pending | {"key": "denied"}, point, spoken))
    assert city.services.handler.picture.incidents[incident_id].lon is None


def test_the_place_comes_first_while_there_is_none(city: ApiCity) -> None:
    incident_id = unlocated(city)
    above, _, _ = panel(city, {"kind": "incident", "incident_id": incident_id})
    buttons = parts_of([part for part in above if getattr(part, "className", "") == "actions"], "Button")
    assert (words_in(buttons[0]), buttons[0].className) == ("Locate", "primary")
    assert [words_in(button) for button in parts_of(above, "Button") if button.className == "primary"] == ["Locate"]
    located = city.incident("commander")["incident_id"]
    above, _, _ = panel(city, {"kind": "incident", "incident_id": located})
    offered = [words_in(button) for button in parts_of(above, "Button")]
    assert offered.index("Classify") < offered.index("More") < offered.index("Move the point")
    assert commands_in(panel(city, {"kind": "incident", "incident_id": located}, VIEWER)[0]) == []
    city.command(located, "cancel", "commander", text="withdrawn")
    closed, _, _ = panel(city, {"kind": "incident", "incident_id": located})
    assert {command for command, _ in commands_in(closed)} == {"reopen", "note", "warn_place"}


def test_a_new_judgement_changes_only_what_was_changed(city: ApiCity) -> None:
    incident_id = city.incident("commander", text="two men fight", grade=2)["incident_id"]
    before = {"incident_type": "assault", "grade": 2, "text": "two men fight"}
    pending = {"incident": incident_id, "version": 1, "key": "judged", "before": before}
    spoken = words("en")
    assert city.run(classify.send(city.services, COMMANDER, pending, dict(before), spoken)) == "Nothing has been changed."
    after = before | {"incident_type": "knife_attack", "grade": 1}
    assert city.run(classify.send(city.services, COMMANDER, pending, after, spoken)) == ""
    found = city.services.handler.picture.incidents[incident_id]
    assert (found.incident_type, found.grade, found.text) == ("knife_attack", Grade.MAJOR, "two men fight")
    stale = pending | {"key": "stale"}
    assert city.run(classify.send(city.services, COMMANDER, stale, before | {"text": "other"}, spoken))
    assert city.services.handler.picture.incidents[incident_id].text == "two men fight"


def test_a_point_off_the_network_says_how_far_the_street_is(city: ApiCity) -> None:
    lon, lat = degrees(-2500, -2500)
    children, drawn = scene(city, {"kind": "point", "lon": lon, "lat": lat})
    assert "No rings here: the nearest street on the map is 3.5 km away." in words_in(children)
    assert "Nobody is ranked here" in words_in(children)
    assert "available" not in words_in(children)  # it is not known who could be there
    assert drawn["rings"] is None
    said = "Times by road end at the nearest street"
    for west_m, is_far in ((150, True), (30, False)):
        lon, lat = degrees(-west_m, 500)
        assert (said in words_in(scene(city, {"kind": "point", "lon": lon, "lat": lat})[0])) is is_far


def test_whoever_is_recommended_is_shown_however_many_busy_ones_are_nearer(city: ApiCity) -> None:
    city.clock.advance(OLD_FIX_S + 1.0)  # nobody else counts
    for k in range(9):
        city.unit(f"resting{k}", at_m=(500, 500))
        assert city.put(f"/units/resting{k}/status", {"status": "out_of_service"}).status_code == 200
    city.unit("ready", at_m=(500, 540))
    children, _ = scene(city, {"kind": "incident", "incident_id": city.incident("commander")["incident_id"]})
    assert ("push", "ready") in commands_in(children)
    assert "READY" in words_in(children)


def test_rings_are_drawn_again_when_streets_change_and_only_then(city: ApiCity) -> None:
    lon, lat = degrees(500, 500)
    point = {"kind": "point", "lon": lon, "lat": lat}
    before = reach_of(scene(city, point)[1])
    city.unit("passing", at_m=(400, 500))
    assert reach_of(scene(city, point)[1]) == before
    closed_lon, closed_lat = degrees(450, 500)
    closure = {"lon": closed_lon, "lat": closed_lat, "properties": {"closes": True}}
    assert city.put("/elements/traffic_event/works", closure, "admin").status_code == 200
    assert reach_of(scene(city, point)[1]) != before
    city.clock.advance(1.0)
    closure["properties"] = {"closes": True, "ended": True}
    assert city.put("/elements/traffic_event/works", closure, "admin").status_code == 200


def test_rings_at_p90_hold_what_is_reached_on_nine_of_ten_drives(city: ApiCity) -> None:
    lon, lat = degrees(500, 500)
    point = {"kind": "point", "lon": lon, "lat": lat}

    def metres(quantile: float) -> list[float]:
        _, drawn = city.run(scene_of(city.services, COMMANDER, point, PAGE, quantile))
        rings = [f["properties"] for f in drawn["rings"]["features"] if f["properties"]["kind"] == "ring"]
        assert {one["quantile"] for one in rings} == {quantile}
        return [one["street_metres"] for one in rings]

    usual, sure = metres(0.5), metres(0.9)
    assert all(late <= often for late, often in zip(sure, usual, strict=True))
    assert sure[-1] < usual[-1]


def test_an_empty_ring_is_said_plainly(city: ApiCity) -> None:
    lon, lat = degrees(1000, 1000)
    children, _ = scene(city, {"kind": "point", "lon": lon, "lat": lat}, Actor("east", "commander", EAST))
    assert "Nobody available" in words_in(children) or "No unit" in words_in(children)


def test_a_push_from_the_panel_reaches_the_journal(city: ApiCity) -> None:
    city.unit("pushed")
    incident_id = city.incident("commander")["incident_id"]
    facts = facts_for(city.services, COMMANDER, PAGE)
    said = city.run(send(city.services, COMMANDER, pressed("push", incident_id, "pushed"), "", None, facts))
    assert said == {"kind": "good", "text": "Push · PUSHED ✓"}
    assert city.services.handler.picture.incidents[incident_id].active_assignments[0].unit_id == "pushed"


def test_a_refusal_is_said_in_its_own_words(city: ApiCity) -> None:
    incident_id = city.incident("commander")["incident_id"]
    facts = facts_for(city.services, COMMANDER, PAGE)
    said = city.run(send(city.services, COMMANDER, pressed("push", incident_id, "ghost"), "", None, facts))
    assert said["kind"] == "bad"
    assert "ghost" in said["text"]
    denied = city.run(send(city.services, VIEWER, pressed("note", incident_id), "hello", None, facts))
    assert denied["kind"] == "bad"
    assert "viewer" in denied["text"]


def test_a_judgement_on_an_old_picture_is_refused(city: ApiCity) -> None:
    incident_id = city.incident("commander")["incident_id"]
    city.command(incident_id, "note", "commander", text="something new")
    facts = facts_for(city.services, COMMANDER, PAGE)
    old = pressed("close", incident_id, shown={"incident": incident_id, "version": 1})
    said = city.run(send(city.services, COMMANDER, old, "", "settled", facts))
    assert said["kind"] == "bad"
    assert city.services.handler.picture.incidents[incident_id].is_open


@pytest.mark.parametrize(
    ("pending", "text", "choice", "expected"),
    [
        (pressed("push", "i", "u"), "", None, Push(incident_id="i", unit_ids=("u",))),
        (
            pressed("feedback", "i", "u"),
            "done",
            None,
            Feedback(incident_id="i", unit_ids=("u",), text="done", on_behalf_of="u", channel="radio"),
        ),
        (
            pressed("close", "i", shown={"incident": "i", "version": 4}),
            "",
            "settled",
            Close(incident_id="i", disposition="settled", expected_version=4),
        ),
        (pressed("close", "i", shown={"incident": "other", "version": 4}), "", "settled", Close(incident_id="i", disposition="settled")),
        (
            pressed("arrive", "i", "120", channel="phone"),
            "",
            None,
            Arrive(incident_id="i", unit_ids=("120",), on_behalf_of="120", channel="phone"),
        ),
        (pressed("name_lead", "i", "u"), "", None, NameLead(incident_id="i", unit_ids=("u",))),
        (pressed("stop_repush", "i", "u", assignment="a"), "", None, StopRepush(incident_id="i", assignment_id="a")),
        (pressed("take_alarm", "i"), "", None, TakeAlarm(incident_id="i")),
        (pressed("call_service", "i"), "one hurt", "120", CallService(incident_id="i", service="120", text="one hurt")),
        (
            pressed("merge", "i", shown={"incident": "i", "version": 4}),
            "same car",
            "j",
            Merge(incident_id="i", into="j", text="same car", expected_version=4),
        ),
        (pressed("escalate", "i"), "three hurt", None, Escalate(incident_id="i", text="three hurt")),
        (pressed("offer_handover", "i"), "", WEST, OfferHandover(incident_id="i", to_org_code=WEST)),
        (pressed("accept_handover", "i"), "", None, AcceptHandover(incident_id="i")),
        (pressed("refuse_handover", "i"), "not ours", None, RefuseHandover(incident_id="i", text="not ours")),
        (pressed("call_back", "i"), "thanks", "yes", CallBack(incident_id="i", text="thanks", satisfied=True)),
        (pressed("call_back", "i"), "no answer", "unknown", CallBack(incident_id="i", text="no answer")),
    ],
)
def test_buttons_become_commands(pending: dict[str, Any], text: str, choice: str | None, expected: Any) -> None:
    assert command_of(pending, text, choice) == expected


def test_a_part_is_split_off_with_a_number_of_its_own(city: ApiCity) -> None:
    incident_id = city.incident("commander", grade=2)["incident_id"]
    spoken = words("en")
    pending = {"incident": incident_id, "key": "split-1"}
    part_id, error = city.run(split.send(city.services, COMMANDER, pending, "theft", 3, "a bag is gone", spoken))
    assert error == ""
    picture = city.services.handler.picture
    first, part = picture.incidents[incident_id], picture.incidents[part_id]
    assert (part.text, part.incident_type, part.grade, part.split_from) == ("a bag is gone", "theft", Grade.ORDINARY, incident_id)
    assert (part.lon, part.lat, first.text) == (first.lon, first.lat, "两人打架")
    part_id, error = city.run(split.send(city.services, COMMANDER, pending | {"key": "split-2"}, "theft", 3, " ", spoken))
    assert part_id == ""
    assert "text" in error


def test_places_of_one_name_are_told_apart() -> None:
    found = [
        Place("road", "鼓楼", 121.5, 29.8, "海曙"),
        Place("metro_station", "鼓楼", 121.6, 29.8, "海曙"),
        Place("school_bus", "鼓楼", 1, 2, ""),
    ]
    options = place_options(found, "gl", words("zh"))
    assert [one["label"] for one in options] == ["鼓楼 · 道路 · 海曙", "鼓楼 · 地铁站 · 海曙", "鼓楼 · school bus"]
    assert {one["search"] for one in options} == {"gl"}
    assert place_options(found, "gl", words("en"))[1]["label"] == "鼓楼 · metro station · 海曙"


def ask(city: ApiCity, edge: Any, method: str, path: str, **more: Any) -> httpx.Response:
    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(edge)
        async with httpx.AsyncClient(transport=transport, base_url="http://city.test") as client:
            return await client.request(method, path, **more)

    answer: httpx.Response = city.run(request())
    return answer


def test_the_whole_way_through_dash_knows_the_actor(city: ApiCity) -> None:
    """A callback request as the browser sends it, behind the edge."""
    _, edge = pages_of(city)
    incident_id = city.incident("commander")["incident_id"]
    body = {
        "output": "..panel-body.children...panel-after.children...shown.data..",
        "outputs": [
            {"id": name, "property": prop} for name, prop in (("panel-body", "children"), ("panel-after", "children"), ("shown", "data"))
        ],
        "inputs": [
            {"id": "selection", "property": "data", "value": {"kind": "incident", "incident_id": incident_id}},
            {"id": "refresh", "property": "data", "value": None},
        ],
        "changedPropIds": ["selection.data"],
        "state": [{"id": "page", "property": "data", "value": PAGE}],
    }
    stranger = ask(city, edge, "POST", "/_dash-update-component", json=body)
    assert stranger.status_code in (401, 303)
    bearer = {"Authorization": f"Bearer {city.token('commander')}"}
    answer = ask(city, edge, "POST", "/_dash-update-component", json=body, headers=bearer)
    assert answer.status_code == 200, answer.text
    assert "Assault" in answer.text
    outsider = {"Authorization": f"Bearer {city.token('commander', EAST)}"}
    assert "may not see it" in ask(city, edge, "POST", "/_dash-update-component", json=body, headers=outsider).text


def test_no_ring_stays_of_an_incident_that_is_not_there(city: ApiCity) -> None:
    """The page looks at a moment before the incident: it forgets what the rings led to, and asks anew."""
    _, edge = pages_of(city)
    bearer = {"Authorization": f"Bearer {city.token('commander')}"}
    incident_id = city.incident("commander")["incident_id"]

    def asked(incident: str, drawn_at: list[float] | None) -> Any:
        outputs = (("panel-scene", "children"), ("scene", "data"), ("scene-at", "data"))
        inputs = (
            ("selection", "data", {"kind": "incident", "incident_id": incident}),
            ("scene-tick", "data", 1),
            ("rings-sure", "value", "p50"),
        )
        state = (("scene-at", "data", drawn_at), ("page", "data", PAGE))
        body = {
            "output": "..panel-scene.children...scene.data...scene-at.data..",
            "outputs": [{"id": name, "property": prop} for name, prop in outputs],
            "inputs": [{"id": name, "property": prop, "value": value} for name, prop, value in inputs],
            "changedPropIds": ["scene-tick.data"],
            "state": [{"id": name, "property": prop, "value": value} for name, prop, value in state],
        }
        answer = ask(city, edge, "POST", "/_dash-update-component", json=body, headers=bearer)
        assert answer.status_code == 200, answer.text
        return answer.json()["response"]

    first = asked(incident_id, None)
    assert first["scene"]["data"]["rings"]
    assert "scene" not in asked(incident_id, first["scene-at"]["data"])  # they stay where they are
    assert asked("no-such-incident", None)["scene"]["data"]["rings"] is None


def test_log_in_and_out(city: ApiCity) -> None:
    _, edge = pages_of(city, [("operator", "x", "operator", CITY)])
    city.services.accounts.add_user("wang", "long enough password", "operator", CITY)
    origin = {"Origin": "http://city.test"}
    form = {"name": "wang", "password": "wrong", "next": "//evil.example"}
    refused = ask(city, edge, "POST", "/login", data=form, headers=origin)
    assert refused.status_code == 401
    assert "wrong" in refused.text
    entered = ask(city, edge, "POST", "/login", data=form | {"password": "long enough password"}, headers=origin)
    assert entered.status_code == 303
    assert entered.headers["location"] == "/"
    cookie = entered.headers["set-cookie"].split(";")[0]
    page = ask(city, edge, "GET", "/", headers={"Cookie": cookie})
    assert "/assets/build/boot.js" in page.text
    left = ask(city, edge, "POST", "/logout", headers=origin | {"Cookie": cookie})
    assert left.headers["location"] == "/login"
    assert ask(city, edge, "GET", "/", headers={"Cookie": cookie}).status_code == 401


def test_the_log_in_page_speaks_the_browsers_language(city: ApiCity) -> None:
    _, edge = pages_of(city)
    assert "登录" in ask(city, edge, "GET", "/login", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert "Log in" in ask(city, edge, "GET", "/login?lang=en", headers={"Accept-Language": "zh-CN"}).text


def test_the_health_page_needs_the_right(city: ApiCity) -> None:
    _, edge = pages_of(city)
    bearer = {"Authorization": f"Bearer {city.token('operator')}"}
    assert ask(city, edge, "GET", "/admin?lang=en", headers=bearer).status_code == 200
    assert ask(city, edge, "GET", "/admin").status_code in (303, 401)


def test_closing_waits_for_the_review_where_the_table_forces_it_and_nowhere_else(city: ApiCity) -> None:
    city.unit("forced")
    city.unit("free")
    offered: dict[str, list[str]] = {}
    for unit_id, kind in (("forced", "officer_emergency"), ("free", "assault")):
        incident_id = city.incident("commander", incident_type=kind)["incident_id"]
        for step in ({"command": "push"}, {"command": "arrive"}, {"command": "feedback", "text": "done"}):
            fields = {name: value for name, value in step.items() if name != "command"}
            assert city.command(incident_id, step["command"], "commander", unit_ids=[unit_id], **fields).status_code == 200
        above, _, _ = panel(city, {"kind": "incident", "incident_id": incident_id})
        actions = [part for part in above if getattr(part, "className", "") == "actions"]
        offered[unit_id] = [command for command, _ in commands_in(actions)]
        answer = city.command(incident_id, "close", "operator", disposition="settled")
        if unit_id == "free":
            assert answer.status_code == 200
            continue
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:liandong:problem:not-reviewed")
        assert city.command(incident_id, "review", "commander").status_code == 200
        assert city.command(incident_id, "close", "operator", disposition="settled").status_code == 200
    assert "close" in offered["free"]
    assert "close" not in offered["forced"]
    assert offered["forced"][0] == "review"


def test_a_broadcast_is_sent_from_the_desk_and_a_refusal_says_why(city: ApiCity) -> None:
    city.unit("cast", WEST)
    command = SendBroadcast(org_code=WEST, text="Bridge closed.", urgent=True)
    said, error = city.run(broadcast.send(city.services, COMMANDER, command, "cast-1", words("en")))
    assert error == ""
    assert re.fullmatch(r"Broadcast to \d+ crews and 1 desks", said)
    assert next(reversed(city.services.handler.picture.broadcasts.values())).text == "Bridge closed."
    empty = SendBroadcast(org_code=WEST, text=" ")
    assert city.run(broadcast.send(city.services, COMMANDER, empty, "cast-2", words("en")))[1].startswith("SendBroadcast needs a text")
    assert "role" in city.run(broadcast.send(city.services, VIEWER, command, "cast-3", words("en")))[1]
