"""Weather stations and, now and then, a warning: readings that wander plausibly."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np

READING_EVERY_S = 60.0
# A strong gust makes a warning; metres per second, Beaufort 8.
WARNING_GUST_MPS = 17.2


class Weather:
    """All stations of one city."""

    def __init__(self, stations: list[dict[str, Any]], random: np.random.Generator) -> None:
        self._stations = stations
        self._random = random
        self._offset = random.normal(0, 0.6, len(stations))
        self._wind = np.full(len(stations), 3.0)
        self._next_s = 0.0

    def due(self, now_s: float) -> list[dict[str, Any]]:
        """Element messages due now: one reading a station each minute, a warning when a gust is strong."""
        if now_s < self._next_s:
            return []
        self._next_s = now_s + READING_EVERY_S
        at = datetime.fromtimestamp(now_s, UTC)
        # Coolest at 05:00, warmest at 14:30 local: one harmonic of the day is enough for a demo.
        base = 17.0 + 5.0 * math.sin((now_s / 86400.0 - 0.02) * 2 * math.pi)
        self._wind = np.clip(self._wind + self._random.normal(0, 0.4, len(self._wind)), 0.2, 19.0)
        messages = []
        for i, station in enumerate(self._stations):
            lon, lat = station["geometry"]["coordinates"]
            gust = float(self._wind[i] * self._random.uniform(1.2, 1.7))
            common = {"type": "element", "id": str(station["id"]), "lon": lon, "lat": lat, "at": at.isoformat()}
            properties = {
                "name": station["properties"].get("name", ""),
                "temperature_c": round(base + float(self._offset[i]) + float(self._random.normal(0, 0.1)), 1),
                "wind_mps": round(float(self._wind[i]), 1),
                "gust_mps": round(gust, 1),
                "wind_from_deg": int(self._random.integers(0, 36)) * 10,
                "humidity_percent": int(self._random.integers(55, 90)),
                "rain_mm_h": 0.0,
            }
            messages.append(common | {"element": "weather_station", "properties": properties})
            if gust > WARNING_GUST_MPS:
                warning = {"name": "大风蓝色预警", "name_en": "Gale warning (blue)", "level": "blue", "gust_mps": round(gust, 1)}
                messages.append(common | {"element": "weather_alert", "properties": warning})
        return messages
