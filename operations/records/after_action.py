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
from dispatch.model import Actor, AfterAction, Area, Assignment, Incident
from dispatch.promises import ArrivalBy, Unmet, Way, compared
from dispatch.rules.after_action import standing
from dispatch.stage_line import StageSpan, stage_spans
from geodata.tracks.passages import runs
from operations.access.authority import Action
from operations.records.counterfactual import PushLook, looks
from operations.records.kpis import GroupBy, KpiQuery, nothing
from operations.tracking.track_questions import LATE, path_subject
from storage.evidence import Manifest
from storage.journal import JournalError
from storage.speeds import DamagedSpeeds
from storage.track_files import DamagedSlice
from storage.track_reader import TrackState

if TYPE_CHECKING:
    from operations.services import Services

# Similar incidents are those of the year before.
SIMILAR_OVER = timedelta(days=365)
# Of a crew's way on one assignment: from when it was sent until it was there or was let go, never longer. Where it was when it was sent
# is told by a fix before.
BEFORE_PUSH, LONGEST_TRACK = timedelta(seconds=60), timedelta(hours=3)
WITH_LAST = timedelta(milliseconds=1)  # a span of tracks is without its end: the fix of the arrival is in it
MOST_FIXES = 600  # of one way that are drawn
MOST_TRACKS = 20  # ways that are drawn, the first
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


class TrackPiece(msgspec.Struct, frozen=True):
    """Fixes without a silence between them; equally long, in the order measured."""

    lon: tuple[float, ...]
    lat: tuple[float, ...]
    at: tuple[float, ...]  # Unix s


class TrackLine(msgspec.Struct, frozen=True):
    """The recorded way of a crew on one assignment, in pieces; from one to the next nothing is known."""

    assignment_id: str
    unit_id: str
    pieces: tuple[TrackPiece, ...]


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
    tracks_hidden: tuple[str, ...]  # crews whose ways are not shown to this reader
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

    @property
    def since_signed(self) -> tuple[Recorded, ...]:
        """What the last signature does not cover: everything after it but remarks. Empty where nothing was signed."""
        signed = max((n for n, one in enumerate(self.recorded) if isinstance(one.body, AfterActionSigned)), default=len(self.recorded))
        return tuple(one for one in self.recorded[signed + 1 :] if not isinstance(one.body, CommentAdded))


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
            except (DamagedSlice, DamagedSpeeds, JournalError) as damage:
                raise Unavailable("past-not-readable", f"What is kept of incident {incident_id} can't be read: {damage}.") from damage


async def _review(services: Services, actor: Actor, incident_id: str) -> Review:
    authority, picture, now = services.authority, services.handler.picture, services.clock.now()
    incident = await _known(services, actor, incident_id)
    events = await services.history.timeline(incident.incident_id)
    recorded = tuple(one for one in events if authority.may_see_event(actor, one, picture, incident))
    told = authority.incident_for(actor, incident, picture)
    found, left_out = await looks(services, actor, told, recorded)
    shown, hidden = _shown_ways(services, actor, told)
    return Review(
        incident=told,
        made_at=now,
        org_code=actor.org_code,
        recorded=recorded,
        spans=stage_spans(told, services.targets, now),
        promised=tuple(_promised(told, now)),
        looks=tuple(found),
        pushes_left_out=left_out,
        tracks=await _tracks(services, actor, shown[:MOST_TRACKS], now),
        tracks_left_out=max(0, len(shown) - MOST_TRACKS),
        tracks_hidden=hidden,
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


def _shown_ways(services: Services, actor: Actor, incident: Incident) -> tuple[list[Assignment], tuple[str, ...]]:
    """Assignments whose ways the actor may see, and the crews whose it may not."""
    authority, picture = services.authority, services.handler.picture
    crews = [one for one in incident.assignments if not one.service]
    units = {one.unit_id: picture.units.get(one.unit_id) for one in crews}
    seen = {unit_id for unit_id, unit in units.items() if unit is not None and authority.may_see_track(actor, unit, picture)}
    return [one for one in crews if one.unit_id in seen], tuple(unit_id for unit_id in units if unit_id not in seen)


async def _tracks(services: Services, actor: Actor, assignments: Sequence[Assignment], now: datetime) -> tuple[TrackLine, ...]:
    """Each is written down before it is read. One of which nothing was recorded has none. Raises DamagedSlice, Unavailable."""
    found = []
    for one in assignments:
        begins, ends = _time_of(one, now)
        await services.personal.track(actor, path_subject(one.unit_id, begins, ends), "")
        span = begins.timestamp(), ends.timestamp(), min(ends + LATE, now).timestamp()
        state = await asyncio.to_thread(services.tracks.unit_path, one.unit_id, *span)
        if len(state):
            found.append(_line(one, state))
    return tuple(found)


def _time_of(one: Assignment, now: datetime) -> tuple[datetime, datetime]:
    """From just before the crew was sent until it was there, or let go."""
    begins = one.pushed_at - BEFORE_PUSH
    ends = one.arrived_at or one.feedback_at or one.ended_at or now
    return begins, min(max(begins, ends), begins + LONGEST_TRACK) + WITH_LAST


def _line(one: Assignment, state: TrackState) -> TrackLine:
    """About MOST_FIXES, evenly chosen, both ends of each piece among them."""
    # A row that notes another status repeats the fix before it.
    moved = np.flatnonzero(np.diff(state.position_at, prepend=-1.0) > 0)
    # It begins where the crew was when it was sent: with the last fix by then.
    by_then = np.searchsorted(state.position_at[moved], one.pushed_at.timestamp(), side="right")
    moved = moved[max(0, int(by_then) - 1) :]
    chosen = [moved[run] for run in runs(state.position_at[moved], MOST_FIXES)]
    columns = (state.lon, state.lat, state.position_at)
    return TrackLine(
        one.assignment_id, one.unit_id, tuple(TrackPiece(*(tuple(column[at].tolist()) for column in columns)) for at in chosen)
    )
