"""Scene video from the first chunk to evidence: any repetition, gap or kill leaves every chunk once, and the same checksum."""

from __future__ import annotations

import errno
import hashlib
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from dispatch.clock import ManualClock
from dispatch.errors import Conflict, DispatchError, NotFound, NotPermitted, RuleViolation, Unavailable
from dispatch.model import Actor, AssignmentStage, Incident, Stage
from dispatch.picture import OperatingPicture
from operations.access.authority import Authority
from operations.footage import scene_video as module
from operations.footage.evidence import ABANDONED_AFTER, Evidence
from operations.footage.scene_playback import Playback
from operations.footage.scene_recording import Asked, Reception
from operations.footage.scene_video import SceneVideo
from storage.evidence import EvidenceFiles, Manifest, Place
from storage.scene_video import RecordingFiles
from tests.operations import access_world as world
from tests.operations.recorded import pictures, recorded
from tests.operations.test_evidence import JournalDouble

CAR = Actor("officer-car", "officer", world.STATION, unit_id="car")
VAN = Actor("officer-van", "officer", world.STATION, unit_id="van")
ONE, OTHER = "1" * 32, "2" * 32
MS = int(world.NOW.timestamp() * 1000)
PLACE = Place(world.NOW, 121.5, 29.8)


class Node:
    """The service on a folder; `restart` is what a kill leaves behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(world.NOW)
        self.journal = JournalDouble()
        self.past: dict[str, Incident] = {}
        self.picture: OperatingPicture = world.picture(
            [world.unit("car"), world.unit("van")], [world.incident("i-1", world.STATION, world.assignment("car")), world.incident("i-2")]
        )
        self.authority = Authority(world.organisations(), self.clock)
        self.videos: SceneVideo

    async def start(self) -> None:
        self.evidence = Evidence(EvidenceFiles(self.folder / "evidence"), self.journal, self.clock, 10_000_000)  # type: ignore[arg-type]
        await self.evidence.start()
        self.videos = SceneVideo(
            RecordingFiles(self.folder / "scene"),
            self.evidence,
            self.authority,
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            self.clock,
            lambda unit_id: PLACE,
            lambda unit_id, from_s, to_s: [],
        )
        await self.videos.start()

    async def incident(self, incident_id: str) -> Incident | None:
        """As `History` answers."""
        return self.past.get(incident_id)

    async def restart(self) -> None:
        await self.videos.stop()
        await self.start()

    async def begin(self, actor: Actor = CAR, recording_id: str = ONE, incident_id: str = "i-1", **more: Any) -> Reception | Manifest:
        fields: dict[str, Any] = {"mime": "video/webm;codecs=vp8", "began_at": world.NOW, "device_now": self.clock.now()} | more
        asked = Asked(recording_id=recording_id, incident_id=incident_id, **fields)
        return await self.videos.begin(actor, self.picture.units[actor.unit_id or ""], asked)

    async def reception(self, **more: Any) -> Reception:
        begun = await self.begin(**more)
        assert isinstance(begun, Reception)
        return begun


@pytest.fixture
async def node(tmp_path: Path) -> Any:
    node = Node(tmp_path)
    await node.start()
    yield node
    await node.videos.stop()


def slices(video: bytes, size: int = 500) -> list[bytes]:
    return [video[at : at + size] for at in range(0, len(video), size)]


async def send(reception: Reception, chunks: list[bytes], start: int = 0) -> None:
    for seq in range(start, len(chunks)):
        assert await reception.take(seq, MS + seq * 100, chunks[seq]) == seq + 1


async def test_a_whole_recording_becomes_evidence_with_times_and_place(node: Node) -> None:
    chunks = slices(recorded())
    reception = await node.reception(name="现场回传 08-00-00.webm", clock_offset_ms=-2000)
    await send(reception, chunks)
    kept = await reception.end(len(chunks))
    assert kept is not None
    assert kept.scene is not None
    assert kept.sha256 == hashlib.sha256(recorded()).hexdigest()
    assert (kept.incident_id, kept.unit_id, kept.filename, kept.media_type) == ("i-1", "car", "现场回传 08-00-00.webm", "video/webm")
    assert (kept.scene.chunks, kept.scene.whole, kept.scene.places) == (len(chunks), True, (PLACE,))
    assert kept.scene.began_at == world.NOW - timedelta(seconds=2)
    assert kept.scene.ended_at == world.NOW + timedelta(seconds=(len(chunks) - 1) * 0.1 - 2)
    (command,) = node.journal.taken.values()
    assert (command.upload_id, command.sha256, command.unit_id, command.mismatched) == (ONE, kept.sha256, "car", False)
    assert node.evidence.path(kept).read_bytes() == recorded()
    assert EvidenceFiles(node.folder / "evidence").verify() == []
    assert node.videos.under_way == []
    assert list((node.folder / "scene" / "i-1").iterdir()) == []


@pytest.mark.parametrize(
    ("began_at", "offset_ms"),
    [
        (datetime.min.replace(tzinfo=UTC), -(10**12)),
        (datetime.max.replace(tzinfo=UTC), 10**12),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), 0),
    ],
)
async def test_a_device_without_a_time_is_taken_all_the_same(node: Node, began_at: datetime, offset_ms: int) -> None:
    await node.reception(began_at=began_at, clock_offset_ms=offset_ms)
    (one,) = node.videos.under_way
    assert one.recording.began_at == node.clock.now()


async def test_repeated_chunks_and_those_behind_a_gap_change_nothing(node: Node) -> None:
    reception = await node.reception()
    assert await reception.take(1, MS, b"early") == 0
    assert await reception.take(0, MS, b"\x1aE\xdf\xa3") == 1
    assert await reception.take(0, MS, b"other") == 1
    assert await reception.take(5, MS, b"late") == 1
    assert await reception.take(1, MS, b"next") == 2
    kept = await reception.end(2)
    assert kept is not None
    assert node.evidence.path(kept).read_bytes() == b"\x1aE\xdf\xa3next"


async def test_killed_at_any_chunk_it_goes_on_where_it_stood(node: Node) -> None:
    chunks = slices(recorded(), 900)
    for killed_at in range(len(chunks)):
        reception = await node.reception()
        assert reception.have == killed_at
        assert await reception.take(killed_at, MS, chunks[killed_at]) == killed_at + 1
        with (node.folder / "scene" / "i-1" / ONE / "chunks").open("ab") as file:
            file.write(b"torn" * (killed_at % 3))
        await node.restart()
    reception = await node.reception()
    kept = await reception.end(len(chunks))
    assert kept is not None
    assert kept.sha256 == hashlib.sha256(recorded()).hexdigest()


async def test_a_kill_while_it_is_completed_completes_it_at_the_next_start(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = slices(recorded())
    for step in ("write_media", "forget"):
        reception = await node.reception(recording_id=step.encode().hex().ljust(32, "0"))
        await send(reception, chunks)
        with monkeypatch.context() as patched:
            patched.setattr(RecordingFiles, step, _killed)
            with pytest.raises(KeyboardInterrupt):
                await reception.end(len(chunks))
        await node.restart()
    assert node.videos.under_way == []
    assert [command.sha256 for command in node.journal.taken.values()] == [hashlib.sha256(recorded()).hexdigest()] * 2
    assert EvidenceFiles(node.folder / "evidence").verify() == []


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


async def test_an_end_that_comes_before_the_last_chunks_waits_for_them(node: Node) -> None:
    reception = await node.reception()
    await reception.take(0, MS, b"\x1aE\xdf\xa3")
    assert await reception.end(2) is None
    await node.restart()
    reception = await node.reception()
    await reception.take(1, MS, b"last")
    assert await reception.end(2) is not None


async def test_one_that_is_complete_is_told_so_again(node: Node) -> None:
    reception = await node.reception()
    await reception.take(0, MS, b"\x1aE\xdf\xa3")
    kept = await reception.end(1)
    assert await node.begin() == kept
    with pytest.raises(NotFound):
        await node.begin(VAN)


async def test_an_empty_recording_leaves_nothing(node: Node) -> None:
    assert await (await node.reception()).end(0) is None
    assert node.videos.under_way == []
    assert node.journal.taken == {}


async def test_only_crews_of_the_incident_send_and_each_only_its_own(node: Node) -> None:
    with pytest.raises(NotPermitted) as refused:
        await node.begin(VAN)
    assert refused.value.rule == "not-assigned"
    with pytest.raises(NotFound):
        await node.begin(incident_id="i-none")
    await node.begin()
    with pytest.raises(NotFound):
        await node.begin(VAN)
    desk = Actor("desk", "operator", world.STATION)
    with pytest.raises(NotPermitted):
        await node.videos.begin(desk, node.picture.units["car"], Asked(OTHER, "i-1", "video/webm", world.NOW, world.NOW))


async def test_what_was_filmed_comes_in_when_the_crew_has_left_and_the_incident_is_closed(node: Node) -> None:
    ended = world.incident("i-1", world.STATION, world.assignment("car", AssignmentStage.RECALLED), stage=Stage.CLOSED)
    node.past["i-1"] = ended
    node.picture = world.picture([world.unit("car")], [])
    reception = await node.reception()
    await reception.take(0, MS, b"\x1aE\xdf\xa3")
    assert await reception.end(1) is not None


@pytest.mark.parametrize(
    ("more", "rule"),
    [({"mime": "video/quicktime"}, "media-type"), ({"mime": ""}, "media-type"), ({"recording_id": "../" + "1" * 29}, "recording-id")],
)
async def test_what_is_not_taken_is_refused_by_name(node: Node, more: dict[str, Any], rule: str) -> None:
    with pytest.raises(RuleViolation) as refused:
        await node.begin(**more)
    assert refused.value.rule == rule


async def test_limits_on_sizes_and_numbers(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    reception = await node.reception()
    for data, rule in ((b"", "chunk-size"), (b"x" * ((1 << 20) + 1), "chunk-size")):
        with pytest.raises(RuleViolation) as refused:
            await reception.take(0, MS, data)
        assert refused.value.rule == rule
    node.evidence.max_bytes = 10
    with pytest.raises(RuleViolation) as refused:
        await reception.take(0, MS, b"x" * 11)
    assert refused.value.rule == "recording-size"
    for name in ("MOST_OF_A_CREW", "MOST_CONNECTED", "MOST_UNDER_WAY"):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, 1)
            with pytest.raises(Unavailable) as busy:
                await node.begin(recording_id=OTHER)
        assert busy.value.rule == "too-many-recordings"
    monkeypatch.setattr(module, "LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(Unavailable) as full:
        await node.begin(recording_id="3" * 32)
    assert full.value.rule == "storage-full"


async def test_a_newer_connection_takes_over(node: Node) -> None:
    older = await node.reception()
    newer = await node.reception()
    with pytest.raises(Conflict):
        await older.take(0, MS, b"x")
    older.close()
    assert await newer.take(0, MS, b"x") == 1


async def test_a_disk_that_fails_is_said_and_the_chunk_comes_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    reception = await node.reception()
    await reception.take(0, MS, b"\x1aE\xdf\xa3")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="No space left"):
            await reception.take(1, MS, b"again")
    again = await node.reception()
    assert again.have == 1
    assert await again.take(1, MS, b"again") == 2


async def test_one_that_was_given_up_is_completed_as_far_as_it_came(node: Node) -> None:
    reception = await node.reception()
    await reception.take(0, MS, b"\x1aE\xdf\xa3")
    reception.close()
    node.clock.advance(ABANDONED_AFTER.total_seconds() + 1)
    await node.restart()
    kept = (await node.evidence.records([ONE]))[ONE]
    assert kept.scene is not None
    assert (kept.scene.whole, kept.scene.chunks) == (False, 1)


async def test_what_the_journal_could_not_take_is_kept_and_announced_later(node: Node) -> None:
    reception = await node.reception()
    await reception.take(0, MS, b"\x1aE\xdf\xa3")
    node.journal.refusal = Unavailable("not-durable", "down")
    kept = await reception.end(1)
    assert kept is not None
    assert not kept.announced
    node.journal.refusal = None
    await node.restart()
    assert [command.upload_id for command in node.journal.taken.values()] == [ONE]


async def test_states_live_late_waiting(node: Node) -> None:
    reception = await node.reception()
    (one,) = node.videos.under_way
    assert one.state(node.clock.now()) == "waiting"
    await reception.take(0, MS, b"\x1aE\xdf\xa3")
    assert one.state(node.clock.now()) == "live"
    node.clock.advance(60)
    assert one.state(node.clock.now()) == "waiting"
    await reception.take(1, MS + 100, b"x")
    assert one.state(node.clock.now()) == "late"
    reception.close()
    assert one.state(node.clock.now()) == "waiting"


class Watching:
    """A watcher that keeps what it gets; `waiting_bytes` is what a slow one has not taken."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.binaries: list[bytes] = []
        self.waiting_bytes = 0

    def text(self, message: bytes) -> None:
        self.texts.append(message)

    def binary(self, message: bytes) -> None:
        self.binaries.append(message)


