"""Who has claimed an incident (认领): the line in the panel, the button where nobody has, and the question before one acts on another's."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard import ids
from dashboard.layouts.facts import Facts
from dashboard.layouts.page import Page
from dashboard.layouts.parts import countdown, icon, press_button
from dispatch.claims import live_claim
from dispatch.model import Incident

# Commands that send, call off or end: whoever gives one on an incident that another has claimed is asked once more.
WARNED = ("push", "reinforce", "recall", "close", "divert", "mark_invalid", "cancel", "merge", "offer_handover", "escalate")


def claim_line(incident: Incident, facts: Facts) -> list[html.Div]:
    """Nothing while nobody has claimed it; it goes by itself when the claim lapses (`data-until`)."""
    held = live_claim(incident, facts.now)
    if held is None:
        return []
    words = facts.words
    is_own = held.by == facts.account
    who = words("Claimed by you") if is_own else words("Claimed by {name}", name=held.by)
    said = [
        html.Strong(who),
        *([] if is_own else [html.Span(facts.organisation_name(held.org_code), className="muted")]),
        countdown(held.until, facts.now, words("lapses in"), words("lapsed"), words),
    ]
    line = html.Div(
        [icon("claim"), html.Div(said, className="said"), html.Div(_answers(incident, is_own, facts), className="answers")],
        className=f"due-line claim{' own' if is_own else ''}",
        **{"data-until": str(held.until.timestamp())},
    )
    return [line]


def _answers(incident: Incident, is_own: bool, facts: Facts) -> list[html.Button]:
    if not may_claim(incident, facts):
        return []
    words, id_ = facts.words, incident.incident_id
    if not is_own:
        label = [words("Take over"), html.Kbd("C")]
        return [press_button(label, "claim", id_, told={"take_over": "yes"}, className="claim-key")]
    return [
        press_button([words("Carry on"), html.Kbd("C")], "claim", id_, className="claim-key"),
        press_button(words("Release claim"), "release_claim", id_, className="quiet"),
    ]


def claim_button(incident: Incident, facts: Facts) -> list[html.Button]:
    """Where nobody has claimed it, or from when the claim there is has lapsed (`data-from`)."""
    if not (incident.is_open and may_claim(incident, facts)):
        return []
    held = live_claim(incident, facts.now)
    label = [facts.words("Claim"), html.Kbd("C")]
    later: dict[str, Any] = {} if held is None else {"hidden": True, "data-from": str(held.until.timestamp())}
    return [press_button(label, "claim", incident.incident_id, className="claim-key", **later)]


def may_claim(incident: Incident, facts: Facts) -> bool:
    return facts.may("claim") and facts.in_scope(incident.org_code)


def claim_warning(page: Page) -> html.Div:
    """The question; whose claim it is, and what was about to be done, is filled in by `client/src/claim.js`."""
    words = page.words
    return html.Div(
        html.Div(
            [
                html.H2(id=ids.CLAIM_WARNING_TITLE),
                html.P(id=ids.CLAIM_WARNING_TEXT),
                html.Div(
                    [
                        html.Button(words("Leave it"), id=ids.CLAIM_WARNING_CANCEL),
                        html.Button(words("Do it all the same"), id=ids.CLAIM_WARNING_GO, className="primary"),
                    ],
                    className="dialog-end",
                ),
            ],
            className="dialog small",
            role="alertdialog",
        ),
        id=ids.CLAIM_WARNING,
        className="veil",
        hidden=True,
    )
