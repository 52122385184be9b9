"""The search of coverage: from hundreds of places at once, over all turns, to the time each street is first reached from its ends.

Whole cities are reached, so reading memory is what costs. Edges are numbered anew by the junction they leave, so that the ways on from
a junction lie side by side, 16 bytes each. At most junctions a unit may go on by every way but the one it came by. There the first to
arrive enters all ways on but its own way back, and whoever comes later could enter nothing new but that one. The street back is reached by
then, over its whole length, so a later arrival is of use only where a forbidden turn lies on the way the first one has come: it gets to
that junction from another side. Such ways are marked (RESTRICTED) while they grow; everywhere else later arrivals are not even queued.
Where more is forbidden than the way back (`_kind`) each turn is looked at.

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
# Columns of a junction's record; FIRST is a float, the time of the first arrival. STATE: see below.
FIRST, BACK, STATE, WAYS = 0, 1, 2, 3
UNTOUCHED = -2  # in FOLLOWING: never queued
# STATE of a junction. Where all who arrive may go on by every way but the one back:
FREE, REACHED, DEAD_END, RESTRICTED, OPENED, EACH_TURN = 0, 1, 2, 3, 4, 5
# FREE: nobody has arrived. REACHED: somebody has, later ones are of no use. RESTRICTED: the next one will be of use. OPENED: no further one
# is. DEAD_END: nobody is of use but who comes from a forbidden turn, and turns round. EACH_TURN: more is forbidden than the way back.
Table = NDArray[np.float32]
IntTable = NDArray[np.int32]


@njit(cache=True, nogil=True)
def spread(  # noqa: C901 in one piece: handing arrays to helpers counts references in the innermost loop, which doubles the time
    number: Table, index: IntTable, node_number: Table, node_index: IntTable, label_s: Times, turn_ptr: Ints, turn: Ints,
    seed_edge: Ints, seed_key_s: Times, limit_s: float, bucket_s: float, bucket: Ints,
) -> None:  # fmt: skip
    """Fill the junctions' records and `label_s` of the edges that are entered otherwise than by the first arrival.

    All start as in the layout: KEY the edge's seconds (inf: closed), FOLLOWING `UNTOUCHED`, FIRST and `label_s` inf.
    `seed_key_s`: seconds until a unit on the seed's edge leaves it at the head, ascending.
    """
    per_s = 1.0 / bucket_s
    buckets = int(limit_s * per_s) + 1
    bucket[:buckets] = -1
    limit = np.float32(limit_s)
    for i in range(len(seed_edge)):
        e, key = seed_edge[i], seed_key_s[i]
        # Of several units on one edge the foremost leaves it first, and before whoever enters it later.
        if index[e, FOLLOWING] == UNTOUCHED:
            number[e, KEY] = key
            index[e, FOLLOWING] = -1
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


@njit(cache=True, nogil=True)
def write_labels(
    node_number: Table, node_index: IntTable, label_s: Times, own: IntTable, begins: IntTable, time_s: Table, out: Table
) -> None:
    """Write when each street is entered from either side; `own` and `begins`: [2, streets] the edge that begins there and its junction."""
    for side in range(2):
        for s in range(out.shape[1]):
            n, node = own[side, s], begins[side, s]
            # Both are read and one is chosen: which it is is unforeseeable.
            first_s, later_s = node_number[node, FIRST], label_s[n]
            is_later = (node_index[node, BACK] == n) | (node_index[node, STATE] == EACH_TURN)
            entered_s = later_s if is_later else first_s
            out[side, s] = entered_s if time_s[side, s] != np.inf else np.float32(np.inf)


@dataclass(frozen=True)
class TurnLayout:
    """The turns of one profile laid out for the search. Edges are numbered by the junction they leave."""

    own: Ints  # [states] number here of each state of the profile (`geodata.streets.Profile`): edges first, then copies
    sides: IntTable  # [2, streets] numbers here of each street's two edges
    begins: IntTable  # [2, streets] the junctions these leave
    time_s: Table  # [2, streets] seconds for them; inf where closed
    per_s: Table  # [2, streets] share of them that is done in a second; 0 where closed
    edges: Table  # [states, 4] records before a search
    nodes: Table  # [junctions + 1, 4] the same; the last only ends the ways of the one before
    turn_ptr: Ints  # [states + 1]
    turn: Ints  # [turns]
    copied: Ints  # [copies] numbers here of the edges that have copies; the copies are the last states, in this order

    @classmethod
    def of(cls, ground: Ground, pace: str, sides: IntTable) -> TurnLayout:
        """`sides`: [2, streets] the graph's two edges of each street. Some 50 ms for 250,000 edges."""
        profile = ground.profiles[pace]
        of_state = profile.state_edge
        size, junctions, edge_count = len(of_state), len(ground.graph.node_x), len(profile.time_s)
        tail, head = (np.asarray(a)[of_state] for a in (ground.graph.tail, ground.graph.head))
        twin = ground.twin[of_state]
        # Copies lie behind all edges: they are no ways that somebody without their history could take.
        number_of = np.concatenate([np.argsort(tail[:edge_count], kind="stable"), np.arange(edge_count, size)]).astype(np.int32)
        own = np.empty(size, np.int32)
        own[number_of] = np.arange(size, dtype=np.int32)
        edges = np.empty((size, 4), np.float32)
        index = edges.view(np.int32)
        edges[:, KEY] = ground.state_s[pace][number_of]
        index[:, HEAD], index[:, FOLLOWING], index[:, TWIN] = head[number_of], UNTOUCHED, own[twin[number_of]]
        nodes = np.full((junctions + 1, 4), np.inf, np.float32)
        node_index = nodes.view(np.int32)
        node_index[:, BACK] = -1
        node_index[:-1, STATE] = _kind(profile, tail, head, twin, junctions)
        node_index[:, WAYS] = np.searchsorted(tail[number_of[:edge_count]], np.arange(junctions + 1))
        counts = np.diff(profile.next_ptr)[number_of]
        turn_ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        place = np.arange(len(profile.next_edge)) - np.repeat(turn_ptr[:-1], counts) + np.repeat(profile.next_ptr[number_of], counts)
        time_s = profile.time_s[sides]
        per_s = (1.0 / time_s.astype(np.float64)).astype(np.float32)
        turn, copied = own[profile.next_edge[place]], own[profile.copy_of]
        return cls(own, own[sides], tail[sides], time_s, per_s, edges, nodes, turn_ptr, turn, copied)


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


def spread_from(layout: TurnLayout, scratch: Scratch, seed_edge: Ints, seed_key_s: Times, limit_s: float, out: Table) -> None:
    """Fill `out` [2, streets] with the seconds until each street is first entered from either side; inf beyond `limit_s`.

    It is inf as well where it is entered only after the whole of it has been reached from the other side.
    A seed is a unit on an edge and the seconds until it leaves that edge at its head.
    """
    order = np.argsort(seed_key_s, kind="stable")
    scratch.fresh(layout)
    edges, nodes, bucket_s = scratch.edges, scratch.nodes, max(BUCKET_S, limit_s / MAX_BUCKETS)
    spread(
        edges, edges.view(np.int32), nodes, nodes.view(np.int32), scratch.label_s, layout.turn_ptr, layout.turn,
        layout.own[seed_edge[order]], seed_key_s[order], float(limit_s), bucket_s, scratch.bucket,
    )  # fmt: skip
    # An edge is entered as soon as one of its states is.
    np.minimum.at(scratch.label_s, layout.copied, scratch.label_s[len(layout.edges) - len(layout.copied) :])
    write_labels(nodes, nodes.view(np.int32), scratch.label_s, layout.sides, layout.begins, layout.time_s, out)
