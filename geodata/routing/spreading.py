"""The search of coverage: from hundreds of places at once, over all turns, to the time each street is first reached from its ends.

Whole cities are reached, so reading memory is what costs. Edges are numbered anew by the junction they leave, so that the ways on from
a junction lie side by side, 16 bytes each. At most junctions a unit may go on by every way but the one it came by. There the first to
arrive enters all ways on but its own way back, and whoever comes later could enter nothing new but that one. The street back is reached by
then, over its whole length, so a later arrival is of use only where a forbidden turn lies on the way the first one has come: it gets to
that junction from another side. Such ways are marked (RESTRICTED) while they grow; everywhere else later arrivals are not even queued.
Where more is forbidden than the way back (`_kind`) each turn is looked at.

Edges leave a row of buckets in order of time, the smallest of a bucket first, so that every time is final when it is written and each edge
is queued once. The buckets are so narrow that most hold one edge. Times are exact to the rounding of 32-bit floats (30 µs at five minutes).

A city is cut into as many parts as there are cores to search them at the same time. Each part's search begins with the units on ways that
leave its junctions and has records of its own for the whole city; a street is entered when the first of the searches enters it. At a
junction of another part a search gives up where that part's own has it REACHED at the same moment or earlier, else each would go all over
the city. It reads the other's records while they are written, and may:

* FIRST is inf until it is written, once; a junction that is REACHED stays so. What is not seen yet costs a search work, never its answer.
* Who has made a junction REACHED has not given up there but goes on by every way other than back. Two never give up for one another.
* Take the earliest way to a place, and a junction on it where its search gives up for another's arrival. From there the other goes on the
  same way no later, unless that way leads back along the street the other came by. This street is then reached over its whole length, and
  the junction at its far end is REACHED by the other too (were it RESTRICTED, so would be the one here), from where the same is true of
  what is left of the way: at last from the unit the other began with. So somebody follows what is left no later, or gives up for one who
  does further on, where still less of it is left.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.routing.cores import side_by_side
from geodata.routing.searches import Floats, Ground, Ints, Times
from geodata.streets.graph import Profile

# Fastest of 1/64 to 1/1024 s with 250,000 edges within five minutes. Two parts have half the edges each, and buckets twice as wide.
BUCKET_S = 1.0 / 1024.0
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


@njit(cache=True, nogil=True)
def begin(edge: Ints, fraction: Floats, unit_s: Times, low: int, high: int, number: Table, index: IntTable, seed: Ints) -> int:
    """Write down when units leave the edges they are on, those from `low` up to `high`; the edges go to `seed`. Returns how many there are.

    `edge`, `fraction`: where the units are, who may leave at either end.
    """
    seeds = 0
    for i in range(len(edge)):
        for n, rest in ((edge[i], 1.0 - fraction[i]), (index[edge[i], TWIN], fraction[i])):
            if n < low or n >= high or unit_s[n] == np.inf:
                continue
            key = np.float32(rest * unit_s[n])
            if index[n, FOLLOWING] == UNTOUCHED:
                number[n, KEY], index[n, FOLLOWING] = key, -1
                seed[seeds] = n
                seeds += 1
            else:
                # Of several units on one edge the foremost leaves it first, and before whoever enters it later.
                number[n, KEY] = min(number[n, KEY], key)
    return seeds


@njit(cache=True, nogil=True)
def spread(  # noqa: C901 in one piece: handing arrays to helpers counts references in the innermost loop, which doubles the time
    number: Table, index: IntTable, node_number: Table, node_index: IntTable, label_s: Times, turn_ptr: Ints, turn: Ints,
    seed: Ints, seeds: int, limit_s: float, bucket_s: float, bucket: Ints,
    part: int, bounds: Ints, all_number: Table, all_index: IntTable, beyond: Ints,
) -> int:  # fmt: skip
    """Fill the junctions' records and `label_s` of the edges that are entered otherwise than by the first arrival.

    All start as in the layout: KEY the edge's seconds (inf: closed), FOLLOWING `UNTOUCHED`, FIRST and `label_s` inf, but for the first
    `seeds` of `seed`, which `begin` has written; `bucket` is -1 before and after. `all_number`, `all_index`: the junctions' records of
    every part's search. Writes to `beyond` the other parts' junctions whose own records or whose ways' it has
    changed, some of them more than once, and returns how many.
    """
    low, high, beyond_count = bounds[part], bounds[part + 1], 0
    per_s = 1.0 / bucket_s
    buckets = int(limit_s * per_s) + 1
    limit = np.float32(limit_s)
    for i in range(seeds):
        e = seed[i]
        key = number[e, KEY]
        if key <= limit:
            index[e, FOLLOWING] = bucket[int(key * per_s)]
            bucket[int(key * per_s)] = e
    for b in range(buckets):
        while bucket[b] != -1:
            # Unlink the edge with the smallest key.
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
            # Which edges are entered now.
            now, node, back = number[e, KEY], index[e, HEAD], index[e, TWIN]
            state = node_index[node, STATE]
            if node < low or node >= high:
                owner = 0
                while node >= bounds[owner + 1]:
                    owner += 1
                if all_index[owner, node, STATE] == REACHED and all_number[owner, node, FIRST] <= now:
                    continue
                beyond[beyond_count] = node
                beyond_count += 1
            is_restricted = node_index[index[back, HEAD], STATE] >= RESTRICTED
            if state == FREE:
                node_number[node, FIRST] = now
                node_index[node, BACK] = back
                node_index[node, STATE] = RESTRICTED if is_restricted else REACHED
                first, last = node_index[node, WAYS], node_index[node + 1, WAYS]
            elif state == EACH_TURN:
                first, last = turn_ptr[e], turn_ptr[e + 1]
            elif state == DEAD_END and is_restricted:
                first, last = back, back + 1  # turning round may be the way round a forbidden turn
            elif state == RESTRICTED:
                node_index[node, STATE] = OPENED
                first, last = node_index[node, BACK], node_index[node, BACK] + 1
            else:
                continue
            for a in range(first, last):
                n = turn[a] if state == EACH_TURN else a
                if state == FREE:
                    ahead = node_index[index[n, HEAD], STATE]
                    if n == back or ahead == REACHED or (ahead == DEAD_END and not is_restricted):
                        continue
                else:
                    if label_s[n] != np.inf:
                        continue
                    label_s[n] = now
                if index[n, FOLLOWING] == UNTOUCHED:
                    key = now + number[n, KEY]
                    number[n, KEY] = key
                    index[n, FOLLOWING] = -1
                    if key <= limit:
                        k = int(key * per_s)
                        index[n, FOLLOWING] = bucket[k]
                        bucket[k] = n
    return beyond_count


@njit(cache=True, nogil=True)
def fold_copies(number: Table, index: IntTable, label_s: Times, copied: Ints, edge_s: Times) -> None:
    """An edge is entered as soon as one of its states is. The copies are as before the search then."""
    first = len(number) - len(copied)
    for i in range(len(copied)):
        label_s[copied[i]] = min(label_s[copied[i]], label_s[first + i])
        label_s[first + i] = np.inf
        number[first + i, KEY], index[first + i, FOLLOWING] = edge_s[first + i], UNTOUCHED


@njit(cache=True, nogil=True)
def collect(
    part: int, bounds: Ints, number: Table, index: IntTable, node_number: Table, node_index: IntTable, label_s: Table,
    beyond: IntTable, beyond_counts: Ints, edge_s: Times, kind: Kinds, tail: Ints, spot: Ints, out: Times,
) -> None:  # fmt: skip
    """Write to `out` when each way on from the part's junctions is entered, by whichever search, and make their records as before it."""
    low, high = bounds[part], bounds[part + 1]
    for p in range(part, part + len(number)):
        p %= len(number)
        records = number[p], index[p], node_number[p], node_index[p], label_s[p]
        if p == part:
            collect_from(low, high, *records, edge_s, kind, tail, spot, True, out)
        for i in range(beyond_counts[p]):
            node = beyond[p, i]
            if low <= node < high:
                collect_from(node, node + 1, *records, edge_s, kind, tail, spot, False, out)


