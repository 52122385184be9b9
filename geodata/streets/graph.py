"""The street graph in memory: flat arrays, directed edges, allowed turns.

Every street piece between two junctions is two directed edges, also a one-way street: the direction that cars may not
take has an infinite car time and exists for people on foot. Edges are numbered along a Morton curve so that neighbours
in the city are neighbours in memory. Metric coordinates (x east, y north, metres) are in the city's own local
projection, see `geodata.projection`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geodata.mapped import map_array, save_arrays

# Street classes in the order of the byte stored with each edge (OpenStreetMap `highway`, links with their parent).
STREET_CLASSES = (
    "motorway",
    "trunk",
    "primary",
    "secondary",
    "tertiary",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "track",
    "pedestrian",
    "path",
)


ProfileName = Literal["car", "foot", "ebike"]
# How units move; a unit on the map knows its profile by the place in this list.
PROFILES: tuple[ProfileName, ...] = ("car", "foot", "ebike")


@dataclass(frozen=True)
class Profile:
    """How one kind of unit moves: seconds per edge and the turns it may make, in both directions of search.

    `time_s[e]` is inf where the profile may not drive or walk. Turns join states. State `e` is edge `e`; states from the number
    of edges on are copies: state `edges + c` is edge `copy_of[c]` for a unit that has come to it by streets after which a
    restriction over ways forbids something more than on the edge itself. Turns are CSR: after state `s` the unit may go on to
    `next_edge[next_ptr[s]:next_ptr[s+1]]`; it may have come from `previous_edge[previous_ptr[s]:previous_ptr[s+1]]`.
    Only edges with finite time appear in either. A U-turn is in the lists only at dead ends.
    """

    name: str  # one of PROFILES
    time_s: NDArray[np.float32]  # [edges]
    next_ptr: NDArray[np.int32]  # [states + 1]
    next_edge: NDArray[np.int32]  # [turns] states
    previous_ptr: NDArray[np.int32]  # [states + 1]
    previous_edge: NDArray[np.int32]  # [turns] states
    copy_of: NDArray[np.int32]  # [copies] edges; empty where no restriction leads over ways

    @property
    def state_edge(self) -> NDArray[np.int32]:
        """[states] the edge that each state is on."""
        return np.concatenate([np.arange(len(self.time_s), dtype=np.int32), self.copy_of])

    def edges_of(self, states: NDArray[np.int32]) -> NDArray[np.int32]:
        """The edges that some states are on."""
        edges = np.array(states)
        is_copy = edges >= len(self.time_s)
        edges[is_copy] = self.copy_of[edges[is_copy] - len(self.time_s)]
        return edges


@dataclass(frozen=True)
class StreetGraph:
    """Directed, turn-aware street graph of one city."""

    node_lon: NDArray[np.float64]  # [nodes]
    node_lat: NDArray[np.float64]
    node_x: NDArray[np.float64]  # metres, local projection
    node_y: NDArray[np.float64]
    tail: NDArray[np.int32]  # [edges] node where the edge begins
    head: NDArray[np.int32]  # [edges] node where it ends
    twin: NDArray[np.int32]  # [edges] the same piece in the other direction; always exists
    length_m: NDArray[np.float32]  # [edges]
    street_class: NDArray[np.uint8]  # [edges] index into STREET_CLASSES
    name_index: NDArray[np.int32]  # [edges] index into `names`; 0 is the empty name
    way_id: NDArray[np.int64]  # [edges] id of the source way
    # Shape of edge e, tail to head: vertices first_vertex[e] … last_vertex[e] inclusive. When first > last the stored
    # run is walked downwards, so that twins share their vertices.
    first_vertex: NDArray[np.int32]
    last_vertex: NDArray[np.int32]
    vertex_x: NDArray[np.float64]  # [vertices]
    vertex_y: NDArray[np.float64]
    names: tuple[str, ...]
    origin_lon: float  # origin of the local projection
    origin_lat: float
    car: Profile
    foot: Profile
    ebike: Profile

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """In the order of PROFILES."""
        return self.car, self.foot, self.ebike

    @property
    def edge_count(self) -> int:
        """Directed edges, both directions of every piece."""
        return len(self.tail)

    @property
    def car_edge_count(self) -> int:
        """Directed edges a car may take."""
        return int(np.isfinite(self.car.time_s).sum())

    def shape(self, edge: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x, y of the edge's vertices in metres, tail to head."""
        first, last = int(self.first_vertex[edge]), int(self.last_vertex[edge])
        if first <= last:
            return self.vertex_x[first : last + 1], self.vertex_y[first : last + 1]
        return self.vertex_x[last : first + 1][::-1], self.vertex_y[last : first + 1][::-1]


_SCALARS = ("names", "origin_lon", "origin_lat")


def save_graph(graph: StreetGraph, folder: Path) -> None:
    """Write every array as its own file into `folder`, to be mapped by `load_graph`."""
    save_arrays(folder, {f.name: getattr(graph, f.name) for f in fields(StreetGraph) if f.name not in _SCALARS + PROFILES})
    for profile in graph.profiles:
        save_arrays(folder, {f"{profile.name}.{f.name}": getattr(profile, f.name) for f in fields(Profile) if f.name != "name"})
    (folder / "scalars.json").write_text(
        json.dumps({"names": list(graph.names), "origin_lon": graph.origin_lon, "origin_lat": graph.origin_lat}, ensure_ascii=False),
        encoding="utf-8",
    )


def load_graph(folder: Path) -> StreetGraph:
    """Map the arrays of `folder` (written by `save_graph`) into memory, see `geodata.mapped`."""
    scalars = json.loads((folder / "scalars.json").read_text(encoding="utf-8"))

    def profile(name: str) -> Profile:
        return Profile(name, **{f.name: map_array(folder, f"{name}.{f.name}") for f in fields(Profile) if f.name != "name"})

    arrays = {f.name: map_array(folder, f.name) for f in fields(StreetGraph) if f.name not in _SCALARS + PROFILES}
    return StreetGraph(
        **arrays,
        names=tuple(scalars["names"]),
        origin_lon=scalars["origin_lon"],
        origin_lat=scalars["origin_lat"],
        car=profile("car"),
        foot=profile("foot"),
        ebike=profile("ebike"),
    )
