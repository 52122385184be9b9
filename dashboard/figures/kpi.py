"""Figures of the page of response times, as plain data for plotly.js: times and kept targets by group.

A colour is the name of a token (`dashboard.theme`): the page fills in what it is in the reader's theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.figures.calibration import FEW, FONT
from dashboard.i18n import Words
from dispatch.kpis import StageFigures

Figure = dict[str, Any]
# So many groups do not stand side by side, nor do names this long.
LYING_FROM, LONG_NAME = 13, 7


def _lies(names: Sequence[str]) -> bool:
    return len(names) >= LYING_FROM or any(len(name) >= LONG_NAME for name in names)


def times(names: Sequence[str], stages: Sequence[StageFigures], words: Words) -> Figure:
    """p50 as bars with the interval it lies in, p90 as marks; minutes."""
    told = [
        f"{name} · n {one.n}<br>p50 {words.eta(one.p50_s)} · p90 {words.eta(one.p90_s)}" for name, one in zip(names, stages, strict=True)
    ]
    p50, p90 = [_minutes(one.p50_s) for one in stages], [_minutes(one.p90_s) for one in stages]
    lying = _lies(names)
    value, key = ("x", "y") if lying else ("y", "x")
    bars = {
        "type": "bar",
        key: list(names),
        value: p50,
        "orientation": "h" if lying else "v",
        f"error_{value}": {
            "type": "data",
            "symmetric": False,
            "array": [_apart(one.p50_high_s, one.p50_s) for one in stages],
            "arrayminus": [_apart(one.p50_s, one.p50_low_s) for one in stages],
            "thickness": 1.2,
            "width": 3,
            "color": "--muted",
        },
        "marker": {"color": "--accent", "opacity": _shades(stages)},
        "name": "p50",
        "hovertext": told,
        "hoverinfo": "text",
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        key: list(names),
        value: p90,
        "marker": {"symbol": "diamond", "size": 9, "color": "--warn"},
        "name": "p90",
        "hovertext": told,
        "hoverinfo": "text",
    }
    return {"data": [bars, marks], "layout": _layout(words("minutes"), len(names), lying)}


def shares(names: Sequence[str], stages: Sequence[StageFigures], words: Words) -> Figure:
    """Shares within the target."""
    lying = _lies(names)
    value, key = ("x", "y") if lying else ("y", "x")
    told = [f"{name} · {one.within} / {one.targeted}" for name, one in zip(names, stages, strict=True)]
    bars = {
        "type": "bar",
        key: list(names),
        value: [one.within_target for one in stages],
        "orientation": "h" if lying else "v",
        "marker": {"color": "--good", "opacity": _shades(stages)},
        "text": ["" if one.within_target is None else f"{one.within_target:.0%}" for one in stages],
        "textposition": "outside",
        "textfont": {"color": "--text"},
        "cliponaxis": False,
        "hovertext": told,
        "hoverinfo": "text",
    }
    layout = _layout("", len(names), lying) | {"showlegend": False}
    layout[f"{value}axis"] |= {"range": [0, 1.12], "tickvals": [0, 0.25, 0.5, 0.75, 1], "tickformat": ".0%"}
    return {"data": [bars], "layout": layout}


def _shades(stages: Sequence[StageFigures]) -> list[float]:
    return [1.0 if one.n >= FEW else 0.45 for one in stages]


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 3)


def _apart(high: float | None, low: float | None) -> float:
    return 0.0 if high is None or low is None else round((high - low) / 60, 3)


def _layout(title: str, groups: int, lying: bool) -> Figure:
    plain = {"gridcolor": "--line", "zerolinecolor": "--line-strong", "linecolor": "--line-strong", "fixedrange": True, "automargin": True}
    named, counted = plain | {"type": "category"}, plain | {"title": {"text": title, "standoff": 8}, "rangemode": "tozero"}
    if lying:
        named["autorange"] = "reversed"
    return {
        "font": {"family": FONT, "size": 13, "color": "--text"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 56, "r": 44 if lying else 12, "t": 12, "b": 48},
        "height": max(240, 90 + 30 * groups) if lying else 320,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hoverlabel": {"bgcolor": "--raised", "font": {"color": "--text", "family": FONT}},
        "xaxis": counted if lying else named,
        "yaxis": named if lying else counted,
        "bargap": 0.25,
    }
