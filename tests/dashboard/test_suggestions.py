"""What positions suggest reaches the crew's phone, every desk and the API, and goes from them when it is overtaken."""

from __future__ import annotations

import json

import numpy as np

from dashboard.callbacks.commands import command_of
from dashboard.callbacks.context import facts_for
from dashboard.layouts.incident import assignments
from dashboard.layouts.timeline import timeline
from dispatch.commands import Acknowledge
from dispatch.events import Acknowledged, IncidentLocated
from operations.tracking.positions import PositionTable
from tests.dashboard.api_world import MIDDLE, ApiCity
from tests.dashboard.live_world import LiveWorld, header, live_city
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, parts_of, words_in
from tests.dashboard.terminal_world import Terminal, terminal_city
from tests.live_client import LiveClient
from tests.operations import access_world as world

CAR = world.actor("officer", world.STATION, unit_id="car")
VAN = world.actor("officer", world.STATION, unit_id="van")


def put(table: PositionTable, unit_id: str, lon: float, lat: float, at: float) -> None:
    """The crew's tracker was there at `at` (Unix s)."""
    index = np.array([table.index_of(unit_id)])
    unknown = np.full(1, np.nan)
    table.write(index, np.array([lon]), np.array([lat]), np.array([at]), at, unknown, unknown)


async def test_the_crew_is_told_what_its_own_position_suggests_until_it_says_so() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car, Terminal(url, VAN) as van:
        incident_id = await city.call()
        await city.push(incident_id, "car", "van")
        for crew in (CAR, VAN):
            await city.ask(Acknowledge(incident_id=incident_id), crew)
        for unit_id in ("car", "van"):
            city.positions.follow(city.handler.picture.units[unit_id])
        start = city.clock.unix_s()
        for second in range(0, 20, 2):
            city.clock.advance(2)
            put(city.positions, "car", 121.5, 29.8, start + second)
            put(city.positions, "van", 121.6, 29.8, start + second)
            city.stages.tick()
        await car.until(lambda: any(told["incident"]["suggestions"] for told in car.of_type("incident")))
        (told,) = car.of_type("incident")[-1]["incident"]["suggestions"]
        assert (told["command"], told["unit_id"], told["source"]) == ("arrive", "car", "position")
        await car.say({"type": "command", "command": "arrive", "incident_id": incident_id, "key": "k"})
        await car.until(lambda: car.of_type("result"))
        await car.until(lambda: car.of_type("incident")[-1]["incident"]["suggestions"] == [])
        await van.until(lambda: van.of_type("incident")[-1]["incident"]["suggestions"] == [])


def standing(city: ApiCity, unit_id: str) -> str:
    """A crew that has acknowledged and stands at the incident, seen for twenty seconds."""
    city.unit(unit_id, at_m=None)
    incident_id: str = city.incident()["incident_id"]
    assert city.command(incident_id, "push", unit_ids=[unit_id]).status_code == 200
    assert city.command(incident_id, "acknowledge", unit_ids=[unit_id], on_behalf_of=unit_id).status_code == 200
    for _ in range(11):
        put(city.services.positions, unit_id, *MIDDLE, city.clock.unix_s())
        city.services.stages.tick()
        city.clock.advance(2)
    return incident_id


def test_the_desk_confirms_it_as_of_the_instant_the_position_says(city: ApiCity) -> None:
    incident_id = standing(city, "stood")
    shown = city.get(f"/incidents/{incident_id}").json()
    (suggested,) = shown["suggestions"]
    assert (suggested["command"], suggested["distance_m"]) == ("arrive", 0.0)
    incident = city.services.handler.picture.incidents[incident_id]
    facts = facts_for(city.services, COMMANDER, PAGE)
    (row,) = [p for p in parts_of(assignments(incident, facts)) if getattr(p, "className", "") == "suggested"]
    assert words_in(row).startswith("Seems to be on scene position · 0 m")
    assert words_in(row).endswith("Confirm: Arrived")
    assert not [
        p for p in parts_of(assignments(incident, facts_for(city.services, VIEWER, PAGE))) if getattr(p, "className", "") == "suggested"
    ]
    pressed = json.loads(getattr(parts_of(row, "Button")[0], "data-press"))
    city.clock.advance(30)
    city.handle(command_of(pressed, "", None), COMMANDER)
    assignment = city.services.handler.picture.incidents[incident_id].assignments[0]
    assert assignment.arrived_at is not None
    assert assignment.arrived_at.isoformat() == pressed["happened_at"]
    assert city.get(f"/incidents/{incident_id}").json()["disagreements"] == []
    recorded = city.run(city.services.history.timeline(incident_id))
    said = words_in(timeline(recorded, facts_for(city.services, COMMANDER, PAGE)))
    assert "chief for STOOD · position, confirmed" in said
    assert city.get(f"/incidents/{incident_id}").json()["suggestions"] == []


async def test_every_desk_is_told_when_it_comes_and_when_it_goes() -> None:
    live = LiveWorld()
    live.register("near")
    live.call("theft-1")
    live.record(IncidentLocated("theft-1", lon=121.5, lat=29.8, org_code=world.STATION))
    live.push("theft-1", "near")
    live.record(Acknowledged("theft-1", assignment_id="theft-1/near", unit_id="near"))
    async with live_city(live) as url, LiveClient(url, header(world.actor("operator", world.COUNTY))) as client:
        await client.until(lambda: client.hellos)
        revision = live.handler.picture.revision
        for _ in range(10):
            live.clock.advance(2)
            live.move(121.5, 29.8, "near")
            live.stages.tick()
        await client.until(lambda: client.incidents["theft-1"]["suggestions"])
        assert live.handler.picture.revision == revision, "nothing is on record"
        async with LiveClient(url, header(world.actor("operator", world.COUNTY))) as late:
            await late.until(lambda: late.hellos)
            assert [one["command"] for one in late.incidents["theft-1"]["suggestions"]] == ["arrive"]
        live.clock.advance(2)
        live.move(121.6, 29.8, "near")
        live.stages.tick()
        await client.until(lambda: not client.incidents["theft-1"]["suggestions"])
