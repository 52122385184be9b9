"""Allowed turns of a profile: which directed edge may follow which, restrictions and barriers applied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geodata.streets.graph import Profile
from geodata.streets.restrictions import TurnRules
from geodata.streets.via_ways import with_copies


def build_profile(
    name: str,
    time_s: NDArray[np.float32],
    tail: NDArray[np.int32],
    head: NDArray[np.int32],
    twin: NDArray[np.int32],
    blocked_node: NDArray[np.bool_],
    rules: TurnRules,
) -> Profile:
    """Turns between the edges with finite time.

    `blocked_node[n]`: nobody passes node n, only back again. An edge that no other edge may follow leads back into its
    twin: dead ends, barriers, over-restricted crossings.
    """
    edges = len(tail)
    usable = np.isfinite(time_s)
    leaving = np.flatnonzero(usable)
    leaving = leaving[np.argsort(tail[leaving], kind="stable")]
    node_count = len(blocked_node)
    leaving_ptr = np.searchsorted(tail[leaving], np.arange(node_count + 1))

    arriving = np.flatnonzero(usable)
    degree = (leaving_ptr[head[arriving] + 1] - leaving_ptr[head[arriving]]) * ~blocked_node[head[arriving]]
    source = np.repeat(arriving, degree)
    offset = np.arange(len(source)) - np.repeat(np.cumsum(degree) - degree, degree)
    target = leaving[np.repeat(leaving_ptr[head[arriving]], degree) + offset]
    keep = target != twin[source]
    if len(rules.pairs):
        keep &= ~np.isin(source * np.int64(edges) + target, rules.pairs)
    source, target, copy_of = with_copies(source[keep], target[keep], rules.runs, edges)

    state_edge = np.concatenate([np.arange(edges), copy_of])
    stuck = usable[state_edge]
    stuck[source] = False
    turning = np.flatnonzero(stuck & usable[twin[state_edge]])
    source = np.concatenate([source, turning])
    target = np.concatenate([target, twin[state_edge[turning]]])

    next_ptr, next_edge = _csr(source, target, len(state_edge))
    previous_ptr, previous_edge = _csr(target, source, len(state_edge))
    return Profile(name, time_s, next_ptr, next_edge, previous_ptr, previous_edge, copy_of)


def _csr(rows: NDArray[np.int64], columns: NDArray[np.int64], states: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    order = np.lexsort((columns, rows))
    pointer = np.zeros(states + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=states), out=pointer[1:])
    return pointer, columns[order].astype(np.int32)
