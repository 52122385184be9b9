"""What must hold before a command does anything.

A refusal names the value and the remedy, and carries a stable `rule` for machines. A guard returns nothing; a repetition of
what is already so is no breach.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import msgspec

from dispatch.commands import Caller, Command
from dispatch.duty import standing, status_at
from dispatch.errors import Conflict, NotFound, RuleViolation
from dispatch.model import Stage, UnitStatus
from dispatch.rules.case import CLOCK_TOLERANCE, Case, assignment_of_unit, incident_name, unit_name

MAX_TEXT = 4_000  # characters; a long report belongs into an uploaded file
MAX_NAME = 200  # characters of an id, a callsign, a type, a code
MAX_UNITS = 50  # in one command
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # nothing that is reported now happened before
MAX_JSON = 64 * 1024  # bytes of a form or of an element's properties

# Fields that name something and are not blank where they are given.
NAMES = (
    "incident_type",
    "unit_id",
    "callsign",
    "org_code",
    "element",
    "element_id",
    "upload_id",
    "source",
    "service",
    "into",
    "other",
    "warning",
    "warning_id",
    "to_org_code",
    "shift_id",
    "name",
    "muster_id",
    "moment_id",
    "camera_id",
)

# Statuses in which a unit may be sent somewhere.
DEPLOYABLE = frozenset({UnitStatus.AVAILABLE, UnitStatus.COMMITTED_DEPLOYABLE})


def strings_sound(case: Case[Any]) -> None:
    """Texts are bounded, can be stored (no NUL, no half surrogate), and names are not blank where they are needed."""
    for name, value in msgspec.structs.asdict(case.command).items():
        if isinstance(value, Caller):
            value = (value.name, value.number)
        values = value if isinstance(value, tuple) else (value,)
        for one in values:
            if isinstance(one, str):
                string_sound(name, one)
        if isinstance(value, dict):
            _json_sound(name, value)


def string_sound(name: str, value: str) -> None:
    """One text is bounded and can be stored."""
    limit = MAX_TEXT if name in ("text", "address") else MAX_NAME
    if len(value) > limit:
        raise RuleViolation("unsound-text", f"{name} has {len(value)} characters; send at most {limit}.")
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise RuleViolation("unsound-text", f"{name} contains a character that can't be stored; send plain Unicode text.")


def _json_sound(name: str, value: dict[str, Any]) -> None:
    try:
        size = len(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RuleViolation("unsound-text", f"{name} can't be written as JSON: {error}; send plain JSON values.") from None
    if size > MAX_JSON:
        raise RuleViolation("unsound-text", f"{name} takes {size} bytes; send at most {MAX_JSON}.")


def time_plausible(case: Case[Any]) -> None:
    """No instant lies in the future or before the year 2000, and each names its offset from UTC."""
    for name in ("happened_at", "called_at", "taken_at"):
        at = getattr(case.command, name, None)
        if at is not None:
            instant_plausible(name, at, case.now)
    happened_at = case.command.happened_at
    if case.found is not None and happened_at is not None and happened_at < case.found.called_at - CLOCK_TOLERANCE:
        detail = f"happened_at {happened_at.isoformat()} is before the call ({case.found.called_at.isoformat()}); correct it."
        raise RuleViolation("implausible-time", detail)


def instant_plausible(name: str, at: datetime, now: datetime) -> None:
    if at.tzinfo is None:
        raise RuleViolation("implausible-time", f"{name} {at.isoformat()} has no offset from UTC; add one, such as +08:00.")
    if at < LONG_AGO:
        raise RuleViolation("implausible-time", f"{name} {at.isoformat()} is before {LONG_AGO.date()}; correct it.")
    if at > now + CLOCK_TOLERANCE:
        raise RuleViolation("implausible-time", f"{name} {at.isoformat()} is in the future (now {now.isoformat()}); correct it.")


def incident_known(case: Case[Any]) -> None:
    """There is such an incident."""
    _ = case.incident


def version_matches(case: Case[Any]) -> None:
    """`expected_version`, where given, is the incident's present version."""
    expected = case.command.expected_version
    if expected is not None and expected != case.incident.version:
        detail = f"{case.name} is at version {case.incident.version}, not {expected}; look at what has changed and send again."
        raise Conflict("version-conflict", detail, present_version=case.incident.version)


