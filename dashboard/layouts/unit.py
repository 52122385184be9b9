"""The card of one unit. What moves (speed, ages) is filled in by the client from the live socket."""

from __future__ import annotations

import json
from typing import Any

from dash import html

from dashboard.layouts.duty import duty_words
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import age_of, empty, grade_sign, kind_sign, section, status_pill
from dispatch.model import Incident, Unit


def unit_card(
    unit: Unit, incident: Incident | None, facts: Facts, duty: dict[str, Any], beat: str, on_beat: bool | None, with_crew: bool
) -> list[Any]:
    """Callsign, kind, organisation, status, live values, duty, present incident; `with_crew`: who is in it and what they carry.

    `duty` is `operations.duty.rosters.duty_view`; `on_beat` is None where the unit has no beat, or where it is now is not known.
    """
    words = facts.words

    def live(name: str) -> html.Span:
        return html.Span("–", **{"data-unit-value": name, "data-unit": unit.unit_id})

    rows: list[tuple[str, Any]] = [
        (words("Status since"), [facts.clock(unit.status_since), " · ", age_of(unit.status_since)]),
        (words("Speed"), live("speed")),
        (words("Heading"), live("heading")),
        (words("Position"), live("place")),
        (words("Position true"), [live("fix"), words(" ago")]),
        (words("Last heard"), [live("heard"), words(" ago")]),
        (words("Duty"), duty_words(duty, words, facts.clock)),
    ]
    if with_crew:
        rows += [
            (words("Crew"), ", ".join(unit.crew.members) or "–"),
            (words("Vehicle"), unit.crew.vehicle or "–"),
            (words("Trackers"), ", ".join(unit.crew.trackers) or "–"),
            (words("Radio group"), unit.crew.radio_group or "–"),
        ]
    if beat:
        where = {None: "", True: words("on its beat"), False: words("off its beat")}[on_beat]
        rows.append((words("Beat"), " · ".join(filter(None, (beat, where)))))
    if unit.task:
        rows.append((words("Task"), unit.task))
    notices = []
    if not unit.registered:
        notices.append(
            html.P(words("Not registered: made by a position of an unknown unit. Register it with PUT /units."), className="notice")
        )
    if not unit.marked:
        notices.append(html.P(words("Plain clothes: seen by its own command and the city only."), className="notice"))
    head = html.Div(
        [
            html.Div(
                [kind_sign(unit.kind, words), html.H2(unit.callsign), status_pill(unit.status, words)],
                className="head-line",
            ),
            html.Div([html.Span(words.kind(unit.kind)), html.Span(facts.organisation_name(unit.org_code))], className="head-facts"),
            *notices,
            html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in rows], className="facts"),
        ],
        className="head",
    )
    return [head, _incident(incident, facts)]


def _incident(incident: Incident | None, facts: Facts) -> Any:
    words = facts.words
    if incident is None:
        return section(words("Works on"), empty(words("No incident.")))
    target = json.dumps({"kind": "incident", "incident_id": incident.incident_id})
    row = html.Div(
        [
            grade_sign(incident.grade, words),
            html.Strong(facts.type_name(incident.incident_type)),
            html.Span(f"#{incident.number}", className="number"),
            html.Span(words.stage(incident.stage), className="muted"),
        ],
        className="row-first link",
        **{"data-select": target},
    )
    return section(words("Works on"), row)
