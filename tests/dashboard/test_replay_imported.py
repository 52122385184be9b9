"""Calls of another system in a replay: told and drawn as they were, for who may see them, beside what pandas reads from the same file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from dashboard.callbacks.scene import scene_of
from dashboard.callbacks.selection import panel_of
from dispatch.model import Actor
from dispatch.past import PastIncident, PastResponse, past_id
from geodata.cities.city import City
from operations.records.incident_import import read_incidents, read_mapping
from storage.database import open_database
from storage.past import PastIncidents
from tests.cities import EAST, WEST, build_test_city, degrees
from tests.dashboard.past_world import CITY_DESK, OPERATOR, PastWorld, header, past_world, register
from tests.dashboard.test_replay import PAGE, begun_again, iso, said, shown
from tests.live_client import LiveClient

STATION = Actor("desk", "operator", WEST)
ROOT = Path(__file__).resolve().parents[2]
T0 = datetime(2016, 12, 1, 8, 0, tzinfo=UTC)  # years before anything is in the journal


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_test_city(tmp_path_factory.mktemp("city"))


@pytest.fixture
async def world(city: City, tmp_path: Path) -> AsyncIterator[PastWorld]:
    async with past_world(city, tmp_path) as made:
        yield made


def bring_in(world: PastWorld, *incidents: PastIncident) -> None:
    engine = open_database(world.node.settings.database_url)
    PastIncidents(engine).add(incidents)
    engine.dispose()


def call(number: int, after_s: int, east_m: float = 300, kind: str = "theft") -> PastIncident:
    """One with two crews: the first goes through everything, of the second only the arrival is on record."""
    begins = T0 + timedelta(seconds=after_s)
    first = PastResponse(f"{number}-A1", "A1", *(begins + timedelta(seconds=s) for s in (5, 20, 40, 150)))
    second = PastResponse(f"{number}-B2", "B2", arrived_at=begins + timedelta(seconds=50))
    return PastIncident("old", f"n{number}", kind, 2, begins, "Market", *degrees(east_m, 500), "done", (first, second))


async def test_a_replay_tells_each_step_and_a_jump_shows_the_same(world: PastWorld) -> None:
    bring_in(world, call(1, 10), call(2, 40), call(3, 50, east_m=800), call(4, 60, kind="complaint"))
    first, second = past_id("old", "n1"), past_id("old", "n2")
    stages = {0: None, 10: "received", 15: "pushed", 29: "pushed", 31: "en_route", 60: "on_scene", 159: "on_scene", 160: None, 200: None}
    moments: dict[int, Any] = {}
    async with LiveClient(f"{world.url}?at={iso(T0.timestamp())}&speed=60", header(STATION)) as replay:
        await replay.until(lambda: replay.frames and replay.frames[-1].picture_at > T0.timestamp() + 240, timeout_s=30)
        told = [text["event"] for text in replay.of_type("incident")]
        await replay.send({"type": "pause"})
        for after_s in stages:
            await begun_again(replay, {"type": "seek", "at": iso(T0.timestamp() + after_s)}, set())
            moments[after_s] = shown(replay)["incidents"]
    steps = [
        (one["event"], (datetime.fromisoformat(one["recorded_at"]) - T0).total_seconds()) for one in told if one["incident_id"] == first
    ]
    assert steps == [
        ("incident_received", 10),
        ("service_called", 15),
        ("departed", 30),
        ("arrived", 50),
        ("service_called", 60),
        ("arrived", 60),
        ("unit_released", 160),
        ("incident_closed", 160),
    ]
    assert sum(one["incident_id"] == second for one in told) == 8
    assert {one["incident_id"] for one in told} == {first, second}, "neither another station's, nor complaints"
    assert {after_s: found.get(first, {}).get("stage") for after_s, found in moments.items()} == stages
    assert moments[60].keys() == {first, second}
    # The second comes 30 s after the first.
    at = {one["unit_id"]: (one["pushed_at"], one["departed_at"]) for one in moments[60][second]["assignments"]}
    assert at == {"old::A1": (iso(T0.timestamp() + 45), iso(T0.timestamp() + 60))}


async def test_panel_timeline_and_list_of_a_moment_and_nothing_of_the_present(world: PastWorld) -> None:
    bring_in(world, call(1, 10))
    id_ = past_id("old", "n1")
    services = world.services
    then = await services.pasts.at(services, T0 + timedelta(seconds=35))
    panel = said(await panel_of(then, CITY_DESK, {"kind": "incident", "incident_id": id_}, PAGE)).decode()
    assert all(part in panel for part in ("n1", "A1", "按 old 的记录显示", "Market"))
    assert "B2" not in panel
    assert said(await scene_of(then, CITY_DESK, {"kind": "incident", "incident_id": id_}, PAGE))
    ended = await services.pasts.at(services, T0 + timedelta(days=3))
    assert "B2" in said(await panel_of(ended, CITY_DESK, {"kind": "incident", "incident_id": id_}, PAGE)).decode()
    async with httpx.AsyncClient(base_url=f"{world.http}/api/v1", headers=header(CITY_DESK)) as client:
        at = f"at={iso(T0.timestamp() + 35)}"
        picture = (await client.get(f"/picture?{at}")).json()
        assert [one["incident_id"] for one in picture["incidents"]] == [id_]
        timeline = (await client.get(f"/incidents/{id_}/timeline?{at}")).json()
        assert [one["event"] for one in timeline["events"]] == ["incident_received", "service_called", "departed"]
        assert (await client.get(f"/incidents/{id_}/scene?{at}")).status_code == 200
        assert (await client.get(f"/incidents/{id_}?at={iso(T0.timestamp())}")).status_code == 404, "not received yet"
        assert (await client.get(f"/incidents/{id_}")).status_code == 404
        assert (await client.get("/picture")).json()["incidents"] == []
        extent = (await client.get("/history/extent")).json()
        assert extent["from"] == extent["imported_from"] == iso(T0.timestamp() + 10)
        span = f"from={iso(T0.timestamp())}&to={iso(T0.timestamp() + 200)}&bins=10"
        density = (await client.get(f"/history/density?{span}")).json()
        assert density["events"] == [2, 1, 1, 2, 0, 0, 0, 0, 2, 0]
        elsewhere = await client.get(f"/history/density?{span}&scope={EAST}")
        assert sum(elsewhere.json()["events"]) == 0


async def test_a_crew_that_is_called_like_a_unit_of_today_is_none(world: PastWorld) -> None:
    """Who owns the namesake sees no more by it, and the panel says the name that the list has."""
    await register(world)
    crew = PastResponse("r", "w1", *(T0 + timedelta(seconds=s) for s in (5, 20, 40, 150)))
    bring_in(world, PastIncident("old", "n1", "theft", 2, T0, "Market", *degrees(800, 500), "done", (crew,)))
    then = await world.services.pasts.at(world.services, T0 + timedelta(seconds=60))
    (incident,) = then.handler.picture.incidents.values()
    assert incident.org_code == EAST
    assert not then.authority.may_see_incident(STATION, incident, then.handler.picture)
    panel = said(await panel_of(then, CITY_DESK, {"kind": "incident", "incident_id": incident.incident_id}, PAGE)).decode()
    assert '"w1"' in panel
    assert "W1" not in panel


async def test_steps_go_over_both_journals(world: PastWorld) -> None:
    bring_in(world, call(1, 10), call(2, 200_000))
    async with LiveClient(f"{world.url}?at={iso(T0.timestamp())}&playing=0", header(OPERATOR)) as replay:
        await replay.until(lambda: replay.hellos)

        async def step(to: str, incident_id: str | None = None) -> tuple[float | None, str | None]:
            known = len(replay.of_type("replay"))
            await replay.send({"type": "step", "to": to, "incident_id": incident_id})
            await replay.until(lambda: len(replay.of_type("replay")) > known)
            told = replay.of_type("replay")[-1]
            return (None if told["stepped"] is None else told["at"] - T0.timestamp()), told["no_event"]

        assert [await step("next") for _ in range(3)] == [(10, None), (15, None), (30, None)]
        assert await step("previous") == (15, None)
        second = past_id("old", "n2")
        assert await step("next", second) == (200_000, None)
        assert await step("previous", second) == (None, "previous")
        assert await step("previous") == (160, None)


async def test_the_san_francisco_calls_stand_where_the_file_has_them(world: PastWorld, shared_data: Path) -> None:
    """At random instants: which calls run, where, at which stage, with which crews. Read from the file again by pandas."""
    path = shared_data / "incidents" / "sf_fire_calls_lonemountain_2009on.csv"
    bring_in(world, *read_incidents(path, read_mapping(ROOT / "docs" / "examples" / "sf-fire-calls.toml")).incidents)
    rows = pd.read_csv(path, dtype=str)
    names = {"Received": "received", "Dispatch": "pushed", "Response": "departed", "On Scene": "arrived", "Available": "cleared"}
    for column, name in names.items():
        local = pd.to_datetime(rows[f"{column} DtTm"], format="%m/%d/%Y %I:%M:%S %p")
        rows[name] = local.dt.tz_localize("America/Los_Angeles", ambiguous=True, nonexistent="NaT").dt.tz_convert("UTC")
    stages = ["pushed", "departed", "arrived", "cleared"]
    rows["first"], rows["last"] = rows[stages].min(axis=1), rows[stages].max(axis=1)
    calls = rows.groupby("Call Number").agg(received=("received", "min"), last=("last", "max"), point=("Location", "first"))
    # In the middle of 40 calls, a second after that of each is received, and before all.
    chosen = calls.sample(40, random_state=7)
    middles = chosen["received"] + (chosen["last"] - chosen["received"]) / 2
    instants = sorted([*middles.dt.floor("s"), *(chosen["received"] + pd.Timedelta(seconds=1)).head(10)])
    at_work = 0
    async with LiveClient(f"{world.url}?at=2009-01-01T00:00:00Z&playing=0", header(CITY_DESK)) as replay:
        await replay.until(lambda: replay.frames)
        assert not replay.incidents
        for at in instants:
            await begun_again(replay, {"type": "seek", "at": at.isoformat()}, set())
            open_now = calls[(calls["received"] <= at) & (at < calls["last"])]
            told = {one["source_id"]: one for one in shown(replay)["incidents"].values()}
            assert told.keys() == set(open_now.index)
            for number, incident in told.items():
                lat, lon = (float(part) for part in calls["point"][number].strip("()").split(","))
                assert (incident["lon"], incident["lat"]) == (lon, lat)
                there = rows[(rows["Call Number"] == number) & (rows["first"] <= at)]
                crews = {one["assignment_id"]: one for one in incident["assignments"]}
                assert crews.keys() == set(there["RowID"])
                for crew in there.itertuples():
                    known = {name: getattr(crew, name) for name in stages if not pd.isna(getattr(crew, name)) and getattr(crew, name) <= at}
                    shown_at = crews[crew.RowID]
                    times = {"pushed": "pushed_at", "departed": "departed_at", "arrived": "arrived_at", "cleared": "ended_at"}
                    for name, instant in known.items():
                        assert datetime.fromisoformat(shown_at[times[name]]) == instant
                        at_work += 1
    assert at_work > 100