async def test_a_watcher_begins_at_the_latest_key_frame_also_after_a_kill(node: Node) -> None:
    chunks = slices(recorded())
    reception = await node.reception()
    await send(reception, chunks[:-4])
    for killed in (False, True):
        if killed:
            await node.restart()
        watcher = Watching()
        node.videos.watch(node.videos.under_way[0], watcher)
        assert b'"codec":"vp8"' in watcher.texts[0]
        assert pictures(b"".join(watcher.binaries)) <= 10
    reception = await node.reception()
    await send(reception, chunks, len(chunks) - 4)
    assert pictures(b"".join(watcher.binaries)) == 10


async def test_a_slow_watcher_misses_pictures_and_goes_on_at_a_key_frame(node: Node) -> None:
    chunks, watcher = slices(recorded(), 300), Watching()
    reception = await node.reception()
    await send(reception, chunks[:5])
    node.videos.watch(node.videos.under_way[0], watcher)
    middle = len(chunks) // 2
    for seq in range(5, len(chunks)):
        watcher.waiting_bytes = 2_000_000 if middle - 20 < seq < middle else 0
        await reception.take(seq, MS, chunks[seq])
    assert 20 <= pictures(b"".join(watcher.binaries)) < 40
    node.videos.find(ONE).stream.leave(watcher)  # type: ignore[union-attr]


