"""Holds on tracks, below the questions: what is kept although its time is over, a form to set one, a button to let one go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from dashboard.i18n import Words
from dashboard.layouts.plain_page import form
from dashboard.layouts.statistics import table
from operations.tracking.track_holds import LONGEST_REASON
from storage.track_holds import Hold


def holds_section(holds: Sequence[Hold], asked: dict[str, str], keep_days: int, now: datetime, zone: ZoneInfo, words: Words) -> str:
    """`asked`: what the questions above were filled with; a hold begins with the same span and incident."""
    rule = words("Tracks are kept for {n} days.", n=keep_days) if keep_days else words("Tracks are kept without an end.")
    note = words("A hold keeps what it covers beyond that. Who sets or releases one is on record.")
    heads = [words("Covers"), words("Reason"), words("Set by"), words("until"), ""]
    rows = [_row(hold, now, zone, words) for hold in holds]
    nothing = words("No hold is set.")
    listed = f'<div class="wide">{table(heads, rows)}</div>' if rows else f'<p class="muted">{escape(nothing)}</p>'
    title = words("Holds")
    return f'<section><h2>{escape(title)}</h2><p class="muted">{escape(rule)} {escape(note)}</p>{listed}{_form(asked, words)}</section>'


def _row(hold: Hold, now: datetime, zone: ZoneInfo, words: Words) -> list[str]:
    def local(at: datetime) -> str:
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"

    if hold.incident_id:
        label = words("an incident")
        covers = f'<a href="/?incident={escape(hold.incident_id)}">{escape(label)}</a>'
    else:
        covers = " – ".join(local(at) for at in (hold.from_at, hold.to_at) if at is not None)
        covers += f"<br>{hold.lon:.5f}, {hold.lat:.5f} · {hold.radius_m:g} m" if hold.lon is not None else ""
    until = words("until released") if hold.until is None else local(hold.until)
    if hold.released_at is not None:
        end = escape(words("released {at} by {who}", at=local(hold.released_at), who=hold.released_by))
    elif hold.is_active(now):
        end = form("/tracks/holds", words("Let go"), release=hold.hold_id)
    else:
        end = escape(words("over"))
    return [covers, escape(hold.reason), f"{escape(hold.set_by)}<br>{local(hold.set_at)}", escape(until), end]


def _form(asked: dict[str, str], words: Words) -> str:
    incident = asked.get("incident", "")
    fields = [(words("Reason"), f'<input name="reason" required maxlength="{LONGEST_REASON}">')]
    if incident:
        covered = words("the incident")
        fields.append((words("Covers"), f'<input value="{escape(covered)}" disabled>'))
        hidden = f'<input type="hidden" name="incident" value="{escape(incident)}">'
    else:
        hidden = ""
        fields += [
            (label, f'<input name="{name}" type="datetime-local" step="1" required value="{escape(asked.get(name, ""))}">')
            for name, label in (("from", words("From")), ("to", words("until")))
        ]
        point = escape(asked.get("point", ""))
        fields.append((words("Only around a place (optional)"), f'<input name="point" value="{point}">'))
        fields.append(
            (words("Within, metres"), f'<input name="radius" type="number" min="10" max="50000" value="{escape(asked.get("radius", ""))}">')
        )
    fields.append((words("Keep until (optional)"), '<input name="until" type="date">'))
    shown = "".join(f"<label><span>{escape(label)}</span>{control}</label>" for label, control in fields)
    title, button = words("Set a hold"), words("Hold")
    return (
        f"<details{' open' if incident else ''}><summary>{escape(title)}</summary>"
        f'<form class="ask" method="post" action="/tracks/holds">{hidden}{shown}'
        f'<button type="submit">{escape(button)}</button></form></details>'
    )
