"""What is to be known before somebody is sent: warnings of the place, officers' emergencies there, earlier calls of the number."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.layouts.actions import command_label
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import age_of, icon, press_button
from dispatch.model import Incident, PlaceWarning

_MOST_NAMED = 3  # earlier incidents that can be gone to from the line


def premise_lines(incident: Incident, warnings: Sequence[PlaceWarning], emergencies: Sequence[Incident], facts: Facts) -> list[html.Div]:
    """The lines under the head, the loudest of the panel; none when nothing is known."""
    rows = [_warning(incident, one, facts) for one in warnings]
    if emergencies:
        words = facts.words
        said = [
            html.Strong(words("Officers' emergencies here: {n} in 90 days", n=len(emergencies))),
            html.Span(_named(emergencies), className="links"),
        ]
        rows.append(html.Div([icon("alert"), html.Div(said, className="said")], className="due-line premise"))
    return [html.Div(rows, className="due-lines premises", role="alert")] if rows else []


def _warning(incident: Incident, one: PlaceWarning, facts: Facts) -> html.Div:
    words = facts.words
    until = words("until {date}", date=facts.date(one.expires_at))
    origin = words("set by {name}, {date}; source: {source}", name=one.set_by, date=facts.date(one.set_at), source=one.source)
    said = [html.Strong(facts.warning_name(one.warning)), html.Span(one.text), html.Span(f"{until} · {origin}", className="muted")]
    told = {"warning": one.warning_id}
    may = facts.may("lift_warning") and facts.in_scope(one.org_code) and facts.in_scope(incident.org_code)
    buttons = [press_button(command_label("lift_warning", facts), "lift_warning", incident.incident_id, told=told)] if may else []
    line = [icon("alert"), html.Div(said, className="said"), html.Div(buttons, className="answers")]
    return html.Div(line, className="due-line premise", **{"data-until": str(one.expires_at.timestamp())})


def earlier_calls(earlier: Sequence[Incident], facts: Facts) -> list[html.Div]:
    """What the same number called about before: how often, when last, of what kind, how it ended. Newest first."""
    if not earlier:
        return []
    words = facts.words
    kinds = Counter(facts.type_name(one.incident_type) for one in earlier)
    ends = Counter(_end(one, facts) for one in earlier)
    said: list[Any] = [
        html.Strong(words("Earlier calls of this number: {n}", n=len(earlier))),
        html.Span([words("last "), age_of(earlier[0].received_at), words(" ago")], className="muted"),
        html.Span(_counted(kinds)),
        html.Span(_counted(ends), className="muted"),
        html.Span(_named(earlier), className="links"),
    ]
    return [html.Div(html.Div([icon("phone"), html.Div(said, className="said")], className="due-line caller-calls"), className="due-lines")]


def _end(one: Incident, facts: Facts) -> str:
    return facts.disposition_name(one.disposition) if one.stage == "closed" and one.disposition else facts.words.stage(one.stage)


def _counted(names: Counter[str]) -> str:
    return ", ".join(name if n == 1 else f"{name} × {n}" for name, n in names.most_common(4))


def _named(incidents: Sequence[Incident]) -> list[html.Span]:
    """The newest by number, to go to."""
    return [
        html.Span(
            f"#{one.number}", className="number link", **{"data-select": json.dumps({"kind": "incident", "incident_id": one.incident_id})}
        )
        for one in incidents[:_MOST_NAMED]
    ]
