"""Where an officer on an e-bike rides, and how fast.

Values as in https://wiki.openstreetmap.org/wiki/Bicycle. What says nothing of bicycles goes by its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RIDE_KPH = 20.0  # GB 17761 ends an e-bike's motor at 25 km/h; junctions and traffic take their part
SHARED_KPH = 10.0  # among people on foot
PUSH_KPH = 5.0  # got off

# Roads for motors, and ways that no e-bike of 50 kg gets over.
_NEVER = frozenset({"motorway", "motorway_link", "steps", "corridor", "platform"})
_KPH = MappingProxyType({"pedestrian": PUSH_KPH, "footway": PUSH_KPH, "path": SHARED_KPH, "bridleway": SHARED_KPH, "track": 15.0})
_OPEN = frozenset({"yes", "designated", "permissive", "official"})
_SHARED = frozenset({"pedestrian", "footway", "path", "bridleway"})
_CYCLEWAYS = ("cycleway", "cycleway:left", "cycleway:right", "cycleway:both")
EBIKE_KEYS = ("bicycle", "motorroad", "oneway:bicycle", *_CYCLEWAYS, "cycleway:left:oneway", "cycleway:right:oneway")


def ebike_speeds_mps(tags: Mapping[str, str], closed_share: float) -> tuple[float, float]:
    """m/s along and against the way as drawn, 0: not in this direction. `closed_share` of it on roads that are closed to all."""
    kph = _kph(tags, closed_share)
    forward, backward = _directions(tags)
    return (kph / 3.6 if forward else 0.0, kph / 3.6 if backward else 0.0)


def _kph(tags: Mapping[str, str], closed_share: float) -> float:
    highway, bicycle = tags["highway"], tags["bicycle"]
    if bicycle in _OPEN:
        return SHARED_KPH if highway in _SHARED | _NEVER else RIDE_KPH
    if highway in _NEVER or tags["motorroad"] == "yes":
        return 0.0
    if bicycle in ("no", "dismount"):
        # Pushed, where people walk; a trunk road that bicycles are kept off is no place for that.
        return 0.0 if highway in ("trunk", "trunk_link") else PUSH_KPH
    share = 1.0
    for key in ("vehicle", "access"):  # the more specific tag counts
        if tags[key]:
            share = closed_share if tags[key] in ("no", "private") else 1.0
            break
    return _KPH.get(highway, RIDE_KPH) * share


def _directions(tags: Mapping[str, str]) -> tuple[bool, bool]:
    """One-way streets hold, but for the exceptions that are written on them."""
    own = tags["oneway:bicycle"]
    if own in ("yes", "1"):
        return True, False
    if own == "-1":
        return False, True
    against = any(tags[key].startswith("opposite") for key in _CYCLEWAYS)
    against = against or any(tags[f"cycleway:{side}:oneway"] in ("no", "-1") for side in ("left", "right"))
    if own == "no" or against:
        return True, True
    oneway = tags["oneway"]
    if oneway in ("yes", "true", "1"):
        return True, False
    if oneway in ("-1", "reverse"):
        return False, True
    return True, not (tags["junction"] in ("roundabout", "circular") and oneway not in ("no", "false", "0"))
