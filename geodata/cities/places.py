"""The place index: roads, crossings, places and catalogue elements by name, without any service outside.

Names are found by any part of their Chinese, by full pinyin, by pinyin initials and by words of other scripts. All
searchable beginnings of all names lie sorted in one text, so that a search is two bisections and work on arrays.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.cities.city import CityError
from geodata.cities.place_text import fold
from geodata.projection import LocalProjection

MAX_QUERY_LENGTH = 64
# What stands between two roads when a crossing is asked for.
_BETWEEN = re.compile(r"\s*[×xX&/,，、@+;；与和]\s*|\s+")
CROSSING_MARK = " / "

# How well a name matched. Better ones come first, whatever the distance.
_EXACT, _PREFIX, _INSIDE, _ALONG = 0, 1, 2, 3
_NO_MATCH = 9
# Kilometres a kind is set back against the others at the same place; roads and places are asked for most.
_KIND_WEIGHT = {
    "place": 0.0,
    "road": 0.2,
    "organisation": 0.3,
    "metro_station": 0.4,
    "key_place": 0.5,
    "crossing": 0.6,
    "street_camera": 3.0,
}
_OTHER_WEIGHT = 1.0


@dataclass(frozen=True)
class Place:
    """One answer. `kind`: road, crossing, place, poi, organisation or the name of a catalogue element."""

    kind: str
    name: str
    lon: float
    lat: float
    detail: str  # locality or finer kind, to tell places of one name apart; may be empty


@dataclass(frozen=True)
class PlaceTable:
    """What is stored: distinct names, where a search may begin in them, and the entries that bear them."""

    # Distinct names; a crossing has none of its own. `forms` holds the searchable forms of all names, one a line.
    names: tuple[str, ...]
    forms: str
    kinds: tuple[str, ...]
    details: tuple[str, ...]
    # Beginnings, sorted by the text from there to the end of the line.
    begin_at: NDArray[np.int32]  # [beginnings] offset into `forms`
    begin_name: NDArray[np.int32]  # [beginnings]
    begin_is_head: NDArray[np.bool_]  # [beginnings] the form begins here too
    begin_length: NDArray[np.uint16]  # [beginnings] characters to the end of the line
    # Entries, sorted by name.
    entry_ptr: NDArray[np.int32]  # [names + 1]
    entry_kind: NDArray[np.uint8]  # [entries]
    entry_detail: NDArray[np.int32]
    entry_lon: NDArray[np.float64]
    entry_lat: NDArray[np.float64]
    # Crossings of two roads.
    crossing_a: NDArray[np.int32]  # [crossings] name of one road
    crossing_b: NDArray[np.int32]
    crossing_detail: NDArray[np.int32]
    crossing_lon: NDArray[np.float64]
    crossing_lat: NDArray[np.float64]


_TEXTS = ("names", "forms", "kinds", "details")


def save_places(table: PlaceTable, path: Path) -> None:
    """Write the table as one .npz file, texts as UTF-8 bytes."""
    arrays: dict[str, Any] = {f.name: getattr(table, f.name) for f in fields(PlaceTable) if f.name not in _TEXTS}
    for name in _TEXTS:
        text = table.forms if name == "forms" else "".join(item + "\n" for item in getattr(table, name))
        arrays[name] = np.frombuffer(text.encode(), dtype=np.uint8)
    np.savez(path, **arrays)


def load_places(path: Path) -> PlaceIndex:
    """Raises CityError when the file is missing or damaged."""
    try:
        with np.load(path) as stored:
            texts = {name: stored[name].tobytes().decode() for name in _TEXTS}
            arrays: dict[str, Any] = {f.name: stored[f.name] for f in fields(PlaceTable) if f.name not in _TEXTS}
    except Exception as error:  # a damaged archive fails in many ways inside the reader
        raise CityError(f"{path} is no place index that can be read ({error}). Build the city again.") from error
    lists: dict[str, Any] = {name: tuple(text.split("\n")[:-1]) for name, text in texts.items() if name != "forms"}
    return PlaceIndex(PlaceTable(forms=texts["forms"], **lists, **arrays))


class PlaceIndex:
    """Search by name. Immutable, any number of threads may ask."""

    def __init__(self, table: PlaceTable) -> None:
        self.table = table
        self._weight_km = np.array([_KIND_WEIGHT.get(kind, _OTHER_WEIGHT) for kind in table.kinds], dtype=np.float64)
        self._name_length = np.array([len(name) for name in table.names], dtype=np.int32)
        self._is_road = np.zeros(len(table.names), dtype=bool)
        self._is_road[table.crossing_a] = True
        self._is_road[table.crossing_b] = True

    def __len__(self) -> int:
        """Entries and crossings."""
        return len(self.table.entry_kind) + len(self.table.crossing_a)

    @cached_property
    def letters(self) -> str:
        """Every character beyond ASCII that a name is written with, each once."""
        return "".join(sorted({letter for name in self.table.names for letter in name if not letter.isascii()}))

    def search(self, q: str, near: tuple[float, float] | None = None, limit: int = 20) -> list[Place]:
        """Best first: whole names, then beginnings, then parts; among equals near `near` (lon, lat) first.

        Two road names give their crossings. Raises ValueError when `q` is longer than MAX_QUERY_LENGTH.
        """
        if len(q) > MAX_QUERY_LENGTH:
            raise ValueError(f"A search text has at most {MAX_QUERY_LENGTH} characters, this one has {len(q)}. Shorten it.")
        text = fold(q)
        if not text or limit < 1:
            return []
        quality = self._quality(text)
        entry, entry_rank = self._matching_entries(quality)
        crossing, crossing_rank = self._matching_crossings(q, text)
        if len(entry) + len(crossing) < limit:
            along, along_rank = self._crossings_along(quality, crossing)
            crossing, crossing_rank = np.concatenate([crossing, along]), np.concatenate([crossing_rank, along_rank])
        if not len(entry) + len(crossing):
            entry, entry_rank, crossing, crossing_rank = self._named_within(text)
        return self._best(entry, entry_rank, crossing, crossing_rank, near, limit)

    def _range(self, text: str) -> slice:
        """Beginnings whose text starts with `text`."""
        forms, size = self.table.forms, len(text)

        def key(at: int) -> str:
            return forms[at : at + size]

        low = bisect_left(self.table.begin_at, text, key=key)
        return slice(low, bisect_right(self.table.begin_at, text, lo=low, key=key))

    def _quality(self, text: str) -> NDArray[np.uint8]:
        """[names] how well each name matches."""
        found = self._range(text)
        quality = np.full(len(self.table.names), _NO_MATCH, dtype=np.uint8)
        name, head = self.table.begin_name[found], self.table.begin_is_head[found]
        quality[name] = _INSIDE
        quality[name[head]] = _PREFIX
        quality[name[head & (self.table.begin_length[found] == len(text))]] = _EXACT
        return quality

    def _matching_entries(self, quality: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        names = np.flatnonzero(quality < _NO_MATCH)
        counts = self.table.entry_ptr[names + 1] - self.table.entry_ptr[names]
        first = np.repeat(self.table.entry_ptr[names] - (np.cumsum(counts) - counts), counts)
        return first + np.arange(len(first)), np.repeat(quality[names], counts)

    def _matching_crossings(self, q: str, text: str) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Crossings of two roads that the text names one after the other."""
        rank = np.full(len(self.table.crossing_a), _NO_MATCH, dtype=np.uint8)
        for first, second in _pairs(q, text):
            a, b = self._quality(first), self._quality(second)
            a[a > _PREFIX], b[b > _PREFIX] = _NO_MATCH, _NO_MATCH
            if not ((a < _NO_MATCH) & self._is_road).any() or not ((b < _NO_MATCH) & self._is_road).any():
                continue
            forth = np.maximum(a[self.table.crossing_a], b[self.table.crossing_b])
            back = np.maximum(b[self.table.crossing_a], a[self.table.crossing_b])
            np.minimum(rank, np.minimum(forth, back), out=rank)
        found = np.flatnonzero(rank < _NO_MATCH)
        return found, rank[found]

    def _crossings_along(self, quality: NDArray[np.uint8], known: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Crossings of the road that the text is the whole name of."""
        exact = quality == _EXACT
        on_road = exact[self.table.crossing_a] | exact[self.table.crossing_b]
        on_road[known] = False
        found = np.flatnonzero(on_road)
        return found, np.full(len(found), _ALONG, dtype=np.uint8)

    def _named_within(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8]]:
        """Entries and crossings whose whole names stand in the text: an address with district and house number."""
        named = np.zeros(len(self.table.names), dtype=bool)
        named[self._whole_names(text)] = True
        crossing = np.flatnonzero(named[self.table.crossing_a] & named[self.table.crossing_b])
        entry, rank = self._matching_entries(np.where(named, _PREFIX, _NO_MATCH).astype(np.uint8))
        # A road in the locality that the text names too goes before its namesakes; the locality itself comes last.
        localities = {self.table.names[i] for i in np.flatnonzero(named)}
        in_locality = np.array([detail in localities for detail in self.table.details], dtype=bool)[self.table.entry_detail[entry]]
        is_place = np.array([kind == "place" for kind in self.table.kinds], dtype=bool)[self.table.entry_kind[entry]]
        rank = np.where(is_place, _ALONG, np.where(in_locality, _PREFIX, _INSIDE)).astype(np.uint8)
        return entry, rank, crossing, np.full(len(crossing), _EXACT, dtype=np.uint8)

    def _whole_names(self, text: str) -> list[int]:
        """Names standing in the text, those within a longer one left out."""
        spans: list[tuple[int, int, list[int]]] = []
        for start in range(len(text)):
            end = start + 1
            while end <= len(text) and (found := self._range(text[start:end])).start < found.stop:
                # Two letters of pinyin stand in any text; two Chinese characters are a name.
                if end - start >= (4 if text[start:end].isascii() else 2):
                    whole = self.table.begin_is_head[found] & (self.table.begin_length[found] == end - start)
                    spans.append((start, end, self.table.begin_name[found][whole].tolist()))
                end += 1
        spans = [span for span in spans if span[2]]
        inner = [any(a <= start and end <= b and (a, b) != (start, end) for a, b, _ in spans) for start, end, _ in spans]
        return [name for (_, _, names), is_inner in zip(spans, inner, strict=True) if not is_inner for name in names]

    def _best(
        self,
        entry: NDArray[np.int64],
        entry_rank: NDArray[np.uint8],
        crossing: NDArray[np.int64],
        crossing_rank: NDArray[np.uint8],
        near: tuple[float, float] | None,
        limit: int,
    ) -> list[Place]:
        t = self.table
        rank = np.concatenate([entry_rank, crossing_rank])
        lon = np.concatenate([t.entry_lon[entry], t.crossing_lon[crossing]])
        lat = np.concatenate([t.entry_lat[entry], t.crossing_lat[crossing]])
        weight_km = np.concatenate([self._weight_km[t.entry_kind[entry]], np.full(len(crossing), _KIND_WEIGHT["crossing"])])
        if near is not None:
            x, y = LocalProjection(*near).to_metres(lon, lat)
            weight_km = weight_km + np.hypot(x, y) / 1000.0
        else:
            entry_name = np.searchsorted(t.entry_ptr, entry, side="right") - 1
            pair_length = self._name_length[t.crossing_a[crossing]] + self._name_length[t.crossing_b[crossing]]
            # Without a place the shorter name is the likelier one; 0.1 km a character.
            weight_km = weight_km + np.concatenate([self._name_length[entry_name], pair_length]) * 0.1
        order = np.lexsort((np.arange(len(rank)), weight_km, rank))[:limit]
        return [self._entry(int(entry[i])) if i < len(entry) else self._crossing(int(crossing[i - len(entry)])) for i in order]

    def _entry(self, i: int) -> Place:
        t = self.table
        name = t.names[int(np.searchsorted(t.entry_ptr, i, side="right")) - 1]
        return Place(t.kinds[t.entry_kind[i]], name, float(t.entry_lon[i]), float(t.entry_lat[i]), t.details[t.entry_detail[i]])

    def _crossing(self, i: int) -> Place:
        t = self.table
        name = CROSSING_MARK.join(t.names[n] for n in (t.crossing_a[i], t.crossing_b[i]))
        return Place("crossing", name, float(t.crossing_lon[i]), float(t.crossing_lat[i]), t.details[t.crossing_detail[i]])


def _pairs(q: str, text: str) -> list[tuple[str, str]]:
    """Every way to read a text as two names: at its separators, else anywhere."""
    parts = [(fold(q[: m.start()]), fold(q[m.end() :])) for m in _BETWEEN.finditer(q.strip())]
    parts = [(a, b) for a, b in parts if a and b]
    return parts or [(text[:i], text[i:]) for i in range(1, len(text))]
