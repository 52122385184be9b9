"""The streets of a city as its source draws them, one row a way: what `city diff` compares and `city info` counts.

Nothing is searched here. The graph cuts, joins and renumbers; a way keeps its id from one build to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.building.graph_build import street_name
from geodata.building.source import SourceRestriction, SourceWay
from geodata.building.street_layout import StreetLayout
from geodata.building.street_rules import StreetRule, has_limit
from geodata.cities.city import CityError
from geodata.projection import LocalProjection
from geodata.streets.graph import STREET_CLASSES, StreetGraph

# Tags that say who may use a street.
_ACCESS_KEYS = ("access", "vehicle", "motor_vehicle", "motorcar", "emergency", "bus", "psv", "bicycle", "foot")
_TEXTS = ("names", "accesses", "restrictions")


@dataclass(frozen=True)
class StreetTable:
    """Rows in order of way id. Texts that many streets share are stored once."""

    way_id: NDArray[np.int64]  # [streets]
    shape: NDArray[np.uint64]  # [streets] checksum of the places of its nodes, in the order they are drawn
    length_m: NDArray[np.float64]
    lon: NDArray[np.float64]  # a node in its middle
    lat: NDArray[np.float64]
    street_class: NDArray[np.uint8]  # index into STREET_CLASSES
    forward_mps: NDArray[np.float64]  # speed of a car, 0: not in this direction
    backward_mps: NDArray[np.float64]
    has_limit: NDArray[np.bool_]  # its tags name a speed limit
    name: NDArray[np.int32]  # index into `names`
    access: NDArray[np.int32]  # index into `accesses`
    names: tuple[str, ...]
    accesses: tuple[str, ...]  # who uses it, and the tags that say so
    restrictions: tuple[str, ...]  # way id, tab, the turn restriction that begins there in words

    def limit_shares(self) -> dict[str, float]:
        """Share of the length of the streets open to cars whose limit is tagged: of `all`, and of each class that is there."""
        open_to_cars = (self.forward_mps > 0) | (self.backward_mps > 0)
        shares = {}
        for name, rows in [("all", open_to_cars), *((c, open_to_cars & (self.street_class == i)) for i, c in enumerate(STREET_CLASSES))]:
            total = float(self.length_m[rows].sum())
            if total > 0:
                shares[name] = round(float(self.length_m[rows & self.has_limit].sum()) / total, 4)
        return shares


def tabulate(layout: StreetLayout, graph: StreetGraph, restrictions: list[SourceRestriction]) -> StreetTable:
    """The table of a city about to be written. Streets without a drawn stretch are left out."""
    node, street = layout.vertex_node, layout.vertex_street
    x, y = LocalProjection(graph.origin_lon, graph.origin_lat).to_metres(layout.node_lon, layout.node_lat)
    drawn = layout.vertex_run[1:] == layout.vertex_run[:-1]
    step_m = np.hypot(np.diff(x[node]), np.diff(y[node]))[drawn]
    rows = np.unique(street[1:][drawn])
    way_id = np.array([layout.streets[i].way_id for i in rows], dtype=np.int64)
    rows = rows[np.argsort(way_id, kind="stable")]
    first, last = np.searchsorted(street, rows), np.searchsorted(street, rows, side="right")
    middle = node[(first + last) // 2]
    rules = [layout.rules[i] for i in rows]
    all_names, name = _numbered([street_name(layout.streets[i].tags) for i in rows])
    accesses, access = _numbered([_access(rule, layout.streets[i]) for i, rule in zip(rows, rules, strict=True)])
    known = {layout.streets[i].way_id for i in rows}
    return StreetTable(
        way_id=np.sort(way_id),
        shape=_shapes(layout)[rows],
        length_m=np.bincount(street[1:][drawn], weights=step_m, minlength=len(layout.streets))[rows],
        lon=layout.node_lon[middle],
        lat=layout.node_lat[middle],
        street_class=np.array([rule.street_class for rule in rules], dtype=np.uint8),
        forward_mps=np.array([rule.car_forward_mps for rule in rules]),
        backward_mps=np.array([rule.car_backward_mps for rule in rules]),
        has_limit=np.array([has_limit(layout.streets[i].tags) for i in rows], dtype=np.bool_),
        name=name,
        access=access,
        names=all_names,
        accesses=accesses,
        restrictions=tuple(sorted(f"{r.from_way}\t{_in_words(r)}" for r in restrictions if r.from_way in known)),
    )


def _numbered(texts: list[str]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    distinct = tuple(sorted(set(texts)))
    number = {text: i for i, text in enumerate(distinct)}
    return distinct, np.array([number[text] for text in texts], dtype=np.int32)


def _access(rule: StreetRule, street: SourceWay) -> str:
    users = [user for user in ("car" if any(_car_directions(rule)) else "", _on_ebike(rule), "foot" if rule.foot else "") if user]
    tags = [f"{key}={street.tags[key]}" for key in _ACCESS_KEYS if street.tags.get(key)]
    return _one_line(" ".join([", ".join(users) or "nobody", *tags]))


def _car_directions(rule: StreetRule) -> tuple[bool, bool]:
    return rule.car_forward_mps > 0, rule.car_backward_mps > 0


def _on_ebike(rule: StreetRule) -> str:
    """Its directions only where they are others than the car's: those are a column of their own."""
    directions = rule.ebike_forward_mps > 0, rule.ebike_backward_mps > 0
    usual = _car_directions(rule) if any(_car_directions(rule)) else (True, True)
    if not any(directions):
        return ""
    return "e-bike" if directions == usual else f"e-bike {'both ways' if all(directions) else 'forward' if directions[0] else 'backward'}"


