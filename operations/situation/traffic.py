"""Traffic events of feeds change the streets at once: what is closed or slow just now, and which event it is.

An event is a reading of the element `traffic_event` (docs/feeds.md). It holds until it says that it has ended, until its `ends_at`, or
until it is as old as the catalogue lets such a thing be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import structlog

from dispatch.clock import Clock
from dispatch.errors import RuleViolation
from geodata.routing.searches import Ints
from geodata.routing.travel import TravelTimes
from geodata.streets.closures import StreetFinder
from geodata.streets.street_times import StreetEffects
from operations.situation.elements import ElementStore, Thing
from operations.tracking.positions import distance_m

log = structlog.get_logger()

TRAFFIC = "traffic_event"
# Events that end by the clock are looked for this often.
TICK_S = 1.0
LEAST_FACTOR = 0.05
MOST_POINTS = 500  # of a line
MOST_LINE_M = 200_000.0  # all of it: streets are looked for every few metres, while other events wait

Json = dict[str, Any]


@dataclass(frozen=True)
class TrafficEvent:
    """What an event does to streets, as its properties say."""

    closes: bool
    speed_factor: float  # of the usual speed
    line: tuple[tuple[float, float], ...]  # lon, lat; empty: the event is at its point
    heading_deg: float | None  # only traffic that drives about this way
    one_direction: bool  # only traffic that drives as the line does
    ends_at: float | None  # Unix s
    ended: bool

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> TrafficEvent:
        """Raises RuleViolation naming the property that can't be right."""
        closes, ended, one_direction = (_yes(properties, name) for name in ("closes", "ended", "one_direction"))
        factor = _number(properties, "speed_factor", LEAST_FACTOR, 1.0)
        heading = _number(properties, "heading_deg", 0.0, 360.0)
        return cls(closes, 1.0 if factor is None else factor, _line(properties), heading, one_direction, _instant(properties), ended)

    @property
    def matters(self) -> bool:
        """Whether it does anything to a street."""
        return not self.ended and (self.closes or self.speed_factor < 1.0)


def require_traffic(element: str, properties: Mapping[str, Any]) -> None:
    """Refuse a traffic event that can't be understood: it would be on the map and change nothing. Raises RuleViolation."""
    if element == TRAFFIC:
        TrafficEvent.of(properties)


