"""A large OpenStreetMap extract made of a small one: copies side by side in a square, with streets from each to its neighbours.

What is in it is as real as the original: its tags, its crossings, its dirt. Only the place and the ids of each copy, the running
number behind every name, and the streets that link the copies are invented.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import osmium
from osmium.osm.mutable import Node, Relation, Way

from geodata.building.street_rules import street_rule

# Streets from each copy to the next one east and the next one north.
LINKS_A_SIDE = 6
GAP_DEG = 0.002
_LINK_TAGS = {"highway": "secondary"}
_NAME_KEYS = ("name", "name:en")


@dataclass
class _Original:
    """One extract in memory, in the order of its ids."""

    node_ids: list[int] = field(default_factory=list)
    lon: list[float] = field(default_factory=list)
    lat: list[float] = field(default_factory=list)
    node_tags: list[dict[str, str] | None] = field(default_factory=list)
    ways: list[tuple[int, list[int], dict[str, str]]] = field(default_factory=list)
    relations: list[tuple[int, list[tuple[str, int, str]], dict[str, str]]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> _Original:
        found = cls()
        for thing in osmium.FileProcessor(str(path)):
            if thing.is_node():
                found.node_ids.append(thing.id)
                found.lon.append(thing.lon)
                found.lat.append(thing.lat)
                found.node_tags.append(dict(thing.tags) if len(thing.tags) else None)
            elif thing.is_way():
                found.ways.append((thing.id, [n.ref for n in thing.nodes], dict(thing.tags)))
            elif thing.is_relation():
                found.relations.append((thing.id, [(m.type, m.ref, m.role) for m in thing.members], dict(thing.tags)))
        return found

    def gates(self) -> tuple[dict[str, list[int]], tuple[float, float]]:
        """Nodes on streets for cars that lie farthest west, east, south and north in `LINKS_A_SIDE` strips: where a copy is entered.

        And how far these streets reach in lon and lat: some shapes of a clipped extract lie far outside.
        """
        place = dict(zip(self.node_ids, zip(self.lon, self.lat, strict=True), strict=True))
        on_street = {
            n for _, nodes, tags in self.ways if (rule := street_rule(tags)) and rule.car_forward_mps for n in (nodes[0], nodes[-1])
        }
        ids = np.array(sorted(on_street & place.keys()), dtype=np.int64)
        lonlat = np.array([place[i] for i in ids.tolist()])
        found: dict[str, list[int]] = {}
        for sides, across in ((("west", "east"), 0), (("south", "north"), 1)):
            strips = np.array_split(np.argsort(lonlat[:, 1 - across], kind="stable"), min(LINKS_A_SIDE, len(ids)))
            found[sides[0]] = [int(ids[strip[np.argmin(lonlat[strip, across])]]) for strip in strips]
            found[sides[1]] = [int(ids[strip[np.argmax(lonlat[strip, across])]]) for strip in strips]
        width, height = (float(extent) for extent in np.ptp(lonlat, axis=0))
        return found, (width, height)


def write_copies(source: Path, out: Path, copies: int) -> None:
    """Write `copies` of the extract `source`, side by side and linked, as the extract `out`."""
    original = _Original.read(source)
    columns = math.ceil(math.sqrt(copies))
    gates, (width, height) = original.gates()
    step = width + GAP_DEG, height + GAP_DEG
    # Ids of the first copy are the original's; the others begin at a round number above.
    apart = 10 ** len(str(max(original.node_ids[-1], max(w[0] for w in original.ways), max(r[0] for r in original.relations))))
    # The original's extent says nothing about the whole, so no header is carried over.
    writer = osmium.SimpleWriter(str(out), overwrite=True)
    try:
        for k in range(copies):
            east, north = (k % columns) * step[0], (k // columns) * step[1]
            for node_id, lon, lat, tags in zip(original.node_ids, original.lon, original.lat, original.node_tags, strict=True):
                writer.add_node(Node(id=node_id + k * apart, location=(lon + east, lat + north), tags=_tags(tags, k), version=1))
        for k in range(copies):
            for way_id, nodes, tags in original.ways:
                writer.add_way(Way(id=way_id + k * apart, nodes=[n + k * apart for n in nodes], tags=_tags(tags, k), version=1))
        for number, ends in enumerate(_links(gates, copies, columns, apart)):
            writer.add_way(Way(id=copies * apart + number, nodes=ends, tags=_LINK_TAGS, version=1))
        for k in range(copies):
            for relation_id, members, tags in original.relations:
                moved = [(kind, ref + k * apart, role) for kind, ref, role in members]
                writer.add_relation(Relation(id=relation_id + k * apart, members=moved, tags=_tags(tags, k), version=1))
    finally:
        writer.close()


def _tags(tags: dict[str, str] | None, copy: int) -> dict[str, str]:
    """Names get the copy's number, or a place index would not grow with the city."""
    if not tags or not copy:
        return tags or {}
    return tags | {key: f"{tags[key]} {copy}" for key in _NAME_KEYS if key in tags}


def _links(gates: dict[str, list[int]], copies: int, columns: int, apart: int) -> Iterator[list[int]]:
    for k in range(copies):
        for side, other, neighbour in (("east", "west", k + 1), ("north", "south", k + columns)):
            if neighbour < copies and (side == "north" or neighbour % columns):
                yield from ([a + k * apart, b + neighbour * apart] for a, b in zip(gates[side], gates[other], strict=True))


def made(source: Path, copies: int, folder: Path) -> Path:
    """The extract of `copies` copies in `folder`, written first where it is not there."""
    out = folder / f"{source.name.split('.')[0].removesuffix('-latest')}-{copies}.osm.pbf"
    if not out.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = out.with_name(f"unfinished-{out.name}")
        write_copies(source, unfinished, copies)
        unfinished.rename(out)
    return out
