"""The demo operators: push the demo's own calls when nobody else has for a while, and close what they pushed.

A person at the desk comes first, and what a person or another program reported is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from feeds.simulator import FEED_NAME, OPERATOR_NAME

# Seconds a person has before a demo operator pushes, per grade 1 … 4.
HESITATION_S = {1: (20, 35), 2: (30, 60), 3: (60, 150), 4: (120, 300)}
UNITS_BY_GRADE = {1: 3, 2: 2, 3: 1, 4: 1}
# A push nobody acknowledges for this long is given to someone else.
UNANSWERED_S = 150.0
CLOSE_AFTER_S = (20.0, 90.0)
DISPOSITION_BY_TYPE = {
    "dispute": "settled",
    "noise": "warned",
    "help": "helped",
    "missing_person": "helped",
    "drowning": "helped",
    "fire": "passed_on",
    "theft": "case_opened",
    "fraud": "case_opened",
    "robbery": "case_opened",
    "suspicious_person": "nothing_found",
}


class Order(NamedTuple):
    """What an operator wants done: push `units` of the best units, or a command with these fields."""

    incident_id: str
    command: str
    units: int
    fields: dict[str, Any]


@dataclass
class _Seen:
    view: dict[str, Any]
    due_s: float


class Operators:
    """Watches incidents as a desk does and gives orders when they are due."""

    def __init__(self, random: np.random.Generator, hidden_places: Mapping[str, tuple[float, float]] | None = None) -> None:
        self._random = random
        self._hidden_places = hidden_places or {}
        self._incidents: dict[str, _Seen] = {}

    def watch(self, view: dict[str, Any], now_s: float) -> None:
        """An incident is new or has changed; a change starts the wait again."""
        if view["stage"] in ("closed", "diverted", "invalid", "cancelled"):
            self._incidents.pop(view["incident_id"], None)
            return
        if view["source"] != FEED_NAME:
            return
        seen = self._incidents.get(view["incident_id"])
        if seen is None or seen.view["version"] != view["version"]:
            self._incidents[view["incident_id"]] = _Seen(view, now_s + self._patience_s(view))

    def due(self, now_s: float) -> list[Order]:
        """Orders due now; each is given once and again only after its incident has changed or a minute has passed."""
        orders = []
        for seen in self._incidents.values():
            if now_s >= seen.due_s:
                seen.due_s = now_s + 60.0
                if (order := self._order(seen.view)) is not None:
                    orders.append(order)
        return orders

    def _active(self, view: dict[str, Any]) -> list[dict[str, Any]]:
        return [a for a in view["assignments"] if a["stage"] in ("pushed", "acknowledged", "en_route", "on_scene", "feedback")]

    def _patience_s(self, view: dict[str, Any]) -> float:
        active = self._active(view)
        if not active:
            return float(self._random.uniform(*HESITATION_S[view["grade"]]))
        if all(a["stage"] == "feedback" for a in active):
            return float(self._random.uniform(*CLOSE_AFTER_S))
        return UNANSWERED_S

    def _order(self, view: dict[str, Any]) -> Order | None:
        active = self._active(view)
        incident_id = view["incident_id"]
        if view["lon"] is None:
            place = self._hidden_places.get(view.get("source_id") or "")
            return None if place is None else Order(incident_id, "locate", 0, {"lon": place[0], "lat": place[1]})
        if not active:
            return Order(incident_id, "push", UNITS_BY_GRADE[view["grade"]], {})
        if any(a["pushed_by"] != OPERATOR_NAME for a in active):
            return None
        if all(a["stage"] == "feedback" for a in active):
            disposition = DISPOSITION_BY_TYPE.get(view["incident_type"], "taken_to_station")
            return Order(incident_id, "close", 0, {"disposition": disposition, "text": ""})
        unanswered = [a for a in active if a["stage"] == "pushed"]
        if len(unanswered) == len(active):
            return Order(incident_id, "reassign", 1, {"text": "未签收，改派"})
        return None
