"""What a click on an incident or a point brings up: who can be there by road, ring by ring, and what lies around."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from dashboard.layouts.duty_circles import circles_around
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import empty, grade_sign, icon, kind_sign, press_button, section, status_pill
from dashboard.layouts.pursuit import pursue_button
from dashboard.layouts.selected import element_name
from dispatch.model import Incident
from operations.access.authority import Action

_SHOWN_IN_RING = 8
_SHOWN_BEYOND = 4
_BESIDE_M = 60.0  # so far from its street a house stands; who has farther to go on foot is later than the times say
_OUTSIDE_M = 50_000.0  # from the nearest street: no place of this city
_SHOWN_CAMERAS = 6
_SHOWN_AROUND = 10
_SHOWN_EARLIER = 6

Json = dict[str, Any]


def scene_panel(scene: Json, incident: Incident | None, facts: Facts) -> list[Any]:
    """Ranked units, cameras, surroundings, weather, earlier incidents."""
    words = facts.words
    head = []
    if scene["no_rings_because"]:
        away_m = scene["nearest_street_m"]
        far = words("No rings here: the nearest street on the map is {distance} away.", distance=words.distance(away_m))
        is_outside = away_m is None or away_m > _OUTSIDE_M
        head.append(html.P(words("No rings here: the place lies outside of the map.") if is_outside else far, className="notice padded"))
    elif (off_m := scene["rings"]["features"][0]["properties"]["off_street_m"]) > _BESIDE_M:
        short = words("Times by road end at the nearest street, {distance} from here.", distance=words.distance(off_m))
        head.append(html.P(short, className="notice padded"))
    if incident is None:
        head.append(html.P(words("Responsible: {name}", name=facts.organisation_name(scene["org_code"])), className="padded muted"))
    if facts.may(Action.SEE_SCENE) and not scene["no_rings_because"]:
        head.append(pursue_button(scene["lon"], scene["lat"], incident.incident_id if incident is not None else None, words))
    return [
        *head,
        units_by_ring(scene, incident, facts),
        *circles_around(scene, facts),
        _cameras(scene, facts),
        _around(scene, facts),
        _weather(scene, facts),
        _earlier(scene, facts),
    ]


def units_by_ring(scene: Json, incident: Incident | None, facts: Facts) -> Any:
    """Units nearest first by road time, under the ring they can be there in; a ring without an available unit says so."""
    words = facts.words
    units: dict[str, Json] = {unit["unit_id"]: unit for unit in scene["units"]}
    command = push_command(incident) if incident is not None and facts.may("push") else None
    top = next((unit["unit_id"] for unit in scene["units"] if unit["recommended"]), None) if command else None
    children: list[Any] = []
    for ring in scene["units_by_ring"]:
        children.append(_ring_heading(ring, facts))
        if not ring["available"]:
            children.append(_empty_ring(ring, facts))
        shown = _shown([units[unit_id] for unit_id in ring["unit_ids"]], _SHOWN_IN_RING)
        children.extend(unit_row(unit, incident, command, unit["unit_id"] == top, facts) for unit in shown)
        if more := len(ring["unit_ids"]) - len(shown) + ring["unlisted"]:
            children.append(empty(words("and {n} more in this ring", n=more)))
    beyond = _shown([unit for unit in scene["units"] if unit["ring_minutes"] is None], _SHOWN_BEYOND)
    if beyond:
        children.append(html.H4([html.I(className="ring-out"), words("Beyond the rings")]))
        children.extend(unit_row(unit, incident, command, unit["unit_id"] == top, facts) for unit in beyond)
    if scene["no_rings_because"]:
        children = [empty(words("Nobody is ranked here: times by road are not known of this place. Take a point on a street near it."))]
    elif not scene["units"]:
        children = [empty(words("No unit that you may see can be there by road."))]
    return section(words("Who can be there, by road"), children, note=facts.clock(facts.now) if facts.is_past else words("now"), name="who")


def _shown(units: Sequence[Json], most: int) -> list[Json]:
    """The first so many, and whoever is recommended behind them."""
    return [unit for k, unit in enumerate(units) if k < most or unit["recommended"]]


def push_command(incident: Incident) -> str | None:
    """A first push, or a reinforcement; None when the incident has ended."""
    if not incident.is_open:
        return None
    return "reinforce" if incident.active_assignments else "push"


def _ring_heading(ring: Json, facts: Facts) -> html.H4:
    words = facts.words
    minutes = f"{ring['minutes']:g}"
    return html.H4(
        [
            html.I(className=f"ring-{minutes}"),
            words("{n} min", n=minutes),
            html.Span(words("{n} available", n=ring["available"]), className="note-right"),
        ]
    )


def _empty_ring(ring: Json, facts: Facts) -> html.P:
    words = facts.words
    beyond = ring["nearest_beyond"]
    if beyond is None:
        return empty(words("Nobody available whose position is known, neither here nor within an hour by road."))
    return empty(
        words("Nobody available in this ring. {unit} misses it by {over}.", unit=beyond["callsign"], over=words.eta(beyond["over_s"]))
    )


def unit_row(unit: Json, incident: Incident | None, command: str | None, is_top: bool, facts: Facts) -> html.Div:
    """One unit with its times by road, where there are any, and the button that sends it."""
    words = facts.words
    times = [] if unit["eta_s"] is None else [_times(unit, facts)]
    push: list[Any] = []
    if command and incident is not None and unit["available"] and not unit["assigned"]:
        push = [
            press_button(
                [words("Push") if command == "push" else words("Reinforce"), *([html.Kbd("P")] if is_top else [])],
                command,
                incident.incident_id,
                unit["unit_id"],
                className="push push-top primary" if is_top else "push",
            )
        ]
    return html.Div(
        [
            kind_sign(unit["kind"], words),
            html.Div(
                [
                    html.Div([html.Strong(unit["callsign"]), status_pill(unit["status"], words)], className="row-first"),
                    html.Div(reasons_text(unit, facts), className=f"reason {_verdict(unit)}"),
                ],
                className="unit-main",
                **{"data-select": json.dumps({"kind": "unit", "unit_id": unit["unit_id"]})},
            ),
            *times,
            *push,
        ],
        className=f"unit-row{' recommended' if unit['recommended'] else ''}",
    )


def _times(unit: Json, facts: Facts) -> html.Div:
    words = facts.words
    late = words.eta(unit["eta_p90_s"])
    total = words("{total} with {turnout} turnout", total=words.eta(unit["arrival_s"]), turnout=words.eta(unit["turnout_s"]))
    sure = words("on the road no more than {late} on nine of ten drives", late=late)
    return html.Div(
        [html.B([words.eta(unit["eta_s"]), html.Small(f"–{late}")]), html.Span(words.distance(unit["distance_m"]))],
        className="eta",
        title=f"{total}\n{sure}",
    )


def _verdict(unit: Json) -> str:
    if unit["recommended"]:
        return "for"
    return "" if all(reason["code"] == "nearer_units" or reason["for"] is not False for reason in unit["reasons"]) else "against"


def reasons_text(unit: Json, facts: Facts) -> str:
    """Why the unit is recommended, or why not: what speaks against it comes first and alone, but for a delay on its way."""
    against = [_reason(reason, facts) for reason in unit["reasons"] if reason["for"] is False]
    against += [_reason(reason, facts) for reason in unit["reasons"] if against and reason["code"] == "traffic"]
    if against:
        return " · ".join(against)
    said = [_reason(reason, facts) for reason in unit["reasons"] if reason["code"] not in ("available", "in_ring")]
    return " · ".join([facts.words("recommended"), *said] if unit["recommended"] else said)


def _reason(reason: Json, facts: Facts) -> str:
    words = facts.words
    texts = {
        "own_area": words("of the responsible command"),
        "on_foot": words("time at walking pace"),
        "traffic": words("{delay} longer for closed or slow streets", delay=words.eta(reason.get("delay_s", 0))),
        "on_ebike": words("time by e-bike"),
        "nearer_units": words("{n} that can go are nearer", n=reason["count"]) if reason.get("count") else words("enough crews are on it"),
        "on_this_incident": words("already sent here"),
        "off_duty": words("off duty since {time}", time=_said_at(reason["since"], facts)) if reason.get("since") else words("off duty"),
        "signed_off": words("signed off at {time}", time=_said_at(reason.get("since"), facts)),
        "out_of_service": words("out of service"),
        "not_signed_on": words("not signed on yet"),
        "armed": words("armed crew"),
        "auxiliary": words("auxiliary officers alone"),
        "load": words("sent to {n} since {time}", n=reason["incidents"], time=_said_at(reason["since"], facts)[:5])
        if reason.get("incidents")
        else words("sent to none so far"),
        "mustered": words("called in as reserve"),
        "committed_deployable": words("would leave its task: {task}", task=reason["task"])
        if reason.get("task")
        else words("has a task, can be called away"),
        "committed": words("has a task it can't leave"),
        "on_incident": words("on incident #{n}", n=reason["number"]) if reason.get("number") else words("on another incident"),
        "not_under_command": words("of another command: ask it, or the level above"),
        "old_position": words("position is {age} old", age=words.duration(reason.get("age_s", 0))),
    }
    return texts.get(reason["code"]) or str(reason["text"])


def _said_at(at: Any, facts: Facts) -> str:
    """An instant of a reason, which may have gone through JSON."""
    return facts.clock(datetime.fromisoformat(at) if isinstance(at, str) else at)


def _cameras(scene: Json, facts: Facts) -> Any:
    words = facts.words
    cameras = scene["cameras"][:_SHOWN_CAMERAS]
    if not cameras:
        return section(words("Cameras"), empty(words("No camera within 500 m.")), name="cameras")
    rows = [_thing(camera, facts, words("looks away") if camera.get("looks_here") is False else "") for camera in cameras]
    return section(
        words("Cameras"), html.Div(rows, className="things"), note=words("straight line, {n} nearest", n=len(rows)), name="cameras"
    )


def tile_of(camera: Json) -> Json:
    """What the client needs to show a camera's picture, and where it looks."""
    properties = camera["properties"]
    names = {"name": str(properties.get("name_zh") or properties.get("name") or ""), "name_en": str(properties.get("name_en") or "")}
    drawn = {name: properties[name] for name in ("heading_deg", "fov_deg", "range_m", "turns") if name in properties}
    return {"id": camera["element_id"], "looks_here": camera["looks_here"], "lon": camera["lon"], "lat": camera["lat"]} | names | drawn


