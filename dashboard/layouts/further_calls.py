"""What a call may be a further call about, each with its reasons and two answers: the same, or not the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard import ids
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import icon, press_button
from dispatch.duplicates import KIND, WORDS, Likeness
from dispatch.model import Incident

_SOME_WORDS = WORDS / 4  # of the likeness of two texts from where on it is worth a word


def may_be_the_same(incident: Incident, found: Sequence[Likeness], facts: Facts) -> list[html.Div]:
    """Lines of the panel, with one-click answers; none when nothing is alike."""
    known = [(one, facts.incidents[one.incident_id]) for one in found if one.incident_id in facts.incidents]
    if not known:
        return []
    known.sort(key=lambda pair: not pair[1].is_open)  # the first line is the one that keys answer: it can be merged with
    rows = [_row(one, other, facts, _answers(incident, other, facts, is_first=at == 0)) for at, (one, other) in enumerate(known)]
    return [html.Div(rows, className="due-lines")]


def form_lines(found: Sequence[Likeness], answers: dict[str, Any], facts: Facts) -> list[html.Div]:
    """The same beside a call that is being taken; `answers`: what was said of them so far, {"same": id, "apart": [ids]}."""
    rows = []
    for one in found:
        other = facts.incidents.get(one.incident_id)
        if other is None or one.incident_id in answers.get("apart", ()):
            continue
        if answers.get("same") == one.incident_id:
            taken = html.Span(facts.words("recorded as a further call of it"), className="muted")
            rows.append(_row(one, other, facts, [taken, _form_button("apart", other, facts)]))
        else:
            commands = ["same", "apart"] if other.is_open and facts.may("merge") else ["apart"]
            rows.append(_row(one, other, facts, [_form_button(command, other, facts) for command in commands]))
    return rows


def _form_button(command: str, other: Incident, facts: Facts) -> html.Button:
    label = facts.words("The same") if command == "same" else facts.words("Not the same")
    return press_button(label, command, other.incident_id, to=ids.NEW_ANSWERED)


def _answers(incident: Incident, other: Incident, facts: Facts, *, is_first: bool) -> list[Any]:
    """The one with units on it stays, the other is merged into it; keys answer the first line."""
    words = facts.words
    buttons: list[Any] = []
    if other.is_open and facts.may("merge"):
        # The later call is the further one, unless units are on it already.
        turned = bool(incident.active_assignments) or (other.number > incident.number and not other.active_assignments)
        going, staying = (other, incident) if turned else (incident, other)
        if going.active_assignments:
            buttons.append(html.Span(words("units are on both: recall one's first"), className="muted"))
        else:
            label = words("Merge #{going} into #{staying}", going=going.number, staying=staying.number)
            name = "merge-same" if is_first else ""
            told = {"into": staying.incident_id}
            key = [html.Kbd("M")] if is_first else []
            buttons.append(press_button([label, *key], "merge", going.incident_id, told=told, className=name))
    if facts.may("tell_apart"):
        key, name = ([html.Kbd("D")], "tell-apart") if is_first else ([], "")
        told = {"other": other.incident_id}
        buttons.append(press_button([words("Not the same"), *key], "tell_apart", incident.incident_id, told=told, className=name))
    return buttons


def _row(one: Likeness, other: Incident, facts: Facts, answers: list[Any]) -> html.Div:
    selection = json.dumps({"kind": "incident", "incident_id": other.incident_id})
    head = html.Strong(
        [
            facts.words("May be the same as "),
            html.Span(f"#{other.number}", className="number link", **{"data-select": selection}),
            f" {facts.type_name(other.incident_type)}",
        ]
    )
    said = [head, html.Span(" · ".join(reasons(one, other, facts)), className="muted")]
    line = [icon("merge"), html.Div(said, className="said"), html.Div(answers, className="answers")]
    return html.Div(line, className="due-line alike")


def reasons(one: Likeness, other: Incident, facts: Facts) -> list[str]:
    """Why, the strongest first as people ask: how far, how long ago, what kind, which words, whose number."""
    words = facts.words
    apart = words.duration(abs(one.seconds))
    said = []
    if one.metres is not None:
        said.append(words("{distance} away", distance=words.distance(one.metres)))
    elif one.place:
        said.append(words("same address"))
    said.append(words("{time} earlier", time=apart) if one.seconds >= 0 else words("{time} later", time=apart))
    if one.kind:
        said.append(words("same kind") if one.kind == KIND else words("related kind"))
    if one.words >= _SOME_WORDS:
        said.append(words("similar words"))
    if one.caller:
        said.append(words("same caller's number"))
    if not other.is_open:
        said.append(words.stage(other.stage))
    return said