def incident_open(case: Case[Any]) -> None:
    """The incident has not ended."""
    if case.incident.stage == Stage.MERGED:
        into = incident_name(case, case.incident.merged_into)
        raise RuleViolation("incident-merged", f"{case.name} was merged into {into}; go on there.")
    if not case.incident.is_open:
        raise RuleViolation("incident-ended", f"{case.name} is {case.incident.stage}; reopen it first.")


def reviewed_first(case: Case[Any]) -> None:
    """Where the city's table wants it (`review_before_closing`), what a crew did on the scene has been reviewed (审核)."""
    if case.command.reviewed_first and case.incident.is_open and case.incident.awaits_review:
        why = f"at grade {int(case.incident.grade)}, type {case.incident.incident_type}, it is reviewed first"
        raise RuleViolation("not-reviewed", f"{case.name} can't be closed: {why}; ask the responsible leader to review its feedback.")


def text_given(case: Case[Any]) -> None:
    """A reason or a note is not blank."""
    if not case.command.text.strip():
        raise RuleViolation("text-missing", f"{type(case.command).__name__} needs a text that says why; text is empty.")


def point_sound(case: Case[Any]) -> None:
    """Longitude and latitude are numbers within their range, both or none."""
    lon, lat, accuracy_m = case.command.lon, case.command.lat, getattr(case.command, "accuracy_m", None)
    if (lon is None) != (lat is None):
        raise RuleViolation("unsound-point", f"lon {lon} and lat {lat} must be given together, or neither.")
    if lon is not None and not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
        raise RuleViolation(
            "unsound-point", f"lon {lon}, lat {lat} is not a point on earth; give degrees in WGS-84, lon within ±180, lat ±90."
        )
    if accuracy_m is not None and not (math.isfinite(accuracy_m) and accuracy_m >= 0):
        raise RuleViolation("unsound-point", f"accuracy_m {accuracy_m} is not a distance; give metres of 0 or more.")


def units_named(case: Case[Any]) -> None:
    """At least one unit, none twice."""
    ids = case.command.unit_ids
    if not ids:
        raise RuleViolation("units-not-named", "unit_ids is empty; name at least one unit.")
    if len(ids) > MAX_UNITS:
        raise RuleViolation("units-not-named", f"unit_ids names {len(ids)} units; send at most {MAX_UNITS} in one command.")
    twice = sorted({unit_id for unit_id in ids if ids.count(unit_id) > 1})
    if twice:
        raise RuleViolation("units-not-named", f"unit_ids names {', '.join(twice)} more than once; name each unit once.")


def units_known(case: Case[Any]) -> None:
    """Every unit named is registered."""
    for unit_id in case.command.unit_ids:
        if unit_id not in case.picture.units:
            raise NotFound("unknown-unit", f"There is no unit {unit_id}; register it or check the id.")


def units_free(case: Case[Any]) -> None:
    """No unit is taken from elsewhere silently, none is out of service. All or nothing: one that can't be sent stops all."""
    for unit_id in case.command.unit_ids:
        unit, busy = case.picture.units[unit_id], assignment_of_unit(case, unit_id)
        if busy is not None:
            incident, assignment = busy
            if incident.incident_id == case.incident.incident_id:
                continue
            where = f"it is {assignment.stage} on incident {incident.number} ({incident.incident_id})"
            raise RuleViolation("unit-busy", f"{unit_name(case, unit_id)} can't be pushed: {where}; recall or clear it there first.")
        status = status_at(unit, standing(case.picture, unit, case.now))
        if status == UnitStatus.OUT_OF_SERVICE:
            detail = f"{unit_name(case, unit_id)} can't be pushed: it is {status}; put it into service first or choose another."
            raise RuleViolation("unit-off-duty", detail)
        if status not in DEPLOYABLE:
            why = f"it is {status} on its own task"
            detail = f"{unit_name(case, unit_id)} can't be pushed: {why}; wait until it is available or choose another."
            raise RuleViolation("unit-busy", detail)


def unit_known(case: Case[Any]) -> None:
    """The unit of the command is registered."""
    if case.command.unit_id not in case.picture.units:
        raise NotFound("unknown-unit", f"There is no unit {case.command.unit_id}; register it or check the id.")


def names_given(case: Case[Command]) -> None:
    """Ids, types, codes and callsigns are not blank."""
    for name in NAMES:
        value = getattr(case.command, name, None)
        if isinstance(value, str) and not value.strip():
            raise RuleViolation("name-missing", f"{name} is empty; give one.")
