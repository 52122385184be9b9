"""One search against `reference`, in everything it answers."""

from __future__ import annotations

import numpy as np
import pytest

from geodata.routing.isochrones import edge_metres
from geodata.routing.searches import Ground, RoadPoint
from tests.geodata.reference import At, Reference


def check(reference: Reference, ground: Ground, at: RoadPoint, limit_s: float, positions: int, rng: np.random.Generator) -> None:
    """Reached streets, their times, times of positions and the ways they take, metres of rings: to the point and from it."""
    point = reference.at(at.edge, at.fraction)
    edges = rng.integers(len(ground.twin), size=positions).astype(np.int32)
    edges[0] = at.edge  # beside the point, before it and behind it
    fractions = rng.random(positions)
    for direction in ("to", "from"):
        towards = direction == "to"
        expected = (reference.labels_to if towards else reference.labels_from)(point, limit_s)
        with ground.search(at, limit_s, direction) as found:  # type: ignore[arg-type]
            assert dict(zip(found.edge.tolist(), found.label_s.tolist(), strict=True)) == expected
            assert len(found.edge) == len(expected)
            assert (np.diff(found.label_s) >= 0).all()
            seconds, taken, row = found.seconds_at(edges, fractions)
            chains = [found.chain(r) if r >= 0 else [int(t)] for r, t in zip(row.tolist(), taken.tolist(), strict=True)]
            metres = edge_metres(found, [limit_s / 2, limit_s])
        for i in range(positions):
            by_hand = reference.seconds(expected, point, towards, int(edges[i]), float(fractions[i]))
            assert seconds[i] == (pytest.approx(by_hand, abs=1e-6) if by_hand <= limit_s else np.inf)
            if np.isfinite(seconds[i]):
                check_way(reference, chains[i] if towards else chains[i][::-1])
        assert metres == pytest.approx([metres_within(reference, ground, expected, point, towards, s) for s in (limit_s / 2, limit_s)])


def check_way(reference: Reference, way: list[int]) -> None:
    """That every step of a way is one the reference would take."""
    driven: tuple[int, ...] = (way[0],)
    for edge in way[1:]:
        (driven,) = [onward for onward in reference.onward(driven) if onward[-1] == edge]


def metres_within(
    reference: Reference, ground: Ground, labels: dict[int, float], point: At, towards: bool, limit_s: float
) -> float:  # fmt: skip
    """Metres of directed edges, summed one by one."""
    straight = {e: f if towards else 1 - f for e, f in point}
    total = sum(float(ground.length_m[e]) * min(share, limit_s / reference.time_s[e]) for e, share in straight.items())
    for e, label in labels.items():
        share = max(0.0, (limit_s - label) / reference.time_s[e])
        total += float(ground.length_m[e]) * min(share, 1 - straight.get(e, 0.0))
    return total
