"""Which unit to send: every unit near by road, with its times and the reasons for or against it. A person decides.

Pure arithmetic over one moment; the road times are handed in. Each reason has a `code` that screens translate, the values
in it, and an English text that says the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dispatch.duty import Standing, Why, standing, status_at
from dispatch.model import Grade, Unit, UnitKind, UnitStatus
from dispatch.picture import OperatingPicture
from operations.tracking.movement import WALKING, Movement

# Assumed from the push until the wheels turn: no measurement, stated with every ETA. A crew on patrol is already outside.
TURNOUT_S = {UnitKind.PATROL_CAR: 60.0, UnitKind.FOOT_PATROL: 30.0, UnitKind.ARMED_PATROL: 80.0}
# A position older than this says little about where a car is now.
OLD_FIX_S = 120.0
# A shorter delay by traffic events is not worth a word.
DELAYED_S = 15.0
# How many crews are recommended; replaceable by a city's own table later.
CREWS_BY_GRADE = {Grade.MAJOR: 3, Grade.URGENT: 2, Grade.ORDINARY: 1, Grade.NON_POLICE: 1}
# A crew's load is counted over its duty, where that is not known or longer over this time.
LOAD_OF = timedelta(hours=12)
ON_INCIDENT = frozenset({UnitStatus.DISPATCHED, UnitStatus.EN_ROUTE, UnitStatus.ON_SCENE})

Json = dict[str, Any]


@dataclass(frozen=True)
class Sighting:
    """One unit near the point, as it was at the moment of asking."""

    unit: Unit
    lon: float
    lat: float
    fix_age_s: float
    eta_s: float  # by road, at this kind's speed
    distance_m: float  # by road
    eta_p90_s: float  # nine of ten such drives take no longer
    delay_s: float = 0.0  # of it for closed and slow streets


@dataclass(frozen=True)
class Load:
    """How often a unit was sent to an incident since `since`: the beginning of its duty, or so many hours ago."""

    incidents: int
    since: datetime


def by_status_alone(unit: Unit) -> Standing:
    """Where nobody keeps a roster."""
    return Standing(True, Why.NO_ROSTER)


@dataclass(frozen=True)
class Question:
    """What is asked: where, how urgent, whose area, and who may be commanded."""

    minutes: tuple[float, ...]  # rings, ascending
    grade: Grade | None  # None: a point without an incident
    chain: tuple[str, ...]  # responsible organisation first, then those above it
    is_commanded: Callable[[str], bool]  # whether units of an organisation may be sent: they are in the scope of who decides
    incident_number: Callable[[str], int | None]  # of an incident the actor may see
    assigned: frozenset[str]  # units already on this incident
    standing: Callable[[Unit], Standing] = by_status_alone  # whether a unit is on duty at the moment of asking
    load: Callable[[Unit], Load | None] = lambda unit: None  # None: not known
    movement: Movement = field(default_factory=lambda: WALKING)
    quantile: float = 0.5  # of the rings: what half of all drives reach in time, or at 0.9 nine in ten

    def ring_of(self, eta_s: float, eta_p90_s: float) -> float | None:
        """Minutes of the smallest ring that holds such a way; None beyond them all."""
        return next((m for m in self.minutes if self.ring_s(eta_s, eta_p90_s) <= m * 60.0), None)

    def ring_s(self, eta_s: float, eta_p90_s: float) -> float:
        """Of a way's times the one that says in which ring it begins."""
        return eta_p90_s if self.quantile == 0.9 else eta_s


def loads(picture: OperatingPicture, now: datetime, is_confidential: Callable[[str], bool]) -> Callable[[Unit], Load]:
    """How often each unit was sent to an incident while on duty; confidential ones, which not everybody may know of, are not counted."""
    sent_at: dict[str, list[datetime]] = {}
    for incident in picture.incidents.values():
        if not is_confidential(incident.incident_type):
            for one in incident.assignments:
                sent_at.setdefault(one.unit_id, []).append(one.pushed_at)

    def load_of(unit: Unit) -> Load:
        began = standing(picture, unit, now).since
        since = now - LOAD_OF if began is None else max(began, now - LOAD_OF)
        return Load(sum(at >= since for at in sent_at.get(unit.unit_id, ())), since)

    return load_of


