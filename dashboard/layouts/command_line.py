"""The command line over the map: an input that the client makes, what could stand there, and what is asked or wrong."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard import ids
from dashboard.layouts.facts import Facts
from dashboard.layouts.page import Page
from operations.incidents.command_line import Kind, Offer, Slot, Trouble, Verb, written


def command_line(page: Page) -> html.Div:
    """Hidden until a key opens it; `client/src/line.js` fills it."""
    words = page.words
    return html.Div(
        [
            html.Div(
                [html.Span("›", className="prompt", **{"aria-hidden": "true"}), html.Span(id=ids.LINE_FIELD)],
                className="line-row",
            ),
            html.P(id=ids.LINE_NOTE, className="line-note", role="status"),
            html.Ul(id=ids.LINE_LIST, className="line-list", role="listbox"),
            html.P(words("Tab completes · Enter sends · ↑ ↓ earlier lines · Esc leaves"), className="line-keys"),
        ],
        id=ids.LINE,
        className="command-line",
        hidden=True,
        role="dialog",
        **{"aria-label": words("Command line")},
    )


def offer_view(line: str, offer: Offer, facts: Facts) -> dict[str, Any]:
    """What the client draws under the line."""
    return {
        "text": line,
        "start": offer.start,
        "syntax": "" if offer.verb is None else syntax(offer.verb, facts),
        "choices": [{"insert": written(choice), "also": choice.name, "detail": choice.detail} for choice in offer.choices],
    }


def syntax(verb: Verb, facts: Facts) -> str:
    """ "close INCIDENT DISPOSITION [TEXT]" in the reader's words."""
    name = verb.zh if facts.words.language == "zh" else verb.name
    return " ".join([name, *(_slot(slot, facts) for slot in verb.slots)])


def _slot(slot: Slot, facts: Facts) -> str:
    name = kind_name(slot.kind, facts)
    return f"[{name}]" if slot.optional else f"‹{name}›"


def kind_name(kind: Kind, facts: Facts) -> str:
    """What stands at a place of the line."""
    words = facts.words
    names = {
        Kind.VERB: words("command"),
        Kind.INCIDENT: words("incident number"),
        Kind.UNIT: words("callsign"),
        Kind.UNITS: words("callsigns"),
        Kind.TYPE: words("type"),
        Kind.GRADE: words("grade"),
        Kind.DISPOSITION: words("outcome"),
        Kind.SERVICE: words("service"),
        Kind.DIVERSION: words("service"),
        Kind.ORGANISATION: words("organisation"),
        Kind.WARNING: words("warning"),
        Kind.PLACE: words("place"),
        Kind.TEXT: words("text"),
    }
    return names[kind]


def trouble_text(trouble: Trouble, facts: Facts) -> str:
    """What is wrong with a line: the word, what was wanted, what could stand there."""
    words = facts.words
    if trouble.kind is None:
        return words("“{word}” is too much: {verb} ends before it.", word=trouble.word, verb=trouble.verb)
    kind = kind_name(trouble.kind, facts)
    if not trouble.word:
        said = words("{kind} is missing.", kind=kind)
    elif trouble.kind is Kind.VERB:
        said = words("“{word}” is no command for this account.", word=trouble.word)
    else:
        said = words("“{word}” is not known here as {kind}.", word=trouble.word, kind=kind)
    if not trouble.could:
        return said
    could = words("Could stand there: {could}", could=", ".join(trouble.could))
    return f"{said} {could}"
