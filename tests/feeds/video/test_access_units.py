"""However a sender cuts pictures into packets they are put together as they were; what is not whole is left out, to the next key frame."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.video import nal
from feeds.video.access_units import LARGEST, MOST_UNITS, AccessUnit, AccessUnits
from feeds.video.farm_media import Encoder, Format, Unit
from feeds.video.rtp import Received
from feeds.video.street_scene import StreetScene

FPS = 10


@cache
def film(codec: str) -> tuple[Unit, ...]:
    encoder, scene = Encoder(Format(320, 180, FPS, 200_000, codec=codec, slices=2, gop_s=0.5)), StreetScene("gate", 320, 180)
    units = [unit for tick in range(14) for unit in encoder.encode(scene.draw(tick / FPS, tick * 100), tick)]
    return tuple(units + encoder.finish())


def payloads(unit: bytes, codec: str, size: int) -> list[bytes]:
    """Whole, or in fragments of so many bytes; by the standards, and not by what the farm sends."""
    if len(unit) <= size:
        return [unit]
    header = 2 if codec == "hevc" else 1
    parts = [unit[place : place + size] for place in range(header, len(unit), size)]
    flags = [(0x80 if k == 0 else 0) | (0x40 if k == len(parts) - 1 else 0) for k in range(len(parts))]
    if codec == "h264":
        return [bytes((unit[0] & 0xE0 | 28, flag | unit[0] & 0x1F)) + part for flag, part in zip(flags, parts, strict=True)]
    kind = unit[0] >> 1 & 0x3F
    return [bytes((unit[0] & 0x81 | 49 << 1, unit[1], flag | kind)) + part for flag, part in zip(flags, parts, strict=True)]


def together(units: list[bytes], codec: str) -> bytes:
    head = b"\x18" if codec == "h264" else bytes((48 << 1, 1))
    return head + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def cut(codec: str, sizes: random.Random, marks: bool = True) -> list[Received]:
    packets: list[Received] = []
    for unit in film(codec):
        nals, out = list(unit.nals), list[bytes]()
        while nals:
            count = sizes.randint(1, len(nals))
            if count > 1 and sum(map(len, nals[:count])) < 60_000 and sizes.random() < 0.7:
                out.append(together(nals[:count], codec))
            else:
                out += [piece for one in nals[:count] for piece in payloads(one, codec, sizes.choice((2, 40, 700, 9_000)))]
            nals = nals[count:]
        for place, payload in enumerate(out):
            marker = marks and place == len(out) - 1
            sequence = (65_500 + len(packets)) & 0xFFFF
            packets.append(Received(96, marker, sequence, unit.tick * 9_000, 7, payload, None, False))
    return packets


def put_together(units: AccessUnits, packets: list[Received]) -> list[AccessUnit]:
    return [one for packet in packets for one in units.feed(packet)] + units.rest()


def shown(units: list[AccessUnit]) -> list[tuple[tuple[bytes, ...], int, bool]]:
    return [(tuple(nal.split(one.data)), one.timestamp // 9_000, one.is_key) for one in units]


def whole(codec: str) -> list[tuple[tuple[bytes, ...], int, bool]]:
    return [(unit.nals, unit.tick, unit.is_key) for unit in film(codec)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("marks", [True, False])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_cutting_gives_the_same_pictures(codec: str, marks: bool, seed: int) -> None:
    units = AccessUnits(codec)
    assert shown(put_together(units, cut(codec, random.Random(seed), marks))) == whole(codec)
    assert (units.lost, units.dropped) == (0, 0)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), data=st.data())
def test_behind_a_loss_nothing_comes_that_is_not_whole_and_nothing_before_a_key_frame(codec: str, seed: int, data: Any) -> None:
    packets = cut(codec, random.Random(seed))
    gone = sorted(data.draw(st.sets(st.integers(1, len(packets) - 2), min_size=1, max_size=4)))
    units = AccessUnits(codec)
    got = shown(put_together(units, [one for place, one in enumerate(packets) if place not in gone]))
    assert units.lost == len(gone)
    assert set(got) <= set(whole(codec)), "each as it was"
    touched = {packets[place].timestamp // 9_000 for place in gone}
    for picture in whole(codec):
        if picture[1] in touched:
            assert picture not in got
        elif picture in got and not picture[2]:
            assert (picture[1] - 1) in {other[1] for other in got}, "what it follows is there"
    assert units.dropped + len(got) + sum(
        all(p in gone for p in range(len(packets)) if packets[p].timestamp // 9_000 == t) for t in touched
    ) == len(whole(codec))


@pytest.mark.parametrize(
    "payloads",
    [
        [b"\x7c\x05aa"],  # a fragment without a beginning
        [b"\x7c\x85aa", b"\x65bb"],  # one without an end
        [b"\x7c\x85aa", b"\x7c\x85bb"],
        [b"\x7c\x85aa"],
        [b"\x7c"],
        [b"\x7c\x85"],
        [b"\x18\x00\x09\x65"],  # several that are not there
        [b"\x18\x00\x00\x65"],
        [b"\x18\x00"],
        [b"\x1a\x00\x00\x00\x02\x65\x88"],  # packed in another order (MTAP)
    ],
)
def test_what_is_packed_wrongly_is_left_out_and_counted(payloads: list[bytes]) -> None:
    packets = [Received(96, place == len(payloads) - 1, place, 0, 7, payload, None, False) for place, payload in enumerate(payloads)]
    follows = [
        Received(96, True, len(payloads) + k, k + 1, 7, payload, None, False) for k, payload in enumerate((b"\x41x", b"\x65y", b"\x41z"))
    ]
    units = AccessUnits("h264")
    assert [nal.split(one.data) for one in put_together(units, packets + follows)] == [[b"\x65y"], [b"\x41z"]]
    assert (units.lost, units.dropped) == (0, 2)


def test_a_picture_that_never_ends_takes_no_more_room_than_the_largest() -> None:
    units = AccessUnits("h264")
    piece = b"\x7c\x05" + bytes(60_000)
    first = Received(96, False, 0, 0, 7, b"\x7c\x85" + bytes(60_000), None, False)
    for sequence in range(3 * LARGEST // len(piece)):
        assert units.feed(first if not sequence else first._replace(sequence=sequence & 0xFFFF, payload=piece)) == []
    assert units._open is not None
    assert units._open.piece is None
    assert units._open.units == []


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("is_together", [True, False])
def test_a_picture_of_more_units_than_any_has_is_left_out_and_holds_no_room(codec: str, is_together: bool) -> None:
    unit = b"\x65\x01" if codec == "h264" else bytes((19 << 1, 1))
    payloads = [together([unit] * (MOST_UNITS // 2), codec)] * 3 if is_together else [unit] * (MOST_UNITS + 1)
    units = AccessUnits(codec)
    for sequence, payload in enumerate(payloads):
        assert units.feed(Received(96, False, sequence, 0, 7, payload, None, False)) == []
    assert units._open is not None
    assert units._open.units == []
    assert units.rest() == []
    assert units.dropped == 1


def test_a_picture_that_breaks_off_is_left_out_where_others_had_an_end() -> None:
    first = Received(96, True, 0, 0, 7, b"\x65a", None, False)
    units = AccessUnits("h264")
    assert [one.timestamp for one in put_together(units, [first, Received(96, False, 1, 10, 7, b"\x41b", None, False)])] == [0]
    assert units.dropped == 1


def test_another_source_begins_anew() -> None:
    first = Received(96, False, 9, 0, 7, b"\x41a", None, False)
    key = Received(96, True, 500, 10, 8, b"\x65b", None, False)
    packets = [first, key, key._replace(sequence=501, timestamp=20), key._replace(sequence=502, timestamp=30, payload=b"\x41c")]
    units = AccessUnits("h264")
    assert [(one.timestamp, one.ssrc) for one in put_together(units, packets)] == [(20, 8), (30, 8)]
    assert units.lost == 1


def test_what_the_recorder_says_of_a_picture_is_taken_from_any_of_its_packets() -> None:
    packets = [
        Received(96, False, 0, 0, 7, b"\x67a", None, False),
        Received(96, False, 1, 0, 7, b"\x65b", 12.5, False),
        Received(96, True, 2, 0, 7, b"\x65c", 99.0, True),
    ]
    (unit,) = put_together(AccessUnits("h264"), packets)
    assert (unit.taken_at, unit.is_last, unit.is_key) == (12.5, True, True)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_any_payloads_end_in_pictures_or_in_nothing(codec: str, given_packets: list[tuple[bytes, bool, int, int]]) -> None:
    packets = [Received(96, marker, sequence, timestamp, 7, payload, None, False) for payload, marker, sequence, timestamp in given_packets]
    for unit in put_together(AccessUnits(codec), packets):
        assert unit.data.startswith(nal.START)
