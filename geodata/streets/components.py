"""How well a street graph hangs together: what can be reached from where, in figures for the report."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from geodata.streets.graph import Profile, StreetGraph


def component_figures(graph: StreetGraph, profile: Profile) -> dict[str, Any]:
    """Strongly connected components of the profile's edges and turns: inside one, every edge can be reached from every other.

    `components`: how many; `largest_share`: share of the profile's directed street length in the largest one;
    `dead_edges`: edges that lead nowhere, such as a one-way street cut off at the border of the extract.
    """
    state_edge = profile.state_edge
    usable = np.isfinite(profile.time_s)
    if not usable.any():
        return {"components": 0, "largest_share": 0.0, "dead_edges": 0}
    ones = np.ones(len(profile.next_edge), dtype=np.int8)
    turns = csr_matrix((ones, profile.next_edge, profile.next_ptr), shape=(len(state_edge), len(state_edge)))
    _, label = connected_components(turns, directed=True, connection="strong")
    # Copies of edges join others together; the street itself counts once.
    label = label[: graph.edge_count]
    length_m = np.bincount(label[usable], graph.length_m[usable])
    return {
        "components": len(np.unique(label[usable])),
        "largest_share": round(float(length_m.max() / length_m.sum()), 4),
        "dead_edges": int((usable & (np.diff(profile.next_ptr)[: graph.edge_count] == 0)).sum()),
    }
