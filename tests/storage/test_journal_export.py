"""An evidence package, checked by a bare interpreter: what was changed, dropped, moved or put in is found; in the data by `verify`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import app
from dispatch.commands import AddUpload
from storage import journal_export
from storage.audit import AuditLog
from storage.database import open_database
from storage.evidence import EvidenceFiles, Manifest
from storage.sql_journal import SqlJournal
from storage.track_files import Slice, pack
from storage.track_packing import TrackPacking
from storage.track_slices import SLICE_S, slice_files, slice_name
from storage.track_writer import TrackWriter
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


def sums_made_anew(package: Path) -> None:
    files = [path for path in sorted(package.rglob("*")) if path.is_file() and path.name != "SHA256SUMS"]
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(package)}\n" for path in files]
    (package / "SHA256SUMS").write_text("".join(lines))


def test_what_was_taken_out_is_found_also_when_the_sums_were_made_anew(package: Path, tmp_path: Path) -> None:
    harmed = tmp_path / "package"
    shutil.copytree(package, harmed)
    shutil.rmtree(harmed / "evidence")
    shutil.rmtree(harmed / "tracks")
    sums_made_anew(harmed)
    code, found = check(harmed)
    assert code == 1
    closed = [f"WRONG tracks/{slice_name(BEGAN + n * SLICE_S)}.track: missing, and ledger.tsv has it" for n in range(1, CLOSED)]
    assert [line for line in found.splitlines() if line.startswith("WRONG")] == [
        f"WRONG evidence/{UPLOAD}/file: missing, and journal.tsv has it",
        *closed,
        f"WRONG tracks/{slice_name(BEGAN + CLOSED * SLICE_S)}.track: missing, and manifest.json has it",
    ]


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


def _manifest(data: Path) -> str:
    path = data / "evidence" / "kept" / UPLOAD / "manifest.json"
    path.write_bytes(path.read_bytes()[:40])
    return f"evidence {UPLOAD}"


@pytest.mark.parametrize("harm", [_photo, _slice, _lost_slice, _event, _manifest])
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
    problems = json.loads((tmp_path / "package" / "manifest.json").read_text())["problems"]
    code, found = check(tmp_path / "package")
    assert problems
    assert code == 1
    assert all(f"WRONG {problem} (found at the export)" in found for problem in problems)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("DELETE FROM events WHERE revision = {last}", "before revision {after}, the first after the span: events are missing"),
        ("DELETE FROM events WHERE revision = {first}", "revision {second}: it does not follow the event before it"),
        ("DELETE FROM events WHERE revision BETWEEN {first} AND {last}", "before revision {after}, the first after the span: events"),
        ("UPDATE events SET recorded_at = {to} WHERE revision = {last}", "revision {last}: it was recorded in the span"),
        ("UPDATE events SET recorded_at = {from_} - 0.001 WHERE revision = {first}", "revision {first}: it was recorded in the span"),
    ],
)
def test_an_event_that_is_gone_from_an_edge_of_the_span_is_named(tmp_path: Path, capsys, harm: str, said: str) -> None:
    node = Node()
    for name in "ABC":
        node.pushed(name)
        node.pass_time(60)
    engine = open_database(f"sqlite:///{tmp_path}/journal.sqlite")
    journal = SqlJournal(engine)
    journal.claim()
    journal.append(commit_of(node))
    journal.release()
    from_, to = START + timedelta(seconds=60), START + timedelta(seconds=120)
    minute = [one.revision for one in node.journal if from_ <= one.recorded_at < to]
    span = ["--from", from_.isoformat(), "--to", to.isoformat()]
    assert app.main(["export", "journal", *span, "--out", str(tmp_path / "sound"), "--data", str(tmp_path)]) == 0
    first, last = minute[0], minute[-1]
    at = {"first": first, "second": first + 1, "last": last, "after": last + 1, "from_": from_.timestamp(), "to": to.timestamp()}
    with engine.begin() as connection:
        connection.exec_driver_sql(harm.format(**at))
    engine.dispose()
    assert app.main(["export", "journal", *span, "--out", str(tmp_path / "harmed"), "--data", str(tmp_path)]) == 1
    assert said.format(**at) in capsys.readouterr().err
    assert check(tmp_path / "harmed")[0] == 1


def test_a_slice_that_is_closed_meanwhile_is_in_the_package(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between being listed and read, or with more in it after being read."""
    name, now = slice_name(BEGAN + CLOSED * SLICE_S), BEGAN + CLOSED * SLICE_S + 20.0

    def close(tracks: Path) -> None:
        writer, one, code = TrackWriter(tracks), np.zeros(1), np.zeros(1, np.uint8)
        writer.append(["a"], np.array([0]), one + now, one + now, one, one, one, one, code, code)
        writer.finish()
        TrackPacking(tracks, writer.ledger).close_before(BEGAN + 10 * SLICE_S)
        assert (tracks / f"{name}.track").exists()

    def listed_then_closed(tracks: Path) -> list[tuple[int, Path]]:
        listed = list(slice_files(tracks))
        close(tracks)
        return listed

    def packed_then_closed(piece: Slice) -> bytes:
        close(tmp_path / "pack" / "tracks")
        return pack(piece)

    for what, do in (("slice_files", listed_then_closed), ("pack", packed_then_closed)):
        shutil.copytree(data, tmp_path / what, dirs_exist_ok=True)
        with monkeypatch.context() as patch:
            patch.setattr(journal_export, what, do)
            assert app.main(["export", "journal", *SPAN, "--out", str(tmp_path / f"of {what}"), "--data", str(tmp_path / what)]) == 0
        package = tmp_path / f"of {what}"
        assert check(package)[0] == 0
        assert json.loads((package / "manifest.json").read_text())["tracks"]["not_in_ledger"] == [name]
        assert (package / "tracks" / f"{name}.track").exists()


