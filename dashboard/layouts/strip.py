"""The strip on top: city and clock, counts, feeds, connection; and the banner. The client fills in what moves."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard import ids
from dashboard.layouts.broadcast import broadcast_button
from dashboard.layouts.coverage import coverage_figure
from dashboard.layouts.desks import desk_name
from dashboard.layouts.duty_circles import circles_button
from dashboard.layouts.page import Page
from dashboard.layouts.parts import grade_sign, icon
from dispatch.model import Grade, UnitStatus
from geodata.cities.city import City
from operations.access.permissions import Action, is_granted

# The statuses an operator counts by; the others are in each unit's card.
_COUNTED = (UnitStatus.AVAILABLE, UnitStatus.EN_ROUTE, UnitStatus.ON_SCENE)


def strip(city: City, page: Page) -> html.Header:
    """The whole strip."""
    words = page.words
    shown = page.desk or city
    name = words.pick(shown.name, shown.name_en)
    return html.Header(
        [
            html.Div([html.Span(className="logo"), html.Strong("联动" if words.language == "zh" else "Liandong")], className="brand"),
            desk_name(name, page),
            html.Div(html.Time(id=ids.CLOCK_TIME), id=ids.CLOCK, title=words("City time, {zone}", zone=city.time_zone)),
            _grades(page),
            _units(page),
            coverage_figure(page),
            html.Div(className="spring"),
            html.Div(id=ids.FEEDS, title=words("Feeds and how long ago each was heard")),
            html.Span(
                [html.Span(className="mark"), html.Span(words("not live"), className="word")], id=ids.CONNECTION, className="badge bad"
            ),
            _controls(page),
        ],
        id=ids.STRIP,
    )


def _grades(page: Page) -> html.Div:
    words = page.words
    counts: list[Any] = [html.Span(words("Open"), className="label")]
    for grade in Grade:
        counts.append(
            html.Span(
                [
                    grade_sign(grade, words),
                    html.B("0", **{"data-grade-count": str(int(grade))}),
                    html.Span(words.grade(grade), className="name"),
                ],
                className="figure zero",
                title=words("Open incidents, {grade}", grade=words.grade(grade)),
            )
        )
    counts.append(
        html.Span(
            [
                html.Span(icon("bell"), className="alarm-sign"),
                html.B("0", **{"data-alarm-count": ""}),
                html.Span(words("Alarms"), className="name"),
            ],
            className="figure alarms zero",
            title=words("Open incidents with an alarm that nobody has taken on"),
        )
    )
    return html.Div(counts, id=ids.GRADE_COUNTS, className="figures")


def _units(page: Page) -> html.Div:
    words = page.words
    counts: list[Any] = [html.Span(words("Units"), className="label")]
    for status in _COUNTED:
        counts.append(
            html.Span(
                [
                    html.Span(html.Span(className="glyph"), className=f"status-sign status-{status}"),
                    html.B("0", **{"data-status-count": str(status)}),
                    html.Span(words.status(status), className="name"),
                ],
                className="figure",
                title=words.status(status),
            )
        )
    counts.append(
        html.A(
            [html.Span("/", className="of"), html.B("0", **{"data-unit-total": ""})],
            href=f"/duty?org={page.desk.code}" if page.desk else "/duty",
            className="figure total",
            title=words("Units in all; opens the duty roster"),
        )
    )
    return html.Div(counts, id=ids.UNIT_COUNTS, className="figures")


def _controls(page: Page) -> html.Div:
    words = page.words
    return html.Div(
        [
            circles_button(page),
            broadcast_button(page),
            *_statistics(page),
            html.Button(
                icon("wall"),
                id=ids.PUSH_WALL,
                title=words("Show this view on the wall (w)"),
                hidden=not is_granted(page.role, Action.PUSH_VIEW),
            ),
            html.Button([icon("mute"), icon("sound")], id=ids.SOUND, title=words("Sound of alarms"), **{"aria-pressed": "false"}),
            html.Button(icon("help"), id=ids.HELP_OPEN, title=words("Keys (?)")),
            html.Button(icon("theme"), id=ids.THEME, title=words("Dark or light")),
            html.Button("EN" if words.language == "zh" else "中", id=ids.LANGUAGE, title="English" if words.language == "zh" else "中文"),
            html.A([icon("account"), html.Span(page.actor_name, className="who")], href="/account", title=words("Account and sessions")),
            html.Form(
                html.Button(icon("leave"), type="submit", title=words("Log out")),
                action="/logout",
                method="POST",
            ),
        ],
        className="controls",
    )


def _statistics(page: Page) -> list[html.A]:
    """Pages of figures, for those who may see them."""
    org = f"?org={page.desk.code}" if page.desk else ""
    pages = (
        (Action.SEE_KPIS, "kpi", page.words("Response times: how long each stage takes")),
        (Action.SEE_CALIBRATION, "calibration", page.words("Promises checked: promised and actual times")),
        (Action.SEE_TRACKS, "tracks", page.words("Tracks: who was where, and when")),
    )
    return [html.A(icon(name), href=f"/{name}{org}", title=title) for action, name, title in pages if is_granted(page.role, action)]


def banner(page: Page) -> html.Div:
    """What cannot be overlooked: the picture is not live, or a feed is silent."""
    return html.Div([icon("alert"), html.Span(page.words("Connecting…"), className="word")], id=ids.BANNER, role="alert", hidden=True)
