"""The review of an incident afterwards (复盘): everything that is on record of it, as one actor may see it, brought together.

Nothing is computed that was not recorded, and what is not known is named. Reading only; what reviewers write are commands like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from dispatch.errors import NotFound, Unavailable
from dispatch.events import AfterActionRevised, AfterActionSigned, CommentAdded, FindingAdded, Recorded, UploadAdded
from dispatch.kpis import GroupFigures
from dispatch.model import Actor, AfterAction, Area, Incident
from dispatch.promises import ArrivalBy, Unmet, Way, compared
from dispatch.rules.after_action import standing
from dispatch.stage_line import StageSpan, stage_spans
from operations.access.authority import Action
from operations.records.counterfactual import PushLook, looks
from operations.records.kpis import GroupBy, KpiQuery, nothing
from storage.evidence import Manifest
from storage.journal import JournalError
from storage.track_files import DamagedSlice
from storage.track_reader import TrackState

if TYPE_CHECKING:
    from operations.services import Services

# Similar incidents are those of the year before.
SIMILAR_OVER = timedelta(days=365)
# Of a crew's way: from before it was sent until it was there or was let go, never longer.
BEFORE_PUSH, LONGEST_TRACK = timedelta(seconds=60), timedelta(hours=3)
MOST_FIXES = 600  # of one crew's way that are drawn
MOST_TRACKS = 20  # crews whose ways are drawn, the first that were sent
AT_ONCE = 2  # reviews that are put together at a time; others wait


class Promised(msgspec.Struct, frozen=True):
    """What was promised for one crew beside what came of it, by its button and by its position."""

    assignment_id: str
    unit_id: str
    promised_s: float | None
    promised_p90_s: float | None
    turnout_s: float | None  # assumed
    by_button: Way | Unmet
    by_position: Way | Unmet


class Finding(msgspec.Struct, frozen=True):
    """What a reviewer found out. `replaced_by` is empty while it holds."""

    finding_id: str
    kind: str
    text: str
    revision: int
    by: str
    at: datetime
    replaces: str = ""
    replaced_by: str = ""


class Remark(msgspec.Struct, frozen=True):
    """A comment; or why a review was taken up again."""

    text: str
    by: str
    at: datetime
    revision: int = 0  # of a revision: which it began


class Signature(msgspec.Struct, frozen=True):
    """Who signed which revision, when, and the version of the incident that was read."""

    revision: int
    name: str
    by: str
    at: datetime
    at_version: int
    findings: tuple[str, ...]
    hash: str  # of the event in the journal's chain


class Similar(msgspec.Struct, frozen=True):
    """Incidents of the same type, grade and kind of place in the year before, in the reader's scope."""

    from_: datetime = msgspec.field(name="from")
    to: datetime
    area: str
    figures: GroupFigures


class TrackLine(msgspec.Struct, frozen=True):
    """The recorded way of a crew; equally long, in the order measured."""

    unit_id: str
    lon: tuple[float, ...]
    lat: tuple[float, ...]
    at: tuple[float, ...]  # Unix s


class Review(msgspec.Struct, frozen=True):
    """All of it."""

    incident: Incident
    made_at: datetime
    org_code: str  # whose view it is
    recorded: tuple[Recorded, ...]
    spans: tuple[StageSpan, ...]
    promised: tuple[Promised, ...]
    looks: tuple[PushLook, ...]
    pushes_left_out: int
    tracks: tuple[TrackLine, ...]
    tracks_left_out: int
    uploads: Mapping[str, Manifest] | None  # by id; None: not shown to this role
    similar: Similar | None  # None: not shown to this role
    after_action: AfterAction
    findings: tuple[Finding, ...]
    comments: tuple[Remark, ...]
    revisions: tuple[Remark, ...]
    signatures: tuple[Signature, ...]

    @property
    def holding(self) -> tuple[Finding, ...]:
        """Findings that no other has taken the place of."""
        holds = standing(self.after_action)
        return tuple(one for one in self.findings if one.finding_id in holds)


class AfterActions:
    """Puts reviews together. One per node: so many at once, whoever asks."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def of(self, services: Services, actor: Actor, incident_id: str) -> Review:
        """Raises NotPermitted; NotFound also where the actor may not know of it; Unavailable where what is kept can't be read."""
        services.authority.authorise(actor, Action.SEE_AFTER_ACTION)
        async with self._turns:
            try:
                return await _review(services, actor, incident_id)
            except (DamagedSlice, JournalError) as damage:
                raise Unavailable("past-not-readable", f"What is kept of incident {incident_id} can't be read: {damage}.") from damage


