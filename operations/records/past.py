"""The system as it was at an instant: the same services by another clock, from what was recorded, heard and read by then.

Units stand where tracks say, by when it was heard; incidents, statuses, duty and circles are the fold of the journal, by when it was
recorded, and what other systems recorded of that time; elements are the readings of then. Who may see what is the authority's as of
now: what an account may see today it may see of yesterday too. Times by road are those that had been learned when that part of the day
began, under the traffic events of then. Kept nowhere, and so not in it: the health of feeds and cameras, who was sending video, what was
expected where.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from dispatch.clock import ManualClock
from dispatch.errors import RuleViolation
from dispatch.model import Incident
from dispatch.past import is_past
from dispatch.picture import OperatingPicture
from geodata.routing.travel import TravelTimes
from operations.incidents.bus import Bus
from operations.incidents.further_calls import FurtherCalls
from operations.incidents.premises import Premises
from operations.records.expected import NotKept
from operations.records.past_history import PastHistory
from operations.records.past_speeds import Known, PastSpeeds
from operations.situation.elements import READ_BACK_S
from operations.situation.traffic import TRAFFIC
from operations.tracking.positions import SUSPICIOUS, TRACKERS_DISAGREE, PositionTable
from operations.tracking.trails import KEPT, SPACING_S, Fix, Trails
from storage.readings import ReadingStore
from storage.track_reader import TrackState

if TYPE_CHECKING:
    from operations.footage.scene_recording import UnderWay
    from operations.services import Services
    from operations.situation.elements import ElementStore

# What was written and heard less long ago may not be on disk yet: tracks are written once a second.
SETTLED_S = 2.0
KEPT_MOMENTS = 8  # of the last ones asked for: panel, scene and coverage of one screen ask for the same
KEPT_TRAVELS = 4
TRAIL_S = KEPT * SPACING_S

Json = dict[str, Any]


class PastHandler:
    """Holds a picture of the past; nothing can be commanded there."""

    def __init__(self, picture: OperatingPicture) -> None:
        self.picture = picture

    async def handle(self, *_: Any) -> Any:
        """Raises RuleViolation."""
        raise RuleViolation("in-replay", "This is a moment of the past; go back to LIVE to give a command.")


class PastHealth:
    """How feeds were is not kept."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def snapshot(self) -> Json:
        return {"at": self._clock.unix_s(), "feeds": {}, "parts": {}, "loop_lag_p99_ms": None}


class PastSceneVideo:
    """Who was sending video then is not kept; what was sent is with the uploads of its incident."""

    under_way: tuple[UnderWay, ...] = ()

    def of_incident(self, _incident_id: str) -> list[UnderWay]:
        return []

    def find(self, _recording_id: str) -> UnderWay | None:
        return None


@dataclass(frozen=True)
class Past:
    """One moment, and what a replay moves on."""

    services: Services
    clock: ManualClock
    handler: PastHandler
    positions: PositionTable
    elements: ElementStore
    trails: Trails
    bus: Bus

    @property
    def at(self) -> float:
        """Unix s."""
        return self.clock.unix_s()


