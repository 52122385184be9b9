"""What is known of one street: how long it takes now, how that was learned, and what traffic events do to it."""

from __future__ import annotations

import math
from typing import Any

from geodata.routing.travel import TravelTimes
from geodata.streets.graph import STREET_CLASSES
from operations.situation.street_speeds import StreetSpeeds
from operations.situation.traffic import Traffic

Json = dict[str, Any]


def street_at(travel: TravelTimes, speeds: StreetSpeeds, traffic: Traffic, lon: float, lat: float) -> Json:
    """The street nearest to a point (degrees), both its directions. Raises OffNetwork. Call it from a thread."""
    point, graph = travel.snap(lon, lat), travel.graph
    return {
        "name": graph.names[int(graph.name_index[point.edge])],
        "street_class": STREET_CLASSES[int(graph.street_class[point.edge])],
        "length_m": round(float(graph.length_m[point.edge]), 1),
        "off_street_m": round(point.distance_m, 1),
        "directions": [_direction(travel, speeds, traffic, edge) for edge in (point.edge, int(graph.twin[point.edge]))],
    }


def _direction(travel: TravelTimes, speeds: StreetSpeeds, traffic: Traffic, edge: int) -> Json:
    """One direction of travel; seconds are null where cars may not drive so, or not through."""
    graph, usual, late = travel.graph, travel.ground(), travel.ground(0.9)
    x, y = graph.shape(edge)
    return {
        "heading_deg": round(math.degrees(math.atan2(float(x[-1] - x[0]), float(y[-1] - y[0]))) % 360.0),
        "built_s": _seconds(graph.car.time_s[edge]),
        **{
            name: {"p50_s": _seconds(usual.through_s[pace][edge]), "p90_s": _seconds(late.through_s[pace][edge])}
            for name, pace in (("without_siren", "car"), ("with_siren", "siren"))
        },
        "observations": round(speeds.observations_at(edge)),
        "traffic_events": traffic.on([edge]),
    }


def _seconds(value: Any) -> float | None:
    return round(float(value), 1) if math.isfinite(value) else None
