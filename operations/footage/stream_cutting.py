"""Cutting a growing video file into pieces that a player can be given, while it grows.

What a recorder writes comes in slices that begin and end anywhere. A cutter is fed with them in order and gives back whole
elements; it keeps nothing but the one that is not whole yet. Someone who begins to watch needs `init` and then pieces from one
that `starts`; someone who has missed pieces goes on with the next that starts.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

MOST_INIT_BYTES = 256 * 1024
MOST_PIECE_BYTES = 8 * 1024 * 1024  # a second of video of 64 Mbit/s

_MIME = re.compile(r'video/(webm|mp4)(?:; ?codecs="?([A-Za-z0-9][A-Za-z0-9.]{0,40})"?)?')


class Uncuttable(Exception):
    """These bytes are no such video, or one that can't be watched while it grows; the message says why."""


class Piece(NamedTuple):
    """Whole elements of the stream, to be handed on as they are."""

    data: bytes
    starts: bool  # a key frame comes first: one may begin here


class Cutter(Protocol):
    """Cuts one recording. `init` is what a player needs first; None until it has come."""

    init: bytes | None

    def feed(self, data: bytes) -> list[Piece]:
        """Pieces that are whole with `data`. Raises Uncuttable; after that it is of no more use."""

    def codec(self) -> str:
        """As in `video/mp4; codecs="…"`, read from `init`. Raises Uncuttable for one that is not known here."""


def container_of(mime: str) -> str | None:
    """`webm` or `mp4`, of a media type as `MediaRecorder` tells it; None for any other."""
    found = _MIME.fullmatch(mime)
    return found[1] if found else None