async def test_bytes_that_can_t_be_watched_are_kept_all_the_same(node: Node) -> None:
    watcher = Watching()
    reception = await node.reception()
    node.videos.watch(node.videos.under_way[0], watcher)
    await reception.take(0, MS, b"no video at all, but what a phone has sent")
    assert b'"refused":"unplayable"' in b"".join(watcher.texts)
    kept = await reception.end(1)
    assert kept is not None
    assert kept.mismatched


@pytest.fixture
def playback(node: Node) -> Playback:
    return Playback(node.folder / "playback", node.videos, node.evidence, node.clock)


@pytest.mark.parametrize("container", ["webm", "mp4"])
async def test_playback_has_a_length_and_can_be_wound(node: Node, playback: Playback, container: str) -> None:
    import av

    chunks = slices(recorded(container))
    reception = await node.reception(mime=f"video/{container}")
    await send(reception, chunks)
    unfinished = await playback.of_unfinished(node.videos.under_way[0])
    kept = await reception.end(len(chunks))
    assert kept is not None
    for path in (unfinished, await playback.of_kept(kept), await playback.of_kept(kept)):
        with av.open(str(path)) as video:
            assert video.duration == pytest.approx(4_000_000, rel=0.05)
            assert sum(1 for _ in video.decode(video=0)) == 40
    assert node.evidence.path(kept).read_bytes() == recorded(container)


async def test_what_can_t_be_played_back_is_said(node: Node, playback: Playback) -> None:
    reception = await node.reception()
    await reception.take(0, MS, b"no video")
    with pytest.raises(Unavailable) as refused:
        await playback.of_unfinished(node.videos.under_way[0])
    assert refused.value.rule == "not-playable"
    assert isinstance(refused.value, DispatchError)


def test_a_wrong_clock_of_the_phone_does_no_harm() -> None:
    from operations.footage.scene_recording import right_time
    from tests.storage.test_scene_video import RECORDING

    assert right_time(RECORDING, 2**63) == RECORDING.opened_at
    assert right_time(RECORDING, MS) == datetime.fromtimestamp(MS / 1000, UTC)
