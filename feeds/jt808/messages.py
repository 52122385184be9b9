"""The messages of JT/T 808 that matter here, decoded from and encoded to the content of frames. No I/O.

Field layouts: JT/T 808-2013 and JT/T 808-2019, chapters 4.4 (message structure) and 8 (data formats).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from feeds.jt808.framing import BadFrame

TERMINAL_ANSWER = 0x0001
HEARTBEAT = 0x0002
LOG_OUT = 0x0003
REGISTER = 0x0100
AUTHENTICATE = 0x0102
POSITION = 0x0200
BATCH_POSITIONS = 0x0704
PLATFORM_ANSWER = 0x8001
REGISTER_ANSWER = 0x8100

# Results of the platform's general answer.
OK, FAILED, WRONG, UNSUPPORTED = 0, 1, 2, 3
# Results of the answer to a registration.
REGISTERED, UNKNOWN_TERMINAL = 0, 4

# Bits of the header's properties.
_LENGTH_MASK, _ENCRYPTION_MASK, _IN_PARTS, _VERSION_2019 = 0x03FF, 0x1C00, 0x2000, 0x4000
# Bits of a position's status.
_HAS_FIX, _SOUTH, _WEST = 1 << 1, 1 << 2, 1 << 3
_CHINA_TIME = timezone(timedelta(hours=8))  # devices tell GMT+8, wherever they are
_POSITION = struct.Struct(">IIIIHHH6s")
# Of a batch; more do not fit into the parts we put together.
MAX_BATCH = 2_000


class Message(NamedTuple):
    """One frame's header and body. `number` is the terminal's number, digits without leading zeros."""

    message_id: int
    version: int  # 2013 or 2019
    number: str
    serial: int
    body: bytes
    parts: int = 1  # of which this is
    part: int = 1
    number_bytes: bytes = b""  # as it came, for the answer


class Fix(NamedTuple):
    """One position. `position_at` is None when the device told no time that exists."""

    has_fix: bool
    lon: float  # degrees, as the device has them
    lat: float
    speed_mps: float
    heading_deg: float
    position_at: datetime | None
    alarm: int
    status: int


def decode(content: bytes) -> Message:
    """Header and body of a frame's content. Raises BadFrame: bad_header, encrypted, bad_length."""
    if len(content) < 4:
        raise BadFrame("bad_header")
    message_id, properties = struct.unpack_from(">HH", content)
    is_2019 = bool(properties & _VERSION_2019)
    start, width = (5, 10) if is_2019 else (4, 6)
    end = start + width + 2 + (4 if properties & _IN_PARTS else 0)
    if len(content) < end:
        raise BadFrame("bad_header")
    if properties & _ENCRYPTION_MASK:
        raise BadFrame("encrypted")
    body = content[end:]
    if len(body) != properties & _LENGTH_MASK:
        raise BadFrame("bad_length")
    number_bytes = content[start : start + width]
    (serial,) = struct.unpack_from(">H", content, start + width)
    parts, part = struct.unpack_from(">HH", content, end - 4) if properties & _IN_PARTS else (1, 1)
    if not 1 <= part <= parts:
        raise BadFrame("bad_header")
    number = number_bytes.hex().lstrip("0") or "0"
    return Message(message_id, 2019 if is_2019 else 2013, number, serial, body, parts, part, number_bytes)


def encode(message_id: int, to: Message, serial: int, body: bytes) -> bytes:
    """Content of an answer in the version and to the number of `to`."""
    if to.version == 2019:
        return struct.pack(">HHB", message_id, _VERSION_2019 | len(body), 1) + to.number_bytes + struct.pack(">H", serial) + body
    return struct.pack(">HH", message_id, len(body)) + to.number_bytes + struct.pack(">H", serial) + body


def platform_answer(to: Message, serial: int, result: int) -> bytes:
    """0x8001: what became of a message."""
    return encode(PLATFORM_ANSWER, to, serial, struct.pack(">HHB", to.serial, to.message_id, result))


def register_answer(to: Message, serial: int, result: int, code: bytes = b"") -> bytes:
    """0x8100: with the code to authenticate with when `result` is REGISTERED."""
    return encode(REGISTER_ANSWER, to, serial, struct.pack(">HB", to.serial, result) + code)


def check_registration(message: Message) -> None:
    """A registration's body has its fixed fields (the plate is what remains). Raises BadFrame("bad_body")."""
    # Province, city, maker, model, terminal id, colour of the plate. The 2011 version had 8 bytes of model instead of 20.
    shortest = 2 + 2 + 11 + 30 + 30 + 1 if message.version == 2019 else 2 + 2 + 5 + 8 + 7 + 1
    if len(message.body) < shortest:
        raise BadFrame("bad_body")


def authentication_code(message: Message) -> bytes:
    """The code a terminal authenticates with. Raises BadFrame("bad_body")."""
    if message.version == 2013:
        return message.body
    if not message.body or len(message.body) < 1 + message.body[0]:
        raise BadFrame("bad_body")
    return message.body[1 : 1 + message.body[0]]


def fix(body: bytes) -> Fix:
    """A position and, unread, its additional items. Raises BadFrame("bad_body")."""
    if len(body) < _POSITION.size:
        raise BadFrame("bad_body")
    alarm, status, lat, lon, _altitude_m, tenth_kmh, heading, time = _POSITION.unpack_from(body)
    return Fix(
        has_fix=bool(status & _HAS_FIX),
        lon=lon / (-1e6 if status & _WEST else 1e6),
        lat=lat / (-1e6 if status & _SOUTH else 1e6),
        speed_mps=tenth_kmh / 36.0,
        heading_deg=float(heading),
        position_at=_instant(time),
        alarm=alarm,
        status=status,
    )


def batch(body: bytes) -> Iterator[Fix | BadFrame]:
    """Positions of a batch; one that is cut off or empty is a BadFrame among them. Raises BadFrame("bad_body")."""
    if len(body) < 3:
        raise BadFrame("bad_body")
    (count,) = struct.unpack_from(">H", body)
    place = 3  # the third byte tells whether they are late, which their times tell too
    for _ in range(min(count, MAX_BATCH)):
        if place + 2 > len(body):
            yield BadFrame("bad_body")
            return
        (length,) = struct.unpack_from(">H", body, place)
        item = body[place + 2 : place + 2 + length]
        place += 2 + length
        try:
            yield fix(item if len(item) == length else b"")
        except BadFrame as bad:
            yield bad


def _instant(bcd: bytes) -> datetime | None:
    """YYMMDDhhmmss in China's time."""
    try:
        return datetime.strptime(bcd.hex(), "%y%m%d%H%M%S").replace(tzinfo=_CHINA_TIME)
    except ValueError:
        return None
