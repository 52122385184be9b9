"""A duty circle on paper: drawing, tiers with their forces, gates and cameras, version and date. One A4 sheet, readable in black."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

import msgspec

from dashboard.i18n import Words
from dashboard.layouts.plain_page import framed, in_address
from dispatch.duty_circles import DutyCircle, Gate, Tier

STYLE = '<link rel="stylesheet" href="/assets/circle.css">'


class CircleSheet(msgspec.Struct, frozen=True):
    """What the sheet shows."""

    circle: DutyCircle
    drawing: str  # SVG of `dashboard.figures.circle_map`
    organisation_of: Callable[[str], str]
    callsign_of: Callable[[str], str]  # of a crew at a gate; empty where the reader may not know of it: plain clothes
    cameras: Mapping[str, str]  # names by element_id
    printed_at: datetime
    time_zone: str
    schematic: bool  # the streets are invented


def numbered_gates(circle: DutyCircle) -> list[tuple[int, Gate]]:
    """All gates, tier after tier, numbered through from 1."""
    return list(enumerate((gate for tier in circle.tiers for gate in tier.gates), 1))


def circle_page(view: CircleSheet, words: Words, theme: str) -> str:
    """The page."""
    circle = view.circle
    numbers = iter(range(1, 1 + len(numbered_gates(circle))))
    tiers = "".join(_tier(tier, view, numbers, words) for tier in circle.tiers)
    what = words("Prepared by people: neither a distance nor a ring by road.")
    drawn = f"{escape(words('Schematic streets: invented for the demo, not for driving'))} · " if view.schematic else ""
    body = (
        f'{STYLE}<main class="circle-sheet">{_head(view, words)}'
        f'<figure>{view.drawing}<figcaption class="muted">{drawn}{escape(what)}</figcaption></figure>'
        f'<div class="tiers">{tiers}</div></main>'
    )
    # The language and theme switches hang their own choice on the address with `&`.
    return framed(words("Duty circle"), circle.name, body, words, theme, "duty", f"/circle/{in_address(circle.circle_id)}?")


def _head(view: CircleSheet, words: Words) -> str:
    circle = view.circle
    said = words("Version {n} of {time}, set by {name}", n=circle.version, time=_time(circle.set_at, view), name=circle.set_by)
    printed = words("printed {time}", time=_time(view.printed_at, view))
    answers = words("Responsible: {name}", name=view.organisation_of(circle.org_code))
    button = words("Print")
    return (
        f'<div class="tools"><p class="as-of"><b>{escape(answers)}</b><br>{escape(said)} · {escape(printed)}</p>'
        f'<button type="button" data-print>{escape(button)}</button></div>'
    )


def _tier(tier: Tier, view: CircleSheet, numbers: Iterator[int], words: Words) -> str:
    forces = "".join(
        f"<li><b>{force.count} × {escape(words.kind(force.kind))}</b> {escape(view.organisation_of(force.org_code))}"
        f"{f' · {escape(force.text)}' if force.text else ''}</li>"
        for force in tier.forces
    )
    gates = "".join(f"<li><b class='number'>{next(numbers)}</b> {_gate(gate, view, words)}</li>" for gate in tier.gates)
    cameras = ", ".join(view.cameras.get(camera) or camera for camera in tier.cameras)
    nobody = words("No forces are named.")
    parts = [f"<h2>{escape(words('{n} min', n=f'{tier.minutes:g}'))}</h2>", f"<ul>{forces}</ul>" if forces else f"<p>{escape(nobody)}</p>"]
    if gates:
        parts.append(f"<h3>{escape(words('Gates'))}</h3><ul>{gates}</ul>")
    if cameras:
        parts.append(f"<h3>{escape(words('Cameras'))}</h3><p>{escape(cameras)}</p>")
    if tier.notes:
        parts.append(f"<h3>{escape(words('Notes'))}</h3><p>{escape(tier.notes)}</p>")
    return f"<section>{''.join(parts)}</section>"


def _gate(gate: Gate, view: CircleSheet, words: Words) -> str:
    crew = view.callsign_of(gate.unit_id) or words("a crew in plain clothes") if gate.unit_id else ""
    said = crew or words("any crew of the tier")
    return f"{escape(gate.name)} <span class='muted'>{escape(said)}{f' · {escape(gate.text)}' if gate.text else ''}</span>"


def _time(at: datetime, view: CircleSheet) -> str:
    return at.astimezone(ZoneInfo(view.time_zone)).strftime("%Y-%m-%d %H:%M")
