"""Which incidents a call may be a further call about: by place, time, kind, words and the caller's number. Pure.

Nothing is merged by itself: a likeness is shown with its reasons, and a person says "the same" or "not the same".
What the weights were tried on, and what could not be told from it: `docs/measured.md`, decision 0073.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import lru_cache

import msgspec

from dispatch.model import Incident

# What each sign adds at most. Place and kind together stay at the threshold: a call an hour later needs words as well.
PLACE, TIME, KIND, WORDS = 0.40, 0.25, 0.20, 0.15
# The same number calls again: mostly about the same thing.
CALLER = 0.25
RELATED = 0.6  # of KIND, for another type of the same family: a fire and a leak
BY_ADDRESS = 0.6  # of PLACE, where a point is missing and only the words of the address can be compared
THRESHOLD = 0.61

# Full likeness of place within this distance, none beyond that one: callers name the crossing, the shop, the other side of the road.
NEAR_M, FAR_M = 60.0, 400.0
# Full likeness of time within ten minutes, none after an hour; after two hours it is another incident, whatever else is alike.
SOON_S, LATE_S, TOO_LATE_S = 600.0, 3600.0, 7200.0
MOST = 3  # candidates shown: who is offered more reads none

_EARTH_M = 6_371_000.0
_METRES_PER_DEGREE = math.radians(1) * _EARTH_M
_CHINESE = re.compile(r"[\u3400-\u9fff]+")
_WORD = re.compile(r"[a-z0-9]{2,}")
# Words and signs that nearly every report has; they say nothing about likeness.
_EMPTY = frozenset({"报警", "警人", "有人", "称有", "人称", "the", "and", "at", "of", "in", "on", "is", "block", "st", "av", "ave"})


class Call(msgspec.Struct, frozen=True):
    """What is known of a call, recorded or still being typed."""

    incident_type: str
    text: str
    address: str
    called_at: datetime
    lon: float | None = None
    lat: float | None = None
    incident_id: str = ""  # empty while it is not recorded
    told_apart: tuple[str, ...] = ()


class Likeness(msgspec.Struct, frozen=True):
    """Why an incident may be the same: the reasons, each as what was compared and what it added to the score."""

    incident_id: str
    score: float  # 0 to 1.25; at THRESHOLD and above it is suggested
    metres: float | None  # straight between the two points; None while one of them is unknown
    seconds: float  # from the other's call to this one; negative: the other came later
    place: float
    time: float
    kind: float
    words: float
    caller: float


def call_of(incident: Incident) -> Call:
    """A recorded incident as a call to be compared."""
    return Call(
        incident_type=incident.incident_type,
        text=incident.text,
        address=incident.address,
        called_at=incident.called_at,
        lon=incident.lon,
        lat=incident.lat,
        incident_id=incident.incident_id,
        told_apart=incident.told_apart,
    )


def candidates(
    call: Call,
    incidents: Iterable[Incident],
    family_of: Callable[[str], str],
    same_number: Collection[str] = (),
    may_suggest: Callable[[Incident], bool] = lambda _: True,
) -> list[Likeness]:
    """The incidents that `call` may be about, most alike first, at most MOST.

    `family_of`: the family of an incident type. `same_number`: ids of incidents whose caller has this caller's number.
    `may_suggest`: asked last and of few, because it may cost more than the comparison: whether the reader may see and command it.
    """
    reach = FAR_M / _METRES_PER_DEGREE
    reach_lon = reach / max(0.01, math.cos(math.radians(call.lat))) if call.lat is not None else 0.0
    latest, own = call.called_at.timestamp(), call.incident_id
    lon, lat, words, address = call.lon, call.lat, _signs(call.text), _signs(call.address)
    found: list[Likeness] = []
    for other in incidents:
        # Nothing of the place in common and another number: settled at once, which keeps thousands of incidents under a millisecond.
        if other.incident_id not in same_number:
            if lon is not None and lat is not None and other.lon is not None and other.lat is not None:
                if abs(other.lat - lat) > reach or abs(other.lon - lon) > reach_lon:
                    continue
            elif address.isdisjoint(_signs(other.address)):
                continue
        if abs(latest - other.called_at.timestamp()) > TOO_LATE_S or other.incident_id == own or other.merged_into:
            continue
        if other.incident_id in call.told_apart or (own and own in other.told_apart):
            continue
        likeness = compare(call, other, family_of, other.incident_id in same_number, words)
        if likeness.score >= THRESHOLD and may_suggest(other):
            found.append(likeness)
    return sorted(found, key=lambda one: (-one.score, one.incident_id))[:MOST]


def compare(
    call: Call, other: Incident, family_of: Callable[[str], str], is_same_number: bool, words: frozenset[str] | None = None
) -> Likeness:
    """How alike the two are. `words`: the signs of the call's text, where they are known already."""
    metres = metres_between(call.lon, call.lat, other.lon, other.lat)
    seconds = (call.called_at - other.called_at).total_seconds()
    if metres is None:
        place = PLACE * BY_ADDRESS * overlap(_signs(call.address), _signs(other.address))
    else:
        place = PLACE * _fading(metres, NEAR_M, FAR_M)
    time = TIME * _fading(abs(seconds), SOON_S, LATE_S)
    if call.incident_type == other.incident_type:
        kind = KIND
    else:
        kind = KIND * RELATED if family_of(call.incident_type) == family_of(other.incident_type) else 0.0
    said = WORDS * overlap(_signs(call.text) if words is None else words, _signs(other.text))
    caller = CALLER if is_same_number else 0.0
    score = place + time + kind + said + caller
    return Likeness(other.incident_id, score, metres, seconds, place, time, kind, said, caller)


def metres_between(lon: float | None, lat: float | None, other_lon: float | None, other_lat: float | None) -> float | None:
    """Straight between two points; None while one of them is unknown."""
    if lon is None or lat is None or other_lon is None or other_lat is None:
        return None
    east = math.radians(other_lon - lon) * math.cos(math.radians(lat))
    return math.hypot(east, math.radians(other_lat - lat)) * _EARTH_M


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the shorter text's signs that the other has too; texts of one call are seldom equally long."""
    return len(one & other) / min(len(one), len(other)) if one and other else 0.0


@lru_cache(8192)
def _signs(text: str) -> frozenset[str]:
    """What a text is compared by: pairs of neighbouring Chinese characters, and words of Latin letters and digits."""
    if not text:
        return frozenset()
    pairs = (run[at : at + 2] for run in _CHINESE.findall(text) for at in range(len(run) - 1))
    return frozenset((*pairs, *_WORD.findall(text.lower()))) - _EMPTY


def _fading(value: float, full: float, none: float) -> float:
    return min(1.0, max(0.0, (none - value) / (none - full)))
