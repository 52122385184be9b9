"""Cars that drive over a city's streets and know on which they are: the truth that map matching is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feeds.simulator.legs import Seconds
from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph

Floats = NDArray[np.float64]

# Spread of the logarithm of a street's time from one drive to the next.
SPREAD = 0.25
# Share of crossings with a wait, and of streets where the crew stops for a while; seconds.
SHARE_OF_WAITS, WAIT_S = 0.15, (4.0, 30.0)
SHARE_OF_STOPS, STOP_S = 0.01, (60.0, 180.0)
TURN_SLOWLY_MPS = 1.0


@dataclass(frozen=True)
class Drive:
    """One car's way."""

    edge: NDArray[np.int32]  # [edges] driven from tail to head, one after the other
    left_s: Floats  # [edges + 1] when it passed each crossing; it stands at the end of an edge before it leaves it
    waited_s: Floats  # [edges] of the edge's time it stood
    at_s: Floats  # [vertices] when it passed each bend, x and y there
    x: Floats
    y: Floats

    def places(self, at_s: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """x, y (metres), speed (m/s) and heading (degrees) at instants."""
        i = np.clip(np.searchsorted(self.at_s, at_s, side="right") - 1, 0, len(self.at_s) - 2)
        dx, dy, span_s = np.diff(self.x)[i], np.diff(self.y)[i], np.maximum(np.diff(self.at_s)[i], 1e-9)
        share = np.clip((at_s - self.at_s[i]) / span_s, 0.0, 1.0)
        return self.x[i] + share * dx, self.y[i] + share * dy, np.hypot(dx, dy) / span_s, np.degrees(np.arctan2(dx, dy)) % 360.0


def drive(
    graph: StreetGraph, seconds_of: Seconds, start: int, begin_s: float, duration_s: float, rng: np.random.Generator, stops: bool = True
) -> Drive:
    """A way over allowed turns at about the given seconds an edge, with waits at crossings and now and then a stop."""
    car, edge_of = graph.car, graph.car.state_edge
    edges, left, waited = [], [begin_s], []
    at, xs, ys = [begin_s], [float(graph.node_x[graph.tail[start]])], [float(graph.node_y[graph.tail[start]])]
    state = start
    while left[-1] < begin_s + duration_s:
        edge = int(edge_of[state])
        x, y = graph.shape(edge)
        lengths = np.hypot(np.diff(x), np.diff(y))
        seconds = seconds_of(edge, left[-1]) * float(np.exp(rng.normal(0.0, SPREAD)))
        wait_s = float(rng.uniform(*STOP_S)) if stops and rng.random() < SHARE_OF_STOPS else 0.0
        wait_s = float(rng.uniform(*WAIT_S)) if stops and not wait_s and rng.random() < SHARE_OF_WAITS else wait_s
        at.extend((left[-1] + np.cumsum(lengths) / max(1e-9, float(lengths.sum())) * seconds).tolist())
        xs.extend(x[1:].tolist())
        ys.extend(y[1:].tolist())
        if wait_s:
            at.append(at[-1] + wait_s)
            xs.append(xs[-1])
            ys.append(ys[-1])
        edges.append(edge)
        waited.append(wait_s)
        left.append(left[-1] + seconds + wait_s)
        onward = car.next_edge[car.next_ptr[state] : car.next_ptr[state + 1]]
        if not len(onward):
            break
        state = int(rng.choice(onward))
    return Drive(np.array(edges, np.int32), np.array(left), np.array(waited), np.array(at), np.array(xs), np.array(ys))


@dataclass(frozen=True)
class Fixes:
    """What the cars' receivers tell, in the order of time."""

    unit: NDArray[np.int32]
    at_s: Floats
    lon: Floats
    lat: Floats
    heading_deg: Floats
    speed_mps: Floats


def fixes(graph: StreetGraph, drives: list[Drive], begin_s: float, duration_s: float, noise_m: float, rng: np.random.Generator) -> Fixes:
    """One fix a second of each car, `noise_m` metres off in each direction."""
    projection = LocalProjection(graph.origin_lon, graph.origin_lat)
    at_s = begin_s + np.arange(1.0, duration_s)
    columns = [one.places(at_s) for one in drives]
    x, y, speed, heading = (np.array(column).T.ravel() for column in zip(*columns, strict=True))
    lon, lat = projection.to_degrees(x + rng.normal(0, noise_m, len(x)), y + rng.normal(0, noise_m, len(y)))
    unit = np.tile(np.arange(len(drives), dtype=np.int32), len(at_s))
    return Fixes(unit, np.repeat(at_s, len(drives)), lon, lat, np.where(speed > TURN_SLOWLY_MPS, heading, np.nan), speed)
