"""Scene video as a file that can be wound: a recorder that streams writes neither its length nor where its key frames are.

The pictures are copied as they are into a file made once for each recording and state of it; evidence stays untouched.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from weakref import WeakValueDictionary

import av
import structlog

from dispatch.clock import Clock
from dispatch.errors import Unavailable
from operations.footage.evidence import Evidence
from operations.footage.scene_recording import UnderWay
from operations.footage.scene_video import SceneVideo
from operations.footage.stream_cutting import container_of
from storage.evidence import Manifest

log = structlog.get_logger(__name__)

# Files that nobody has asked for since are made again when somebody does.
KEPT_FOR_S = 24 * 3600.0


class Playback:
    """Makes and keeps such files, in a folder that may be emptied at any time."""

    def __init__(self, folder: Path, videos: SceneVideo, evidence: Evidence, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._videos = videos
        self._evidence = evidence
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of_kept(self, manifest: Manifest) -> Path:
        """Of a complete recording. Raises Unavailable when its bytes are no video that can be read."""
        container = container_of(manifest.media_type) or "webm"
        async with self._alone(manifest.upload_id):
            target = self._target(manifest.upload_id, "kept", container)
            if not await asyncio.to_thread(_touch, target):
                await self._make(self._evidence.path(manifest), target, container)
        return target

    async def of_unfinished(self, one: UnderWay) -> Path:
        """Of what has come so far. Raises Unavailable as above, also where nothing has come."""
        recording_id, container = one.recording.recording_id, container_of(one.recording.mime) or "webm"
        async with self._alone(recording_id):
            target = self._target(recording_id, str(one.have), container)
            if not await asyncio.to_thread(_touch, target):
                media = await self._videos.media(one)
                try:
                    await self._make(media.path, target, container)
                finally:
                    await asyncio.to_thread(media.path.unlink, missing_ok=True)
        return target

    def _alone(self, recording_id: str) -> asyncio.Lock:
        return self._turns.setdefault(recording_id, asyncio.Lock())

    def _target(self, recording_id: str, state: str, container: str) -> Path:
        return self._folder / f"{recording_id}-{state}.{container}"

    async def _make(self, source: Path, target: Path, container: str) -> None:
        await asyncio.to_thread(_clear_old, self._folder, self._clock.unix_s())
        try:
            await asyncio.to_thread(remux, source, target, container)
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            log.warning("recording_not_playable", source=source.name, reason=str(error))
            detail = "This recording can't be played back here; fetch its file, which is kept as it came."
            raise Unavailable("not-playable", detail) from error


def remux(source: Path, target: Path, container: str) -> None:
    """Copy the pictures into a file with its length and an index in front. Raises what libav raises, IndexError without video."""
    making = target.with_suffix(".new")
    options = {"movflags": "faststart"} if container == "mp4" else {"cues_to_front": "1"}
    with av.open(str(source)) as read, av.open(str(making), "w", format=container, options=options) as written:
        stream = read.streams.video[0]
        copy = written.add_stream_from_template(stream)
        for packet in read.demux(stream):
            if packet.dts is not None:  # the last one is empty
                packet.stream = copy
                written.mux(packet)
    making.replace(target)


def _touch(path: Path) -> bool:
    """Whether it is there; then it counts as asked for."""
    if path.exists():
        path.touch()
        return True
    return False


def _clear_old(folder: Path, now_s: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if now_s - path.stat().st_mtime > KEPT_FOR_S:
            path.unlink(missing_ok=True)
