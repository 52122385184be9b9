"""One recording while it comes in, for those who watch it: they begin at the latest key frame, and one who is slow misses pictures.

What is held of it is its init segment and what has come since the latest key frame, however long the recording is.
Wire: `docs/scene-video.md`.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from operations.footage.mp4_cutter import Mp4Cutter
from operations.footage.stream_cutting import Cutter, Piece, Uncuttable, container_of
from operations.footage.webm_cutter import WebmCutter

MOST_HELD_BYTES = 4 * 1024 * 1024  # since the latest key frame; beyond, a newcomer waits for the next one
MOST_WAITING_BYTES = 1024 * 1024  # for one watcher: six seconds of a phone's video; beyond, it misses some
CUTTERS: dict[str, type[Cutter]] = {"webm": WebmCutter, "mp4": Mp4Cutter}
# A browser writes WebM picture by picture, MP4 a second at a time.
DELAY_S = {"webm": 0.4, "mp4": 1.0}


class Watcher(Protocol):
    """Someone who watches."""

    @property
    def waiting_bytes(self) -> int: ...

    def text(self, message: bytes) -> None: ...

    def binary(self, message: bytes) -> None: ...


class SceneStream:
    """Takes the bytes of one recording in order, and hands them on."""

    def __init__(self, mime: str) -> None:
        self.trouble = ""  # why it can't be watched live; it is kept all the same
        self.delay_s = DELAY_S[container_of(mime) or "webm"]
        self._container = container_of(mime) or "webm"
        self._cutter: Cutter = CUTTERS[self._container]()
        self._preamble: bytes | None = None
        self._held: list[bytes] | None = None  # pieces since the latest key frame; None while there is nothing to begin with
        self._held_bytes = 0
        self._watchers: dict[Watcher, bool] = {}  # → whether it is waiting for a key frame

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        if self.trouble:
            return
        try:
            pieces = self._cutter.feed(data)
            if self._preamble is None and self._cutter.init is not None:
                self._describe()
        except Uncuttable as error:
            self._give_up(str(error))
            return
        for piece in pieces:
            self._hold(piece)
            for watcher, waits in self._watchers.items():
                self._watchers[watcher] = _hand_on(watcher, piece, waits)

    def join(self, watcher: Watcher) -> None:
        """Watch from the latest key frame on."""
        if self.trouble:
            watcher.text(self._refusal())
            return
        self._watchers[watcher] = True
        if self._preamble is not None:
            self._greet(watcher)

    def leave(self, watcher: Watcher) -> None:
        self._watchers.pop(watcher, None)

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        return tuple(self._watchers)

    def tell(self, message: dict[str, Any]) -> None:
        """A text to everyone who watches."""
        text = msgspec.json.encode(message)
        for watcher in self._watchers:
            watcher.text(text)

    def _describe(self) -> None:
        codec = self._cutter.codec()
        told = {"mime": f'video/{self._container}; codecs="{codec}"', "codec": codec, "delay_s": self.delay_s}
        self._preamble = msgspec.json.encode(told)
        for watcher in self._watchers:
            self._greet(watcher)

    def _greet(self, watcher: Watcher) -> None:
        watcher.text(self._preamble or b"")
        watcher.binary(self._cutter.init or b"")
        if self._held is not None:
            watcher.binary(b"".join(self._held))
            self._watchers[watcher] = False

    def _hold(self, piece: Piece) -> None:
        if piece.starts:
            self._held, self._held_bytes = [], 0
        if self._held is None:
            return
        self._held.append(piece.data)
        self._held_bytes += len(piece.data)
        if self._held_bytes > MOST_HELD_BYTES:
            self._held = None

    def _give_up(self, trouble: str) -> None:
        self.trouble, self._held = trouble, None
        for watcher in self._watchers:
            watcher.text(self._refusal())

    def _refusal(self) -> bytes:
        told = {
            "refused": "unplayable",
            "message_zh": f"这段回传不能实时观看（{self.trouble}），但照样存储，结束后可下载。",
            "message_en": f"It can't be watched live ({self.trouble}); it is kept, and can be fetched when it has ended.",
        }
        return msgspec.json.encode(told)


def _hand_on(watcher: Watcher, piece: Piece, waits: bool) -> bool:
    """Give a watcher the next piece unless it is behind; whether it then waits for a key frame."""
    if watcher.waiting_bytes > MOST_WAITING_BYTES:
        return True
    if waits and not piece.starts:
        return True
    watcher.binary(piece.data)
    return False
