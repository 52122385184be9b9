"""Incidents of the past that other systems recorded: what is known of them, apart from the journal of this node.

They were never commands here, so they are no events: they are read for "earlier incidents at this place", hot spots and
statistics. Gaps and disorder in their times are facts about the source and are kept, flagged.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

# Order in which the stages of one response should lie.
STAGE_FIELDS = ("pushed_at", "departed_at", "arrived_at", "cleared_at")


class PastResponse(msgspec.Struct, frozen=True):
    """One unit on one past incident; None: the source has no time for that stage."""

    response_id: str
    unit: str
    pushed_at: datetime | None = None
    departed_at: datetime | None = None
    arrived_at: datetime | None = None
    cleared_at: datetime | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Stages without a time."""
        return tuple(name for name in STAGE_FIELDS if getattr(self, name) is None)

    @property
    def is_in_order(self) -> bool:
        """No stage lies before an earlier one."""
        times = [t for name in STAGE_FIELDS if (t := getattr(self, name)) is not None]
        return times == sorted(times)


class PastIncident(msgspec.Struct, frozen=True):
    """One incident another system recorded."""

    source: str
    source_id: str
    incident_type: str
    grade: int
    received_at: datetime
    address: str = ""
    lon: float | None = None
    lat: float | None = None
    disposition: str = ""
    responses: tuple[PastResponse, ...] = ()
