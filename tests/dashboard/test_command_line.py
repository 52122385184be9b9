"""The command line on a composed node: what this reader may name, what is asked first, what comes of a line."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.callbacks.command_line import carry_out, offered
from dashboard.callbacks.context import facts_for
from dispatch.model import Actor, AssignmentStage, Incident, Stage
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, degrees
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER

keys = iter(range(10_000))
EAST_DESK = Actor("east", "operator", EAST)


def send(city: ApiCity, line: str, actor: Actor = COMMANDER, lang: str = "en", **more: Any) -> dict[str, Any]:
    sent = {"text": line, "selected": None, "confirmed": None} | more
    facts = facts_for(city.services, actor, PAGE | {"lang": lang})
    answer: dict[str, Any] = city.run(carry_out(city.services, actor, sent, f"line-{next(keys)}", facts))
    return answer


def offer(city: ApiCity, line: str, actor: Actor = COMMANDER, selected: str | None = None) -> list[str]:
    found = city.run(offered(city.services, actor, line, selected, facts_for(city.services, actor, PAGE)))
    return [choice["insert"] for choice in found["choices"]]


def now(city: ApiCity, incident_id: str) -> Incident:
    found: Incident = city.services.handler.picture.incidents[incident_id]
    return found


def test_an_incident_from_the_call_to_the_end(city: ApiCity) -> None:
    city.unit("line-1", callsign="L 1", at_m=(500, 450))
    recorded = send(city, "new assault 横6路 两人打架")
    incident_id = recorded["select"]["incident_id"]
    incident = now(city, incident_id)
    assert (incident.text, incident.address, incident.has_point, int(incident.grade)) == ("两人打架", "横6路", True, 2)
    number = incident.number
    assert send(city, f'push {number} "L 1"')["kind"] == "good"
    assert now(city, incident_id).assignments[0].promised_eta_s is not None
    assert send(city, "arrive .", selected=incident_id)["kind"] == "good"
    assert send(city, "feedback . 双方已劝离", selected=incident_id)["kind"] == "good"
    assignment = now(city, incident_id).assignments[0]
    assert assignment.stage == AssignmentStage.FEEDBACK
    timeline = city.run(city.services.history.timeline(incident_id))
    assert [(one.channel, one.on_behalf_of) for one in timeline[-2:]] == [("radio", "line-1")] * 2
    asked = send(city, f"close {number} settled")
    assert (asked["kind"], asked["text"]) == ("ask", f"Close · #{number} Assault · Settled on the spot? Enter again to confirm.")
    assert now(city, incident_id).stage == Stage.FEEDBACK, "asked, not done"
    assert send(city, f"close {number} settled", confirmed=asked["version"])["kind"] == "good"
    assert now(city, incident_id).stage == Stage.CLOSED


def test_what_was_asked_about_is_not_done_to_what_it_has_become(city: ApiCity) -> None:
    incident = city.incident("commander")
    asked = send(city, f"cancel {incident['number']}")
    send(city, f"note {incident['number']} caller rang again")
    refused = send(city, f"cancel {incident['number']}", confirmed=asked["version"])
    assert refused["kind"] == "bad"
    assert "is at version 2, not 1" in refused["text"]
    assert now(city, incident["incident_id"]).is_open


def test_crews_are_offered_by_road_time_to_the_incident_and_only_own_ones(city: ApiCity) -> None:
    city.unit("line-far", callsign="Z-far", at_m=(100, 1050))
    city.unit("line-near", callsign="Z-near", at_m=(480, 500))
    city.unit("line-east", callsign="Z-east", org_code=EAST, at_m=(900, 500))
    number = city.incident("commander", grade=3)["number"]
    found = offer(city, f"push {number} Z-")
    assert found[0] == "Z-near"
    assert found.index("Z-east") < found.index("Z-far"), "as the road goes, not as the alphabet does"
    assert "Z-east" in offer(city, f"push {number} Z-e")
    assert offer(city, f"push {number} Z-e", Actor("west", "operator", WEST)) == []


def test_each_reader_is_offered_and_told_only_what_is_its_own(city: ApiCity) -> None:
    number = city.incident("commander")["number"]
    assert offer(city, f"open {number}") == [str(number)]
    assert offer(city, f"open {number}", EAST_DESK) == []
    assert "is not known here as incident number" in send(city, f"note {number} x", EAST_DESK)["text"]
    assert offer(city, "", VIEWER) == ["open", "goto"]
    assert "no command for this account" in send(city, f"push {number} L", VIEWER)["text"]


def test_errors_name_the_word_and_what_could_stand_there(city: ApiCity) -> None:
    number = city.incident("commander")["number"]
    assert send(city, f"close {number} nope")["text"].startswith("“nope” is not known here as outcome. Could stand there: settled, warned,")
    assert send(city, f"办结 {number} 没有", lang="zh")["text"].startswith("“没有” 不是此处可用的处理结果。 可填：现场调解, ")
    assert send(city, f"note {number}")["text"] == "text is missing."
    refused = send(city, f"review {number}")
    assert (refused["kind"], "can't be reviewed: it is received" in refused["text"]) == ("bad", True)


def test_the_page_moves_and_selects_by_itself(city: ApiCity) -> None:
    incident = city.incident("commander")
    assert send(city, f"open {incident['number']}")["select"] == {"kind": "incident", "incident_id": incident["incident_id"]}
    lon, lat = degrees(300, 300)
    assert send(city, "goto 第一医院")["go"] == pytest.approx({"lon": lon, "lat": lat}, abs=1e-4)
    assert offer(city, "goto 第一")[0] == "第一医院"
    assert "watch" not in send(city, "goto 第一医院")
    assert send(city, "goto 横6路相机")["watch"]["id"] == "cam-1", "a camera that is gone to is shown"


def test_a_call_without_a_place_and_one_that_is_located_later(city: ApiCity) -> None:
    incident_id = send(city, "new theft -")["select"]["incident_id"]
    assert not now(city, incident_id).has_point
    assert send(city, "locate . 第一医院", selected=incident_id)["kind"] == "good"
    assert now(city, incident_id).address == "第一医院"
    assert send(city, "grade . 1", selected=incident_id)["kind"] == "good"
    assert int(now(city, incident_id).grade) == 1
    assert now(city, incident_id).org_code in (WEST, CITY)


def test_what_another_desk_has_claimed_is_asked_about_first(city: ApiCity) -> None:
    incident = city.incident("commander")
    number = incident["number"]
    assert send(city, f"claim {number}", Actor("other", "operator", CITY))["kind"] == "good"
    city.unit("line-claimed", callsign="CL")
    asked = send(city, f"push {number} CL")
    assert (asked["kind"], asked["text"].startswith("Claimed by other. Push")) == ("ask", True)
    assert now(city, incident["incident_id"]).assignments == ()
    assert send(city, f"push {number} CL", confirmed=asked["version"])["kind"] == "good"
    assert send(city, f"note {number} seen")["kind"] == "good", "a remark takes nothing from anybody"


def test_a_place_is_warned_of_for_as_long_as_its_kind_holds(city: ApiCity) -> None:
    number = city.incident("commander")["number"]
    assert send(city, f"warn {number} dog bites")["kind"] == "good"
    (warning,) = city.services.handler.picture.warnings.values()
    assert (warning.text, (warning.expires_at - city.clock.now()).days) == ("bites", 180)
