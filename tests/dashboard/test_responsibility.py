"""The panel suggests a hand-over where type and place make another organisation responsible; a desk takes every call that it is told of."""

from __future__ import annotations

import msgspec
import pytest

from dashboard.callbacks.choices import choices
from dashboard.callbacks.context import facts_for
from dashboard.callbacks.new_incident import receive
from dashboard.callbacks.selection import panel_of, responsible_for
from dashboard.layouts.responsibility import belongs_elsewhere
from dispatch.commands import ReceiveIncident
from dispatch.errors import NotPermitted
from dispatch.model import Actor, Grade, Incident
from geodata.districts.responsibility import Answer, Kind
from tests.dashboard.api_world import CITY, COUNTY, EAST, WEST, ApiCity, degrees
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, commands_in, words_in

TO_EAST = Answer(EAST, Kind.TRAFFIC)


def incident_of(city: ApiCity, **more: object) -> Incident:
    incident_id = city.incident("commander", **more)["incident_id"]
    found: Incident = city.services.handler.picture.incidents[incident_id]
    return found


def line(city: ApiCity, incident: Incident, answer: Answer | None, actor: Actor = COMMANDER, language: str = "en") -> tuple[str, list[str]]:
    """What the line says, and its commands."""
    made = belongs_elsewhere(incident, answer, facts_for(city.services, actor, PAGE | {"lang": language}))
    return words_in(made), [command for command, _ in commands_in(made)]


def test_another_than_the_owner_is_named_with_the_reason(city: ApiCity) -> None:
    incident = incident_of(city)
    assert incident.org_code == WEST
    assert line(city, incident, TO_EAST) == ("Belongs to 东门派出所 by type and place: traffic Hand over", ["offer_handover"])
    assert line(city, incident, TO_EAST, language="zh")[0].startswith("应由东门派出所负责 按警情类别和地点：交通")


@pytest.mark.parametrize("answer", [None, Answer(WEST, Kind.TERRITORY)])
def test_nothing_is_said_where_it_belongs_or_has_no_place(city: ApiCity, answer: Answer | None) -> None:
    assert line(city, incident_of(city), answer) == ("", [])


@pytest.mark.parametrize("settled", [{"handed_over": True}, {"handover_to": COUNTY}, {"stage": "closed"}])
def test_a_settled_owner_stays(city: ApiCity, settled: dict[str, object]) -> None:
    assert line(city, msgspec.structs.replace(incident_of(city), **settled), TO_EAST) == ("", [])


@pytest.mark.parametrize("actor", [VIEWER, Actor("east", "commander", EAST)])
def test_who_may_not_hand_it_over_reads_it_all_the_same(city: ApiCity, actor: Actor) -> None:
    said, commands = line(city, incident_of(city), TO_EAST, actor)
    assert said.startswith("Belongs to")
    assert commands == []


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_word(city: ApiCity, kind: Kind) -> None:
    incident = incident_of(city)
    english, chinese = (line(city, incident, Answer(EAST, kind), language=language)[0] for language in ("en", "zh"))
    assert english.rpartition(": ")[2] != chinese.rpartition("：")[2]


def test_the_panel_asks_the_table_and_the_dialog_offers_its_answer_first(city: ApiCity, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = incident_of(city, incident_type="theft")
    asked = []

    def of(incident_type: str, lon: float, lat: float) -> Answer:
        asked.append((incident_type, lon, lat))
        return TO_EAST

    selection = {"kind": "incident", "incident_id": incident.incident_id}
    assert "Belongs to" not in words_in(city.run(panel_of(city.services, COMMANDER, selection, PAGE))[0])
    monkeypatch.setattr(city.services.responsibility, "of", of)
    assert "Belongs to 东门派出所" in words_in(city.run(panel_of(city.services, COMMANDER, selection, PAGE))[0])
    assert asked == [("theft", incident.lon, incident.lat)]
    options = choices(city.services, COMMANDER, "offer_handover", incident, facts_for(city.services, COMMANDER, PAGE))
    assert options is not None
    assert [option["value"] for option in options[:2]] == [EAST, CITY]


def test_without_a_point_nobody_is_asked(city: ApiCity) -> None:
    incident = incident_of(city, lon=None, lat=None)
    assert responsible_for(city.services, incident) is None
    options = choices(city.services, COMMANDER, "offer_handover", incident, facts_for(city.services, COMMANDER, PAGE))
    assert options is not None
    assert options[0]["value"] != CITY


def test_the_first_receiver_takes_the_call_and_hands_it_over(city: ApiCity) -> None:
    lon, lat = degrees(900, 500)
    call = ReceiveIncident(incident_type="dispute", grade=Grade.ORDINARY, text="at the east gate", lon=lon, lat=lat)
    west = Actor("west", "operator", WEST)
    outcome = city.run(receive(city.services, west, call, "first"))
    assert city.run(receive(city.services, west, call, "first")).incident_id == outcome.incident_id, "pressed twice"
    incident = city.services.handler.picture.incidents[outcome.incident_id]
    assert incident.org_code == WEST
    assert line(city, incident, responsible_for(city.services, incident), west)[0].startswith(
        "Belongs to 东门派出所 by type and place: its own area"
    )
    by_county = city.run(receive(city.services, Actor("county", "operator", COUNTY), call, None))
    assert city.services.handler.picture.incidents[by_county.incident_id].org_code == EAST


def test_who_may_receive_nothing_receives_nothing(city: ApiCity) -> None:
    call = ReceiveIncident(incident_type="dispute", grade=Grade.ORDINARY)
    with pytest.raises(NotPermitted) as caught:
        city.run(receive(city.services, Actor("guest", "viewer", WEST), call, None))
    assert caught.value.rule == "role-not-permitted"
