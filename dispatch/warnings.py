"""Which warnings hold for a place at an instant. Pure: a warning expires by the clock, without an event."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dispatch.duplicates import metres_between
from dispatch.model import Incident, PlaceWarning


def concerns(warning: PlaceWarning, incident: Incident) -> bool:
    """Whether the warning is of the incident's place: within its radius, or at the same address where a point is missing."""
    metres = metres_between(incident.lon, incident.lat, warning.lon, warning.lat)
    if metres is not None:
        return metres <= warning.radius_m
    return bool(warning.address) and warning.address.strip() == incident.address.strip()


def holding(warnings: Iterable[PlaceWarning], incident: Incident, now: datetime) -> list[PlaceWarning]:
    """Those that concern the incident and have not expired, newest first."""
    found = [one for one in warnings if one.expires_at > now and concerns(one, incident)]
    return sorted(found, key=lambda one: (one.set_at, one.warning_id), reverse=True)
