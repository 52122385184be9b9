"""WebM as browsers record it (RFC 8794 EBML, RFC 9559 Matroska): clusters of unknown size, a new one with each key frame.

Sizes of segment and clusters are made unknown on the way out, so that a cluster may be left in the middle and another begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from operations.footage.stream_cutting import MOST_INIT_BYTES, MOST_PIECE_BYTES, Piece, Uncuttable

EBML, SEGMENT, CLUSTER, TRACKS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE, CODEC_ID, CODEC_PRIVATE = 0xAE, 0xD7, 0x83, 0x86, 0x63A2
SIMPLE_BLOCK, BLOCK_GROUP, BLOCK, REFERENCE_BLOCK = 0xA3, 0xA0, 0xA1, 0xFB
IN_CLUSTER = frozenset({0xE7, 0xA7, 0xAB, 0xEC, 0xBF, 0x5854, SIMPLE_BLOCK, BLOCK_GROUP})
VIDEO = 1
KEY_FLAG = 0x80
_CODECS = {b"V_VP8": "vp8", b"V_VP9": "vp9", b"V_AV1": "av01.0.04M.08"}
_AVC = b"V_MPEG4/ISO/AVC"


class Head(NamedTuple):
    """An element's id and size; `size` is None where it is unknown, `length` is that of the two together."""

    id: int
    size: int | None
    length: int
    size_at: int  # where the size begins


class WebmCutter:
    """A `Cutter` for WebM."""

    def __init__(self) -> None:
        self.init: bytes | None = None
        self._held = bytearray()  # what is not whole yet
        self._before = bytearray()  # of the first cluster: becomes `init`
        self._opening: bytearray | None = None  # a cluster whose first picture has not come yet
        self._in_cluster = False
        self._video = 0  # number of the track
        self._codec = ""

    def feed(self, data: bytes) -> list[Piece]:
        self._held += data
        pieces: list[Piece] = []
        at = 0
        while (head := _head(self._held, at)) is not None:
            length = self._length(head)
            if len(self._held) - at < length:
                break
            self._take(head, bytes(self._held[at : at + length]), pieces)
            at += length
        del self._held[:at]
        if len(self._held) > MOST_PIECE_BYTES:
            raise Uncuttable(f"an element of more than {MOST_PIECE_BYTES} bytes")
        return pieces

    def codec(self) -> str:
        if not self._codec:
            raise Uncuttable("no video track of a codec that is known here")
        return self._codec

    def _length(self, head: Head) -> int:
        """How much of it is taken at once: of segment and cluster only the head, what is in them comes one by one."""
        if not self._before and head.id != EBML:
            raise Uncuttable(f"it begins with {head.id:x}, WebM begins with {EBML:x}")
        if head.id in (SEGMENT, CLUSTER):
            return head.length
        if head.size is None:
            raise Uncuttable(f"element {head.id:#x} has no size")
        if head.size > MOST_PIECE_BYTES:
            raise Uncuttable(f"element {head.id:#x} has {head.size} bytes; at most {MOST_PIECE_BYTES} are taken")
        return head.length + head.size

    def _take(self, head: Head, element: bytes, pieces: list[Piece]) -> None:
        if head.id == CLUSTER:
            self._begin_cluster(head, element)
        elif self._in_cluster and head.id in IN_CLUSTER:
            self._take_in_cluster(head, element, pieces)
        elif self.init is None:
            self._take_before(head, element)
        else:
            self._in_cluster = False  # cues and tags at the end are of no use to someone who watches

    def _take_before(self, head: Head, element: bytes) -> None:
        if head.id == TRACKS:
            self._read_tracks(element[head.length :])
        self._before += _unsized(head, element) if head.id == SEGMENT else element
        if len(self._before) > MOST_INIT_BYTES:
            raise Uncuttable(f"more than {MOST_INIT_BYTES} bytes before the first picture")

    def _begin_cluster(self, head: Head, element: bytes) -> None:
        if self.init is None:
            if not self._video:
                raise Uncuttable("pictures before any video track was described")
            self.init = bytes(self._before)
        self._in_cluster = True
        self._opening = bytearray(_unsized(head, element))

    def _take_in_cluster(self, head: Head, element: bytes, pieces: list[Piece]) -> None:
        block = _block(head, element)
        is_video = block is not None and block[0] == self._video
        if self._opening is None:
            pieces.append(Piece(element, False))
            return
        self._opening += element
        if is_video:
            pieces.append(Piece(bytes(self._opening), block is not None and block[1]))
            self._opening = None
        elif len(self._opening) > MOST_PIECE_BYTES:
            raise Uncuttable(f"more than {MOST_PIECE_BYTES} bytes of a cluster without a picture")

    def _read_tracks(self, tracks: bytes) -> None:
        for head, entry in _children(tracks):
            if head.id != TRACK_ENTRY:
                continue
            fields = {child.id: body for child, body in _children(entry)}
            if int.from_bytes(fields.get(TRACK_TYPE, b"")) == VIDEO and not self._video:
                self._video = int.from_bytes(fields.get(TRACK_NUMBER, b""))
                self._codec = _codec(fields.get(CODEC_ID, b"").rstrip(b"\0"), fields.get(CODEC_PRIVATE, b""))


