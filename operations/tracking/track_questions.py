"""Where crews have been: all at an instant, one between two instants, who was near a place. Each answer is a look at personal data."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import msgspec
import numpy as np

from dispatch.clock import Clock
from dispatch.errors import NotFound, RuleViolation, Unavailable
from dispatch.model import Actor, Unit
from dispatch.picture import OperatingPicture
from geodata.tracks.passages import JOINED_S, METRES_PER_DEGREE, REACH_M, Floats, Passage, Silence, metres_off, passages, silences
from operations.access.authority import Action, Authority
from operations.access.personal import PersonalData
from operations.records.silences import Tracks, unheard, within
from storage.track_files import DamagedSlice
from storage.track_reader import TrackState

LONGEST_PATH = timedelta(hours=25)  # a day on which clocks are put back
LONGEST_NEAR = timedelta(hours=6)
LEAST_RADIUS_M, MOST_RADIUS_M = 5.0, 5_000.0
# A fix that a phone handed in later than this is not waited for.
LATE = timedelta(hours=1)
# Read before and after the span, so that a fix on either side joins on.
BESIDE_S = 60.0
# Of the way of a crew that was there, before its first stay and after its last.
WAY_AROUND = timedelta(minutes=2)
Answer = TypeVar("Answer")
AT_ONCE = 2  # questions read at a time: replays need the disk as well


class UnitTrack(msgspec.Struct, frozen=True):
    """A crew as tracks name it."""

    unit_id: str
    callsign: str
    org_code: str


class PathPoint(msgspec.Struct, frozen=True):
    """One fix. WGS-84; None: not told."""

    position_at: datetime
    received_at: datetime
    lon: float
    lat: float
    speed_mps: float | None
    heading_deg: float | None


class Quiet(msgspec.Struct, frozen=True):
    """Nothing is known between two fixes, or up to the first or after the last. `may_have_come`: long enough for a way to the place."""

    from_at: datetime = msgspec.field(name="from")
    to_at: datetime = msgspec.field(name="to")
    may_have_come: bool | None = None  # None where no place was asked about


class Path(msgspec.Struct, frozen=True):
    """One crew between two instants, by when it was measured."""

    unit: UnitTrack
    from_at: datetime = msgspec.field(name="from")
    to_at: datetime = msgspec.field(name="to")
    length_m: float  # along what was measured; silences are not bridged
    points: tuple[PathPoint, ...]
    silences: tuple[Quiet, ...]


class Stay(msgspec.Struct, frozen=True):
    """Within the circle without a break."""

    first_at: datetime
    last_at: datetime
    nearest_m: float
    nearest_at: datetime


class NearUnit(msgspec.Struct, frozen=True):
    """A crew that was there, or of which it can't be excluded (`stays` is empty then)."""

    unit: UnitTrack
    stays: tuple[Stay, ...]
    silences: tuple[Quiet, ...]


class Near(msgspec.Struct, frozen=True):
    """Who was within `radius_m` of a point between two instants."""

    lon: float
    lat: float
    radius_m: float
    from_at: datetime = msgspec.field(name="from")
    to_at: datetime = msgspec.field(name="to")
    there: tuple[NearUnit, ...]  # in the order they came
    not_excluded: tuple[NearUnit, ...]  # nearby, and silent for long enough to have been there
    unrecorded: tuple[Quiet, ...] = ()  # no position of anybody: of those times nobody is excluded, wherever last heard


class Whereabout(msgspec.Struct, frozen=True):
    """A crew's newest fix as it was known at an instant."""

    unit: UnitTrack
    lon: float
    lat: float
    position_at: datetime
    heard_at: datetime


class Reader(Tracks, Protocol):
    """The questions of `storage.track_reader.TrackReader` that matter here; called in a thread."""

    def known_at(self, at: float) -> TrackState: ...

    def units_near(self, from_at: float, until: float, box: tuple[float, float, float, float]) -> set[str]: ...

    def unit_path(self, unit_id: str, from_at: float, to_at: float, heard_until: float | None = None) -> TrackState: ...

    def paths(self, unit_ids: set[str], from_at: float, until: float) -> dict[str, TrackState]: ...


