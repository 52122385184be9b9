"""Tracks: what was appended comes back at any instant, across slices, packing, restarts, torn tails and a refusing disk."""

from __future__ import annotations

import asyncio
import base64
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import track_writer
from storage.track_files import FIX, DamagedSlice, Slice, pack, read_open, record_of_fixes, record_of_units, unpack
from storage.track_paths import UnitReader
from storage.track_reader import TrackReader
from storage.track_slices import SLICE_S, slice_name
from storage.track_writer import TrackWriter
from storage.tracks import TrackStore

START = 1_760_000_100 // SLICE_S * SLICE_S
IDS = ["a", "b", "c"]
Fix = tuple[int, float, float, float]  # unit, position_at, received_at, lon


@pytest.fixture
def open_writer(tmp_path: Path):
    opened: list[TrackWriter] = []

    def open_writer() -> TrackWriter:
        opened.append(TrackWriter(tmp_path))
        return opened[-1]

    yield open_writer
    for writer in opened:
        writer.close()


def append(writer: TrackWriter | TrackStore, *fixes: Fix, status: int = 0, ids: list[str] = IDS, **motion: float) -> None:
    unit, position_at, received_at, lon = (np.array(column, dtype=float) for column in zip(*fixes, strict=True))
    n = len(unit)
    heading = np.full(n, motion.get("heading_deg", 90.0))
    speed = np.full(n, motion.get("speed_mps", 5.0))
    code = np.full(n, status, np.uint8)
    writer.append(ids, unit.astype(np.int64), position_at, received_at, lon, np.full(n, 29.9), heading, speed, code, code)
    if isinstance(writer, TrackWriter):
        writer.take()


def lons(reader: TrackReader, at: float) -> dict[str, float]:
    state = reader.state_at(at)
    return dict(zip(state.unit_ids, state.lon.tolist(), strict=True))


def test_the_state_at_an_instant_is_the_newest_fix_heard_by_then(tmp_path, open_writer):
    writer, reader = open_writer(), TrackReader(tmp_path)
    append(writer, (0, START + 1, START + 1.2, 121.1), (1, START + 1, START + 1.2, 121.5), status=2, speed_mps=10.0)
    append(writer, (0, START + 3, START + 3.2, 121.2))
    append(writer, (0, START + 2, START + 9.0, 121.9))  # late: heard last, measured before
    writer.write()
    assert lons(reader, START + 1.1) == {}
    assert lons(reader, START + 2.0) == {"a": 121.1, "b": 121.5}
    assert lons(reader, START + 20) == {"a": 121.2, "b": 121.5}
    state = reader.state_at(START + 2.0)
    assert (state.status.tolist(), state.position_at.tolist(), state.received_at.tolist()) == ([2, 2], [START + 1.0] * 2, [START + 1.2] * 2)
    assert state.speed_mps[0] == pytest.approx(10.0)
    assert state.heading_deg[0] == 90.0
    assert state.silent(START + 30, after_s=10) == ["a", "b"]


def test_unknown_heading_and_speed_come_back_unknown(tmp_path, open_writer):
    writer = open_writer()
    append(writer, (0, START, START, 121.0), heading_deg=float("nan"), speed_mps=float("nan"))
    writer.write()
    state = TrackReader(tmp_path).state_at(START + 1)
    assert np.isnan(state.heading_deg[0])
    assert np.isnan(state.speed_mps[0])


def test_a_slice_begins_with_what_was_known_and_silent_units_stay(tmp_path, open_writer):
    writer, reader = open_writer(), TrackReader(tmp_path)
    append(writer, (0, START + 1, START + 1, 121.1), (1, START + 1, START + 1, 121.5))
    append(writer, (0, START + SLICE_S + 5, START + SLICE_S + 5, 121.2))
    append(writer, (0, START + 3 * SLICE_S, START + 3 * SLICE_S, 121.3))
    writer.write()
    writer.pack_finished()
    assert sorted(path.suffix for path in tmp_path.rglob("*.*")) == [".open", ".track", ".track"]
    assert lons(reader, START + SLICE_S + 1) == {"a": 121.1, "b": 121.5}
    assert lons(reader, START + 2 * SLICE_S + 1) == {"a": 121.2, "b": 121.5}  # no slice of its own: nothing was heard
    assert lons(reader, START + 3 * SLICE_S) == {"a": 121.3, "b": 121.5}
    assert reader.state_at(START + 3 * SLICE_S).position_at.tolist() == [START + 3 * SLICE_S, START + 1.0]


