"""Desks see each other on the live socket: who has which incident open, inside scope only, and gone as soon as they are."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dispatch.events import HandoverAccepted
from tests.dashboard.live_world import LiveWorld, header, live_city
from tests.live_client import LiveClient
from tests.operations import access_world as world

DESK = world.actor("operator", world.STATION)
COUNTY = world.actor("operator", world.COUNTY)
WITHIN_S = 2.0  # what a desk that left may still be shown for


@pytest.fixture
def live() -> LiveWorld:
    city = LiveWorld()
    city.call("theft-1")
    city.call("theft-2")
    city.call("complaint-1", incident_type="complaint")
    return city


def lookers(client: LiveClient) -> dict[str, list[str]]:
    """Names by incident, as the client knows them since its last hello."""
    known: dict[str, list[str]] = {}
    for text in client.texts:
        if text["type"] == "hello":
            known = {}
        if text["type"] == "lookers":
            known[text["incident_id"]] = [one["name"] for one in text["lookers"]]
    return {incident_id: names for incident_id, names in known.items() if names}


def look(incident_id: str | None) -> dict[str, Any]:
    return {"type": "look", "incident_id": incident_id}


async def test_two_desks_on_one_incident_see_each_other_until_one_leaves(live: LiveWorld) -> None:
    async with live_city(live) as url, LiveClient(url, header(DESK)) as desk:
        async with LiveClient(url, header(COUNTY)) as county:
            await desk.until(lambda: desk.frames and county.frames)
            await desk.send(look("theft-1"))
            await county.until(lambda: lookers(county) == {"theft-1": [DESK.name]})
            told = county.of_type("lookers")[-1]["lookers"][0]
            assert told == {"name": DESK.name, "org_code": world.STATION, "since": live.clock.unix_s()}
            live.clock.advance(5)
            await county.send(look("theft-1"))
            await desk.until(lambda: lookers(desk) == {"theft-1": [DESK.name, COUNTY.name]})
            await desk.send(look("theft-2"))
            await county.until(lambda: lookers(county) == {"theft-1": [COUNTY.name], "theft-2": [DESK.name]}, WITHIN_S)
            await desk.send(look(None))
            await county.until(lambda: lookers(county) == {"theft-1": [COUNTY.name]}, WITHIN_S)
        await desk.until(lambda: lookers(desk) == {}, WITHIN_S)


async def test_a_desk_that_comes_later_is_told_who_is_there(live: LiveWorld) -> None:
    async with live_city(live) as url, LiveClient(url, header(DESK)) as desk:
        await desk.until(lambda: desk.frames)
        await desk.send(look("theft-1"))
        await desk.until(lambda: lookers(desk))
        async with LiveClient(url, header(COUNTY)) as county:
            await county.until(lambda: lookers(county) == {"theft-1": [DESK.name]})
            await county.send({"type": "resync"})
            await county.until(lambda: len(county.hellos) == 2 and lookers(county) == {"theft-1": [DESK.name]})


async def test_lookers_cross_no_scope_and_a_complaint_names_none_to_those_who_may_not_see_it(live: LiveWorld) -> None:
    far, city, same = (world.actor("operator", org_code) for org_code in (world.FAR, world.CITY, world.STATION))
    async with (
        live_city(live) as url,
        LiveClient(url, header(city)) as above,
        LiveClient(url, header(far)) as other,
        LiveClient(url, header(same)) as station,
    ):
        await above.until(lambda: above.frames and other.frames and station.frames)
        await above.send(look("complaint-1"))
        await above.until(lambda: lookers(above) == {"complaint-1": [city.name]})
        await other.send(look("theft-1"))  # an incident it has not been told of: nobody learns that it asked
        await above.send(look("theft-1"))
        await station.until(lambda: lookers(station))
        assert lookers(station) == {"theft-1": [city.name]}
        assert "complaint-1" not in {text.get("incident_id") for text in station.of_type("lookers")}
        assert not other.of_type("lookers")


async def test_an_incident_that_leaves_the_scope_takes_its_lookers_along(live: LiveWorld) -> None:
    async with (
        live_city(live) as url,
        LiveClient(url, header(DESK)) as desk,
        LiveClient(url, header(world.actor("operator", world.CITY))) as city,
    ):
        await desk.until(lambda: desk.frames and city.frames)
        await desk.send(look("theft-1"))
        await city.send(look("theft-1"))
        await desk.until(lambda: len(lookers(desk).get("theft-1", [])) == 2)
        live.record(HandoverAccepted("theft-1", org_code=world.FAR))
        await desk.until(lambda: lookers(desk) == {}, WITHIN_S)
        await city.until(lambda: lookers(city) == {"theft-1": [f"operator-{world.CITY}"]}, WITHIN_S)


@pytest.mark.parametrize(("role", "query"), [("viewer", ""), ("supervisor", ""), ("operator", "?screen=map")])
async def test_walls_and_those_who_do_not_act_neither_appear_nor_see(live: LiveWorld, role: str, query: str) -> None:
    async with (
        live_city(live) as url,
        LiveClient(url, header(DESK)) as desk,
        LiveClient(url + query, header(world.actor(role, world.CITY))) as quiet,
    ):
        await desk.until(lambda: desk.frames and quiet.frames)
        await quiet.send(look("theft-1"))
        await quiet.until(lambda: quiet.of_type("error"))
        await desk.send(look("theft-1"))
        await desk.until(lambda: lookers(desk))
        assert lookers(desk) == {"theft-1": [DESK.name]}
        assert not quiet.of_type("lookers")


async def test_who_walks_through_the_queue_is_told_where_he_stops(live: LiveWorld) -> None:
    async with live_city(live) as url, LiveClient(url, header(DESK)) as desk, LiveClient(url, header(COUNTY)) as county:
        await county.until(lambda: desk.frames and county.frames)
        started = asyncio.get_running_loop().time()
        for step in range(100):
            await desk.send(look(f"theft-{1 + step % 2}"))
        await desk.send(look("theft-1"))
        await county.until(lambda: lookers(county) == {"theft-1": [DESK.name]})
        rounds = 1 + (asyncio.get_running_loop().time() - started) / 0.25
        assert len(county.of_type("lookers")) <= 2 * rounds
