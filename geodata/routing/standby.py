"""Standby advice: where idle units should wait so that as much of the demand as possible is within a few minutes of one of them.

The maximal covering location problem, with three things added that a command room needs: a unit may stay where it is, no
unit is sent farther than a given drive, and no more than a given number is moved at all. It is solved as a mixed-integer
program; the answer says whether it is the best there is, and if that was not proven in time, by how much it may fall short.

An answer comes in time on any streets: of very many units and sites those are looked at that time suffices for, and an arrangement found
by taking the best move again and again stands until the program has a better one.

Demand lies on streets. A street counts as covered when its middle is reached in time, by road, from where a unit waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp
from scipy.sparse import block_array, coo_array, csr_array, eye_array

from geodata.routing.coverage import CoverageSearch
from geodata.routing.nearest import UnitPlacement
from geodata.routing.searches import Floats, Ground, Ints, RoadPoint
from geodata.streets.graph import PROFILES, ProfileName

Bools = NDArray[np.bool_]
_Made = TypeVar("_Made")

# The solver is to stop here, from the question on; what it lacks by then is stated as the gap.
TIME_LIMIT_S = 4.0
# It looks at the clock now and then only: so much later it is waited for no more.
OVERRUN_S = 0.4
# By these shares of the time the units that could be moved, then the sites, are to be looked at; the rest of either is left out.
UNITS_BY, SITES_BY = 0.45, 0.7
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
    movable: int  # units that were looked at as ones to move: all of them, if there was time
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
    model, movable, is_whole = _model(ground, task, begun, time_limit_s)
    nobody = np.full(len(movable), -1, np.int32)
    before = model.covered(nobody)
    site_of, bound, proven = _greedy(model, task.most_moves, begun + time_limit_s), _most(model, task.most_moves), False
    left_s = max(0.0, begun + time_limit_s - time.perf_counter())
    solved = _in_time(lambda: _solve(model, task.most_moves, left_s), left_s + OVERRUN_S) if left_s else None
    if solved is not None:
        chosen, solver_bound, proven = solved
        better = _assigned(model.drive_s, *chosen)
        bound = min(bound, model.settled + solver_bound)
        if model.covered(better) >= model.covered(site_of):
            site_of = better
    if model.covered(site_of) <= before:  # nothing is better
        site_of = nobody
    gains = _without_idle_moves(model, site_of, LEAST_GAIN * total)
    moves = [Move(int(movable[u]), int(site_of[u]), float(model.drive_s[u, site_of[u]]), gain) for u, gain in gains.items()]
    moves.sort(key=lambda move: (-move.gain, move.unit))
    after = model.covered(site_of)
    bound = max(bound if is_whole else total, after)
    proven = is_whole and (proven or bound <= (1.0 + GAP) * after)
    return Advice(tuple(moves), total, before, after, bound, movable=len(movable), proven=proven)


def _model(ground: Ground, task: Task, begun: float, time_limit_s: float) -> tuple[_Model, Ints, bool]:
    """The model, which unit each of its rows is, and whether all units and sites are in it: as many as there was time for."""
    streets = np.flatnonzero(np.arange(len(ground.twin)) < ground.twin).astype(np.int32)
    weight = task.demand[streets] + task.demand[ground.twin[streets]]
    streets, weight = streets[weight > 0], weight[weight > 0]
    middle = np.full(len(streets), 0.5)
    site_edge = np.array([s.edge for s in task.sites], np.int32)
    site_fraction = np.array([s.fraction for s in task.sites], np.float64)
    wanted = np.flatnonzero(task.movable).astype(np.int32)
    by_unit, drive_s = np.zeros((len(wanted), len(streets)), np.bool_), np.full((len(wanted), len(task.sites)), np.inf)
    looked_at = 0
    for row, u in enumerate(wanted.tolist()):
        if row and time.perf_counter() > begun + UNITS_BY * time_limit_s:
            break
        with ground.search(task.units[u], max(task.within_s, task.longest_drive_s), "from", task.profiles[u]) as found:
            by_unit[row] = found.seconds_at(streets, middle)[0] <= task.within_s
            drive_s[row] = found.seconds_at(site_edge, site_fraction)[0]
        looked_at = row + 1
    movable, by_unit, drive_s = wanted[:looked_at], by_unit[:looked_at], drive_s[:looked_at]
    drive_s[drive_s > task.longest_drive_s] = np.inf
    by_site = np.zeros((len(task.sites), len(streets)), np.bool_)
    candidates = np.flatnonzero(np.isfinite(drive_s).any(axis=0)).tolist()
    is_whole = looked_at == len(wanted)
    for k, s in enumerate(candidates):
        if time.perf_counter() > begun + SITES_BY * time_limit_s:
            drive_s[:, candidates[k:]], is_whole = np.inf, False
            break
        with ground.search(task.sites[s], task.within_s, "from", "car") as found:
            by_site[s] = np.isfinite(found.seconds_at(streets, middle)[0])
    by_others = _reached_by_those_who_stay(ground, task, movable, streets)
    settled = float(weight[by_others].sum())
    open_ = ~by_others & (by_unit.any(axis=0) | by_site.any(axis=0))
    reach, grouped = _grouped(np.concatenate([by_unit, by_site])[:, open_], weight[open_])
    return _Model(grouped, reach[: len(movable)], reach[len(movable) :], drive_s, settled), movable, is_whole


def _reached_by_those_who_stay(ground: Ground, task: Task, movable: Ints, streets: Ints) -> Bools:
    """[streets] whose middle one of the others reaches in time: by one search from all of them."""
    stay = np.setdiff1d(np.arange(len(task.units)), movable)
    if not len(stay):
        return np.zeros(len(streets), np.bool_)
    units = [task.units[u] for u in stay.tolist()]
    placed = UnitPlacement(
        np.array([unit.lon for unit in units]),
        np.array([unit.lat for unit in units]),
        np.array([PROFILES.index(task.profiles[u]) for u in stay.tolist()], np.uint8),
        np.array([unit.edge for unit in units], np.int32),
        np.array([unit.fraction for unit in units]),
        np.array([unit.distance_m for unit in units]),
    )
    reach = CoverageSearch(ground).reach(placed, limit_s=task.within_s)
    return np.isfinite(reach.seconds_at(streets, np.full(len(streets), 0.5)))


def _grouped(reach: Bools, weight: Floats) -> tuple[Bools, Floats]:
    """Demand that the very same places reach is one: reach [places, groups] and the groups' weights."""
    packed = np.ascontiguousarray(np.packbits(reach, axis=0).T)
    _, first, group = np.unique(packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_index=True, return_inverse=True)
    return reach[:, first], np.bincount(group, weights=weight, minlength=len(first)).astype(np.float64)


