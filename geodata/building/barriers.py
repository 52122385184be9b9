"""Barriers on streets: posts that stop a car, stiles that stop an e-bike too, gates that delay both."""

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
# What nobody lifts an e-bike over.
_STOPS_EBIKES = frozenset(
    {"stile", "turnstile", "full-height_turnstile", "kissing_gate", "horse_stile", "wall", "city_wall", "retaining_wall"}
    | {"fence", "hedge", "ditch", "guard_rail", "jersey_barrier", "debris"}
)
_OPEN = frozenset({"yes", "designated", "permissive"})


@dataclass(frozen=True)
class Barriers:
    is_cut: NDArray[np.bool_]  # [source nodes] the street is cut here
    blocks: NDArray[np.bool_]  # [source nodes] no car passes
    blocks_ebike: NDArray[np.bool_]  # [source nodes]
    delay_s: NDArray[np.float64]  # [source nodes] for those that pass and are not on foot

    @classmethod
    def of(
        cls, node_tags: Mapping[int, Mapping[str, str]], node_ids: NDArray[np.int64], closed_ways_pass: bool, counts: Counter[str]
    ) -> Barriers:
        """`closed_ways_pass`: a gate that is closed to all is opened; else it stops everybody but those on foot."""
        blocks, blocks_ebike = np.zeros(len(node_ids), dtype=bool), np.zeros(len(node_ids), dtype=bool)
        delay_s = np.zeros(len(node_ids))
        for node_id, tags in node_tags.items():
            at = int(np.searchsorted(node_ids, node_id))
            if "barrier" not in tags or at == len(node_ids) or node_ids[at] != node_id:
                continue
            is_shut = not closed_ways_pass and _is_closed(tags)
            blocks[at] = is_shut or not _lets_police_in(tags)
            blocks_ebike[at] = is_shut or (tags["barrier"] in _STOPS_EBIKES and tags.get("bicycle") not in _OPEN)
            delay_s[at] = 0.0 if blocks[at] or tags["barrier"] in _NO_DELAY_BARRIERS else GATE_DELAY_S
            counts["barrier_closed_to_cars" if blocks[at] else "barrier_passable"] += 1
        return cls(blocks | blocks_ebike | (delay_s > 0), blocks, blocks_ebike, delay_s)


def _is_closed(tags: Mapping[str, str]) -> bool:
    """Locked, or closed to all by its tags; a gate that says nothing of access is one to be opened."""
    if any(tags.get(key) in _OPEN for key in ("emergency", "motorcar", "motor_vehicle", "vehicle", "bus", "psv")):
        return False
    return tags.get("locked") == "yes" or tags.get("access") in ("no", "private")


def _lets_police_in(tags: Mapping[str, str]) -> bool:
    if tags["barrier"] in _PASSABLE_BARRIERS:
        return True
    if tags["barrier"] == "bollard" and tags.get("bollard") in ("removable", "rising", "foldable"):
        return True
    return any(tags.get(key) in _OPEN for key in ("emergency", "motorcar", "motor_vehicle", "vehicle", "bus", "psv"))
