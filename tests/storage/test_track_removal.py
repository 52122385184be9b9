"""What a hold with a circle keeps: all by which somebody can be shown to have been there, as `near` says it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from geodata.tracks.passages import metres_off, passages
from storage import track_removal
from storage.track_reader import TrackReader
from storage.track_removal import Held
from storage.track_slices import SLICE_S, slice_name
from storage.track_writer import TrackWriter
from tests.storage.test_track_ledger import remove, track
from tests.storage.test_tracks import START, Fix, append

SLICES = 6
RADIUS_M = 20.0
PLACE = (121.1, 29.9, RADIUS_M)
SPAN = (float(START), float(START + SLICES * SLICE_S))
DEGREES_PER_M = 1 / (111_195.0 * np.cos(np.radians(29.9)))


def at(metres: float) -> float:
    """So far east of the place."""
    return float(PLACE[0] + metres * DEGREES_PER_M)


def drive(begins: float, from_m: float, to_m: float, unit: int = 0, late_s: float = 0.2) -> list[Fix]:
    """Eastwards at 15 m/s with a fix every 3 s: some 45 m lie between two of them."""
    return [(unit, begins + n * 3, begins + n * 3 + late_s, at(metres)) for n, metres in enumerate(np.arange(from_m, to_m, 45.0).tolist())]


def keep(folder: Path, *fixes: Fix) -> None:
    """Written in the order heard, with a fix far away in each slice, and all of them closed."""
    writer = TrackWriter(folder)
    beside = [(2, START + step * SLICE_S + 150.0, START + step * SLICE_S + 150.0, 121.5) for step in range(SLICES + 1)]
    for fix in sorted([*fixes, *beside], key=lambda one: one[2]):
        append(writer, fix, ids=["a", "b", "beside"])
    writer.write()
    writer.pack_finished()
    writer.close()


def kept(folder: Path) -> list[int]:
    return [step for step in range(SLICES) if track(folder, step).exists()]


def stays(folder: Path) -> list[float]:
    """When anybody came into the circle."""
    found = []
    for state in TrackReader(folder).paths({"a", "b"}, SPAN[0] - 60.0, SPAN[1]).values():
        x, y = metres_off(state.lon, state.lat, *PLACE[:2])
        found += [one.first_at for one in passages(state.position_at, x, y, RADIUS_M, *SPAN)]
    return sorted(found)


def test_who_drove_through_without_a_fix_inside_was_there(tmp_path):
    keep(tmp_path, *drive(START + SLICE_S + 60.0, -112.5, 150.0))
    was = stays(tmp_path)
    assert len(was) == 1
    remove(tmp_path, SLICES, Held(*SPAN, PLACE))
    assert (kept(tmp_path), stays(tmp_path)) == ([1], was)


def test_two_crews_on_either_side_are_no_passage(tmp_path):
    middle = START + SLICE_S + 100.0
    keep(tmp_path, (0, middle, middle, at(-30)), (1, middle + 3, middle + 3, at(30)), (0, middle + 60, middle + 60, at(30)))
    remove(tmp_path, SLICES, Held(*SPAN, PLACE))
    assert kept(tmp_path) == []


@pytest.mark.parametrize("removed_before", [SLICES, 2])
def test_who_drove_through_as_one_slice_ended_is_found_in_both(tmp_path, removed_before):
    ends = START + 2 * SLICE_S
    keep(tmp_path, *drive(ends - 7.5, -112.5, 150.0))
    was = stays(tmp_path)
    assert len(was) == 1
    remove(tmp_path, removed_before, Held(*SPAN, PLACE))
    assert kept(tmp_path) == [1, *range(2, SLICES)][: 2 if removed_before == SLICES else None]
    assert stays(tmp_path) == was


def test_a_way_that_was_handed_in_late_keeps_the_slice_it_goes_on_from(tmp_path):
    begins = START + SLICE_S + 100.0
    fixes = drive(begins, -22.5 - 45.0, 100.0)
    later = 3 * SLICE_S
    keep(tmp_path, *fixes[:2], *((unit, measured, heard + later, lon) for unit, measured, heard, lon in fixes[2:]))
    was = stays(tmp_path)
    assert len(was) == 1
    remove(tmp_path, 2, Held(*SPAN, PLACE))
    assert kept(tmp_path) == [1, *range(2, SLICES)]
    remove(tmp_path, SLICES, Held(*SPAN, PLACE))
    assert (kept(tmp_path), stays(tmp_path)) == ([1, 4], was)


def test_a_slice_is_unpacked_once_whatever_covers_it_and_not_at_all_where_all_is_held(tmp_path, monkeypatch):
    keep(tmp_path, *drive(START + SLICE_S + 60.0, -112.5, 150.0))
    read, unpack = [], track_removal.unpack
    monkeypatch.setattr(track_removal, "unpack", lambda content: read.append(1) or unpack(content))
    far = [Held(*SPAN, (120.0 + n, 29.0, 50.0)) for n in range(5)]
    whole = Held(START + 2.0 * SLICE_S, START + 5.0 * SLICE_S - 1)
    remove(tmp_path, SLICES, *far, whole)
    assert kept(tmp_path) == [2, 3, 4]
    # Those before and after; and the first that is held as a whole, with which a passage may end.
    assert len(read) == 4
    assert os.listdir(tmp_path / slice_name(START)[:8])
