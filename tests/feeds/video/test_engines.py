"""Engines by doubles of their documented interfaces. No real engine was at hand: docs/video-engines.md says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from dispatch.clock import ManualClock
from feeds.video import engine as engines
from feeds.video.engine import EngineGateway
from feeds.video.gateway import EmbeddedGateway
from feeds.video.mediamtx import MediaMtx
from feeds.video.wvp import Wvp
from feeds.video.zlmediakit import ZlMediaKit
from operations.cameras.video import CameraState, Quality, Stream, StreamKind, VideoRefused
from storage.cameras import CameraSource
from tests.feeds.video.engine_doubles import MediaMtxDouble, WvpDouble, ZlmDouble

CAMERA = CameraSource("cam-1", "rtsp://admin:pw@10.0.0.5/main", "rtsp://admin:pw@10.0.0.5/sub", "csv", 0.0)
DEVICE, CHANNEL = "33020300001180000001", "33020300001320000001"
GB_CAMERA = CameraSource(CHANNEL, f"gb28181://{DEVICE}/{CHANNEL}", "", "gb28181", 0.0)
AT, TO = datetime(2026, 3, 1, 8, 0, tzinfo=UTC), datetime(2026, 3, 1, 8, 10, tzinfo=UTC)


class OwnGateway:
    """Stands for the built-in gateway: remembers what it was to open."""

    def __init__(self) -> None:
        self.opened: list[CameraSource] = []

    async def open(self, camera: CameraSource, quality: Quality) -> Stream:
        self.opened.append(camera)
        return Stream("s1", camera.camera_id, quality, StreamKind.WS_FMP4, f"/video/{camera.camera_id}", None, AT)

    async def record(self, wanted: Sequence[tuple[CameraSource, Quality]]) -> None:
        self.recorded = [(camera.camera_id, camera.url, quality) for camera, quality in wanted]

    def states(self) -> dict[str, CameraState]:
        return {one.camera_id: CameraState(one.camera_id) for one in self.opened}

    def state(self) -> dict[str, Any]:
        return {"state": "ok"}


@pytest.fixture
def wired(monkeypatch):
    """Connects a client to a double instead of a network."""
    doubles: dict[str, Any] = {}
    whole = httpx.AsyncClient

    def client(base_url: str, **options: Any) -> httpx.AsyncClient:
        return whole(base_url=base_url, transport=httpx.MockTransport(doubles[base_url]), **options)

    monkeypatch.setattr(engines.httpx, "AsyncClient", client)
    return doubles


async def test_mediamtx_gets_a_path_on_demand_and_no_name_tells_the_address(wired):
    double = wired["http://mtx:9997"] = MediaMtxDouble()
    engine = MediaMtx("http://mtx:9997", "rtsp://mtx:8554", "liandong", "s3cret")
    first, again, large = [await engine.source(CAMERA, quality) for quality in (Quality.SUB, Quality.SUB, Quality.MAIN)]
    assert first == again != large
    assert first.startswith("rtsp://liandong:s3cret@mtx:8554/cam-1-")
    assert [path["source"] for path in double.paths.values()] == [CAMERA.substream_url, CAMERA.url]
    assert all(path["sourceOnDemand"] for path in double.paths.values())
    assert not any("10.0.0.5" in name or "pw" in name for name in double.paths)


@pytest.mark.parametrize(
    ("camera", "reason"), [(GB_CAMERA, "bad-address"), (CameraSource("c", "", "", "csv", 0.0), "no-address")], ids=["gb28181", "none"]
)
async def test_mediamtx_refuses_what_it_can_not_pull(wired, camera, reason):
    wired["http://mtx:9997"] = MediaMtxDouble()
    with pytest.raises(VideoRefused) as refused:
        await MediaMtx("http://mtx:9997", "rtsp://mtx:8554", "liandong", "s3cret").source(camera, Quality.SUB)
    assert refused.value.reason == reason


@pytest.mark.parametrize("fault", ["gone", "secret"])
async def test_an_engine_that_is_gone_or_does_not_know_us_is_said_without_addresses(wired, fault):
    double = wired["http://mtx:9997"] = MediaMtxDouble()
    double.is_broken = fault == "gone"
    engine = MediaMtx("http://mtx:9997", "rtsp://mtx:8554", "liandong", "wrong" if fault == "secret" else "s3cret")
    with pytest.raises(VideoRefused) as refused:
        await engine.source(CAMERA, Quality.SUB)
    assert refused.value.reason == "starting"
    assert "MediaMTX" in str(refused.value)
    assert "10.0.0.5" not in str(refused.value)


async def test_zlmediakit_pulls_a_camera_once_and_lets_go_by_itself(wired):
    double = wired["http://zlm"] = ZlmDouble()
    engine = ZlMediaKit("http://zlm", "rtsp://zlm:554", "s3cret", None)
    assert await engine.source(CAMERA, Quality.SUB) == await engine.source(CAMERA, Quality.SUB)
    [(place, asked)] = double.proxies.items()
    assert await engine.source(CAMERA, Quality.SUB) == f"rtsp://zlm:554/liandong/{place[2]}"
    assert (asked["url"], asked["auto_close"]) == (CAMERA.substream_url, "1")


async def test_zlmediakit_says_what_it_can_not_do(wired):
    double = wired["http://zlm"] = ZlmDouble()
    double.unreachable.add(CAMERA.substream_url)
    for secret, camera, reason in (("s3cret", CAMERA, "unreachable"), ("wrong", CAMERA, "starting"), ("s3cret", GB_CAMERA, "bad-address")):
        with pytest.raises(VideoRefused) as refused:
            await ZlMediaKit("http://zlm", "rtsp://zlm:554", secret, None).source(camera, Quality.SUB)
        assert refused.value.reason == reason


async def test_a_gb28181_camera_is_played_by_wvp(wired):
    wired["http://zlm"], double = ZlmDouble(), WvpDouble()
    wired["http://wvp"] = double
    double.channels[DEVICE, CHANNEL] = "rtsp://zlm:554/rtp/x"
    engine = ZlMediaKit("http://zlm", "rtsp://zlm:554", "s3cret", Wvp("http://wvp", "k3y"))
    assert await engine.source(GB_CAMERA, Quality.MAIN) == "rtsp://zlm:554/rtp/x"
    double.channels.clear()
    with pytest.raises(VideoRefused) as refused:
        await engine.source(GB_CAMERA, Quality.MAIN)
    assert refused.value.reason == "unreachable"


async def test_recordings_and_playback_are_asked_in_chinas_time(wired):
    wired["http://zlm"], double = ZlmDouble(), WvpDouble()
    wired["http://wvp"] = double
    double.channels[DEVICE, CHANNEL] = "rtsp://zlm:554/rtp/p"
    double.records = [
        {"startTime": "2026-03-01 16:05:00", "endTime": "2026-03-01 16:10:00", "name": "b"},
        {"startTime": "2026-03-01T16:00:00", "endTime": "2026-03-01T16:05:00", "name": "a"},
        {"startTime": "nonsense", "endTime": "", "name": "x"},
    ]
    wvp, own = Wvp("http://wvp", "k3y"), OwnGateway()
    gateway = EngineGateway(ZlMediaKit("http://zlm", "rtsp://zlm:554", "s3cret", wvp), own, wvp)  # type: ignore[arg-type]
    found = await gateway.recordings(GB_CAMERA, AT, TO)
    assert [(one.name, one.from_at.astimezone(UTC)) for one in found] == [("a", AT), ("b", AT.replace(minute=5))]
    stream = await gateway.playback(GB_CAMERA, AT, TO)
    expected = {"startTime": "2026-03-01 16:00:00", "endTime": "2026-03-01 16:10:00"}
    assert double.asked == [(f"/api/gb_record/query/{DEVICE}/{CHANNEL}", expected), (f"/api/playback/start/{DEVICE}/{CHANNEL}", expected)]
    assert (stream.camera_id, stream.url) == (CHANNEL, f"/video/{CHANNEL}")
    assert own.opened[0].url == "rtsp://zlm:554/rtp/p"
    await gateway.playback(GB_CAMERA, AT, TO)
    first, second = [one.camera_id for one in own.opened]
    assert first != second, "two who play the same moment do not share a stream"
    embedded = EmbeddedGateway(ManualClock(AT))
    embedded._hear([CameraState(first), CameraState(second), CameraState("cam~1")])
    assert set(embedded.states()) == {"cam~1"}, "what is played is not the camera's state"


async def test_what_the_own_gateway_opens_is_the_engines_address(wired):
    wired["http://mtx:9997"] = MediaMtxDouble()
    own = OwnGateway()
    gateway = EngineGateway(MediaMtx("http://mtx:9997", "rtsp://mtx:8554", "liandong", "s3cret"), own)  # type: ignore[arg-type]
    stream = await gateway.open(CAMERA, Quality.SUB)
    assert own.opened[0].url.startswith("rtsp://liandong:s3cret@mtx:8554/")
    assert (own.opened[0].substream_url, stream.url) == ("", "/video/cam-1")
    with pytest.raises(VideoRefused) as refused:
        await gateway.open(GB_CAMERA, Quality.SUB)
    assert (refused.value.reason, gateway.state()) == ("bad-address", {"state": "ok", "engine": "MediaMTX", "refused_by_engine": 1})
    with pytest.raises(VideoRefused, match="no recorder"):
        await gateway.recordings(CAMERA, AT, TO)


async def test_recorded_is_what_the_engine_hands_on_and_what_it_can_not_is_left_out(wired):
    wired["http://mtx:9997"] = MediaMtxDouble()
    own = OwnGateway()
    gateway = EngineGateway(MediaMtx("http://mtx:9997", "rtsp://mtx:8554", "liandong", "s3cret"), own)  # type: ignore[arg-type]
    await gateway.record([(CAMERA, Quality.SUB), (GB_CAMERA, Quality.SUB)])
    [(camera_id, url, quality)] = own.recorded
    assert (camera_id, quality) == ("cam-1", Quality.SUB)
    assert url.startswith("rtsp://liandong:s3cret@mtx:8554/")
    assert gateway.state()["refused_by_engine"] == 1


class SlowEngine:
    """Answers when its gate is opened, unless its control is away."""

    name = "slow"

    def __init__(self) -> None:
        self.gate, self.asking, self.is_away = asyncio.Event(), 0, False

    async def source(self, camera: CameraSource, quality: Quality) -> str:
        self.asking += 1
        await self.gate.wait()
        if self.is_away:
            raise VideoRefused("starting", "slow does not answer")
        return f"rtsp://slow/{camera.camera_id}"

    async def stop(self) -> None: ...


async def test_cameras_to_be_recorded_are_asked_for_side_by_side_and_go_on_while_the_control_is_away():
    engine, own = SlowEngine(), OwnGateway()
    gateway = EngineGateway(engine, own)  # type: ignore[arg-type]
    wanted = [(CameraSource(f"cam-{number}", f"rtsp://10.0.0.{number}/x", "", "csv", 0.0), Quality.SUB) for number in range(20)]
    telling = asyncio.create_task(gateway.record(wanted))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert engine.asking == engines.MOST_ASKED_AT_ONCE
    engine.gate.set()
    await telling
    told = own.recorded
    assert [camera_id for camera_id, *_ in told] == [camera.camera_id for camera, _ in wanted], "the most important first"
    engine.is_away = True
    await gateway.record([(msgspec.structs.replace(camera, written_at=9.0), quality) for camera, quality in wanted])
    assert own.recorded == told
    moved = [(msgspec.structs.replace(camera, url="rtsp://10.0.0.99/x"), quality) for camera, quality in wanted[:1]]
    await gateway.record(moved + wanted[1:])
    assert own.recorded == told[1:], "what was handed on was another address"
    assert gateway.state()["refused_by_engine"] == 40
