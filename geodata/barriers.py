"""Barriers on streets: posts that stop a car, gates that delay it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# What opening a gate or a toll bar costs, counted once a passage.
GATE_DELAY_S = 10.0
_PASSABLE_BARRIERS = frozenset(
    {
        "gate",
        "lift_gate",
        "swing_gate",
        "sliding_gate",
        "toll_booth",
        "border_control",
        "checkpoint",
        "bump_gate",
        "cattle_grid",
        "chain",
        "entrance",
        "sally_port",
        "height_restrictor",
        "kerb",
    }
)
_NO_DELAY_BARRIERS = frozenset({"cattle_grid", "entrance", "height_restrictor", "kerb"})


@dataclass(frozen=True)
class Barriers:
    is_cut: NDArray[np.bool_]  # [source nodes] the street is cut here
    blocks: NDArray[np.bool_]  # [source nodes] no car passes
    delay_s: NDArray[np.float64]  # [source nodes]

    @classmethod
    def of(cls, node_tags: Mapping[int, Mapping[str, str]], node_ids: NDArray[np.int64], counts: Counter[str]) -> Barriers:
        blocks = np.zeros(len(node_ids), dtype=bool)
        delay_s = np.zeros(len(node_ids))
        for node_id, tags in node_tags.items():
            at = int(np.searchsorted(node_ids, node_id))
            if "barrier" not in tags or at == len(node_ids) or node_ids[at] != node_id:
                continue
            blocks[at] = not _lets_police_in(tags)
            delay_s[at] = 0.0 if blocks[at] or tags["barrier"] in _NO_DELAY_BARRIERS else GATE_DELAY_S
            counts["barrier_closed_to_cars" if blocks[at] else "barrier_passable"] += 1
        return cls(blocks | (delay_s > 0), blocks, delay_s)


def _lets_police_in(tags: Mapping[str, str]) -> bool:
    if tags["barrier"] in _PASSABLE_BARRIERS:
        return True
    if tags["barrier"] == "bollard" and tags.get("bollard") in ("removable", "rising", "foldable"):
        return True
    return any(tags.get(key) in ("yes", "designated", "permissive") for key in ("emergency", "motorcar", "motor_vehicle", "vehicle"))
