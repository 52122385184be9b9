"""Small parts that several panels share: signs, icons, badges, ages. Status is always shape or word as well as colour."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dash import html

from dashboard import ids
from dashboard.i18n import Words
from dashboard.theme import GRADE_MARKS, KIND_SHAPES
from dispatch.model import Grade, Incident, UnitKind


def icon(name: str) -> html.Span:
    """One of the project's own drawings, in the colour of the text around it."""
    return html.Span(className="icon", style={"--icon": f"url(/assets/icons/{name}.svg)"}, **{"aria-hidden": "true"})


def number_of(incident: Incident) -> str:
    """What people call it by; one that another system recorded (`dispatch.past_events`) has only its number there."""
    return f"#{incident.number}" if incident.number else incident.source_id or ""


def press_button(
    label: Any,
    command: str,
    incident_id: str,
    unit_id: str = "",
    to: str = ids.PRESSED,
    told: Mapping[str, str] | None = None,
    **more: Any,
) -> html.Button:
    """A button that asks for `command` of an incident, or of one unit on it; the client tells the press to the store `to`.

    `told`: what else is to be known of the press, as `assignment` or `channel`.

    Not by `n_clicks`: the panel is drawn anew whenever something happens, and the answer to a button that is drawn anew
    meanwhile would be thrown away, the press with it.
    """
    pressed = {"to": to, "command": command, "incident": incident_id, "unit": unit_id, **(told or {})}
    return html.Button(label, **{"data-press": json.dumps(pressed)}, **more)


def grade_sign(grade: int, words: Words) -> html.Span:
    """Shape, colour and digit of a grade."""
    mark = GRADE_MARKS[Grade(grade)]
    return html.Span(str(int(grade)), className=f"grade-sign grade-{int(grade)} shape-{mark.shape}", title=words.grade(grade))


def status_pill(status: str, words: Words) -> html.Span:
    """Colour, glyph and word of a unit's status."""
    return html.Span([html.Span(className="glyph"), words.status(status)], className=f"pill status status-{status}")


def stage_pill(stage: str, words: Words) -> html.Span:
    """Word of a stage on its ground."""
    return html.Span(words.stage(stage), className=f"pill stage stage-{stage}")


def kind_sign(kind: str, words: Words) -> html.Span:
    """Shape of a kind of unit, as on the map."""
    return html.Span(className=f"kind-sign shape-{KIND_SHAPES[UnitKind(kind)]}", title=words.kind(kind))


def age_of(at: datetime | None) -> html.Span:
    """An age that counts by itself; a dash when there is no instant."""
    if at is None:
        return html.Span("–", className="age")
    return html.Span(className="age", **{"data-since": str(at.timestamp())})


def countdown(due_at: datetime, now: datetime, before: str, late: str, words: Words, name: str = "due") -> html.Span:
    """Time left until `due_at`, counted by the client; from then on other shape, the word `late`, and how late it is."""
    left_s = (due_at - now).total_seconds()
    return html.Span(
        [
            html.I(className="due-sign"),
            html.Span(before, className="due-step"),
            html.Span(late, className="due-late"),
            html.B(words.countdown(left_s), className="due-left"),
        ],
        className=f"{name} overdue" if left_s < 0 else name,
        **{"data-due": str(due_at.timestamp())},
    )


def section(title: str, children: Any, *, note: Any = None, name: str = "") -> html.Section:
    """One part of a panel with its heading."""
    return html.Section(
        [html.H3([html.Span(title), html.Span(note, className="note-right")]), *_listed(children)], className=f"section {name}"
    )


def field(label: str, control: object) -> html.Label:
    """One line of a form."""
    return html.Label([html.Span(label), control], className="field")


def empty(text: str) -> html.P:
    """Why there is nothing."""
    return html.P(text, className="empty")


def _listed(children: Any) -> list[Any]:
    return children if isinstance(children, list) else [children]
