"""The ways that cars may have come: how they go on with a fix, and what they have in common. Numba kernels of map matching.

A car has up to `WAYS` ways, the likeliest first, each with a cost (minus the logarithm of its likelihood, from the best on), the edge it
has come to, and the edges it has passed that are not settled yet.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from geodata.routing.searches import Floats, Ints
from geodata.streets.snapping import Grid
from geodata.tracks.match_steps import REACH, STREETS, Arcs, Near, Reached, against_heading, reach, streets_near

WAYS = 8
PASSED = 32  # edges that a way may have passed and that are not settled
SURE_AFTER = 16  # so many unsettled edges later the likeliest way is believed

LEAST_SIGMA_M, MOST_SIGMA_M = 5.0, 20.0
GAP_S, GAP_M = 45.0, 1_000.0  # farther apart, two fixes say little about the way between
STEP_S, STEP_M = 2.5, 10.0  # fixes closer together only tell of noise
STOP_S = 40.0  # longer at one place is no signal but a stop
STANDING_MPS = 0.5
TOP_SPEED_MPS, SLACK_M = 70.0, 50.0
HOPELESS = 12.0  # a way that much less likely than the best is given up
TURN_ROUND = 8.0  # cost of turning round in the street

# How a way comes to a place: on along its edge, by turning round in it, or by the row of what is within reach.
ALONG, ROUND = -1, -2


class Cars(NamedTuple):
    """What is known of every car, a row each."""

    # x, y of the fix by which it was last placed, when that was, when it was last heard there, when it was last heard at all
    fix: Floats  # [cars, 5]
    sigma: Floats  # [cars] metres, noise of its receiver
    ways: Ints  # [cars] how many
    edge: Ints  # [cars, WAYS]
    fraction: Floats
    cost: Floats
    entered_s: Floats  # NaN: not known
    passed: Ints  # [cars, WAYS] how many edges
    passed_edge: Ints  # [cars, WAYS, PASSED]
    passed_s: Floats  # [cars, WAYS, PASSED, 2] entered (NaN: not known) and left


class Settled(NamedTuple):
    """Where traversals are written."""

    unit: Ints
    edge: Ints
    entered_s: Floats
    left_s: Floats


class Choice(NamedTuple):
    """For each place that a fix may mean (a street in one direction), the best way to have come there."""

    edge: Ints
    fraction: Floats
    off_cost: Floats  # of the fix being taken there
    cost: Floats  # of the whole way
    way: Ints  # -1: out of nowhere
    by: Ints  # ALONG, ROUND, or a row
    metres: Floats


class Scratch(NamedTuple):
    """Arrays to work in."""

    near: Near
    choice: Choice
    reached: Reached  # [WAYS, REACH] each
    new: Cars  # one car
    chain: Ints
    slot: Ints  # [edges] -1


@njit(cache=True, nogil=True)
def follow(
    unit: Ints, at_s: Floats, x: Floats, y: Floats, heading_deg: Floats, speed_mps: Floats,
    grid: Grid, arcs: Arcs, cars: Cars, work: Scratch, out: Settled,
) -> int:  # fmt: skip
    """Follow each fix; return how many traversals were written."""
    written = 0
    for i in range(len(unit)):
        u, t = unit[i], at_s[i]
        if t <= cars.fix[u, 4]:
            continue
        apart_m = math.hypot(x[i] - cars.fix[u, 0], y[i] - cars.fix[u, 1])
        lost = is_lost(u, t, apart_m, cars)
        cars.fix[u, 4] = t
        if not lost and stays(u, t, apart_m, speed_mps[i], cars):
            continue
        streets = streets_near(x[i], y[i], grid, work.near)
        places = name_places(streets, cars.sigma[u], heading_deg[i], speed_mps[i], arcs, work.near, work.choice)
        if not lost:
            compare_ways(u, t, apart_m, places, arcs, cars, work)
            lost = not np.isfinite(work.choice.cost[:places]).any()
        if lost:
            written = settle(u, cars.passed[u, 0] if cars.ways[u] else 0, cars, out, written)
            cars.ways[u] = 0
            work.choice.cost[:places] = work.choice.off_cost[:places]
            work.choice.way[:places] = -1
        go_on(u, t, places, arcs, cars, work)
        if cars.ways[u]:
            learn_noise(u, streets, arcs, cars, work.near)
            written = settle(u, in_common(u, cars), cars, out, written)
        cars.fix[u, 0], cars.fix[u, 1], cars.fix[u, 2], cars.fix[u, 3] = x[i], y[i], t, t
    return written


@njit(cache=True, nogil=True)
def is_lost(u: int, t: float, apart_m: float, cars: Cars) -> bool:
    """Whether nothing is known of the car, or nothing that says how it came here."""
    if cars.ways[u] == 0 or t - cars.fix[u, 4] > GAP_S or apart_m > GAP_M:
        return True
    return apart_m > SLACK_M + TOP_SPEED_MPS * (t - cars.fix[u, 2])


@njit(cache=True, nogil=True)
def stays(u: int, t: float, apart_m: float, speed_mps: float, cars: Cars) -> bool:
    """Whether the fix only says that the car is still about where it was; notes since when it stands."""
    spread = cars.sigma[u]
    stands = speed_mps < STANDING_MPS and apart_m < 3.0 * spread
    if not stands and t - cars.fix[u, 2] >= STEP_S and apart_m >= max(STEP_M, 1.5 * spread):
        return False
    if stands or apart_m < max(4.0, spread):
        cars.fix[u, 3] = t
    if t - cars.fix[u, 2] > STOP_S:
        # It has stopped: how long this street takes is not to be told any more.
        cars.fix[u, 2], cars.fix[u, 3] = t, t
        cars.entered_s[u, : cars.ways[u]] = np.nan
    return True


@njit(cache=True, nogil=True)
def name_places(streets: int, spread: float, heading_deg: float, speed_mps: float, arcs: Arcs, near: Near, choice: Choice) -> int:
    """Both directions of each street near, with the cost of the fix; return how many."""
    for s in range(streets):
        off = 0.5 * (near.off_m[s] / spread) ** 2
        for back in range(2):
            c = 2 * s + back
            choice.edge[c] = arcs.twin[near.edge[s]] if back else near.edge[s]
            choice.fraction[c] = 1.0 - near.fraction[s] if back else near.fraction[s]
            choice.off_cost[c] = off + against_heading(near.direction[s] + back * math.pi, heading_deg, speed_mps)
    return 2 * streets


@njit(cache=True, nogil=True)
def compare_ways(u: int, t: float, apart_m: float, places: int, arcs: Arcs, cars: Cars, work: Scratch) -> None:
    """For each place the best of the car's ways to it: about as long as the fixes are apart, and with no unusual turns."""
    choice, spread = work.choice, cars.sigma[u]
    choice.cost[:places] = np.inf
    most_m = SLACK_M + TOP_SPEED_MPS * (t - cars.fix[u, 3])
    for w in range(cars.ways[u]):
        e, f = cars.edge[u, w], cars.fraction[u, w]
        out = Reached(work.reached.edge[w], work.reached.metres[w], work.reached.cost[w], work.reached.parent[w])
        limit_m = 1.5 * apart_m + 4.0 * spread + 30.0
        used = reach(e, (1.0 - f) * arcs.length_m[e], limit_m, arcs, work.slot, out)
        for c in range(places):
            n, g = choice.edge[c], choice.fraction[c]
            # A little backwards is noise: it stands where it was.
            if n == e and (g - f) * arcs.length_m[e] > -2.0 * spread - 10.0:
                weigh(w, c, ALONG, max(0.0, (g - f) * arcs.length_m[e]), 0.0, apart_m, spread, most_m, cars.cost[u, w], choice)
            if n == arcs.twin[e]:
                weigh(w, c, ROUND, abs(1.0 - g - f) * arcs.length_m[e], TURN_ROUND, apart_m, spread, most_m, cars.cost[u, w], choice)
            row = work.slot[n]
            if row >= 0:
                metres = out.metres[row] + g * arcs.length_m[n]
                weigh(w, c, row, metres, out.cost[row], apart_m, spread, most_m, cars.cost[u, w], choice)
        for k in range(used):
            work.slot[out.edge[k]] = -1


