"""The things on the map other than units and incidents: what stands there, what feeds say of it, how old that is.

Three sources lie over one another: the city folder (static), the journal (`picture.elements`, written by people and feeds) and
readings (weather, traffic events), newest of each thing. What is derived from history (hot spots) has no other source.
Addresses of cameras are none of them: they are kept apart in `storage.cameras`, and properties that look like one are left
out here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dispatch.catalogue import Catalogue, ElementKind
from dispatch.clock import Clock
from dispatch.model import Element
from dispatch.picture import OperatingPicture
from geodata.cities.city import City
from operations.tracking.positions import UNIT_KINDS, PositionTable, distance_m
from storage.readings import Reading, ReadingStore

# Never shown, whoever wrote them.
PRIVATE_PROPERTIES = frozenset({"url", "substream_url", "recorder_url", "user", "username", "password", "token"})
MAX_FEATURES = 20_000
# Readings older than this are not read back at a start: whatever they are of is gone.
READ_BACK_S = 7 * 86_400.0
# Readings of one thing this close together are of one instant; of each further word about it the time is so much later.
SAME_INSTANT_S, JUST_AFTER_S = 0.1, 0.001

Json = dict[str, Any]


@dataclass(frozen=True)
class Thing:
    """One element as shown. `at` is when it was so (Unix s); None for what the city folder knows."""

    element: str
    element_id: str
    lon: float
    lat: float
    properties: Json
    at: float | None

    def feature(self) -> Json:
        """GeoJSON; `properties` holds the thing's own ones beside `element`, `element_id` and `at`."""
        own = {"element": self.element, "element_id": self.element_id, "at": _instant(self.at)}
        point = {"type": "Point", "coordinates": [self.lon, self.lat]}
        return {"type": "Feature", "id": f"{self.element}/{self.element_id}", "geometry": point, "properties": self.properties | own}


@dataclass(frozen=True)
class _Layer:
    """All things of one element, as of one picture and one reading."""

    written: dict[str, Element]  # identity tells whether the layer is still right
    readings_seq: int
    things: tuple[Thing, ...]
    by_id: dict[str, Thing]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    newest_at: float | None