def test_paths_and_replay_hold_each_fix_once_although_slices_carry_over(tmp_path, open_writer):
    writer, reader = open_writer(), TrackReader(tmp_path)
    times = [START + 7.0 * step for step in range(150)]  # over four slices
    for at in times:
        append(writer, (0, at, at + 0.5, 121.0 + (at - START) * 1e-5))
    append(writer, (0, times[20] + 3, times[-1] + 1, 121.5))
    writer.write()
    writer.pack_finished()
    path = reader.unit_path("a", times[10], times[30], heard_until=times[-1] + 10)
    assert path.position_at.tolist() == sorted([*times[10:30], times[20] + 3])
    assert len(reader.unit_path("a", times[10], times[30])) == 20
    assert len(reader.unit_path("nobody", START, times[-1])) == 0
    played = [(until, state) for until, state in reader.replay(START, times[-1] + 5, step_s=10.0)]
    assert sum(len(state) for _, state in played) == len(times) + 1
    for until, state in played:
        assert (state.received_at <= until).all()
        assert (state.received_at > until - 10.0).all()


def test_a_restart_goes_on_in_the_same_slice_and_carries_on_what_was_known(tmp_path, open_writer):
    writer = open_writer()
    append(writer, (0, START + 1, START + 1, 121.1), (1, START + 1, START + 1, 121.5))
    writer.write()
    writer.close()
    reader = TrackReader(tmp_path)
    again = open_writer()
    again.carry(reader.latest())
    append(again, (0, START + 9, START + 9, 121.7), ids=["b"])  # b has another index in this run's table
    append(again, (0, START + SLICE_S, START + SLICE_S, 121.8), ids=["b"])
    again.write()
    assert lons(reader, START + 10) == {"a": 121.1, "b": 121.7}
    assert lons(reader, START + SLICE_S) == {"a": 121.1, "b": 121.8}
    assert len(list(tmp_path.rglob("*.open"))) == 2


def test_a_torn_tail_is_cut_and_counted(tmp_path, open_writer):
    writer = open_writer()
    append(writer, (0, START + 1, START + 1, 121.1))
    writer.write()
    sound = next(tmp_path.rglob("*.open")).stat().st_size
    append(writer, (0, START + 2, START + 2, 121.2))
    writer.write()
    writer.close()
    file = next(tmp_path.rglob("*.open"))
    whole = file.stat().st_size
    for length in (whole - 1, sound + 5, sound + 1):
        os.truncate(file, length)
        assert lons(TrackReader(tmp_path), START + 5) == {"a": 121.1}
    again = open_writer()
    append(again, (0, START + 3, START + 3, 121.3))
    again.write()
    assert again.state()["torn_bytes"] == 1
    assert lons(TrackReader(tmp_path), START + 5) == {"a": 121.3}
    assert TrackReader(tmp_path).verify().torn_bytes == 0


def test_an_open_slice_of_another_run_is_closed_without_its_torn_tail(tmp_path, open_writer):
    old = open_writer()
    append(old, (0, START + 1, START + 1, 121.1))
    old.write()
    old.close()
    with next(tmp_path.rglob("*.open")).open("ab") as file:
        file.write(b"\x40\x00\x00\x00half a record")
    writer = open_writer()
    append(writer, (0, START + 2 * SLICE_S, START + 2 * SLICE_S, 121.2))
    writer.write()
    writer.pack_finished()
    assert writer.torn_bytes == 17
    assert lons(TrackReader(tmp_path), START + 2) == {"a": 121.1}
    assert TrackReader(tmp_path).verify().gaps == [f"{slice_name(START + SLICE_S)} to {slice_name(START + 2 * SLICE_S)}"]


