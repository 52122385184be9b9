"""Card of a camera that is selected: how it does, where it looks at rest, whether it turns, whose it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import icon
from dashboard.layouts.selected import element_name, plain_rows
from operations.cameras.camera_health import CameraHealthState
from operations.cameras.camera_register import Camera

# Said in words of their own, below, or nothing to whoever looks.
_SAID = frozenset({"heading_deg", "fov_deg", "range_m", "mast_height_m", "org_code", "ptz", "demo", "kind"})


def camera_card(camera: Camera, facts: Facts) -> html.Div:
    """What the register knows of it, without any address."""
    words = facts.words
    name = element_name(camera.properties, facts) or facts.element_kind("street_camera")
    said = [
        (words("picture"), _health(camera, facts)),
        (words("looks"), _looks(camera, facts)),
        (words("turning"), words("can be turned from here") if camera.turns else words("stands still")),
        (words("belongs to"), facts.organisation_name(camera.org_code)),
    ]
    rows = [html.Div([html.Dt(term), html.Dd(what)]) for term, what in said]
    rest = {key: value for key, value in camera.properties.items() if key not in _SAID}
    return html.Div(
        [
            html.Div([icon("street_camera"), html.H2(name)], className="head-line"),
            html.Div(
                [html.Span(facts.element_kind("street_camera")), html.Span(f"{camera.lon:.5f}, {camera.lat:.5f}")], className="head-facts"
            ),
            html.Dl([*rows, *plain_rows(rest)], className="facts"),
        ],
        className="head",
    )


def _health(camera: Camera, facts: Facts) -> html.Span:
    words, at = facts.words, camera.last_picture_at
    match camera.state:
        case CameraHealthState.NO_ADDRESS:
            said = words("no address is registered")
        case CameraHealthState.UNTRIED:
            said = words("not tried within the last day")
        case CameraHealthState.FAILING:
            said = words("no picture since {time}", time=_moment(at, facts)) if at else words("never gave a picture")
        case _:
            said = words("in order, last picture {time}", time=_moment(at, facts))
    more = [html.Span(f" · {camera.last_error}", className="muted")] if camera.last_error else []
    return html.Span([html.Span(said), *more], className=f"camera-health {camera.state}")


def _moment(at: datetime | None, facts: Facts) -> str:
    """Time of day; with the day when that is another."""
    if at is None:
        return "–"
    there = at.astimezone(facts.zone)
    return facts.clock(at) if there.date() == facts.now.astimezone(facts.zone).date() else f"{there:%Y-%m-%d} {facts.clock(at)}"


def _looks(camera: Camera, facts: Facts) -> str:
    words, properties = facts.words, camera.properties
    if camera.heading_deg is None:
        return words("no heading is registered")
    heading = words("at rest {deg}°", deg=f"{camera.heading_deg:g}") if camera.turns else f"{camera.heading_deg:g}°"
    parts: list[Any] = [heading]
    if isinstance(properties.get("fov_deg"), int | float):
        parts.append(words("{deg}° wide", deg=f"{properties['fov_deg']:g}"))
    if isinstance(properties.get("range_m"), int | float):
        parts.append(words("as far as {metres}", metres=words.distance(properties["range_m"])))
    return " · ".join(parts)