class ElementStore:
    """Answers for every element of the catalogue whose source is the city or readings. Safe to ask from threads."""

    def __init__(
        self,
        city: City,
        catalogue: Catalogue,
        clock: Clock,
        picture: Callable[[], OperatingPicture],
        positions: PositionTable,
        readings: ReadingStore,
    ) -> None:
        self._city = city
        self.kinds = catalogue.kinds
        self._clock = clock
        self._picture = picture
        self._positions = positions
        self._store = readings
        self._static: dict[str, dict[str, Thing]] = {}  # by element, by id; filled by `start`
        self._newest: dict[str, dict[str, Thing]] = {}  # by element, by id: newest reading
        self._derived: dict[str, dict[str, Thing]] = {}  # by element, by id: worked out from history
        self._readings_seq: dict[str, int] = {}  # by element: how often its readings, or what was derived, have changed
        self._layers: dict[str, _Layer] = {}
        self._beside: dict[str, Callable[[Thing], Json]] = {}  # by element: what is shown of a thing beside its properties
        self._lasting: dict[str, Callable[[Thing], Json]] = {}  # of that, what is told of any time
        self._listeners: dict[str, Callable[[], Awaitable[None]]] = {}  # by element
        self._suppliers: dict[str, Callable[[], list[Thing]]] = {}  # by element
        self._keeping = asyncio.Lock()

    def listen(self, element: str, listener: Callable[[], Awaitable[None]]) -> None:
        """Wait for `listener` after each new reading of `element`, before whoever brought it is answered. One an element."""
        self._listeners[element] = listener

    def show_beside(self, element: str, beside: Callable[[Thing], Json], lasting: Callable[[Thing], Json]) -> None:
        """Have `beside` asked for each thing that is shown of `element`, in whatever thread; its answer goes over the properties.

        In the past only `lasting` is asked: what changes so rarely that its present state is told of any time.
        """
        self._beside[element], self._lasting[element] = beside, lasting

    async def start(self) -> None:
        """Read the city folder and the newest readings."""
        self._static = await asyncio.to_thread(self._read_static)
        now_s = self._clock.unix_s()
        self._merge(await asyncio.to_thread(self._store.as_of, now_s, now_s - READ_BACK_S))

    async def readings(self, readings: list[Reading]) -> None:
        """Keep readings durably, then show the newest of each thing."""
        async with self._keeping:
            readings = self._in_turn(readings)
            await asyncio.to_thread(self._store.append, readings)
            self._merge(readings)
        for element in {reading.element for reading in readings} & self._listeners.keys():
            await self._listeners[element]()

    def derive(self, element: str, things: Iterable[Thing]) -> None:
        """Everything there is of an element that is worked out here rather than told; on the event loop."""
        self._derived = self._derived | {element: {thing.element_id: thing for thing in things}}
        self._readings_seq[element] = self._readings_seq.get(element, 0) + 1

    def supply(self, element: str, things: Callable[[], list[Thing]]) -> None:
        """Ask `things` whenever what there is of an element is wanted: of what changes all the time. It is asked from any thread."""
        self._suppliers[element] = things

    def as_of(
        self, clock: Clock, picture: Callable[[], OperatingPicture], positions: PositionTable, readings: Sequence[Reading]
    ) -> ElementStore:
        """Another store, of what was known of the same city when these were the newest readings.

        What is worked out from history is not in it: it was worked out from what came later as well.
        """
        past = copy(self)
        past._clock, past._picture, past._positions = clock, picture, positions
        past._suppliers, past._beside = {}, dict(self._lasting)  # they are asked for what is now
        past._newest, past._derived, past._readings_seq, past._layers, past._listeners = {}, {}, {}, {}, {}
        past.take(readings)
        return past

    def take(self, readings: Sequence[Reading]) -> None:
        """Show readings that are kept already: a replay's."""
        self._merge(readings)

    def newest(self, element: str) -> list[Thing]:
        """Everything of one element. Raises KeyError for an element that is not in the catalogue."""
        return list(self._layer(element).things)

    def all_of(self, element: str) -> tuple[Thing, ...]:
        """As `newest`; the same tuple as long as nothing has changed."""
        return self._layer(element).things

    def one(self, element: str, element_id: str) -> Thing | None:
        return self._layer(element).by_id.get(element_id)

    def camera_name(self, camera_id: str) -> str | None:
        """What people call a street camera, its id where it has no name; None where there is none of that id."""
        found = self.one("street_camera", camera_id)
        return None if found is None else str(found.properties.get("name") or camera_id)

    def has(self, element: str, element_id: str) -> bool:
        """Whether there is a thing of that id. Raises KeyError for an element that is not in the catalogue."""
        return element_id in self._layer(element).by_id

    def counts(self) -> dict[str, Json]:
        """By element: count, newest_at (ISO 8601 or None), state: live | static | stale | no_feed."""
        now_s = self._clock.unix_s()
        answer: dict[str, Json] = {}
        for element, kind in self.kinds.items():
            count, newest_at, state = self._count(kind, now_s)
            answer[element] = {"count": count, "newest_at": _instant(newest_at), "state": state}
        return answer

    def features(
        self,
        element: str,
        bbox: tuple[float, float, float, float] | None = None,
        limit: int = MAX_FEATURES,
        cell_deg: float | None = None,
    ) -> Json:
        """GeoJSON FeatureCollection of one element, within west, south, east, north. Raises KeyError for an unknown element.

        `matched` says how many there are; fewer features than that are returned when the limit cuts. With `cell_deg` one
        thing stands for all of its cell, how many says its `count`: a city's cameras seen from far are thousands.
        """
        layer = self._layer(element)
        inside = np.arange(len(layer.things))
        if bbox is not None:
            west, south, east, north = bbox
            inside = np.flatnonzero((layer.lon >= west) & (layer.lon <= east) & (layer.lat >= south) & (layer.lat <= north))
        if cell_deg is not None:
            return _thinned(layer, inside, cell_deg, limit)
        beside = self._beside.get(element)
        features = [_shown(layer.things[i], beside).feature() for i in inside[:limit]]
        return {"type": "FeatureCollection", "matched": len(inside), "features": features}

    def around(self, lon: float, lat: float, radius_m: float, elements: Iterable[str], limit: int = 50) -> list[Json]:
        """Things within a straight-line radius, closest first, at most `limit` of each element."""
        found: list[tuple[float, Thing]] = []
        for element in elements:
            layer = self._layer(element)
            if not layer.things:
                continue
            metres = distance_m(lon, lat, layer.lon, layer.lat)
            inside = np.flatnonzero(metres <= radius_m)
            closest = inside[np.argsort(metres[inside], kind="stable")][:limit]
            beside = self._beside.get(element)
            found += [(float(metres[i]), _shown(layer.things[i], beside)) for i in closest]
        found.sort(key=lambda pair: pair[0])
        return [_seen_from(lon, lat, metres, thing) for metres, thing in found]

    def _count(self, kind: ElementKind, now_s: float) -> tuple[int, float | None, str]:
        if kind.source == "units":
            return self._count_units(kind, now_s)
        if kind.source == "incidents":
            received = [i.received_at.timestamp() for i in self._picture().incidents.values() if i.is_open]
            return len(received), max(received, default=None), "live"
        layer = self._layer(kind.id)
        if kind.id in self._suppliers:  # without any: nobody sends just now
            return len(layer.things), layer.newest_at, _freshness(layer.newest_at, kind, now_s) if layer.things else "live"
        if not layer.things:
            return 0, None, "no_feed"
        if kind.source == "city":
            return len(layer.things), layer.newest_at, "static"
        if layer.newest_at is None:  # the city knows where the stations stand, nobody says what they measure
            return len(layer.things), None, "no_feed"
        return len(layer.things), layer.newest_at, _freshness(layer.newest_at, kind, now_s)

    def _count_units(self, kind: ElementKind, now_s: float) -> tuple[int, float | None, str]:
        table, names = self._positions, [k.value for k in UNIT_KINDS]
        if kind.id not in names:
            return 0, None, "no_feed"
        heard = table.received_at[: table.count][table.kind[: table.count] == names.index(kind.id)]
        heard = heard[heard > 0]
        if not len(heard):
            return 0, None, "no_feed"
        newest_at = float(heard.max())
        return len(heard), newest_at, _freshness(newest_at, kind, now_s)

    def _layer(self, element: str) -> _Layer:
        kind = self.kinds[element]
        if element in self._suppliers:
            return _laid(_NOTHING, 0, {thing.element_id: thing for thing in self._suppliers[element]()})
        written, seq = self._picture().elements.get(element, _NOTHING), self._readings_seq.get(element, 0)
        layer = self._layers.get(element)
        if layer is None or layer.written is not written or layer.readings_seq != seq:
            layer = self._layers[element] = self._lay(kind, written, seq)
        return layer

    def _lay(self, kind: ElementKind, written: dict[str, Element], seq: int) -> _Layer:
        things = dict(self._static.get(kind.id, {}))
        things.update((e.element_id, _written(e)) for e in written.values() if not e.removed)
        things.update(self._newest.get(kind.id, {}))
        things.update(self._derived.get(kind.id, {}))
        for removed in (e.element_id for e in written.values() if e.removed):
            things.pop(removed, None)
        return _laid(written, seq, things)

    def _in_turn(self, readings: Sequence[Reading]) -> list[Reading]:
        """Something else said of an instant that is known, an event's end by the time of its beginning, is kept as of just after it.

        So both stand in the history, and the last word holds after a restart as well.
        """
        newest: dict[tuple[str, str], Thing] = {}
        in_turn = []
        for reading in readings:
            key = reading.element, reading.element_id
            known = newest.get(key) or self._newest.get(reading.element, {}).get(reading.element_id)
            thing = _thing_of(reading)
            if known is not None and known.at is not None and 0.0 <= known.at - reading.at < SAME_INSTANT_S:
                is_other = (known.lon, known.lat, known.properties) != (thing.lon, thing.lat, thing.properties)
                reading = msgspec.structs.replace(reading, at=known.at + JUST_AFTER_S) if is_other else reading
            in_turn.append(reading)
            if known is None or (known.at or 0.0) <= reading.at:
                newest[key] = _thing_of(reading)
        return in_turn

    def _merge(self, readings: Sequence[Reading]) -> None:
        changed: dict[str, dict[str, Thing]] = {}
        for reading in readings:
            known = changed.get(reading.element)
            if known is None:
                # A copy is changed, because a thread may be laying out the present one.
                known = changed[reading.element] = dict(self._newest.get(reading.element, {}))
            before = known.get(reading.element_id)
            if before is None or (before.at or 0.0) <= reading.at:
                known[reading.element_id] = _thing_of(reading)
        self._newest |= changed
        for element in changed:
            self._readings_seq[element] = self._readings_seq.get(element, 0) + 1

    def _read_static(self) -> dict[str, dict[str, Thing]]:
        static = {}
        for element, kind in self.kinds.items():
            if kind.source in ("city", "readings"):
                features = self._city.elements(element)["features"]
                static[element] = {thing.element_id: thing for thing in (_static(element, feature) for feature in features)}
        return static