@njit(cache=True, nogil=True)
def weigh(
    way: int, c: int, by: int, metres: float, turns: float, apart_m: float, spread: float, most_m: float, cost: float, choice: Choice
) -> None:
    """Take this way to place `c` if it is the best so far."""
    total = cost + choice.off_cost[c] + turns + abs(metres - apart_m) / max(6.0, spread)
    if metres <= most_m and total < choice.cost[c]:
        choice.cost[c], choice.way[c], choice.by[c], choice.metres[c] = total, way, by, metres


@njit(cache=True, nogil=True)
def go_on(u: int, t: float, places: int, arcs: Arcs, cars: Cars, work: Scratch) -> None:
    """Make the likeliest places the car's ways."""
    choice, new = work.choice, work.new
    kept = 0
    least = np.min(choice.cost[:places]) if places else np.inf
    while kept < min(WAYS, places):
        c = int(np.argmin(choice.cost[:places]))
        if not choice.cost[c] <= least + HOPELESS:
            break
        new.edge[0, kept], new.fraction[0, kept], new.cost[0, kept] = choice.edge[c], choice.fraction[c], choice.cost[c] - least
        new.entered_s[0, kept], new.passed[0, kept] = np.nan, 0
        if choice.way[c] >= 0:
            lengthen(u, t, c, kept, arcs, cars, work)
        choice.cost[c] = np.inf
        kept += 1
    cars.ways[u] = kept
    cars.edge[u, :kept], cars.fraction[u, :kept], cars.cost[u, :kept] = new.edge[0, :kept], new.fraction[0, :kept], new.cost[0, :kept]
    cars.entered_s[u, :kept], cars.passed[u, :kept] = new.entered_s[0, :kept], new.passed[0, :kept]
    cars.passed_edge[u, :kept], cars.passed_s[u, :kept] = new.passed_edge[0, :kept], new.passed_s[0, :kept]


