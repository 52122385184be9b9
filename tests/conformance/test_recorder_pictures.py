"""A site's recorder all the way: a test camera's past by the built-in processes, alone and behind an engine, as messages to a browser; of
one that takes the span in its address, and of one that is told it by RTSP."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import av
import msgspec
import pytest
import pytest_asyncio

from dispatch.clock import SystemClock
from feeds.video import screen_clock
from feeds.video.admission import Limits
from feeds.video.farm import TestCamera
from feeds.video.farm_media import SUB, Fault
from feeds.video.farm_recorder import BY_EXTENSION, BY_RANGE, BY_REPORTS
from feeds.video.gateway import EmbeddedGateway
from operations.cameras.video import Quality, Stream, StreamKind, VideoGateway, VideoRefused
from storage.cameras import CameraSource
from tests.feeds.video.engine_gateways import over_engines
from tests.feeds.video.farm_thread import FarmThread, running_farm

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "recorder-pass-55"
CAMERAS = (
    TestCamera("street", main=SUB, recorder_s=3_600.0),
    TestCamera("hevc", main=replace(SUB, codec="hevc"), recorder_s=3_600.0),
    TestCamera("locked", main=SUB, recorder_s=3_600.0, user="admin", password=PASSWORD),
    TestCamera("silent", main=SUB, recorder_s=3_600.0, fault=Fault.STALL),
    *(TestCamera(told_by, main=SUB, recorder_s=3_600.0, dates=(told_by,)) for told_by in (BY_EXTENSION, BY_REPORTS, BY_RANGE)),
)


@pytest.fixture(scope="module")
def farm() -> Iterator[FarmThread]:
    with running_farm(*CAMERAS) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["embedded", "mediamtx"])
async def gateway(request: pytest.FixtureRequest) -> AsyncIterator[VideoGateway]:
    """It has room for two that are played, not for a third; each test leaves it with none, so that the next one has it too."""
    own = EmbeddedGateway(SystemClock(), 1, Limits(load=5))
    made = {"embedded": own, **over_engines(own)}[request.param]
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


Url = Callable[[FarmThread, str], str]


@pytest.fixture(params=[FarmThread.recorder_url, FarmThread.replay_url], ids=["address", "range"])
def url_of(request: pytest.FixtureRequest) -> Url:
    """What a register holds of a recorder, by how it takes the span."""
    found: Url = request.param
    return found


def source(name: str, recorder_url: str) -> CameraSource:
    return CameraSource(name, "", "", "test", 0.0, recorder_url=recorder_url)


async def played(gateway: VideoGateway, camera: CameraSource, at: datetime, seconds: float) -> tuple[list[dict[str, Any]], bytes]:
    """What was told and the pictures, to the end."""
    async with asyncio.timeout(25):
        return await watched(gateway, await opened(gateway, camera, at, seconds))


async def watched(gateway: VideoGateway, stream: Stream) -> tuple[list[dict[str, Any]], bytes]:
    texts, pictures = [], b""
    async with aclosing(gateway.watch(stream.stream_id)) as messages:
        async for message in messages:
            if isinstance(message, str):
                texts.append(msgspec.json.decode(message))
            else:
                pictures += message
    return texts, pictures


async def opened(gateway: VideoGateway, camera: CameraSource, at: datetime, seconds: float) -> Stream:
    """The processes need a moment to start, and what the test before has closed one to end."""
    give_up_at = asyncio.get_running_loop().time() + 10
    while True:
        try:
            stream = await gateway.from_recorder(camera, at, at + timedelta(seconds=seconds))
        except VideoRefused as refused:
            if refused.reason not in ("starting", "at-limit") or asyncio.get_running_loop().time() > give_up_at:
                raise
            await asyncio.sleep(0.2)
            continue
        assert (stream.kind, stream.camera_id, stream.url) == (StreamKind.WS_FMP4, camera.camera_id, f"/video/{camera.camera_id}")
        return stream


def shown_s(pictures: bytes) -> list[float]:
    """The burnt-in clock of each picture, Unix s."""
    with av.open(io.BytesIO(pictures), "r", format="mp4") as container:
        return [(screen_clock.read(frame.to_ndarray(format="gray")) or 0) / 1000 for frame in container.decode(video=0)]


def past(seconds: float) -> datetime:
    return SystemClock().now().replace(microsecond=0) - timedelta(seconds=seconds)


async def test_the_past_is_played_from_the_second_that_was_asked_for_to_its_end(
    farm: FarmThread, gateway: VideoGateway, url_of: Url
) -> None:
    plays, at = farm.plays("street"), past(1_500)
    # Both at the same time: each takes as long as it took.
    found = await asyncio.gather(*(played(gateway, source(name, url_of(farm, name)), at, 2) for name in ("street", "hevc")))
    for (texts, pictures), transcoded in zip(found, (False, True), strict=True):
        assert texts[0]["transcoded"] is transcoded
        shown = shown_s(pictures)
        assert shown[0] - at.timestamp() == pytest.approx(0.0, abs=0.5)
        assert shown[-1] - at.timestamp() == pytest.approx(2.0, abs=0.5)
        assert shown == sorted(shown)
    assert gateway.states() == {}, "what is played says nothing of the camera"
    assert farm.plays("street") == plays + 1, "played once"
    again = [source(name, url_of(farm, name)) for name in ("street", "hevc")]
    for stream in [await gateway.from_recorder(one, at, at + timedelta(seconds=2)) for one in again]:  # there is room for both at once
        await gateway.close(stream.stream_id)


@pytest.mark.parametrize("told_by", [(BY_EXTENSION,), (BY_REPORTS,), (BY_RANGE,)], ids=str)
async def test_when_its_first_picture_was_taken_is_told_where_the_recorder_tells_it(
    farm: FarmThread, gateway: VideoGateway, told_by: tuple[str, ...]
) -> None:
    stream = await opened(gateway, source("told", farm.replay_url(told_by[0])), past(1_200), 2)
    _, pictures = await watched(gateway, stream)
    assert stream.began_at is not None
    assert stream.began_at.timestamp() == pytest.approx(shown_s(pictures)[0], abs=0.002 if told_by != (BY_RANGE,) else 0.1)


async def test_nothing_is_said_of_when_it_was_taken_where_an_address_was_asked(farm: FarmThread, gateway: VideoGateway) -> None:
    stream = await opened(gateway, source("street", farm.recorder_url("street")), past(1_200), 2)
    await gateway.close(stream.stream_id)
    assert stream.began_at is None


async def test_what_a_recorder_refuses_is_said_by_its_reason_and_without_its_address(
    farm: FarmThread, gateway: VideoGateway, url_of: Url
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"127.0.0.1:{closed.getsockname()[1]}"
    for url, seconds, reason in (
        (url_of(farm, "locked").replace(PASSWORD, "guess"), 60, "login-refused"),
        (url_of(farm, "locked"), 7_200, "no-recorder"),
        (url_of(farm, "silent"), 60, "no-recorder"),
        (url_of(farm, "street").replace(f"127.0.0.1:{farm.port}", nowhere), 60, "unreachable"),
        ("", 60, "no-recorder"),
    ):
        with pytest.raises(VideoRefused) as refused:
            await played(gateway, source("refused", url), past(seconds), 4)
        assert refused.value.reason == reason
        assert not any(secret in str(refused.value) for secret in (PASSWORD, "127.0.0.1", "rtsp", "starttime"))
    assert PASSWORD not in str(gateway.state())


async def test_what_is_played_counts_among_the_streams_until_it_is_closed(farm: FarmThread, gateway: VideoGateway, url_of: Url) -> None:
    camera, at = msgspec.structs.replace(source("street", url_of(farm, "street")), url=farm.url("street")), past(600)
    first, second = [await opened(gateway, camera, at, 30) for _ in range(2)]
    with pytest.raises(VideoRefused) as refused:
        await gateway.from_recorder(camera, at, at + timedelta(seconds=30))
    assert refused.value.reason == "at-limit"
    await gateway.close(first.stream_id)
    async with asyncio.timeout(10):
        while True:
            try:
                live = await gateway.open(camera, Quality.MAIN)
                break
            except VideoRefused as still:
                if still.reason != "at-limit":
                    raise
                await asyncio.sleep(0.2)
    for stream in (second, live):
        await gateway.close(stream.stream_id)
