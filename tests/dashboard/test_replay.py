"""A replay against what was told live: frames, texts and panels of the same instants, and nothing that was recorded later."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import numpy as np
import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboard.callbacks.scene import scene_of
from dashboard.callbacks.selection import panel_of
from dashboard.edge import Edge
from dashboard.i18n import clock_text
from dashboard.live import MOST_REPLAYS_OF_ACCOUNT
from dispatch.commands import Caller, Cancel, Classify, Locate, Note, Push, ReceiveIncident
from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, Grade, UnitKind
from geodata.cities.city import City
from geodata.streets.street_times import StreetEffects
from operations.cameras.video import CameraState
from operations.footage.scene_recording import Asked, Reception
from operations.services import Services
from tests.cities import CITY, COUNTY, EAST, build_test_city, degrees
from tests.dashboard.past_world import CITY_DESK, OPERATOR, VIEWER, PastWorld, header, past_world, stretch
from tests.live_client import LiveClient
from tests.operations.recorded import recorded as recorded_video

ZONE = ZoneInfo("Asia/Shanghai")
PAGE = {"lang": "zh", "wall": False, "desk": None}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_test_city(tmp_path_factory.mktemp("city"))


@pytest.fixture
async def world(city: City, tmp_path: Path) -> AsyncIterator[PastWorld]:
    async with past_world(city, tmp_path) as made:
        yield made


def instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def iso(at: float) -> str:
    return instant(at).isoformat().replace("+00:00", "Z")


def dots(client: LiveClient) -> dict[str, tuple[Any, ...]]:
    """By unit: everything a frame says of it, its ages as instants of the city's clock."""
    found = {}
    for index, dot in client.dots.items():
        fixed, heard = round(dot.picture_at - dot.fix_age_s, 1), round(dot.picture_at - dot.heard_age_s, 1)
        motion = (dot.heading_deg, dot.speed_kmh, dot.status, dot.flags)
        found[client.units[index]["unit_id"]] = (round(dot.lon, 6), round(dot.lat, 6), *motion, fixed, heard)
    return found


def rows(client: LiveClient) -> list[dict[str, Any]]:
    return sorted(
        ({name: v for name, v in row.items() if name != "index"} for row in client.units.values()), key=lambda row: row["unit_id"]
    )


def shown(client: LiveClient) -> dict[str, Any]:
    """What the client's screen would show."""
    opened = {i: v for i, v in client.incidents.items() if v["stage"] != "closed"}
    return {"units": rows(client), "dots": dots(client), "incidents": opened}


async def begun_again(client: LiveClient, asking: dict[str, Any], whose: set[str]) -> None:
    """A hello has come, and a whole frame: it also says of those who stand still when they were heard."""
    hellos = len(client.hellos)
    await client.send(asking)
    await client.until(lambda: len(client.hellos) > hellos and {client.units[index]["unit_id"] for index in client.dots} == whose)


def placed(world: PastWorld) -> set[str]:
    table = world.services.positions
    return {unit_id for index, unit_id in enumerate(table.unit_ids) if table.position_at[index] > 0}


async def recorded(world: PastWorld, client: LiveClient) -> dict[float, dict[str, Any]]:
    """The stretch, with what the client showed at each of its instants."""
    live = {}
    async for at in stretch(world):
        await world.told()
        await begun_again(client, {"type": "resync"}, placed(world))
        live[at] = shown(client)
    world.clock.advance(30)
    await world.written()
    return live


async def test_a_jump_to_any_instant_shows_what_was_shown_live(world: PastWorld) -> None:
    async with LiveClient(world.url, header(OPERATOR)) as live_client:
        live = await recorded(world, live_client)
    first = min(live)
    async with LiveClient(f"{world.url}?at={iso(first)}", header(OPERATOR)) as replay:
        await replay.until(lambda: replay.hellos)
        assert replay.hellos[0]["replay"]["playing"] is True
        await replay.send({"type": "pause"})
        await replay.until(lambda: replay.of_type("replay") and not replay.of_type("replay")[-1]["playing"])
        for at in sorted(live, reverse=True):
            await begun_again(replay, {"type": "seek", "at": iso(at)}, set(live[at]["dots"]))
            assert replay.hellos[-1]["server_at"] == pytest.approx(at, abs=1e-3)
            assert shown(replay) == live[at], f"at {at - first:.0f} s"


