"""Uploads: what is accepted, and that the journal learns of each exactly once, whatever was interrupted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.clock import ManualClock
from dispatch.commands import AddUpload
from dispatch.errors import NotFound, RuleViolation
from dispatch.model import Actor
from operations.evidence import ABANDONED_AFTER, MAX_OPEN_PER_ACTOR, Evidence
from storage.evidence import EvidenceFiles

OFFICER = Actor("officer", "officer", "330203000000", unit_id="u1")
JPEG = b"\xff\xd8\xff" + b"0" * 97


class JournalDouble:
    """Takes commands once per key, as the handler does; can be made to fail."""

    def __init__(self) -> None:
        self.taken: dict[str, AddUpload] = {}
        self.is_down = False

    async def handle(self, command: Any, actor: Actor, key: str | None = None) -> None:
        if self.is_down:
            raise ConnectionError("journal is down")
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
    assert await evidence.append(upload, 0, JPEG[:50]) == 50
    assert journal.taken == {}
    await evidence.append(upload, 50, JPEG[50:])
    (command,) = journal.taken.values()
    assert (command.incident_id, command.filename, command.unit_id, command.size_bytes) == ("incident-1", "photo.jpg", "u1", 100)
    kept, offset = await evidence.find(upload.upload_id)
    assert (kept.sha256, offset) == (command.sha256, 100)


@pytest.mark.parametrize(
    ("media_type", "size", "rule"),
    [("text/html", 10, "media_type"), ("", 10, "media_type"), ("image/jpeg", 0, "upload_size"), ("image/jpeg", 1001, "upload_size")],
)
async def test_what_is_not_accepted_is_refused_by_name(evidence: Evidence, media_type: str, size: int, rule: str) -> None:
    with pytest.raises(RuleViolation) as refused:
        await evidence.begin(OFFICER, "incident-1", "x", media_type, size)
    assert refused.value.rule == rule


async def test_a_file_that_is_not_what_it_says_is_thrown_away(evidence: Evidence, journal: JournalDouble) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", 9)
    with pytest.raises(RuleViolation, match="does not begin like one"):
        await evidence.append(upload, 0, b"<script>x")
    with pytest.raises(NotFound):
        await evidence.find(upload.upload_id)
    assert journal.taken == {}


async def test_one_account_can_not_open_uploads_without_end(evidence: Evidence) -> None:
    for _ in range(MAX_OPEN_PER_ACTOR):
        await evidence.begin(OFFICER, "incident-1", "p.jpg", "image/jpeg", 10)
    with pytest.raises(RuleViolation, match="finish or delete one first"):
        await evidence.begin(OFFICER, "incident-1", "p.jpg", "image/jpeg", 10)


async def test_a_crash_before_the_journal_knew_is_made_good_at_the_next_start(
    tmp_path: Path, evidence: Evidence, journal: JournalDouble, clock: ManualClock
) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", len(JPEG))
    journal.is_down = True
    with pytest.raises(ConnectionError):
        await evidence.append(upload, 0, JPEG)
    journal.is_down = False
    for _ in range(2):
        await Evidence(EvidenceFiles(tmp_path), journal, clock, 1000).start()  # type: ignore[arg-type]
    assert [c.upload_id for c in journal.taken.values()] == [upload.upload_id]


async def test_what_was_given_up_is_forgotten_after_a_week(evidence: Evidence, clock: ManualClock) -> None:
    upload = await evidence.begin(OFFICER, "incident-1", "photo.jpg", "image/jpeg", 10)
    clock.advance((ABANDONED_AFTER - timedelta(seconds=1)).total_seconds())
    await evidence.start()
    assert (await evidence.find(upload.upload_id))[1] == 0
    clock.advance(2)
    await evidence.start()
    with pytest.raises(NotFound):
        await evidence.find(upload.upload_id)
