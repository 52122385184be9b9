"""What a rule may look at: one command, its actor, the present picture, the present instant. Nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from dispatch.commands import Command
from dispatch.errors import NotFound
from dispatch.model import Actor, Assignment, Incident
from dispatch.picture import OperatingPicture

AnyOf = TypeVar("AnyOf", bound=Command, covariant=True)

# Clocks of phones and feeds differ from ours by seconds; more than this is a wrong time, less is taken as the nearest possible instant.
CLOCK_TOLERANCE = timedelta(seconds=5)


@dataclass(frozen=True)
class Case(Generic[AnyOf]):
    """One command to be decided."""

    picture: OperatingPicture
    command: AnyOf
    actor: Actor
    now: datetime
    new_id: Callable[[], str]
    found: Incident | None  # the command's incident, also one that ended long ago

    @property
    def incident(self) -> Incident:
        """The command's incident; the guard `incident_known` has seen to it that there is one."""
        if self.found is None:
            raise NotFound("unknown-incident", f"There is no incident {getattr(self.command, 'incident_id', '')}; check the id.")
        return self.found

    @property
    def name(self) -> str:
        """The incident as people say it."""
        return f"Incident {self.incident.number}"


def unit_name(case: Case[Command], unit_id: str) -> str:
    """The unit as people say it: callsign, and its id where that differs."""
    unit = case.picture.units.get(unit_id)
    if unit is None or unit.callsign == unit_id:
        return f"Unit {unit_id}"
    return f"Unit {unit.callsign} ({unit_id})"


def incident_name(case: Case[Command], incident_id: str) -> str:
    """Another incident as people say it, and its id; of one that ended long ago the id alone."""
    incident = case.picture.incidents.get(incident_id)
    return f"incident {incident_id}" if incident is None else f"incident {incident.number} ({incident_id})"


def occurred_at(command: Command, now: datetime, not_before: datetime | None = None) -> datetime:
    """When it happened: as entered, or now; within the clock tolerance moved to where it is possible."""
    at = min(command.happened_at or now, now).astimezone(UTC)
    return at if not_before is None else max(at, not_before)


def assignment_of_unit(case: Case[Command], unit_id: str) -> tuple[Incident, Assignment] | None:
    """The unit's active assignment, on whatever incident."""
    unit = case.picture.units[unit_id]
    incident = case.picture.incidents.get(unit.incident_id or "")
    if incident is None:
        return None
    assignment = incident.assignment_of(unit_id)
    return (incident, assignment) if assignment is not None and assignment.is_active else None
