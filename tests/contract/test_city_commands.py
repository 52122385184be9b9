"""`app.py city`: what is built, said and compared, and what is left behind when a build does not come to its end."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from osmium.osm.mutable import Way

from geodata.building import build
from tests.contract.conftest import app
from tests.geodata.test_osm import STREET, write_pbf


@pytest.fixture
def extract(tmp_path: Path) -> Path:
    return write_pbf(tmp_path / "a.osm.pbf", STREET)


def test_a_build_tells_how_far_it_is_and_where_from(tmp_path: Path, extract: Path) -> None:
    done = app("city", "build", str(extract), "--out", str(tmp_path / "city"))
    assert done.code == 0
    assert done.err.splitlines()[0] == "  0%  0 things read"
    assert done.err.splitlines()[-1] == "100%  done"
    report = json.loads(done.out)
    info = json.loads(app("city", "info", str(tmp_path / "city")).out)
    sha256 = hashlib.sha256(extract.read_bytes()).hexdigest()
    assert info["source"] == report["source"]
    assert info["source"] == {"name": "a.osm.pbf", "size_bytes": extract.stat().st_size, "sha256": sha256, "data_at": None}


def test_diff_is_0_for_the_same_and_1_for_another(tmp_path: Path, extract: Path) -> None:
    other = write_pbf(tmp_path / "b.osm.pbf", STREET, Way(id=101, nodes=[3, 4], tags={"highway": "service"}))
    for file, name in ((extract, "a"), (other, "b")):
        assert app("city", "build", str(file), "--out", str(tmp_path / name), "--name", "宁波").code == 0
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    same = app("city", "diff", a, a)
    assert (same.code, same.out, same.err) == (0, "no difference\n", "")
    assert json.loads(app("city", "diff", a, a, "--json").out)["same"] is True
    differs = app("city", "diff", a, b)
    assert differs.code == 1
    assert "streets: 1 added" in differs.out
    found = json.loads(app("city", "diff", a, b, "--json").out)
    assert found["same"] is False
    assert [street["id"] for street in found["streets"]["added"]] == ["101"]
    assert found.keys() == {"same", "city", "streets", "organisations", "elements", "street_km"}
    assert app("city", "diff", a, str(tmp_path / "none")).code == 2


@pytest.mark.parametrize("how", ["keyboard", "sigterm"])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, extract: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def interrupted(*given: Any) -> None:
        if how == "keyboard":
            raise KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(build, "write_base_map", interrupted)
    done = app("city", "build", str(extract), "--out", str(tmp_path / "city"))
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith(f"liandong: interrupted; {tmp_path}/city is as it was\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.osm.pbf"]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("largest_file", [3_000, 300])
def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path, extract: Path, largest_file: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
    try:
        done = app("city", "build", str(extract), "--out", str(tmp_path / "city"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (done.code, done.out) == (2, "")
    said = done.err.splitlines()[-1]
    assert str(tmp_path) in said
    assert "Make room" in said
    assert [path.name for path in tmp_path.iterdir()] == ["a.osm.pbf"]


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_off_extract_is_named(tmp_path: Path, extract: Path, share: float) -> None:
    extract.write_bytes(extract.read_bytes()[: int(share * extract.stat().st_size)])
    done = app("city", "build", str(extract), "--out", str(tmp_path / "city"))
    assert (done.code, done.out) == (2, "")
    assert "a.osm.pbf" in done.err.splitlines()[-1]
    assert "cut off: fetch it again" in done.err.splitlines()[-1]
    assert not (tmp_path / "city").exists()


def test_a_missing_boundary_is_named(tmp_path: Path, extract: Path) -> None:
    done = app("city", "build", str(extract), "--out", str(tmp_path / "city"), "--boundary", str(tmp_path / "none.geojson"))
    assert done.code == 2
    assert "none.geojson" in done.err
    assert "Give a GeoJSON file" in done.err