async def test_a_jump_at_rest_brings_everybodys_place_right_behind_the_hello(world: PastWorld) -> None:
    """Nothing moves there that would call for a frame: it comes before the replay's own word that the jump is over."""
    instants = [at async for at in stretch(world)]
    world.clock.advance(30)
    await world.written()
    async with LiveClient(f"{world.url}?at={iso(instants[0])}&playing=0", header(OPERATOR)) as replay:
        await replay.until(lambda: replay.frames)
        for at in instants[1:]:
            begun, told = len(replay.raw), len(replay.of_type("replay"))
            await replay.send({"type": "seek", "at": iso(at)})
            await replay.until(lambda told=told: len(replay.of_type("replay")) > told)
            kinds = ["frame" if raw.startswith(b"LD") else msgspec.json.decode(raw)["type"] for raw in replay.raw[begun:]]
            assert "frame" in kinds[kinds.index("hello") : kinds.index("replay")]


async def test_a_replay_at_sixty_times_tells_every_event_as_it_was_told_live(world: PastWorld) -> None:
    async with LiveClient(world.url, header(OPERATOR)) as live_client:
        live = await recorded(world, live_client)
        told = [text for text in live_client.of_type("incident") if text["event"]]
    assert len(told) > 10
    first, last = min(live), max(live)
    async with LiveClient(f"{world.url}?at={iso(first)}&speed=60", header(OPERATOR)) as replay:
        await replay.until(lambda: replay.frames and replay.frames[-1].picture_at > last + 1, timeout_s=10)
        again = [text for text in replay.of_type("incident") if text["event"]]
        assert again == told
        assert len(replay.hellos) == 1, "nothing was given up on the way"
        await begun_again(replay, {"type": "resync"}, set(live[last]["dots"]))
        assert dots(replay) == live[last]["dots"]
        assert rows(replay) == live[last]["units"]


def said(children: Any) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(PlotlyJSONEncoder(sort_keys=True).encode(children)))


async def panels(services: Services, actor: Actor) -> dict[str, bytes]:
    """Every panel somebody could have open."""
    found = {}
    chosen = [{"kind": "incident", "incident_id": i} for i in sorted(services.handler.picture.incidents)]
    chosen += [{"kind": "unit", "unit_id": u} for u in sorted(services.handler.picture.units)]
    for selection in chosen:
        found[str(selection)] = said(await panel_of(services, actor, selection, PAGE))
        if selection["kind"] == "incident":
            found[f"scene of {selection}"] = said(await scene_of(services, actor, selection, PAGE))
    return found


async def test_panels_of_an_instant_are_those_that_were_drawn_then(world: PastWorld) -> None:
    live = {}
    async for at in stretch(world):
        live[at] = await panels(world.services, VIEWER)
    world.clock.advance(30)
    await world.written()
    for at, drawn in live.items():
        then = await world.services.pasts.at(world.services, instant(at))
        again, by_the_clock = await panels(then, VIEWER), f'"{clock_text(instant(at), ZONE)}"'.encode()
        assert again.keys() == drawn.keys()
        for name, panel in drawn.items():
            assert again[name] == panel.replace('"此刻"'.encode(), by_the_clock), f"{name} at {at}"
    assert len(drawn) > 6


async def answers(world: PastWorld, at: float) -> dict[str, bytes]:
    """What every reading route, panel and hello says of an instant."""
    there = "lon={}&lat={}".format(*degrees(300, 500))
    found = {}
    async with httpx.AsyncClient(base_url=f"{world.http}/api/v1", headers=header(CITY_DESK)) as client:
        known = (await client.get(f"/picture?at={iso(at)}")).json()
        paths = ["/picture", f"/rings?{there}", f"/scene?{there}", "/coverage", "/elements/weather_station", "/elements/patrol_car"]
        paths += ["/elements/traffic_event", "/duty-circles"]
        for incident in known["incidents"]:
            one = f"/incidents/{incident['incident_id']}"
            paths += [one, f"{one}/timeline", f"{one}/scene"]
        for path in paths:
            answer = await client.get(f"{path}{'&' if '?' in path else '?'}at={iso(at)}")
            assert answer.status_code in (200, 422), f"{path}: {answer.text[:200]}"  # without a point there is no scene
            found[path] = answer.content
    then = await world.services.pasts.at(world.services, instant(at))
    found |= await panels(then, CITY_DESK)
    async with LiveClient(f"{world.url}?at={iso(at)}&playing=0", header(CITY_DESK)) as replay:
        await replay.until(lambda: replay.frames)
        found["hello"] = msgspec.json.encode([replay.units, replay.incidents, dots(replay), replay.of_type("elements")])
    return found


