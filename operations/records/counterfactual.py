"""Who could have been there sooner: the crews as they were recorded at a push, by road, and what would have come of sending another.

Times by road are those that had been learned as that part of the day began, under the traffic events of then. Crews sent and crews not
sent are measured in the same way, so that the one can be held against the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from dispatch.events import Recorded, UnitPushed
from dispatch.model import Actor, Assignment, Incident
from geodata.streets.snapping import OffNetwork

if TYPE_CHECKING:
    from operations.services import Services

# A smaller difference is less than a search by road and an old fix can tell apart.
NOTABLE_S = 15.0
MOST_PUSHES = 6  # of one incident that are looked at; each is a moment of the past to be made
MOST_NEARER = 5  # crews of one push that are followed further
MOST_SHOWN = 12  # crews of one push, those that were sent always
JUST_BEFORE = timedelta(microseconds=1)  # the finest step of the journal's clock

Json = dict[str, Any]


class Standing(StrEnum):
    """What is to be said of a push."""

    NEAREST = "nearest"  # nobody who could go was nearer by more than can be told apart
    NEARER = "nearer"  # somebody was
    NO_POINT = "no_point"  # the incident's place was not known yet
    OFF_STREETS = "off_streets"  # or lay off every street
    NO_POSITION = "no_position"  # it is not recorded where a crew that was sent was
    NOT_RECORDED = "not_recorded"  # nothing is recorded of any crew at that time


class PushMoment(msgspec.Struct, frozen=True):
    """One command that sent crews."""

    at: datetime  # when it is said to have happened
    recorded_at: datetime
    revision: int  # of its first event
    unit_ids: tuple[str, ...]
    reason: str  # as in the event: push, reinforce, reassign, repush


class Meanwhile(msgspec.Struct, frozen=True):
    """What a crew that was not sent did at the instant at which it could have been there."""

    status: str
    incident_id: str = ""  # it was on another incident, which the reader may see
    number: int = 0


class CrewThen(msgspec.Struct, frozen=True):
    """A crew at a push. Seconds, metres by road."""

    unit_id: str
    callsign: str
    kind: str
    org_code: str
    lon: float
    lat: float
    rank: int  # 1: the nearest by road, busy ones included
    eta_s: float
    eta_p90_s: float
    distance_m: float
    turnout_s: float  # assumed
    fix_age_s: float
    sent: bool
    could_go: bool
    reasons: tuple[Json, ...]  # as of `operations.situation.candidates`
    there_at: datetime  # push, turnout and way
    there_p90_at: datetime
    # Of one that was nearer and could go:
    instead_of: str = ""  # the crew that was sent and had the longest way
    sooner_s: float | None = None  # than that crew, both by road and with turnout
    sooner_than_actual_s: float | None = None  # than that crew really was there; None: it never said so
    meanwhile: Meanwhile | None = None  # None: it lies in the future, or the crew is not on record then


class PushLook(msgspec.Struct, frozen=True):
    """One push as it looks afterwards."""

    push: PushMoment
    standing: Standing
    crews: tuple[CrewThen, ...] = ()
    unplaced: tuple[str, ...] = ()  # crews sent whose place is not recorded, or from which no way led there


def pushes(recorded: Sequence[Recorded]) -> list[PushMoment]:
    """Commands that sent crews, in order."""
    found: dict[tuple[object, ...], list[Recorded]] = {}
    for one in recorded:
        if isinstance(one.body, UnitPushed):
            found.setdefault((one.command_id or one.recorded_at, one.body.reason), []).append(one)
    made = []
    for events in found.values():
        bodies = [one.body for one in events if isinstance(one.body, UnitPushed)]
        first = events[0]
        units = tuple(body.unit_id for body in bodies)
        made.append(PushMoment(first.occurred_at, first.recorded_at, first.revision, units, bodies[0].reason))
    return made


def weigh(push: PushMoment, rows: Sequence[Json], assignments: Mapping[str, Assignment]) -> PushLook:
    """The crews of a push against each other. `rows`: as of `SceneService.everyone_for`; `assignments`: what came of it, by unit. Pure."""
    if not rows:
        return PushLook(push, Standing.NOT_RECORDED)
    crews = [_crew(push, row, rank) for rank, row in enumerate(rows, 1)]
    sent = [one for one in crews if one.sent]
    unplaced = tuple(unit_id for unit_id in push.unit_ids if unit_id not in {one.unit_id for one in sent})
    if not sent:
        return PushLook(push, Standing.NO_POSITION, _shown(crews), unplaced)
    slowest = max(sent, key=lambda one: one.eta_s)
    actual = assignments.get(slowest.unit_id)
    crews = [_held_against(one, slowest, actual) if one.could_go and not one.sent else one for one in crews]
    is_nearer = any(one.instead_of for one in crews)
    standing = Standing.NEARER if is_nearer else Standing.NO_POSITION if unplaced else Standing.NEAREST
    return PushLook(push, standing, _shown(crews), unplaced)


def _crew(push: PushMoment, row: Json, rank: int) -> CrewThen:
    there_at = push.at + timedelta(seconds=row["turnout_s"] + row["eta_s"])
    names = ("unit_id", "callsign", "org_code", "lon", "lat", "eta_s", "eta_p90_s", "distance_m", "turnout_s", "fix_age_s")
    return CrewThen(
        **{name: row[name] for name in names},
        kind=str(row["kind"]),
        rank=rank,
        sent=row["unit_id"] in push.unit_ids,
        could_go=all(reason["for"] is not False or reason["code"] == "nearer_units" for reason in row["reasons"]),
        reasons=tuple(row["reasons"]),
        there_at=there_at,
        there_p90_at=push.at + timedelta(seconds=row["turnout_s"] + row["eta_p90_s"]),
    )


def _held_against(one: CrewThen, slowest: CrewThen, actual: Assignment | None) -> CrewThen:
    """With what would have come of it, where it was nearer by more than can be told apart."""
    if slowest.eta_s - one.eta_s < NOTABLE_S:
        return one
    arrived_at = None if actual is None else actual.arrived_at
    return msgspec.structs.replace(
        one,
        instead_of=slowest.unit_id,
        sooner_s=round((slowest.there_at - one.there_at).total_seconds(), 1),
        sooner_than_actual_s=None if arrived_at is None else round((arrived_at - one.there_at).total_seconds(), 1),
    )


def _shown(crews: Sequence[CrewThen]) -> tuple[CrewThen, ...]:
    return tuple(one for n, one in enumerate(crews) if n < MOST_SHOWN or one.sent)


# What was recorded --------------------------------------------------------------------------------------------------------


async def look_at(services: Services, actor: Actor, incident: Incident, push: PushMoment) -> PushLook:
    """A push as the actor may see it. Raises DamagedSlice, JournalError."""
    before = await services.history.incident_at(incident.incident_id, push.revision - 1)
    if before is None or not before.has_point:
        return PushLook(push, Standing.NO_POINT)
    then = await services.pasts.at(services, min(push.at, push.recorded_at) - JUST_BEFORE)
    try:
        rows = await then.scene.everyone_for(before, actor, push.unit_ids)
    except OffNetwork:
        return PushLook(push, Standing.OFF_STREETS)
    found = weigh(push, rows, _of_push(incident, push))
    nearer = [one for one in found.crews if one.instead_of][:MOST_NEARER]
    followed = {one.unit_id: await _meanwhile(services, actor, one) for one in nearer}
    crews = tuple(msgspec.structs.replace(one, meanwhile=followed.get(one.unit_id)) for one in found.crews)
    return msgspec.structs.replace(found, crews=crews)


def _of_push(incident: Incident, push: PushMoment) -> dict[str, Assignment]:
    return {one.unit_id: one for one in incident.assignments if one.unit_id in push.unit_ids and one.pushed_at == push.at}


async def _meanwhile(services: Services, actor: Actor, one: CrewThen) -> Meanwhile | None:
    if one.there_at > services.clock.now():
        return None
    picture = await services.history.picture_at(one.there_at)
    unit = picture.units.get(one.unit_id)
    if unit is None:
        return None
    other = picture.incidents.get(unit.incident_id or "")
    if other is None or not services.authority.may_see_incident(actor, other, picture):
        return Meanwhile(unit.status)
    return Meanwhile(unit.status, other.incident_id, other.number)


async def looks(services: Services, actor: Actor, incident: Incident, recorded: Collection[Recorded]) -> tuple[list[PushLook], int]:
    """The first pushes of an incident, and how many more there were. Raises DamagedSlice, JournalError."""
    all_of_them = pushes(list(recorded))
    return [await look_at(services, actor, incident, push) for push in all_of_them[:MOST_PUSHES]], max(0, len(all_of_them) - MOST_PUSHES)
