"""Duty circles (快反圈) at the desk: the button, and the panel that `client/src/duty_circles.js` fills. A sheet of one within the scene."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard import ids
from dashboard.layouts.facts import Facts
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon, section
from operations.access.permissions import Action, is_granted

Json = dict[str, Any]


def circles_button(page: Page) -> html.Button:
    """In the strip; hidden from those who may see none."""
    return html.Button(
        icon("duty_circle"),
        id=ids.CIRCLES_OPEN,
        title=page.words("Duty circles"),
        hidden=not is_granted(page.role, Action.SEE_DUTY_CIRCLES),
        **{"aria-pressed": "false"},
    )


def circles_panel() -> html.Aside:
    """Empty until it is opened."""
    return html.Aside(html.Div(id=ids.CIRCLES_BODY), id=ids.CIRCLES)


def circles_around(scene: Json, facts: Facts) -> list[Any]:
    """The circles the point lies in, each with its tiers, forces and gates; nothing where there is none."""
    words = facts.words
    if not scene["duty_circles"]:
        return []
    cards = [_card(circle, facts) for circle in scene["duty_circles"]]
    return [section(words("Duty circle"), cards, note=words("prepared, no ring by road"), name="duty-circles")]


def _card(circle: Json, facts: Facts) -> html.Div:
    words = facts.words
    within = words("the point is in its {n} min area", n=f"{circle['inside_minutes']:g}")
    head = html.Button(
        [html.I(className="circle-sign"), html.Span(circle["name"], className="name"), html.Span(within, className="muted")],
        className="circle-entry",
        **{"data-circle": circle["circle_id"]},
    )
    return html.Div([head, *(_tier(tier, facts) for tier in circle["tiers"])], className="circle-card")


def _tier(tier: Json, facts: Facts) -> html.Div:
    words = facts.words
    forces = [f"{one['count']} × {words.kind(one['kind'])} {facts.organisation_name(one['org_code'])}" for one in tier["forces"]]
    gates = [one["name"] for one in tier["gates"]]
    lines = [html.Span(words.listed(forces) or words("no forces named"))]
    if gates:
        lines.append(html.Span(words("Gates: {names}", names=words.listed(gates)), className="muted"))
    return html.Div([html.B(words("{n} min", n=f"{tier['minutes']:g}")), html.Div(lines)], className="circle-tier-line")
