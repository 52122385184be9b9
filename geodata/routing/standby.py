"""Standby advice: where idle units should wait so that as much of the demand as possible is within a few minutes of one of them.

The maximal covering location problem, with three things added that a command room needs: a unit may stay where it is, no
unit is sent farther than a given drive, and no more than a given number is moved at all. It is solved as a mixed-integer
program; the answer says whether it is the best there is, and if that was not proven in time, by how much it may fall short.

Demand lies on streets. A street counts as covered when its middle is reached in time, by road, from where a unit waits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp
from scipy.sparse import block_array, coo_array, csr_array, eye_array

from geodata.routing.searches import Floats, Ground, Ints, RoadPoint
from geodata.streets.graph import ProfileName

Bools = NDArray[np.bool_]

# The solver is to stop here, from the question on; what it lacks by then is stated as the gap. It looks at the clock now and then only.
TIME_LIMIT_S = 4.0
LEAST_SOLVING_S = 1.0  # also where reaching out to all sites took longer
# The solver may stop when no arrangement covers more than this share beyond what it has.
GAP = 1e-4
# A move counts when it adds at least this share of all demand; less is what rounding makes.
LEAST_GAIN = 1e-6
_NO_DRIVE_S = 1e9  # dearer than all drives that are short enough together


@dataclass(frozen=True)
class Task:
    """What is asked. Units that are not `movable` stay and cover what they cover."""

    units: Sequence[RoadPoint]
    profiles: Sequence[ProfileName]  # [units] decides how far each reaches
    movable: Bools  # [units] only those by car can be
    sites: Sequence[RoadPoint]  # where a unit could wait
    demand: Floats  # [edges] weight of each directed edge; the two of a street add up
    within_s: float = 180.0
    longest_drive_s: float = 600.0
    most_moves: int = 20


@dataclass(frozen=True)
class Move:
    """One unit to one site. `gain`: demand that would not be covered if this move alone were left out."""

    unit: int
    site: int
    drive_s: float
    gain: float


@dataclass(frozen=True)
class Advice:
    """Moves, greatest gain first, and the demand covered without and with them."""

    moves: tuple[Move, ...]
    total: float  # all demand
    before: float
    after: float
    bound: float  # no arrangement that the task allows covers more
    proven: bool  # `after` is the best there is, to within `GAP`

    @property
    def gap(self) -> float:
        """By what share of itself `after` may fall short of the best."""
        return max(0.0, self.bound / self.after - 1.0) if self.after > 0 else 0.0


@dataclass(frozen=True)
class _Model:
    """Demand that the movable units decide about, grouped by who reaches it."""

    weight: Floats  # [groups]
    by_unit: Bools  # [movable, groups] reached from where the unit is
    by_site: Bools  # [sites, groups]
    drive_s: Floats  # [movable, sites] inf: too far
    settled: float  # demand that the others cover anyway

    def covered(self, site_of: Ints) -> float:
        """Demand covered when each movable unit is at its site, or where it was (-1)."""
        moved = site_of >= 0
        reached = self.by_unit[~moved].any(axis=0) | self.by_site[site_of[moved]].any(axis=0)
        return self.settled + float(self.weight[reached].sum())


def advise(ground: Ground, task: Task, time_limit_s: float = TIME_LIMIT_S) -> Advice:
    """The best arrangement that the task allows. Raises ValueError when a unit that is no car is called movable."""
    if any(profile != "car" for profile, movable in zip(task.profiles, task.movable, strict=True) if movable):
        raise ValueError("Only cars are moved about for standby. Give others as units that stay.")
    total, begun = float(task.demand.sum()), time.perf_counter()
    model, movable = _model(ground, task)
    nobody = np.full(len(movable), -1, np.int32)
    before = model.covered(nobody)
    solving_s = max(LEAST_SOLVING_S, time_limit_s - (time.perf_counter() - begun))
    chosen, bound, proven = _solve(model, task.most_moves, solving_s)
    site_of = _assigned(model.drive_s, *chosen)
    if model.covered(site_of) <= before:  # out of time with nothing better
        site_of = nobody
    gains = _without_idle_moves(model, site_of, LEAST_GAIN * total)
    moves = [Move(int(movable[u]), int(site_of[u]), float(model.drive_s[u, site_of[u]]), gain) for u, gain in gains.items()]
    moves.sort(key=lambda move: (-move.gain, move.unit))
    after = model.covered(site_of)
    return Advice(tuple(moves), total, before, after, max(model.settled + bound, after), proven)


def _model(ground: Ground, task: Task) -> tuple[_Model, Ints]:
    """The model, and which unit each of its rows is."""
    streets = np.flatnonzero(np.arange(len(ground.twin)) < ground.twin).astype(np.int32)
    weight = task.demand[streets] + task.demand[ground.twin[streets]]
    streets, weight = streets[weight > 0], weight[weight > 0]
    site_edge = np.array([s.edge for s in task.sites], np.int32)
    site_fraction = np.array([s.fraction for s in task.sites], np.float64)
    movable = np.flatnonzero(task.movable).astype(np.int32)
    by_others = np.zeros(len(streets), np.bool_)
    by_unit, drive_s = np.zeros((len(movable), len(streets)), np.bool_), np.full((len(movable), len(task.sites)), np.inf)
    for u, unit in enumerate(task.units):
        profile = task.profiles[u]
        row = int(np.searchsorted(movable, u))
        if row < len(movable) and movable[row] == u:
            with ground.search(unit, max(task.within_s, task.longest_drive_s), "from", profile) as found:
                by_unit[row] = found.seconds_at(streets, np.full(len(streets), 0.5))[0] <= task.within_s
                drive_s[row] = found.seconds_at(site_edge, site_fraction)[0]
        else:
            by_others |= _reached(ground, unit, streets, task.within_s, profile)
    drive_s[drive_s > task.longest_drive_s] = np.inf
    by_site = np.zeros((len(task.sites), len(streets)), np.bool_)
    for s in np.flatnonzero(np.isfinite(drive_s).any(axis=0)).tolist():
        by_site[s] = _reached(ground, task.sites[s], streets, task.within_s, "car")
    settled = float(weight[by_others].sum())
    open_ = ~by_others & (by_unit.any(axis=0) | by_site.any(axis=0))
    reach, grouped = _grouped(np.concatenate([by_unit, by_site])[:, open_], weight[open_])
    return _Model(grouped, reach[: len(movable)], reach[len(movable) :], drive_s, settled), movable


def _reached(ground: Ground, point: RoadPoint, streets: Ints, within_s: float, profile: ProfileName) -> Bools:
    """[streets] whose middle is reached from the point in time."""
    with ground.search(point, within_s, "from", profile) as found:
        return np.isfinite(found.seconds_at(streets, np.full(len(streets), 0.5))[0])


def _grouped(reach: Bools, weight: Floats) -> tuple[Bools, Floats]:
    """Demand that the very same places reach is one: reach [places, groups] and the groups' weights."""
    packed = np.ascontiguousarray(np.packbits(reach, axis=0).T)
    _, first, group = np.unique(packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_index=True, return_inverse=True)
    return reach[:, first], np.bincount(group, weights=weight, minlength=len(first)).astype(np.float64)