async def later(world: PastWorld) -> None:
    """Everything that may happen after a moment and must not be seen in it."""
    services = world.services
    incidents = sorted(services.handler.picture.incidents.values(), key=lambda one: one.number)
    first, second = incidents[0].incident_id, incidents[1].incident_id
    lon, lat = degrees(900, 900)
    for command in (
        Classify(incident_id=first, incident_type="complaint", grade=Grade.URGENT, text="about a crew"),
        Locate(incident_id=second, lon=lon, lat=lat),
        Push(incident_id=second, unit_ids=("w1",)),
        Note(incident_id=second, text="later"),
        Cancel(incident_id=second, text="a mistake"),
        RegisterUnit(unit_id="w1", callsign="COVERT", kind=UnitKind.FOOT_PATROL, org_code=EAST, marked=False),
        ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY, text="later", lon=lon, lat=lat, caller=Caller("王", "13800001234")),
    ):
        world.clock.advance(1)
        await world.do(command, CITY_DESK)
    await world.drive(("w1", 900, 900), ("w2", 900, 100), ("e1", 100, 100))
    await world.read("weather_station", "ws-1", wind_mps=30.0)
    await world.read("traffic_event", "tr-1", name="closed", closes=True)
    services.travel.affect(StreetEffects(closed=np.arange(0, 60, dtype=np.int32)))
    world.clock.advance(30)
    await world.written()


async def test_nothing_that_happens_later_changes_a_byte_of_what_was(world: PastWorld) -> None:
    instants = [at async for at in stretch(world)]
    world.clock.advance(30)
    await world.written()
    chosen = instants[4::6]
    before = [await answers(world, at) for at in chosen]
    await later(world)
    world.services.pasts._moments.clear()  # nor is it only kept
    for at, answered in zip(chosen, before, strict=True):
        after = await answers(world, at)
        assert after.keys() == answered.keys()
        for name, content in answered.items():
            assert after[name] == content, f"{name} at {at}"


async def begin_filming(world: PastWorld, incident_id: str, unit_id: str) -> None:
    """A crew sends video from now on."""
    now = world.clock.now()
    unit = world.services.handler.picture.units[unit_id]
    asked = Asked(recording_id="a" * 32, incident_id=incident_id, mime="video/webm", began_at=now, device_now=now)
    reception = await world.services.scene_video.begin(Actor(unit_id, "officer", unit.org_code, unit_id=unit_id), unit, asked)
    assert isinstance(reception, Reception)
    await reception.take(0, int(now.timestamp() * 1000), recorded_video())


async def test_what_cameras_and_phones_send_now_is_nothing_of_the_past(world: PastWorld) -> None:
    (camera,) = world.services.elements.newest("street_camera")
    address = {"url": "rtsp://10.0.0.9/main"}
    await world.services.cameras.put(Actor("admin", "admin", CITY), camera.element_id, camera.lon, camera.lat, {}, address)
    instants = [at async for at in stretch(world)]
    world.clock.advance(30)
    await world.written()
    there = f"/elements/street_camera?at={iso(instants[-1])}"
    async with httpx.AsyncClient(base_url=f"{world.http}/api/v1", headers=header(OPERATOR)) as client:
        before = (await client.get(there)).content
        failed = CameraState(camera.element_id, last_error="no route", last_error_at=world.clock.now())
        world.services.cameras.health.follow(lambda: {camera.element_id: failed})
        await world.services.cameras.health.look()
        world.services.pasts._moments.clear()
        assert (await client.get(there)).content == before
    first = min(world.services.handler.picture.incidents.values(), key=lambda one: one.number)
    await begin_filming(world, first.incident_id, "w2")
    async with (
        LiveClient(world.url, header(OPERATOR)) as live,
        LiveClient(f"{world.url}?at={iso(instants[-1])}&playing=0", header(OPERATOR)) as replay,
    ):
        await live.until(lambda: live.of_type("scene_video"))
        beats = len(replay.frames)
        await replay.until(lambda: len(replay.frames) > beats + 1)  # longer than it takes to tell it
        assert replay.of_type("scene_video") == []


