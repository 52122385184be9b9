"""The fold of marked moments: one waits from its mark until its clip is kept, or is said to be missed."""

from __future__ import annotations

from dispatch.events import ClipMissed, IncidentEvent, MomentBookmarked, Recorded, UploadAdded
from dispatch.moments import Moment


def evolve_moments(moments: dict[str, Moment], recorded: Recorded, body: IncidentEvent) -> dict[str, Moment]:
    """Those that wait after `recorded`; the same dictionary where nothing changes."""
    if isinstance(body, MomentBookmarked):
        told = {name: getattr(body, name) for name in MomentBookmarked.__struct_fields__}
        return moments | {body.moment_id: Moment(**told, by=recorded.actor, marked_at=recorded.recorded_at)}
    settled = body.upload_id if isinstance(body, UploadAdded) else body.moment_id if isinstance(body, ClipMissed) else ""
    if settled not in moments:
        return moments
    return {moment_id: moment for moment_id, moment in moments.items() if moment_id != settled}