class Pasts:
    """Makes moments of the past. One per node; thread-safe but for `at`, which is the event loop's."""

    def __init__(self, readings: ReadingStore, speeds: PastSpeeds) -> None:
        self.readings = readings
        self._speeds = speeds
        self._moments: OrderedDict[float, Past] = OrderedDict()  # by Unix s
        self._travels: OrderedDict[tuple[Known, bytes], TravelTimes] = OrderedDict()  # by what was known, and what traffic events did

    async def at(self, services: Services, at: datetime) -> Services:
        """The services as they were. For reading: what is shared must not be moved on. Raises DamagedSlice, DamagedSpeeds, JournalError."""
        kept = self._moments.get(at.timestamp())
        if kept is None:
            kept = await self.moment(services, at)
            if services.clock.unix_s() - at.timestamp() > SETTLED_S:
                self._moments[at.timestamp()] = kept
                while len(self._moments) > KEPT_MOMENTS:
                    self._moments.popitem(last=False)
        return kept.services

    async def moment(self, services: Services, at: datetime) -> Past:
        """A moment of its own, to be moved on. Raises DamagedSlice, DamagedSpeeds, JournalError."""
        at_s = at.timestamp()
        revision, state, readings, imported = await asyncio.gather(
            services.history.at(at),
            asyncio.to_thread(services.tracks.known_at, at_s),
            asyncio.to_thread(self.readings.as_of, at_s, at_s - READ_BACK_S),
            asyncio.to_thread(services.imported.at, at),
        )
        picture = with_imported(await services.history.picture_after(revision), imported)
        clock, handler, positions = ManualClock(at.astimezone(UTC)), PastHandler(picture), PositionTable()
        take_units(positions, picture)
        put(positions, state)
        elements = services.elements.as_of(clock, lambda: handler.picture, positions, readings)
        trails = Trails(lambda: handler.picture, positions)
        await asyncio.to_thread(_recall, services, trails, picture, at_s)
        past = Past(services, clock, handler, positions, elements, trails, Bus())
        return replace(past, services=await asyncio.to_thread(self._services, past))

    def _services(self, past: Past) -> Services:
        """The live services with everything replaced that has a clock, a picture or positions. In a thread: travel times may be made."""
        live, clock, handler, positions = past.services, past.clock, past.handler, past.positions

        def picture() -> OperatingPicture:
            return handler.picture

        history = PastHistory(live.history, live.imported, picture, clock.now)
        personal = live.personal.of(history)
        travel = self.travel(live, past.elements, past.at)
        circles = live.duty_circles.past(clock, picture)
        stages = live.stages.past(past.trails, picture, clock)
        stages.tick()
        changes: Json = {
            "clock": clock,
            "handler": handler,
            "history": history,
            "personal": personal,
            "further_calls": FurtherCalls(live.authority, personal, live.codes.family_of),
            "premises": Premises(live.authority, history, clock),
            "bus": past.bus,
            "health": PastHealth(clock),
            "positions": positions,
            "scene_video": PastSceneVideo(),
            "elements": past.elements,
            "travel": travel,
            "stages": stages,
            "duty_circles": circles,
            "expected": NotKept(),
            "coverage": live.coverage.past(travel, positions, NotKept(), clock, picture),
            "scene": live.scene.past(
                travel=travel,
                positions=positions,
                elements=past.elements,
                clock=clock,
                picture=picture,
                history=history,  # type: ignore[arg-type]
                duty_circles=circles,
            ),
        }
        return replace(live, **changes)

    def travel(self, services: Services, elements: ElementStore, at_s: float) -> TravelTimes:
        """Travel times as they were known, under the traffic events of then. In a thread. Raises DamagedSpeeds."""
        effects = services.traffic.effects_of(elements.newest(TRAFFIC), at_s)
        known, times = self._speeds.at(at_s)
        key = known, b"|".join(column.tobytes() for column in (effects.closed, effects.slowed, effects.speed_factor))
        travel = self._travels.get(key)
        if travel is None:
            travel = services.travel.at_times(times)
            travel.affect(effects)
            self._travels[key] = travel
            while len(self._travels) > KEPT_TRAVELS:
                self._travels.popitem(last=False)
        return travel


def take_units(positions: PositionTable, picture: OperatingPicture, before: OperatingPicture | None = None) -> None:
    """Take units from the picture into the table: those that are not as in the picture `before`."""
    if before is not None and before.units is picture.units:
        return
    known = {} if before is None else before.units
    for unit_id, unit in picture.units.items():
        if known.get(unit_id) is not unit:
            positions.follow(unit)


def with_imported(picture: OperatingPicture, changed: Mapping[str, Incident]) -> OperatingPicture:
    """The picture with incidents of other systems as they are after a change; those that had ended before are gone from it."""
    if not changed:
        return picture
    kept = {id_: one for id_, one in picture.incidents.items() if one.is_open or not is_past(id_)}
    return msgspec.structs.replace(picture, incidents={**kept, **changed})


def put(positions: PositionTable, state: TrackState) -> None:
    """Place units as tracks tell; those that the table does not know were registered later."""
    places = np.array([-1 if (place := positions.index_of(unit_id)) is None else place for unit_id in state.unit_ids], np.int64)
    known = places >= 0
    positions.put(
        places[known],
        state.lon[known],
        state.lat[known],
        state.position_at[known],
        state.received_at[known],
        state.heading_deg[known],
        state.speed_mps[known],
        state.flags[known],
    )


def _recall(services: Services, trails: Trails, picture: OperatingPicture, at_s: float) -> None:
    """Begin the trails of crews that were on an incident, as the watch over stages held them. In a thread."""
    open_incidents = (incident for incident in picture.incidents.values() if incident.is_open)
    crews = {a.unit_id for incident in open_incidents for a in incident.assignments if a.is_active and not a.service}
    if not crews:
        return
    doubted = SUSPICIOUS | TRACKERS_DISAGREE
    for unit_id, path in services.tracks.paths(crews, at_s - TRAIL_S, at_s).items():
        rows = zip(path.position_at.tolist(), path.lon.tolist(), path.lat.tolist(), path.flags.tolist(), strict=True)
        trails.recall(unit_id, (Fix(measured, lon, lat, not flags & doubted) for measured, lon, lat, flags in rows))