class TrackQuestions:
    """One per node; on the event loop, reading in threads."""

    def __init__(
        self, reader: Reader, authority: Authority, personal: PersonalData, picture: Callable[[], OperatingPicture], clock: Clock
    ) -> None:
        self._reader = reader
        self._authority = authority
        self._personal = personal
        self._picture = picture
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def at(self, actor: Actor, at: datetime, channel: str = "") -> tuple[Whereabout, ...]:
        """All crews of the scope. Raises NotPermitted, RuleViolation for the future, Unavailable where slices can't be read."""
        self._authority.authorise(actor, Action.SEE_TRACKS)
        self._check_span(at, at, LONGEST_PATH)
        await self._personal.track(actor, f"all at {_said(at)}", channel)
        state = await self._read(lambda: self._reader.known_at(at.timestamp()))
        picture, found = self._picture(), []
        for i, unit_id in enumerate(state.unit_ids):
            unit = picture.units.get(unit_id)
            if unit is not None and self._authority.may_see_track(actor, unit, picture):
                times = _instant(float(state.position_at[i])), _instant(float(state.received_at[i]))
                found.append(Whereabout(_named(unit), float(state.lon[i]), float(state.lat[i]), *times))
        return tuple(found)

    async def path(self, actor: Actor, unit_id: str, from_at: datetime, to_at: datetime, channel: str = "") -> Path:
        """Where one crew was. Raises as `at`, and NotFound for a crew whose track the actor may not see."""
        self._authority.authorise(actor, Action.SEE_TRACKS)
        self._check_span(from_at, to_at, LONGEST_PATH)
        picture = self._picture()
        unit = picture.units.get(unit_id)
        if unit is None or not self._authority.may_see_track(actor, unit, picture):
            raise NotFound("unknown-unit", f"There is no unit {unit_id[:64]} whose track you may see; check the id.")
        await self._personal.track(actor, path_subject(unit_id, from_at, to_at), channel)
        begins, ends, until = from_at.timestamp(), to_at.timestamp(), self._heard_until(to_at)
        state = await self._read(lambda: self._reader.unit_path(unit_id, begins, ends, until))
        return await asyncio.to_thread(_path, _named(unit), state, from_at, to_at, self._clock.now())

    async def near(
        self, actor: Actor, lon: float, lat: float, radius_m: float, from_at: datetime, to_at: datetime, channel: str = ""
    ) -> Near:
        """Who was within some metres of a point. Raises as `at`, and RuleViolation for another radius than one may ask for."""
        return (await self._ask_near(actor, lon, lat, radius_m, from_at, to_at, channel))[0]

    async def near_with_ways(
        self, actor: Actor, lon: float, lat: float, radius_m: float, from_at: datetime, to_at: datetime, most: int
    ) -> tuple[Near, list[tuple[UnitTrack, tuple[PathPoint, ...]]]]:
        """As `near`, and how the first `most` that were there came and went."""
        found, tracks = await self._ask_near(actor, lon, lat, radius_m, from_at, to_at, "")
        return found, await asyncio.to_thread(_ways, found.there[:most], tracks)

    async def _ask_near(
        self, actor: Actor, lon: float, lat: float, radius_m: float, from_at: datetime, to_at: datetime, channel: str
    ) -> tuple[Near, dict[str, TrackState]]:
        self._authority.authorise(actor, Action.SEE_TRACKS)
        self._check_span(from_at, to_at, LONGEST_NEAR)
        if not LEAST_RADIUS_M <= radius_m <= MOST_RADIUS_M:
            raise RuleViolation("bad-radius", f"{radius_m:g} m can't be asked for; {LEAST_RADIUS_M:g} to {MOST_RADIUS_M:g} can.")
        subject = f"within {radius_m:g} m of {lon:.5f},{lat:.5f} {_said(from_at)} to {_said(to_at)}"
        await self._personal.track(actor, subject, channel)
        begins, until = from_at.timestamp() - BESIDE_S, self._heard_until(to_at)
        box = _box(lon, lat, radius_m + REACH_M)
        # Who was silent from before the span on: its newest fix by then tells where.
        known = await self._read(lambda: self._reader.known_at(begins))
        candidates = await self._read(lambda: self._reader.units_near(begins, until, box)) | _inside(known, box)
        picture = self._picture()
        units = {unit_id: picture.units[unit_id] for unit_id in candidates if unit_id in picture.units}
        units = {unit_id: unit for unit_id, unit in units.items() if self._authority.may_see_track(actor, unit, picture)}
        tracks = await self._read(lambda: self._reader.paths(set(units), begins, until))
        asked = Near(lon, lat, radius_m, from_at, to_at, (), ())
        now, span = self._clock.now(), (from_at.timestamp(), to_at.timestamp())
        lost = within(await self._read(lambda: unheard(self._reader, *span, now.timestamp())), *span)
        found = await asyncio.to_thread(lambda: _near(asked, units, _measured(set(units), known, tracks), now))
        unrecorded = tuple(Quiet(_instant(first), _instant(last), True) for first, last in lost if last - first > JOINED_S)
        return msgspec.structs.replace(found, unrecorded=unrecorded), tracks

    async def _read(self, read: Callable[[], Answer]) -> Answer:
        async with self._turns:
            try:
                return await asyncio.to_thread(read)
            except DamagedSlice as damage:
                raise Unavailable("past-not-readable", f"Tracks of that time can't be read: {damage}.") from damage

    def _check_span(self, from_at: datetime, to_at: datetime, longest: timedelta) -> None:
        now = self._clock.now()
        if from_at > now:
            raise RuleViolation("bad-period", f"{from_at.isoformat()} is in the future; ask for a past moment.")
        if not timedelta(0) <= to_at - from_at <= longest:
            hours = longest / timedelta(hours=1)
            raise RuleViolation("bad-period", f"{from_at.isoformat()} to {to_at.isoformat()} is no span of at most {hours:g} hours.")

    def _heard_until(self, to_at: datetime) -> float:
        return min(to_at + LATE, self._clock.now()).timestamp()


