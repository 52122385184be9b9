"""Read a vector tile without any library, so that the tests see what a browser sees."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from typing import Any


def read_tile(data: bytes) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """Layer name -> (geometry type: 1 point, 2 line, 3 area; properties) of each feature. `data` is gzip."""
    layers = {}
    for number, body in _fields(gzip.decompress(data)):
        assert number == 3
        name, features, keys, values = "", [], [], []
        for field, value in _fields(body):
            if field == 1:
                name = value.decode()
            elif field == 2:
                features.append(dict(_fields(value)))
            elif field == 3:
                keys.append(value.decode())
            elif field == 4:
                values.append(_value(value))
        layers[name] = [(f[3], _properties(f.get(2, b""), keys, values)) for f in features]
    return layers


def _properties(packed: bytes, keys: list[str], values: list[Any]) -> dict[str, Any]:
    numbers = list(_varints(packed))
    return {keys[k]: values[v] for k, v in zip(numbers[::2], numbers[1::2], strict=True)}


def _value(body: bytes) -> Any:
    ((kind, value),) = _fields(body)
    match kind:
        case 1:
            return value.decode()
        case 2:
            return struct.unpack("<f", value)[0]
        case 3:
            return struct.unpack("<d", value)[0]
        case 6:
            return (value >> 1) ^ -(value & 1)
        case _:
            return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        else:
            size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
            yield tag >> 3, data[at : at + size]
            at += size
