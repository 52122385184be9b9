"""`/tracks`: who was near a place, where one crew was. The questions as two forms, the answer as a drawing and a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

import msgspec

from dashboard.i18n import Words
from dashboard.layouts.plain_page import framed, in_address
from dashboard.layouts.statistics import cards, table
from operations.tracking.track_questions import (
    LEAST_RADIUS_M,
    LONGEST_NEAR,
    LONGEST_PATH,
    MOST_RADIUS_M,
    Near,
    NearUnit,
    Path,
    Quiet,
    UnitTrack,
)

STYLE = '<link rel="stylesheet" href="/assets/tracks.css">'
SHOWN_SILENCES = 50


class TracksView(msgspec.Struct, frozen=True):
    """What was asked and answered."""

    asked: dict[str, str]
    answer: Near | Path | None
    drawing: str  # SVG, empty where there is nothing to draw
    units: Sequence[UnitTrack]  # to choose from
    organisation_of: Callable[[str], str]
    zone: ZoneInfo
    name: str
    error: str = ""
    holds: str = ""  # HTML


def tracks_page(view: TracksView, words: Words, theme: str) -> str:
    """The page."""
    address = "/tracks?" + "&".join(f"{key}={in_address(value)}" for key, value in view.asked.items())
    error = f'<p class="error" role="alert">{escape(view.error)}</p>' if view.error else ""
    answer = _near(view.answer, view, words) if isinstance(view.answer, Near) else ""
    if isinstance(view.answer, Path):
        answer = _path(view.answer, view, words)
    note = words("What you ask here is written down, with your name.")
    body = (
        f'{STYLE}<main><div class="questions">{_near_form(view, words)}{_path_form(view, words)}</div>'
        f'{error}<p class="muted">{escape(note)}</p>{answer}{view.holds}</main>'
    )
    return framed(words("Tracks"), view.name, body, words, theme, "statistics", address)


def _near_form(view: TracksView, words: Words) -> str:
    point, radius = view.asked.get("point", ""), view.asked.get("radius", "50")
    point_hint = words("longitude, latitude: 121.5503, 29.8739")
    fields = (
        _field(words("Place"), f'<input name="point" required value="{escape(point)}" placeholder="{escape(point_hint)}">')
        + _field(
            words("Within, metres"),
            f'<input name="radius" type="number" required min="{LEAST_RADIUS_M:g}" max="{MOST_RADIUS_M:g}" value="{escape(radius)}">',
        )
        + _span(view, words)
    )
    note = words("At most {n} hours.", n=int(LONGEST_NEAR.total_seconds() // 3600))
    return _form(words("Who was there?"), fields, words("Ask"), note)


def _path_form(view: TracksView, words: Words) -> str:
    # Brigades of several counties call their crews alike.
    named = ((one.unit_id, f"{one.callsign} · {view.organisation_of(one.org_code)}") for one in view.units)
    options = "".join(f'<option value="{escape(unit_id)}">{escape(name)}</option>' for unit_id, name in named)
    unit = escape(view.asked.get("unit", ""))
    fields = _field(words("Crew"), f'<input name="unit" required list="crews" value="{unit}">') + _span(view, words)
    note = words("At most {n} hours.", n=int(LONGEST_PATH.total_seconds() // 3600))
    form = _form(words("Where was this crew?"), fields, words("Ask"), note)
    return f'{form}<datalist id="crews">{options}</datalist>'


def _form(title: str, fields: str, button: str, note: str) -> str:
    return (
        f'<section><h2>{escape(title)}</h2><form class="ask" action="/tracks">{fields}'
        f'<button type="submit">{escape(button)}</button></form><p class="muted">{escape(note)}</p></section>'
    )


def _field(label: str, control: str) -> str:
    return f"<label><span>{escape(label)}</span>{control}</label>"


def _span(view: TracksView, words: Words) -> str:
    return "".join(
        _field(label, f'<input name="{name}" type="datetime-local" step="1" required value="{escape(view.asked.get(name, ""))}">')
        for name, label in (("from", words("From")), ("to", words("until")))
    )


def _near(found: Near, view: TracksView, words: Words) -> str:
    shown = cards(
        [
            (str(len(found.there)), words("crews were there"), words("within {n} m", n=f"{found.radius_m:g}")),
            (str(len(found.not_excluded)), words("can't be excluded"), words("silent nearby, long enough for the way there")),
        ]
    )
    heads = [words("Crew"), words("Organisation"), words("First"), words("Last"), words("Nearest"), words("Silent meanwhile")]
    rows = [row for one in found.there for row in _stays(one, view, words)]
    there = _section(words("Who was there"), heads, rows, words("Nobody whose track you may see."))
    quiet_heads = [words("Crew"), words("Organisation"), words("Silent from"), words("until")]
    quiet_rows = [row for one in found.not_excluded for row in _silent(one, view)]
    quiet = _section(words("Not excluded"), quiet_heads, quiet_rows, "") if quiet_rows else ""
    note = words("Between fixes up to 30 s apart the straight way counts; over longer silences nothing is said.")
    return f'{_unrecorded(found, view, words)}{shown}{_drawn(view, words)}{there}{quiet}<p class="muted">{escape(note)}</p>'


def _unrecorded(found: Near, view: TracksView, words: Words) -> str:
    """Before any number: an answer of nobody says nothing of a time that was not recorded."""
    if not found.unrecorded:
        return ""
    said = words("No position of anybody is on record for these times; who was there then is not known, and nobody is excluded:")
    times = "".join(f"<li>{_moment(one.from_at, view)} – {_moment(one.to_at, view)}</li>" for one in found.unrecorded)
    return f'<div class="error" role="alert">{escape(said)}<ul>{times}</ul></div>'


def _stays(one: NearUnit, view: TracksView, words: Words) -> list[list[str]]:
    silent = words("{n} times", n=len(one.silences)) if one.silences else "–"
    return [
        [
            _crew(one.unit, view, stay.first_at, stay.last_at),
            escape(view.organisation_of(one.unit.org_code)),
            _moment(stay.first_at, view),
            _moment(stay.last_at, view),
            f"{stay.nearest_m:.0f} m",
            escape(silent),
        ]
        for stay in one.stays
    ]


def _silent(one: NearUnit, view: TracksView) -> list[list[str]]:
    return [
        [
            _crew(one.unit, view, max(quiet.from_at, quiet.to_at - LONGEST_PATH), quiet.to_at),
            escape(view.organisation_of(one.unit.org_code)),
            _moment(quiet.from_at, view),
            _moment(quiet.to_at, view),
        ]
        for quiet in one.silences
        if quiet.may_have_come
    ]


def _path(found: Path, view: TracksView, words: Words) -> str:
    silent_s = sum((quiet.to_at - quiet.from_at).total_seconds() for quiet in found.silences)
    shown = cards(
        [
            (found.unit.callsign, words("Crew"), view.organisation_of(found.unit.org_code)),
            (f"{found.length_m / 1000:.1f} km", words("driven or walked"), words("as measured; silences are not bridged")),
            (f"{len(found.points):,}", words("fixes"), ""),
            (str(len(found.silences)), words("silences"), words("{n} min in all", n=round(silent_s / 60))),
        ]
    )
    rows = [[_moment(q.from_at, view), _moment(q.to_at, view), _minutes(q, words)] for q in found.silences[:SHOWN_SILENCES]]
    heads = [words("Silent from"), words("until"), words("for")]
    silences = _section(words("Silences"), heads, rows, words("None of more than 30 s."))
    return f"{shown}{_drawn(view, words)}{silences}"


def _minutes(quiet: Quiet, words: Words) -> str:
    seconds = (quiet.to_at - quiet.from_at).total_seconds()
    return escape(words("{n} s", n=round(seconds)) if seconds < 120 else words("{n} min", n=round(seconds / 60)))


def _drawn(view: TracksView, words: Words) -> str:
    if not view.drawing:
        return ""
    note = words("Dashed: nothing is known of that part. Hollow: beginning; full: end.")
    return f'<section class="drawn">{view.drawing}<p class="muted">{escape(note)}</p></section>'


def _section(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> str:
    inner = f'<div class="wide">{table(heads, rows)}</div>' if rows else f'<p class="muted">{escape(nothing)}</p>'
    return f"<section><h2>{escape(title)}</h2>{inner}</section>"


def _moment(at: datetime, view: TracksView) -> str:
    """A link to the replay of that moment."""
    local = at.astimezone(view.zone)
    return f'<a href="/replay?at={in_address(at.isoformat())}">{local:%Y-%m-%d %H:%M:%S}</a>'


def _crew(unit: UnitTrack, view: TracksView, from_at: datetime, to_at: datetime) -> str:
    """A link to the crew's own path of that time."""
    begins, ends = (at.astimezone(view.zone).strftime("%Y-%m-%dT%H:%M:%S") for at in (from_at, to_at))
    return f'<a href="/tracks?unit={in_address(unit.unit_id)}&amp;from={begins}&amp;to={ends}">{escape(unit.callsign)}</a>'