async def test_a_page_that_shows_the_past_is_given_no_picture_of_now(world: PastWorld) -> None:
    instants = [at async for at in stretch(world)]
    edge = Edge(world.server, world.services.accounts, world.clock, world.server.routes)
    token = world.services.accounts.add_token("operator", COUNTY, "wgs84")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://city.test/api/v1") as client:
        client.headers = httpx.Headers({"Authorization": f"Bearer {token}", "X-Replay": iso(instants[3])})
        asked = [await client.get("/cameras/cam-1/snapshot"), await client.post("/cameras/cam-1/streams", json={"quality": "sub"})]
        assert [(one.status_code, one.json()["type"]) for one in asked] == [(403, "urn:liandong:problem:in-replay")] * 2


async def test_no_command_is_taken_from_a_page_that_shows_the_past(world: PastWorld) -> None:
    instants = [at async for at in stretch(world)]
    incident_id = next(iter(world.services.handler.picture.incidents))
    revision = world.services.handler.picture.revision
    edge = Edge(world.server, world.services.accounts, world.clock, world.server.routes)
    token = world.services.accounts.add_token("operator", COUNTY, "wgs84")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://city.test/api/v1") as client:
        client.headers = httpx.Headers({"Authorization": f"Bearer {token}", "X-Replay": iso(instants[3])})
        refused = await client.post(f"/incidents/{incident_id}/commands", json={"command": "note", "text": "x"})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:liandong:problem:in-replay")
        refused = await client.post("/incidents", json={"incident_type": "theft", "grade": 3, "text": "x"})
        assert refused.status_code == 403
        assert (await client.get(f"/picture?at={iso(instants[3])}")).status_code == 200
        client.headers["X-Replay"] = "yesterday"
        bad = await client.get("/picture")
        assert (bad.status_code, bad.json()["type"]) == (400, "urn:liandong:problem:bad-replay")
    assert world.services.handler.picture.revision == revision


async def test_steps_go_from_event_to_event_and_a_loop_comes_round(world: PastWorld) -> None:
    instants = [at async for at in stretch(world)]
    world.clock.advance(30)
    await world.written()
    recorded = [one for one in await world.services.history.changes(0) if one.incident_id is not None]
    first = recorded[0].incident_id
    own = [one.recorded_at.timestamp() for one in recorded if one.incident_id == first]

    async def to(asking: dict[str, Any]) -> dict[str, Any]:
        told = len(replay.of_type("replay"))
        await replay.send(asking)
        await replay.until(lambda: len(replay.of_type("replay")) > told)
        return replay.of_type("replay")[-1]

    async with LiveClient(f"{world.url}?at={iso(instants[0])}&playing=0", header(OPERATOR)) as replay:
        await replay.until(lambda: replay.hellos)
        stops = [await to({"type": "step", "to": "next", "incident_id": first}) for _ in sorted(set(own))]
        assert [stop["at"] for stop in stops] == pytest.approx(sorted(set(own)))
        assert {stop["stepped"]["incident_id"] for stop in stops} == {first}
        assert (await to({"type": "step", "to": "next", "incident_id": first}))["no_event"] == "next"
        back = await to({"type": "step", "to": "previous"})
        assert back["at"] == pytest.approx(max(one.recorded_at.timestamp() for one in recorded if one.recorded_at.timestamp() < own[-1]))
        assert not back["playing"]
        hellos = len(replay.hellos)
        await replay.send({"type": "speed", "speed": 60})
        await replay.send({"type": "loop", "from": iso(instants[2]), "to": iso(instants[5])})
        await replay.send({"type": "play"})
        await replay.until(lambda: len(replay.hellos) > hellos)
        begun = len(replay.frames)
        await replay.until(lambda: len(replay.hellos) >= hellos + 3 and len(replay.frames) > begun + 3, timeout_s=10)
        shown_at = [frame.picture_at for frame in replay.frames[begun:]]
        assert instants[2] - 0.01 <= min(shown_at) <= max(shown_at) <= instants[5] + 0.01
        await replay.send({"type": "loop", "from": iso(instants[5]), "to": iso(instants[2])})
        await replay.until(lambda: replay.of_type("error"))
        assert "is not before" in replay.of_type("error")[-1]["reason"]
        for asking in (
            {"type": "seek", "at": "0001-01-01T00:00:00Z"},
            {"type": "loop", "from": "0001-01-01T00:00:00Z", "to": iso(instants[2])},
        ):
            refused = len(replay.of_type("error"))
            await replay.send(asking)
            await replay.until(lambda refused=refused: len(replay.of_type("error")) > refused)
            assert "is before 1990" in replay.of_type("error")[-1]["reason"]


