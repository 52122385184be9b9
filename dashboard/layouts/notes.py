"""Notes on an incident: what was remarked, for whom, who has read it and who has not."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import press_button, section
from dispatch.model import Incident, Note


def notes(incident: Incident, facts: Facts) -> list[Any]:
    """Newest first; nothing where nobody has remarked anything."""
    if not incident.notes:
        return []
    rows = [_note(one, incident, facts) for one in reversed(incident.notes)]
    return [section(facts.words("Notes"), rows, name="notes")]


def _note(one: Note, incident: Incident, facts: Facts) -> html.Div:
    by = facts.callsign(one.by_unit) if one.by_unit else one.by
    to = ", ".join(f"@{facts.callsign(unit_id)}" for unit_id in one.to_units)
    head = [html.Strong(by), *([html.Span(to, className="to")] if to else []), html.Time(facts.clock(one.at))]
    return html.Div(
        [
            html.Div(head, className="row-first"),
            html.P(one.text, className="text"),
            html.Div(_reads(one, incident, facts), className="reads"),
        ],
        className="note-row",
    )


def _reads(one: Note, incident: Incident, facts: Facts) -> list[Any]:
    """Who has read it and when; crews it is for that have not; the button of a desk that has not."""
    words = facts.words
    said: list[Any] = [
        html.Span(
            words("read: {name} {time}", name=read.reader if read.org_code else facts.callsign(read.reader), time=facts.clock(read.at))
        )
        for read in one.reads
    ]
    readers = {read.reader for read in one.reads}
    waiting = [unit_id for unit_id in _crews(one, incident) if unit_id not in readers]
    if waiting:
        names = ", ".join(facts.callsign(unit_id) for unit_id in waiting)
        said.append(html.Span(words("not read: {names}", names=names), className="waiting"))
    if facts.account not in {one.by, *readers} and facts.may("read_note") and facts.in_scope(incident.org_code):
        said.append(press_button(words("Read"), "read_note", incident.incident_id, told={"note": one.note_id}, className="quiet"))
    return said


def _crews(one: Note, incident: Incident) -> list[str]:
    """Those it is for: the crews named, else all that are on the incident, the writer left out."""
    on_it = [a.unit_id for a in incident.active_assignments if not a.service]
    return [unit_id for unit_id in one.to_units or on_it if unit_id != one.by_unit]
