"""Crews drive, the streets' times follow; what was learned outlives a restart, damage is said."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from bench.drives import drive, fixes
from dispatch.clock import ManualClock
from dispatch.model import UnitKind, UnitStatus
from geodata.routing.travel import TravelTimes
from geodata.streets.learned import ON_WAY, graph_identity
from geodata.streets.street_hours import PART_OF_HOUR, usual_of_part
from geodata.tracks.matching import Matcher
from operations.records.past_speeds import PastSpeeds
from operations.situation import street_speeds
from operations.situation.street_speeds import StreetSpeeds
from operations.tracking.positions import PositionTable
from storage.speeds import DamagedSpeeds, SpeedFile, SpeedHistory
from tests.geodata.networks import random_grid
from tests.operations.access_world import clock

GRAPH = random_grid(np.random.default_rng(3), side=10)
OPEN = np.flatnonzero(np.isfinite(GRAPH.car.time_s))
CARS = 12


class House:
    """Twelve cars and what learns from them."""

    def __init__(self, folder: Path, status: UnitStatus = UnitStatus.EN_ROUTE, grade: int = 3) -> None:
        self.clock: ManualClock = clock()
        self.travel = TravelTimes(GRAPH)
        self.table = PositionTable()
        for i in range(CARS):
            self.table.ensure(f"u{i}", UnitKind.PATROL_CAR, status)
        units = {f"u{i}": SimpleNamespace(incident_id="i") for i in range(CARS)}
        self.picture: Any = SimpleNamespace(units=units, incidents={"i": SimpleNamespace(grade=grade)})
        self.affected: frozenset[int] = frozenset()
        self.file = SpeedFile(folder, graph_identity(GRAPH))
        self.history = SpeedHistory(folder, graph_identity(GRAPH))
        self.speeds = StreetSpeeds(
            travel=self.travel,
            matcher=Matcher(GRAPH, self.travel.snapper),
            file=self.file,
            history=self.history,
            positions=self.table,
            picture=lambda: self.picture,
            affected=lambda: self.affected,
            clock=self.clock,
            time_zone="Asia/Shanghai",
        )

    async def drive(self, factor: float, seconds: float = 600.0, seed: int = 1) -> None:
        """All cars drive at `factor` of the built times, and time goes on meanwhile."""
        rng, begin = np.random.default_rng(seed), self.clock.unix_s()

        def true_s(edge: int, _: float) -> float:
            return float(GRAPH.car.time_s[edge]) * factor

        drives = [drive(GRAPH, true_s, int(e), begin, seconds, rng, stops=False) for e in rng.choice(OPEN, CARS)]
        seen = fixes(GRAPH, drives, begin, seconds, 4.0, rng)
        await self.speeds.tick()
        for part in np.array_split(np.arange(len(seen.unit)), 10):
            rows = seen.unit[part].astype(np.int64)
            self.speeds.take(rows, *(getattr(seen, n)[part] for n in ("at_s", "lon", "lat", "heading_deg", "speed_mps")))
            self.clock.advance(seconds / 10)
            await self.speeds.tick()

    def usual(self) -> float:
        """The ratio of times nobody has taught yet, at this hour."""
        part = PART_OF_HOUR[self.clock.now().astimezone(ZoneInfo("Asia/Shanghai")).hour]
        return float(usual_of_part()[GRAPH.street_class[OPEN], part, ON_WAY].mean())

    def ratio(self, pace: str = "car") -> float:
        """Mean of the times in force as a share of the built ones."""
        return float((self.travel.ground().profiles[pace].time_s[OPEN] / GRAPH.car.time_s[OPEN]).mean())


async def test_streets_take_what_crews_on_their_way_took(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.drive(1.6, 2400)
    assert house.ratio() == pytest.approx(1.6, abs=0.25)
    state = house.speeds.state()
    assert state["state"] == "ok"
    assert state["observations"] > 200
    assert state["learned_percent"] > 30
    assert house.speeds.observations_at(int(OPEN[0])) >= 0


async def test_the_grade_decides_whether_it_is_a_drive_with_siren_and_a_patrol_is_neither(tmp_path: Path) -> None:
    siren = House(tmp_path / "a", grade=1)
    await siren.drive(0.6, 1800)
    assert siren.ratio("siren") < 0.75
    assert siren.ratio("siren") < siren.ratio("car")
    patrol = House(tmp_path / "b", status=UnitStatus.AVAILABLE)
    await patrol.drive(2.0, 1800)
    assert patrol.ratio("car") == pytest.approx(patrol.usual(), abs=0.1)
    assert patrol.speeds.state()["observations"] > 100


async def test_what_is_driven_past_an_event_teaches_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.affected = frozenset(range(GRAPH.edge_count))
    await house.drive(3.0)
    assert (house.speeds.state()["observations"], house.ratio()) == (0, pytest.approx(house.usual(), abs=1e-6))


async def test_it_goes_on_after_a_restart_and_says_damage(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.speeds.start()
    await house.drive(1.5, 1200)
    await house.speeds.stop()
    observations, ratio = house.speeds.state()["observations"], house.ratio()
    again = House(tmp_path)
    await again.speeds.start()
    assert again.speeds.state()["observations"] == observations
    assert again.ratio() == pytest.approx(ratio, rel=0.1)
    await again.speeds.stop()
    house.file.path.write_bytes(b"LDSPEED1 and nothing more")
    damaged = House(tmp_path)
    await damaged.speeds.start()
    said = damaged.speeds.state()
    assert said["state"] == "failing"
    assert "set aside as" in said["failure"]
    assert (said["observations"], damaged.ratio()) == (0, pytest.approx(damaged.usual(), abs=1e-6))
    await damaged.speeds.stop()
    assert damaged.file.read() is not None, "learning began anew"


async def test_the_past_is_searched_by_what_was_known_as_that_part_of_the_day_began(tmp_path: Path) -> None:
    """What was learned since, and what is known today, is not in it."""
    house, zone = House(tmp_path), ZoneInfo("Asia/Shanghai")
    past = PastSpeeds(GRAPH, house.history, "Asia/Shanghai")
    begin_s = house.clock.unix_s()
    at_first = house.usual()

    def then(at_s: float) -> float:
        return float((past.at(at_s)[1].p50_s["car"][OPEN] / GRAPH.car.time_s[OPEN]).mean())

    assert then(begin_s) == pytest.approx(at_first, abs=1e-6), "nothing was kept yet: what is usual at that hour"
    await house.drive(3.0)
    part = PART_OF_HOUR[house.clock.now().astimezone(zone).hour]
    while PART_OF_HOUR[house.clock.now().astimezone(zone).hour] == part:
        house.clock.advance(600)
    await house.speeds.tick()
    known, change_s = house.ratio(), house.clock.unix_s()
    await house.drive(0.5, 1200, seed=2)
    assert house.ratio() < known - 0.1
    assert then(begin_s + 60) == pytest.approx(at_first, abs=1e-6)
    assert then(change_s + 60) == pytest.approx(known, abs=1e-6)
    name = house.history.newest(change_s)
    assert name is not None
    path = tmp_path / graph_identity(GRAPH) / f"{name}.speeds"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DamagedSpeeds, match=name):
        PastSpeeds(GRAPH, house.history, "Asia/Shanghai").at(change_s + 60)


async def test_a_folder_that_cannot_be_written_is_said_and_learning_goes_on(tmp_path: Path) -> None:
    (tmp_path / "speeds").write_text("no folder")
    house = House(tmp_path / "speeds")
    house.file.path = tmp_path / "speeds" / "x.speeds"
    house.file.read = lambda: None  # type: ignore[method-assign]
    await house.drive(1.4, 600)
    assert "can't be written" in house.speeds.state()["failure"]
    assert house.speeds.state()["observations"] > 0


async def test_people_on_foot_teach_nothing_and_too_many_fixes_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path)
    foot = house.table.ensure("foot", UnitKind.FOOT_PATROL, UnitStatus.AVAILABLE)
    one = (np.array([1.0]),) * 5
    house.speeds.take(np.array([foot]), *one)
    monkeypatch.setattr(street_speeds, "MOST_WAITING", 3)
    for _ in range(5):
        house.speeds.take(np.array([0]), *one)
    await house.speeds.tick()
    assert house.speeds.state()["forgotten"] == 2