@njit(cache=True, nogil=True)
def lengthen(u: int, t: float, c: int, k: int, arcs: Arcs, cars: Cars, work: Scratch) -> None:
    """Write new way `k`: the old one, and what it passed on the way to place `c`, each crossing at its time."""
    choice, new, w, by = work.choice, work.new, work.choice.way[c], work.choice.by[c]
    new.passed_edge[0, k], new.passed_s[0, k], new.passed[0, k] = cars.passed_edge[u, w], cars.passed_s[u, w], cars.passed[u, w]
    if by == ALONG:
        new.fraction[0, k] = max(cars.fraction[u, w], choice.fraction[c])
        new.entered_s[0, k] = cars.entered_s[u, w]
    if by < 0:
        return
    steps, row = 0, work.reached.parent[w, by]
    while row >= 0 and steps < PASSED:
        work.chain[steps] = row
        steps += 1
        row = work.reached.parent[w, row]
    begin_s, pace = cars.fix[u, 3], (t - cars.fix[u, 3]) / max(1.0, choice.metres[c])
    leaving, entered_s = cars.edge[u, w], cars.entered_s[u, w]
    metres = (1.0 - cars.fraction[u, w]) * arcs.length_m[leaving]
    n = new.passed[0, k]
    for step in range(steps, -1, -1):
        if n == PASSED:
            # Too long to be kept whole: what comes after is driven from an unknown time on.
            n, entered_s = 0, np.nan
        new.passed_edge[0, k, n] = leaving
        new.passed_s[0, k, n, 0], new.passed_s[0, k, n, 1] = entered_s, begin_s + pace * metres
        entered_s = begin_s + pace * metres
        n += 1
        if step:
            leaving = work.reached.edge[w, work.chain[step - 1]]
            metres = work.reached.metres[w, work.chain[step - 1]] + arcs.length_m[leaving]
    new.passed[0, k], new.entered_s[0, k] = n, entered_s