_NOTHING: dict[str, Element] = {}
CELL_RISE = 0.87  # height of a cell to its width, in degrees: about square on the ground where police commands stand


def _shown(thing: Thing, beside: Callable[[Thing], Json] | None) -> Thing:
    return thing if beside is None else replace(thing, properties=thing.properties | beside(thing))


def _thinned(layer: _Layer, inside: NDArray[np.intp], cell_deg: float, limit: int) -> Json:
    """The first thing of each cell with how many are in it. Cells are fixed to the ground, as those of the map's own thinning."""
    column = np.floor(layer.lon[inside] / cell_deg).astype(np.int64)
    row = np.floor(layer.lat[inside] / (cell_deg * CELL_RISE)).astype(np.int64)
    _, first, counts = np.unique(column * (1 << 31) + row, return_index=True, return_counts=True)
    features = []
    for i, count in zip(inside[first[:limit]].tolist(), counts[:limit].tolist(), strict=True):
        feature = layer.things[i].feature()
        features.append(feature | {"count": count})
    return {"type": "FeatureCollection", "matched": len(inside), "features": features}


def _laid(written: dict[str, Element], seq: int, by_id: dict[str, Thing]) -> _Layer:
    things = tuple(by_id.values())
    lon = np.array([t.lon for t in things], np.float64)
    lat = np.array([t.lat for t in things], np.float64)
    newest_at = max((t.at for t in things if t.at is not None), default=None)
    return _Layer(written, seq, things, by_id, lon, lat, newest_at)


