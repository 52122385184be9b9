"""How the turns of a profile lie in memory for the search of coverage (`geodata.routing.spreading`), and the memory searches work in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geodata.routing.searches import Floats, Ground, Ints, Times
from geodata.streets.graph import Profile

# Long searches share this many buckets.
MAX_BUCKETS = 1 << 19
# Columns of an edge's record; KEY is a 32-bit float, the others are 32-bit integers in the same memory.
KEY, HEAD, FOLLOWING, TWIN = 0, 1, 2, 3
# Columns of a junction's record; FIRST is a float, the time of the first arrival. STATE: see below.
FIRST, BACK, STATE, WAYS = 0, 1, 2, 3
UNTOUCHED = -2  # in FOLLOWING: never queued
# STATE of a junction. Where all who arrive may go on by every way but the one back:
FREE, REACHED, DEAD_END, RESTRICTED, OPENED, EACH_TURN = 0, 1, 2, 3, 4, 5
# FREE: nobody has arrived. REACHED: somebody has, later ones are of no use. RESTRICTED: the next one will be of use. OPENED: no further one
# is. DEAD_END: nobody is of use but who comes from a forbidden turn, and turns round. EACH_TURN: more is forbidden than the way back.
Table = NDArray[np.float32]
IntTable = NDArray[np.int32]
Kinds = NDArray[np.int8]


@dataclass(frozen=True)
class TurnLayout:
    """The turns of one profile laid out for the search. Edges are numbered by the junction they leave."""

    own: Ints  # [states] number here of each state of the profile (`geodata.streets.graph.Profile`): edges first, then copies
    tail: Ints  # [edges] the junction each leaves
    spot: Ints  # [edges] where each is among the streets' sides, [2 · streets]; where it is closed, -1 less that
    bounds: Ints  # [parts + 1] the first junction of each part, and how many there are
    edge_bounds: Ints  # [parts + 1] the first edge that leaves a junction of each part
    unit_s: Times  # [edges] seconds for a unit that is on the edge already; inf where closed
    time_s: Table  # [2, streets] seconds for them; inf where closed
    per_s: Table  # [2, streets] share of them that is done in a second; 0 where closed
    edges: Table  # [states, 4] records before a search
    nodes: Table  # [junctions + 1, 4] the same; the last only ends the ways of the one before
    edge_s: Times  # [states] KEY of `edges`, by itself: less to read after each search
    kind: Kinds  # [junctions] STATE of `nodes`
    turn_ptr: Ints  # [states + 1]
    turn: Ints  # [turns]
    copied: Ints  # [copies] numbers here of the edges that have copies; the copies are the last states, in this order
    # Memory of searches that are over. deque.pop and .append are atomic: a pool without a lock.
    pool: deque[Scratch] = field(default_factory=deque)

    @classmethod
    def of(cls, ground: Ground, pace: str, sides: IntTable, parts: int) -> TurnLayout:
        """`sides`: [2, streets] the graph's two edges of each street; `parts`: 1, 2 or 4. Some 50 ms for 250,000 edges."""
        profile = ground.profiles[pace]
        of_state = profile.state_edge
        size, junctions, edge_count = len(of_state), len(ground.graph.node_x), len(profile.time_s)
        part = part_of(ground.graph.node_x, ground.graph.node_y, parts)
        junction = np.empty(junctions, np.int32)
        junction[np.argsort(part, kind="stable")] = np.arange(junctions, dtype=np.int32)
        bounds = np.searchsorted(np.sort(part), np.arange(parts + 1)).astype(np.int32)
        tail, head = (junction[np.asarray(a)[of_state]] for a in (ground.graph.tail, ground.graph.head))
        twin = ground.twin[of_state]
        # Copies lie behind all edges: they are no ways that somebody without their history could take.
        number_of = np.concatenate([np.argsort(tail[:edge_count], kind="stable"), np.arange(edge_count, size)]).astype(np.int32)
        own = np.empty(size, np.int32)
        own[number_of] = np.arange(size, dtype=np.int32)
        edges = np.empty((size, 4), np.float32)
        index = edges.view(np.int32)
        edge_s = edges[:, KEY] = ground.state_s[pace][number_of]
        index[:, HEAD], index[:, FOLLOWING], index[:, TWIN] = head[number_of], UNTOUCHED, own[twin[number_of]]
        nodes = np.full((junctions + 1, 4), np.inf, np.float32)
        node_index = nodes.view(np.int32)
        node_index[:, BACK] = -1
        kind = _kind(profile, tail, head, twin, junctions)
        node_index[:-1, STATE] = kind
        node_index[:, WAYS] = np.searchsorted(tail[number_of[:edge_count]], np.arange(junctions + 1))
        counts = np.diff(profile.next_ptr)[number_of]
        turn_ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        place = np.arange(len(profile.next_edge)) - np.repeat(turn_ptr[:-1], counts) + np.repeat(profile.next_ptr[number_of], counts)
        time_s = profile.time_s[sides]
        per_s = (1.0 / time_s.astype(np.float64)).astype(np.float32)
        turn, copied = own[profile.next_edge[place]], own[profile.copy_of]
        spot = np.empty(edge_count, np.int32)
        place_of_side = np.arange(time_s.size).reshape(time_s.shape)
        spot[own[sides]] = np.where(np.isfinite(time_s), place_of_side, ~place_of_side)
        leaves, edge_bounds = tail[number_of[:edge_count]], node_index[bounds, WAYS].copy()
        return cls(
            own, leaves, spot, bounds, edge_bounds, profile.time_s[number_of[:edge_count]], time_s, per_s,
            edges, nodes, edge_s, kind.astype(np.int8), turn_ptr, turn, copied,
        )  # fmt: skip