def _around(scene: Json, facts: Facts) -> Any:
    words = facts.words
    things = [*scene["alerts"], *scene["elements"]][:_SHOWN_AROUND]
    if not things:
        return section(words("Around"), empty(words("Nothing of the catalogue stands near.")), name="around")
    return section(
        words("Around"),
        html.Div([_thing(thing, facts) for thing in things], className="things"),
        note=words("straight line"),
        name="around",
    )


def _thing(thing: Json, facts: Facts, remark: str = "") -> html.Div:
    name = element_name(thing["properties"], facts) or facts.element_kind(thing["element"])
    selection = {"kind": "element", "element": thing["element"], "id": thing["element_id"], "lon": thing["lon"], "lat": thing["lat"]}
    watched = {"data-watch": json.dumps(tile_of(thing))} if "looks_here" in thing else {}
    return html.Div(
        [
            icon(thing["element"]),
            html.Span(name, className="name"),
            html.Span(remark, className="remark"),
            html.Span(facts.words.distance(thing["straight_m"]), className="muted"),
        ],
        className="thing",
        **{"data-lon": str(thing["lon"]), "data-lat": str(thing["lat"]), "data-thing": json.dumps(selection)},
        **watched,
    )


def _weather(scene: Json, facts: Facts) -> Any:
    words = facts.words
    station = scene["weather"]
    if station is None:
        return section(words("Weather"), empty(words("No weather feed.")), name="weather")
    values = [
        f"{value:g} {_UNITS[key]}" for key, value in station["properties"].items() if key in _UNITS and isinstance(value, int | float)
    ]
    said = html.Div(
        [html.Span(" · ".join(values) or "–"), html.Span(element_name(station["properties"], facts), className="muted")], className="thing"
    )
    return section(words("Weather"), said, name="weather")


