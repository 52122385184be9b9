"""An evidence package, checked by a bare interpreter: what was changed, dropped, moved or put in is found; in the data by `verify`."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zstandard

import app
from dispatch.commands import AddUpload
from storage.audit import AuditLog
from storage.database import open_database
from storage.evidence import EvidenceFiles, Manifest
from storage.sql_journal import SqlJournal
from storage.track_files import FIX, Slice, pack
from storage.track_slices import SLICE_S, slice_name
from storage.tracks import TrackStore
from tests.conformance.test_journal import commit_of
from tests.dispatch.driver import START, STATION, Node
from tests.storage.test_track_ledger import CLOSED, written

PHOTO = b"\xff\xd8\xff" + b"a photo" * 50
UPLOAD = "0" * 31 + "1"
BEGAN = int(START.timestamp()) // SLICE_S * SLICE_S
SPAN = ("--from", (START - timedelta(minutes=1)).isoformat(), "--to", (START + timedelta(hours=1)).isoformat())


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A node's folder: a journal with an upload, the upload, four closed slices of tracks (the first removed) and an open one."""
    data = tmp_path_factory.mktemp("node")
    node = Node()
    incident_id = node.pushed("A", "B")
    upload = {"filename": "gate.jpg", "media_type": "image/jpeg", "size_bytes": len(PHOTO)}
    node.give(AddUpload(incident_id=incident_id, upload_id=UPLOAD, sha256=sha256(PHOTO).hexdigest(), unit_id="A", **upload))
    files = EvidenceFiles(data / "evidence")
    manifest = Manifest(UPLOAD, incident_id, actor="li", actor_role="officer", org_code=STATION, unit_id="A", created_at=START, **upload)
    files.begin(manifest)
    files.append(manifest, 0, PHOTO)
    files.keep(manifest)
    engine = open_database(f"sqlite:///{data}/journal.sqlite")
    journal = SqlJournal(engine)
    journal.claim()
    journal.append(commit_of(node))
    journal.release()
    engine.dispose()
    written(data / "tracks", start=BEGAN)
    TrackStore(data / "tracks").remove_before(BEGAN + SLICE_S, [], START, "older than 30 days")
    return data


