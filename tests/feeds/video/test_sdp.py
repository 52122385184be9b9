"""Descriptions as devices of the trade write them, and what a device may write instead."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.video import nal
from feeds.video.farm_media import SUB, LiveStreet
from feeds.video.farm_rtsp import sdp
from feeds.video.sdp import LONGEST_LINE, described

HEAD = "v=0\r\no=- 1 1 IN IP4 10.0.0.7\r\ns=Media Presentation\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:rtsp://10.0.0.7/replay/\r\n"
SOUND = "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\na=rtpmap:8 PCMA/8000\r\n"
VIDEO = (
    "m=video 0 RTP/AVP 97\r\nb=AS:5000\r\na=control:rtsp://10.0.0.7/replay/trackID=2\r\na=x-onvif-track:VIDEO001\r\n"
    "a=rtpmap:97 H264/48000\r\n"
    "a=fmtp:97 profile-level-id=4D0029; packetization-mode=1; sprop-parameter-sets=Z00AKZY1QPAET8s3AQEBAg==,aO4xsg==\r\n"
)
WORDS = "m=application 0 RTP/AVP 107\r\na=control:trackID=3\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n"


def test_the_first_pictures_are_found_among_other_tracks() -> None:
    found = described(HEAD + SOUND + VIDEO + VIDEO.replace("97", "98") + WORDS)
    assert found.control == "rtsp://10.0.0.7/replay/"
    assert found.track is not None
    track = found.track
    assert (track.payload_type, track.codec, track.clock_hz, track.control) == (97, "h264", 48_000, "rtsp://10.0.0.7/replay/trackID=2")
    assert [nal.h264_type(unit) for unit in track.parameters] == [7, 8]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_what_the_farm_says_of_itself_is_read(codec: str) -> None:
    parameters = LiveStreet("gate", SUB if codec == "h264" else type(SUB)(320, 180, 10, 200_000, codec="hevc")).parameters
    track = described(sdp(codec, parameters)).track
    assert track is not None
    assert (track.codec, track.control, track.clock_hz) == (codec, "track0", 90_000)
    assert set(track.parameters) <= set(parameters)
    assert len(track.parameters) == (2 if codec == "h264" else 3)


def test_other_codecs_sound_alone_and_nothing_are_told_apart() -> None:
    assert described(HEAD + SOUND).track is None
    assert described("").track is None
    for other in ("a=rtpmap:97 MP4V-ES/90000", "a=rtpmap:96 H264/90000", ""):
        track = described(HEAD + VIDEO.replace("a=rtpmap:97 H264/48000", other)).track
        assert track is not None
        assert track.codec == ""


def test_parameters_that_can_not_be_read_are_left_to_the_stream() -> None:
    track = described(HEAD + VIDEO.replace("Z00AKZY1QPAET8s3AQEBAg==", "!!")).track
    assert track is not None
    assert [nal.h264_type(unit) for unit in track.parameters] == [8]


def test_a_long_line_is_refused_and_one_that_may_be_takes_no_time() -> None:
    with pytest.raises(ValueError, match="too long"):
        described(HEAD + VIDEO + "a=x:" + "a" * LONGEST_LINE)
    fmtp = "a=fmtp:97 " + "a" * (LONGEST_LINE - 10)
    began = time.process_time()
    described(HEAD + VIDEO + "\r\n".join([fmtp] * 16))
    assert time.process_time() - began < 0.1


@given(st.lists(st.one_of(st.text(max_size=30), st.sampled_from((HEAD + VIDEO).split("\r\n"))), max_size=25))
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    try:
        found = described("\r\n".join(lines))
    except ValueError:
        return
    assert found.track is None or found.track.clock_hz > 0
