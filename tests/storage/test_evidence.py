"""Evidence files: what arrived is kept through any cut, what is complete is never changed unnoticed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.evidence import EvidenceError, EvidenceFiles, Manifest

AT = datetime(2026, 1, 1, tzinfo=UTC)
ID = "0123456789abcdef0123456789abcdef"


def manifest(size_bytes: int, upload_id: str = ID) -> Manifest:
    return Manifest(upload_id, "incident-1", "photo.jpg", "image/jpeg", size_bytes, "officer", "officer", "330203000000", "u1", AT)


@given(pieces=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8))
def test_any_cut_into_pieces_gives_the_same_file(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    folder = tmp_path_factory.mktemp("evidence")
    upload = manifest(len(whole))
    EvidenceFiles(folder).begin(upload)
    for piece in pieces:
        files = EvidenceFiles(folder)  # as after a restart
        files.append(upload, files.offset(upload), piece)
    kept = EvidenceFiles(folder).keep(upload)
    assert kept.sha256 == hashlib.sha256(whole).hexdigest()
    assert EvidenceFiles(folder).path(kept).read_bytes() == whole
    assert EvidenceFiles(folder).find(ID) == kept


def test_a_gap_and_an_overrun_are_refused_and_change_nothing(tmp_path: Path) -> None:
    files, upload = EvidenceFiles(tmp_path), manifest(4)
    files.begin(upload)
    files.append(upload, 0, b"ab")
    with pytest.raises(EvidenceError, match="stands at 2 bytes, not 3"):
        files.append(upload, 3, b"c")
    with pytest.raises(EvidenceError, match="announced with 4 bytes; 5 came"):
        files.append(upload, 2, b"cde")
    assert files.offset(upload) == 2


def test_keeping_again_after_a_crash_changes_nothing(tmp_path: Path) -> None:
    files, upload = EvidenceFiles(tmp_path), manifest(2)
    files.begin(upload)
    files.append(upload, 0, b"ab")
    assert files.keep(upload) == files.keep(upload)
    assert list(files.incoming()) == []


def test_only_incomplete_uploads_can_be_discarded(tmp_path: Path) -> None:
    files, upload = EvidenceFiles(tmp_path), manifest(2)
    files.begin(upload)
    files.discard(upload)
    assert files.find(ID) is None
    files.begin(upload)
    files.append(upload, 0, b"ab")
    with pytest.raises(EvidenceError, match="is evidence"):
        files.discard(files.keep(upload))


@pytest.mark.parametrize("upload_id", ["../../etc/passwd", "", "ABC", ID + "0"])
def test_an_id_that_is_none_finds_nothing(tmp_path: Path, upload_id: str) -> None:
    assert EvidenceFiles(tmp_path).find(upload_id) is None


def test_verify_names_changed_and_missing_files(tmp_path: Path) -> None:
    files = EvidenceFiles(tmp_path)
    kept = []
    for upload_id in ("a" * 32, "b" * 32, "c" * 32):
        upload = manifest(2, upload_id)
        files.begin(upload)
        files.append(upload, 0, b"ab")
        kept.append(files.keep(upload))
    assert files.verify() == []
    files.path(kept[0]).chmod(0o600)
    files.path(kept[0]).write_bytes(b"xy")
    files.path(kept[1]).unlink()
    damage = files.verify()
    assert len(damage) == 2
    assert "SHA-256" in damage[0]
    assert "the file is missing" in damage[1]
