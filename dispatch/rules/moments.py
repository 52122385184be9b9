"""Rules of moments and their clips."""

from __future__ import annotations

from datetime import UTC

from dispatch.commands import BookmarkMoment, MissClip
from dispatch.errors import RuleViolation
from dispatch.events import AnyEvent, ClipMissed, MomentBookmarked
from dispatch.moments import MOST_AFTER_S, MOST_BEFORE_S, MOST_OF_INCIDENT, MOST_WAITING
from dispatch.rules.case import CLOCK_TOLERANCE, Case

Events = tuple[AnyEvent, ...]


def bookmark(case: Case[BookmarkMoment]) -> Events:
    """A moment in a camera's picture is marked, and its clip wanted; also after the end."""
    command, incident, waiting = case.command, case.incident, case.picture.moments
    if command.moment_id in waiting:
        return ()
    if not (
        0.0 <= command.before_s <= MOST_BEFORE_S and 0.0 <= command.after_s <= MOST_AFTER_S and command.before_s + command.after_s >= 1.0
    ):
        detail = f"A clip of {command.before_s:g} s before and {command.after_s:g} s after can't be cut; "
        raise RuleViolation("clip-length", f"{detail}ask for 0 to {MOST_BEFORE_S:g} s before, 0 to {MOST_AFTER_S:g} s after, 1 s in all.")
    at = command.at or case.now
    if at > case.now + CLOCK_TOLERANCE:
        raise RuleViolation("moment-ahead", f"{at.isoformat()} is in the future (now {case.now.isoformat()}); mark what was seen.")
    of_incident = sum(one.incident_id == incident.incident_id for one in waiting.values())
    if of_incident >= MOST_OF_INCIDENT or len(waiting) >= MOST_WAITING:
        detail = f"{of_incident} moments of {case.name.lower()} and {len(waiting)} in all wait for their clips; mark it again in a minute."
        raise RuleViolation("too-many-moments", detail)
    return (
        MomentBookmarked(
            incident_id=incident.incident_id,
            moment_id=command.moment_id,
            camera_id=command.camera_id,
            at=min(at, case.now).astimezone(UTC),
            before_s=command.before_s,
            after_s=command.after_s,
            by_role=case.actor.role,
            by_org=case.actor.own_org_code or case.actor.org_code,
        ),
    )


def miss_clip(case: Case[MissClip]) -> Events:
    """There is no clip of a marked moment and will be none; said once."""
    command = case.command
    if command.moment_id not in case.picture.moments:
        return ()
    return (ClipMissed(case.incident.incident_id, command.moment_id, command.reason),)
