"""How fast the streets of the demo city truly are: known to this program alone, as the real world is to nobody.

The server has the city's speeds by class and must learn the rest from tracks and arrivals. Here each street has a pace of its own,
the main ones are slow in the rush hours, a siren helps, and drivers differ. All of it follows from the seed, and nothing of it
leaves this program but the positions of crews that drive so.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geodata.streets.graph import STREET_CLASSES, Profile, StreetGraph
from geodata.streets.street_times import StreetEffects

# Usual pace of a class, as a share of what the city's table says; and what nobody exceeds there, siren or not (km/h).
_CLASS = {
    "motorway": (0.97, 140.0),
    "trunk": (0.92, 110.0),
    "primary": (0.86, 90.0),
    "secondary": (0.88, 80.0),
    "tertiary": (0.94, 70.0),
    "unclassified": (0.98, 65.0),
    "residential": (0.90, 45.0),
    "living_street": (0.80, 30.0),
    "service": (0.75, 30.0),
    "track": (0.80, 30.0),
    "pedestrian": (0.75, 15.0),
    "path": (1.0, 15.0),
}
# These carry the traffic of the rush hours; on the others half of it is felt.
_MAIN = ("motorway", "trunk", "primary", "secondary")
# Pace of a main street by hour of the day, 0 … 23.
_HOUR = (
    1.14, 1.15, 1.15, 1.15, 1.14, 1.10, 1.02, 0.80, 0.68, 0.82, 0.95, 0.96,
    0.90, 0.96, 0.97, 0.94, 0.84, 0.66, 0.70, 0.86, 0.95, 1.00, 1.06, 1.11,
)  # fmt: skip
_SIREN = 1.22
_SIREN_FEELS = 0.5  # of the rush hour: others give way
_HURRY = 1.15  # on foot or by e-bike, where a car would have its siren on
# Log-normal spreads: from street to street, from driver to driver, from one way to the next (lights, lorries, luck).
_STREET_SPREAD, _STREET_BOUNDS = 0.25, (0.5, 1.6)
_FOOT_SPREAD = 0.05
_DRIVER_SPREAD = 0.07
TRIP_SPREAD = 0.10
FASTEST_FOOT_MPS, FASTEST_EBIKE_MPS = 2.5, 8.0
# Sirens are for grades 1 and 2.
LEAST_URGENT_WITH_SIREN = 2


class TrueSpeeds:
    """What each street takes, at which hour, with or without siren, driven by whom. The same seed gives the same city."""

    def __init__(self, graph: StreetGraph, seed: int, time_zone: str) -> None:
        self._seed = seed
        self._zone = ZoneInfo(time_zone)
        random = np.random.Generator(np.random.PCG64([seed, zlib.crc32(b"streets")]))
        street = _streets(graph)
        streets = int(street.max()) + 1 if len(street) else 0
        pace = np.exp(random.normal(0.0, _STREET_SPREAD, streets)).clip(*_STREET_BOUNDS)
        walking = np.exp(random.normal(0.0, _FOOT_SPREAD, streets))
        share, fastest_kph = (np.array(column) for column in zip(*(_CLASS[name] for name in STREET_CLASSES), strict=True))
        fastest_mps = fastest_kph[graph.street_class] / 3.6
        self._is_main = np.array([name in _MAIN for name in STREET_CLASSES])[graph.street_class]
        of_street = {"car": share[graph.street_class] * pace[street], "foot": walking[street], "ebike": walking[street]}
        self._usual_s = {profile.name: profile.time_s / of_street[profile.name] for profile in graph.profiles}
        fastest: dict[str, Any] = {"car": fastest_mps, "foot": FASTEST_FOOT_MPS, "ebike": FASTEST_EBIKE_MPS}
        self._least_s = {name: np.asarray(graph.length_m / mps) for name, mps in fastest.items()}
        self._slowed: dict[int, float] = {}  # edges that traffic events slow down just now: share of the usual speed
        # Drivers know their streets, not today's traffic: they take the way that is usually the fastest.
        self.graph = replace(graph, car=self._usual(graph.car), foot=self._usual(graph.foot), ebike=self._usual(graph.ebike))

    def _usual(self, profile: Profile) -> Profile:
        return replace(profile, time_s=self._usual_s[profile.name].astype(np.float32))

    def affect(self, effects: StreetEffects) -> None:
        """Let these traffic events hold from now on, and no others. Closed streets are driven round: they change no time."""
        self._slowed = {}
        for edge, factor in zip(effects.slowed.tolist(), effects.speed_factor.tolist(), strict=True):
            self._slowed[edge] = min(factor, self._slowed.get(edge, 1.0))

    def driver(self, unit_id: str) -> float:
        """How much faster than usual this crew drives or walks, always."""
        random = np.random.Generator(np.random.PCG64([self._seed, zlib.crc32(unit_id.encode())]))
        return float(np.exp(random.normal(0.0, _DRIVER_SPREAD)))

    def edge_s(self, profile: str, edge: int, at_s: float, urgent: bool, pace: float) -> float:
        """Seconds along the whole edge, entered at `at_s` (Unix s); `pace` is the driver's, times that of this way."""
        if profile == "car":
            pace *= self._hour(bool(self._is_main[edge]), at_s, urgent) * (_SIREN if urgent else 1.0) * self._slowed.get(edge, 1.0)
        elif urgent:
            pace *= _HURRY
        return max(float(self._usual_s[profile][edge]) / pace, float(self._least_s[profile][edge]))

    def _hour(self, is_main: bool, at_s: float, siren: bool) -> float:
        usual = _HOUR[datetime.fromtimestamp(at_s, self._zone).hour]
        feels = 1.0 if is_main else 0.5
        if siren and usual < 1.0:
            feels *= _SIREN_FEELS
        return 1.0 + (usual - 1.0) * feels


def _streets(graph: StreetGraph) -> NDArray[np.intp]:
    """[edges] number of the street: by its name and class, without a name by its way. Both directions are one street."""
    key = np.where(graph.name_index > 0, graph.name_index.astype(np.int64) * 256 + graph.street_class, -1 - graph.way_id)
    _, number = np.unique(key, return_inverse=True)
    return np.asarray(number, np.intp)
