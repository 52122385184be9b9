"""What is replayed equals what was live: the table at any tenth of a second against the tracks read back at it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dispatch.model import UnitKind, UnitStatus
from operations.records.past import put
from operations.tracking import frames
from operations.tracking.positions import PositionTable
from operations.tracking.reports import PositionReport, StatusReport
from storage import track_files
from storage.track_reader import TrackReader, TrackState
from storage.track_slices import SLICE_S
from storage.track_writer import TrackWriter
from tests.operations.fakes import House

Shown = dict[str, tuple]  # by unit: place, heading and speed as frames carry them, status, flags, time


def shown(unit_ids: list[str], lon, lat, heading_deg, speed_mps, status, flags, position_at) -> Shown:
    heading = np.where(np.isnan(heading_deg), 255, np.rint(heading_deg / 2) % 180).tolist()
    speed = np.where(np.isnan(speed_mps), 255, np.rint(speed_mps * np.float32(3.6))).tolist()
    place = zip(np.rint(lon * 1e6).tolist(), np.rint(lat * 1e6).tolist(), strict=True)
    times = np.rint(position_at * 1e3).tolist()
    return dict(zip(unit_ids, zip(place, heading, speed, status.tolist(), flags.tolist(), times, strict=True), strict=True))


def of_table(house: House) -> Shown:
    table = house.table
    some = np.flatnonzero(~np.isnan(table.lon[: table.count]))
    columns = (table.lon, table.lat, table.heading_deg, table.speed_mps, table.status, table.flags, table.position_at)
    return shown([table.unit_ids[index] for index in some], *(column[some] for column in columns))


def of_tracks(state: TrackState) -> Shown:
    motion = (state.heading_deg, state.speed_mps)
    return shown(state.unit_ids, state.lon, state.lat, *motion, state.status, state.flags, state.position_at)


UNIT = st.integers(0, 3)
# (unit, tracker or none, seconds before now, metres east, heading or none, speed or none)
MOTION = st.none() | st.floats(0, 60)
FIX = st.tuples(UNIT, st.sampled_from([None, "phone"]), st.floats(0, 30), st.integers(-50, 50), MOTION, MOTION)
STATUS = st.tuples(UNIT, st.sampled_from([UnitStatus.AVAILABLE, UnitStatus.COMMITTED, UnitStatus.OUT_OF_SERVICE]))
STEPS = st.lists(st.tuples(st.integers(1, 1_500), st.lists(FIX, max_size=5) | STATUS, st.booleans()), min_size=1, max_size=25)


@settings(deadline=None, max_examples=50)
@given(STEPS)
@example([(1, [(0, None, 0.0, 1, None, None), (0, None, 1.0, 0, None, None), (0, "phone", 0.0, 0, None, None)], False)])
@example([(1, [(0, None, 0.0, 1, None, None), (0, "phone", 2e-06, 0, None, None)], False)])
async def test_the_tracks_at_t_are_the_table_as_it_was_at_t(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("tracks")
    house, writer = House(), TrackWriter(folder)
    house.intake.fixes._tracks = writer
    live: list[tuple[float, Shown]] = []
    for tenths, what, is_flushed in steps:
        house.clock.advance(tenths / 10)
        if isinstance(what, list):
            await house.intake.positions([report(house, *fix) for fix in what], house.feed())
        else:
            await house.intake.statuses([StatusReport(unit_id=f"u{what[0]}", status=what[1])], house.feed())
            house.intake.fixes.follow_units(list(house.handler.picture.units.values()))
        live.append((house.clock.unix_s(), of_table(house)))
        writer.take()
        if is_flushed:
            writer.write()
            writer.pack_finished()
    writer.finish()
    reader = TrackReader(folder)
    for at, table in live:
        assert of_tracks(reader.state_at(at + 0.01)) == table
    moved, before = PositionTable(), live[0][0] - 1.0
    for unit in house.handler.picture.units.values():
        moved.ensure(unit.unit_id, unit.kind, unit.status)
    for at, _ in live:
        move(moved, reader, before, at + 0.01)
        before = at + 0.01
        jumped = PositionTable()
        for unit_id in moved.unit_ids:
            jumped.ensure(unit_id, UnitKind.PATROL_CAR, UnitStatus.AVAILABLE)
        put(jumped, reader.known_at(at + 0.01))
        for name in ("lon", "lat", "position_at", "heading_deg", "speed_mps", "flags"):
            np.testing.assert_array_equal(getattr(moved, name)[: moved.count], getattr(jumped, name)[: jumped.count], err_msg=name)


def move(table: PositionTable, reader: TrackReader, after: float, until: float) -> None:
    """As a replay moves on: slice by slice."""
    for start_s in range(int(after) // SLICE_S * SLICE_S, int(until) + 1, SLICE_S):
        heard = reader.heard_in(start_s)
        if heard is not None:
            put(table, heard.between(after, until))


def report(house: House, unit: int, tracker: str | None, before_s: float, east_m: int, heading: float | None, speed: float | None):
    return PositionReport(
        unit_id=f"u{unit}",
        tracker_id=tracker,
        lon=121.5 + east_m / 96_000,
        lat=29.9,
        position_at=house.clock.now() - timedelta(seconds=before_s),
        heading_deg=heading,
        speed_mps=speed,
    )


def test_unknown_and_fastest_are_the_same_byte_in_tracks_and_frames():
    assert (track_files.UNKNOWN, track_files.FASTEST_KMH) == (frames.UNKNOWN_BYTE, frames.FASTEST_KMH)
