"""Test cameras serve what an ordinary RTSP client takes, and the time on their pictures is right."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import av
import numpy as np
import pytest

from feeds.video import screen_clock
from feeds.video.farm import TestCamera
from feeds.video.farm_media import SUB, Fault
from operations.cameras.recorder_address import filled
from tests.feeds.video.farm_thread import FarmThread, running_farm

CAMERAS = (
    TestCamera("plain"),
    TestCamera("hevc", sub=replace(SUB, codec="hevc")),
    TestCamera("sliced", sub=replace(SUB, slices=4)),
    TestCamera("b-frames", sub=replace(SUB, b_frames=2)),
    TestCamera("locked", user="admin", password="s3cret"),
    TestCamera("loop", live=False),
    TestCamera("kept", main=SUB, recorder_s=600.0),
)


@pytest.fixture(scope="module")
def farm() -> Iterator[FarmThread]:
    with running_farm(*CAMERAS) as running:
        yield running


def pictures(url: str) -> Iterator[np.ndarray]:
    options = {"rtsp_transport": "tcp", "analyzeduration": "200000", "probesize": "32768", "fpsprobesize": "0", "timeout": "3000000"}
    with av.open(url, options=options, timeout=4) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="gray")


@pytest.mark.parametrize("name", ["plain", "hevc", "sliced", "b-frames", "locked"])
def test_the_time_on_a_picture_is_when_it_was_taken(farm: FarmThread, name: str) -> None:
    ages_s = [time.time() - (screen_clock.read(picture) or 0) / 1000 for picture in itertools.islice(pictures(farm.url(name)), 12)]
    assert -0.05 < min(ages_s) < 1.5


def test_a_loop_shows_the_time_within_it(farm: FarmThread) -> None:
    shown = [screen_clock.read(picture) for picture in itertools.islice(pictures(farm.url("loop")), 8)]
    steps = {(b - a) % 4000 for a, b in itertools.pairwise(s for s in shown if s is not None)}
    assert steps == {66, 67}


def test_a_camera_with_a_password_takes_no_other(farm: FarmThread) -> None:
    with pytest.raises(av.error.HTTPUnauthorizedError):
        next(pictures(farm.url("locked").replace("s3cret", "guess")))


def test_a_recorder_plays_the_span_that_was_asked_for_with_its_own_time_on_it(farm: FarmThread) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    url = filled(farm.recorder_url("kept"), at, at + timedelta(seconds=3), UTC)
    shown = [(screen_clock.read(picture) or 0) / 1000 - at.timestamp() for picture in pictures(url)]
    assert (shown[0], shown[-1]) == (pytest.approx(0.0, abs=0.5), pytest.approx(3.0, abs=0.5))
    for nothing in (url.partition("?")[0], url.replace("starttime", "begin"), filled(farm.recorder_url("plain"), at, at, UTC)):
        with pytest.raises(av.error.HTTPNotFoundError):
            next(pictures(nothing))


def test_a_camera_fails_and_is_well_again(farm: FarmThread) -> None:
    watching = pictures(farm.url("plain"))
    next(watching)
    farm.fail("plain", Fault.BLACK)
    assert next(picture for picture in itertools.islice(watching, 40) if picture.mean() < 20) is not None
    farm.fail("plain", Fault.FREEZE)
    seen = [screen_clock.read(picture) for picture in itertools.islice(watching, 30)]
    assert len(set(seen[-10:])) == 1
    farm.fail("plain", Fault.DROP)
    with pytest.raises(av.error.FFmpegError):
        list(itertools.islice(pictures(farm.url("plain")), 2))
    farm.fail("plain", Fault.NONE)
    assert next(pictures(farm.url("plain"))).shape == (360, 640)
