"""Rules of units and elements outside any incident."""

from __future__ import annotations

from dispatch.duty_commands import RegisterUnit, RemoveElement, SetUnitStatus, WriteElement
from dispatch.duty_events import ElementRemoved, ElementWritten, UnitRegistered, UnitStatusSet
from dispatch.errors import RuleViolation
from dispatch.events import AnyEvent
from dispatch.rules.case import Case, assignment_of_unit, unit_name

Events = tuple[AnyEvent, ...]


def register_unit(case: Case[RegisterUnit]) -> Events:
    """Makes a crew known, or changes what is known about it. A tracker belongs to one registered crew."""
    command, picture = case.command, case.picture
    for tracker in command.trackers:
        holder = picture.units.get(picture.unit_by_tracker.get(tracker, ""))
        if holder is not None and holder.unit_id != command.unit_id and holder.registered:
            detail = f"Tracker {tracker} belongs to {holder.callsign} ({holder.unit_id}); take it off there first."
            raise RuleViolation("tracker-taken", detail)
    event = UnitRegistered(
        unit_id=command.unit_id,
        callsign=command.callsign,
        kind=command.kind,
        org_code=command.org_code,
        trackers=command.trackers,
        members=command.members,
        marked=command.marked,
        radio_group=command.radio_group,
        registered=command.registered,
        auxiliary=command.auxiliary,
    )
    known = picture.units.get(command.unit_id)
    same = known is not None and all(getattr(known, name) == getattr(event, name) for name in UnitRegistered.__struct_fields__)
    return () if same else (event,)


def set_unit_status(case: Case[SetUnitStatus]) -> Events:
    """In and out of service, own tasks. While a unit is on an incident its status follows from there and can't be set."""
    command, unit = case.command, case.picture.units[case.command.unit_id]
    present = unit.status if unit.off_duty_since is None else unit.own_status
    if present == command.status and (command.text in ("", unit.task) or unit.incident_id is not None):
        return ()
    busy = assignment_of_unit(case, command.unit_id)
    if busy is not None:
        incident, assignment = busy
        where = f"it is {assignment.stage} on incident {incident.number} ({incident.incident_id})"
        detail = (
            f"{unit_name(case, command.unit_id)} can't be set {command.status}: {where}; report the stage there, clear it or recall it."
        )
        raise RuleViolation("unit-assigned", detail)
    return (UnitStatusSet(command.unit_id, command.status, command.text),)


def write_element(case: Case[WriteElement]) -> Events:
    """Writes one element as it is now; the same again changes nothing."""
    command = case.command
    known = case.picture.elements.get(command.element, {}).get(command.element_id)
    same = known is not None and (known.lon, known.lat, known.properties) == (command.lon, command.lat, command.properties)
    if known is not None and same and not known.removed:
        return ()
    return (ElementWritten(command.element, command.element_id, command.lon, command.lat, command.properties),)


def remove_element(case: Case[RemoveElement]) -> Events:
    """Takes one element off the map, whoever put it there; once more changes nothing."""
    command = case.command
    known = case.picture.elements.get(command.element, {}).get(command.element_id)
    if known is not None and known.removed:
        return ()
    return (ElementRemoved(command.element, command.element_id),)
