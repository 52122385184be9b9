"""The operating picture: everything true after event number `revision`. Immutable, swapped whole by `evolve`.

Positions are not here: they are newest-wins arrays (`operations.tracking.positions`).
"""

from __future__ import annotations

import msgspec

from dispatch.broadcasts import Broadcast
from dispatch.duty_circles import DutyCircle
from dispatch.model import Element, Incident, PlaceWarning, Unit
from dispatch.moments import Moment
from dispatch.shifts import Muster, Shift

# Ended incidents stay in the picture until this many newer ones have ended; older ones are read back from the journal.
KEPT_ENDED = 2_000


class OperatingPicture(msgspec.Struct, frozen=True):
    """State of one node at one revision. The dictionaries are never mutated: `evolve` copies what it changes."""

    revision: int = 0
    next_number: int = 1
    last_hash: str = ""
    incidents: dict[str, Incident] = {}  # open ones, and the newest KEPT_ENDED ended ones
    ended_order: tuple[str, ...] = ()  # ended ids, oldest first
    units: dict[str, Unit] = {}
    unit_by_tracker: dict[str, str] = {}
    elements: dict[str, dict[str, Element]] = {}  # element → element_id → Element, as written; city elements come beneath
    incident_by_source: dict[str, str] = {}  # `source_key` → incident_id of the incidents held here
    # By organisation, in order of time; one that is not in here keeps no roster. Ended ones are kept for `shifts.KEPT_FOR`.
    shifts: dict[str, tuple[Shift, ...]] = {}
    musters: dict[str, Muster] = {}  # running ones, and those that ended within `shifts.KEPT_FOR`
    broadcasts: dict[str, Broadcast] = {}  # the newest `broadcasts.KEPT`, in the order of sending

    warnings: dict[str, PlaceWarning] = {}  # by warning_id; expired ones go with the next that is set
    duty_circles: dict[str, DutyCircle] = {}  # by circle_id, those withdrawn included
    moments: dict[str, Moment] = {}  # by moment_id: those whose clip has not been cut yet

    def open_incidents(self) -> list[Incident]:
        """Open incidents, most urgent first, oldest first within a grade."""
        return sorted((i for i in self.incidents.values() if i.is_open), key=lambda i: (i.grade, i.received_at, i.number))


def source_key(source: str, source_id: str | None) -> str | None:
    """Key of `incident_by_source`; None for an incident without an outside number. The length keeps two pairs from looking alike."""
    return None if source_id is None else f"{len(source)}:{source}:{source_id}"