async def test_an_account_has_no_more_than_six_replays_open(world: PastWorld) -> None:
    at = f"{world.url}?at={iso(world.clock.unix_s() - 60)}&playing=0"
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MOST_REPLAYS_OF_ACCOUNT):
            replay = await stack.enter_async_context(LiveClient(at, header(OPERATOR)))
            await replay.until(lambda replay=replay: replay.hellos)
        async with LiveClient(at, header(OPERATOR)) as one_more, LiveClient(at, header(VIEWER)) as other:
            await one_more.until(lambda: one_more.close_code is not None)
            assert one_more.of_type("bye")[0]["reason"] == "too_many_replays"
            await other.until(lambda: other.hellos)


async def test_density_counts_by_bin_and_kind_what_the_asker_may_see(world: PastWorld) -> None:
    instants = [at async for at in stretch(world)]
    async with httpx.AsyncClient(base_url=f"{world.http}/api/v1/history", headers=header(OPERATOR)) as client:
        span = f"from={iso(instants[0])}&to={iso(instants[-1] + 4)}"
        density = (await client.get(f"/density?{span}&bins=9")).json()
        assert sum(density["events"]) == sum(one.incident_id is not None for one in await world.services.history.changes(0))
        assert sum(density["by_kind"]["incident_received"]) == 2
        assert density["by_kind"]["incident_received"][1] == 1, "the first call came after eight seconds, where the second bin begins"
        elsewhere = await client.get(f"/density?{span}&bins=9&scope={EAST}")
        assert 0 < sum(elsewhere.json()["events"]) < sum(density["events"])
        assert (await client.get(f"/density?from={iso(instants[1])}&to={iso(instants[0])}")).status_code == 422
        extent = (await client.get("/extent")).json()
        assert datetime.fromisoformat(extent["from"]).timestamp() <= instants[0]


async def test_times_of_which_nothing_was_recorded_are_told_from_those_in_which_nothing_happened(world: PastWorld) -> None:
    instants = [at async for at in stretch(world)]
    await world.written()
    world.clock.advance(3600)  # as if nobody had been there
    await world.do(ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY, text="afterwards"))
    back = world.clock.unix_s()
    world.clock.advance(300)
    async with httpx.AsyncClient(base_url=f"{world.http}/api/v1/history", headers=header(OPERATOR)) as client:

        async def told(from_at: float, until: float) -> list[list[tuple[float, float]]]:
            found = (await client.get(f"/density?from={iso(from_at)}&to={iso(until)}&bins=10")).json()
            times = [found["nothing_recorded"], found["no_positions"]]
            return [[tuple(datetime.fromisoformat(one[end]).timestamp() for end in ("from", "to")) for one in part] for part in times]

        nothing, unplaced = await told(instants[0] - 1800, back + 300)
        first_fix, last_status = instants[1], instants[-1]
        assert nothing == [(instants[0] - 1800, instants[0]), (pytest.approx(instants[-1], abs=0.1), back)]
        assert unplaced == [(instants[0] - 1800, pytest.approx(first_fix, abs=0.1)), (pytest.approx(last_status, abs=0.1), back + 300)]
        middle = instants[-1] + 1500
        assert await told(middle, middle + 60) == [[(middle, middle + 60)]] * 2, "also of a part of it"
        assert await told(instants[2], instants[-2]) == [[], []]
    then = await world.services.pasts.at(world.services, instant(instants[0]))
    come_later = next(one.incident_id for one in await world.services.history.changes(0) if one.incident_id is not None)
    above, _, _ = await panel_of(then, OPERATOR, {"kind": "incident", "incident_id": come_later}, PAGE)
    assert "此刻尚未接到这起警情" in said(above).decode()
