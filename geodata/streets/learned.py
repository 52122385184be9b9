"""Speeds learned from what cars drove: for each street, part of the day and manner of driving, how long it really takes.

Everything is a **ratio**: seconds measured over seconds as the city was built. Few observations are believed little: an estimate is
drawn towards the next wider one with a weight of some observations, never switched. Along this chain:

    the edge at this hour, so driven → the edge at any time, however driven → its class in the same kind of area → its class at this
    hour → its class at any → as built, by the hour

A patrol drives as it likes and says nothing of how fast a crew that is sent will be. But that a street is slower than others of its
class, it says as well as any: so patrols teach the second link, and only crews on their way the level of the others. Crews on their way
choose fast streets, so the two are found together: the level of a class is that of its streets' own pace taken out, and the pace of a
street that of the level. See docs/decisions/0083-speeds-from-tracks.md and 0095-hours-nobody-drove-at.md.
"""

from __future__ import annotations

import hashlib
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geodata.routing.searches import Floats
from geodata.streets.areas import KINDS, Areas
from geodata.streets.graph import STREET_CLASSES, StreetGraph
from geodata.streets.street_hours import PART_OF_HOUR, PARTS, usual_of_part
from geodata.streets.street_times import SPREAD, TOGETHER, Z90, Pace, StreetTimes, built_times, late_factor

# How a car is driven; the pace whose times it teaches is at the same place.
MANNERS = ("patrol", "on_way", "siren")
PATROL, ON_WAY, SIREN = range(3)
_MANNER_OF: dict[Pace, int] = {"car": ON_WAY, "siren": SIREN}

# So many observations weigh as much as what is believed without them. Streets of a class differ by about a quarter, drives along one of
# them by a third: two drives say as much of a street as its class does.
OWN_PRIOR, EDGE_PRIOR, GROUP_PRIOR, SPREAD_PRIOR, TOGETHER_PRIOR = 2.0, 6.0, 20.0, 10.0, 40.0
# However much was driven in one part of the day, of the others it says no more than so many observations: parts differ.
PART_SAYS = 5.0
# So often levels and streets' own pace are taken out of one another; more changes little.
ROUNDS = 6
HALF_LIFE_S = 45 * 86_400.0
# Crossings are placed in time to about so many seconds, so that a short street says little of itself.
CLOCK_S = 2.0
# Outside these a traversal is no drive along the street but a stop, a wrong match, a tow.
LEAST_RATIO, MOST_RATIO = 0.25, 6.0
# A stretch of driving that shows how late a way is as a whole.
STRETCH_S = 180.0
# So many stretches are remembered: what is known of streets gets better, and with it how late one is.
LATENESS_MEMORY = 500.0
_LATENESS_EDGES = np.linspace(-3.0, 3.0, 61)

Ints = NDArray[np.int64]
_CELLS = (len(STREET_CLASSES), len(KINDS), PARTS, len(MANNERS))


@dataclass(frozen=True)
class SpeedState:
    """All that was learned, in arrays to be kept. Observations are counted by weight as of `aged_at`."""

    key: Ints  # [rows] (edge * PARTS + part) * manners + manner, ascending
    seen: NDArray[np.float32]  # [rows] observations
    weight: NDArray[np.float32]  # [rows] observations by what they say
    mean: NDArray[np.float32]  # [rows] of the ratio
    square: NDArray[np.float32]  # [rows] sum of squared differences from the mean, by weight
    lateness: NDArray[np.float32]  # [60] stretches by how late they were
    total: int  # observations since the beginning, none forgotten
    aged_at: float  # Unix s


