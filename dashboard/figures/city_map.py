"""The figure behind the map: an empty plotly map over the city's own style. What moves or changes on a click is drawn by the
overlay in the browser (docs/decisions/0040-rings-in-the-overlay.md), so this figure is made once and never replaced. It begins
without names: the page adds them when its fonts are there (`dashboard/style.py`)."""

from __future__ import annotations

import math
from typing import Any

# A first look shows the heart of the city, not its whole outline with sea and hills.
_FIRST_SHARE = 0.22


def city_map(centre: tuple[float, float], zoom: float, theme: str, language: str) -> dict[str, Any]:
    """The figure. `centre` is lon, lat; centre and zoom are always explicit, or plotly fits the view to its traces."""
    lon, lat = centre
    return {
        "data": [
            {"type": "scattermap", "lon": [lon], "lat": [lat], "mode": "markers", "marker": {"size": 0, "opacity": 0}, "hoverinfo": "skip"}
        ],
        "layout": {
            "map": {"style": f"/style.json?theme={theme}&lang={language}&labels=0", "center": {"lon": lon, "lat": lat}, "zoom": zoom},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "showlegend": False,
            "dragmode": "pan",
            "uirevision": "map",
        },
    }


def first_view(bounds: tuple[float, float, float, float], heart: tuple[float, float] | None) -> tuple[tuple[float, float], float]:
    """Centre and zoom at which a page without an address opens: about the heart of the city, where the command room is."""
    west, south, east, north = bounds
    centre = heart or ((west + east) / 2, (south + north) / 2)
    shown_deg = max(east - west, (north - south) * 1.6) * (_FIRST_SHARE if heart else 1.0)
    zoom = math.log2(360.0 * 1100 / 512 / max(shown_deg, 0.005))
    return centre, round(min(14.0, max(6.5, zoom)), 2)
