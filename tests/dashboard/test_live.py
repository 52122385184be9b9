"""The live socket from outside, by the client that was written from its document."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from dashboard import live_coverage, live_hub
from dispatch.duty_events import UnitRegistered
from dispatch.events import Acknowledged, IncidentClassified, IncidentClosed
from dispatch.model import Grade, UnitKind
from tests.dashboard.live_world import LiveWorld, header, live_city
from tests.live_client import CHANGES, FULL, LiveClient
from tests.operations import access_world as world

DESK = world.actor("operator", world.COUNTY)


@pytest.fixture
def live() -> LiveWorld:
    city = LiveWorld()
    for unit_id, org_code in (("near", world.STATION), ("sister", world.SISTER), ("far", world.FAR)):
        city.register(unit_id, org_code)
    city.call("theft-1")
    return city


async def test_hello_names_what_the_scope_sees_and_a_full_frame_follows(live: LiveWorld) -> None:
    live.move(121.55, 29.87, "near", "far")
    async with live_city(live) as url, LiveClient(url, header(DESK)) as client:
        await client.until(lambda: client.frames)
        hello = client.hellos[0]
        assert hello["scope"] == {"name": DESK.name, "role": "operator", "org_code": world.COUNTY, "unit_id": None}
        assert hello["revision"] == live.handler.picture.revision
        assert {row["unit_id"] for row in hello["units"]} == {"near", "sister"}
        assert list(client.incidents) == ["theft-1"] == hello["incident_ids"]
        assert client.frames[0].kind == FULL
        assert [client.units[index]["unit_id"] for index in client.frames[0].indices] == ["near"], "sister has no position yet"
        assert (client.dots[0].lon, client.dots[0].lat) == (121.55, 29.87)


async def test_a_move_reaches_the_client_as_the_only_record_of_a_changes_frame(live: LiveWorld) -> None:
    live.move(121.55, 29.87, "near", "sister", "far")
    async with live_city(live) as url, LiveClient(url, header(DESK)) as client:
        await client.until(lambda: client.frames)
        live.clock.advance(1)
        live.move(121.56, 29.88, "sister", "far")
        await client.until(lambda: client.dots[1].lon == 121.56, timeout_s=0.5)
        moved = next(frame for frame in client.frames[1:] if frame.indices)
        assert (moved.kind, moved.indices) == (CHANGES, [live.positions.index_of("sister")])


async def test_quiet_sockets_get_a_heartbeat_each_second_and_busy_ones_at_most_twenty(live: LiveWorld) -> None:
    async with live_city(live) as url, LiveClient(url, header(DESK)) as client:
        await client.until(lambda: len(client.frames) >= 3)
        gaps = [b.received_at - a.received_at for a, b in zip(client.frames, client.frames[1:], strict=False)]
        assert max(gaps) <= 1.1
        assert all(not frame.indices for frame in client.frames)
        before, started = len(client.frames), asyncio.get_running_loop().time()
        for step in range(100):
            live.clock.advance(0.01)
            live.move(121.55 + step * 1e-4, 29.87, "near")
            await asyncio.sleep(0.01)
        took_s = asyncio.get_running_loop().time() - started
        assert 10 <= len(client.frames) - before <= 20 * took_s + 2


async def test_events_reach_those_who_may_see_the_incident_without_private_fields(live: LiveWorld) -> None:
    other_desk = world.actor("operator", world.OTHER)
    async with live_city(live) as url, LiveClient(url, header(DESK)) as desk, LiveClient(url, header(other_desk)) as other:
        await desk.until(lambda: desk.frames and other.frames)
        live.push("theft-1", "near")
        live.call("robbery-2")
        await desk.until(lambda: len(desk.of_type("incident")) == 2)
        await other.until(lambda: len(other.frames) >= 2)
        pushed, received = desk.of_type("incident")
        assert pushed["event"]["event"] == "unit_pushed"
        assert pushed["incident"]["stage"] == "pushed"
        assert received["event"]["actor"] == "desk"
        assert desk.revision == live.handler.picture.revision
        assert desk.units[0]["status"] == "dispatched"
        assert not [raw for raw in desk.raw if b"digest" in raw]
        assert not other.of_type("incident")
        assert set(other.units) == {live.positions.index_of("far")}


async def test_an_incident_that_leaves_the_scope_is_taken_back_and_a_closed_one_is_shown_closed(live: LiveWorld) -> None:
    commander = world.actor("officer", world.COUNTY)
    live.call("brawl-2")
    async with live_city(live) as url, LiveClient(url, header(commander)) as client:
        await client.until(lambda: client.frames)
        live.record(IncidentClassified("theft-1", incident_type="complaint", grade=Grade.ORDINARY, text="about an officer"))
        live.record(IncidentClosed("brawl-2", disposition="settled"))
        await client.until(lambda: client.of_type("incident_gone") and client.of_type("incident"))
        assert client.of_type("incident_gone")[0]["incident_id"] == "theft-1"
        assert "complaint" not in str(client.raw)
        assert client.incidents["brawl-2"]["stage"] == "closed"


async def test_a_unit_that_goes_plain_clothes_disappears_from_the_others(live: LiveWorld) -> None:
    live.move(121.55, 29.87, "near")
    async with live_city(live) as url, LiveClient(url, header(DESK)) as client:
        await client.until(lambda: client.dots)
        live.record(UnitRegistered("near", callsign="covert", kind=UnitKind.PATROL_CAR, org_code=world.STATION, marked=False))
        live.move(121.57, 29.87, "near")
        await client.until(lambda: client.of_type("units"))
        frames = len(client.frames)
        await client.until(lambda: len(client.frames) > frames)
        assert client.of_type("units")[0]["gone"] == [0]
        assert not client.dots
        assert b"covert" not in b"".join(client.raw)


async def test_a_wall_is_shown_what_its_desk_pushes_and_no_plain_clothes(live: LiveWorld) -> None:
    live.register("covert", world.COUNTY, marked=False)
    async with live_city(live) as url, LiveClient(url, header(DESK)) as desk:
        async with LiveClient(f"{url}?screen=map", header(DESK)) as wall, LiveClient(f"{url}?screen=queue", header(DESK)) as queue:
            await wall.until(lambda: wall.frames and queue.frames and desk.frames)
            await desk.send({"type": "show", "screen": "map", "view": {"zoom": 14}})
            await wall.until(lambda: wall.of_type("view"))
            assert wall.of_type("view")[0]["view"] == {"zoom": 14}
            assert wall.of_type("view")[0]["pushed_by"] == DESK.name
            assert not queue.of_type("view")
            assert "covert" in {row["unit_id"] for row in desk.units.values()}
            assert "covert" not in {row["unit_id"] for row in wall.units.values()}
            await wall.send({"type": "show", "screen": "map", "view": {}})
            await wall.until(lambda: wall.of_type("error"))
            assert not desk.of_type("wall_sent"), "no picture of a camera was sent"
            await desk.send({"type": "show", "screen": "video", "view": {"how": "set", "cameras": [{"id": "cam-1"}], "page": "here"}})
            await desk.until(lambda: desk.of_type("wall_sent"))
            [sent] = desk.of_type("wall_sent")
            assert (sent["page"], sent["pushed_by"], sent["screen"]) == ("here", DESK.name, "video")
            assert not wall.of_type("wall_sent")
        async with LiveClient(f"{url}?screen=map", header(DESK)) as wall:
            await wall.until(lambda: wall.of_type("view"))


async def test_the_desk_of_a_station_is_told_what_the_station_sees_and_no_more(live: LiveWorld) -> None:
    live.register("covert", world.STATION, marked=False)
    live.call("theft-2", world.SISTER)
    live.call("complaint-3", world.STATION, "complaint")
    live.move(121.55, 29.87, "near", "sister", "covert")
    async with (
        live_city(live) as url,
        LiveClient(url, header(DESK)) as county,
        LiveClient(url, header(world.actor("operator", world.STATION))) as own,
        LiveClient(f"{url}?scope={world.STATION}", header(DESK)) as station,
    ):
        await station.until(lambda: station.frames and own.frames and county.frames)
        assert station.hellos[0]["scope"] == {"name": DESK.name, "role": "operator", "org_code": world.STATION, "unit_id": None}
        assert list(station.incidents) == ["theft-1"]
        assert set(county.incidents) == {"theft-1", "theft-2", "complaint-3"}
        assert {row["unit_id"] for row in own.units.values()} == {"near", "covert"}
        assert {row["unit_id"] for row in station.units.values()} == {"near"}, "the county may not know the station's plain clothes"
        assert station.frames[0].indices == [live.positions.index_of("near")]
        live.call("robbery-4", world.SISTER)
        live.push("theft-1", "near")
        await county.until(lambda: len(county.of_type("incident")) == 2)
        await station.until(lambda: station.of_type("incident"))
        assert [text["event"]["event"] for text in station.of_type("incident")] == ["unit_pushed"]
        assert not [raw for raw in station.raw if b"robbery-4" in raw or b"covert" in raw or b"complaint" in raw]


async def test_a_short_code_names_a_county_and_the_city_sees_a_stations_plain_clothes_there(live: LiveWorld) -> None:
    live.register("covert", world.STATION, marked=False)
    city = header(world.actor("operator", world.CITY))
    async with (
        live_city(live) as url,
        LiveClient(f"{url}?scope=330203", city) as county,
        LiveClient(f"{url}?scope={world.STATION}", city) as station,
    ):
        await county.until(lambda: county.frames and station.frames)
        assert county.hellos[0]["scope"]["org_code"] == world.COUNTY
        assert {row["unit_id"] for row in county.units.values()} == {"near", "sister"}
        assert {row["unit_id"] for row in station.units.values()} == {"near", "covert"}


async def test_a_view_pushed_at_a_stations_desk_goes_to_the_stations_wall(live: LiveWorld) -> None:
    async with (
        live_city(live) as url,
        LiveClient(f"{url}?scope={world.STATION}", header(DESK)) as desk,
        LiveClient(f"{url}?screen=map", header(DESK)) as county_wall,
        LiveClient(f"{url}?screen=map", header(world.actor("viewer", world.STATION))) as own_wall,
        LiveClient(f"{url}?screen=map&scope={world.STATION}", header(DESK)) as wall,
    ):
        await desk.until(lambda: all(one.frames for one in (desk, county_wall, own_wall, wall)))
        await desk.send({"type": "show", "screen": "map", "view": {"zoom": 14}})
        await own_wall.until(lambda: own_wall.of_type("view") and wall.of_type("view"))
        frames = len(county_wall.frames)
        await county_wall.until(lambda: len(county_wall.frames) > frames)
        assert not county_wall.of_type("view")


async def test_resume_sends_what_came_after_the_revision_and_nothing_before(live: LiveWorld) -> None:
    seen = live.handler.picture.revision
    live.push("theft-1", "near")
    live.call("far-3", world.FAR)
    async with live_city(live) as url, LiveClient(f"{url}?revision={seen}", header(DESK)) as client:
        await client.until(lambda: client.of_type("incident") and client.frames)
        assert client.hellos[0]["resumed"]
        assert client.hellos[0]["incidents"] == []
        assert client.hellos[0]["incident_ids"] == ["theft-1"]
        assert [text["event"]["event"] for text in client.of_type("incident")] == ["unit_pushed"]


@pytest.mark.parametrize("revision", ["999999", "0"])
async def test_a_revision_that_cannot_be_resumed_gets_a_snapshot(live: LiveWorld, revision: str) -> None:
    async with live_city(live) as url, LiveClient(f"{url}?revision={revision}", header(DESK)) as client:
        await client.until(lambda: client.hellos)
        assert not client.hellos[0]["resumed"]
        assert client.hellos[0]["incidents"]


async def test_nothing_is_lost_between_hello_and_events_while_clients_join(live: LiveWorld) -> None:
    """Incidents are received while clients connect; each client ends with all of them."""
    total = 150

    async def receive_calls() -> None:
        for number in range(total):
            live.call(f"call-{number}")
            await asyncio.sleep(0.001)

    async with live_city(live) as url, contextlib.AsyncExitStack() as stack:
        calls = asyncio.create_task(receive_calls())
        clients = []
        for round_ in range(8):
            actor = world.actor("operator", (world.COUNTY, world.STATION)[round_ % 2])
            resume = f"?revision={live.handler.picture.revision}" if round_ % 3 == 2 else ""
            clients.append(await stack.enter_async_context(LiveClient(url + resume, header(actor))))
            await asyncio.sleep(0.015)
        await calls
        expected = {i for i, incident in live.handler.picture.incidents.items() if incident.is_open}
        for client in clients:
            hello = await told(client)
            missing = expected - set(client.incidents)
            assert missing <= (expected if hello["resumed"] else set())
            revisions = [text["revision"] for text in client.of_type("incident")]
            first = hello["revision"] if not hello["resumed"] else min(revisions) - 1
            assert revisions == list(range(first + 1, live.handler.picture.revision + 1)), "none left out, none twice"


async def told(client: LiveClient) -> dict:
    await client.until(lambda: client.hellos and client.frames)
    await client.until(lambda: client.incidents and client.revision >= 154)  # three crews, a theft, 150 calls
    return client.hellos[0]


async def test_ping_is_answered_and_nonsense_is_refused_by_name(live: LiveWorld) -> None:
    async with live_city(live) as url, LiveClient(url, header(DESK)) as client:
        await client.send({"type": "ping", "t": 12.5})
        for nonsense in ("not json", b"\xff\xfe", {"type": "dance"}, {"type": "show", "screen": "moon", "view": {}}, "x" * 70_000):
            await client.send(nonsense)
        await client.until(lambda: len(client.of_type("error")) == 5)
        assert client.of_type("pong") == [{"type": "pong", "t": 12.5, "server_at": live.clock.unix_s()}]
        assert "65536" in client.of_type("error")[-1]["reason"]


async def test_a_client_that_talks_nonsense_for_ever_is_shown_out(live: LiveWorld) -> None:
    async with live_city(live) as url, LiveClient(url, header(DESK)) as client:
        for _ in range(120):
            with contextlib.suppress(Exception):
                await client.send("nonsense")
        await client.until(lambda: client.close_code is not None)
        assert client.close_code == 4408
        assert client.of_type("bye")[0]["reason"] == "too_many_bad_messages"


@pytest.mark.parametrize(
    ("query", "actor", "reason", "code"),
    [
        ("?at=yesterday", DESK, "bad_moment", 4400),
        ("?at=2026-01-01T00:00:00", DESK, "bad_moment", 4400),
        ("?speed=2", DESK, "bad_moment", 4400),
        ("?at=2026-01-01T00:00:00Z&speed=61", DESK, "bad_moment", 4400),
        ("?at=2026-01-01T00:00:00Z&playing=yes", DESK, "bad_moment", 4400),
        ("?at=2026-01-01T00:00:00Z", world.actor("feed"), "not_permitted", 4403),
        (f"?at=2026-01-01T00:00:00Z&scope={world.FAR}", DESK, "outside_scope", 4403),
        ("?screen=moon", DESK, "unknown_screen", 4400),
        ("?revision=-1", DESK, "bad_revision", 4400),
        (f"?revision={'9' * 5000}", DESK, "bad_revision", 4400),
        ("", world.actor("feed"), "not_permitted", 4403),
        ("?scope=330299", DESK, "unknown_scope", 4400),
        ("?scope=", DESK, "unknown_scope", 4400),
        (f"?scope={world.FAR}", DESK, "outside_scope", 4403),
        (f"?scope={world.CITY}&screen=map", DESK, "outside_scope", 4403),
        ("?scope=330203", world.actor("operator", world.STATION), "outside_scope", 4403),
    ],
)
async def test_what_cannot_be_served_is_refused_with_its_reason(live: LiveWorld, query: str, actor, reason: str, code: int) -> None:
    async with live_city(live) as url, LiveClient(url + query, header(actor)) as client:
        await client.until(lambda: client.close_code is not None)
        assert [text["reason"] for text in client.of_type("bye")] == [reason]
        assert client.close_code == code


async def test_elements_and_health_come_with_the_hello_and_health_not_to_crews(live: LiveWorld) -> None:
    crew = world.actor("officer", world.STATION, unit_id="near")
    async with live_city(live) as url, LiveClient(url, header(DESK)) as desk, LiveClient(url, header(crew)) as terminal:
        await desk.until(lambda: desk.of_type("elements") and desk.of_type("health") and len(terminal.frames) > 1)
        assert desk.of_type("elements")[0]["counts"]["hydrant"]["count"] == 3
        assert terminal.of_type("elements")
        assert not terminal.of_type("health")


async def test_coverage_is_each_audiences_own_and_none_of_a_crews(live: LiveWorld) -> None:
    crew, station = world.actor("officer", world.STATION, unit_id="near"), world.actor("viewer", world.STATION)
    seen_by = {who: len(live.authority.visible_units(actor, live.handler.picture)) for who, actor in (("desk", DESK), ("station", station))}
    async with (
        live_city(live) as url,
        LiveClient(url, header(DESK)) as desk,
        LiveClient(url, header(station)) as room,
        LiveClient(url, header(crew)) as terminal,
    ):
        await desk.until(lambda: desk.of_type("coverage") and room.of_type("coverage") and len(terminal.frames) > 2)
        assert desk.of_type("coverage")[0]["units"] == seen_by["desk"]
        assert room.of_type("coverage")[0]["units"] == seen_by["station"]
        assert not terminal.of_type("coverage")


async def test_coverage_is_told_anew_when_only_a_street_changes(live: LiveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_coverage, "EVERY_S", 0.05)
    async with live_city(live) as url, LiveClient(url, header(DESK)) as desk:
        await desk.until(lambda: desk.of_type("coverage"))
        live.coverage.ground = object()
        await desk.until(lambda: len(desk.of_type("coverage")) == 2)


async def test_a_fault_in_coverage_leaves_the_picture_live(live: LiveWorld) -> None:
    def fails(moment: object, area: object) -> dict[str, object]:
        raise ValueError("no coverage")

    live.coverage.at = fails
    async with live_city(live) as url, LiveClient(url, header(DESK)) as desk:
        await desk.until(lambda: len(desk.frames) > 2)
        assert desk.close_code is None
        assert not desk.of_type("coverage")


async def test_a_socket_ends_when_its_log_in_does(live: LiveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "LOOK_EVERY_S", 0.2)
    async with live_city(live) as url, LiveClient(url, header(DESK)) as stays, LiveClient(url, header(DESK) | {"x-expires": "1"}) as ends:
        await ends.until(lambda: ends.close_code is not None)
        assert ends.close_code == 4401
        assert ends.of_type("bye")[0]["reason"] == "session_ended"
        assert stays.close_code is None


async def test_a_bus_that_overflowed_is_made_good_by_a_new_hello(live: LiveWorld) -> None:
    async with live_city(live) as url, LiveClient(url, header(DESK)) as client:
        await client.until(lambda: client.frames)
        for number in range(1_200):  # more than a subscription holds, before anyone can listen
            live.call(f"call-{number}")
        await client.until(lambda: len(client.hellos) == 2 and len(client.incidents) == 1_201)
        live.call("one-more")
        await client.until(lambda: "one-more" in client.incidents)


async def test_the_hub_rests_without_clients_and_wakes_for_the_next(live: LiveWorld) -> None:
    async with live_city(live) as url:
        async with LiveClient(url, header(DESK)) as client:
            await client.until(lambda: client.frames)
        async with asyncio.timeout(2):
            while live.hub._task is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        live.push("theft-1", "near")
        live.record(Acknowledged("theft-1", assignment_id="theft-1/near", unit_id="near"))
        async with LiveClient(url, header(DESK)) as client:
            await client.until(lambda: client.frames)
            assert client.incidents["theft-1"]["stage"] == "acknowledged"


async def test_a_fault_ends_the_connections_and_the_next_client_is_served(live: LiveWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    async with live_city(live) as url, LiveClient(url, header(DESK)) as client:
        await client.until(lambda: client.frames)
        monkeypatch.setattr(live_hub, "Changed", None)
        live.move(121.6, 29.9, "near")
        await client.until(lambda: client.close_code is not None)
        monkeypatch.undo()
        async with LiveClient(url, header(DESK)) as again:
            await again.until(lambda: again.dots)
