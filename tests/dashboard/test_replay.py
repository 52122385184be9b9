"""A replay against what was told live: frames, texts and panels of the same instants, and nothing that was recorded later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboard.callbacks.scene import scene_of
from dashboard.callbacks.selection import panel_of
from dispatch.model import Actor
from geodata.city import City
from operations.services import Services
from tests.cities import build_test_city
from tests.dashboard.past_world import OPERATOR, VIEWER, PastWorld, header, past_world, stretch
from tests.live_client import LiveClient

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
        again = await panels(then, VIEWER)
        for name, panel in drawn.items():
            assert again[name] == panel, name
    assert len(drawn) > 6
