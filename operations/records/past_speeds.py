"""What streets were thought to take at an instant of the past: what had been learned by the beginning of that part of the day."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from zoneinfo import ZoneInfo

from geodata.streets.graph import StreetGraph
from geodata.streets.learned import LearnedSpeeds
from geodata.streets.street_hours import PART_OF_HOUR
from geodata.streets.street_times import StreetTimes
from storage.speeds import SpeedHistory

KEPT = 4  # of the last ones asked for

# The name of what had been learned by then, None where nothing was kept yet; the part of the day.
Known = tuple[str | None, int]


class PastSpeeds:
    """One per node. Thread-safe; call it from a thread."""

    def __init__(self, graph: StreetGraph, history: SpeedHistory, time_zone: str) -> None:
        self._graph = graph
        self._history = history
        self._zone = ZoneInfo(time_zone)
        self._one_at_a_time = threading.Lock()
        self._nothing_learned: LearnedSpeeds | None = None  # made with the first question: most nodes are asked of the present alone
        self._times: OrderedDict[Known, StreetTimes] = OrderedDict()

    def at(self, at_s: float) -> tuple[Known, StreetTimes]:
        """Times in force at an instant (Unix s), and what tells them from those of other instants. Raises DamagedSpeeds."""
        hour = datetime.fromtimestamp(at_s, self._zone).hour
        with self._one_at_a_time:
            name = self._history.newest(at_s)
            known = (name, int(PART_OF_HOUR[hour]))
            times = self._times.get(known)
            if times is None:
                self._nothing_learned = self._nothing_learned or LearnedSpeeds(self._graph)
                times = self._nothing_learned.recalled(None if name is None else self._history.read(name)).times(hour)
                self._times[known] = times
                while len(self._times) > KEPT:
                    self._times.popitem(last=False)
            return known, times