def _solve(model: _Model, most_moves: int, time_limit_s: float) -> tuple[tuple[Ints, Ints], float, bool]:
    """Which units move and which sites they fill (not yet who goes where), what no solution exceeds, and whether that is proven.

    Variables: per group the share covered, per site whether it is filled, per unit whether it moves, per drive that is short
    enough whether it is made. Only sites and units need be whole: who goes where is then a transport problem, which is.
    """
    units, sites = model.drive_s.shape
    groups = len(model.weight)
    who, where = np.nonzero(np.isfinite(model.drive_s))
    drives = len(who)
    one = np.ones(drives)
    leaves = coo_array((one, (who, np.arange(drives))), shape=(units, drives))
    fills = coo_array((one, (where, np.arange(drives))), shape=(sites, drives))
    rows = block_array(
        [
            # Covered only by a site that is filled or a unit that stays: covered - filled + moved ≤ units that reach it.
            [eye_array(groups), -csr_array(model.by_site.T, dtype=float), csr_array(model.by_unit.T, dtype=float), None],
            [None, eye_array(sites), None, -fills],
            [None, None, eye_array(units), -leaves],
            [None, None, csr_array(np.ones((1, units))), None],
        ],
        format="csc",
    )
    stay = model.by_unit.sum(axis=0).astype(float)
    upper = np.concatenate([stay, np.zeros(sites + units), [float(most_moves)]])
    lower = np.concatenate([np.full(groups, -np.inf), np.zeros(sites + units), [0.0]])
    size = groups + sites + units + drives
    cost, whole = np.zeros(size), np.zeros(size)
    cost[:groups] = -model.weight
    whole[groups : groups + sites + units] = 1
    found = milp(
        cost,
        integrality=whole,
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(rows, lower, upper),
        options={"time_limit": time_limit_s, "mip_rel_gap": GAP},
    )
    bound = -float(found.mip_dual_bound) if found.mip_dual_bound is not None else float(model.weight.sum())
    if found.x is None:
        none = np.zeros(0, np.int32)
        return (none, none), bound, False
    is_on = found.x[groups : groups + sites + units] > 0.5
    return (np.flatnonzero(is_on[sites:]).astype(np.int32), np.flatnonzero(is_on[:sites]).astype(np.int32)), bound, found.status == 0


def _assigned(drive_s: Floats, moving: Ints, filled: Ints) -> Ints:
    """[movable] the site of each unit (-1: it stays), so that the drives together are shortest."""
    site_of = np.full(len(drive_s), -1, np.int32)
    cost = drive_s[np.ix_(moving, filled)]
    who, where = linear_sum_assignment(np.where(np.isfinite(cost), cost, _NO_DRIVE_S))
    possible = np.isfinite(cost[who, where])
    site_of[moving[who[possible]]] = filled[where[possible]]
    return site_of


def _without_idle_moves(model: _Model, site_of: Ints, least: float) -> dict[int, float]:
    """Gain of each move, after those that add nothing were taken back in `site_of`, the least useful first."""
    while True:
        after = model.covered(site_of)
        gains = {}
        for u in np.flatnonzero(site_of >= 0).tolist():
            without = site_of.copy()
            without[u] = -1
            gains[u] = after - model.covered(without)
        idle = min(gains, key=lambda u: (gains[u], -model.drive_s[u, site_of[u]]), default=None)
        if idle is None or gains[idle] >= least:
            return gains
        site_of[idle] = -1
