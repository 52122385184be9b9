"""The search of coverage: from hundreds of places at once, over all turns, to the time each street is first reached from its ends.

Whole cities are reached, so reading memory is what costs. Edges are numbered anew by the junction they leave, so that the ways on from
a junction lie side by side, 16 bytes each. At most junctions a unit may go on by every way but the one it came by. There the first to
arrive enters all ways on but its own way back, and whoever comes later could enter nothing new but that one. The street back is reached by
then, over its whole length, so a later arrival is of use only where a forbidden turn lies on the way the first one has come: it gets to
that junction from another side. Such ways are marked (RESTRICTED) while they grow; everywhere else later arrivals are not even queued.
Where more is forbidden than the way back (`geodata.routing.turn_layout`) each turn is looked at.

Edges leave a row of buckets in order of time, the smallest of a bucket first, so that every time is final when it is written and each edge
is queued once. The buckets are so narrow that two in three are empty and most others hold one edge; a bit says of each whether it holds
any, since a question with an unforeseeable answer, asked of every bucket, costs more. Times are exact to the rounding of 32-bit floats
(30 µs at five minutes).

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

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from geodata.routing.cores import side_by_side
from geodata.routing.searches import Floats, Ints, Times
from geodata.routing.turn_layout import (
    BACK,
    DEAD_END,
    EACH_TURN,
    FIRST,
    FOLLOWING,
    FREE,
    HEAD,
    KEY,
    MAX_BUCKETS,
    OPENED,
    REACHED,
    RESTRICTED,
    STATE,
    TWIN,
    UNTOUCHED,
    WAYS,
    IntTable,
    Kinds,
    Scratch,
    Table,
    TurnLayout,
)

# Fastest of 1/64 to 1/1024 s with 250,000 edges within five minutes. Two parts have half the edges each, and buckets twice as wide.
BUCKET_S = 1.0 / 1024.0
ONE_BIT = np.uint64(1)


@intrinsic
def lowest_bit(_typing: Any, _word: Any) -> Any:
    """The number of the lowest bit that is set in a word: one instruction of the processor, which numba has no name for."""

    def instruction(context: Any, builder: Any, _signature: Any, words: Any) -> Any:
        return builder.cttz(words[0], context.get_constant(types.boolean, True))

    return types.int64(types.uint64), instruction


@njit(cache=True, nogil=True)
def fetch(records: IntTable, low: int, high: int) -> int:
    """Read through the records from `low` up to `high`: in order that is fast, and a search that comes upon them one by one waits less.

    Between two questions other work has the processor's memory. All records are needed, if not by the search then by `collect`.
    """
    seen = 0
    for i in range(low, high, 4):  # four are fetched at a time
        seen ^= records[i, 0]
    return seen


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
    filled = np.zeros((buckets >> 6) + 1, np.uint64)
    for i in range(seeds):
        e = seed[i]
        key = number[e, KEY]
        if key <= limit:
            k = int(key * per_s)
            index[e, FOLLOWING] = bucket[k]
            bucket[k] = e
            filled[k >> 6] |= ONE_BIT << np.uint64(k & 63)
    for word in range(len(filled)):
        while filled[word] != 0:
            b = (word << 6) + lowest_bit(filled[word])  # type: ignore[call-arg]  # numba itself gives the first
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
                if bucket[b] == -1:
                    filled[word] ^= ONE_BIT << np.uint64(b & 63)
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
                        filled[k >> 6] |= ONE_BIT << np.uint64(k & 63)
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
        fetch(index[part], low, high)
        fetch(node_index[part], *layout.bounds[part : part + 2].tolist())
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