def _in_words(restriction: SourceRestriction) -> str:
    over = f"node {restriction.via_node}" if restriction.via_node is not None else f"ways {' '.join(map(str, restriction.via_ways))}"
    exempt = f" except {' '.join(sorted(restriction.except_modes))}" if restriction.except_modes else ""
    return _one_line(f"{restriction.kind} over {over} to way {restriction.to_way}{exempt}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shapes(layout: StreetLayout) -> NDArray[np.uint64]:
    """[streets of the layout] a checksum of each street's places, to the seventh digit as OpenStreetMap keeps them."""
    node, street = layout.vertex_node, layout.vertex_street
    place = np.arange(len(node)) - np.searchsorted(street, street)
    columns = (np.round(layout.node_lon * 1e7)[node], np.round(layout.node_lat * 1e7)[node], place)
    mixed = np.zeros(len(node), dtype=np.uint64)
    for column in columns:
        mixed = _mix(mixed ^ column.astype(np.int64).view(np.uint64))
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mixed, dtype=np.uint64)])  # wraps around, and so does the difference
    every = np.arange(len(layout.streets))
    return sums[np.searchsorted(street, every, side="right")] - sums[np.searchsorted(street, every)]


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64: each bit depends on every bit."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def save_streets(table: StreetTable, path: Path) -> None:
    """Write the table as one .npz file, texts as UTF-8 bytes, one a line."""
    arrays: dict[str, Any] = {f.name: getattr(table, f.name) for f in fields(StreetTable) if f.name not in _TEXTS}
    for name in _TEXTS:
        arrays[name] = np.frombuffer("".join(text + "\n" for text in getattr(table, name)).encode(), dtype=np.uint8)
    np.savez(path, **arrays)


def load_streets(path: Path) -> StreetTable:
    """Raises CityError when the file is missing or damaged."""
    try:
        with np.load(path) as stored:
            arrays: dict[str, Any] = {f.name: stored[f.name] for f in fields(StreetTable)}
    except Exception as error:  # a damaged archive fails in many ways inside the reader
        raise CityError(f"{path} is no street table that can be read ({error}). Build the city again.") from error
    return StreetTable(**arrays | {name: tuple(arrays[name].tobytes().decode().split("\n")[:-1]) for name in _TEXTS})
