"""Traffic events of the demo city: accidents, works and jams that close a street for a while or slow it down.

Crews know them, as everybody on the street does: they drive round what is closed, and slowly where it is slow.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from geodata.cities.city import City
from geodata.streets.closures import StreetFinder
from geodata.streets.graph import STREET_CLASSES
from geodata.streets.snapping import Segments, Snapper
from geodata.streets.street_times import StreetEffects

# Events at a time; each place in the list is taken again some minutes after its event has ended.
EVENTS = 8
LASTS_S, PAUSE_S = (420.0, 1500.0), (60.0, 600.0)
KINDS = (
    ("道路施工", "Road works", True),
    ("交通事故封路", "Accident, road closed", True),
    ("交通事故", "Accident", False),
    ("拥堵", "Congestion", False),
    ("信号灯故障", "Signals out of order", False),
)
SLOWNESS = (0.25, 0.6)
# No motorway is closed for a demo: everybody would drive half round the city.
_USUAL = [STREET_CLASSES.index(name) for name in ("primary", "secondary", "tertiary", "residential")]


class Event(NamedTuple):
    """One event, as everybody there sees it."""

    ends_s: float  # Unix s
    edges: Any  # directed edges
    closes: bool
    speed_factor: float
    message: dict[str, Any]


class RoadEvents:
    """All events of one city."""

    def __init__(self, city: City, seed: int, now_s: float) -> None:
        # Numbers of its own, so that nothing else in the evening changes with it.
        self._random = np.random.Generator(np.random.PCG64([seed, zlib.crc32(b"traffic")]))
        self._graph = city.graph
        self._finder = StreetFinder(city.graph, Snapper(city.graph, Segments.load(city.segments_path)))
        usual = np.isin(city.graph.street_class, _USUAL) & np.isfinite(city.graph.car.time_s)
        self._edges = np.flatnonzero(usual)
        metres = np.asarray(city.graph.length_m)[self._edges].astype(np.float64)
        self._share = metres / metres.sum() if len(metres) else metres
        self._project = city.projection
        self._next_s = now_s + self._random.uniform(5.0, 60.0, EVENTS).cumsum() if len(self._edges) else np.full(EVENTS, np.inf)
        self._running: dict[int, Event] = {}  # by place in the list

    def due(self, now_s: float) -> tuple[list[dict[str, Any]], bool]:
        """Element messages of events that begin now, and whether `effects` has changed."""
        over = [place for place, event in self._running.items() if event.ends_s <= now_s]
        for place in over:
            del self._running[place]
            self._next_s[place] = now_s + self._random.uniform(*PAUSE_S)
        begun = np.flatnonzero(self._next_s <= now_s).tolist()
        for place in begun:
            self._next_s[place] = np.inf
            self._running[place] = self._begin(place, now_s)
        return [self._running[place].message for place in begun], bool(over or begun)

    @property
    def effects(self) -> StreetEffects:
        """What the running events do to cars."""
        closed = [event.edges for event in self._running.values() if event.closes]
        slow = [(event.speed_factor, event.edges) for event in self._running.values() if not event.closes]
        nothing = np.empty(0, np.int32)
        return StreetEffects(
            np.concatenate([nothing, *closed]),
            np.concatenate([nothing, *(edges for _, edges in slow)]),
            np.concatenate([nothing, *(np.full(len(edges), factor) for factor, edges in slow)]).astype(np.float32),
        )

    def _begin(self, place: int, now_s: float) -> Event:
        edge = int(self._random.choice(self._edges, p=self._share))
        x, y = self._graph.shape(edge)
        middle = len(x) // 2
        at_x, at_y = float(x[middle - 1] + x[middle]) / 2, float(y[middle - 1] + y[middle]) / 2
        lon, lat = (round(float(v), 6) for v in self._project.to_degrees(at_x, at_y))
        name, name_en, closes = KINDS[int(self._random.integers(len(KINDS)))]
        ends_s, factor = now_s + float(self._random.uniform(*LASTS_S)), round(float(self._random.uniform(*SLOWNESS)), 2)
        street = self._graph.names[int(self._graph.name_index[edge])]
        properties: dict[str, Any] = {"name": f"{street}{name}", "name_en": f"{name_en} {street}".strip(), "ends_at": _iso(ends_s)}
        properties |= {"closes": True} if closes else {"speed_factor": factor}
        message = {"type": "element", "element": "traffic_event", "id": f"demo-traffic-{place + 1}", "lon": lon, "lat": lat}
        message |= {"at": _iso(now_s), "properties": properties}
        return Event(ends_s, self._finder.at(lon, lat), closes, factor, message)


def _iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat()