@pytest.fixture(scope="module")
def package(data: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out") / "package"
    assert app.main(["export", "journal", *SPAN, "--out", str(out), "--data", str(data)]) == 0
    return out


def check(package: Path) -> tuple[int, str]:
    """As a third party does: nothing of the program, not even what the interpreter would add to its path."""
    done = subprocess.run([sys.executable, "-I", "-S", "verify.py"], cwd=package, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_sound_package_is_sound_to_a_bare_interpreter_and_to_sha256sum(package: Path) -> None:
    code, said = check(package)
    assert code == 0, said
    manifest = json.loads((package / "manifest.json").read_text())
    assert manifest["journal"]["last_hash"] in said
    assert (manifest["problems"], manifest["evidence"], manifest["tracks"]["slices"]) == ([], [UPLOAD], CLOSED)
    assert manifest["tracks"]["not_in_ledger"] == [slice_name(BEGAN + CLOSED * SLICE_S)]
    assert manifest["ledger"]["lines"] == CLOSED + 1
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=package, check=False).returncode == 0
    assert (package / "evidence" / UPLOAD / "file").read_bytes() == PHOTO


def flip(path: Path, place: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.chmod(0o640)
    path.write_bytes(content)


def lines_of(package: Path, name: str, change: Callable[[list[bytes]], None]) -> None:
    lines = (package / name).read_bytes().splitlines(keepends=True)
    change(lines)
    (package / name).write_bytes(b"".join(lines))


def swap(lines: list[bytes]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def other_words(lines: list[bytes]) -> None:
    """Well-formed, and another event: only its hash tells."""
    lines[1] = lines[1].replace(b'"actor":"', b'"actor":"not-', 1)


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a changed line": (lambda p: lines_of(p, "journal.tsv", other_words), "journal.tsv, line 2: changed"),
    "a dropped line": (lambda p: lines_of(p, "journal.tsv", lambda lines: lines.pop(1) and None), "journal.tsv, line 2: changed"),
    "the last line dropped": (lambda p: lines_of(p, "journal.tsv", lambda lines: lines.pop() and None), "journal.tsv: ends after"),
    "the first line dropped": (lambda p: lines_of(p, "journal.tsv", lambda lines: lines.pop(0) and None), "journal.tsv, line 1: changed"),
    "lines in another order": (lambda p: lines_of(p, "journal.tsv", swap), "journal.tsv, line 2: changed"),
    "a line put in": (lambda p: lines_of(p, "journal.tsv", lambda lines: lines.insert(1, lines[0])), "journal.tsv, line 2: changed"),
    "a line that can't be read": (
        lambda p: lines_of(p, "journal.tsv", lambda ls: ls.insert(1, b"\xff{\tx\n")),
        "journal.tsv, line 2: can't",
    ),
    "another photo": (lambda p: flip(p / "evidence" / UPLOAD / "file"), f"evidence/{UPLOAD}/file: not what journal.tsv says"),
    "another track": (
        lambda p: flip(p / "tracks" / f"{slice_name(BEGAN + SLICE_S)}.track"),
        f"tracks/{slice_name(BEGAN + SLICE_S)}.track: not what ledger.tsv says",
    ),
    "a removal taken out": (lambda p: lines_of(p, "ledger.tsv", lambda lines: lines.pop() and None), "ledger.tsv: ends after"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_harm_is_found_also_when_the_sums_were_made_anew(package: Path, tmp_path: Path, harm: str) -> None:
    harmed = tmp_path / "package"
    shutil.copytree(package, harmed)
    do, said = HARMS[harm]
    do(harmed)
    code, found = check(harmed)
    assert (code, ": changed\n" in found) == (1, True)
    names = [line.split("  ", 1)[1] for line in (harmed / "SHA256SUMS").read_text().splitlines()]
    (harmed / "SHA256SUMS").write_text("".join(f"{sha256((harmed / n).read_bytes()).hexdigest()}  {n}\n" for n in names))
    code, found = check(harmed)
    assert code == 1
    assert f"WRONG {said}" in found


def test_a_changed_a_missing_and_a_foreign_file_are_found(package: Path, tmp_path: Path) -> None:
    harmed = tmp_path / "package"
    shutil.copytree(package, harmed)
    flip(harmed / "README.md")
    (harmed / "tracks" / f"{slice_name(BEGAN + 2 * SLICE_S)}.track").unlink()
    (harmed / "evidence" / "more").write_text("x")
    code, found = check(harmed)
    assert code == 1
    wrong = [line for line in found.splitlines() if line.startswith("WRONG")]
    assert wrong == [
        f"WRONG tracks/{slice_name(BEGAN + 2 * SLICE_S)}.track: missing",
        "WRONG evidence/more: not in SHA256SUMS",
        "WRONG README.md: changed",
    ]


def test_a_package_is_one_file_where_its_name_ends_in_tar_and_the_export_is_on_record(data: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "package.tar"
    assert app.main(["export", "journal", *SPAN, "--out", str(out), "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["package.tar"]
    with tarfile.open(out) as archive:
        archive.extractall(tmp_path, filter="data")
    assert check(tmp_path / "package")[0] == 0
    assert sha256((tmp_path / "package" / "SHA256SUMS").read_bytes()).hexdigest() in said
    looks = AuditLog(open_database(f"sqlite:///{data}/journal.sqlite")).read(limit=100)
    assert {look.what for _, look in looks} == {"journal_exported"}


def test_an_empty_span_gives_a_sound_and_empty_package(data: Path, tmp_path: Path) -> None:
    span = ["--from", "2001-01-01T00:00:00Z", "--to", "2001-01-02T00:00:00Z"]
    assert app.main(["export", "journal", *span, "--out", str(tmp_path / "p"), "--data", str(data)]) == 0
    assert check(tmp_path / "p")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "2026-05-02T00:00:00Z", "--to", "2026-05-01T00:00:00Z", "--out", "new"], "is no span"),
        (["--from", "2026-05-01T00:00:00Z", "--to", "2026-05-02T00:00:00Z", "--out", "."], "is there already"),
    ],
)
def test_wrong_use_is_named(data: Path, arguments: list[str], said: str, capsys) -> None:
    assert app.main(["export", "journal", *arguments, "--data", str(data)]) == 2
    assert said in capsys.readouterr().err


def test_a_time_without_an_offset_is_refused(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        app.main(["export", "journal", "--from", "2026-05-01T00:00:00", "--to", "x", "--out", "new"])
    assert ended.value.code == 2
    assert "has no offset" in capsys.readouterr().err


def _photo(data: Path) -> str:
    flip(data / "evidence" / "kept" / UPLOAD / "file")
    return f"evidence {UPLOAD}"


def _slice(data: Path) -> str:
    name = slice_name(BEGAN + 2 * SLICE_S)
    flip(data / "tracks" / f"{name}.track")
    return name


def _lost_slice(data: Path) -> str:
    name = slice_name(BEGAN + 2 * SLICE_S)
    (data / "tracks" / f"{name}.track").unlink()
    return name


def _event(data: Path) -> str:
    engine = open_database(f"sqlite:///{data}/journal.sqlite")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE events SET body = replace(body, 'theft', 'arson') WHERE revision = 1")
        connection.exec_driver_sql("UPDATE events SET body = body || ' ' WHERE revision = 1")
    engine.dispose()
    return "revision 1"


@pytest.mark.parametrize("harm", [_photo, _slice, _lost_slice, _event])
def test_verify_and_export_name_damage_in_the_data(data: Path, tmp_path: Path, capsys, harm: Callable[[Path], str]) -> None:
    harmed = tmp_path / "node"
    shutil.copytree(data, harmed)
    assert app.main(["verify", "--data", str(harmed)]) == 0
    assert "1 slices removed" in capsys.readouterr().out
    name = harm(harmed)
    assert app.main(["verify", "--data", str(harmed)]) == 1
    damage = [line for line in capsys.readouterr().err.splitlines() if line.startswith("damaged: ")]
    assert damage
    assert all(name in line for line in damage), damage
    assert app.main(["export", "journal", *SPAN, "--out", str(tmp_path / "package"), "--data", str(harmed)]) == 1
    assert name in capsys.readouterr().err
    assert json.loads((tmp_path / "package" / "manifest.json").read_text())["problems"]


def test_the_readme_goes_with_it_and_the_span_is_said(package: Path) -> None:
    manifest = json.loads((package / "manifest.json").read_text())
    assert datetime.fromisoformat(manifest["from"]) == START - timedelta(minutes=1)
    assert "sha256sum -c SHA256SUMS" in (package / "README.md").read_text()


def read_as_told(content: bytes) -> tuple[list[str], list[tuple[int, ...]]]:
    """A slice read by the README's words alone: unit ids, and of each fix its unit, position_ms, lon, lat, received_ds, four bytes."""
    length = int.from_bytes(content[8:12], "little")
    header = msgspec.msgpack.decode(content[16 : 16 + length])
    pieces, at = [], 16 + length
    for size, crc in [header["units"], *header["blocks"]]:
        assert zlib.crc32(content[at : at + size]) == crc
        pieces.append(zstandard.ZstdDecompressor().decompress(content[at : at + size]))
        at += size
    assert (content[:8], at) == (b"LDTKCLS2", len(content))
    rows = []
    for number, block in enumerate(pieces[1:]):
        table = struct.unpack("<23I", block[:92])
        columns, at = [], 92
        for size in table[16:]:
            width, planes = block[at], block[at + 1 : at + size]
            n = len(planes) // width
            found = (sum(planes[plane * n + i] << 8 * plane for plane in range(width)) for i in range(n))
            columns.append(iter([(value >> 1) ^ -(value & 1) for value in found]))
            at += size
        total = sum(table[:16])
        small = [iter(block[at + k * total : at + (k + 1) * total]) for k in range(4)]
        for unit, count in enumerate(table[:16]):
            values, four = [0, 0, 0], [0, 0, 0, 0]
            for fix in range(count):
                if fix == 0:
                    values = [next(columns[2 * k]) for k in range(3)]
                    four = [0, 0, 0, 0]
                values = [value + next(columns[2 * k + 1]) for k, value in enumerate(values)]
                four = [(value + next(small[k])) % 256 for k, value in enumerate(four)]
                rows.append((16 * number + unit, *values, next(columns[6]) + values[0] // 100, *four))
    assert len(rows) == header["fixes"]
    return msgspec.msgpack.decode(pieces[0]), rows


def test_a_slice_can_be_read_by_the_words_of_the_readme() -> None:
    random = np.random.default_rng(1)
    fixes = np.zeros(300, FIX)
    fixes["unit"] = np.sort(random.integers(37, size=300))
    for name, low, high in (("position_ms", 1.7e12, 1.8e12), ("received_ds", 1.7e10, 1.8e10), ("lon", -1.8e8, 1.8e8), ("lat", -9e7, 9e7)):
        fixes[name] = random.integers(int(low), int(high), 300)
    for name in ("heading", "speed", "status", "flags"):
        fixes[name] = random.integers(256, size=300)
    ids = [f"u{number}" for number in range(37)]
    order = ["unit", "position_ms", "lon", "lat", "received_ds", "heading", "speed", "status", "flags"]
    assert read_as_told(pack(Slice(0, ids, fixes))) == (ids, fixes[order].tolist())


def test_verify_says_when_no_tracks_were_written(data: Path, tmp_path: Path, capsys) -> None:
    node = tmp_path / "node"
    shutil.copytree(data, node)
    written(node / "tracks", 1, BEGAN + 20 * SLICE_S)
    assert app.main(["verify", "--data", str(node)]) == 0
    begins, ends = (slice_name(BEGAN + step * SLICE_S) for step in (CLOSED + 1, 20))
    assert [line for line in capsys.readouterr().out.splitlines() if "no slice" in line] == [f"tracks: no slice from {begins} to {ends}"]
