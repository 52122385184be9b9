"""What must be read of an H.264 stream to pack it: parameter sets and the beginnings of slices (ITU-T H.264, 7.3)."""

from __future__ import annotations

from dataclasses import dataclass

SLICE, KEY_SLICE, SEI, SPS, PPS, DELIMITER = 1, 5, 6, 7, 8, 9
# Profiles whose SPS tells chroma and bit depth.
_HIGH = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_B_SLICES = frozenset({1, 6})
MOST_MACROBLOCKS = 139_264  # of a picture, at the highest level there is (table A-1): what claims more would only take memory
_SLICE_HEAD = 24  # bytes are enough for the fields that are read


class Malformed(ValueError):
    """Bytes that are no such unit."""


@dataclass(frozen=True)
class Sps:
    """A sequence parameter set, as far as it matters here."""

    unit: bytes
    width: int
    height: int
    frames_only: bool  # no interlaced pictures
    chroma_format: int  # 1: 4:2:0
    bit_depth: int
    reorder: int | None  # pictures that may come before one that is shown earlier; None: not told

    @property
    def codec(self) -> str:
        """As MediaSource wants it."""
        return f"avc1.{self.unit[1:4].hex()}"

    @property
    def is_plain(self) -> bool:
        """Whether browsers can be expected to play it: 8 bits, 4:2:0."""
        return self.chroma_format == 1 and self.bit_depth == 8


@dataclass(frozen=True)
class SliceHead:
    """The beginning of a slice."""

    first_macroblock: int
    is_b: bool


class _Bits:
    """Reads a unit's payload bit by bit."""

    def __init__(self, payload: bytes) -> None:
        clean = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value, self._left = int.from_bytes(clean, "big"), len(clean) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise Malformed("a unit ends too early")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def ue(self) -> int:
        """Exp-Golomb, unsigned."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise Malformed("a number is too long")
        return (1 << zeros) - 1 + self.take(zeros)

    def se(self) -> int:
        """Exp-Golomb, signed."""
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)


def read_sps(unit: bytes) -> Sps:
    """Raises Malformed."""
    if len(unit) < 5:
        raise Malformed("an SPS has at least 5 bytes")
    bits = _Bits(unit[4:])
    bits.ue()  # its number
    chroma_format, bit_depth = _read_high(bits) if unit[1] in _HIGH else (1, 8)
    bits.ue()  # log2 of the largest frame number
    _skip_order(bits)
    bits.ue()  # reference frames
    bits.take(1)
    across, down = bits.ue() + 1, bits.ue() + 1
    frames_only = bool(bits.take(1))
    if not frames_only:
        bits.take(1)
    bits.take(1)
    left, right, top, bottom = (bits.ue() for _ in range(4)) if bits.take(1) else (0, 0, 0, 0)
    fields = 1 if frames_only else 2
    crop_x, crop_y = (2 if chroma_format in (1, 2) else 1), (2 if chroma_format == 1 else 1) * fields
    width, height = across * 16 - crop_x * (left + right), down * 16 * fields - crop_y * (top + bottom)
    if not (16 <= width <= 16_384 and 16 <= height <= 16_384) or across * down * fields > MOST_MACROBLOCKS:
        raise Malformed(f"a picture of {width}×{height} is none")
    return Sps(unit, width, height, frames_only, chroma_format, bit_depth, _read_reorder(bits) if bits.take(1) else None)


def pps_number(unit: bytes) -> int:
    """Which of the picture parameter sets it is. Raises Malformed."""
    return _Bits(unit[1:9]).ue()


def read_slice(unit: bytes) -> SliceHead:
    """Raises Malformed."""
    bits = _Bits(unit[1:_SLICE_HEAD])
    return SliceHead(bits.ue(), bits.ue() in _B_SLICES)


def _read_high(bits: _Bits) -> tuple[int, int]:
    chroma_format = bits.ue()
    if chroma_format == 3:
        bits.take(1)
    bit_depth = 8 + max(bits.ue(), bits.ue())
    bits.take(1)
    if bits.take(1):
        for number in range(12 if chroma_format == 3 else 8):
            if bits.take(1):
                _skip_scaling(bits, 16 if number < 6 else 64)
    return chroma_format, bit_depth


def _skip_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_order(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.take(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()


def _read_reorder(bits: _Bits) -> int | None:
    """`max_num_reorder_frames` out of the usability information (annex E); None where it ends without."""
    try:
        if bits.take(1) and bits.take(8) == 255:
            bits.take(32)  # aspect ratio
        if bits.take(1):
            bits.take(1)  # overscan
        if bits.take(1):
            bits.take(4)  # signal type
            if bits.take(1):
                bits.take(24)
        if bits.take(1):
            bits.ue()  # where chroma lies
            bits.ue()
        if bits.take(1):
            bits.take(65)  # timing
        network, own = _skip_rates(bits), _skip_rates(bits)
        if network or own:
            bits.take(1)
        bits.take(1)
        if not bits.take(1):
            return None
        bits.take(1)
        for _ in range(4):
            bits.ue()
        return min(bits.ue(), 16)
    except Malformed:
        return None


def _skip_rates(bits: _Bits) -> bool:
    """Whether there were any."""
    if not bits.take(1):
        return False
    count = bits.ue() + 1
    bits.take(8)
    for _ in range(min(count, 32)):
        bits.ue()
        bits.ue()
        bits.take(1)
    bits.take(20)
    return True
