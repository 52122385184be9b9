"""Simple buildings in the blocks of the city centre: slabs in rows along the block's longest side."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.building.source import MapFeature
from geodata.demo.blocks import Blocks
from geodata.demo.ground import Ground, to_degrees

CENTRE_M = 5_200.0  # buildings are drawn up to here from 三江口
SETBACK_M = 11.0
DEPTH_M = 13.0
LARGEST_BLOCK_M2 = 150_000.0


def make_buildings(ground: Ground, blocks: Blocks, rng: np.random.Generator) -> list[MapFeature]:
    """Footprints, none of them touching a street, a river or a park."""
    inner: list[shapely.Polygon] = []
    rows: list[NDArray[np.float64]] = []
    owner: list[NDArray[np.int64]] = []
    x, y = np.array(blocks.x), np.array(blocks.y)
    for corners in blocks.blocks:
        ring = np.column_stack([x[corners], y[corners]])
        if np.hypot(*ring.mean(axis=0)) > CENTRE_M or len(ring) < 3:
            continue
        block = shapely.Polygon(ring)
        if block.area > LARGEST_BLOCK_M2 or shapely.contains_xy(ground.parks, *ring.mean(axis=0)):
            continue
        boxes = _slabs(ring, rng)
        rows.append(boxes)
        owner.append(np.full(len(boxes), len(inner)))
        inner.append(block)
    yards = shapely.buffer(np.array(inner), -SETBACK_M)
    slabs = shapely.polygons(np.concatenate(rows))
    kept = slabs[shapely.contains(yards[np.concatenate(owner)], slabs)]
    return [MapFeature("building", "yes", "", footprint) for footprint in shapely.get_parts(to_degrees(shapely.multipolygons(kept)))]


def _slabs(ring: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Rectangles [n, 5, 2] in rows over the block's bounding box, some left out; they may stick out of the block."""
    steps = np.roll(ring, -1, axis=0) - ring
    ahead = steps[np.argmax(np.hypot(*steps.T))]
    ahead = ahead / np.hypot(*ahead)
    side = np.array([-ahead[1], ahead[0]])
    along, across = ring @ ahead, ring @ side
    pitch = DEPTH_M + rng.uniform(12.0, 20.0)
    spans: list[NDArray[np.float64]] = []
    for offset in np.arange(across.min() + SETBACK_M + 1.0, across.max() - DEPTH_M, pitch):
        lengths = rng.uniform(20.0, 54.0, max(1, int((along.max() - along.min()) / 30.0)))
        gaps = rng.uniform(8.0, 18.0, len(lengths))
        starts = along.min() + SETBACK_M + 1.0 + np.cumsum(lengths + gaps) - (lengths + gaps)
        shown = rng.random(len(lengths)) < 0.9
        spans.append(np.column_stack([starts, starts + lengths, np.full(len(lengths), offset)])[shown])
    if not spans:
        return np.empty((0, 5, 2))
    start, end, offset = np.concatenate(spans).T
    far = offset + DEPTH_M
    u, v = np.stack([start, end, end, start, start], axis=1), np.stack([offset, offset, far, far, offset], axis=1)
    return u[..., None] * ahead + v[..., None] * side
