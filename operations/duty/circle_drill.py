"""The drill: who is really inside a duty circle now, against who should be. Pure, over one moment.

A crew counts for a force when it is of its kind and organisation, could be sent, its position is fresh, and it is within the
tier's area or can be at the place within the tier's minutes by road, turnout left aside. No crew counts twice.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from dispatch.duty_circles import KEPT_CREW, DutyCircle, Force, Gate, Tier
from dispatch.model import UnitStatus
from dispatch.rules.guards import DEPLOYABLE
from geodata.districts.drawn_areas import holds
from operations.duty.duty_circles import Reach, fits
from operations.situation.candidates import OLD_FIX_S, Sighting
from operations.tracking.positions import distance_m

# Who stands so near closes the gate: a crossing, and what a position in a street of houses may be off.
GATE_REACH_M = 80.0
# Weighs a crew that is inside before one that has yet to come, whatever its time.
_COMING = 10.0
_NEVER = 1e6

Json = dict[str, Any]


@dataclass(frozen=True)
class Present:
    """One crew the reader may see, near the circle or able to be there in time."""

    sighting: Sighting  # `eta_s` to the place; inf where it is farther than the widest tier's minutes
    status: UnitStatus  # by the clock: off duty is out of service

    @property
    def why_not(self) -> str:
        """Why it can't be counted on: old_position, or its status; empty when it can."""
        if self.sighting.fix_age_s > OLD_FIX_S:
            return "old_position"
        return "" if self.status in DEPLOYABLE else str(self.status)


def compare(circle: DutyCircle, present: Sequence[Present], hidden_crews: Collection[str], reach: Reach) -> Json:
    """Per tier: forces with the crews that make them and how many are missing, gates with who stands there, further crews inside.

    `hidden_crews`: unit_ids that the reader may not know of; of a gate that is theirs it is not told whether they stand there.
    """
    lon, lat = [one.sighting.lon for one in present], [one.sighting.lat for one in present]
    is_old = np.array([one.sighting.fix_age_s > OLD_FIX_S for one in present], np.bool_)
    inside = [holds(tier.area, lon, lat) if present else np.zeros(0, bool) for tier in circle.tiers]
    made = _made(circle, present, inside, reach)
    used = {k for crews in made.values() for k in crews}
    tiers = []
    shown: set[int] = set()  # a further crew stands under the shortest tier that holds it
    for number, tier in enumerate(circle.tiers):
        forces = [
            _force_view(force, [_row(present[k], inside[number][k], tier) for k in made.get((number, at), ())])
            for at, force in enumerate(tier.forces)
        ]
        further = [k for k in range(len(present)) if inside[number][k] and k not in used and k not in shown]
        shown |= set(further)
        tiers.append(
            {
                "minutes": tier.minutes,
                "forces": forces,
                "missing": sum(force["missing"] for force in forces),
                "gates": [_gate_view(gate, present, hidden_crews) for gate in tier.gates],
                "further": [_row(present[k], True, tier) for k in further],
                "inside": int(np.count_nonzero(inside[number])),
                "inside_old": int(np.count_nonzero(inside[number] & is_old)),  # of these: were inside when last heard of
            }
        )
    gates = [gate for tier in tiers for gate in tier["gates"]]
    return {
        "tiers": tiers,
        "expected": sum(force.count for tier in circle.tiers for force in tier.forces),
        "missing": sum(tier["missing"] for tier in tiers),
        "gates": len(gates),
        "gates_unmanned": sum(gate["state"] == "unmanned" for gate in gates),
    }


def _made(circle: DutyCircle, present: Sequence[Present], inside: Sequence[Any], reach: Reach) -> dict[tuple[int, int], list[int]]:
    """(tier, force) → indices of the crews that make it: as many places as can be are filled, those inside before those coming."""
    places = [(t, f, force) for t, tier in enumerate(circle.tiers) for f, force in enumerate(tier.forces) for _ in range(force.count)]
    able = [k for k, one in enumerate(present) if not one.why_not]
    if not places or not able:
        return {}
    cost = np.full((len(places), len(able)), _NEVER)
    for row, (t, _, force) in enumerate(places):
        limit_s = 60.0 * circle.tiers[t].minutes
        for column, k in enumerate(able):
            one = present[k].sighting
            if fits(one.unit, force, reach) and (inside[t][k] or one.eta_s <= limit_s):
                cost[row, column] = (0.0 if inside[t][k] else _COMING) + min(one.eta_s, 3600.0) / 3600.0
    made: dict[tuple[int, int], list[int]] = {}
    for row, column in zip(*linear_sum_assignment(cost), strict=True):
        if cost[row, column] < _NEVER:
            made.setdefault(places[row][:2], []).append(able[column])
    return made


def _force_view(force: Force, crews: list[Json]) -> Json:
    crews.sort(key=lambda row: (not row["inside"], row["eta_s"] is None, row["eta_s"] or 0.0, row["callsign"]))
    head = {"org_code": force.org_code, "kind": force.kind, "count": force.count, "text": force.text}
    return head | {"crews": crews, "missing": force.count - len(crews)}


def _row(one: Present, is_inside: bool, tier: Tier) -> Json:
    sighting = one.sighting
    return {
        "unit_id": sighting.unit.unit_id,
        "callsign": sighting.unit.callsign,
        "kind": sighting.unit.kind,
        "org_code": sighting.unit.org_code,
        "status": one.status,
        "inside": bool(is_inside),
        "eta_s": round(sighting.eta_s, 1) if math.isfinite(sighting.eta_s) else None,
        "in_time": sighting.eta_s <= 60.0 * tier.minutes,
        "fix_age_s": round(sighting.fix_age_s, 1),
        "why_not": one.why_not,
    }


def _gate_view(gate: Gate, present: Sequence[Present], hidden_crews: Collection[str]) -> Json:
    """`state`: manned, by the crew named or any where none is; other: somebody else stands there; unmanned; unknown: its crew is hidden."""
    fresh = [one for one in present if one.sighting.fix_age_s <= OLD_FIX_S and one.status != UnitStatus.OUT_OF_SERVICE]
    there = [(float(distance_m(gate.lon, gate.lat, one.sighting.lon, one.sighting.lat)), one) for one in fresh]
    near = sorted(((metres, one) for metres, one in there if metres <= GATE_REACH_M), key=lambda pair: pair[0])
    named = next((one for _, one in near if one.sighting.unit.unit_id == gate.unit_id), None)
    by = named or (near[0][1] if near else None)
    is_hidden = gate.unit_id in hidden_crews
    state = "unknown" if is_hidden and by is None else "unmanned" if by is None else "manned" if not gate.unit_id or named else "other"
    return {
        "name": gate.name,
        "lon": gate.lon,
        "lat": gate.lat,
        "unit_id": KEPT_CREW if is_hidden else gate.unit_id,
        "text": gate.text,
        "state": state,
        "by": None if by is None else by.sighting.unit.callsign,
    }