@njit(cache=True, nogil=True)
def collect_from(
    low: int, high: int, number: Table, index: IntTable, node_number: Table, node_index: IntTable, label_s: Times,
    edge_s: Times, kind: Kinds, tail: Ints, spot: Ints, is_first: bool, out: Times,
) -> None:  # fmt: skip
    """Set `out`, or lower it where this search is not the first, to when the ways on from junctions are entered in one search.

    The records are as before it then.
    """
    for n in range(node_index[low, WAYS], node_index[high, WAYS]):
        node = tail[n]
        # Both are read and one is chosen: which it is is unforeseeable.
        first_s, later_s = node_number[node, FIRST], label_s[n]
        is_later = (node_index[node, BACK] == n) | (node_index[node, STATE] == EACH_TURN)
        entered_s = later_s if is_later else first_s
        if spot[n] < 0:
            out[~spot[n]] = np.inf
        elif is_first:
            out[spot[n]] = entered_s
        else:
            out[spot[n]] = min(out[spot[n]], entered_s)
        label_s[n] = np.inf
        number[n, KEY], index[n, FOLLOWING] = edge_s[n], UNTOUCHED
    for node in range(low, high):
        node_number[node, FIRST], node_index[node, BACK], node_index[node, STATE] = np.inf, -1, kind[node]


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


def spread_from(layout: TurnLayout, edge: Ints, fraction: Floats, limit_s: float, out: Table) -> None:
    """Fill `out` [2, streets] with the seconds until each street is first entered from either side; inf beyond `limit_s`.

    It is inf as well where it is entered only after the whole of it has been reached from the other side.
    `edge`, `fraction`: where the units are, by the graph's numbers.
    """
    try:
        scratch = layout.pool.pop()
    except IndexError:
        scratch = Scratch(layout)
    edges, nodes, bucket_s = scratch.edges, scratch.nodes, max(BUCKET_S * scratch.parts, limit_s / MAX_BUCKETS)
    index, node_index = edges.view(np.int32), nodes.view(np.int32)
    edge, seed = layout.own[edge], np.empty((scratch.parts, 2 * len(edge)), np.int32)

    def search(part: int) -> None:
        low, high = layout.edge_bounds[part : part + 2].tolist()
        seeds = begin(edge, fraction, layout.unit_s, low, high, edges[part], index[part], seed[part])
        scratch.beyond_counts[part] = spread(
            edges[part], index[part], nodes[part], node_index[part], scratch.label_s[part], layout.turn_ptr, layout.turn,
            seed[part], seeds, float(limit_s), bucket_s, scratch.bucket[part],
            part, layout.bounds, nodes, node_index, scratch.beyond[part],
        )  # fmt: skip
        fold_copies(edges[part], index[part], scratch.label_s[part], layout.copied, layout.edge_s)

    def write(part: int) -> None:
        collect(
            part, layout.bounds, edges, index, nodes, node_index, scratch.label_s, scratch.beyond, scratch.beyond_counts,
            layout.edge_s, layout.kind, layout.tail, layout.spot, out.reshape(-1),
        )  # fmt: skip

    side_by_side(search, scratch.parts)
    side_by_side(write, scratch.parts)
    layout.pool.append(scratch)
