"""What figures of response are counted from: incidents and responses as columns, one row each. Pure.

An instant is Unix seconds, NaN where there is none. Text that repeats (organisation, type, source) is an index into a list of names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dispatch.model import Area, Assignment, AssignmentStage, Incident, Stage
from dispatch.past import PastIncident, PastResponse

OWN = ""  # source of the incidents of this system; others have the name of the import
AREAS = (None, *Area)
# Which stages of an assignment can be said for a crew by somebody else, a bit each.
ENTERED_BITS = {
    AssignmentStage.ACKNOWLEDGED: 1,
    AssignmentStage.EN_ROUTE: 2,
    AssignmentStage.ON_SCENE: 4,
    AssignmentStage.FEEDBACK: 8,
}

INCIDENT_ROW = np.dtype(
    [
        ("incident_id", "S64"),
        ("source", "i2"),
        ("org", "i2"),
        ("type", "i2"),
        ("grade", "i1"),
        ("area", "i1"),  # index into AREAS
        ("hour", "i1"),  # of reception, local
        ("month", "i4"),  # of reception, local, as 201612
        ("received_at", "f8"),
        ("pushed_at", "f8"),  # the first push
        ("arrived_at", "f8"),  # the first arrival
        ("feedback_at", "f8"),  # the newest feedback
        ("reviewed_at", "f8"),
        ("ended_at", "f8"),  # closed, or ended another way
        ("closed", "?"),  # ended as 办结
        ("merged", "?"),  # it was a further call about another incident, and is counted there
        ("checks", "i2"),  # items of the check-lists of its feedbacks
        ("checks_done", "i2"),
    ]
)
RESPONSE_ROW = np.dtype(
    [
        ("incident", "i4"),  # row of its incident
        ("pushed_at", "f8"),
        ("acknowledged_at", "f8"),
        ("departed_at", "f8"),
        ("arrived_at", "f8"),
        ("feedback_at", "f8"),
        ("ended_at", "f8"),
        ("entered", "i1"),  # ENTERED_BITS
        ("recalled", "?"),  # recalled or refused: what it did not do is not missing
        ("acknowledges", "?"),  # its source keeps acknowledgements and feedback
    ]
)


@dataclass(frozen=True)
class Facts:
    """Columns of some incidents (INCIDENT_ROW) and their responses (RESPONSE_ROW), and the names their indices stand for."""

    incidents: NDArray[np.void]
    responses: NDArray[np.void]
    orgs: tuple[str, ...]
    types: tuple[str, ...]
    sources: tuple[str, ...]


class _Names:
    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def of(self, name: str) -> int:
        return self.index.setdefault(name, len(self.index))


class FactsBuilder:
    """Takes incidents one by one; `built` gives their columns."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._orgs, self._types, self._sources = _Names(), _Names(), _Names()
        self._incidents: list[tuple[Any, ...]] = []
        self._responses: list[tuple[Any, ...]] = []

    def add(self, incident: Incident) -> None:
        """One of this system's own."""
        crews = [a for a in incident.assignments if not a.service]
        row = len(self._incidents)
        self._responses += [_response(row, a) for a in crews]
        ended = not incident.is_open
        self._incidents.append(
            (
                incident.incident_id.encode(),
                self._sources.of(OWN),
                self._orgs.of(incident.org_code),
                self._types.of(incident.incident_type),
                int(incident.grade),
                AREAS.index(incident.area),
                *self._local(incident.received_at),
                incident.received_at.timestamp(),
                _first(a.pushed_at for a in crews),
                _first(a.arrived_at for a in crews),
                _last(a.feedback_at for a in crews),
                _unix_s(incident.reviewed_at),
                incident.stage_since.timestamp() if ended else math.nan,
                incident.stage == Stage.CLOSED,
                incident.stage == Stage.MERGED,
                sum(a.checks for a in crews),
                sum(a.checks_done for a in crews),
            )
        )

    def add_past(self, incident: PastIncident, org_code: str) -> None:
        """One that another system recorded; `org_code` is the organisation its place belongs to."""
        row = len(self._incidents)
        self._responses += [_past_response(row, one) for one in incident.responses]
        self._incidents.append(
            (
                incident.source_id.encode()[:64],
                self._sources.of(incident.source),
                self._orgs.of(org_code),
                self._types.of(incident.incident_type),
                incident.grade,
                0,
                *self._local(incident.received_at),
                incident.received_at.timestamp(),
                _first(one.pushed_at for one in incident.responses),
                _first(one.arrived_at for one in incident.responses),
                math.nan,
                math.nan,
                _last(one.cleared_at for one in incident.responses),
                bool(incident.disposition),
                False,
                0,
                0,
            )
        )

    def _local(self, at: datetime) -> tuple[int, int]:
        local = at.astimezone(self._zone)
        return local.hour, local.year * 100 + local.month

    def built(self) -> Facts:
        return Facts(
            np.array(self._incidents, INCIDENT_ROW),
            np.array(self._responses, RESPONSE_ROW),
            tuple(self._orgs.index),
            tuple(self._types.index),
            tuple(self._sources.index),
        )


def joined(parts: Sequence[Facts]) -> Facts:
    """One of many, indices made to agree."""
    orgs, types, sources = _Names(), _Names(), _Names()
    incidents, responses, before = [], [], 0
    for part in parts:
        rows, answers = part.incidents.copy(), part.responses.copy()
        for column, names, of_part in (("org", orgs, part.orgs), ("type", types, part.types), ("source", sources, part.sources)):
            if of_part:
                rows[column] = np.array([names.of(name) for name in of_part], np.int16)[rows[column]]
        answers["incident"] += before
        before += len(rows)
        incidents.append(rows)
        responses.append(answers)
    return Facts(
        np.concatenate(incidents) if incidents else np.empty(0, INCIDENT_ROW),
        np.concatenate(responses) if responses else np.empty(0, RESPONSE_ROW),
        tuple(orgs.index),
        tuple(types.index),
        tuple(sources.index),
    )


def kept(facts: Facts, which: NDArray[np.bool_]) -> Facts:
    """Only the incidents of a mask, with their responses."""
    if which.all():
        return facts
    place = np.cumsum(which) - 1
    answers = facts.responses[which[facts.responses["incident"]]]
    answers["incident"] = place[answers["incident"]]
    return Facts(facts.incidents[which], answers, facts.orgs, facts.types, facts.sources)


def named(names: Sequence[str], wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Which of the names are wanted; one more at the end, so that an empty list can be indexed."""
    return np.array([wanted(name) for name in names] + [False])


def _response(row: int, a: Assignment) -> tuple[Any, ...]:
    times = (a.pushed_at, a.acknowledged_at, a.departed_at, a.arrived_at, a.feedback_at, a.ended_at)
    entered = sum(ENTERED_BITS.get(stage, 0) for stage in set(a.entered or ()))
    turned_away = a.stage in (AssignmentStage.RECALLED, AssignmentStage.REFUSED)
    return (row, *map(_unix_s, times), entered, turned_away, True)


def _past_response(row: int, one: PastResponse) -> tuple[Any, ...]:
    times = (one.pushed_at, None, one.departed_at, one.arrived_at, None, one.cleared_at)
    return (row, *map(_unix_s, times), 0, False, False)


def _unix_s(at: datetime | None) -> float:
    return math.nan if at is None else at.timestamp()


def _first(instants: Iterable[datetime | None]) -> float:
    return min((at.timestamp() for at in instants if at is not None), default=math.nan)


def _last(instants: Iterable[datetime | None]) -> float:
    return max((at.timestamp() for at in instants if at is not None), default=math.nan)
