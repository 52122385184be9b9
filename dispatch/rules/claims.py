"""Rules of claiming: taking an incident on for now, and letting it go. They refuse claims only, never anything else."""

from __future__ import annotations

from dispatch.claims import GRACE, live_claim
from dispatch.commands import ClaimIncident, ReleaseClaim
from dispatch.errors import RuleViolation
from dispatch.events import AnyEvent, ClaimReleased, IncidentClaimed
from dispatch.rules.case import Case

Events = tuple[AnyEvent, ...]


def claim(case: Case[ClaimIncident]) -> Events:
    """认领: the sender takes it on for now. Again in the second half of its time: carries it on. `take_over`: from whoever has it."""
    held = live_claim(case.incident, case.now)
    is_own = held is not None and held.by == case.actor.name
    if held is not None and is_own and held.until - case.now > GRACE / 2:
        return ()
    if held is not None and not is_own and not case.command.take_over:
        left_s = round((held.until - case.now).total_seconds())
        detail = f"{case.name} is claimed by {held.by} ({held.org_code}), for {left_s} s more; take it over with take_over, or leave it."
        raise RuleViolation("claimed", detail)
    org_code = case.actor.own_org_code or case.actor.org_code
    return (IncidentClaimed(case.incident.incident_id, org_code, "" if held is None or is_own else held.by),)


def release_claim(case: Case[ReleaseClaim]) -> Events:
    """The sender's own claim is over."""
    held = live_claim(case.incident, case.now)
    if held is None:
        return ()
    if held.by != case.actor.name:
        raise RuleViolation("claimed", f"{case.name} is claimed by {held.by} ({held.org_code}), who alone releases it; take it over first.")
    return (ClaimReleased(case.incident.incident_id),)
