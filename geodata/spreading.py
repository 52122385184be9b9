"""The search of coverage: from hundreds of places at once, over all turns, to the time each edge is first entered.

Whole cities are reached, so reading memory is what costs. Edges are numbered anew by the junction they leave, so that the ways on from
a junction lie side by side, 16 bytes each. At most junctions a unit may go on by every way but the one it came by. There the first to
arrive enters all ways on but its own way back, and the second enters that one: whoever comes later enters nothing, and two times and
one way say everything. A dead end has one way, back. Where more
is forbidden (`_kind`) each turn is looked at.

Edges leave a row of buckets in order of time, the smallest of a bucket first, so that every time is final when it is written and each edge
is queued once. The buckets are so narrow that most hold one edge. Times are exact to the rounding of 32-bit floats (30 µs at five minutes).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.searches import Ground, Ints, Times
from geodata.streets import Profile

# Fastest of 1/64 to 1/1024 s with 250,000 edges within five minutes.
BUCKET_S = 1.0 / 1024.0
# Long searches share this many buckets.
MAX_BUCKETS = 1 << 19
# Columns of an edge's record; KEY is a 32-bit float, the others are 32-bit integers in the same memory.
KEY, HEAD, FOLLOWING, TWIN = 0, 1, 2, 3
# Columns of a junction's record; FIRST and SECOND are floats.
FIRST, BACK, SECOND, WAYS = 0, 1, 2, 3
UNTOUCHED = -2  # in FOLLOWING: never queued
NOBODY = -1  # in BACK: nobody has arrived
EACH_TURN = -2  # in BACK: not plain
DEAD_END = -3  # in BACK: one street, and back again
Table = NDArray[np.float32]
IntTable = NDArray[np.int32]


@njit(cache=True, nogil=True, inline="always")
def put(number: Table, index: IntTable, e: int, key: np.float32, limit: np.float32, per_s: float, bucket: Ints) -> None:
    """Queue an edge to leave at `key`, unless that is too late."""
    number[e, KEY] = key
    index[e, FOLLOWING] = -1
    if key <= limit:
        b = int(key * per_s)
        index[e, FOLLOWING] = bucket[b]
        bucket[b] = e


@njit(cache=True, nogil=True)
def queue_units(number: Table, index: IntTable, seed_edge: Ints, seed_key_s: Times, limit: np.float32, per_s: float, bucket: Ints) -> None:
    """Queue the edges that units are on; of several on one edge the foremost leaves it first."""
    for i in range(len(seed_edge)):
        if index[seed_edge[i], FOLLOWING] == UNTOUCHED:
            put(number, index, seed_edge[i], seed_key_s[i], limit, per_s, bucket)


@njit(cache=True, nogil=True, inline="always")
def enter(number: Table, index: IntTable, e: int, now: np.float32, limit: np.float32, per_s: float, bucket: Ints) -> None:
    """Queue an edge that is entered now; one a unit is on is queued already, and that unit leaves it before. Closed ones never end."""
    if index[e, FOLLOWING] == UNTOUCHED:
        put(number, index, e, now + number[e, KEY], limit, per_s, bucket)


@njit(cache=True, nogil=True, inline="always")
def take_smallest(number: Table, index: IntTable, bucket: Ints, b: int) -> int:
    """Unlink and return the edge with the smallest key of bucket `b`, which must not be empty."""
    e = bucket[b]
    before, previous = -1, e
    i = index[e, FOLLOWING]
    while i != -1:
        if number[i, KEY] < number[e, KEY]:
            e, before = i, previous
        previous = i
        i = index[i, FOLLOWING]
    if before == -1:
        bucket[b] = index[e, FOLLOWING]
    else:
        index[before, FOLLOWING] = index[e, FOLLOWING]
    return e


@njit(cache=True, nogil=True)
def spread(
    number: Table, index: IntTable, node_number: Table, node_index: IntTable, label_s: Times, turn_ptr: Ints, turn: Ints,
    seed_edge: Ints, seed_key_s: Times, limit_s: float, bucket_s: float, bucket: Ints,
) -> None:  # fmt: skip
    """Fill the junctions' records and, where each turn is looked at, `label_s` of the edges.

    All start as in the layout: KEY the edge's seconds (inf: closed), FOLLOWING `UNTOUCHED`, FIRST, SECOND and `label_s` inf.
    `seed_key_s`: seconds until a unit on the seed's edge leaves it at the head, ascending.
    """
    per_s = 1.0 / bucket_s
    buckets = int(limit_s * per_s) + 1
    bucket[:buckets] = -1
    limit = np.float32(limit_s)
    queue_units(number, index, seed_edge, seed_key_s, limit, per_s, bucket)
    for b in range(buckets):
        while bucket[b] != -1:
            e = take_smallest(number, index, bucket, b)
            now = number[e, KEY]
            node = index[e, HEAD]
            back = node_index[node, BACK]
            if back == EACH_TURN:
                for a in range(turn_ptr[e], turn_ptr[e + 1]):
                    n = turn[a]
                    if label_s[n] == np.inf:
                        label_s[n] = now
                        enter(number, index, n, now, limit, per_s, bucket)
            elif back == NOBODY:
                node_number[node, FIRST] = now
                back = index[e, TWIN]
                node_index[node, BACK] = back
                for n in range(node_index[node, WAYS], node_index[node + 1, WAYS]):
                    if n != back:
                        enter(number, index, n, now, limit, per_s, bucket)
            elif back == DEAD_END:
                node_number[node, FIRST] = now
                enter(number, index, index[e, TWIN], now, limit, per_s, bucket)
            elif node_number[node, SECOND] == np.inf:
                node_number[node, SECOND] = now
                enter(number, index, back, now, limit, per_s, bucket)


@njit(cache=True, nogil=True)
def write_labels(node_number: Table, node_index: IntTable, label_s: Times, number_of: Ints, closed: NDArray[np.bool_], out: Times) -> None:
    """Write the time each edge is entered, in the graph's own numbering: `number_of[n]` is the edge that is numbered n here."""
    for node in range(len(node_index) - 1):
        back = node_index[node, BACK]
        for n in range(node_index[node, WAYS], node_index[node + 1, WAYS]):
            if back == EACH_TURN:
                out[number_of[n]] = label_s[n]
            elif closed[n]:
                out[number_of[n]] = np.inf
            else:
                out[number_of[n]] = node_number[node, SECOND] if n == back else node_number[node, FIRST]


