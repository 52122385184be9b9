"""The check-list of a feedback: how much of it was seen to, and on a click what was not."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from dispatch.codes import ChecklistItem

MOST_NAMED = 40  # a form is whatever a program sent


def checks_of(form: dict[str, Any], incident_type: str, facts: Facts) -> list[Any]:
    """ "5 of 7 checks", with the missing ones behind it in the order of the type's list; nothing where the form has no check-list."""
    checks = form.get("checks")
    if not isinstance(checks, dict) or not checks:
        return []
    words = facts.words
    missing = [str(item) for item, is_done in checks.items() if is_done is not True]
    said = words("{n} of {m} checks", n=len(checks) - len(missing), m=len(checks))
    if not missing:
        return [html.Span(said, className="checks")]
    checklist = facts.codes.checklist_for(incident_type)
    known = {item.id: item for item in checklist.item} if checklist else {}
    ordered = [*(item for item in known if item in missing), *(item for item in missing if item not in known)]
    names = [_name(item, known.get(item), facts) for item in ordered[:MOST_NAMED]]
    return [
        html.Details([html.Summary(said), html.Div([html.Div(name) for name in names], className="missing")], className="checks lacking")
    ]


def _name(item: str, known: ChecklistItem | None, facts: Facts) -> str:
    """Of an item that the city's tables no longer have, its id."""
    if known is None:
        return item[:80]
    name = facts.words.pick(known.zh, known.en)
    return facts.words("{item} (required)", item=name) if known.required else name