class LearnedSpeeds:
    """What was learned of one city. Not thread-safe: one thread at a time."""

    def __init__(self, graph: StreetGraph, state: SpeedState | None = None) -> None:
        self._built = built_times(graph)
        self._length_m = np.array(graph.length_m, np.float64)
        areas = Areas(graph)
        middle_x, middle_y = ((np.asarray(v)[graph.tail] + np.asarray(v)[graph.head]) / 2 for v in (graph.node_x, graph.node_y))
        self._group = np.asarray(graph.street_class, np.int64) * len(KINDS) + areas.kinds(middle_x, middle_y)
        # [cells] usual ratio before anything was seen.
        self._by_the_hour = np.broadcast_to(usual_of_part()[:, np.newaxis], _CELLS).ravel()
        self._state = state or _nothing()
        self._stretches = _Stretches()
        self._waiting: list[tuple[Ints, Floats, Floats]] = []
        # Usual times and their spread by manner, as last estimated: what stretches are compared with.
        self._usual: dict[int, tuple[Floats, Floats]] = {}

    @property
    def observations(self) -> int:
        """Traversals that were learned from, since the beginning."""
        return self._state.total + sum(len(key) for key, _, _ in self._waiting)

    def state(self) -> SpeedState:
        """What is to be kept."""
        self._take_in()
        return self._state

    def recalled(self, state: SpeedState | None) -> LearnedSpeeds:
        """The same city with what had been learned at another time; None: nothing. It learns by itself and changes nothing here."""
        other = copy(self)
        other._state = state or _nothing()
        other._stretches, other._waiting, other._usual = _Stretches(), [], {}
        return other

    def observe(self, unit: ArrayLike, edge: ArrayLike, entered_s: ArrayLike, left_s: ArrayLike, hour: ArrayLike, manner: ArrayLike) -> int:
        """Learn from whole edges that were driven (`geodata.tracks.matching`), each unit's in order; how many of them told something.

        `hour` is local, 0 to 23, `manner` an index into MANNERS. Where `entered_s` is NaN nothing is learned.
        """
        unit, edge, manner = (np.asarray(a, np.int64) for a in (unit, edge, manner))
        entered_s, left_s = np.asarray(entered_s, np.float64), np.asarray(left_s, np.float64)
        built_s = self._built.p50_s["car"][edge].astype(np.float64)
        ratio = (left_s - entered_s) / built_s
        sound = (ratio >= LEAST_RATIO) & (ratio <= MOST_RATIO)  # NaN and closed streets are neither
        key = (edge * PARTS + PART_OF_HOUR[np.asarray(hour, np.int64)]) * len(MANNERS) + manner
        weight = 1.0 / (1.0 + (CLOCK_S / (SPREAD["car"] * built_s[sound])) ** 2)
        self._waiting.append((key[sound], ratio[sound], weight))
        for i in np.flatnonzero(manner != PATROL).tolist():
            self._follow_stretch(int(unit[i]), int(edge[i]), float(left_s[i] - entered_s[i]), int(manner[i]), bool(sound[i]))
        return int(sound.sum())

    def age(self, now_s: float) -> None:
        """Let what is old weigh less."""
        self._take_in()
        s = self._state
        share = np.float32(0.5 ** (max(0.0, now_s - (s.aged_at or now_s)) / HALF_LIFE_S))
        weights = {name: getattr(s, name) * share for name in ("seen", "weight", "square", "lateness")}
        self._state = replace(s, **weights, aged_at=now_s)

    def times(self, hour: int) -> StreetTimes:
        """What streets take at a local hour, with all that was learned so far."""
        self._take_in()
        s = self._state
        part = int(PART_OF_HOUR[hour])
        edge, row_part, row_manner = s.key // (PARTS * len(MANNERS)), s.key // len(MANNERS) % PARTS, s.key % len(MANNERS)
        cell = self._cells(self._group[edge], row_part, row_manner)
        own, own_weight = np.ones(len(self._length_m)), np.zeros(len(self._length_m))
        for _ in range(ROUNDS):
            level = self._levels(cell, own[edge])
            own, own_weight = self._own_pace(edge, level[cell])
        within, between = self._spreads(edge, level[cell], own)
        middle, together = self.lateness
        usual, late = dict(self._built.p50_s), dict(self._built.p90_s)
        for pace, manner in _MANNER_OF.items():
            ratio = level[self._cells(self._group, part, manner)] * own
            rows = np.flatnonzero((row_part == part) & (row_manner == manner))
            e, w = edge[rows], s.weight[rows].astype(np.float64)
            ratio[e] = (w * s.mean[rows] + EDGE_PRIOR * ratio[e]) / (w + EDGE_PRIOR)
            ratio = np.clip(ratio, LEAST_RATIO, MOST_RATIO)
            spread = np.sqrt(within + between * OWN_PRIOR / (own_weight + OWN_PRIOR))
            mean_s = self._built.p50_s["car"] * ratio
            usual[pace] = (mean_s * late_factor(spread, middle)).astype(np.float32)
            late[pace] = np.maximum(usual[pace], mean_s * late_factor(spread, together)).astype(np.float32)
            self._usual[manner] = (mean_s, spread)
        return StreetTimes(usual, late)

    @property
    def lateness(self) -> tuple[float, float]:
        """How much later than the mean half of all stretches were at most, and nine of ten: shares of their streets' own spread.

        Of stretches that were judged while little was known many are late, or early, all alike. That is no luck of the way and is left out:
        the mean is learned by streets. See `_Stretches`.
        """
        counts = self._state.lateness.astype(np.float64)
        seen = float(counts.sum())
        if not seen:
            return 0.0, TOGETHER
        mean = float(counts @ (_LATENESS_EDGES[1:] + _LATENESS_EDGES[:-1]) / 2) / seen
        measured = np.interp((0.5, 0.9), np.cumsum(counts) / seen, _LATENESS_EDGES[1:]) - mean
        middle, together = (seen * measured + TOGETHER_PRIOR * np.array([0.0, TOGETHER])) / (seen + TOGETHER_PRIOR)
        return float(np.clip(middle, -0.3, 0.3)), float(np.clip(together, 0.05, 1.5))

    def seen(self) -> NDArray[np.float32]:
        """[edges] observations behind each edge, at any time and however driven, as far as they are not forgotten."""
        self._take_in()
        edge = self._state.key // (PARTS * len(MANNERS))
        return np.bincount(edge, weights=self._state.seen, minlength=len(self._length_m)).astype(np.float32)

    def learned_share(self) -> float:
        """Share of the length that cars may drive which at least one observation stands behind."""
        open_ = np.isfinite(self._built.p50_s["car"])
        return float(self._length_m[open_ & (self.seen() >= 0.5)].sum() / max(1.0, float(self._length_m[open_].sum())))

    # Estimating ---------------------------------------------------------------------------------------------------------

    def _cells(self, group: ArrayLike, part: ArrayLike, manner: ArrayLike) -> NDArray[np.int64]:
        """Number of a street class in a kind of area, at a part of the day, so driven."""
        group, part, manner = (np.asarray(a, np.int64) for a in (group, part, manner))
        return np.asarray((group * PARTS + part) * len(MANNERS) + manner)

    def _levels(self, cell: NDArray[np.int64], own: Floats) -> Floats:
        """[cells] usual ratio of a street that is like its class. `own`: [rows] ratio of the row's edge to its class.

        Each is drawn towards the wider one: class in this area at this part of the day, class at this part, class, as built at this part.
        """
        s = self._state
        expected = self._by_the_hour[cell] * own
        shares = (s.weight, s.weight * s.mean / expected)
        weight, total = (np.asarray(np.bincount(cell, v, len(self._by_the_hour)).reshape(_CELLS), np.float64) for v in shares)
        level: Floats = np.ones((1, 1, 1, len(MANNERS)))
        for axes in ((0, 1), (1,)):
            level = _drawn(level, *_over_parts(weight.sum(axis=axes, keepdims=True), total.sum(axis=axes, keepdims=True)))
        level = _drawn(level, weight.sum(axis=1, keepdims=True), total.sum(axis=1, keepdims=True))
        level = _drawn(level, weight, total)
        return np.asarray(level.ravel() * self._by_the_hour)

    def _own_pace(self, edge: Ints, level: Floats) -> tuple[Floats, Floats]:
        """[edges] ratio of each edge to what its class would take, and the weight behind it."""
        s, edges = self._state, len(self._length_m)
        weight = np.bincount(edge, weights=s.weight, minlength=edges).astype(np.float64)
        total = np.bincount(edge, weights=s.weight * s.mean / level, minlength=edges)
        return (total + OWN_PRIOR) / (weight + OWN_PRIOR), weight

    def _spreads(self, edge: Ints, level: Floats, own: Floats) -> tuple[Floats, float]:
        """[edges] variance of an edge's traversals as a share of its time squared, and the variance from edge to edge.

        Only of crews that were sent: a patrol's pace is no measure of luck.
        """
        s, edges = self._state, len(self._length_m)
        weight = np.where(s.key % len(MANNERS) == PATROL, 0.0, s.weight)
        square = np.where(weight > 0.0, s.square, 0.0)
        expected = level * own[edge]
        inside = (square + weight * (s.mean - expected) ** 2) / expected**2
        around = (square + weight * (s.mean - level) ** 2) / level**2
        prior, total_weight = SPREAD["car"] ** 2, float(weight.sum()) + GROUP_PRIOR
        common = (float(inside.sum()) + GROUP_PRIOR * prior) / total_weight
        between = max(0.0, (float(around.sum()) + GROUP_PRIOR * prior) / total_weight - common)
        of_edge, w = np.bincount(edge, weights=inside, minlength=edges), np.bincount(edge, weights=weight, minlength=edges)
        return (of_edge + SPREAD_PRIOR * common) / (w + SPREAD_PRIOR), between

    # Taking in ----------------------------------------------------------------------------------------------------------

    def _follow_stretch(self, unit: int, edge: int, seconds: float, manner: int, is_sound: bool) -> None:
        if manner not in self._usual:
            return
        usual, spread = self._usual[manner]
        if not is_sound:
            self._stretches.cut(unit)
            return
        done = self._stretches.add(unit, manner, seconds, float(usual[edge]), float(usual[edge] * spread[edge]))
        if done is not None:
            place = int(np.clip(np.searchsorted(_LATENESS_EDGES, done) - 1, 0, len(_LATENESS_EDGES) - 2))
            self._state.lateness[:] *= 1.0 - 1.0 / LATENESS_MEMORY
            self._state.lateness[place] += 1

    def _take_in(self) -> None:
        """Join what has waited to the rows."""
        if not self._waiting:
            return
        key, ratio, weight = (np.concatenate(column) for column in zip(*self._waiting, strict=True))
        self._waiting = []
        s = self._state
        keys = np.unique(np.concatenate([s.key, key]))
        old, new = np.searchsorted(keys, s.key), np.searchsorted(keys, key)
        seen, w, mean, square = (np.zeros(len(keys)) for _ in range(4))
        seen[old], w[old], mean[old], square[old] = s.seen, s.weight, s.mean, s.square
        n = np.bincount(new, minlength=len(keys))
        more = np.bincount(new, weights=weight, minlength=len(keys))
        their_mean = np.bincount(new, weights=weight * ratio, minlength=len(keys)) / np.maximum(more, 1e-12)
        their_square = np.bincount(new, weights=weight * (ratio - their_mean[new]) ** 2, minlength=len(keys))
        both = np.maximum(w + more, 1e-12)
        # Two samples joined, by Chan's formula.
        square += their_square + (their_mean - mean) ** 2 * w * more / both
        mean += (their_mean - mean) * more / both
        self._state = replace(
            s,
            key=keys,
            seen=(seen + n).astype(np.float32),
            weight=(w + more).astype(np.float32),
            mean=mean.astype(np.float32),
            square=square.astype(np.float32),
            total=s.total + len(key),
        )