async def _review(services: Services, actor: Actor, incident_id: str) -> Review:
    authority, picture, now = services.authority, services.handler.picture, services.clock.now()
    incident = await _known(services, actor, incident_id)
    events = await services.history.timeline(incident.incident_id)
    recorded = tuple(one for one in events if authority.may_see_event(actor, one, picture, incident))
    told = authority.incident_for(actor, incident, picture)
    found, left_out = await looks(services, actor, told, recorded)
    crews = list(dict.fromkeys(one.unit_id for one in told.assignments if not one.service))
    return Review(
        incident=told,
        made_at=now,
        org_code=actor.org_code,
        recorded=recorded,
        spans=stage_spans(told, services.targets, now),
        promised=tuple(_promised(told, now)),
        looks=tuple(found),
        pushes_left_out=left_out,
        tracks=await asyncio.to_thread(_tracks, services, told, crews[:MOST_TRACKS], now),
        tracks_left_out=max(0, len(crews) - MOST_TRACKS),
        uploads=await _uploads(services, actor, recorded),
        similar=await similar_to(services, actor, told),
        after_action=told.after_action or AfterAction(),
        findings=_findings(recorded),
        comments=tuple(Remark(one.body.text, one.actor, one.recorded_at) for one in recorded if isinstance(one.body, CommentAdded)),
        revisions=tuple(
            Remark(one.body.text, one.actor, one.recorded_at, one.body.revision)
            for one in recorded
            if isinstance(one.body, AfterActionRevised)
        ),
        signatures=_signatures(recorded),
    )


async def _known(services: Services, actor: Actor, incident_id: str) -> Incident:
    picture = services.handler.picture
    incident = picture.incidents.get(incident_id)
    if incident is None and incident_id.isprintable() and len(incident_id) <= 64:
        incident = await services.history.incident(incident_id)
    if incident is None or not services.authority.may_see_incident(actor, incident, picture):
        raise NotFound("unknown-incident", f"There is no incident {incident_id[:64]}; check the id.")
    return incident


def _promised(incident: Incident, now: datetime) -> list[Promised]:
    return [
        Promised(
            one.assignment_id,
            one.unit_id,
            one.promised_eta_s,
            one.promised_eta_p90_s,
            one.promised_turnout_s,
            compared(incident, one, now),
            compared(incident, one, now, ArrivalBy.POSITION),
        )
        for one in incident.assignments
        if not one.service
    ]


def _findings(recorded: Sequence[Recorded]) -> tuple[Finding, ...]:
    bodies = [(one, one.body) for one in recorded if isinstance(one.body, FindingAdded)]
    replaced_by = {body.replaces: body.finding_id for _, body in bodies if body.replaces}
    return tuple(
        Finding(
            body.finding_id,
            body.kind,
            body.text,
            body.revision,
            one.actor,
            one.recorded_at,
            body.replaces,
            replaced_by.get(body.finding_id, ""),
        )
        for one, body in bodies
    )


def _signatures(recorded: Sequence[Recorded]) -> tuple[Signature, ...]:
    return tuple(
        Signature(one.body.revision, one.body.name, one.actor, one.recorded_at, one.body.at_version, one.body.findings, one.hash)
        for one in recorded
        if isinstance(one.body, AfterActionSigned)
    )


async def _uploads(services: Services, actor: Actor, recorded: Sequence[Recorded]) -> dict[str, Manifest] | None:
    if not services.authority.can(actor, Action.SEE_EVIDENCE):
        return None
    return await services.evidence.records(one.body.upload_id for one in recorded if isinstance(one.body, UploadAdded))


async def similar_to(services: Services, actor: Actor, incident: Incident) -> Similar | None:
    """Figures of the year before; itself not among them. None for who may see no figures."""
    if not services.authority.can(actor, Action.SEE_KPIS):
        return None
    from_, to = incident.received_at - SIMILAR_OVER, incident.received_at
    query = KpiQuery(from_, to, GroupBy.AREA, grade=int(incident.grade), incident_type=incident.incident_type)
    found = await services.kpis.of(actor, query)
    area = str(incident.area or Area.TOWN)  # a place of unknown kind is counted as the town's
    figures = next((one for one in found.groups if one.key == area), nothing(area))
    return Similar(from_, to, area, figures)


# Recorded ways ------------------------------------------------------------------------------------------------------------


def _tracks(services: Services, incident: Incident, unit_ids: Sequence[str], now: datetime) -> tuple[TrackLine, ...]:
    """In a thread. A crew of which nothing was recorded has none. Raises DamagedSlice."""
    found = []
    for unit_id in unit_ids:
        begins, ends = _time_of(incident, unit_id, now)
        state = services.tracks.paths([unit_id], begins.timestamp(), ends.timestamp()).get(unit_id)
        if state is not None and len(state):
            found.append(_line(unit_id, state))
    return tuple(found)


def _time_of(incident: Incident, unit_id: str, now: datetime) -> tuple[datetime, datetime]:
    """From just before the crew was first sent until it was last there, or let go."""
    own = [one for one in incident.assignments if one.unit_id == unit_id]
    begins = min(one.pushed_at for one in own) - BEFORE_PUSH
    ends = max(one.arrived_at or one.ended_at or now for one in own)
    return begins, min(ends, begins + LONGEST_TRACK)


def _line(unit_id: str, state: TrackState) -> TrackLine:
    """At most MOST_FIXES, evenly chosen, the first and the last among them."""
    # A row that notes another status repeats the fix before it.
    moved = np.flatnonzero(np.diff(state.position_at, prepend=-1.0) > 0)
    chosen = moved[np.unique(np.linspace(0, len(moved) - 1, min(len(moved), MOST_FIXES)).round().astype(np.int64))]
    lon, lat, at = (column[chosen].tolist() for column in (state.lon, state.lat, state.position_at))
    return TrackLine(unit_id, tuple(lon), tuple(lat), tuple(at))