@dataclass(frozen=True)
class TurnLayout:
    """The turns of one profile laid out for the search. Edges are numbered by the junction they leave."""

    number_of: Ints  # [edges] in the graph's numbering
    own: Ints  # [edges] the other way round
    closed: NDArray[np.bool_]  # [edges] to the profile
    edges: Table  # [edges, 4] records before a search
    nodes: Table  # [junctions + 1, 4] the same; the last only ends the ways of the one before
    turn_ptr: Ints  # [edges + 1]
    turn: Ints  # [turns]

    @classmethod
    def of(cls, ground: Ground, profile: Profile) -> TurnLayout:
        """Some 50 ms for 250,000 edges."""
        tail, head, twin = (np.asarray(a) for a in (ground.graph.tail, ground.graph.head, ground.twin))
        size, junctions = len(tail), len(ground.graph.node_x)
        number_of = np.argsort(tail, kind="stable").astype(np.int32)
        own = np.empty(size, np.int32)
        own[number_of] = np.arange(size, dtype=np.int32)
        edges = np.empty((size, 4), np.float32)
        index = edges.view(np.int32)
        edges[:, KEY] = profile.time_s[number_of]
        index[:, HEAD], index[:, FOLLOWING], index[:, TWIN] = head[number_of], UNTOUCHED, own[twin[number_of]]
        nodes = np.full((junctions + 1, 4), np.inf, np.float32)
        node_index = nodes.view(np.int32)
        node_index[:, BACK] = NOBODY
        node_index[:-1, BACK] = _kind(profile, tail, head, twin, junctions)
        node_index[:, WAYS] = np.searchsorted(tail[number_of], np.arange(junctions + 1))
        counts = np.diff(profile.next_ptr)[number_of]
        turn_ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        place = np.arange(len(profile.next_edge)) - np.repeat(turn_ptr[:-1], counts) + np.repeat(profile.next_ptr[number_of], counts)
        return cls(number_of, own, ~np.isfinite(edges[:, KEY]), edges, nodes, turn_ptr, own[profile.next_edge[place]])


def _kind(profile: Profile, tail: Ints, head: Ints, twin: Ints, junctions: int) -> Ints:
    """[junctions] NOBODY where all who arrive may go on by every way but the one back, else DEAD_END or EACH_TURN."""
    usable = np.isfinite(profile.time_s)
    ways, arrivals = (np.bincount(ends[usable], minlength=junctions) for ends in (tail, head))
    turns = np.diff(profile.next_ptr)
    arriving = np.flatnonzero(usable)
    other = turns[arriving] != ways[head[arriving]] - usable[twin[arriving]]
    from_edge = np.repeat(np.arange(len(turns)), turns)
    turns_back = from_edge[profile.next_edge == twin[from_edge]]
    kind = np.full(junctions, NOBODY, np.int32)
    kind[head[arriving[other]]] = EACH_TURN
    kind[head[turns_back]] = EACH_TURN
    only_back = turns_back[(ways[head[turns_back]] == 1) & (arrivals[head[turns_back]] == 1)]
    kind[head[only_back]] = DEAD_END
    return kind


@dataclass
class Scratch:
    """Memory of one search at a time: about 20 bytes an edge, 16 a junction."""

    edges: Table = field(default_factory=lambda: np.empty((0, 4), np.float32))
    nodes: Table = field(default_factory=lambda: np.empty((0, 4), np.float32))
    label_s: Times = field(default_factory=lambda: np.empty(0, np.float32))
    bucket: Ints = field(default_factory=lambda: np.empty(MAX_BUCKETS + 1, np.int32))

    def fresh(self, layout: TurnLayout) -> None:
        """As before any search."""
        if len(self.edges) != len(layout.edges):
            self.edges, self.nodes = np.empty_like(layout.edges), np.empty_like(layout.nodes)
            self.label_s = np.empty(len(layout.edges), np.float32)
        np.copyto(self.edges, layout.edges)
        np.copyto(self.nodes, layout.nodes)
        self.label_s.fill(np.inf)


def spread_from(layout: TurnLayout, scratch: Scratch, seed_edge: Ints, seed_key_s: Times, limit_s: float, out: Times) -> None:
    """Fill `out` [edges] with the seconds until each edge is first entered at its tail, inf beyond `limit_s`.

    A seed is a unit on an edge and the seconds until it leaves that edge at its head.
    """
    order = np.argsort(seed_key_s, kind="stable")
    scratch.fresh(layout)
    edges, nodes, bucket_s = scratch.edges, scratch.nodes, max(BUCKET_S, limit_s / MAX_BUCKETS)
    spread(
        edges, edges.view(np.int32), nodes, nodes.view(np.int32), scratch.label_s, layout.turn_ptr, layout.turn,
        layout.own[seed_edge[order]], seed_key_s[order], float(limit_s), bucket_s, scratch.bucket,
    )  # fmt: skip
    write_labels(nodes, nodes.view(np.int32), scratch.label_s, layout.number_of, layout.closed, out)
