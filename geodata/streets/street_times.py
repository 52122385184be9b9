"""How long every street takes: the seconds of each directed edge by profile, usual and late, and what is closed just now.

Both are what an edge adds to a whole way: half of all drives take no longer than the sum of the usual times, nine of ten no longer than
that of the late ones. A car that is slow is slow on all its way, yet not every street goes wrong at once: how much of the
streets' own spread comes together on one way is `TOGETHER` at first and then learned, see `geodata.streets.learned` and
docs/decisions/0082-p90-of-a-way.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geodata.streets.graph import Profile, StreetGraph

Times = NDArray[np.float32]
# A car with siren makes the turns of a car in times of its own.
Pace = Literal["car", "siren", "foot", "ebike"]
CARS = frozenset({"car", "siren"})  # whom traffic events hold up

# One deviation of the normal distribution's 90th percentile.
Z90 = 1.2816
# Spread of one traversal's time as a share of it, before anything was measured: signals, traffic, drivers; walkers differ less.
SPREAD: Mapping[Pace, float] = {"car": 0.35, "siren": 0.35, "foot": 0.15, "ebike": 0.2}
# Share of the streets' spread that comes together on one way, before anything was measured.
TOGETHER = 0.5


@dataclass(frozen=True)
class StreetTimes:
    """Seconds of every directed edge, by pace; inf where the pace may not go, exactly as in the graph. Never changes."""

    p50_s: Mapping[Pace, Times]  # [edges]
    p90_s: Mapping[Pace, Times]  # [edges] share of a way's p90; nowhere less than p50


@dataclass(frozen=True)
class StreetEffects:
    """What traffic events do to cars just now. Never changes."""

    # Edges that nobody drives through: one may drive in up to the place, and out, but not past it.
    closed: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    slowed: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    speed_factor: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))  # [slowed] of the usual speed, over 0

    def __bool__(self) -> bool:
        return bool(len(self.closed) or len(self.slowed))


def built_times(graph: StreetGraph) -> StreetTimes:
    """Times as the city was built: class, speed limit and access decide; a siren changes nothing yet."""
    usual: dict[Pace, Times] = {profile.name: profile.time_s for profile in graph.profiles}  # type: ignore[misc]
    usual["siren"] = usual["car"]
    late: dict[Pace, Times] = {pace: times * late_factor(SPREAD[pace], TOGETHER) for pace, times in usual.items()}
    return StreetTimes(usual, late)


def late_factor(spread: ArrayLike, together: float) -> Times:
    """An edge's part of a way's p90, as a multiple of its usual time, from the spread of its times as a share of them."""
    return np.asarray(1.0 + together * Z90 * np.asarray(spread), np.float32)


def checked_times(times: StreetTimes, graph: StreetGraph) -> StreetTimes:
    """The times, if they fit the graph. Raises ValueError naming what does not."""
    for pace, profile in (*((profile.name, profile) for profile in graph.profiles), ("siren", graph.car)):
        usual, late = times.p50_s[pace], times.p90_s[pace]  # type: ignore[index]
        if usual.shape != profile.time_s.shape or late.shape != profile.time_s.shape:
            raise ValueError(f"Times of {pace} are for {len(usual)} and {len(late)} edges, the graph has {len(profile.time_s)}.")
        open_ = np.isfinite(profile.time_s)
        if not (np.array_equal(np.isfinite(usual), open_) and np.array_equal(np.isfinite(late), open_)):
            raise ValueError(f"Times of {pace} must be finite exactly where the graph's are; closures are effects, not times.")
        if not ((usual[open_] > 0).all() and (late[open_] >= usual[open_]).all()):
            raise ValueError(f"Times of {pace} must be above zero, and late ones no shorter than usual ones.")
    return times


def with_effects(time_s: Times, effects: StreetEffects) -> tuple[Times, Times]:
    """Seconds of each edge while the effects hold, and the same for who drives it from end to end: inf where it is closed."""
    held = time_s.copy()
    # Two events on one street: the slower one holds.
    np.maximum.at(held, effects.slowed, time_s[effects.slowed] / effects.speed_factor)
    through = held.copy()
    through[effects.closed] = np.inf
    return held, through


def turning_back(profile: Profile, through_s: Times, twin: NDArray[np.int32]) -> Profile:
    """The profile with a way back before closures: an edge after which everything is closed leads into its twin, as a dead end does."""
    edge = profile.state_edge
    is_open, may_turn = np.isfinite(through_s)[edge], np.isfinite(profile.time_s)[twin[edge]]
    shut = np.flatnonzero(np.isfinite(profile.time_s)[edge] & ~is_open)
    before = np.unique(_neighbours(profile.previous_ptr, profile.previous_edge, shut))
    stuck = []
    for state in before.tolist():
        onward = profile.next_edge[profile.next_ptr[state] : profile.next_ptr[state + 1]]
        if may_turn[state] and not is_open[onward].any() and twin[edge[state]] not in onward:
            stuck.append(state)
    if not stuck:
        return profile
    source = np.array(stuck, np.int32)
    back = twin[edge[source]]
    next_ptr, next_edge = _with_arcs(profile.next_ptr, profile.next_edge, source, back)
    previous_ptr, previous_edge = _with_arcs(profile.previous_ptr, profile.previous_edge, back, source)
    return replace(profile, next_ptr=next_ptr, next_edge=next_edge, previous_ptr=previous_ptr, previous_edge=previous_edge)


def _neighbours(ptr: NDArray[np.int32], adjacent: NDArray[np.int32], edges: NDArray[np.intp]) -> NDArray[np.int32]:
    pieces = [adjacent[ptr[e] : ptr[e + 1]] for e in edges.tolist()]
    return np.concatenate(pieces) if pieces else np.empty(0, np.int32)


def _with_arcs(
    ptr: NDArray[np.int32], adjacent: NDArray[np.int32], row: NDArray[np.int32], column: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """CSR with further entries."""
    more = np.zeros(len(ptr), np.int32)
    np.add.at(more, row + 1, 1)
    return (ptr + np.cumsum(more, dtype=np.int32)).astype(np.int32), np.insert(adjacent, ptr[row + 1], column).astype(np.int32)
