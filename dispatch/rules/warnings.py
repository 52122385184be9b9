"""Rules of warnings: what crews must know of a place before they enter it."""

from __future__ import annotations

import math
from datetime import UTC, timedelta

from dispatch.commands import LiftWarning, WarnPlace
from dispatch.errors import NotFound, RuleViolation
from dispatch.events import AnyEvent, PlaceWarned, WarningLifted
from dispatch.rules.case import Case
from dispatch.warnings import concerns

Events = tuple[AnyEvent, ...]

LONGEST = timedelta(days=366)  # a warning that nobody renews in a year is no knowledge any more
RADIUS_M = (5.0, 500.0)
MOST = 5_000  # that hold at a time in one city


def warn_place(case: Case[WarnPlace]) -> Events:
    """Warns whoever is sent to the incident's place, until the warning expires; the same again changes nothing."""
    command, incident = case.command, case.incident
    if not (incident.has_point or incident.address.strip()):
        raise RuleViolation("no-point", f"{case.name} has neither point nor address to warn of; locate it first.")
    if command.expires_at.tzinfo is None or not case.now < command.expires_at <= case.now + LONGEST:
        detail = f"expires_at {command.expires_at.isoformat()} is not within the next {LONGEST.days} days with an offset; correct it."
        raise RuleViolation("implausible-time", detail)
    least, most = RADIUS_M
    if not (math.isfinite(command.radius_m) and least <= command.radius_m <= most):
        raise RuleViolation("unsound-point", f"radius_m {command.radius_m} is not a place's size; give {least:g} to {most:g} metres.")
    holding = [one for one in case.picture.warnings.values() if one.expires_at > case.now]
    if any(one.warning == command.warning and one.text == command.text and concerns(one, incident) for one in holding):
        return ()
    if len(holding) >= MOST:
        raise RuleViolation("too-many-warnings", f"{len(holding)} warnings hold already; lift some that no longer do.")
    return (
        PlaceWarned(
            incident_id=incident.incident_id,
            warning_id=case.new_id(),
            warning=command.warning,
            text=command.text,
            source=command.source,
            expires_at=command.expires_at.astimezone(UTC),
            org_code=incident.org_code,
            radius_m=command.radius_m,
            lon=incident.lon,
            lat=incident.lat,
            address=incident.address,
        ),
    )


def lift_warning(case: Case[LiftWarning]) -> Events:
    """Takes back a warning before it expires; `text` says why."""
    warning_id = case.command.warning_id
    if warning_id not in case.picture.warnings:
        raise NotFound("unknown-warning", f"There is no warning {warning_id} any more; look at what holds now.")
    return (WarningLifted(case.incident.incident_id, warning_id, case.command.text),)
