"""What a dialog offers to choose from before a command is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashboard.callbacks.choices import asked_choices, choices
from dashboard.callbacks.commands import command_of, question
from dashboard.callbacks.context import facts_for
from dispatch.commands import ClaimIncident, Note, ReadNote, Reassign, ReceiveIncident
from dispatch.model import Actor, Grade
from tests.dashboard.api_world import CITY, COUNTY, EAST, WEST, ApiCity, degrees
from tests.dashboard.pages_world import COMMANDER, PAGE


def pressed(command: str, incident_id: str, unit_id: str = "", **more: Any) -> dict[str, Any]:
    return {"command": command, "incident": incident_id, "unit": unit_id, "key": f"{command}-{incident_id}-{unit_id}", **more}


def test_the_dialog_asks_what_the_command_needs(city: ApiCity) -> None:
    facts = facts_for(city.services, COMMANDER, PAGE | {"lang": "zh"})
    incident_id = city.incident("commander")["incident_id"]
    incident = city.services.handler.picture.incidents[incident_id]

    def offered(command: str) -> list[str]:
        return [one["value"] for one in choices(city.services, COMMANDER, command, incident, facts) or []]

    assert offered("divert") == ["119", "120", "122", "12345"]
    assert offered("close")
    assert offered("call_back") == ["yes", "no", "unknown"]
    assert {"119", "120", "water", "power", "gas"} < set(offered("call_service"))
    assert choices(city.services, COMMANDER, "note", incident, facts) is None
    assert choices(city.services, COMMANDER, "merge", None, facts) == [], "it has gone out of sight"
    assert question(pressed("note", "i"), facts) == "备注"


def picked(city: ApiCity, command: str, incident_id: str, actor: Actor = COMMANDER) -> list[dict[str, str]]:
    """The choices of a command as its dialog lists them."""
    incident = city.services.handler.picture.incidents[incident_id]
    return choices(city.services, actor, command, incident, facts_for(city.services, actor, PAGE)) or []


def test_calls_near_in_place_and_time_come_first_to_merge_with(city: ApiCity) -> None:
    called_at = city.clock.now()
    far, near, early = ((500, 900), (520, 500), (500, 510))
    ids = []
    for (east_m, north_m), minutes in ((far, 0), (near, 1), (early, 50)):
        lon, lat = degrees(east_m, north_m)
        at = (called_at - timedelta(minutes=minutes)).isoformat()
        ids.append(city.incident("commander", lon=lon, lat=lat, called_at=at, address=f"{east_m} {north_m}")["incident_id"])
    first = city.incident("commander", called_at=called_at.isoformat())["incident_id"]
    options = [one for one in picked(city, "merge", first) if one["value"] in ids]
    assert [one["value"] for one in options] == [ids[1], ids[0], ids[2]]
    number = city.services.handler.picture.incidents[ids[1]].number
    assert options[0]["label"] == f"#{number} Assault · 20 m away · 1:00 earlier · 520 500"
    assert first not in {one["value"] for one in picked(city, "merge", first)}
    east = city.incident("commander", lon=degrees(900, 500)[0], lat=degrees(900, 500)[1])["incident_id"]
    west = Actor("west", "commander", WEST)
    assert east not in {one["value"] for one in picked(city, "merge", first, west)}, "another station's"


def test_neighbours_of_the_owner_come_first_to_hand_over_to(city: ApiCity) -> None:
    incident_id = city.incident("commander")["incident_id"]
    assert [one["value"] for one in picked(city, "offer_handover", incident_id)] == [CITY, COUNTY, EAST]
    county = Actor("haishu", "commander", COUNTY)
    options = picked(city, "offer_handover", incident_id, county)
    assert [one["value"] for one in options] == [COUNTY, EAST, CITY]
    assert [one["label"] for one in options] == ["Haishu: take it over at once", "东门派出所", "Ningbo"]
    assert city.command(incident_id, "offer_handover", "commander", to_org_code=EAST).status_code == 200
    assert EAST not in {one["value"] for one in picked(city, "offer_handover", incident_id)}, "it is offered to it already"


def test_services_come_from_the_citys_table(city: ApiCity) -> None:
    incident_id = city.incident("commander")["incident_id"]
    incident = city.services.handler.picture.incidents[incident_id]
    facts = facts_for(city.services, COMMANDER, PAGE)
    called = choices(city.services, COMMANDER, "call_service", incident, facts)
    diverted = choices(city.services, COMMANDER, "divert", incident, facts)
    assert [one["value"] for one in called or []] == [one.id for one in city.services.codes.service]
    assert [one["label"] for one in diverted or []] == [
        "Fire and rescue 119",
        "Ambulance 120",
        "Traffic accidents 122",
        "City hotline 12345",
    ]
    assert facts.callsign("coast guard") == "coast guard"


def test_the_desk_of_a_station_does_not_offer_its_account_to_itself(city: ApiCity) -> None:
    incident_id = city.incident("commander")["incident_id"]
    incident = city.services.handler.picture.incidents[incident_id]
    at_station = Actor("chief", "commander", WEST, own_org_code=CITY)
    offered = choices(city.services, at_station, "offer_handover", incident, facts_for(city.services, at_station, PAGE)) or []
    assert CITY not in [one["value"] for one in offered]
    assert COUNTY in [one["value"] for one in offered]
    assert not [one["label"] for one in offered if "take it over" in one["label"]], "it is the station's own already"


def test_a_note_goes_to_everybody_on_the_incident_or_to_one_crew(city: ApiCity) -> None:
    city.unit("noted", WEST)
    incident_id = city.incident("commander")["incident_id"]
    city.command(incident_id, "push", "commander", unit_ids=["noted"])
    facts = facts_for(city.services, COMMANDER, PAGE)
    incident = city.services.handler.picture.incidents[incident_id]
    offered = choices(city.services, COMMANDER, "note", incident, facts)
    assert [one["value"] for one in offered or []] == ["", "noted"]
    assert command_of(pressed("note", "i"), "x", "") == Note(incident_id="i", text="x")
    assert command_of(pressed("note", "i"), "x", "noted") == Note(incident_id="i", text="x", to_units=("noted",))
    assert command_of(pressed("read_note", "i", note="n1"), "", None) == ReadNote(incident_id="i", note_id="n1")
    assert command_of(pressed("claim", "i", take_over="yes"), "", None) == ClaimIncident(incident_id="i", take_over=True)


def test_another_crew_is_sent_instead_of_those_on_it(city: ApiCity) -> None:
    city.unit("at work", at_m=(480, 500))
    city.unit("instead", at_m=(450, 500))
    city.unit("farther", at_m=(100, 1050))
    incident_id = city.incident("commander")["incident_id"]
    city.command(incident_id, "push", "commander", unit_ids=["at work"])
    incident = city.services.handler.picture.incidents[incident_id]
    facts = facts_for(city.services, COMMANDER, PAGE)
    offered = city.run(asked_choices(city.services, COMMANDER, "reassign", incident, facts))
    crews = [one["value"] for one in offered]
    assert "at work" not in crews
    assert crews.index("instead") < crews.index("farther"), "soonest there by road first"
    assert all(" m" in one["label"] or " km" in one["label"] for one in offered)
    shown = {"incident": incident_id, "version": incident.version}
    command = command_of(pressed("reassign", incident_id, shown=shown), "tyre", "instead")
    assert command == Reassign(incident_id=incident_id, unit_ids=("instead",), text="tyre", expected_version=incident.version)
    city.run(city.services.handler.handle(command, COMMANDER, "reassign-1"))
    now = city.services.handler.picture.incidents[incident_id]
    assert [a.unit_id for a in now.active_assignments] == ["instead"]


def test_without_a_point_crews_to_send_instead_stand_by_callsign(city: ApiCity) -> None:
    city.unit("zz", WEST)
    city.unit("aa", WEST)
    unplaced = ReceiveIncident(incident_type="assault", grade=Grade.URGENT, address="somewhere", org_code=WEST)
    incident_id = city.handle(unplaced).incident_id
    city.command(incident_id, "push", "commander", unit_ids=["zz"])
    incident = city.services.handler.picture.incidents[incident_id]
    offered = city.run(asked_choices(city.services, COMMANDER, "reassign", incident, facts_for(city.services, COMMANDER, PAGE)))
    crews = [one["value"] for one in offered]
    assert "aa" in crews
    assert "zz" not in crews
    assert crews == sorted(crews)