# Measured values of a weather station by the end of their name, with the unit that is shown.
_UNITS = {"temperature_c": "°C", "wind_mps": "m/s", "rain_mm_h": "mm/h", "humidity_percent": "%", "visibility_m": "m"}


def _earlier(scene: Json, facts: Facts) -> Any:
    words = facts.words
    earlier = scene["earlier_incidents"][:_SHOWN_EARLIER]
    if not earlier:
        return section(words("Earlier here"), empty(words("No incident within 300 m in the last 90 days.")), name="earlier")
    rows = []
    for one in earlier:
        at = one["received_at"].astimezone(facts.zone).strftime("%m-%d %H:%M")
        number = html.Span(f"#{one['number']}" if one["number"] else one["source"], className="number")
        selection = {"data-select": json.dumps({"kind": "incident", "incident_id": one["incident_id"]})} if one["incident_id"] else {}
        rows.append(
            html.Div(
                [
                    grade_sign(one["grade"], words),
                    html.Span(facts.type_name(one["incident_type"]), className="name"),
                    number,
                    html.Span(at, className="muted"),
                    html.Span(words.distance(one["straight_m"]), className="muted"),
                ],
                className="thing",
                **selection,
            )
        )
    return section(words("Earlier here"), html.Div(rows, className="things"), note=words("90 days, 300 m"), name="earlier")