class _Stretches:
    """Drives in a row, and how late each stretch of them was."""

    def __init__(self) -> None:
        self._sums: dict[int, tuple[int, float, float, float]] = {}  # manner, seconds, usual seconds, spread in seconds; by unit

    def cut(self, unit: int) -> None:
        """The drive is broken."""
        self._sums.pop(unit, None)

    def add(self, unit: int, manner: int, seconds: float, usual_s: float, spread_s: float) -> float | None:
        """One edge more; how late the stretch was when it is long enough, as a share of its edges' spread at their 90th percentile."""
        was, sum_s, sum_usual_s, sum_spread_s = self._sums.get(unit, (manner, 0.0, 0.0, 0.0))
        if was != manner:
            sum_s = sum_usual_s = sum_spread_s = 0.0
        sum_s, sum_usual_s, sum_spread_s = sum_s + seconds, sum_usual_s + usual_s, sum_spread_s + spread_s
        if sum_usual_s < STRETCH_S:
            self._sums[unit] = (manner, sum_s, sum_usual_s, sum_spread_s)
            return None
        self.cut(unit)
        return (sum_s - sum_usual_s) / (Z90 * sum_spread_s)


def _drawn(wider: Floats, weight: Floats, total: Floats) -> Floats:
    """Estimates from ratios of a total and a weight, drawn towards wider ones."""
    return np.asarray((total + GROUP_PRIOR * wider) / (weight + GROUP_PRIOR))


def _over_parts(weight: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Weight and total of all parts of the day together (axis 2), none of which says more than `PART_SAYS` observations."""
    believed = PART_SAYS / (weight + PART_SAYS)
    return (weight * believed).sum(axis=2, keepdims=True), (total * believed).sum(axis=2, keepdims=True)


def _nothing() -> SpeedState:
    none = np.empty(0, np.float32)
    return SpeedState(np.empty(0, np.int64), none, none, none, none, np.zeros(len(_LATENESS_EDGES) - 1, np.float32), 0, 0.0)


def graph_identity(graph: StreetGraph) -> str:
    """What the numbers of edges mean: the same for the same streets, another for another build. 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (graph.tail, graph.head, graph.way_id, graph.length_m):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
