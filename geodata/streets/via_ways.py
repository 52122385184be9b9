"""Restrictions over ways in a search that forgets: copies of the edges that a forbidden run leads over.

A search that knows only the edge a unit is on can forbid pairs of edges and nothing longer. So the edges within a forbidden run
are there once more for those who have come along it from its beginning. A copy remembers the longest such beginning;
whoever leaves the run is back on the plain edges. (It is the automaton of Aho and Corasick over the edges driven.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geodata.streets.graph import Profile
from geodata.streets.restrictions import Run

Numbers = NDArray[np.int64]


def with_copies(source: Numbers, target: Numbers, runs: Iterable[Run], edges: int) -> tuple[Numbers, Numbers, NDArray[np.int32]]:
    """Turns between states instead of edges, so that no forbidden run can be driven; and the edge of each copy.

    `source`, `target`: allowed turns between edges, no U-turns. State `edges + c` is copy c.
    """
    runs = set(runs)
    row_of: dict[int, dict[int, int]] = defaultdict(dict)  # edge → next edge → row of the turn
    for row in np.flatnonzero(np.isin(source, np.array(sorted({e for run in runs for e in run[:-1]}), np.int64))).tolist():
        row_of[int(source[row])][int(target[row])] = row
    # A run that something else forbids already needs no copies.
    runs = {run for run in runs if all(f in row_of[e] for e, f in pairwise(run))}
    beginnings = sorted({run[:n] for run in runs for n in range(2, len(run))})
    state_of = {beginning: edges + c for c, beginning in enumerate(beginnings)}

    target = target.copy()
    more_source, more_target = [], []
    for beginning, state in state_of.items():
        if len(beginning) == 2:
            target[row_of[beginning[0]][beginning[1]]] = state
        for onward in row_of[beginning[-1]]:
            come_over = (*beginning, onward)
            ends = [come_over[i:] for i in range(len(beginning))]  # longest first, at least two edges
            if runs.isdisjoint(ends):
                more_source.append(state)
                more_target.append(next((state_of[end] for end in ends if end in state_of), onward))
    return (
        np.concatenate([source, np.array(more_source, np.int64)]),
        np.concatenate([target, np.array(more_target, np.int64)]),
        np.array([beginning[-1] for beginning in beginnings], np.int32),
    )


class CopiedStates:
    """The states of one profile, made ready for searching."""

    def __init__(self, profile: Profile) -> None:
        self.count = len(profile.copy_of)
        self._copy_of = profile.copy_of
        self._states: dict[int, list[int]] = {}
        for c, edge in enumerate(profile.copy_of.tolist()):
            self._states.setdefault(edge, []).append(len(profile.time_s) + c)

    def times(self, time_s: NDArray[np.float32]) -> NDArray[np.float32]:
        """[states] from [edges]: a copy takes as long as its edge."""
        return np.concatenate([time_s, time_s[self._copy_of]]) if self.count else time_s

    def seeds(self, edge: NDArray[np.int32], towards: bool) -> tuple[NDArray[np.int32], NDArray[np.int32] | slice]:
        """The states to begin from for a point on `edge` (one or two), and the index of each one's edge.

        A point on a copied edge is come to in any state; who starts there is on the plain edge.
        """
        more = [(state, i) for i, e in enumerate(edge.tolist()) for state in self._states.get(e, ())] if towards and self.count else []
        if not more:
            return edge, slice(None)
        states, of = zip(*more, strict=True)
        return np.append(edge, np.array(states, np.int32)), np.array([*range(len(edge)), *of], np.int32)
