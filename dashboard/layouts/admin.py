"""The health page as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from dashboard.i18n import Words
from dashboard.theme import THEMES, css_variables
from dispatch.catalogue import Catalogue
from geodata.city import City

_RENEW_S = 5
_STATE_CLASS = {
    "ok": "good",
    "live": "good",
    "static": "good",
    "late": "warn",
    "stale": "warn",
    "silent": "bad",
    "never": "off",
    "no_feed": "off",
}


def admin_page(
    health: dict[str, Any], counts: dict[str, Any], report: dict[str, Any], city: City, catalogue: Catalogue, words: Words, theme: str
) -> str:
    """The page. `health` is `Health.snapshot()`, `counts` is `ElementStore.counts()`."""
    lag = health["loop_lag_p99_ms"]
    sections = [
        _feeds(health["feeds"], words),
        _rejections(health["feeds"], words),
        _table(words("Parts"), (words("Part"), words("State")), [(name, _flat(state)) for name, state in health["parts"].items()], words),
        _elements(counts, catalogue, words),
        _table(words("City"), (words("What"), words("Value")), _city_rows(city, report, words), words),
    ]
    loop = words("Event loop, p99: {lag} ms", lag=lag) if lag is not None else words("Event loop: not measured yet")
    title, back = words("Health"), words("To the desk")
    return f"""<!doctype html>
<html lang="{"zh-CN" if words.language == "zh" else "en"}" data-theme="{theme if theme in THEMES else "dark"}">
<head><meta charset="utf-8"><meta http-equiv="refresh" content="{_RENEW_S}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Liandong 联动</title><link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/build/fonts.css">
<link rel="stylesheet" href="/assets/10-base.css"><link rel="stylesheet" href="/assets/20-strip.css">
<link rel="stylesheet" href="/assets/admin.css">
<style>{css_variables()}</style></head>
<body class="admin"><header><span class="logo"></span><h1>{escape(title)}</h1>
<p>{escape(words.pick(city.name, city.name_en))} · {escape(loop)}</p><a href="/">{escape(back)}</a></header>
<main>{"".join(sections)}</main></body></html>"""


def _feeds(feeds: dict[str, Any], words: Words) -> str:
    states = {"ok": words("heard in time"), "late": words("late"), "silent": words("silent"), "never": words("never heard")}
    rows = [
        (
            name,
            _badge(feed["state"], states.get(feed["state"], feed["state"])),
            "–" if feed["age_s"] is None else words.duration(feed["age_s"]),
            f"{feed['rate_per_s']:g}/s",
            f"{feed['accepted']:,}",
            f"{sum(feed['rejected'].values()):,}",
            str(feed["sessions"]),
        )
        for name, feed in feeds.items()
    ]
    heads = (words("Feed"), words("State"), words("Age"), words("Rate"), words("Accepted"), words("Rejected"), words("Connections"))
    return _table(words("Feeds"), heads, rows, words)


def _rejections(feeds: dict[str, Any], words: Words) -> str:
    rows = [(name, reason, f"{count:,}") for name, feed in feeds.items() for reason, count in feed["rejected"].items()]
    rows += [(name, warning, "–") for name, feed in feeds.items() for warning in feed["warnings"]]
    return _table(words("Quality checks: what was rejected and why"), (words("Feed"), words("Reason"), words("Count")), rows, words)


def _elements(counts: dict[str, Any], catalogue: Catalogue, words: Words) -> str:
    states = {"live": words("live"), "static": words("static"), "stale": words("old"), "no_feed": words("no feed")}
    rows = []
    for name, kind in catalogue.kinds.items():
        count = counts[name]
        state = _badge(count["state"], states.get(count["state"], count["state"]))
        rows.append((words.pick(kind.zh, kind.en), state, f"{count['count']:,}", str(count["newest_at"] or "–")))
    return _table(words("Elements"), (words("Element"), words("State"), words("Count"), words("Newest")), rows, words)


def _city_rows(city: City, report: dict[str, Any], words: Words) -> Sequence[tuple[str, ...]]:
    rows = [(words("Code"), city.code), (words("Built"), city.built_at or "–"), (words("Attribution"), city.attribution)]
    return rows + [(str(key), _flat(value)) for key, value in report.items()]


def _badge(state: str, text: str) -> str:
    return f'<span class="badge {_STATE_CLASS.get(state, "off")}"><span class="mark"></span>{escape(text)}</span>'


def _flat(value: Any) -> str:
    """A nested value in one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(inner) for inner in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], words: Words) -> str:
    nothing = words("Nothing to report.")
    if not rows:
        return f'<section><h2>{escape(title)}</h2><p class="empty">{escape(nothing)}</p></section>'
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<section><h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"


def _cell(value: str) -> str:
    return value if value.startswith('<span class="badge') else escape(value)
