"""Video of cameras: what screens ask of whatever serves it. Implementations are in `feeds/video/`, one suite is run over all of them.

A browser never learns a camera's address or password: it gets the url of a stream on this server, good for a short time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import msgspec

from storage.cameras import CameraSource

# Why a stream can't be had; each has its words in `dashboard/i18n.py`.
REASONS = (
    "no-address",  # nobody has said where its pictures come from
    "bad-address",  # it is not one that the gateway opens
    "at-limit",
    "transcoding-at-limit",
    "unreachable",
    "login-refused",  # by the camera
    "no-key-frame",
    "unplayable",
    "no-recorder",  # nothing that has been recorded can be played
    "starting",  # the gateway, or again after a failure; try again
    "expired",  # the address of a stream
)

# Pictures come so long after they were taken at the latest, seconds: a camera that seems later has a wrong clock.
LATEST_S = 30.0


class Quality(StrEnum):
    """Which of a camera's pictures: small ones for tiles, the large one when a tile is enlarged."""

    SUB = "sub"
    MAIN = "main"


class StreamKind(StrEnum):
    """How a stream comes to the browser."""

    WS_FMP4 = "ws-fmp4"  # fragmented MP4 over a WebSocket, for MediaSource (docs/video.md)


class Stream(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stream that may be watched until `expires_at`; an open one is not cut then."""

    stream_id: str
    camera_id: str
    quality: Quality
    kind: StreamKind
    url: str  # path on this origin, with its token
    codec: str | None  # as MediaSource wants it, `avc1.4d401f`; None when it is told with the first picture
    expires_at: datetime
    began_at: datetime | None = None  # when its first picture was taken, where a recorder tells it


class Snapshot(msgspec.Struct, frozen=True):
    """One picture of a camera."""

    jpeg: bytes
    taken_at: datetime


class CameraState(msgspec.Struct, frozen=True):
    """How a camera is doing, as far as the gateway has tried."""

    camera_id: str
    last_picture_at: datetime | None = None
    last_error: str = ""  # in words, without addresses; empty when the last try succeeded
    last_error_at: datetime | None = None
    viewers: int = 0
    frozen_since: datetime | None = None  # pictures come, all alike
    black_since: datetime | None = None
    late_s: float | None = None  # pictures come this much after they were taken; None: the camera tells no time
    transcoded: bool = False  # its codec is not one that browsers play


class Recording(msgspec.Struct, frozen=True):
    """A stretch of time that a recorder has of a camera."""

    from_at: datetime
    to_at: datetime
    name: str = ""


class VideoRefused(Exception):
    """A stream can't be had. `reason` is a name for programs, the message says what and what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason  # one of REASONS


class VideoGateway(Protocol):
    """Serves pictures of cameras. Every call is made on the event loop and does not block it."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """End every stream and process."""

    async def open(self, camera: CameraSource, quality: Quality) -> Stream:
        """A stream of a camera. Raises VideoRefused: a new stream is refused before a running one suffers."""

    async def from_recorder(self, camera: CameraSource, at: datetime, to_at: datetime) -> Stream:
        """A stream of what the camera's `recorder_url` plays from `at`, a whole second, to `to_at` at the latest; once, and it ends.

        Its first picture is waited for, so that what it refuses or has not is said at once. Raises VideoRefused.
        """

    def watch(self, stream_id: str) -> AsyncGenerator[str | bytes, None]:
        """Messages of a stream of kind WS_FMP4 as they go to the browser (docs/video.md); it ends when the gateway stops, or
        what is played from a recorder has been.

        Whoever takes them slowly gets fewer pictures, not older ones. Raises VideoRefused when it can't go on, also for an unknown stream.
        """

    async def close(self, stream_id: str) -> None:
        """Nobody watches it any more; an unknown one is no error."""

    async def snapshot(self, camera: CameraSource) -> Snapshot:
        """A picture that is a few seconds old at most. Raises VideoRefused."""

    async def record(self, wanted: Sequence[tuple[CameraSource, Quality]]) -> None:
        """Record these cameras into the ring from now on, the most important first, and no others; one that can't be is tried again.

        Say it again every few seconds: a process that was started anew knows of none. A viewer is never refused for a recording's sake.
        Raises VideoRefused while the gateway is starting.
        """

    def states(self) -> dict[str, CameraState]:
        """Of every camera that has been tried since the start."""

    def state(self) -> dict[str, Any]:
        """For the health page: `state` is `ok`, `starting` or `failing`; what else there is to be told of itself."""


@runtime_checkable
class Playback(Protocol):
    """What a gateway may be able to do beside: pictures of the past, from a recorder that the engine knows (历史回放)."""

    async def recordings(self, camera: CameraSource, from_at: datetime, to_at: datetime) -> list[Recording]:
        """What there is between two instants, oldest first. Raises VideoRefused."""

    async def playback(self, camera: CameraSource, at: datetime, to_at: datetime) -> Stream:
        """A stream of what was recorded from `at` on, at the pace it was recorded; watched and closed as any. Raises VideoRefused."""
