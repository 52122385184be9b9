"""From a marked moment to a piece of evidence: once, with the truth about its times, whatever was interrupted."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.clock import ManualClock
from dispatch.errors import DispatchError, NotFound, NotPermitted, RuleViolation, Unavailable
from dispatch.events import ClipMissed, MomentBookmarked, UploadAdded
from dispatch.model import Actor
from operations.access.permissions import is_granted
from operations.cameras.video import LATEST_S
from operations.footage.clips import GIVE_UP_S, SETTLES_S, Clips
from operations.footage.evidence import Evidence
from storage.audit import Look
from storage.evidence import EvidenceFiles, Manifest
from storage.video_ring import VideoRing
from tests.dispatch.driver import DESK, START, Node
from tests.operations.ring_world import clocks, fill

BEGAN = START.timestamp() - 100


class World:
    """The service on a folder and a node without storage; `restart` is what a kill leaves behind."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.node, self.clock = folder, Node(), ManualClock(START)
        self.looks: list[Look] = []
        self.keys: set[str | None] = set()
        self.down: DispatchError | None = None
        self.incident_id = self.node.pushed("A")
        self.restart()

    def restart(self) -> None:
        self.evidence = Evidence(EvidenceFiles(self.folder / "evidence"), self, self.clock, 10_000_000)  # type: ignore[arg-type]
        self.clips = Clips(
            VideoRing(self.folder / "ring"),
            self.folder / "clips",
            self.evidence,
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            {"gate": "西门", "dark": "暗处"}.get,
            self,
            self.clock,
            "330200000000",
        )
        self.clips._clear()

    # As `Handler`, `Authority` and `AuditLog`

    @property
    def picture(self) -> Any:
        return self.node.picture

    async def handle(self, command: Any, actor: Actor, key: str | None = None) -> None:
        if self.down is not None:
            raise self.down
        self.node.now = self.clock.now()
        if key is None or key not in self.keys:
            self.node.give(command, actor)
        self.keys.add(key)

    def authorise(self, actor: Actor, action: str) -> None:
        if not is_granted(actor.role, action):
            raise NotPermitted("role-not-permitted", "no")

    def append(self, looks: list[Look]) -> None:
        self.looks += looks

    async def mark(self, camera_id: str = "gate", **more: Any) -> str:
        return await self.clips.bookmark(DESK, self.incident_id, camera_id, "desk", **more)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.clips.tick()

    def bodies(self, kind: type) -> list[Any]:
        return [one.body for one in self.node.journal if isinstance(one.body, kind)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    fill(tmp_path / "ring", "gate", BEGAN, 140)
    return World(tmp_path)


async def test_a_moment_becomes_evidence_when_what_follows_has_been_recorded(world: World) -> None:
    clip_id = await world.mark()
    assert [(look.actor, look.what, look.subject) for look in world.looks] == [(DESK.name, "camera_clip", "gate")]
    await world.pass_time(32)
    assert world.bodies(UploadAdded) == []
    await world.pass_time(1)
    (added,) = world.bodies(UploadAdded)
    assert (added.upload_id, added.media_type, added.unit_id) == (clip_id, "video/mp4", None)
    assert added.filename == "西门 20260501T075900Z.mp4"
    assert world.picture.moments == {}
    kept, _ = await world.evidence.find(clip_id)
    assert kept.clip is not None
    assert (kept.actor, kept.actor_role, kept.announced) == (DESK.name, DESK.role, True)
    assert (kept.clip.camera_id, kept.clip.camera_name, kept.clip.time_source, kept.clip.gaps_s) == ("gate", "西门", "camera", ())
    assert kept.clip.start_at == START - timedelta(seconds=60)
    assert kept.clip.end_at == START + timedelta(seconds=30.1)
    assert (kept.taken_at, kept.clip.cut_at, kept.clip.moment_at) == (kept.clip.start_at, world.clock.now(), START)
    path = world.evidence.path(kept)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == kept.sha256 == added.sha256
    shown = clocks(path)
    assert shown[0][1] == pytest.approx(kept.clip.start_at.timestamp(), abs=0.002)
    assert shown[-1][1] == pytest.approx(START.timestamp() + 30, abs=0.11)
    assert list((world.folder / "clips").iterdir()) == []
    await world.pass_time(60)
    assert len(world.bodies(UploadAdded)) == 1
    assert EvidenceFiles(world.folder / "evidence").verify() == []


async def test_a_moment_that_was_marked_before_a_restart_becomes_its_clip_after(world: World) -> None:
    clip_id = await world.mark(after_s=10.0)
    (world.folder / "clips" / f"{clip_id}.mp4").write_bytes(b"half a clip")
    world.restart()
    await world.pass_time(500)
    assert [one.upload_id for one in world.bodies(UploadAdded)] == [clip_id]


async def test_one_that_the_journal_could_not_take_at_once_is_told_later_and_cut_once(world: World) -> None:
    clip_id = await world.mark(after_s=10.0)
    world.down = Unavailable("down", "no")
    await world.pass_time(20)
    cut_at = (await world.evidence.find(clip_id))[0].created_at
    world.down = None
    await world.pass_time(1)
    assert [one.upload_id for one in world.bodies(UploadAdded)] == [clip_id]
    assert (await world.evidence.find(clip_id))[0].created_at == cut_at


async def test_where_nothing_was_recorded_that_is_said(world: World) -> None:
    clip_id = await world.mark("dark", after_s=10.0)
    await world.pass_time(14)
    assert world.bodies(ClipMissed) == [ClipMissed(world.incident_id, clip_id, "no-pictures")]
    assert world.clips.state()["missed_no-pictures"] == 1
    assert world.picture.moments == {}


async def test_a_clip_that_can_not_be_written_is_tried_again_and_then_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    clip_id = await world.mark(after_s=10.0)
    with monkeypatch.context() as patched:
        patched.setattr("operations.footage.clips.write", full)
        await world.pass_time(14)
        assert list(world.picture.moments) == [clip_id]
    await world.pass_time(1)
    assert world.picture.moments == {}
    second = await world.mark(after_s=10.0)
    monkeypatch.setattr("operations.footage.clips.write", full)
    await world.pass_time(GIVE_UP_S + 11)
    assert world.bodies(ClipMissed) == [ClipMissed(world.incident_id, second, "not-cut")]


async def test_of_a_camera_that_is_late_it_waits_for_what_follows(world: World) -> None:
    began_s, late_s = START.timestamp() - 100, 20
    fill(world.folder / "ring", "dark", began_s, 100 + 33 - late_s)
    clip_id = await world.mark("dark")
    await world.pass_time(33)
    assert list(world.picture.moments) == [clip_id]
    for second in range(33, 33 + 18):  # it comes as it was taken
        assert world.bodies(UploadAdded) == []
        fill(world.folder / "ring", "dark", START.timestamp() + second - late_s, 1)
        await world.pass_time(1)
    kept, _ = await world.evidence.find(clip_id)
    assert kept.clip is not None
    assert kept.clip.end_at >= START + timedelta(seconds=30)


async def test_of_a_camera_that_has_ended_the_clip_is_what_there_is(world: World) -> None:
    fill(world.folder / "ring", "dark", START.timestamp() - 20, 30)
    clip_id = await world.mark("dark")
    await world.pass_time(33)
    await world.pass_time(SETTLES_S)
    kept, _ = await world.evidence.find(clip_id)
    assert kept.clip is not None
    assert kept.clip.end_at == START + timedelta(seconds=10)


async def test_a_camera_is_not_waited_for_beyond_what_is_believed(world: World) -> None:
    fill(world.folder / "ring", "dark", START.timestamp() - 20, 30)
    await world.mark("dark")
    await world.pass_time(30 + SETTLES_S + LATEST_S)
    assert len(world.bodies(UploadAdded)) == 1


@pytest.mark.parametrize("error", [RuleViolation("x", "no"), OSError(28, "No space left on device")])
async def test_a_moment_that_can_not_be_kept_keeps_no_other_one_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    refused, later = await world.mark(after_s=10.0), await world.mark(after_s=10.0)
    take_over = world.evidence.take_over

    async def take_over_but_one(manifest: Manifest, path: Path) -> Manifest:
        if manifest.upload_id == refused:
            raise error
        return await take_over(manifest, path)

    monkeypatch.setattr(world.evidence, "take_over", take_over_but_one)
    await world.pass_time(20)
    assert [one.upload_id for one in world.bodies(UploadAdded)] == [later]
    assert list(world.picture.moments) == [refused]
    state = world.clips.state()
    assert (state["state"], state["failure"], state["tries_failed"]) == ("failing", type(error).__name__, 1)
    await world.pass_time(GIVE_UP_S)
    assert world.bodies(ClipMissed) == [ClipMissed(world.incident_id, refused, "not-cut")]
    await world.pass_time(1)
    assert world.clips.state()["state"] == "ok"


async def test_one_whose_file_the_journal_refuses_keeps_no_other_one_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = await world.mark(after_s=10.0)
    world.down = Unavailable("down", "no")
    await world.pass_time(20)  # cut, and not told
    world.down = None
    settle = world.evidence.settle

    async def settle_but_one(upload_id: str) -> None:
        if upload_id == refused:
            raise RuleViolation("x", "no")
        await settle(upload_id)

    monkeypatch.setattr(world.evidence, "settle", settle_but_one)
    later = await world.mark(after_s=10.0)
    await world.pass_time(20)
    assert [one.upload_id for one in world.bodies(UploadAdded)] == [later]


async def test_the_same_key_marks_it_once(world: World) -> None:
    assert await world.mark(key="k") == await world.mark(key="k")
    assert await world.mark() != await world.mark()
    assert len(world.bodies(MomentBookmarked)) == 3


async def test_who_may_not_watch_a_camera_marks_nothing_in_it(world: World) -> None:
    officer = Actor("li", "officer", DESK.org_code, unit_id="A")
    with pytest.raises(NotPermitted):
        await world.clips.bookmark(officer, world.incident_id, "gate", "desk")
    with pytest.raises(NotFound, match="There is no camera 'none'"):
        await world.mark("none")
    assert world.looks == []


async def test_what_can_not_be_written_down_is_not_marked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: list[Look]) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(world, "append", broken)
    with pytest.raises(Unavailable, match="The moment is not marked"):
        await world.mark()
    assert world.bodies(MomentBookmarked) == []


def test_the_first_pictures_of_the_ring_here_are_where_the_tests_think() -> None:
    assert datetime.fromtimestamp(BEGAN, UTC) == START - timedelta(seconds=100)
