"""What the panels need to name things: crews, organisations, types, times of day; and what the reader may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dashboard.i18n import Words, clock_text
from dashboard.organisation_names import organisation_name
from dispatch.codes import Codes
from dispatch.deadlines import Targets
from dispatch.model import Incident, Unit
from dispatch.organisations import OrganisationTree
from dispatch.past import crew_name
from operations.tracking.stage_signs import Suggestion


class LastFix(NamedTuple):
    """The newest position of a crew; lon, lat in WGS-84 degrees."""

    lon: float
    lat: float
    at: datetime


@dataclass(frozen=True)
class Facts:
    """Handed to every panel function; nothing in it can change anything."""

    words: Words
    account: str  # the reader's, as in the journal
    zone: ZoneInfo
    now: datetime
    codes: Codes
    targets: Targets
    units: Mapping[str, Unit]
    incidents: Mapping[str, Incident]  # all of them: to name one that another speaks of, not to show
    organisations: OrganisationTree
    element_kind: Callable[[str], str]  # name of an element of the catalogue
    suggestions: Callable[[Incident], list[Suggestion]]  # what positions suggest about the crews on it
    last_fix: Callable[[str], LastFix | None]  # where a crew was last; None: never heard of
    is_past: bool  # whether `now` is a moment of the past
    may: Callable[[str], bool]  # whether the reader's role has this action at all
    in_scope: Callable[[str], bool]  # whether the reader commands for this organisation

    def callsign(self, unit_id: str) -> str:
        """Of a crew; of another service, which stands in a unit's place, its name."""
        unit = self.units.get(unit_id)
        return unit.callsign if unit else self.service_name(unit_id)

    def organisation_name(self, code: str) -> str:
        return organisation_name(self.organisations, code, self.words)

    def type_name(self, incident_type: str) -> str:
        kind = self.codes.type_by_id.get(incident_type)
        return self.words.pick(kind.zh, kind.en) if kind else incident_type

    def service_name(self, service: str) -> str:
        """Another service, or a crew of another system; one that is not in the city's table keeps its own name."""
        found = next((one for one in self.codes.service if one.id == service), None)
        return self.words.pick(found.zh, found.en) if found else crew_name(service)

    def disposition_name(self, disposition: str) -> str:
        found = next((one for one in self.codes.disposition if one.id == disposition), None)
        return self.words.pick(found.zh, found.en) if found else disposition

    def warning_name(self, warning: str) -> str:
        found = next((one for one in self.codes.place_warning if one.id == warning), None)
        return self.words.pick(found.zh, found.en) if found else warning

    def date(self, at: datetime) -> str:
        """The day in the city."""
        return at.astimezone(self.zone).date().isoformat()

    def clock(self, at: datetime | None) -> str:
        return clock_text(at, self.zone) if at else "–"
