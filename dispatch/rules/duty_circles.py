"""Rules of duty circles: sizes and order. That an area does not cross itself, lies in the city, and that what it names exists is
checked before (`operations.duty.circle_checks`)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from dispatch.duty_circles import (
    KEPT_CREW,
    MAX_CAMERAS,
    MAX_CIRCLES,
    MAX_COUNT,
    MAX_FORCES,
    MAX_GATES,
    MAX_MINUTES,
    MAX_POLYGONS,
    MAX_TIERS,
    MAX_VERTICES,
    DutyCircle,
    Gate,
    Tier,
)
from dispatch.duty_commands import SetDutyCircle, WithdrawDutyCircle
from dispatch.duty_events import DutyCircleSet, DutyCircleWithdrawn
from dispatch.errors import Conflict, NotFound, RuleViolation
from dispatch.events import AnyEvent
from dispatch.rules.case import Case
from dispatch.rules.guards import MAX_TEXT, string_sound

Events = tuple[AnyEvent, ...]
Fault = tuple[str, str]  # field, what is wrong with it and what would do


def circle_sound(case: Case[SetDutyCircle]) -> None:
    """A circle has one to five tiers whose minutes ascend, each with an area, and none of its lists is longer than can be overseen."""
    for field, detail in circle_faults(case.command):
        raise RuleViolation("unsound-circle", f"{field}: {detail}.")


def set_duty_circle(case: Case[SetDutyCircle]) -> Events:
    """快反圈: sets a circle, or changes it as a whole; the same again changes nothing."""
    command = case.command
    known = case.picture.duty_circles.get(command.circle_id)
    version = _version(known, command.expected_version)
    names = ("circle_id", "name", "org_code", "lon", "lat", "tiers", "key_place")
    fields = {name: getattr(command, name) for name in names} | {"tiers": _with_kept_crews(command.tiers, known)}
    if known is not None and not known.withdrawn and all(getattr(known, name) == value for name, value in fields.items()):
        return ()
    holding = sum(not one.withdrawn for one in case.picture.duty_circles.values())
    if (known is None or known.withdrawn) and holding >= MAX_CIRCLES:
        raise RuleViolation("too-many-circles", f"{holding} duty circles hold already; withdraw some that no longer do.")
    return (DutyCircleSet(version=version + 1, **fields),)


def withdraw_duty_circle(case: Case[WithdrawDutyCircle]) -> Events:
    """Takes a circle off; `text` says why. Its versions stay in the journal."""
    known = case.picture.duty_circles.get(case.command.circle_id)
    if known is None:
        raise NotFound("unknown-circle", f"There is no duty circle {case.command.circle_id}; look at the ones there are.")
    if known.withdrawn:
        return ()
    version = _version(known, case.command.expected_version)
    return (DutyCircleWithdrawn(known.circle_id, version + 1, known.org_code, case.command.text.strip()),)


def _with_kept_crews(tiers: tuple[Tier, ...], known: DutyCircle | None) -> tuple[Tier, ...]:
    """Gates whose crew the sender may not know of keep it, by their name; one that is not there any more has none."""
    crews = {gate.name: gate.unit_id for tier in (known.tiers if known is not None else ()) for gate in tier.gates}

    def kept(gate: Gate) -> Gate:
        return msgspec.structs.replace(gate, unit_id=crews.get(gate.name, "")) if gate.unit_id == KEPT_CREW else gate

    return tuple(msgspec.structs.replace(tier, gates=tuple(map(kept, tier.gates))) for tier in tiers)


def _version(known: DutyCircle | None, expected: int | None) -> int:
    """How often it was set or withdrawn so far. Raises Conflict where the sender has seen another version."""
    present = 0 if known is None else known.version
    if expected is not None and expected != present:
        name = "There is no such duty circle yet" if known is None else f"Duty circle {known.name} is at version {present}"
        raise Conflict("circle-conflict", f"{name}, not {expected}; look at what has changed and send again.", present_version=present)
    return present


def circle_faults(command: SetDutyCircle) -> Iterator[Fault]:
    """What is wrong with sizes, order and numbers, field by field."""
    if not command.circle_id.strip() or not command.name.strip():
        yield "circle_id" if not command.circle_id.strip() else "name", "is empty; give one"
    if not 1 <= len(command.tiers) <= MAX_TIERS:
        yield "tiers", f"has {len(command.tiers)} tiers; give 1 to {MAX_TIERS}"
    before = 0.0
    for number, tier in enumerate(command.tiers):
        if not (math.isfinite(tier.minutes) and 0 < tier.minutes <= MAX_MINUTES):
            yield f"tiers[{number}].minutes", f"is {tier.minutes:g}; give more than 0 and at most {MAX_MINUTES:g}"
        elif tier.minutes <= before:
            yield f"tiers[{number}].minutes", f"is {tier.minutes:g} after {before:g}; put the tiers in ascending order, each once"
        before = tier.minutes
        yield from ((f"tiers[{number}].{field}", detail) for field, detail in _tier_faults(tier))


def _tier_faults(tier: Tier) -> Iterator[Fault]:
    vertices = sum(len(ring) for polygon in tier.area for ring in polygon)
    sizes = (
        ("area", len(tier.area), MAX_POLYGONS, "areas"),
        ("area", vertices, MAX_VERTICES, "points"),
        ("forces", len(tier.forces), MAX_FORCES, "entries"),
        ("gates", len(tier.gates), MAX_GATES, "entries"),
        ("cameras", len(tier.cameras), MAX_CAMERAS, "entries"),
        ("notes", len(tier.notes), MAX_TEXT, "characters"),
    )
    for field, size, most, what in sizes:
        if size > most:
            yield field, f"has {size} {what}; give at most {most}"
    yield from _area_faults(tier)
    for number, force in enumerate(tier.forces):
        if not 1 <= force.count <= MAX_COUNT:
            yield f"forces[{number}].count", f"is {force.count}; give 1 to {MAX_COUNT}"
    for number, gate in enumerate(tier.gates):
        if not gate.name.strip():
            yield f"gates[{number}].name", "is empty; name the point"
        if not (math.isfinite(gate.lon) and math.isfinite(gate.lat) and abs(gate.lon) <= 180 and abs(gate.lat) <= 90):
            yield f"gates[{number}]", f"lies at {gate.lon}, {gate.lat}; give lon, lat in WGS-84 degrees"
    yield from _text_faults(tier)


def _area_faults(tier: Tier) -> Iterator[Fault]:
    if not tier.area:
        yield "area", "is empty; draw at least one area"
    for polygon in tier.area:
        if not polygon or any(len(ring) < 4 or ring[0] != ring[-1] for ring in polygon):
            yield "area", "has an outline that is not closed or has fewer than three corners; end it where it begins"
    for lon, lat in (point for polygon in tier.area for ring in polygon for point in ring):
        if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
            yield "area", f"has the point {lon}, {lat}; give lon, lat in WGS-84 degrees"


def _text_faults(tier: Tier) -> Iterator[Fault]:
    texts = [("text", tier.notes), *(("name", camera) for camera in tier.cameras)]
    texts += [(field, value) for force in tier.forces for field, value in (("name", force.org_code), ("text", force.text))]
    texts += [(field, value) for gate in tier.gates for field, value in (("name", gate.name), ("name", gate.unit_id), ("text", gate.text))]
    for field, value in texts:
        try:
            string_sound(field, value)
        except RuleViolation as refused:
            yield "texts", refused.detail.rstrip(".")
