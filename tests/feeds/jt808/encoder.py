"""A terminal's side of JT/T 808, written for the tests from the standard's tables and not from the code under test."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


def stuffed(content: bytes) -> bytes:
    """Check byte, escapes and flags around header and body, byte by byte."""
    check = 0
    for byte in content:
        check ^= byte
    out = bytearray([0x7E])
    for byte in content + bytes([check]):
        if byte == 0x7E:
            out += bytes([0x7D, 0x02])
        elif byte == 0x7D:
            out += bytes([0x7D, 0x01])
        else:
            out.append(byte)
    out.append(0x7E)
    return bytes(out)


def bcd(digits: str, width: int) -> bytes:
    return bytes.fromhex(digits.rjust(2 * width, "0"))


def message(
    message_id: int,
    body: bytes = b"",
    number: str = "13912345678",
    serial: int = 1,
    version: int = 2013,
    part: tuple[int, int] | None = None,
) -> bytes:
    """A whole frame; `part` is (number of the part, how many)."""
    properties = len(body) | (0x2000 if part else 0) | (0x4000 if version == 2019 else 0)
    head = message_id.to_bytes(2, "big") + properties.to_bytes(2, "big")
    head += b"\x01" + bcd(number, 10) if version == 2019 else bcd(number, 6)
    head += serial.to_bytes(2, "big")
    if part:
        head += part[1].to_bytes(2, "big") + part[0].to_bytes(2, "big")
    return stuffed(head + body)


def registration(version: int = 2013) -> bytes:
    """Body of 0x0100."""
    maker, model, terminal = (11, 30, 30) if version == 2019 else (5, 20, 7)
    plate = "浙B12345".encode("gbk")
    return (33).to_bytes(2, "big") + (302).to_bytes(2, "big") + b"M" * maker + b"T" * model + b"I" * terminal + b"\x01" + plate


def authentication(code: bytes, version: int = 2013) -> bytes:
    """Body of 0x0102."""
    return bytes([len(code)]) + code + b"8" * 15 + b"v1.0".ljust(20, b"\0") if version == 2019 else code


def position(
    lon: float,
    lat: float,
    at: datetime,
    kmh: float = 36.0,
    heading: int = 90,
    has_fix: bool = True,
    extra: bytes = b"\x01\x04\x00\x00\x01\x00",
) -> bytes:
    """Body of 0x0200; `extra` are additional items (here the mileage)."""
    status = 1 | (2 if has_fix else 0) | (4 if lat < 0 else 0) | (8 if lon < 0 else 0)
    local = at.astimezone(timezone(timedelta(hours=8))).strftime("%y%m%d%H%M%S")
    return b"".join(
        (
            (0).to_bytes(4, "big"),
            status.to_bytes(4, "big"),
            round(abs(lat) * 1e6).to_bytes(4, "big"),
            round(abs(lon) * 1e6).to_bytes(4, "big"),
            (12).to_bytes(2, "big"),
            round(kmh * 10).to_bytes(2, "big"),
            heading.to_bytes(2, "big"),
            bytes.fromhex(local),
            extra,
        )
    )


def batch(*positions: bytes) -> bytes:
    """Body of 0x0704."""
    return len(positions).to_bytes(2, "big") + b"\x01" + b"".join(len(body).to_bytes(2, "big") + body for body in positions)
