"""Two days of calls and drives in the demo city, recorded as a desk and its crews would record them: what the calibration page has to show.

Crews drive as in `bench.promises`, at speeds that the server does not know; what they drove in each hour teaches the promises of the next.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.promises import Driven, Streets, Way
from composition import compose
from dispatch import commands as c
from dispatch.clock import ManualClock
from dispatch.model import Actor, Grade
from geodata.cities.city import City, open_city
from geodata.streets.learned import LearnedSpeeds
from operations.services import Services
from settings import Settings

HOURS = 48
CALLS_PER_HOUR = 16
TURNOUT_S = (25.0, 110.0)
RECALLED = 0.04  # of the crews that were sent
KINDS = ("theft", "assault", "traffic_accident")


def drive(data: Path, city_folder: Path, until: datetime) -> None:
    """Record so many hours up to `until` in the journal of a data folder on which no server runs."""
    asyncio.run(_drive(data, open_city(city_folder), until))


async def _drive(data: Path, city: City, until: datetime) -> None:
    clock = ManualClock(until - timedelta(hours=HOURS))
    services = compose(Settings(city=city.folder, data=data), city, clock).services
    await services.handler.start()
    try:
        await Days(services, city, clock).drive()
    finally:
        await services.handler.stop()


class Days:
    """One run through the hours. Commands are given in the order of their times."""

    def __init__(self, services: Services, city: City, clock: ManualClock) -> None:
        self._services, self._clock = services, clock
        self._streets = Streets(city)
        self._learned = LearnedSpeeds(city.graph)
        # Unix seconds at which each call goes on, and a number, for two may do so at once.
        self._steps: list[tuple[float, int, AsyncIterator[float]]] = []
        self._order = itertools.count()
        self._rng = np.random.default_rng(20161201)
        self._desk = Actor("demo-operator", "operator", city.code)
        self._org_of = {plan.unit_id: plan.org_code for plan in self._streets.crews}
        self._free_at_s = dict.fromkeys((plan.unit_id for plan in self._streets.crews), 0.0)

    async def drive(self) -> None:
        for plan in self._streets.crews:
            registration = c.RegisterUnit(
                unit_id=plan.unit_id, callsign=plan.callsign, kind=plan.kind, org_code=plan.org_code, trackers=plan.trackers,
                members=plan.members, marked=plan.marked, radio_group=plan.radio_group,
            )  # fmt: skip
            await self._services.handler.handle(registration, self._desk)
        begin_s = self._clock.unix_s()
        for elapsed in range(HOURS):
            at_s = begin_s + 3600.0 * elapsed
            hour = datetime.fromtimestamp(at_s, self._streets.zone).hour
            self._services.travel.use(self._learned.times(hour))
            driven = Driven()
            ways = self._streets.answer(CALLS_PER_HOUR, hour, at_s, driven)
            self._streets.patrol(hour, at_s, driven)
            driven.teach(self._learned)
            for way in ways:
                heapq.heappush(self._steps, (float(self._rng.uniform(at_s, at_s + 3600.0)), next(self._order), self._call(way)))
            await self._until(at_s + 3600.0)

    async def _until(self, end_s: float) -> None:
        """Take the steps of all calls that are due by then."""
        while self._steps and self._steps[0][0] <= end_s:
            now_s, _, call = heapq.heappop(self._steps)
            self._clock.set(datetime.fromtimestamp(now_s, UTC))
            wait_s = await anext(call, None)
            if wait_s is not None:
                heapq.heappush(self._steps, (now_s + wait_s, next(self._order), call))

    async def _call(self, way: Way) -> AsyncIterator[float]:
        """What is done about one call; yields the seconds until the next step. The first crew that is free goes, from where it begins."""
        now_s = self._clock.unix_s()
        unit_id = next(unit_id for unit_id, free_at_s in self._free_at_s.items() if free_at_s <= now_s)
        self._free_at_s[unit_id] = float("inf")
        self._stand(unit_id, *way.start)
        grade = Grade.URGENT if way.siren else Grade.ORDINARY
        lon, lat = way.end
        call = c.ReceiveIncident(incident_type=str(self._rng.choice(KINDS)), grade=grade, lon=lon, lat=lat)
        incident_id = (await self._services.handler.handle(call, self._desk)).incident_id
        assert incident_id is not None
        yield 30.0
        await self._services.handler.handle(c.Push(incident_id=incident_id, unit_ids=(unit_id,)), self._desk)
        crew = Actor(unit_id, "officer", self._org_of[unit_id], unit_id=unit_id)
        turnout_s = float(self._rng.uniform(*TURNOUT_S))
        yield turnout_s
        await self._services.handler.handle(c.Depart(incident_id=incident_id, unit_ids=(unit_id,), channel="terminal"), crew)
        if self._rng.random() < RECALLED:
            yield float(self._rng.uniform(0.2, 1.0)) * way.actual_s
            await self._services.handler.handle(c.Recall(incident_id=incident_id, unit_ids=(unit_id,)), self._desk)
        else:
            yield way.actual_s
            self._stand(unit_id, lon, lat)
            await self._services.handler.handle(c.Arrive(incident_id=incident_id, unit_ids=(unit_id,), channel="terminal"), crew)
            yield float(self._rng.uniform(300.0, 1500.0))
            await self._services.handler.handle(c.Clear(incident_id=incident_id, unit_ids=(unit_id,), channel="terminal"), crew)
        await self._services.handler.handle(c.Close(incident_id=incident_id, disposition="settled"), self._desk)
        self._free_at_s[unit_id] = self._clock.unix_s()

    def _stand(self, unit_id: str, lon: float, lat: float) -> None:
        positions = self._services.positions
        index = np.array([positions.follow(self._services.handler.picture.units[unit_id])])
        now, unknown = np.array([self._clock.unix_s()]), np.array([np.nan], np.float32)
        positions.write(index, np.array([lon]), np.array([lat]), now, now, unknown, unknown)