def assess(sightings: Sequence[Sighting], question: Question) -> list[Json]:
    """All units, nearest by road time first, with `available`, `recommended` and `reasons`."""
    wanted = CREWS_BY_GRADE[question.grade] if question.grade is not None else 1
    wanted -= sum(s.unit.unit_id in question.assigned for s in sightings)
    assessed = []
    able = 0  # units that could go, so far
    for sighting in sorted(sightings, key=lambda s: (s.eta_s, s.unit.unit_id)):
        against = _against(sighting, question)
        recommended = not against and able < wanted
        if not against:
            if not recommended:
                against.append(_reason("nearer_units", False, f"{able} that can go are nearer", count=able))
            able += 1
        assessed.append(_row(sighting, question, recommended, [*_in_favour(sighting, question), *against]))
    return assessed


def by_ring(assessed: Sequence[Json], question: Question, unlisted_s: Sequence[float] = ()) -> list[Json]:
    """Per ring: the units first reached in it, how many of all within it are available, and what is nearest when none is.

    As in coverage, a unit whose position is old counts nowhere: it is listed, and may be anywhere by now. `unlisted_s`: of further
    available ones, farther than those assessed; they are counted.
    """
    rings, lower_s = [], -math.inf
    away_s = [question.ring_s(row["eta_s"], row["eta_p90_s"]) for row in assessed]
    for minutes in question.minutes:
        within = [row for row, s in zip(assessed, away_s, strict=True) if s <= minutes * 60.0]
        available = [row for row in within if _counts(row)]
        outside = [(s, row) for row, s in zip(assessed, away_s, strict=True) if _counts(row) and s > minutes * 60.0]
        beyond_s, beyond = min(outside, key=lambda one: one[0], default=(0.0, None))
        ring: Json = {
            "minutes": minutes,
            "unit_ids": [row["unit_id"] for row in within if row["ring_minutes"] == minutes],
            "unlisted": sum(lower_s < eta_s <= minutes * 60.0 for eta_s in unlisted_s),
            "available": len(available) + sum(eta_s <= minutes * 60.0 for eta_s in unlisted_s),
            "nearest_beyond": None,
            "text": "",
        }
        if available:
            first = available[0]
            ring["text"] = f"{minutes:g}-min ring: {clock(first['arrival_s'])} with {clock(first['turnout_s'])} turnout"
        elif beyond is not None:
            over_s = beyond_s - minutes * 60.0
            ring["nearest_beyond"] = {"unit_id": beyond["unit_id"], "callsign": beyond["callsign"], "over_s": round(over_s, 1)}
            ring["text"] = f"The {minutes:g}-min ring is empty: the nearest beyond is {beyond['callsign']}, by {clock(over_s)}"
        else:
            ring["text"] = f"The {minutes:g}-min ring is empty and no available unit with a fresh position is within an hour by road"
        rings.append(ring)
        lower_s = minutes * 60.0
    return rings


def _counts(row: Json) -> bool:
    return bool(row["available"]) and row["fix_age_s"] <= OLD_FIX_S


