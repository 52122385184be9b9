"""An incident of the past as events, so that a replay shows it by the same fold as one's own. They are in no journal.

Its crews are of another system, so each stands in the place of another service: by its name, without a position or a target. What the
other system has no time for can't be told: a crew appears with the first time it has, and the incident ends with the last.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from dispatch.events import AnyEvent, Arrived, Departed, IncidentClosed, IncidentReceived, Recorded, ServiceCalled, UnitReleased
from dispatch.evolve_incident import evolve_incident
from dispatch.model import Incident
from dispatch.past import PastIncident, PastResponse, crew_id

IMPORTED = "import"  # channel of these events


class _Told(NamedTuple):
    at: datetime
    occurred_at: datetime
    body: AnyEvent


def past_events(incident: PastIncident, org_code: str) -> tuple[Recorded, ...]:
    """What happened, in order of time; `org_code` is the organisation its place belongs to.

    Of an event `occurred_at` is what the other system says, `recorded_at` when it is told: from the reception to the end. Revisions are 0.
    """
    received = IncidentReceived(
        incident_id=incident.incident_id,
        number=0,
        incident_type=incident.incident_type,
        grade=incident.own_grade,
        text="",
        org_code=org_code,
        called_at=incident.received_at,
        lon=incident.lon,
        lat=incident.lat,
        address=incident.address,
        source=incident.source,
        source_id=incident.source_id,
    )
    at, until = incident.received_at, incident.shown_until
    steps = sorted((step for one in incident.responses for step in _steps(incident, one)), key=lambda step: step.at)
    closed = IncidentClosed(incident.incident_id, incident.disposition)
    told = [_Told(at, at, received), *(step._replace(at=min(max(step.at, at), until)) for step in steps), _Told(until, until, closed)]
    return tuple(_recorded(incident, number, step) for number, step in enumerate(told, 1))


def past_incident_at(events: tuple[Recorded, ...], at: datetime) -> Incident | None:
    """What the incident of these events was at an instant; None before it was received."""
    incident: Incident | None = None
    for recorded in events:
        if recorded.recorded_at > at:
            break
        incident = evolve_incident(incident, recorded)
    return incident


def _steps(incident: PastIncident, response: PastResponse) -> list[_Told]:
    incident_id, id_, unit = incident.incident_id, response.response_id, crew_id(incident.source, response.unit)
    if not response.times:
        return []
    # A crew is there before anything else is told of it and gone after all of it, also where its times are in disorder.
    first_at, last_at = min(response.times), max(response.times)
    steps = [_Told(first_at, response.pushed_at or first_at, ServiceCalled(incident_id, id_, unit))]
    if response.departed_at is not None:
        steps.append(_Told(response.departed_at, response.departed_at, Departed(incident_id, id_, unit)))
    if response.arrived_at is not None:
        steps.append(_Told(response.arrived_at, response.arrived_at, Arrived(incident_id, id_, unit)))
    if response.cleared_at is not None:
        steps.append(_Told(last_at, response.cleared_at, UnitReleased(incident_id, id_, unit)))
    return steps


def _recorded(incident: PastIncident, number: int, step: _Told) -> Recorded:
    return Recorded(
        revision=0,
        event_id=f"{incident.incident_id}.{number}",
        node=incident.source,
        incident_id=incident.incident_id,
        incident_version=number,
        schema=0,
        occurred_at=step.occurred_at,
        recorded_at=step.at,
        actor=incident.source,
        actor_role="",
        command_id=None,
        on_behalf_of=None,
        channel=IMPORTED,
        body=step.body,
        previous_hash="",
        hash="",
    )
