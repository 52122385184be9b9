"""What kinds of events there are, by what they are about. The events themselves: `dispatch.events`."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", gc=False):
    """Base of all events."""


class IncidentEvent(Event, frozen=True):
    """An event in the life of one incident."""

    incident_id: str


class UnitEvent(Event, frozen=True):
    """An event about one unit outside any incident."""

    unit_id: str


class OrganisationEvent(Event, frozen=True):
    """An event about the duty of one organisation's crews."""

    org_code: str
