"""What figures of response are counted from: incidents and responses as columns, one row each. Pure.

An instant is Unix seconds, NaN where there is none. Text that repeats (organisation, type, source) is an index into a list of names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
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

# Types of the columns. An incident's:
INCIDENT_COLUMNS = {
    "incident_id": "S64",
    "source": "i2",
    "org": "i2",
    "type": "i2",
    "grade": "i1",
    "area": "i1",  # index into AREAS
    "hour": "i1",  # of reception, local
    "month": "i4",  # of reception, local, as 201612
    "received_at": "f8",
    "pushed_at": "f8",  # the first push
    "arrived_at": "f8",  # the first arrival
    "feedback_at": "f8",  # the newest feedback
    "reviewed_at": "f8",
    "ended_at": "f8",  # closed, or ended another way
    "merged": "?",  # it was a further call about another incident, and is counted there
    "checks": "i2",  # items of the check-lists of its feedbacks
    "checks_done": "i2",
}
# A response's:
RESPONSE_COLUMNS = {
    "incident": "i4",  # row of its incident
    "pushed_at": "f8",
    "acknowledged_at": "f8",
    "departed_at": "f8",
    "arrived_at": "f8",
    "feedback_at": "f8",
    "ended_at": "f8",
    "entered": "i1",  # ENTERED_BITS
    "acknowledges": "?",  # its source keeps acknowledgements and feedback
}

Column = NDArray[Any]


class Columns:
    """Columns of one length by name. Those of many parts are joined when one is first asked for."""

    def __init__(self, parts: Sequence[Mapping[str, Column]], joined: Mapping[str, Column] | None = None) -> None:
        self._parts = parts
        self._joined = dict(joined or {})

    def __len__(self) -> int:
        return sum(len(next(iter(part.values()))) for part in self._parts)

    def __getitem__(self, name: str) -> Column:
        column = self._joined.get(name)
        if column is None:
            columns = [part[name] for part in self._parts]
            column = self._joined[name] = columns[0] if len(columns) == 1 else np.concatenate(columns)
        return column


@dataclass(frozen=True)
class Facts:
    """Columns of some incidents and of their responses, and the names their indices stand for."""

    incidents: Columns
    responses: Columns
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
                incident.incident_id.encode(),
                self._sources.of(incident.source),
                self._orgs.of(org_code),
                self._types.of(incident.incident_type),
                int(incident.own_grade),
                0,
                *self._local(incident.received_at),
                incident.received_at.timestamp(),
                _first(one.pushed_at for one in incident.responses),
                _first(one.arrived_at for one in incident.responses),
                math.nan,
                math.nan,
                _last(one.cleared_at for one in incident.responses),
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
            Columns([_columns(self._incidents, INCIDENT_COLUMNS)]),
            Columns([_columns(self._responses, RESPONSE_COLUMNS)]),
            tuple(self._orgs.index),
            tuple(self._types.index),
            tuple(self._sources.index),
        )


def _columns(rows: Sequence[tuple[Any, ...]], types: Mapping[str, str]) -> dict[str, Column]:
    columns = zip(*rows, strict=True) if rows else ((),) * len(types)
    return {name: np.array(column, kind) for (name, kind), column in zip(types.items(), columns, strict=True)}


def joined(parts: Sequence[Facts]) -> Facts:
    """One of many, indices made to agree."""
    if not parts:
        return FactsBuilder(UTC).built()
    orgs, types, sources = _Names(), _Names(), _Names()
    agreed: dict[str, list[Column]] = {"org": [], "type": [], "source": []}
    of_incident, before = [], 0
    for part in parts:
        for column, names, of_part in (("org", orgs, part.orgs), ("type", types, part.types), ("source", sources, part.sources)):
            table = np.array([names.of(name) for name in of_part] or [0], np.int16)
            agreed[column].append(table[part.incidents[column]])
        of_incident.append(part.responses["incident"] + np.int32(before))
        before += len(part.incidents)
    return Facts(
        Columns([_All(part.incidents, INCIDENT_COLUMNS) for part in parts], {name: np.concatenate(c) for name, c in agreed.items()}),
        Columns([_All(part.responses, RESPONSE_COLUMNS) for part in parts], {"incident": np.concatenate(of_incident)}),
        tuple(orgs.index),
        tuple(types.index),
        tuple(sources.index),
    )


class _All(Mapping[str, Column]):
    """Columns as a mapping."""

    def __init__(self, columns: Columns, types: Mapping[str, str]) -> None:
        self._columns, self._types = columns, types

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)


def named(names: Sequence[str], wanted: Callable[[str], bool]) -> NDArray[np.bool_]:
    """Which of the names are wanted; one more at the end, so that an empty list can be indexed."""
    return np.array([wanted(name) for name in names] + [False])


def _response(row: int, a: Assignment) -> tuple[Any, ...]:
    times = (a.pushed_at, a.acknowledged_at, a.departed_at, a.arrived_at, a.feedback_at, a.ended_at)
    entered = sum(ENTERED_BITS.get(stage, 0) for stage in set(a.entered or ()))
    return (row, *map(_unix_s, times), entered, True)


def _past_response(row: int, one: PastResponse) -> tuple[Any, ...]:
    times = (one.pushed_at, None, one.departed_at, one.arrived_at, None, one.cleared_at)
    return (row, *map(_unix_s, times), 0, False)


def _unix_s(at: datetime | None) -> float:
    return math.nan if at is None else at.timestamp()


def _first(instants: Iterable[datetime | None]) -> float:
    return min((at.timestamp() for at in instants if at is not None), default=math.nan)


def _last(instants: Iterable[datetime | None]) -> float:
    return max((at.timestamp() for at in instants if at is not None), default=math.nan)
