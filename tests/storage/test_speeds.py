"""Learned speeds on disk: as written, or named as damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geodata.streets.learned import ON_WAY, LearnedSpeeds
from storage.speeds import DamagedSpeeds, SpeedFile, SpeedHistory, verify
from tests.geodata.networks import random_grid

GRAPH = random_grid(np.random.default_rng(3), side=6)


@pytest.fixture
def kept(tmp_path: Path) -> SpeedFile:
    learned = LearnedSpeeds(GRAPH)
    edges = np.flatnonzero(np.isfinite(GRAPH.car.time_s))
    left = np.cumsum(GRAPH.car.time_s[edges].astype(float)) * 1.5
    learned.observe(np.zeros(len(edges)), edges, np.r_[0.0, left[:-1]], left, np.full(len(edges), 9), np.full(len(edges), ON_WAY))
    learned.age(1_700_000_000.0)
    file = SpeedFile(tmp_path / "speeds", "cafe")
    file.write(learned.state())
    return file


def test_what_is_read_is_what_was_written(kept: SpeedFile, tmp_path: Path) -> None:
    state = kept.read()
    assert state is not None
    again = LearnedSpeeds(GRAPH, state)
    assert again.observations == state.total > 20
    kept.write(again.state())
    assert kept.path.read_bytes() == SpeedFile(tmp_path / "speeds", "cafe").path.read_bytes()
    drives = LearnedSpeeds(GRAPH, kept.read())
    np.testing.assert_array_equal(drives.times(9).p50_s["car"], again.times(9).p50_s["car"])
    assert SpeedFile(tmp_path / "speeds", "another").read() is None
    assert verify(tmp_path / "speeds") == (1, [])


def test_earlier_instants_are_found_and_their_damage_named(kept: SpeedFile, tmp_path: Path) -> None:
    state, folder = kept.read(), tmp_path / "speeds"
    assert state is not None
    history = SpeedHistory(folder, "cafe")
    assert history.newest(2_000_000_000.0) is None
    for at_s in (1_700_000_000.0, 1_700_003_600.0):
        history.keep(state, at_s)
    assert history.newest(1_699_999_999.0) is None
    assert [history.newest(at_s) for at_s in (1_700_000_000.0, 1_700_003_599.0, 1_800_000_000.0)] == [
        "20231114T221320Z",
        "20231114T221320Z",
        "20231114T231320Z",
    ]
    assert history.read("20231114T221320Z").total == state.total
    assert [history.remove_before(at_s) for at_s in (1_600_000_000.0, 1_700_003_599.0)] == [0, 0], "an hour later is read by the first"
    assert verify(folder) == (3, [])
    damaged = folder / "cafe" / "20231114T231320Z.speeds"
    damaged.write_bytes(damaged.read_bytes() + b"more")
    with pytest.raises(DamagedSpeeds, match="20231114T231320Z"):
        history.read("20231114T231320Z")
    assert [str(damaged) in what for what in verify(folder)[1]] == [True]
    assert history.remove_before(1_700_003_600.0) == 1
    assert [path.name for path in damaged.parent.iterdir()] == [damaged.name]
    damaged.unlink()
    with pytest.raises(DamagedSpeeds, match="is gone"):
        history.read("20231114T231320Z")


def test_damage_is_named_and_set_aside(kept: SpeedFile, tmp_path: Path) -> None:
    sound = kept.path.read_bytes()
    for content, message in (
        (sound[:5], "is cut off after 5 bytes"),
        (b"LDSPEED9" + sound[8:], "does not begin with LDSPEED1"),
        (sound[:-9], "does not hold what was written"),
        (sound[:-9] + b"123456789", "wrong checksum"),
    ):
        kept.path.write_bytes(content)
        with pytest.raises(DamagedSpeeds, match=message) as caught:
            kept.read()
    assert verify(kept.path.parent) == (1, [str(caught.value)])
    aside = kept.set_aside()
    assert aside.exists()
    assert kept.read() is None
    (tmp_path / "speeds" / "beef.speeds").write_bytes(sound)
    with pytest.raises(DamagedSpeeds, match="belongs to build cafe"):
        SpeedFile(tmp_path / "speeds", "beef").read()
