"""Which stream a process of video is asked for."""

from __future__ import annotations

import msgspec

from feeds.video.span_time import Span
from operations.cameras.video import Quality


class Wanted(msgspec.Struct, frozen=True):
    """Which stream."""

    camera_id: str
    quality: Quality
    urls: tuple[str, ...]
    weighs: Quality  # which picture these addresses give, whatever it was asked for as
    once: bool = False  # what a recorder plays, to its end
    span: Span | None = None  # of which time, where its address does not say it

    def __repr__(self) -> str:
        """Without the addresses."""
        return f"Wanted({self.camera_id!r}, {self.quality!r})"