def part_of(x: Floats, y: Floats, parts: int) -> Ints:
    """[junctions] the part each is in: halved across the longer side, and the halves again, until there are `parts` (a power of two)."""
    part = np.zeros(len(x), np.int32)
    if parts > 1 and len(x):
        axis = x if np.ptp(x) >= np.ptp(y) else y
        beyond = axis > np.median(axis)
        for half, first in ((~beyond, 0), (beyond, parts // 2)):
            part[half] = first + part_of(x[half], y[half], parts // 2)
    return part


def _kind(profile: Profile, tail: Ints, head: Ints, twin: Ints, junctions: int) -> Ints:
    """[junctions] FREE where all who arrive may go on by every way but the one back, DEAD_END at the end of one street, else EACH_TURN.

    `tail`, `head`, `twin`: of each state.
    """
    edge_count = len(profile.time_s)
    usable = np.isfinite(profile.time_s)
    ways, streets = np.bincount(tail[:edge_count][usable], minlength=junctions), np.bincount(tail[:edge_count], minlength=junctions)
    turns = np.diff(profile.next_ptr)
    arriving = np.flatnonzero(usable)
    other = turns[arriving] != ways[head[arriving]] - usable[twin[arriving]]
    from_state = np.repeat(np.arange(len(turns)), turns)
    turns_back = from_state[profile.next_edge == twin[from_state]]
    kind = np.full(junctions, FREE, np.int32)
    kind[head[arriving[other]]] = EACH_TURN
    kind[head[turns_back]] = EACH_TURN
    at_end = head[turns_back]
    kind[at_end[streets[at_end] == 1]] = DEAD_END
    # Where a copy begins or ends it matters who comes from where.
    kind[tail[edge_count:]] = EACH_TURN
    kind[head[edge_count:]] = EACH_TURN
    return kind


class Scratch:
    """Memory of one search at a time, kept as it is before a search: about 24 bytes an edge, 16 a junction and 2 MB for each part."""

    def __init__(self, layout: TurnLayout) -> None:
        self.parts = parts = len(layout.bounds) - 1
        self.edges, self.nodes = (np.tile(a, (parts, 1, 1)) for a in (layout.edges, layout.nodes))
        self.label_s = np.full((parts, len(layout.edges)), np.inf, np.float32)
        self.bucket = np.full((parts, MAX_BUCKETS + 1), -1, np.int32)
        self.beyond = np.empty((parts, len(layout.edges)), np.int32)
        self.beyond_counts = np.zeros(parts, np.int32)