def path_subject(unit_id: str, from_at: datetime, to_at: datetime) -> str:
    """What a look at one crew's way is of, as it is written down."""
    return f"{unit_id} {_said(from_at)} to {_said(to_at)}"


def _path(unit: UnitTrack, state: TrackState, from_at: datetime, to_at: datetime, now: datetime) -> Path:
    ends_at = min(to_at, now)  # of what is to come nothing is known, and it is no silence
    at, lon, lat, points = state.position_at, state.lon, state.lat, _points(state)
    if not points:
        return Path(unit, from_at, to_at, 0.0, (), (Quiet(from_at, ends_at),) if ends_at > from_at else ())
    x, y = metres_off(lon, lat, points[0].lon, points[0].lat)
    nowhere = np.zeros(len(at))  # no place is asked about
    quiet = silences(at, nowhere, nowhere, 0.0, from_at.timestamp(), ends_at.timestamp())
    steps = np.hypot(np.diff(x), np.diff(y))[np.diff(at) <= JOINED_S]
    return Path(unit, from_at, to_at, round(float(steps.sum()), 1), points, tuple(_quiet(one, None) for one in quiet))


def _points(state: TrackState, which: slice = slice(None)) -> tuple[PathPoint, ...]:
    columns = (state.position_at, state.received_at, state.lon, state.lat, state.speed_mps, state.heading_deg)
    return tuple(
        PathPoint(_instant(at_s), _instant(heard_s), lon, lat, _told(speed), _told(heading))
        for at_s, heard_s, lon, lat, speed, heading in zip(*(column[which].tolist() for column in columns), strict=True)
    )