def _greedy(model: _Model, most_moves: int, until: float) -> Ints:
    """[movable] the site of each unit (-1: it stays): the move that gives most now, again and again, until nothing or no time is left."""
    site_of = np.full(len(model.drive_s), -1, np.int32)
    by_site, by_unit = csr_array(model.by_site, dtype=float), model.by_unit.copy()
    drive_s, filled = model.drive_s.copy(), np.zeros(len(model.weight), np.bool_)
    while np.count_nonzero(site_of >= 0) < most_moves and np.isfinite(drive_s).any() and time.perf_counter() < until:
        times = by_unit.sum(axis=0) + filled
        gain = by_site @ (model.weight * (times == 0))
        # What a unit alone reaches is lost when it leaves, but for what is reached from the site as well.
        alone = np.flatnonzero((times == 1) & ~filled)
        owned = csr_array((model.weight[alone], (alone, by_unit[:, alone].argmax(axis=0))), shape=(len(model.weight), len(by_unit)))
        net = gain[None, :] - owned.sum(axis=0)[:, None] + (by_site @ owned).toarray().T
        net[~np.isfinite(drive_s)] = -np.inf
        unit, site = (int(place) for place in np.unravel_index(np.argmax(net), net.shape))
        if net[unit, site] <= 0:
            break
        site_of[unit] = site
        filled |= model.by_site[site]
        by_unit[unit], drive_s[unit], drive_s[:, site] = False, np.inf, np.inf
    chosen = np.flatnonzero(site_of >= 0).astype(np.int32)
    return _assigned(model.drive_s, chosen, np.sort(site_of[chosen]))


def _most(model: _Model, most_moves: int) -> float:
    """What no arrangement exceeds: everybody stays, and the sites that add most to that are filled as if they shared nothing."""
    stays = model.by_unit.any(axis=0)
    gain = np.sort(csr_array(model.by_site, dtype=float) @ np.where(stays, 0.0, model.weight))[::-1]
    more = float(gain[: min(most_moves, len(model.by_unit))].sum())
    return model.settled + min(float(model.weight.sum()), float(model.weight[stays].sum()) + more)


_solving = threading.Lock()


def _in_time(work: Callable[[], _Made], seconds: float) -> _Made | None:
    """What `work` gives; None when it takes longer, or while what took longer before is still at it: that ends by itself.

    Raises what it raises.
    """
    until, made = time.monotonic() + seconds, Future[_Made]()

    def do() -> None:
        try:
            made.set_result(work())
        except BaseException as error:
            made.set_exception(error)
        finally:
            _solving.release()

    if not _solving.acquire(timeout=seconds):
        return None
    # A daemon: the server does not wait for it to end.
    threading.Thread(target=do, name="standby", daemon=True).start()
    try:
        return made.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        return None


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
        moved = site_of >= 0
        times = model.by_unit[~moved].sum(axis=0) + model.by_site[site_of[moved]].sum(axis=0)
        gains = {}
        for u in np.flatnonzero(moved).tolist():
            # Without this move alone: what it alone reaches from there, less what nobody reaches since it left.
            there, before = model.by_site[site_of[u]], model.by_unit[u]
            gains[u] = float(model.weight[(times == 1) & there & ~before].sum() - model.weight[(times == 0) & before].sum())
        idle = min(gains, key=lambda u: (gains[u], -model.drive_s[u, site_of[u]]), default=None)
        if idle is None or gains[idle] >= least:
            return gains
        site_of[idle] = -1
