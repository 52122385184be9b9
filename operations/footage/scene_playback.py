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
MOST_BYTES = 8 * 1024**3  # of all together; those that nobody has asked for longest go first
CLEAR_EVERY_S = 600.0
MAKING = ".new"


class Playback:
    """Makes and keeps such files, in a folder that may be emptied at any time."""

    def __init__(self, folder: Path, videos: SceneVideo, evidence: Evidence, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._videos = videos
        self._evidence = evidence
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="playback")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def clear(self) -> None:
        """Remove what nobody has asked for in a day, and what is too much. Raises OSError."""
        await asyncio.to_thread(_clear, self._folder, self._clock.unix_s() - KEPT_FOR_S)

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
        await self.clear()
        try:
            await asyncio.to_thread(remux, source, target, container)
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            log.warning("recording_not_playable", source=source.name, reason=str(error))
            detail = "This recording can't be played back here; fetch its file, which is kept as it came."
            raise Unavailable("not-playable", detail) from error

    async def _run(self) -> None:
        while True:
            try:
                await self.clear()
            except OSError:
                log.exception("playback_not_cleared")
            await asyncio.sleep(CLEAR_EVERY_S)


def remux(source: Path, target: Path, container: str) -> None:
    """Copy the pictures into a file with its length and an index in front. Raises what libav raises, IndexError without video."""
    making = target.with_suffix(MAKING)
    options = {"movflags": "faststart"} if container == "mp4" else {"cues_to_front": "1"}
    try:
        with av.open(str(source)) as read, av.open(str(making), "w", format=container, options=options) as written:
            stream = read.streams.video[0]
            copy = written.add_stream_from_template(stream)
            for packet in read.demux(stream):
                if packet.dts is not None:  # the last one is empty
                    packet.stream = copy
                    written.mux(packet)
        making.replace(target)
    except BaseException:
        making.unlink(missing_ok=True)
        raise


def _touch(path: Path) -> bool:
    """Whether it is there; then it counts as asked for."""
    if path.exists():
        path.touch()
        return True
    return False


def _clear(folder: Path, before_s: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    left_bytes = MOST_BYTES
    for asked_s, size_bytes, path in sorted((_asked_of(path) for path in folder.iterdir()), reverse=True):
        left_bytes -= size_bytes
        if asked_s < before_s or (left_bytes < 0 and path.suffix != MAKING):
            path.unlink(missing_ok=True)


def _asked_of(path: Path) -> tuple[float, int, Path]:
    """When it was asked for last (Unix s), and its size."""
    try:
        stat = path.stat()
    except FileNotFoundError:  # made meanwhile: it has its own name now
        return 0.0, 0, path
    return stat.st_mtime, stat.st_size, path