def _ways(there: Sequence[NearUnit], tracks: dict[str, TrackState]) -> list[tuple[UnitTrack, tuple[PathPoint, ...]]]:
    found = []
    for one in there:
        track = tracks.get(one.unit.unit_id)
        if track is None:
            continue  # heard before the span alone, by a clock that is ahead
        span = (one.stays[0].first_at - WAY_AROUND, one.stays[-1].last_at + WAY_AROUND)
        first, last = np.searchsorted(track.position_at, [at.timestamp() for at in span])
        found.append((one.unit, _points(track, slice(first, last))))
    return found


def _inside(state: TrackState, box: tuple[float, float, float, float]) -> set[str]:
    west, south, east, north = box
    inside = (state.lon >= west) & (state.lon <= east) & (state.lat >= south) & (state.lat <= north)
    return {state.unit_ids[i] for i in np.flatnonzero(inside)}


def _measured(units: set[str], known: TrackState, tracks: dict[str, TrackState]) -> dict[str, tuple[Floats, Floats, Floats]]:
    """When and where (longitude, latitude) each was: what was known of it when the span began, and what was heard then."""
    parts: dict[str, list[tuple[Floats, Floats, Floats]]] = {}
    for i, unit_id in enumerate(known.unit_ids):
        if unit_id in units:
            parts[unit_id] = [(known.position_at[i : i + 1], known.lon[i : i + 1], known.lat[i : i + 1])]
    for unit_id, track in tracks.items():
        parts.setdefault(unit_id, []).append((track.position_at, track.lon, track.lat))
    found = {}
    for unit_id, pieces in parts.items():
        at, lon, lat = (np.concatenate(column) for column in zip(*pieces, strict=True))
        order = np.argsort(at, kind="stable")  # what was handed in late may have been measured before
        found[unit_id] = at[order], lon[order], lat[order]
    return found


def _near(asked: Near, units: dict[str, Unit], measured: dict[str, tuple[Floats, Floats, Floats]], now: datetime) -> Near:
    there, not_excluded = [], []
    from_s, to_s = asked.from_at.timestamp(), asked.to_at.timestamp()
    ends_s = min(to_s, now.timestamp())
    for unit_id, (at, lon, lat) in measured.items():
        x, y = metres_off(lon, lat, asked.lon, asked.lat)
        stays = passages(at, x, y, asked.radius_m, from_s, to_s)
        quiet = silences(at, x, y, asked.radius_m, from_s, ends_s)
        one = NearUnit(_named(units[unit_id]), tuple(map(_stay, stays)), tuple(_quiet(s, s.may_have_come) for s in quiet))
        if stays:
            there.append(one)
        elif any(silence.may_have_come for silence in quiet):
            not_excluded.append(one)
    there.sort(key=lambda one: (one.stays[0].first_at, one.unit.callsign))
    not_excluded.sort(key=lambda one: one.unit.callsign)
    return msgspec.structs.replace(asked, there=tuple(there), not_excluded=tuple(not_excluded))


def _stay(one: Passage) -> Stay:
    return Stay(_instant(one.first_at), _instant(one.last_at), round(one.nearest_m, 1), _instant(one.nearest_at))


def _quiet(one: Silence, may_have_come: bool | None) -> Quiet:
    return Quiet(_instant(one.from_at), _instant(one.to_at), may_have_come)


def _named(unit: Unit) -> UnitTrack:
    return UnitTrack(unit.unit_id, unit.callsign, unit.org_code)


def _box(lon: float, lat: float, reach_m: float) -> tuple[float, float, float, float]:
    """West, south, east, north of a square about the point."""
    up = reach_m / METRES_PER_DEGREE
    across = up / max(0.01, math.cos(math.radians(lat)))
    return lon - across, lat - up, lon + across, lat + up


def _told(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 1)


def _instant(unix_s: float) -> datetime:
    return datetime.fromtimestamp(round(unix_s, 3), UTC)


def _said(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
