"""Claims (认领): who at a desk has taken an incident on for now. A claim warns others, it never holds up a command.

Nothing but claiming and releasing is recorded. A claim lapses by the clock: whatever its holder does on the incident carries
it on, and without that it is over after GRACE, as after a restart or on another node that folds the same journal.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from dispatch.events import ClaimReleased, HandoverAccepted, IncidentClaimed, Recorded
from dispatch.model import Claim, Incident

# A telephone call to ask back takes a minute or two; whoever has done nothing for longer has turned to something else.
GRACE = timedelta(seconds=120)


def live_claim(incident: Incident, now: datetime) -> Claim | None:
    """The claim that holds at `now`, if any."""
    return incident.claim if incident.claim is not None and now < incident.claim.until else None


def claim_after(incident: Incident, recorded: Recorded) -> Claim | None:
    """The claim on `incident` after one more of its events. One that has lapsed is forgotten, not revived."""
    body, at = recorded.body, recorded.recorded_at
    held = live_claim(incident, at)
    if isinstance(body, ClaimReleased | HandoverAccepted) or not incident.is_open:
        return None
    if isinstance(body, IncidentClaimed) and (held is None or held.by != recorded.actor):
        return Claim(recorded.actor, body.org_code, at, at + GRACE)
    if held is None or held.by != recorded.actor:
        return held
    return msgspec.structs.replace(held, until=at + GRACE)
