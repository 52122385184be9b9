"""What pages of statistics have in common: periods to choose, large figures, charts, tables. All of it is HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from html import escape
from typing import Any

from dashboard.i18n import Words

PLOTLY = "/_dash-component-suites/plotly/package_data/plotly.min.js"
Option = tuple[str, str]  # value, label


def period_links(
    periods: Sequence[tuple[int, date]], first: date, last: date, today: date, href: Callable[[date], str], words: Words
) -> str:
    """Periods that end today: `periods` are days and the day on which one of so many begins; `first` and `last` are what is shown."""
    links = []
    for days, begins in periods:
        chosen = begins == first and last == today
        label = words("today") if days == 1 else words("{n} days", n=days)
        links.append(f'<a href="{escape(href(begins))}"{" aria-current=true" if chosen else ""}>{escape(label)}</a>')
    period = words("Period")
    return f'<nav class="periods" aria-label="{escape(period)}">{"".join(links)}</nav>'


def select(name: str, label: str, options: Sequence[Option], chosen: str) -> str:
    shown = "".join(f'<option value="{escape(key)}"{" selected" if key == chosen else ""}>{escape(text)}</option>' for key, text in options)
    return f'<select name="{name}" aria-label="{escape(label)}">{shown}</select>'


def cards(rows: Sequence[tuple[str, str, str]]) -> str:
    """Large figures: the figure, what it is, a remark."""
    shown = (
        f"<article><b>{escape(value)}</b><span>{escape(what)}</span><small>{escape(more)}</small></article>" for value, what, more in rows
    )
    return f'<div class="cards">{"".join(shown)}</div>'


def chart(title: str, note: str, figure: dict[str, Any], below: str = "") -> str:
    """A figure for plotly.js, as plain data; `below` is HTML."""
    data = escape(json.dumps(figure, ensure_ascii=False), quote=True)
    return (
        f'<section><h2>{escape(title)}</h2><p class="muted">{escape(note)}</p>'
        f'<div class="figure" data-figure="{data}" role="img" aria-label="{escape(title)}"></div>{below}</section>'
    )


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML."""
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def clock(seconds: float | None) -> str:
    """Minutes and seconds; from an hour on hours as well."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