def _static(element: str, feature: Json) -> Thing:
    lon, lat = feature["geometry"]["coordinates"][:2]
    return Thing(element, str(feature["id"]), float(lon), float(lat), _public(feature.get("properties") or {}), None)


def _written(element: Element) -> Thing:
    return Thing(element.element, element.element_id, element.lon, element.lat, _public(element.properties), element.written_at.timestamp())


def _thing_of(reading: Reading) -> Thing:
    return Thing(reading.element, reading.element_id, reading.lon, reading.lat, _public(reading.properties), reading.at)


def _public(properties: Json) -> Json:
    return {name: value for name, value in properties.items() if name.lower() not in PRIVATE_PROPERTIES}


def _freshness(newest_at: float | None, kind: ElementKind, now_s: float) -> str:
    fresh = newest_at is not None and (kind.stale_after_s == 0 or now_s - newest_at <= kind.stale_after_s)
    return "live" if fresh else "stale"


def _seen_from(lon: float, lat: float, metres: float, thing: Thing) -> Json:
    """A thing with its straight-line distance, its direction, and for a camera whether it looks this way (None: heading unknown)."""
    seen: Json = {
        "element": thing.element,
        "element_id": thing.element_id,
        "name": thing.properties.get("name", ""),
        "lon": thing.lon,
        "lat": thing.lat,
        "straight_m": round(metres, 1),
        "at": _instant(thing.at),
        "properties": thing.properties,
    }
    if thing.element == "street_camera":
        heading_deg = thing.properties.get("heading_deg")
        seen["looks_here"] = None if not isinstance(heading_deg, int | float) else _looks_at(thing, heading_deg, lon, lat)
    return seen


# Half the angle a street camera sees; wide lenses see more, so this errs towards saying no.
HALF_VIEW_DEG = 45.0


def _looks_at(camera: Thing, heading_deg: float, lon: float, lat: float) -> bool:
    east = (lon - camera.lon) * np.cos(np.radians(camera.lat))
    bearing_deg = float(np.degrees(np.arctan2(east, lat - camera.lat)))
    return bool(abs((bearing_deg - heading_deg + 180.0) % 360.0 - 180.0) <= HALF_VIEW_DEG)


def _instant(unix_s: float | None) -> str | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
