"""Whether an incident is with the organisation that type and place make responsible; another type does not move it by itself."""

from __future__ import annotations

from dash import html

from dashboard.layouts.actions import command_label
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import icon, press_button
from dispatch.model import Incident
from dispatch.past import is_past
from geodata.districts.responsibility import Answer, Kind


def belongs_elsewhere(incident: Incident, responsible: Answer | None, facts: Facts) -> list[html.Div]:
    """A line that suggests a hand-over; none where the owner is `responsible`, or was settled by a hand-over, or one is under way, or
    it was another system's.

    `responsible` is None while there is no point.
    """
    settled = incident.handed_over or incident.handover_to or not incident.is_open or is_past(incident.incident_id)
    if settled or responsible is None or responsible.code == incident.org_code:
        return []
    words = facts.words
    said = [
        html.Strong(words("Belongs to {name}", name=facts.organisation_name(responsible.code))),
        html.Span(words("by type and place: {kind}", kind=_kind(responsible.kind, facts)), className="muted"),
    ]
    may = facts.may("offer_handover") and facts.in_scope(incident.org_code)
    buttons = [press_button(command_label("offer_handover", facts), "offer_handover", incident.incident_id)] if may else []
    line = [icon("handover"), html.Div(said, className="said"), html.Div(buttons, className="answers")]
    return [html.Div(html.Div(line, className="due-line elsewhere"), className="due-lines")]


def _kind(kind: Kind, facts: Facts) -> str:
    words = facts.words
    kinds = {
        Kind.TERRITORY: words("its own area"),
        Kind.TRAFFIC: words("traffic"),
        Kind.EXPRESSWAY: words("expressway"),
        Kind.RAIL: words("railway"),
        Kind.PORT: words("port"),
        Kind.AIRPORT: words("airport"),
        Kind.WATER: words("on the water"),
    }
    return kinds[kind]
