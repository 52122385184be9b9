"""Frames are a pure function of positions, sight and what was sent; decoded here with struct, not with the code under test."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.model import UnitKind, UnitStatus
from operations.tracking.frames import Changed, FrameKind, Sent, encode, heartbeat, select
from operations.tracking.positions import PositionTable

NOW = 1_767_225_600.0
EVERYTHING = Sent()


def table(units: int) -> PositionTable:
    positions = PositionTable()
    for number in range(units):
        positions.ensure(f"unit-{number}", UnitKind.PATROL_CAR, UnitStatus.AVAILABLE)
    return positions


def write(
    positions: PositionTable, index: int, lon: float, lat: float, at: float = NOW, heading: float = np.nan, speed: float = np.nan
) -> None:
    one = np.array([index])
    positions.write(one, np.array([lon]), np.array([lat]), np.array([at]), at, np.array([heading]), np.array([speed]))


def records(frame: bytes) -> list[tuple[int, ...]]:
    assert (len(frame) - 32) % 20 == 0
    return list(struct.iter_unpack("<IiiBBBBHH", frame[32:]))


def test_header_and_record_have_the_documented_bytes() -> None:
    positions = table(2)
    write(positions, 1, 121.5, -29.25, NOW - 3.0, heading=91.0, speed=10.0)
    positions.set_status(1, UnitStatus.ON_SCENE)
    frame = encode(positions, np.array([1]), FrameKind.CHANGES, revision=7, picture_at=NOW)
    assert frame[:2] == b"LD"
    assert struct.unpack("<HBBIQdQ", frame[:32]) == (0x444C, 1, 1, 1, 7, NOW, 0)
    assert records(frame) == [(1, 121_500_000, -29_250_000, 46, 36, 3, 0, 30, 30)]


def test_unknown_and_extreme_values_stay_inside_their_bytes() -> None:
    positions = table(3)
    write(positions, 0, 180.0, 90.0, NOW - 1e6)
    write(positions, 1, -180.0, -90.0, NOW + 60, heading=359.9, speed=500.0)
    write(positions, 2, 0.0, 0.0, NOW, heading=0.0, speed=0.0)
    got = records(encode(positions, np.arange(3), FrameKind.FULL, 0, NOW))
    assert got[0] == (0, 180_000_000, 90_000_000, 255, 255, 0, 0, 65_535, 65_535)
    assert got[1] == (1, -180_000_000, -90_000_000, 0, 254, 0, 0, 0, 0)
    assert got[2] == (2, 0, 0, 0, 0, 0, 0, 0, 0)


def test_a_repeat_is_heard_but_no_change() -> None:
    positions = table(1)
    write(positions, 0, 121.5, 29.8, NOW)
    sight = np.ones(1, dtype=bool), np.zeros(1, dtype=np.int64)
    sent = Sent(positions.seq, 0)
    write(positions, 0, 121.5, 29.8, NOW)
    positions.received_at[0] = NOW + 5
    assert not len(select(positions, *sight, sent))
    heard, fix = records(encode(positions, select(positions, *sight, EVERYTHING), FrameKind.FULL, 0, NOW + 6))[0][-2:]
    assert (heard, fix) == (10, 60)


def test_a_unit_that_comes_into_sight_is_sent_though_it_did_not_move() -> None:
    positions = table(2)
    write(positions, 0, 121.5, 29.8)
    write(positions, 1, 121.6, 29.8)
    sent = Sent(positions.seq, 4)
    assert select(positions, np.array([True, True]), np.array([4, 5]), sent).tolist() == [1]


@pytest.mark.parametrize("known", [0, 1])
def test_units_beyond_the_sight_arrays_are_unseen(known: int) -> None:
    positions = table(3)
    for index in range(3):
        write(positions, index, 121.5, 29.8)
    assert select(positions, np.ones(known, dtype=bool), np.zeros(known, dtype=np.int64), EVERYTHING).tolist() == list(range(known))


def test_a_heartbeat_is_a_frame_of_changes_without_records() -> None:
    assert heartbeat(7, NOW) == encode(table(1), np.zeros(0, dtype=np.intp), FrameKind.CHANGES, 7, NOW)


moves = st.lists(st.tuples(st.integers(0, 5), st.integers(-100, 100), st.integers(-50, 50)), max_size=30)


@given(before=moves, after=moves, visible=st.lists(st.booleans(), min_size=6, max_size=6))
def test_full_then_changes_leave_a_client_with_exactly_what_it_may_see(before: list, after: list, visible: list[bool]) -> None:
    positions, sight = table(6), (np.array(visible), np.zeros(6, dtype=np.int64))
    client: dict[int, tuple[int, ...]] = {}
    sent, at = EVERYTHING, NOW
    for batch in (before, after):
        for index, lon, lat in batch:
            at += 1.0
            write(positions, index, float(lon), float(lat), at)
        frame = encode(positions, select(positions, *sight, sent), FrameKind.CHANGES, 0, at)
        client.update({record[0]: record[1:3] for record in records(frame)})
        sent = Sent(positions.seq, 0)
    expected = {
        index: (round(positions.lon[index] * 1e6), round(positions.lat[index] * 1e6))
        for index in range(6)
        if visible[index] and np.isfinite(positions.lon[index])
    }
    assert client == expected


@given(before=moves, after=moves, sight=st.lists(st.booleans(), max_size=6), kind=st.sampled_from(FrameKind))
def test_what_is_written_once_for_all_audiences_says_to_each_what_a_frame_of_its_own_would(
    before: list, after: list, sight: list[bool], kind: FrameKind
) -> None:
    positions, visible, at = table(6), np.array(sight, dtype=bool), NOW
    sent = EVERYTHING
    for batch in (before, after):
        sent = Sent(positions.seq, 0)
        for index, lon, lat in batch:
            at += 1.0
            write(positions, index, float(lon), float(lat), at)
    for since in (sent, EVERYTHING):
        indices = select(positions, visible, np.zeros(len(sight), dtype=np.int64), Sent(since.seq, 0))
        own = encode(positions, indices, kind, 7, at) if len(indices) else None
        assert Changed(positions, since.seq, at).frame(visible, kind, 7) == own
