"""The description of a stream (SDP, RFC 4566) as far as it is needed to fetch its pictures. What is said comes from a device: bounded, and
believed only where it can be read."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from feeds.video.rtp import CLOCK_HZ

LONGEST_LINE = 4_096  # characters: parameters take a few hundred
_CODECS = {"H264": "h264", "H265": "hevc"}
_SETS = {"h264": ("sprop-parameter-sets",), "hevc": ("sprop-vps", "sprop-sps", "sprop-pps")}


@dataclass
class Track:
    """The first video track."""

    payload_type: int
    codec: str = ""  # h264 | hevc; empty: another
    clock_hz: int = CLOCK_HZ
    control: str = ""  # its address; empty: the stream's own
    parameters: tuple[bytes, ...] = ()


@dataclass
class Description:
    """Of one stream."""

    control: str = ""  # address for all tracks together, or `*`
    track: Track | None = None  # None: there are no pictures


def described(text: str) -> Description:
    """Raises ValueError for a description that can't be read."""
    found, track = Description(), None
    about = "all"  # which part of the stream a line is about: all of it, its first video track, another
    for line in text.splitlines():
        if len(line) > LONGEST_LINE:
            raise ValueError("a line is too long")
        name, _, value = line.partition("=")
        if name == "m":
            about = "track" if track is None and value.startswith("video ") else "another"
            if about == "track":
                track = Track(int(value.split()[3]) if len(value.split()) > 3 else -1)
        elif name == "a" and about == "track" and track is not None:
            _read(track, value)
        elif name == "a" and about == "all" and value.startswith("control:"):
            found.control = value.removeprefix("control:").strip()
    found.track = track
    return found


def _read(track: Track, attribute: str) -> None:
    name, _, value = attribute.partition(":")
    if name == "control":
        track.control = value.strip()
    elif name == "rtpmap" and (said := re.match(rf"{track.payload_type}\s+(\w+)/(\d{{1,9}})", value)):
        track.codec = _CODECS.get(said[1].upper(), "")
        track.clock_hz = int(said[2]) or CLOCK_HZ
    elif name == "fmtp" and value.split(maxsplit=1)[:1] == [str(track.payload_type)]:
        given = dict(one.partition("=")[::2] for one in value.replace(";", " ").split()[1:])
        names = [one for sets in _SETS.values() for one in sets]
        track.parameters = tuple(unit for one in names for text in given.get(one, "").split(",") if (unit := _unit(text)))


def _unit(text: str) -> bytes:
    """Empty where it can't be read: parameters come within the stream as well."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
