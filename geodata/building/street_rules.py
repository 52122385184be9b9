"""What OpenStreetMap tags of a street mean for a police car, an officer on foot and one on an e-bike.

Unless the city is built otherwise, access tags are a cost and not a cut: a patrol car may enter a private road or a closed
one, slowly. Footways, steps and the like remain for people on foot and e-bikes (`geodata.building.ebike_rules`). Values as in
https://wiki.openstreetmap.org/wiki/Key:highway and its sub-pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from geodata.building.ebike_rules import EBIKE_KEYS, ebike_speeds_mps
from geodata.streets.graph import STREET_CLASSES

# Nobody drives at the limit all the way: junctions, bends, parked cars.
SPEED_SHARE = 0.8
FOOT_MPS = 1.4
# A gate has to be opened, a private road looked for: half the speed.
NO_ACCESS_SHARE = 0.5
KPH_PER_MPH = 1.609344
# No faster than this whatever the tag says; `none` on a motorway means it too.
MAX_KPH = 130.0
MIN_KPH = 5.0
WALK_KPH = 7.0

# km/h where no limit is tagged: usual limits inside Chinese cities (GB 51286 design speeds, rounded).
DEFAULT_KPH = MappingProxyType(
    {
        "motorway": 100.0,
        "motorway_link": 60.0,
        "trunk": 80.0,
        "trunk_link": 50.0,
        "primary": 60.0,
        "primary_link": 45.0,
        "secondary": 50.0,
        "secondary_link": 40.0,
        "tertiary": 40.0,
        "tertiary_link": 35.0,
        "unclassified": 40.0,
        "road": 30.0,
        "residential": 30.0,
        "living_street": 15.0,
        "service": 20.0,
        "busway": 40.0,
        "track": 15.0,
        "pedestrian": 10.0,
    }
)
# Value of `highway` -> street class, where it is not the value itself or a *_link of one.
_CLASS_BY_HIGHWAY = MappingProxyType(
    {
        "road": "unclassified",
        "busway": "service",
        "footway": "path",
        "steps": "path",
        "cycleway": "path",
        "bridleway": "path",
        "corridor": "path",
        "platform": "path",
    }
)
# Limits written as a zone (`CN:urban`) instead of a number.
_ZONE_KPH = MappingProxyType(
    {"urban": 50.0, "rural": 80.0, "trunk": 90.0, "motorway": 120.0, "living_street": 15.0, "bicycle_road": 30.0, "walk": WALK_KPH}
)
_ZONE = re.compile(r"(?:[a-z]{2}(?:-[a-z]+)?:)?(?:zone:?)?([a-z_]+|\d+)$")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph|knots)?$")
_YES = frozenset({"yes", "designated", "permissive", "official", "permit", "destination", "delivery", "private", "customers"})
_CLOSED = frozenset({"no", "private"})
_ONEWAY_EXCEPTIONS = ("oneway:emergency", "oneway:bus", "oneway:psv")
_BUS_LANES = ("busway", "busway:left", "busway:right")
_RELEVANT = (
    "highway",
    "oneway",
    *_ONEWAY_EXCEPTIONS,
    *_BUS_LANES,
    "junction",
    "maxspeed",
    "maxspeed:forward",
    "maxspeed:backward",
    "maxspeed:type",
    "source:maxspeed",
    "zone:maxspeed",
    "access",
    "vehicle",
    "motor_vehicle",
    "motorcar",
    "emergency",
    "bus",
    "psv",
    "foot",
    *EBIKE_KEYS,
)


@dataclass(frozen=True)
class StreetRule:
    """How one street is used. A speed of 0 means: not in this direction."""

    street_class: int  # index into STREET_CLASSES
    car_forward_mps: float
    car_backward_mps: float
    foot: bool
    ebike_forward_mps: float
    ebike_backward_mps: float
    # Things in the tags that could not be taken at their word, counted in the report.
    remarks: tuple[str, ...] = ()


def street_rule(tags: dict[str, str], closed_ways_pass: bool = True) -> StreetRule | None:
    """The rule of a way, None when it is no street that exists (planned, unknown value, not a street at all).

    `closed_ways_pass`: a road closed to cars costs time; else nobody drives there.
    """
    return _rule(tuple(tags.get(key, "") for key in _RELEVANT), closed_ways_pass)


@lru_cache(maxsize=65536)
def _rule(values: tuple[str, ...], closed_ways_pass: bool) -> StreetRule | None:
    tags = dict(zip(_RELEVANT, values, strict=True))
    highway = tags["highway"]
    street_class = _street_class(highway)
    if street_class is None:
        return None
    remarks: list[str] = []
    forward_kph = backward_kph = 0.0
    if _is_drivable(tags):
        default_kph = DEFAULT_KPH[highway]
        share = 1.0
        if _is_closed_to_cars(tags):
            share = NO_ACCESS_SHARE if closed_ways_pass else 0.0
        limits = [_limit_kph(tags, direction, remarks) or default_kph for direction in ("forward", "backward")]
        goes_forward, goes_backward = _directions(tags, remarks)
        forward_kph = limits[0] * share if goes_forward else 0.0
        backward_kph = limits[1] * share if goes_backward else 0.0
    # Half of a closed road's way is looking for the gate, on an e-bike too.
    closed_share = NO_ACCESS_SHARE if closed_ways_pass else 0.0
    return StreetRule(
        STREET_CLASSES.index(street_class),
        forward_kph / 3.6 * SPEED_SHARE,
        backward_kph / 3.6 * SPEED_SHARE,
        _is_walkable(street_class, tags),
        *ebike_speeds_mps(tags, closed_share),
        tuple(dict.fromkeys(remarks)),
    )


def _street_class(highway: str) -> str | None:
    name = _CLASS_BY_HIGHWAY.get(highway, highway.removesuffix("_link"))
    return name if name in STREET_CLASSES else None


def _is_drivable(tags: dict[str, str]) -> bool:
    if tags["highway"] not in DEFAULT_KPH:
        return False
    if tags["highway"] != "pedestrian":
        return True
    # A pedestrian street may have steps or posts: only where some vehicle is known to get in.
    return any(tags[key] in _YES for key in ("motorcar", "motor_vehicle", "vehicle", "emergency", "bus", "psv"))


def _is_closed_to_cars(tags: dict[str, str]) -> bool:
    if any(tags[key] in ("yes", "designated") for key in ("emergency", "bus", "psv")):
        return False  # bus lanes and emergency roads are open to police
    for key in ("motorcar", "motor_vehicle", "vehicle", "access"):  # the most specific tag counts
        if tags[key]:
            return tags[key] in _CLOSED
    return False


def _is_walkable(street_class: str, tags: dict[str, str]) -> bool:
    if street_class == "motorway":
        return tags["foot"] in ("yes", "designated")
    return not (street_class == "trunk" and tags["foot"] == "no")


def _directions(tags: dict[str, str], remarks: list[str]) -> tuple[bool, bool]:
    oneway = tags["oneway"]
    if any(tags[key] == "no" for key in _ONEWAY_EXCEPTIONS) or any(tags[key] == "opposite_lane" for key in _BUS_LANES):
        return True, True  # a bus lane against the one-way street is open to police too
    if oneway in ("yes", "true", "1"):
        return True, False
    if oneway in ("-1", "reverse"):
        return False, True
    if oneway in ("reversible", "alternating"):
        remarks.append("oneway_reversible_taken_as_both_ways")
        return True, True
    if oneway and oneway not in ("no", "false", "0"):
        remarks.append("oneway_not_understood")
    implied = tags["highway"] == "motorway" or tags["junction"] in ("roundabout", "circular")
    return True, not (implied and oneway not in ("no", "false", "0"))


def _limit_kph(tags: dict[str, str], direction: str, remarks: list[str]) -> float | None:
    for key in (f"maxspeed:{direction}", "maxspeed"):
        if tags[key]:
            limit = parse_maxspeed(tags[key])
            if limit is not None:
                return limit
            if tags[key] not in ("signals", "variable", "default", "implicit", "unposted"):
                remarks.append("maxspeed_not_understood")
    for key in ("zone:maxspeed", "maxspeed:type", "source:maxspeed"):
        limit = parse_maxspeed(tags[key])
        if limit is not None:
            return limit
    return None


def has_limit(tags: dict[str, str]) -> bool:
    """Whether a limit can be read from the tags of a way, in one direction at least; the class decides otherwise."""
    return _has_limit(tuple(tags.get(key, "") for key in _RELEVANT))


@lru_cache(maxsize=65536)
def _has_limit(values: tuple[str, ...]) -> bool:
    tags = dict(zip(_RELEVANT, values, strict=True))
    return any(_limit_kph(tags, direction, []) is not None for direction in ("forward", "backward"))


def parse_maxspeed(text: str) -> float | None:
    """km/h of a `maxspeed` value; the first of a list that can be read; None when none can.

    >>> parse_maxspeed("30 mph"), parse_maxspeed("60;40"), parse_maxspeed("CN:urban"), parse_maxspeed("DE:zone:30")
    (48.28032, 60.0, 50.0, 30.0)
    """
    for part in re.split(r"[;|,/](?!h)", text.lower()):
        limit = _parse_one_limit(part.strip())
        if limit is not None:
            return min(max(limit, MIN_KPH), MAX_KPH)
    return None


def _parse_one_limit(text: str) -> float | None:
    if text == "none":
        return MAX_KPH
    number = _NUMBER.match(text)
    if number:
        value = float(number[1]) * {"mph": KPH_PER_MPH, "knots": 1.852}.get(number[2] or "", 1.0)
        return value if value > 0 else None
    zone = _ZONE.match(text)
    if zone is None:
        return None
    return float(zone[1]) if zone[1].isdigit() else _ZONE_KPH.get(zone[1])
