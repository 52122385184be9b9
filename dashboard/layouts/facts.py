"""What the panels need to name things: crews, organisations, types, times of day; and what the reader may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dashboard.i18n import Words, clock_text
from dispatch.codes import Codes
from dispatch.model import Unit


@dataclass(frozen=True)
class Facts:
    """Handed to every panel function; nothing in it can change anything."""

    words: Words
    zone: ZoneInfo
    now: datetime
    codes: Codes
    units: dict[str, Unit]
    organisation_name: Callable[[str], str]
    element_kind: Callable[[str], str]  # name of an element of the catalogue
    may: Callable[[str], bool]  # whether the reader's role has this action at all

    def callsign(self, unit_id: str) -> str:
        unit = self.units.get(unit_id)
        return unit.callsign if unit else unit_id

    def type_name(self, incident_type: str) -> str:
        kind = self.codes.type_by_id.get(incident_type)
        return self.words.pick(kind.zh, kind.en) if kind else incident_type

    def disposition_name(self, disposition: str) -> str:
        found = next((one for one in self.codes.disposition if one.id == disposition), None)
        return self.words.pick(found.zh, found.en) if found else disposition

    def clock(self, at: datetime | None) -> str:
        return clock_text(at, self.zone) if at else "–"
