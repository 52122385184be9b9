"""A timeline of the API in the words of the script, one line an event: what, by whom, through what, for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cities import CITY, COUNTY, EAST, WEST

Json = dict[str, Any]
ORGANISATIONS = {CITY: "city", COUNTY: "county", WEST: "west", EAST: "east"}


def lines(events: Sequence[Json], numbers: Mapping[str, str]) -> list[str]:
    """`numbers`: of the script, by incident_id."""
    crews = {event["assignment_id"]: event.get("unit_id") or event["service"] for event in events if event["event"] in SENDING}
    return [_line(event, crews, numbers) for event in events]


def said_by(what: str, actor: str, channel: str, on_behalf_of: str | None) -> str:
    return f"{what} · {actor}, {channel}" + (f", for {on_behalf_of}" if on_behalf_of else "")


SENDING = ("unit_pushed", "service_called")
# Fields of which a line tells, in their order behind the event's name; `crew` is the unit or service it is about.
TOLD = {
    "incident_received": ("incident_type",),
    "incident_classified": ("incident_type", "grade"),
    "incident_located": ("org_code",),
    "unit_pushed": ("crew", "reason"),
    "incident_closed": ("disposition",),
    "incident_ended": ("stage", "to"),
    "called_back": ("satisfied",),
    "incident_merged": ("into",),
    "call_added": ("from_id",),
    "incident_split": ("part_id",),
    "incidents_told_apart": ("other_id",),
    "incident_claimed": ("org_code",),
    "incident_escalated": ("to_org_code",),
    "handover_offered": ("to_org_code",),
    "handover_accepted": ("org_code",),
    "handover_refused": ("org_code",),
    "upload_added": ("media_type",),
    "stage_corrected": ("crew", "stage"),
    "deadline_missed": ("step", "crew", "org_code", "quiet"),
}
OF_A_CREW = ("crew",)  # every other event


def _line(event: Json, crews: Mapping[str, str], numbers: Mapping[str, str]) -> str:
    told = event | {"crew": crews.get(event.get("assignment_id", ""), "")}
    words = [_word(name, told[name], numbers) for name in TOLD.get(event["event"], OF_A_CREW)]
    return said_by(" ".join(filter(None, [event["event"], *words])), event["actor"], event["channel"], event["on_behalf_of"])


def _word(name: str, value: Any, numbers: Mapping[str, str]) -> str:
    if name.endswith("org_code"):
        return ORGANISATIONS[value]
    if name in ("into", "from_id", "part_id", "other_id"):
        return numbers.get(value, "?")
    if isinstance(value, bool):
        return name if value else ""
    return str(value)