def test_what_the_disk_refuses_is_named_and_leaves_nothing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal_export.shutil, "copyfile", refuse)
    out = tmp_path / "package"
    assert app.main(["export", "journal", *SPAN, "--out", str(out), "--data", str(data)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("before_s", [0.5, SLICE_S, 0.0])
def test_each_slice_of_the_span_has_its_line_of_the_ledger(data: Path, tmp_path: Path, before_s: float) -> None:
    """Also where the span begins within the last second of a slice."""
    begins = datetime.fromtimestamp(BEGAN + 3 * SLICE_S - before_s, START.tzinfo)
    span = ["--from", begins.isoformat(), "--to", (START + timedelta(hours=1)).isoformat()]
    out = tmp_path / "package"
    assert app.main(["export", "journal", *span, "--out", str(out), "--data", str(data)]) == 0
    assert check(out)[0] == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["tracks"]["not_in_ledger"] == [slice_name(BEGAN + CLOSED * SLICE_S)]
    first = 3 if before_s == 0.0 else 2
    names = [slice_name(BEGAN + n * SLICE_S) for n in range(first, CLOSED + 1)]
    assert sorted(str(path.relative_to(out / "tracks").with_suffix("")) for path in out.rglob("*.track")) == names


def test_the_readme_goes_with_it_and_the_span_is_said(package: Path) -> None:
    manifest = json.loads((package / "manifest.json").read_text())
    assert datetime.fromisoformat(manifest["from"]) == START - timedelta(minutes=1)
    assert "sha256sum -c SHA256SUMS" in (package / "README.md").read_text()


def test_verify_says_when_no_tracks_were_written(data: Path, tmp_path: Path, capsys) -> None:
    node = tmp_path / "node"
    shutil.copytree(data, node)
    written(node / "tracks", 1, BEGAN + 20 * SLICE_S)
    assert app.main(["verify", "--data", str(node)]) == 0
    begins, ends = (slice_name(BEGAN + step * SLICE_S) for step in (CLOSED + 1, 20))
    assert [line for line in capsys.readouterr().out.splitlines() if "no slice" in line] == [f"tracks: no slice from {begins} to {ends}"]
