"""Incidents of the past that other systems recorded: what is known of them, apart from the journal of this node.

They were never commands here, so they are no events of the journal: they are read for "earlier incidents at this place", hot spots and
statistics, and are replayed (`dispatch.past_events`). Gaps and disorder in their times are facts about the source and are kept, flagged.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import msgspec

from dispatch.model import Grade

# Order in which the stages of one response should lie.
STAGE_FIELDS = ("pushed_at", "departed_at", "arrived_at", "cleared_at")
_PREFIX = "past-"  # of the ids of these incidents: no incident of the journal has it
# So long a replay shows one of which nothing is on record but that it was received, and the longest it shows any: lists have times
# like 9999-12-31 for what never ended.
SHOWN_FOR, SHOWN_AT_MOST = timedelta(minutes=10), timedelta(days=30)
_BETWEEN = "::"  # a source's name and a crew's, in what a crew is called by


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
    def times(self) -> list[datetime]:
        """Of the stages that have one, in their order."""
        return [t for name in STAGE_FIELDS if (t := getattr(self, name)) is not None]

    @property
    def is_in_order(self) -> bool:
        """No stage lies before an earlier one."""
        return self.times == sorted(self.times)


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

    @property
    def incident_id(self) -> str:
        """The same whenever and wherever it is imported."""
        return past_id(self.source, self.source_id)

    @property
    def own_grade(self) -> Grade:
        """Sources have grades of their own, which a mapping turns into ours; what is beyond them is the least or the most urgent."""
        return Grade(min(max(self.grade, min(Grade)), max(Grade)))

    @property
    def shown_until(self) -> datetime:
        """Its end: the last time on record, never before the reception nor more than `SHOWN_AT_MOST` after it."""
        last_at = max((at for one in self.responses for at in one.times), default=None)
        if last_at is None:
            return self.received_at + SHOWN_FOR
        return self.received_at + min(max(last_at - self.received_at, timedelta(0)), SHOWN_AT_MOST)


def is_past(incident_id: str) -> bool:
    """Whether an id is of an incident that another system recorded."""
    return incident_id.startswith(_PREFIX)


def past_id(source: str, source_id: str) -> str:
    """Id of an incident by the source's name and its number there."""
    return _PREFIX + hashlib.sha256(f"{len(source)}:{source}:{source_id}".encode()).hexdigest()[:32]


def crew_id(source: str, unit: str) -> str:
    """What a crew of another system is called by where a unit's id stands: never a unit's, whatever that system calls it."""
    return f"{source}{_BETWEEN}{unit or '?'}"


def crew_name(id_: str) -> str:
    """The crew's name there; of any other id the id."""
    return id_.partition(_BETWEEN)[2] or id_
