"""Figures of the calibration page, as plain data for plotly.js: promised beside actual, shares kept, bias by hour and by district.

A colour is the name of a token (`dashboard.theme`): the page fills in what it is in the reader's theme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dashboard.i18n import Words
from operations.records.calibration import Bias, Bucket

Figure = dict[str, Any]
FONT = '"Inter Variable", "Noto Sans SC Variable", "Noto Sans CJK SC", sans-serif'
GOAL_P50, GOAL_P90 = 0.5, 0.9
# Fewer ways than this say little: their bars are drawn thin.
FEW = 20
# Minutes of the logarithmic axes: where they begin at the lowest, and what is written on them.
LEAST_MIN, TICKS_MIN = 0.1, [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]


def bucket_name(bucket: Bucket) -> str:
    """Promised minutes, as 3–5 or > 15."""
    return f"> {bucket.from_min:g}" if bucket.to_min is None else f"{bucket.from_min:g}–{bucket.to_min:g}"


def reliability(buckets: Sequence[Bucket], words: Words) -> Figure:
    """Median actual minutes over median promised ones, one mark a bucket with the middle eight tenths; the diagonal is a promise kept.

    Both axes are logarithmic: most promises are of a few minutes, and the longest would press them into a corner.
    """
    known = [b for b in buckets if b.n and b.promised_s is not None and b.actual_s is not None]
    x, y = [_minutes(b.promised_s) for b in known], [_minutes(b.actual_s) for b in known]
    above = [_minutes(b.actual_p90_s) - at for b, at in zip(known, y, strict=True)]
    below = [at - _minutes(b.actual_p10_s) for b, at in zip(known, y, strict=True)]
    ends = [*x, *(at + more for at, more in zip(y, above, strict=True)), *(at - less for at, less in zip(y, below, strict=True))]
    least, most = max(min([*ends, 1.0]) / 1.15, LEAST_MIN), max([*ends, 10.0]) * 1.15
    axis = {"type": "log", "range": [math.log10(least), math.log10(most)], "tickvals": TICKS_MIN}
    told = [
        f"{bucket_name(b)} min · n {b.n}<br>{words('promised')} {words.eta(b.promised_s)}<br>{words('actual')} {words.eta(b.actual_s)}"
        for b in known
    ]
    return {
        "data": [
            _line([least, most], [least, most], words("as promised"), "--muted"),
            {
                "type": "scatter",
                "mode": "markers+lines",
                "x": x,
                "y": y,
                "error_y": {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.2, "width": 4},
                "marker": {"size": 10, "symbol": "diamond", "color": "--accent"},
                "line": {"color": "--accent", "width": 2},
                "name": words("actual: median, and from 10 to 90 %"),
                "hovertext": told,
                "hoverinfo": "text",
            },
        ],
        "layout": _layout(words("promised, min"), words("actual, min"), xaxis=axis, yaxis=axis),
    }


def kept(buckets: Sequence[Bucket], words: Words) -> Figure:
    """Shares that were there within p50 and within p90, beside what those names promise: one half, and nine in ten."""
    known = [b for b in buckets if b.share_in_p50 is not None]
    names = [bucket_name(b) for b in known]
    bars: list[Figure] = [_bars(names, [b.share_in_p50 for b in known], words("within p50"), "--accent", [b.n for b in known], "")]
    goals = [_goal(GOAL_P50, "--accent")]
    if any(b.share_in_p90 is not None for b in known):
        counts = [b.n_p90 for b in known]
        bars.append(_bars(names, [b.share_in_p90 for b in known], words("within p90"), "--good", counts, "/"))
        goals.append(_goal(GOAL_P90, "--good"))
    layout = _layout(words("promised, min"), words("share"), yaxis={"range": [0, 1.02], "tickformat": ".0%"})
    return {"data": bars, "layout": layout | {"shapes": goals, "barmode": "group"}}


def by_hour(hours: Sequence[Bias], words: Words) -> Figure:
    """Median of actual − promised by hour of setting out; above zero is later than promised."""
    axis = {"range": [-0.6, 23.6], "dtick": 3, "ticksuffix": ":00", "zeroline": False}
    bars = _bias_bars([int(one.key) for one in hours], hours, words)
    layout = _layout(words("hour of setting out"), words("actual − promised, s"), xaxis=axis)
    return {"data": [bars], "layout": layout | {"showlegend": False}}


def by_district(districts: Sequence[Bias], names: Sequence[str], words: Words) -> Figure:
    """The same by district, as lying bars."""
    bars = _bias_bars(list(names), districts, words)
    bars |= {"x": bars["y"], "y": bars["x"], "orientation": "h"}
    layout = _layout(words("actual − promised, s"), "", yaxis={"automargin": True, "autorange": "reversed", "type": "category"})
    return {"data": [bars], "layout": layout | {"height": max(180, 90 + 34 * len(names)), "showlegend": False}}


def _minutes(seconds: float | None) -> float:
    return round((seconds or 0.0) / 60, 3)


def _bias_bars(keys: Sequence[Any], rows: Sequence[Bias], words: Words) -> Figure:
    return {
        "type": "bar",
        "x": list(keys),
        "y": [one.bias_s for one in rows],
        "marker": {
            "color": ["--warn" if one.bias_s > 0 else "--accent" for one in rows],
            "opacity": [1.0 if one.n >= FEW else 0.45 for one in rows],
        },
        "hovertext": [f"{key} · n {one.n}<br>{one.bias_s:+.0f} s · × {one.ratio:.2f}" for key, one in zip(keys, rows, strict=True)],
        "hoverinfo": "text",
    }


def _bars(names: Sequence[str], shares: Sequence[float | None], name: str, colour: str, counts: Sequence[int], pattern: str) -> Figure:
    return {
        "type": "bar",
        "x": list(names),
        "y": list(shares),
        "name": name,
        "marker": {"color": colour, "pattern": {"shape": pattern}},
        "text": ["" if share is None else f"{share:.0%}" for share in shares],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": [f"{name} · n {n}" for n in counts],
        "hoverinfo": "text",
    }


def _line(x: Sequence[float], y: Sequence[float], name: str, colour: str) -> Figure:
    line = {"color": colour, "dash": "dash", "width": 1.4}
    return {"type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "line": line, "name": name, "hoverinfo": "skip"}


def _goal(share: float, colour: str) -> Figure:
    line = {"color": colour, "dash": "dash", "width": 1.4}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": share, "y1": share, "line": line, "layer": "below"}


def _layout(x_title: str, y_title: str, xaxis: Figure | None = None, yaxis: Figure | None = None) -> Figure:
    axis = {"gridcolor": "--line", "zerolinecolor": "--line-strong", "linecolor": "--line-strong"}
    return {
        "font": {"family": FONT, "size": 13, "color": "--text"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 56, "r": 12, "t": 12, "b": 48},
        "height": 320,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hoverlabel": {"bgcolor": "--raised", "font": {"color": "--text", "family": FONT}},
        "xaxis": axis | {"title": {"text": x_title, "standoff": 10}, "fixedrange": True, "automargin": True} | (xaxis or {}),
        "yaxis": axis | {"title": {"text": y_title, "standoff": 8}, "fixedrange": True, "automargin": True} | (yaxis or {}),
        "bargap": 0.25,
    }
