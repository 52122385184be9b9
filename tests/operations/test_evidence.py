"""Uploads: what is accepted, and that the journal learns of each exactly once, whatever was interrupted."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatch.clock import ManualClock
from dispatch.commands import AddUpload
from dispatch.errors import DispatchError, NotFound, RuleViolation, Unavailable
from dispatch.model import Actor
from operations.footage.evidence import ABANDONED_AFTER, MAX_OPEN_PER_ACTOR, Evidence, plain_name
from storage.evidence import EvidenceError, EvidenceFiles
from tests.operations.photos import taken

OFFICER = Actor("officer", "officer", "330203000000", unit_id="u1")
JPEG = b"\xff\xd8\xff" + b"0" * 97


class JournalDouble:
    """Takes commands once per key, as the handler does; can be made to fail."""

    def __init__(self) -> None:
        self.taken: dict[str, AddUpload] = {}
        self.actors: list[Actor] = []
        self.refusal: DispatchError | None = None

    async def handle(self, command: Any, actor: Actor, key: str | None = None) -> None:
        self.actors.append(actor)
        if self.refusal is not None:
            raise self.refusal
        assert key is not None
        self.taken.setdefault(key, command)


@pytest.fixture
def journal() -> JournalDouble:
    return JournalDouble()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def evidence(tmp_path: Path, journal: JournalDouble, clock: ManualClock) -> Evidence:
    return Evidence(EvidenceFiles(tmp_path), journal, clock, max_bytes=1000)  # type: ignore[arg-type]


async def test_a_complete_upload_is_announced_with_its_checksum(evidence: Evidence, journal: JournalDouble) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "../evil/photo.jpg", "image/jpeg", len(JPEG))
    assert await evidence.append(upload.upload_id, 0, JPEG[:50]) == 50
    assert journal.taken == {}
    await evidence.append(upload.upload_id, 50, JPEG[50:])
    (command,) = journal.taken.values()
    assert (command.incident_id, command.filename, command.unit_id, command.size_bytes) == ("incident-1", "photo.jpg", "u1", 100)
    kept, offset = await evidence.find(upload.upload_id)
    assert (kept.sha256, offset) == (command.sha256, 100)


@pytest.mark.parametrize(
    ("media_type", "size", "rule"),
    [("text/html", 10, "media-type"), ("", 10, "media-type"), ("image/jpeg", 0, "upload-size"), ("image/jpeg", 1001, "upload-size")],
)
async def test_what_is_not_accepted_is_refused_by_name(evidence: Evidence, media_type: str, size: int, rule: str) -> None:
    with pytest.raises(RuleViolation) as refused:
        await evidence.begin(OFFICER, "incident-1", "x", media_type, size)
    assert refused.value.rule == rule


async def test_a_file_that_is_not_what_it_says_is_refused_and_kept_apart(evidence: Evidence, journal: JournalDouble) -> None:
    """Its sender hears of it, the journal as well, and not a byte is lost."""
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", 9)
    with pytest.raises(RuleViolation, match="does not begin like one; it is kept apart") as refused:
        await evidence.append(upload.upload_id, 0, b"<script>x")
    assert refused.value.rule == "media-mismatch"
    kept, offset = await evidence.find(upload.upload_id)
    assert (kept.mismatched, kept.announced, offset) == (True, True, 9)
    assert evidence.path(kept).read_bytes() == b"<script>x"
    (command,) = journal.taken.values()
    assert (command.mismatched, command.sha256) == (True, hashlib.sha256(b"<script>x").hexdigest())
    assert evidence.mismatched == 1


async def test_one_that_the_journal_could_not_take_at_once_is_kept_apart_all_the_same(
    tmp_path: Path, evidence: Evidence, journal: JournalDouble, clock: ManualClock
) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", 9)
    journal.refusal = DOWN
    with pytest.raises(Unavailable):
        await evidence.append(upload.upload_id, 0, b"<script>x")
    journal.refusal = None
    await Evidence(EvidenceFiles(tmp_path), journal, clock, 1000).start()  # type: ignore[arg-type]
    assert [c.mismatched for c in journal.taken.values()] == [True]


async def test_where_and_when_a_photo_was_taken_is_kept_with_it(tmp_path: Path, journal: JournalDouble, clock: ManualClock) -> None:
    photo = taken(lon=121.55, lat=29.87, written="2026:01:01 07:30:00")
    evidence = Evidence(EvidenceFiles(tmp_path), journal, clock, len(photo), ZoneInfo("Asia/Shanghai"))  # type: ignore[arg-type]
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", len(photo))
    await evidence.append(upload.upload_id, 0, photo)
    kept = (await evidence.records([upload.upload_id, "0" * 32]))[upload.upload_id]
    assert (kept.photo_lon, kept.photo_lat) == pytest.approx((121.55, 29.87), abs=1e-5)
    assert kept.photo_at == datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    assert evidence.path(kept).read_bytes() == photo, "evidence is what the camera made, to the byte"
    assert "121.5" not in str(list(journal.taken.values())), "the journal goes to more readers than evidence does"


async def test_one_account_can_not_open_uploads_without_end(evidence: Evidence) -> None:
    for _ in range(MAX_OPEN_PER_ACTOR):
        await evidence.begin(OFFICER, "incident-1", "p.jpg", "image/jpeg", 10)
    with pytest.raises(RuleViolation, match="finish or delete one first"):
        await evidence.begin(OFFICER, "incident-1", "p.jpg", "image/jpeg", 10)


DOWN = Unavailable("not-durable", "The command was not recorded; send it again.")


async def test_what_the_journal_could_not_take_is_announced_when_asked_again_and_at_the_next_start(
    tmp_path: Path, evidence: Evidence, journal: JournalDouble, clock: ManualClock
) -> None:
    uploads = [await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", len(JPEG)) for _ in range(2)]
    journal.refusal = DOWN
    for upload in uploads:
        with pytest.raises(Unavailable):
            await evidence.append(upload.upload_id, 0, JPEG)
    with pytest.raises(Unavailable):
        await evidence.settle(uploads[0].upload_id)
    journal.refusal = None
    for _ in range(2):
        await evidence.settle(uploads[0].upload_id)
    assert [c.upload_id for c in journal.taken.values()] == [uploads[0].upload_id]
    for _ in range(2):
        await Evidence(EvidenceFiles(tmp_path), journal, clock, 1000).start()  # type: ignore[arg-type]
    assert {c.upload_id for c in journal.taken.values()} == {u.upload_id for u in uploads}


async def test_one_upload_that_can_not_be_finished_does_not_keep_the_node_from_starting(
    tmp_path: Path, evidence: Evidence, journal: JournalDouble, clock: ManualClock
) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", len(JPEG))
    journal.refusal = NotFound("unknown-incident", "There is no incident incident-1.")
    with pytest.raises(NotFound):
        await evidence.append(upload.upload_id, 0, JPEG)
    await Evidence(EvidenceFiles(tmp_path), journal, clock, 1000).start()  # type: ignore[arg-type]
    assert (await evidence.find(upload.upload_id))[1] == len(JPEG)


async def test_a_crash_between_moving_the_file_and_its_manifest_is_made_good(
    tmp_path: Path, evidence: Evidence, journal: JournalDouble, clock: ManualClock
) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", len(JPEG))
    files = EvidenceFiles(tmp_path)
    files.append(upload, 0, JPEG)
    (tmp_path / "kept" / upload.upload_id).mkdir()
    (tmp_path / "incoming" / f"{upload.upload_id}.part").rename(tmp_path / "kept" / upload.upload_id / "file")
    assert (await evidence.find(upload.upload_id))[1] == len(JPEG)
    await Evidence(EvidenceFiles(tmp_path), journal, clock, 1000).start()  # type: ignore[arg-type]
    (command,) = journal.taken.values()
    assert command.sha256 == hashlib.sha256(JPEG).hexdigest()
    assert files.verify() == []


async def test_two_that_send_the_same_bytes_at_once_store_them_once(evidence: Evidence, journal: JournalDouble) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", len(JPEG))
    ends = await asyncio.gather(*(evidence.append(upload.upload_id, 0, JPEG) for _ in range(5)), return_exceptions=True)
    assert ends.count(len(JPEG)) == 1
    assert sum(isinstance(end, EvidenceError) for end in ends) == 4
    assert len(journal.taken) == 1


async def test_the_permission_given_at_the_beginning_holds_to_the_end(evidence: Evidence, journal: JournalDouble) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", len(JPEG))
    await evidence.append(upload.upload_id, 0, JPEG)
    (actor,) = journal.actors
    assert (actor.name, actor.unit_id, actor.kind) == (OFFICER.name, OFFICER.unit_id, "system")


async def test_a_time_in_the_future_is_refused_before_the_first_byte(evidence: Evidence, clock: ManualClock) -> None:
    begin = partial(evidence.begin, OFFICER, "incident-1", "photo.jpg", "image/jpeg", len(JPEG))
    with pytest.raises(RuleViolation, match="is in the future"):
        await begin(clock.now() + timedelta(seconds=6))
    assert (await begin(clock.now() + timedelta(seconds=4))).taken_at == clock.now()


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a/b\\c.jpg", "c.jpg"), ("", "unnamed"), ("..", ".."), ("x\u202egpj.exe\n", "xgpj.exe"), ("长" * 500, "长" * 120), ("/", "unnamed")],
)
def test_names_are_made_plain(given: str, shown: str) -> None:
    assert plain_name(given) == shown


@pytest.mark.parametrize(
    ("media_type", "head", "is_taken"),
    [
        ("image/heic", b"\x00\x00\x00\x18ftypheic", True),
        ("image/heic", b"\x00\x00\x00\x18ftypisom", False),
        ("video/mp4", b"\x00\x00\x00\x18ftypisom", True),
        ("video/mp4", b"\x00\x00\x00\x18ftypheic", False),
        ("video/quicktime", b"\x00\x00\x00\x14ftypqt  ", True),
        ("video/webm", b"\x1aE\xdf\xa3", True),
        ("image/webp", b"RIFF\x00\x00\x00\x00WEBPVP8 ", True),
        ("image/png", b"\x89PNG\r\n\x1a\n", True),
        ("application/pdf", b"%PDF-1.7", True),
        ("application/pdf", b"<html>", False),
    ],
)
async def test_files_are_known_by_their_first_bytes(evidence: Evidence, media_type: str, head: bytes, is_taken: bool) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "x", media_type, len(head))
    if is_taken:
        assert await evidence.append(upload.upload_id, 0, head) == len(head)
    else:
        with pytest.raises(RuleViolation, match="does not begin like one"):
            await evidence.append(upload.upload_id, 0, head)


async def test_what_was_given_up_is_forgotten_after_a_week(evidence: Evidence, clock: ManualClock) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", 10)
    clock.advance((ABANDONED_AFTER - timedelta(seconds=1)).total_seconds())
    await evidence.start()
    assert (await evidence.find(upload.upload_id))[1] == 0
    clock.advance(2)
    await evidence.start()
    with pytest.raises(NotFound):
        await evidence.find(upload.upload_id)
