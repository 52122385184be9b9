"""Pictures all the way: a test camera, handed on by an engine's double, through the built-in processes, as messages to a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import httpx
import msgspec
import pytest

from dispatch.clock import SystemClock
from feeds.video import engine as engines
from feeds.video.engine import EngineGateway
from feeds.video.farm import TestCamera
from feeds.video.gateway import EmbeddedGateway
from feeds.video.wvp import Wvp
from feeds.video.zlmediakit import ZlMediaKit
from operations.cameras.video import Quality, Stream, VideoRefused
from storage.cameras import CameraSource
from tests.feeds.video.engine_doubles import WvpDouble, ZlmDouble
from tests.feeds.video.farm_thread import running_farm

DEVICE, CHANNEL = "33020300001180000001", "33020300001320000001"
CAMERA = CameraSource(CHANNEL, f"gb28181://{DEVICE}/{CHANNEL}", "", "gb28181", 0.0)


@pytest.fixture
async def gateway(monkeypatch) -> AsyncIterator[EngineGateway]:
    wvp_double, whole = WvpDouble(), httpx.AsyncClient
    doubles = {"http://zlm": ZlmDouble(), "http://wvp": wvp_double}
    monkeypatch.setattr(
        engines.httpx, "AsyncClient", lambda base_url, **o: whole(base_url=base_url, transport=httpx.MockTransport(doubles[base_url]), **o)
    )
    with running_farm(TestCamera("street")) as farm:
        wvp_double.channels[DEVICE, CHANNEL] = farm.url("street")
        wvp = Wvp("http://wvp", "k3y")
        one = EngineGateway(ZlMediaKit("http://zlm", "rtsp://zlm:554", "s3cret", wvp), EmbeddedGateway(SystemClock()), wvp)
        await one.start()
        try:
            yield one
        finally:
            await one.stop()


async def opened(gateway: EngineGateway) -> Stream:
    """The processes need a moment to start."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await gateway.open(CAMERA, Quality.SUB)
            except VideoRefused as refused:
                if refused.reason != "starting":
                    raise
                await asyncio.sleep(0.2)


async def first(gateway: EngineGateway, stream: Stream) -> list[str | bytes]:
    messages: list[str | bytes] = []
    async with asyncio.timeout(20), aclosing(gateway.watch(stream.stream_id)) as watched:
        async for message in watched:
            messages.append(message)
            if len(messages) == 3:
                return messages
    raise AssertionError("the stream has ended")


async def test_a_gb28181_camera_is_seen_live_as_a_still_and_from_the_past(gateway):
    stream = await opened(gateway)
    told, init, fragment = await first(gateway, stream)
    assert msgspec.json.decode(told)["codec"].startswith("avc1.")
    assert (init[4:8], fragment[4:8]) == (b"ftyp", b"moof")
    async with asyncio.timeout(20):
        assert (await gateway.snapshot(CAMERA)).jpeg.startswith(b"\xff\xd8")
    at = SystemClock().now() - timedelta(minutes=10)
    past = await gateway.playback(CAMERA, at, at + timedelta(minutes=5))
    assert past.url == stream.url == f"/video/{CHANNEL}"
    assert (await first(gateway, past))[1][4:8] == b"ftyp"
    assert set(gateway.states()) <= {CHANNEL}