def test_a_refusing_disk_is_said_and_nothing_is_lost_when_it_recovers(tmp_path, monkeypatch, open_writer):
    writer = open_writer()
    append(writer, (0, START + 1, START + 1, 121.1))
    monkeypatch.setattr(track_writer, "sync_folder", _refuse)
    writer.write()
    assert writer.state()["state"] == "failing"
    assert "No space left" in writer.state()["failure"]
    monkeypatch.undo()
    append(writer, (1, START + 2, START + 2, 121.2))
    writer.write()
    assert writer.state()["failure"] == ""
    assert lons(TrackReader(tmp_path), START + 5) == {"a": 121.1, "b": 121.2}


def test_what_waits_for_a_refusing_disk_is_bounded(tmp_path, monkeypatch, open_writer):
    monkeypatch.setattr(track_writer, "MAX_WAITING", 3)
    monkeypatch.setattr(track_writer, "sync_folder", _refuse)
    writer = open_writer()
    for second in range(5):
        append(writer, (0, START + second, START + second, 121.1))
        writer.write()
    assert (writer.state()["waiting"], writer.state()["dropped"]) == (3, 2)


def _refuse(folder: Path) -> None:
    raise OSError(28, "No space left on device")


def test_a_clock_that_was_set_back_writes_on_in_the_slice_it_had_reached(tmp_path, open_writer):
    writer, reader = open_writer(), TrackReader(tmp_path)
    append(writer, (0, START + SLICE_S, START + SLICE_S, 121.1))
    append(writer, (0, START + SLICE_S + 1, START + 10, 121.2))
    writer.write()
    assert lons(reader, START + SLICE_S) == {"a": 121.2}
    assert len(list(tmp_path.rglob("*.open"))) == 1


async def test_a_start_goes_on_from_the_newest_slice_that_can_be_read(tmp_path):
    first = TrackStore(tmp_path / "tracks")
    assert first.state()["state"] == "stopped"
    await first.start()
    assert len(first.last_known()) == 0
    append(first, (0, START + 5, START + 5, 121.1), (0, START + 2, START + 6, 121.2))
    await first.stop()
    later = tmp_path / "tracks" / f"{slice_name(START + SLICE_S)}.track"
    later.write_bytes(b"damaged" * 3)
    second = TrackStore(tmp_path / "tracks")
    await second.start()
    assert (second.last_known().unit_ids, second.last_known().lon.tolist()) == (["a"], [121.1])
    append(second, (1, START + 2 * SLICE_S, START + 2 * SLICE_S, 121.3))
    assert (second.state()["state"], second.state()["waiting"]) == ("ok", 1)
    await second.stop()
    assert lons(second, START + 2 * SLICE_S) == {"a": 121.1, "b": 121.3}
    assert second.verify().damage == [f"{later}: header is damaged or of another format"]


async def test_running_writes_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(track_writer, "FLUSH_EVERY_S", 0.01)
    store = TrackStore(tmp_path)
    await store.start()
    append(store, (0, START + 1, START + 1, 121.1))
    append(store, (1, START + 2 * SLICE_S, START + 2 * SLICE_S, 121.2))
    async with asyncio.timeout(5):
        while not list(tmp_path.rglob("*.track")):  # noqa: ASYNC110 - made by a thread
            await asyncio.sleep(0.01)
    assert store.state()["fixes"] == 2
    assert lons(store, START + 2 * SLICE_S) == {"a": 121.1, "b": 121.2}
    await store.stop()
    assert store.state()["state"] == "stopped"


def test_verify_names_damage_and_strangers(tmp_path, open_writer):
    writer = open_writer()
    for step in range(4):
        append(writer, (0, START + step * SLICE_S, START + step * SLICE_S, 121.1))
    writer.write()
    writer.pack_finished()
    report = TrackReader(tmp_path).verify()
    assert (report.slices, report.damage, report.gaps) == (4, [], [])
    closed = sorted(tmp_path.rglob("*.track"))
    content = bytearray(closed[1].read_bytes())
    content[-3] ^= 1
    closed[1].write_bytes(content)
    (tmp_path / "notes.txt").write_text("hello")
    closed[0].with_suffix(".part").write_bytes(b"half")
    report = TrackReader(tmp_path).verify()
    assert report.slices == 3
    assert report.damage == [
        f"{closed[1]}: block 0 is damaged",
        f"{tmp_path / 'notes.txt'}: no track slice; move it away",
    ]