class Traffic:
    """One per node. Follows the readings and the clock; what holds is in `TravelTimes`."""

    def __init__(self, travel: TravelTimes, finder: StreetFinder, elements: ElementStore, clock: Clock) -> None:
        self._travel = travel
        self._finder = finder
        self._elements = elements
        self._clock = clock
        self._found: dict[tuple[Any, ...], Ints] = {}  # edges by what was looked for
        self._by_edge: dict[int, list[Thing]] = {}  # events that hold, by edge
        self._holding: tuple[tuple[str, TrafficEvent, bytes], ...] = ()
        self._off_street = 0
        self._failure = ""
        self._changing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Let what is known hold, then follow."""
        self._elements.listen(TRAFFIC, self.renew)
        await asyncio.to_thread(self._finder.warm_up)
        await self.renew()
        self._task = asyncio.create_task(self._run(), name="traffic")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def renew(self) -> None:
        """Let hold what holds now. When this returns, every answer that is begun is of these streets."""
        async with self._changing:
            things = self._elements.newest(TRAFFIC)
            await asyncio.to_thread(self._renew, things, self._clock.unix_s())

    @property
    def affected(self) -> frozenset[int]:
        """Directed edges that are closed or slow."""
        return frozenset(self._by_edge)

    def on(self, edges: Iterable[int]) -> list[Json]:
        """The events on any of these edges, each once."""
        by_edge, found = self._by_edge, {}
        for edge in edges:
            for thing in by_edge.get(edge, ()):
                found[thing.element_id] = thing
        return [
            {
                "element_id": thing.element_id,
                "name": thing.properties.get("name", ""),
                "closes": thing.properties.get("closes", False),
                "speed_factor": thing.properties.get("speed_factor"),
            }
            for thing in found.values()
        ]

    def state(self) -> Json:
        """For the health page: events that hold, streets they change, events near no street."""
        return {
            "state": "failing" if self._failure else "ok",
            "events": len(self._holding),
            "edges": len(self._by_edge),
            "off_street": self._off_street,
        } | ({"failure": self._failure} if self._failure else {})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    async def tick(self) -> None:
        """Let hold what holds by the clock; where that fails, the streets stay as they were, and the health page says so."""
        try:
            await self.renew()
            self._failure = ""
        except Exception as error:  # everything else goes on
            self._failure = f"Streets stay as they were before: {error}"
            log.exception("traffic_failed")

    def effects_of(self, things: Sequence[Thing], now_s: float) -> StreetEffects:
        """What these events do to streets at `now_s` (Unix s), without letting it hold. In a thread."""
        return _effects([(event, edges) for _, event, edges in self._held(things, now_s)])

    def _held(self, things: Sequence[Thing], now_s: float) -> list[tuple[Thing, TrafficEvent, Ints]]:
        """The events that change a street at `now_s`, with its edges."""
        stale_after_s = self._elements.kinds[TRAFFIC].stale_after_s if TRAFFIC in self._elements.kinds else 0
        held: list[tuple[Thing, TrafficEvent, Ints]] = []
        for thing in things:
            if stale_after_s and thing.at is not None and now_s - thing.at > stale_after_s:
                continue
            try:
                event = TrafficEvent.of(thing.properties)
            except RuleViolation:
                continue  # kept before events were read so, or of the city's own file: those of feeds are refused
            is_over = event.ends_at is not None and event.ends_at <= now_s
            if event.matters and not is_over:
                held.append((thing, event, self._edges(thing, event)))
        return held

    def _renew(self, things: Sequence[Thing], now_s: float) -> None:
        held = self._held(things, now_s)
        holding = tuple((thing.element_id, event, edges.tobytes()) for thing, event, edges in held)
        if holding == self._holding:
            return
        by_edge: dict[int, list[Thing]] = {}
        for thing, _, edges in held:
            for edge in edges.tolist():
                by_edge.setdefault(edge, []).append(thing)
        self._travel.affect(_effects([(event, edges) for _, event, edges in held]))
        self._holding, self._by_edge = holding, by_edge
        self._off_street = sum(not len(edges) for _, _, edges in held)

    def _edges(self, thing: Thing, event: TrafficEvent) -> Ints:
        wanted = (thing.lon, thing.lat, event.line, event.heading_deg, event.one_direction)
        if wanted not in self._found:
            if len(self._found) > 10_000:  # of events long gone
                self._found.clear()
            along = self._finder.along(event.line, event.one_direction) if event.line else None
            self._found[wanted] = self._finder.at(thing.lon, thing.lat, event.heading_deg) if along is None else along
        return self._found[wanted]


def _effects(held: Sequence[tuple[TrafficEvent, Ints]]) -> StreetEffects:
    closed = [edges for event, edges in held if event.closes]
    slow = [(event.speed_factor, edges) for event, edges in held if not event.closes]
    nothing = np.empty(0, np.int32)
    return StreetEffects(
        np.unique(np.concatenate([nothing, *closed])).astype(np.int32),
        np.concatenate([nothing, *(edges for _, edges in slow)]).astype(np.int32),
        np.concatenate([nothing, *(np.full(len(edges), factor) for factor, edges in slow)]).astype(np.float32),
    )


def _bad(name: str, value: Any, remedy: str) -> RuleViolation:
    return RuleViolation("bad_traffic_event", f"{name} {str(value)[:60]!r} is not understood; {remedy}.")


def _yes(properties: Mapping[str, Any], name: str) -> bool:
    value = properties.get(name, False)
    if not isinstance(value, bool):
        raise _bad(name, value, "send true or false")
    return value


def _number(properties: Mapping[str, Any], name: str, least: float, most: float) -> float | None:
    value = properties.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _bad(name, value, f"send a number from {least:g} to {most:g}")
    return float(value)


def _line(properties: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    value = properties.get("line")
    if value is None:
        return ()
    remedy = f"send 2 to {MOST_POINTS} points [lon, lat] in WGS-84"
    if not isinstance(value, list) or not 2 <= len(value) <= MOST_POINTS:
        raise _bad("line", value, remedy)
    points = []
    for point in value:
        if not isinstance(point, list) or len(point) != 2 or not all(isinstance(v, int | float) for v in point):
            raise _bad("line", point, remedy)
        lon, lat = float(point[0]), float(point[1])
        if not (abs(lon) <= 180.0 and abs(lat) <= 90.0):
            raise _bad("line", point, remedy)
        points.append((lon, lat))
    if sum(float(distance_m(*a, *b)) for a, b in pairwise(points)) > MOST_LINE_M:
        raise _bad("line", value, f"send one of at most {MOST_LINE_M / 1000:g} km")
    return tuple(points)


def _instant(properties: Mapping[str, Any]) -> float | None:
    value = properties.get("ends_at")
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _bad("ends_at", value, "send an instant as ISO 8601 with an offset") from None
    if at.tzinfo is None:
        raise _bad("ends_at", value, "send an instant as ISO 8601 with an offset")
    return at.timestamp()
