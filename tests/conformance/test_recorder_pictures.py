"""A site's recorder all the way: a test camera's past by the built-in processes, alone and behind an engine, as messages to a browser."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import av
import msgspec
import pytest

from dispatch.clock import SystemClock
from feeds.video import screen_clock
from feeds.video.admission import Limits
from feeds.video.farm import TestCamera
from feeds.video.farm_media import SUB, Fault
from feeds.video.gateway import EmbeddedGateway
from operations.cameras.video import Quality, StreamKind, VideoGateway, VideoRefused
from storage.cameras import CameraSource
from tests.feeds.video.engine_gateways import over_engines
from tests.feeds.video.farm_thread import FarmThread, running_farm

PASSWORD = "recorder-pass-55"
CAMERAS = (
    TestCamera("street", main=SUB, recorder_s=3_600.0),
    TestCamera("hevc", main=replace(SUB, codec="hevc"), recorder_s=3_600.0),
    TestCamera("locked", main=SUB, recorder_s=3_600.0, user="admin", password=PASSWORD),
    TestCamera("silent", main=SUB, recorder_s=3_600.0, fault=Fault.STALL),
)


@pytest.fixture(scope="module")
def farm() -> Iterator[FarmThread]:
    with running_farm(*CAMERAS) as running:
        yield running


@pytest.fixture(params=["embedded", "mediamtx"])
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[VideoGateway]:
    own = EmbeddedGateway(SystemClock(), 1, Limits(load=3))
    made = {"embedded": own, **over_engines(own)}[request.param]
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def source(name: str, recorder_url: str) -> CameraSource:
    return CameraSource(name, "", "", "test", 0.0, recorder_url=recorder_url)


async def played(gateway: VideoGateway, camera: CameraSource, at: datetime, seconds: float) -> tuple[list[dict[str, Any]], bytes]:
    """What was told and the pictures, to the end."""
    texts, pictures = [], b""
    async with asyncio.timeout(25):
        stream = await opened(gateway, camera, at, seconds)
        async with aclosing(gateway.watch(stream)) as watched:
            async for message in watched:
                if isinstance(message, str):
                    texts.append(msgspec.json.decode(message))
                else:
                    pictures += message
    return texts, pictures


async def opened(gateway: VideoGateway, camera: CameraSource, at: datetime, seconds: float) -> str:
    """The processes need a moment to start."""
    while True:
        try:
            stream = await gateway.from_recorder(camera, at, at + timedelta(seconds=seconds))
        except VideoRefused as refused:
            if refused.reason != "starting":
                raise
            await asyncio.sleep(0.2)
            continue
        assert (stream.kind, stream.camera_id, stream.url) == (StreamKind.WS_FMP4, camera.camera_id, f"/video/{camera.camera_id}")
        return stream.stream_id


def shown_s(pictures: bytes) -> list[float]:
    """The burnt-in clock of each picture, Unix s."""
    with av.open(io.BytesIO(pictures), "r", format="mp4") as container:
        return [(screen_clock.read(frame.to_ndarray(format="gray")) or 0) / 1000 for frame in container.decode(video=0)]


def past(seconds: float) -> datetime:
    return SystemClock().now().replace(microsecond=0) - timedelta(seconds=seconds)


async def test_the_past_is_played_from_the_second_that_was_asked_for_to_its_end(farm: FarmThread, gateway: VideoGateway) -> None:
    for name, transcoded in (("street", False), ("hevc", True)):
        at = past(1_500)
        texts, pictures = await played(gateway, source(name, farm.recorder_url(name)), at, 4)
        assert texts[0]["transcoded"] is transcoded
        shown = shown_s(pictures)
        assert shown[0] - at.timestamp() == pytest.approx(0.0, abs=0.5)
        assert shown[-1] - at.timestamp() == pytest.approx(4.0, abs=0.5)
        assert shown == sorted(shown)
    assert gateway.states() == {}, "what is played says nothing of the camera"
    assert farm.plays("street") <= 2, "played once by each gateway"


async def test_what_a_recorder_refuses_is_said_by_its_reason_and_without_its_address(farm: FarmThread, gateway: VideoGateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"127.0.0.1:{closed.getsockname()[1]}"
    for url, seconds, reason in (
        (farm.recorder_url("locked").replace(PASSWORD, "guess"), 60, "login-refused"),
        (farm.recorder_url("locked"), 7_200, "no-recorder"),
        (farm.recorder_url("silent"), 60, "no-recorder"),
        (farm.recorder_url("street").replace(f"127.0.0.1:{farm.port}", nowhere), 60, "unreachable"),
        ("", 60, "no-recorder"),
    ):
        with pytest.raises(VideoRefused) as refused:
            await played(gateway, source("refused", url), past(seconds), 4)
        assert refused.value.reason == reason
        assert not any(secret in str(refused.value) for secret in (PASSWORD, "127.0.0.1", "rtsp", "starttime"))
    assert PASSWORD not in str(gateway.state())


async def test_what_is_played_counts_among_the_streams_until_it_is_closed(farm: FarmThread, gateway: VideoGateway) -> None:
    camera, at = msgspec.structs.replace(source("street", farm.recorder_url("street")), url=farm.url("street")), past(600)
    first = await opened(gateway, camera, at, 30)
    with pytest.raises(VideoRefused) as refused:
        await opened(gateway, camera, at, 30)
    assert refused.value.reason == "at-limit"
    await gateway.close(first)
    async with asyncio.timeout(10):
        while True:
            try:
                await gateway.open(camera, Quality.MAIN)
                return
            except VideoRefused as still:
                if still.reason != "at-limit":
                    raise
                await asyncio.sleep(0.2)