def test_a_damaged_slice_is_refused_at_every_length():
    fixes = np.zeros(3, FIX)
    content = pack(Slice(START, ["a"], fixes))
    for length in range(len(content)):
        with pytest.raises(DamagedSlice):
            unpack(content[:length])


# position_ms, received_ds, lon, lat, heading, speed, status, flags
RANGES = [(-(2**40), 2**40)] * 2 + [(-180_000_000, 180_000_000), (-90_000_000, 90_000_000)] + [(0, 255)] * 4
FIXES = st.lists(st.tuples(st.integers(0, 3), *(st.integers(low, high) for low, high in RANGES)), max_size=40)


@settings(deadline=None, max_examples=150)
@given(FIXES)
def test_packing_loses_nothing(rows):
    fixes = np.array(sorted(rows, key=lambda row: row[0]), FIX)
    back = unpack(pack(Slice(START, ["a", "b", "c", "never heard"], fixes)))
    assert (back.fixes == fixes).all()
    assert (back.unit_ids, back.start_s) == (["a", "b", "c", "never heard"], START)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(noise):
    piece, sound = read_open(noise, START)
    assert (len(piece.fixes), sound) == (0, 0) or noise.startswith(b"LDTK")
    whole = b"LDTKOPN1" + record_of_units(["a"]) + record_of_fixes(np.zeros(2, FIX))
    assert len(read_open(whole + noise, START)[0].fixes) == 2
    with pytest.raises(DamagedSlice):
        unpack(b"LDTKCLS1" + noise)


HEARD = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(1, 120)), min_size=1, max_size=60)


