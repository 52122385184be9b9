"""What duty circles there are after one more event about one."""

from __future__ import annotations

import msgspec

from dispatch.duty_circles import DutyCircle
from dispatch.duty_events import DutyCircleEvent, DutyCircleSet, DutyCircleWithdrawn
from dispatch.events import Recorded


def evolve_duty_circles(known: dict[str, DutyCircle], recorded: Recorded, body: DutyCircleEvent) -> dict[str, DutyCircle]:
    """A new dictionary. Of a circle that is withdrawn its name and number of versions are kept."""
    match body:
        case DutyCircleSet():
            fields = {name: getattr(body, name) for name in DutyCircleSet.__struct_fields__}
            after = DutyCircle(**fields, set_by=recorded.actor, set_at=recorded.recorded_at)
        case DutyCircleWithdrawn() if body.circle_id in known:
            before = known[body.circle_id]
            by, at = recorded.actor, recorded.recorded_at
            after = msgspec.structs.replace(before, version=body.version, set_by=by, set_at=at, tiers=(), withdrawn=True)
        case _:
            return known
    return {**known, body.circle_id: after}