def _codec(codec_id: bytes, private: bytes) -> str:
    if codec_id == _AVC and len(private) > 4:
        return f"avc1.{private[1:4].hex()}"
    return _CODECS.get(codec_id, "")


def _block(head: Head, element: bytes) -> tuple[int, bool] | None:
    """Track number and whether it is a key frame, of a block; None for anything else."""
    body = element[head.length :]
    if head.id == SIMPLE_BLOCK:
        track, at = _number(body, 0, keep_marker=False) or (0, 0)
        return track, len(body) > at + 2 and bool(body[at + 2] & KEY_FLAG)
    if head.id == BLOCK_GROUP:
        fields = {child.id: inner for child, inner in _children(body)}
        track, _ = _number(fields.get(BLOCK, b""), 0, keep_marker=False) or (0, 0)
        return track, REFERENCE_BLOCK not in fields
    return None


def _children(body: bytes) -> Iterator[tuple[Head, bytes]]:
    at = 0
    while (head := _head(body, at)) is not None:
        if head.size is None or at + head.length + head.size > len(body):
            raise Uncuttable(f"element {head.id:#x} reaches beyond the one it is in")
        yield head, body[at + head.length : at + head.length + head.size]
        at += head.length + head.size


def _head(data: bytes | bytearray, at: int) -> Head | None:
    """The element that begins there; None while its head is not whole."""
    id_ = _number(data, at, keep_marker=True, longest=4)
    if id_ is None:
        return None
    size = _number(data, id_[1], keep_marker=False)
    if size is None:
        return None
    width = size[1] - id_[1]
    is_unknown = size[0] == (1 << 7 * width) - 1
    return Head(id_[0], None if is_unknown else size[0], size[1] - at, id_[1] - at)


def _number(data: bytes | bytearray, at: int, *, keep_marker: bool, longest: int = 8) -> tuple[int, int] | None:
    """A number of variable length and where it ends; None while it is not whole."""
    if at >= len(data):
        return None
    first = data[at]
    width = 9 - first.bit_length()
    if width > longest:
        raise Uncuttable(f"a number that begins with {first:#04x}")
    if at + width > len(data):
        return None
    value = int.from_bytes(data[at : at + width])
    return (value if keep_marker else value & ((1 << 7 * width) - 1)), at + width


def _unsized(head: Head, element: bytes) -> bytes:
    """The head with its size made unknown, in as many bytes."""
    width = head.length - head.size_at
    return element[: head.size_at] + ((1 << 7 * width + 1) - 1).to_bytes(width)