@settings(deadline=None, max_examples=40)
@given(HEARD, st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_any_history_reads_back_as_it_was_at_any_instant(tmp_path_factory, history, flushes, restarts):
    """Against the plainest model: a list of everything, asked for the newest by time among those heard."""
    folder = tmp_path_factory.mktemp("tracks")
    reader, writer, now = TrackReader(folder), TrackWriter(folder), float(START)
    model: list[Fix] = []
    ids: list[str] = []
    for step, (unit, late_s, pause_s) in enumerate(history):
        if step in restarts:
            writer.write()
            writer.close()
            writer, ids = TrackWriter(folder), []
            latest = reader.latest()
            if latest is not None:
                writer.carry(latest)
        now += pause_s
        if IDS[unit] not in ids:
            ids.append(IDS[unit])
        fix = (unit, now - 10 * late_s + step * 1e-3, now, round(121 + step * 1e-3, 6))
        model.append(fix)
        append(writer, (ids.index(IDS[unit]), *fix[1:]), ids=ids)
        if step in flushes:
            writer.write()
            writer.pack_finished()
    writer.write()
    writer.close()
    for _, _, received, _ in model:
        for at in (received - 0.5, received):
            assert lons(reader, at) == _model_state(model, at)


def _model_state(model: list[Fix], at: float) -> dict[str, float]:
    newest: dict[str, tuple[float, float]] = defaultdict(lambda: (-1.0, 0.0))
    for unit, position_at, received_at, lon in model:
        if received_at <= at:
            newest[IDS[unit]] = max(newest[IDS[unit]], (position_at, lon))
    return {unit_id: lon for unit_id, (_, lon) in newest.items()}


def test_a_status_that_was_noted_with_the_last_fix_was_not_heard(tmp_path, open_writer):
    writer, reader = open_writer(), TrackReader(tmp_path)
    append(writer, (0, START + 1, START + 1.5, 121.1), (1, START + 1, START + 1.5, 121.5))
    append(writer, (0, START + 1, START + 60.0, 121.1), status=3)
    append(writer, (1, START + 61, START + 61.0, 121.5))
    writer.write()
    known = reader.known_at(START + 70)
    assert dict(zip(known.unit_ids, known.received_at.tolist(), strict=True)) == {"a": START + 1.5, "b": START + 61.0}
    assert dict(zip(known.unit_ids, known.status.tolist(), strict=True)) == {"a": 3, "b": 0}
    heard = reader.heard_in(START).between(START + 2, START + 70)
    assert dict(zip(heard.unit_ids, heard.received_at.tolist(), strict=True)) == {"a": START + 1.5, "b": START + 61.0}
    assert reader.first_at() == START
    path = reader.paths({"b"}, START, START + 61)["b"]
    assert path.position_at.tolist() == [START + 1, START + 61]


# A slice as the first form of closed slices had it: whole columns.
IN_COLUMNS = (
    "TERUS0NMUzHiAAAASSVXyYOnc3RhcnRfc85o53hkpWZpeGVzBadjb2x1bW5znZOldW5pdHMQzi+P/r+TpmNvdW50cw3OwReKt5OxZmlyc3RfcG"
    "9zaXRpb25fbXMWzq2ux8STq3Bvc2l0aW9uX21zFM7vI9OQk6lmaXJzdF9sb24azn9sGBiTo2xvbg/O4SWWnZOpZmlyc3RfbGF0Es4eeo3sk6Ns"
    "YXQPzta5sLyTpmxhZ19kcw/OCou8n5OnaGVhZGluZw7OPQHnApOlc3BlZWQOzn6O392TpnN0YXR1cw7Ob9Lj8pOlZmxhZ3MOzrUn5aootS/9IA"
    "c5AACToWGhYqFjKLUv/SAEIQAAAQMAAii1L/0gDWkAAAZ76MDDLCzIyJmZAQEotS/9IAtZAAACAHDFAHAAFwgAFyi1L/0gEYkAAAjc+7X/Pv8H"
    "/wD/AP8A/wD/KLUv/SAGMQAAAQDIYwAYKLUv/SAJSQAABOwD1gDHAAEAKLUv/SAGMQAAAQDHZAAJKLUv/SAGMQAAAQgCGgQCKLUv/SAFKQAALQ"
    "HRAQEotS/9IAUpAAAe4SDhAii1L/0gBSkAAAEB//8DKLUv/SAFKQAAAAH/AIA="
)
WRITTEN = [
    (0, 1760000000123, 17600000005, 121550300, 29873900, 45, 30, 1, 0),
    (0, 1760000003123, 17600000032, 121550400, 29873800, 46, 255, 2, 1),
    (0, 1760000002000, 17600000033, 121550350, 29873850, 255, 31, 1, 0),
    (2, 1760000001000, 17600000012, -5, 3, 0, 0, 0, 0),
    (2, 1760000004000, 17600000041, 7, -2, 1, 2, 3, 128),
]


def test_slices_of_the_first_form_are_read_whole_and_by_unit(tmp_path):
    start_s = 1_760_000_100 // SLICE_S * SLICE_S
    content = base64.b64decode(IN_COLUMNS)
    piece = unpack(content)
    assert (piece.start_s, piece.unit_ids, piece.fixes.tolist()) == (start_s, ["a", "b", "c"], WRITTEN)
    path = tmp_path / f"{slice_name(start_s)}.track"
    path.parent.mkdir()
    path.write_bytes(content)
    reader = UnitReader("c")
    reader.take(start_s, path)
    assert [row[1:] for row in reader.fixes().tolist()] == [row[1:] for row in WRITTEN if row[0] == 2 and row[2] >= start_s * 10]
    for length in range(len(content)):
        with pytest.raises(DamagedSlice):
            unpack(content[:length])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 39), *(st.integers(low, high) for low, high in RANGES)), max_size=120), st.integers(1, 40))
def test_each_units_own_block_gives_what_the_whole_slice_does(tmp_path_factory, rows, units):
    """Blocks of sixteen, some of them empty, the last one short; two slices with different units."""
    path = tmp_path_factory.mktemp("blocks") / "one.track"
    fixes = np.array(sorted((row for row in rows if row[0] < units), key=lambda row: row[0]), FIX)
    ids = [f"u{number}" for number in range(units)]
    path.write_bytes(pack(Slice(0, ids, fixes)))
    other = path.with_name("two.track")
    other.write_bytes(pack(Slice(0, list(reversed(ids)), fixes)))
    assert (unpack(path.read_bytes()).fixes == fixes).all()
    for number in {0, units // 2, units - 1}:
        reader = UnitReader(ids[number])
        reader.take(-(2**40), path)
        reader.take(-(2**40), other)
        wanted = [row[1:] for n in (number, units - 1 - number) for row in fixes[fixes["unit"] == n].tolist()]
        assert [row[1:] for row in reader.fixes().tolist()] == wanted
