"""The health page as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.i18n import Words
from dashboard.layouts.health_words import COUNTERS, FIGURES, PARTS, REASONS, said
from dashboard.theme import THEMES, css_variables
from dispatch.catalogue import Catalogue
from geodata.cities.city import City
from operations.cameras.camera_register import Camera

_RENEW_S = 5
_STATE_CLASS = {
    "ok": "good",
    "failing": "bad",
    "live": "good",
    "static": "good",
    "late": "warn",
    "stale": "warn",
    "silent": "bad",
    "refused": "bad",
    "never": "off",
    "no_feed": "off",
}


class Html(str):
    """Text that is HTML already; every other string is escaped."""


def admin_page(
    health: dict[str, Any],
    counts: dict[str, Any],
    report: dict[str, Any],
    city: City,
    catalogue: Catalogue,
    words: Words,
    theme: str,
    failing: Sequence[Camera],
) -> str:
    """The page. `health` is `Health.snapshot()`, `counts` is `ElementStore.counts()`; `failing` cameras, newest failure first."""
    lag, zone = health["loop_lag_p99_ms"], ZoneInfo(city.time_zone)
    sections = [
        _feeds(health["feeds"], words),
        _rejections(health["feeds"], words),
        _table(words("Parts"), (words("Part"), words("State"), words("Counters")), _part_rows(health["parts"], words), words),
        _cameras(failing, zone, words),
        _elements(counts, catalogue, zone, words),
        _table(words("City"), (words("What"), words("Value")), _city_rows(city, report, catalogue, zone, words), words),
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
    states = {
        "ok": words("heard in time"),
        "late": words("late"),
        "silent": words("silent"),
        "refused": words("all of it refused"),
        "never": words("never heard"),
    }
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
    rows = [
        (name, said(REASONS, reason, words), reason, f"{count:,}")
        for name, feed in feeds.items()
        for reason, count in feed["rejected"].items()
    ]
    rows += [(name, said(REASONS, warning, words), warning, "–") for name, feed in feeds.items() for warning in feed["warnings"]]
    return _table(
        words("Quality checks: what was rejected and why"), (words("Feed"), words("Reason"), words("Code"), words("Count")), rows, words
    )


def _part_rows(parts: dict[str, dict[str, Any]], words: Words) -> Sequence[tuple[str, ...]]:
    """Name, state, counters; what failed in full."""
    states = {"ok": words("ok"), "failing": words("failing"), "stopped": words("stopped")}
    rows = []
    for name, part in parts.items():
        counters = {key: value for key, value in part.items() if key != "failure"}
        failure = Html(f'<p class="failure">{escape(part["failure"])}</p>') if part.get("failure") else Html()
        state = _badge(part["state"], states.get(part["state"], part["state"]))
        rows.append((said(PARTS, name, words), state, Html(failure + _facts(counters, COUNTERS, words))))
    return rows


def _cameras(failing: Sequence[Camera], zone: ZoneInfo, words: Words) -> str:
    """Those whose newest try gave no picture, and why; how many there are of each state is among the parts."""
    rows = [
        (
            str(camera.properties.get("name") or camera.camera_id),
            camera.camera_id,
            camera.last_error,
            *(_moment(at, zone) for at in (camera.last_error_at, camera.last_picture_at)),
        )
        for camera in failing
    ]
    heads = (words("Camera"), words("Code"), words("Reason"), words("Last try"), words("Last picture"))
    return _table(words("Cameras without a picture"), heads, rows, words)


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return _instant(None if at is None else at.isoformat(), zone)


def _elements(counts: dict[str, Any], catalogue: Catalogue, zone: ZoneInfo, words: Words) -> str:
    states = {"live": words("live"), "static": words("static"), "stale": words("old"), "no_feed": words("no feed")}
    rows = []
    for name, kind in catalogue.kinds.items():
        count = counts[name]
        state = _badge(count["state"], states.get(count["state"], count["state"]))
        rows.append((words.pick(kind.zh, kind.en), state, f"{count['count']:,}", _instant(count["newest_at"], zone)))
    return _table(words("Elements"), (words("Element"), words("State"), words("Count"), words("Newest")), rows, words)


def _city_rows(city: City, report: dict[str, Any], catalogue: Catalogue, zone: ZoneInfo, words: Words) -> Sequence[tuple[str, ...]]:
    """What was read and what was made of it; a group of figures a row, what is empty left out."""
    rows: list[tuple[str, ...]] = [
        (words("Code"), city.code),
        (words("Built"), _instant(city.built_at, zone)),
        (words("Attribution"), city.attribution),
    ]
    nested = {key: value for key, value in report.get("figures", {}).items() if isinstance(value, dict)}
    # A group that is not known, such as the source of a made-up city, is none.
    for name, group in {key: value for key, value in (report | nested).items() if value is not None}.items():
        figures = {key: value for key, value in group.items() if value is not None and not isinstance(value, dict)}
        if name == "elements":
            figures = {words.pick(catalogue.kinds[key].zh, catalogue.kinds[key].en): value for key, value in group.items()}
        elif name == "components":
            figures = dict(_network_figures(group, words))
        if figures:
            rows.append((said(FIGURES, name, words), _facts(figures, FIGURES, words)))
    return rows


def _network_figures(group: dict[str, dict[str, Any]], words: Words) -> Iterator[tuple[str, Any]]:
    """How far each kind of unit's streets hang together: what, and how much of it."""
    for by, part in group.items():
        for key, n in part.items():
            word = said(FIGURES, "networks" if key == "components" else key, words)
            yield f"{said(FIGURES, by, words)}: {word}", f"{n:.1%}" if key == "largest_share" else n


def _badge(state: str, text: str) -> Html:
    return Html(f'<span class="badge {_STATE_CLASS.get(state, "off")}"><span class="mark"></span>{escape(text)}</span>')


def _facts(figures: Mapping[str, Any], table: dict[str, tuple[str, str]], words: Words) -> Html:
    """Each value with its word; figures within figures on lines of their own, without what they have none of."""
    inner = [value for value in figures.values() if isinstance(value, Mapping)]
    inner += [row for value in figures.values() if isinstance(value, list) for row in value]
    plain = {name: value for name, value in figures.items() if not isinstance(value, Mapping | list) and name != "state"}
    facts = (f'<span class="fact"><b>{escape(_text(n))}</b> {escape(said(table, name, words))}</span>' for name, n in plain.items())
    return Html("".join(facts) + "".join(f'<div class="facts">{_facts(one, table, words)}</div>' for one in inner if one))


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _instant(at: str | None, zone: ZoneInfo) -> str:
    """An ISO 8601 instant on the city's clock."""
    return datetime.fromisoformat(at).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else "–"


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], words: Words) -> str:
    nothing = words("Nothing to report.")
    if not rows:
        return f'<section><h2>{escape(title)}</h2><p class="empty">{escape(nothing)}</p></section>'
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<section><h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"


def _cell(value: str) -> str:
    return value if isinstance(value, Html) else escape(value)
