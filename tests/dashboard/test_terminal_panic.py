"""The panic button from the terminal's side: no turn to wait for, one effect for one key, refused by rule where it may not."""

from __future__ import annotations

import json
from datetime import timedelta

from dispatch.codes import OFFICER_EMERGENCY
from tests.dashboard.terminal_world import Terminal, terminal_city
from tests.operations import access_world as world

CAR = world.actor("officer", world.STATION, unit_id="car")
GATEWAY = world.actor("officer", world.COUNTY, kind="token")
HERE = {"lon": 121.5, "lat": 29.8, "position_at": world.NOW.isoformat()}


async def test_a_panic_makes_an_incident_and_says_its_number() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        await car.say({"type": "panic", "key": "k1", **HERE})
        await car.until(lambda: car.of_type("result"))
        (result,) = car.of_type("result")
        incident = city.handler.picture.incidents[result["incident_id"]]
        assert (result["key"], result["ok"], result["number"]) == ("k1", True, incident.number)
        assert (incident.incident_type, incident.lon, incident.lat) == (OFFICER_EMERGENCY, 121.5, 29.8)
        assert [report.unit_id for report in city.intake.reports] == ["car"]  # through the checks, as any other position


async def test_a_panic_without_anything_but_its_name_is_taken() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        await car.say({"type": "panic"})
        await car.until(lambda: car.of_type("result"))
        assert car.of_type("result")[0]["ok"]
        (incident,) = city.handler.picture.incidents.values()
        assert not incident.has_point


async def test_a_panic_whose_position_is_refused_is_taken() -> None:
    async with terminal_city() as (_, url), Terminal(url, CAR) as car:
        await car.say({"type": "panic", "key": "k1", **HERE, "lat": 0.0})
        await car.until(lambda: car.of_type("result") and car.of_type("rejected"))
        assert car.of_type("result")[0]["ok"]


async def test_the_same_panic_again_has_one_effect_and_the_same_answer() -> None:
    async with terminal_city() as (city, url):
        panic = {"type": "panic", "key": "k1", "happened_at": (world.NOW - timedelta(minutes=40)).isoformat()}
        for _ in range(2):  # the first answer was lost with its connection
            async with Terminal(url, CAR) as car:
                await car.say(panic)
                await car.until(lambda car=car: car.of_type("result"))
        (incident,) = city.handler.picture.incidents.values()
        assert car.of_type("result")[0]["incident_id"] == incident.incident_id
        assert incident.called_at == world.NOW - timedelta(minutes=40)


async def test_a_panic_waits_for_nothing_the_crew_has_said_before() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        await city.push(incident_id := await city.call(), "car")
        wrote = {"type": "command", "command": "note", "key": "n", "incident_id": incident_id, "text": "x"}
        handle, held_up = city.handler.handle, []

        async def slow(command, actor, key=None):  # type: ignore[no-untyped-def]
            if key == "n":
                held_up.append(command)
                await car.until(lambda: car.of_type("result"))
            return await handle(command, actor, key)

        city.handler.handle = slow  # type: ignore[method-assign]
        await car.say(wrote)
        await car.until(lambda: held_up)
        await car.say({"type": "panic", "key": "p"})
        await car.until(lambda: len(car.of_type("result")) == 2)
        assert [result["key"] for result in car.of_type("result")] == ["p", "n"]


async def test_a_gateway_names_the_crew_that_held_the_button() -> None:
    async with terminal_city() as (city, url), Terminal(url, GATEWAY) as gateway:
        await gateway.say({"type": "panic", "key": "k", "unit_id": "far"})
        await gateway.say({"type": "panic", "key": "k"})
        await gateway.until(lambda: len(gateway.of_type("result")) == 2)
        assert {result["rule"] for result in gateway.of_type("result")} == {"unknown-unit"}
        await gateway.say({"type": "panic", "key": "k2", "unit_id": "van"})
        await gateway.until(lambda: len(gateway.of_type("result")) == 3)
        (incident,) = city.handler.picture.incidents.values()
        assert "van held the panic button" in incident.text


async def test_a_panic_that_can_not_be_read_says_so_under_its_key() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        await car.say(json.dumps({"type": "panic", "key": "k", "lon": "east"}))
        await car.until(lambda: car.of_type("error"))
        assert "lon" in car.of_type("error")[0]["reason"]
        assert not city.handler.picture.incidents
