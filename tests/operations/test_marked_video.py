"""Copies of videos with marks: turned as the phone was held, with their sound and length; and what is too long."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from operations.footage.marked_video import TOO_LONG, Order, Refused, write_copy

FONTS = Path(__file__).parents[2] / "dashboard" / "assets" / "build" / "fonts.css"
UPRIGHT = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
A_QUARTER_TO_THE_RIGHT = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)


def filmed(path: Path) -> Order:
    """Two seconds, light in the upper left corner, by a phone that was held upright: its pictures lie on their side."""
    with av.open(str(path), "w", format="mp4") as out:
        seen, heard = out.add_stream("libx264", rate=10), out.add_stream("aac", rate=44_100)
        seen.width, seen.height, seen.pix_fmt = 160, 96, "yuv420p"
        picture = np.full((96, 160, 3), 40, np.uint8)
        picture[:40, :60] = 220
        for _ in range(20):
            out.mux(seen.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(seen.encode(None))
        for number in range(80):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            sound.sample_rate, sound.pts = 44_100, number * 1024
            out.mux(heard.encode(sound))
        out.mux(heard.encode(None))
    head, _, rest = path.read_bytes().partition(b"tkhd")  # of the pictures' track, which is the first
    written = head + b"tkhd" + rest.replace(UPRIGHT, A_QUARTER_TO_THE_RIGHT, 1)
    path.write_bytes(written)
    return Order(str(path), hashlib.sha256(written).hexdigest(), "li", ["li"], str(FONTS), most_s=10.0)


def test_a_copy_stands_as_the_phone_was_held_and_keeps_its_sound_and_length(tmp_path: Path) -> None:
    copy = io.BytesIO()
    write_copy(filmed(tmp_path / "a.mp4"), copy)
    with av.open(io.BytesIO(copy.getvalue())) as read:
        assert read.duration == 2 * av.time_base
        assert [one.codec_context.name for one in read.streams.audio] == ["aac"]
        luma = next(read.decode(video=0)).to_ndarray(format="gray")
    assert luma.shape[1] == 96
    assert luma[10, 86] > 180 > 100 > luma[10, 10]
    assert luma[150, 86] < 100


def test_what_is_too_long_is_refused_before_the_first_byte(tmp_path: Path) -> None:
    order, copy = filmed(tmp_path / "a.mp4"), io.BytesIO()
    with pytest.raises(Refused) as refused:
        write_copy(Order(order.source, order.sha256, "li", ["li"], order.fonts, most_s=1.0), copy)
    assert (refused.value.code, copy.getvalue()) == (TOO_LONG, b"")