@njit(cache=True, nogil=True)
def learn_noise(u: int, streets: int, arcs: Arcs, cars: Cars, near: Near) -> None:
    """The noise of a receiver from how far its fixes lie beside the car's street: on average 0.8 deviations."""
    e = cars.edge[u, 0]
    for s in range(streets):
        if near.edge[s] == e or near.edge[s] == arcs.twin[e]:
            cars.sigma[u] = min(MOST_SIGMA_M, max(LEAST_SIGMA_M, 0.95 * cars.sigma[u] + 0.05 * 1.25 * near.off_m[s]))


@njit(cache=True, nogil=True)
def in_common(u: int, cars: Cars) -> int:
    """How many edges all ways of the car have passed first. When too many wait, only the likeliest way is left."""
    if cars.passed[u, 0] > SURE_AFTER:
        cars.ways[u] = 1
    same = cars.passed[u, 0]
    for w in range(1, cars.ways[u]):
        n = 0
        while n < min(same, cars.passed[u, w]) and cars.passed_edge[u, w, n] == cars.passed_edge[u, 0, n]:
            n += 1
        same = n
    return same


@njit(cache=True, nogil=True)
def settle(u: int, n: int, cars: Cars, out: Settled, written: int) -> int:
    """Hand out the first `n` edges of the likeliest way and forget them in all ways."""
    for i in range(n):
        out.unit[written], out.edge[written] = u, cars.passed_edge[u, 0, i]
        out.entered_s[written], out.left_s[written] = cars.passed_s[u, 0, i, 0], cars.passed_s[u, 0, i, 1]
        written += 1
    if n:
        for w in range(cars.ways[u]):
            for i in range(n, cars.passed[u, w]):
                cars.passed_edge[u, w, i - n] = cars.passed_edge[u, w, i]
                cars.passed_s[u, w, i - n, 0], cars.passed_s[u, w, i - n, 1] = cars.passed_s[u, w, i, 0], cars.passed_s[u, w, i, 1]
            cars.passed[u, w] -= n
    return written


def no_cars(cars: int) -> Cars:
    """Rows of cars of which nothing is known."""
    of_way, of_passed = (cars, WAYS), (cars, WAYS, PASSED)
    return Cars(
        fix=np.full((cars, 5), np.nan),
        sigma=np.full(cars, 2 * LEAST_SIGMA_M),
        ways=np.zeros(cars, np.int32),
        edge=np.full(of_way, -1, np.int32),
        fraction=np.full(of_way, np.nan),
        cost=np.full(of_way, np.nan),
        entered_s=np.full(of_way, np.nan),
        passed=np.zeros(of_way, np.int32),
        passed_edge=np.full(of_passed, -1, np.int32),
        passed_s=np.full((*of_passed, 2), np.nan),
    )


def scratch(edges: int) -> Scratch:
    """Room for one thread at a time."""

    def whole(*shape: int) -> Ints:
        return np.empty(shape, np.int32)

    places, rows = 2 * STREETS, (WAYS, REACH)
    return Scratch(
        near=Near(whole(STREETS), np.empty(STREETS), np.empty(STREETS), np.empty(STREETS)),
        choice=Choice(whole(places), np.empty(places), np.empty(places), np.empty(places), whole(places), whole(places), np.empty(places)),
        reached=Reached(whole(*rows), np.empty(rows), np.empty(rows), whole(*rows)),
        new=no_cars(1),
        chain=whole(PASSED),
        slot=np.full(edges, -1, np.int32),
    )


def more_cars(cars: Cars, count: int) -> Cars:
    """The same with empty rows added, `count` in all."""
    more = no_cars(count - len(cars.ways))
    return Cars._make(np.concatenate((getattr(cars, name), getattr(more, name))) for name in Cars._fields)


def room_to_settle(cars: Cars, fixes: int) -> Settled:
    """Room for all that `fixes` fixes can settle: what waits already, and what each adds."""
    room = int(cars.passed.max(axis=1, initial=0).sum()) + fixes * (PASSED + 1)
    return Settled(np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room), np.empty(room))