def clock(seconds: float) -> str:
    """Seconds as m:ss."""
    whole = math.ceil(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def _row(sighting: Sighting, question: Question, recommended: bool, reasons: list[Json]) -> Json:
    unit, turnout_s = sighting.unit, TURNOUT_S[sighting.unit.kind]
    status = status_at(unit, question.standing(unit))
    return {
        "unit_id": unit.unit_id,
        "callsign": unit.callsign,
        "kind": unit.kind,
        "org_code": unit.org_code,
        "status": status,
        "marked": unit.marked,
        "lon": round(sighting.lon, 6),
        "lat": round(sighting.lat, 6),
        "fix_age_s": round(sighting.fix_age_s, 1),
        "eta_s": round(sighting.eta_s, 1),
        "eta_p90_s": round(sighting.eta_p90_s, 1),
        "distance_m": round(sighting.distance_m, 1),
        "turnout_s": turnout_s,
        "arrival_s": round(sighting.eta_s + turnout_s, 1),
        "ring_minutes": question.ring_of(sighting.eta_s, sighting.eta_p90_s),
        "available": status == UnitStatus.AVAILABLE and question.is_commanded(unit.org_code),
        "assigned": unit.unit_id in question.assigned,
        "recommended": recommended,
        "reasons": reasons,
    }


def _in_favour(sighting: Sighting, question: Question) -> list[Json]:
    unit, reasons = sighting.unit, []
    stands = question.standing(unit)
    if status_at(unit, stands) == UnitStatus.AVAILABLE:
        reasons.append(_reason("available", True, "available"))
    ring = question.ring_of(sighting.eta_s, sighting.eta_p90_s)
    if ring is not None:
        reasons.append(_reason("in_ring", True, f"within {ring:g} min by road", minutes=ring))
    if unit.org_code in question.chain:
        reasons.append(_reason("own_area", True, "of the responsible command"))
    if unit.kind == UnitKind.ARMED_PATROL:
        reasons.append(_reason("armed", None, "armed crew"))
    if unit.auxiliary:
        reasons.append(_reason("auxiliary", None, "auxiliary officers alone: may begin, is never responsible"))
    load = question.load(unit)
    if load is not None:
        text = f"sent to {load.incidents} since {load.since.isoformat(timespec='minutes')}"
        reasons.append(_reason("load", None, text, incidents=load.incidents, since=load.since))
    profile = question.movement[unit.kind]
    if profile == "foot":
        reasons.append(_reason("on_foot", None, "time at walking pace"))
    elif profile == "ebike":
        reasons.append(_reason("on_ebike", None, "time by e-bike"))
    if sighting.delay_s >= DELAYED_S:
        text = f"{clock(sighting.delay_s)} longer for closed or slow streets"
        reasons.append(_reason("traffic", None, text, delay_s=round(sighting.delay_s)))
    if stands.why == Why.MUSTER:
        reasons.append(
            _reason("mustered", None, "called in as reserve" if stands.signed_on else "called in as reserve, has not answered yet")
        )
    elif stands.why == Why.SHIFT and not stands.signed_on:
        reasons.append(_reason("not_signed_on", None, "has not signed on for its shift"))
    return reasons


def _against(sighting: Sighting, question: Question) -> list[Json]:
    unit, reasons = sighting.unit, []
    if unit.unit_id in question.assigned:
        return [_reason("on_this_incident", False, "already sent here")]
    stands = question.standing(unit)
    status = status_at(unit, stands)
    if not stands.on_duty:
        code, text = ("signed_off", "signed off") if stands.why == Why.SIGNED_OFF else ("off_duty", "off duty")
        since = "" if stands.since is None else f" since {stands.since.isoformat(timespec='minutes')}"
        reasons.append(_reason(code, False, text + since, since=stands.since))
    elif status == UnitStatus.OUT_OF_SERVICE:
        is_rostered = stands.why != Why.NO_ROSTER
        reasons.append(_reason(*(("out_of_service", False, "out of service") if is_rostered else ("off_duty", False, "off duty"))))
    if unit.incident_id is not None or status in ON_INCIDENT:
        # Also one that has given feedback there: it is let go there first, never taken silently.
        number = question.incident_number(unit.incident_id) if unit.incident_id is not None else None
        text = "on another incident" if number is None else f"on incident {number}"
        reasons.append(_reason("on_incident", False, text, number=number))
    elif status == UnitStatus.COMMITTED_DEPLOYABLE:
        text = f"would leave its task: {unit.task}" if unit.task else "has a task; can be called away from it"
        reasons.append(_reason("committed_deployable", False, text, task=unit.task))
    elif status == UnitStatus.COMMITTED:
        reasons.append(_reason("committed", False, "has a task it can't leave", task=unit.task))
    if not question.is_commanded(unit.org_code):
        reasons.append(_reason("not_under_command", False, "of a neighbouring command: ask it or the level above", org_code=unit.org_code))
    if sighting.fix_age_s > OLD_FIX_S:
        reasons.append(_reason("old_position", False, f"position is {clock(sighting.fix_age_s)} old", age_s=round(sighting.fix_age_s)))
    return reasons


def _reason(code: str, in_favour: bool | None, text: str, **values: Any) -> Json:
    return {"code": code, "for": in_favour, "text": text, **values}
