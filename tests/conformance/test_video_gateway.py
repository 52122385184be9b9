"""What every video gateway has to do, tried on test cameras that behave and on ones that lie."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from dispatch.clock import SystemClock
from feeds.video import screen_clock
from feeds.video.admission import Limits
from feeds.video.engine import EngineGateway
from feeds.video.farm import TestCamera
from feeds.video.farm_media import MAIN, SUB, Fault
from feeds.video.gateway import EmbeddedGateway
from feeds.video.hub import Timing
from operations.cameras.video import Quality, StreamKind, VideoRefused
from storage.cameras import CameraSource
from tests.feeds.video.engine_gateways import SECRET, VARIABLE, over_engines, real_mediamtx
from tests.feeds.video.farm_thread import FarmThread, running_farm

PASSWORD = "camera-pass-55"
HEVC, SMALL = replace(SUB, codec="hevc"), replace(SUB, gop_s=1.0)
CAMERAS = (
    TestCamera("plain", sub=SMALL),
    TestCamera("moody", sub=SMALL),
    TestCamera("sliced", sub=replace(SMALL, slices=4), key_on_play=False),
    TestCamera("b-frames", sub=replace(SMALL, b_frames=2)),
    TestCamera("hevc-1", sub=HEVC, main=HEVC),
    TestCamera("hevc-2", sub=HEVC, main=HEVC),
    TestCamera("hevc-large", sub=SUB, main=replace(MAIN, codec="hevc")),
    TestCamera("locked", sub=SMALL, user="admin", password=PASSWORD),
    TestCamera("no-key", sub=SMALL, fault=Fault.NO_KEY),
    TestCamera("wrong-clock", sub=SMALL, clock_error_s=-4_000.0),
    TestCamera("slow", sub=SMALL, clock_error_s=-9.0),  # as if its pictures took nine seconds
)
LIMITS = Limits(load=8, transcodes=1)


# What is tried on the built-in gateway alone, and why an engine before it would tell nothing more, or can't do it.
BUILT_IN_ONLY = {
    "test_every_shape_of_stream_is_seen": "an engine hands streams on as they come: RTSP in, RTSP out",
    "test_a_camera_that_drops_out_is_back_by_itself": "the engine comes back to its camera itself; here only the way to the engine breaks",
    "test_a_picture_that_must_not_be_trusted_is_said": "found in the pictures, behind the engine as without one",
    "test_garbage_is_survived": "an engine does not hand garbage on",
    "test_a_change_of_size_brings_a_new_beginning": "found in the stream, behind the engine as without one",
    "test_a_camera_without_key_frames_is_named": "found in the stream, behind the engine as without one",
    "test_a_wrong_password_is_named": "the engine logs in and says only that it has no pictures, which is `unreachable`",
    "test_pages_are_not_opened": "engines pull cameras by HTTP (HLS) too; of which host is the register's to check",
    "test_more_than_can_be_transcoded_is_refused_and_the_running_one_goes_on": "converting is the built-in gateway's",
    "test_a_stream_too_many_is_refused_and_the_running_ones_go_on": "admission is the built-in gateway's",
    "test_the_time_of_pictures_comes_from_the_camera_unless_its_clock_is_wrong": "engines send reports of their own clock",
    "test_what_was_tried_is_told": "states are the built-in gateway's",
    "test_a_process_that_dies_is_started_again_and_its_viewers_see_on": "the processes are the built-in gateway's",
    "test_addresses_are_on_no_command_line_and_in_no_environment": "the processes are the built-in gateway's",
}
ENGINES = ("mediamtx", "zlm", *(("real mediamtx",) if VARIABLE in os.environ else ()))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test over the built-in gateway, and over engines what they may do otherwise."""
    if "gateway" in metafunc.fixturenames:
        kinds = ("embedded",) if metafunc.function.__name__ in BUILT_IN_ONLY else ("embedded", *ENGINES)
        metafunc.parametrize("gateway", kinds, indirect=True, scope="module")


@pytest.fixture(scope="module")
def farm() -> Iterator[FarmThread]:
    with running_farm(*CAMERAS) as running:
        yield running


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, dict[str, Any]]]:
    """All kinds, over one built-in gateway: its process takes a second to start."""
    with asyncio.Runner() as runner, ExitStack() as stack:
        own = EmbeddedGateway(SystemClock(), 1, LIMITS, Timing(linger_s=1.0, no_key_s=4.0), frozen_after_s=2.0)
        made: dict[str, Any] = {"embedded": own, **over_engines(own)}
        if VARIABLE in os.environ:
            engine = stack.enter_context(real_mediamtx(tmp_path_factory.mktemp("mediamtx"), 8677, 8678))
            made["real mediamtx"] = EngineGateway(engine, own)
        runner.run(own.start())
        yield runner, made
        runner.run(own.stop())
        for kind in ENGINES:
            runner.run(made[kind].stop())


@pytest.fixture(scope="module")
def gateway(request: pytest.FixtureRequest, gateways: tuple[asyncio.Runner, dict[str, Any]]) -> Gateway:
    runner, made = gateways
    return Gateway(made[request.param], runner, request.param)


class Gateway:
    """A running one, asked from tests without a loop of their own."""

    def __init__(self, made: Any, runner: asyncio.Runner, kind: str) -> None:
        self.made, self._runner, self.kind = made, runner, kind

    def run(self, awaitable: Any) -> Any:
        return self._runner.run(awaitable)

    def camera(self, farm: FarmThread, name: str) -> CameraSource:
        """One of the farm, under an id of this kind's own: what another kind has open is no help."""
        return CameraSource(self.id_of(name), farm.url(name, "main"), farm.url(name, "sub"), "test", 0.0)

    def id_of(self, name: str) -> str:
        return f"{name}@{self.kind}"


class Watching:
    """One viewer: keeps what came."""

    def __init__(self) -> None:
        self.inits: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self.binaries: list[bytes] = []  # of the present stream; the first is its init segment
        self.pictures = 0

    def hear(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.binaries.append(message)
            self.pictures += message.count(b"moof")
            return
        text = json.loads(message)
        if "mime" in text:
            self.inits.append(text)
            self.binaries.clear()
        else:
            self.states.append(text)

    def frames(self) -> list[np.ndarray]:
        """What an independent player shows, grey."""
        with av.open(io.BytesIO(b"".join(self.binaries)), "r", format="mp4") as container:
            return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]

    def ages_s(self) -> list[float]:
        """How old each picture is by its own clock, if it were looked at now."""
        return [time.time() - (screen_clock.read(frame) or 0) / 1000 for frame in self.frames()]


async def watch(
    gateway: Gateway, source: CameraSource, until: Callable[[Watching], bool], quality: Quality = Quality.SUB, within_s: float = 8.0
) -> Watching:
    """Open and look until something is so. Raises VideoRefused and TimeoutError."""
    seen = Watching()
    async with asyncio.timeout(within_s):
        stream = await gateway.made.open(source, quality)
        assert stream.kind is StreamKind.WS_FMP4
        async with aclosing(gateway.made.watch(stream.stream_id)) as messages:
            async for message in messages:
                seen.hear(message)
                if until(seen):
                    return seen
    raise AssertionError("the stream ended")


def some(count: int) -> Callable[[Watching], bool]:
    return lambda seen: seen.pictures >= count


def refused(gateway: Gateway, source: CameraSource, quality: Quality = Quality.SUB, within_s: float = 15.0) -> str:
    """The reason, wherever it is told."""
    with pytest.raises(VideoRefused) as raised:
        gateway.run(watch(gateway, source, lambda _: False, quality, within_s))
    assert PASSWORD not in str(raised.value)
    assert "rtsp" not in str(raised.value).replace("rtsp:// or rtsps://", "")
    return str(raised.value.reason)


def is_seen_as_it_is_now(farm: FarmThread, gateway: Gateway, name: str) -> Watching:
    seen: Watching = gateway.run(watch(gateway, gateway.camera(farm, name), some(20)))
    assert seen.inits[0]["mime"] == f'video/mp4; codecs="{seen.inits[0]["codec"]}"'
    assert seen.ages_s()[-1] < 1.2
    assert len(seen.frames()) >= 20
    return seen


def test_a_camera_that_wants_a_password_is_seen_as_it_is_now(farm: FarmThread, gateway: Gateway) -> None:
    assert not is_seen_as_it_is_now(farm, gateway, "locked").inits[0]["transcoded"]


@pytest.mark.parametrize("name", ["plain", "sliced", "b-frames", "hevc-1"])
def test_every_shape_of_stream_is_seen(farm: FarmThread, gateway: Gateway, name: str) -> None:
    assert is_seen_as_it_is_now(farm, gateway, name).inits[0]["transcoded"] == (name == "hevc-1")


def test_the_second_viewer_starts_at_once(farm: FarmThread, gateway: Gateway) -> None:
    async def two() -> tuple[float, int]:
        first = asyncio.create_task(watch(gateway, gateway.camera(farm, "plain"), some(30)))
        await asyncio.sleep(1.0)
        before, begun = farm.plays("plain"), time.monotonic()
        await watch(gateway, gateway.camera(farm, "plain"), some(1))
        took_s = time.monotonic() - begun
        await first
        return took_s, farm.plays("plain") - before

    took_s, plays = gateway.run(two())
    assert took_s < 0.4
    assert plays == 0  # the camera is not asked again


def test_the_large_picture_is_large(farm: FarmThread, gateway: Gateway) -> None:
    seen = gateway.run(watch(gateway, gateway.camera(farm, "plain"), some(3), Quality.MAIN))
    assert (seen.inits[0]["width"], seen.inits[0]["height"]) == (1280, 720)


def test_a_camera_that_drops_out_is_back_by_itself(farm: FarmThread, gateway: Gateway) -> None:
    async def cut_and_back() -> float:
        seen = Watching()
        stream = await gateway.made.open(gateway.camera(farm, "moody"), Quality.SUB)
        back_at = 0.0
        async with asyncio.timeout(15), aclosing(gateway.made.watch(stream.stream_id)) as messages:
            async for message in messages:
                seen.hear(message)
                if seen.pictures >= 5 and not back_at:
                    farm.fail("moody", Fault.DROP)
                    await asyncio.sleep(2.5)
                    farm.fail("moody", Fault.NONE)
                    back_at = time.monotonic()
                if len(seen.inits) > 1 and seen.binaries[1:]:
                    return time.monotonic() - back_at
        raise AssertionError("it did not come back")

    assert gateway.run(cut_and_back()) < 3.0


@pytest.mark.parametrize(("fault", "state"), [(Fault.BLACK, "black"), (Fault.FREEZE, "frozen"), (Fault.STALL, "late")])
def test_a_picture_that_must_not_be_trusted_is_said(farm: FarmThread, gateway: Gateway, fault: Fault, state: str) -> None:
    def is_told(seen: Watching) -> bool:
        return any(one["state"] == state for one in seen.states)

    farm.fail("moody", fault if fault is not Fault.STALL else Fault.NONE)
    try:
        looking = stalled(farm, gateway) if fault is Fault.STALL else watch(gateway, gateway.camera(farm, "moody"), is_told, within_s=14.0)
        seen = gateway.run(looking)
        told = next(one for one in seen.states if one["state"] == state)
        assert told["since"].endswith("+00:00")
    finally:
        farm.fail("moody", Fault.NONE)


async def stalled(farm: FarmThread, gateway: Gateway) -> Watching:
    def until(seen: Watching) -> bool:
        if seen.pictures >= 5:
            farm.fail("moody", Fault.STALL)
        return any(one["state"] == "late" and one["late_s"] >= 2.0 for one in seen.states)

    return await watch(gateway, gateway.camera(farm, "moody"), until, within_s=14.0)


def test_garbage_is_survived(farm: FarmThread, gateway: Gateway) -> None:
    farm.fail("moody", Fault.GARBAGE)
    try:
        with pytest.raises((VideoRefused, TimeoutError)):
            gateway.run(watch(gateway, gateway.camera(farm, "moody"), lambda _: False, within_s=2.0))
    finally:
        farm.fail("moody", Fault.NONE)
    assert gateway.run(watch(gateway, gateway.camera(farm, "moody"), some(20))).pictures >= 20


def test_a_change_of_size_brings_a_new_beginning(farm: FarmThread, gateway: Gateway) -> None:
    def until(seen: Watching) -> bool:
        if seen.pictures >= 5:
            farm.fail("moody", Fault.RESOLUTION)
        return len(seen.inits) > 1 and len(seen.binaries) > 3

    try:
        seen = gateway.run(watch(gateway, gateway.camera(farm, "moody"), until))
    finally:
        farm.fail("moody", Fault.NONE)
    assert [one["width"] for one in seen.inits] == [640, 480]
    assert seen.frames()[0].shape == (272, 480)


def test_a_camera_without_key_frames_is_named(farm: FarmThread, gateway: Gateway) -> None:
    assert refused(gateway, gateway.camera(farm, "no-key")) == "no-key-frame"


def test_a_wrong_password_is_named(farm: FarmThread, gateway: Gateway) -> None:
    wrong = farm.url("locked").replace(PASSWORD, "guess")
    assert refused(gateway, CameraSource("locked-wrong", wrong, "", "test", 0.0)) == "login-refused"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "concat:/etc/passwd", "rtsp://", "not an address"])
def test_only_addresses_of_cameras_are_opened(gateway: Gateway, url: str) -> None:
    assert refused(gateway, CameraSource("odd", url, "", "test", 0.0)) == "bad-address"


def test_pages_are_not_opened(gateway: Gateway) -> None:
    assert refused(gateway, CameraSource("odd", "http://127.0.0.1/x", "", "test", 0.0)) == "bad-address"


def test_a_camera_without_an_address_is_named(gateway: Gateway) -> None:
    assert refused(gateway, CameraSource("bare", "", "", "test", 0.0)) == "no-address"


def test_a_hevc_camera_is_shown_by_its_h264_substream_first(farm: FarmThread, gateway: Gateway) -> None:
    seen = gateway.run(watch(gateway, gateway.camera(farm, "hevc-large"), some(3), Quality.MAIN))
    assert seen.inits[0]["width"] == 640
    gateway.run(asyncio.sleep(1.1))  # states are told once a second
    assert not gateway.made.states()[gateway.id_of("hevc-large")].transcoded


def test_more_than_can_be_transcoded_is_refused_and_the_running_one_goes_on(farm: FarmThread, gateway: Gateway) -> None:
    async def both() -> tuple[str, Watching]:
        first = asyncio.create_task(watch(gateway, gateway.camera(farm, "hevc-1"), some(45), within_s=15.0))
        await asyncio.sleep(1.5)
        try:
            await watch(gateway, gateway.camera(farm, "hevc-2"), some(1))
        except VideoRefused as refused:
            return refused.reason, await first
        raise AssertionError("it was not refused")

    reason, seen = gateway.run(both())
    assert reason == "transcoding-at-limit"
    assert seen.pictures >= 45


def test_a_stream_too_many_is_refused_and_the_running_ones_go_on(farm: FarmThread, gateway: Gateway) -> None:
    async def many() -> tuple[list[str], int]:
        url, reasons, opened = farm.url("plain"), [], []
        for number in range(LIMITS.load + 2):
            try:
                opened.append(await gateway.made.open(CameraSource(f"many-{number}", url, "", "test", 0.0), Quality.SUB))
            except VideoRefused as refused:
                reasons.append(refused.reason)
        seen = await watch(gateway, CameraSource("many-0", url, "", "test", 0.0), some(10))
        for stream in opened:
            await gateway.made.close(stream.stream_id)
        await asyncio.sleep(1.6)  # closed ones end at once, the watched one lingers
        return reasons, seen.pictures

    gateway.run(asyncio.sleep(2.5))  # what the tests before have opened ends
    reasons, pictures = gateway.run(many())
    assert len(reasons) >= 2
    assert set(reasons) == {"at-limit"}
    assert pictures >= 10


def test_a_stream_that_nobody_knows_is_refused(gateway: Gateway) -> None:
    async def unknown() -> None:
        async for _ in gateway.made.watch("nothing"):
            pass

    with pytest.raises(VideoRefused, match="open it again"):
        gateway.run(unknown())
    gateway.run(gateway.made.close("nothing"))


def test_a_still_is_of_now_and_opens_nothing_for_long(farm: FarmThread, gateway: Gateway) -> None:
    taken = gateway.run(gateway.made.snapshot(gateway.camera(farm, "plain")))
    picture = Image.open(io.BytesIO(taken.jpeg))
    assert picture.size == (640, 360)
    shown_at = (screen_clock.read(np.asarray(picture.convert("L"))) or 0) / 1000
    assert abs(shown_at - taken.taken_at.timestamp()) < 0.5
    assert time.time() - shown_at < 5.0


def test_the_time_of_pictures_comes_from_the_camera_unless_its_clock_is_wrong(farm: FarmThread, gateway: Gateway) -> None:
    async def look(*names: str) -> list[Any]:
        await asyncio.gather(*(watch(gateway, gateway.camera(farm, name), some(25)) for name in names))
        await asyncio.sleep(1.1)
        return [gateway.made.states()[gateway.id_of(name)] for name in names]

    plain, wrong_clock, slow = gateway.run(look("plain", "wrong-clock", "slow"))
    assert 0.0 <= plain.late_s < 1.0
    assert wrong_clock.late_s is None
    assert slow.late_s == pytest.approx(9.0, abs=1.0)


def test_what_was_tried_is_told(farm: FarmThread, gateway: Gateway) -> None:
    states = gateway.made.states()
    assert states[gateway.id_of("plain")].last_picture_at is not None
    assert states[gateway.id_of("plain")].last_error == ""
    assert states[gateway.id_of("no-key")].last_error


def test_no_state_tells_an_address(gateway: Gateway) -> None:
    states = gateway.made.states()
    assert gateway.id_of("locked") in states
    told = repr(states) + json.dumps(gateway.made.state())
    assert not any(secret in told for secret in (PASSWORD, SECRET, "rtsp"))


async def _killed(gateway: Gateway, source: CameraSource) -> tuple[int, Watching]:
    seen, pid = Watching(), gateway.made.pids()[0]
    stream = await gateway.made.open(source, Quality.SUB)
    async with asyncio.timeout(15), aclosing(gateway.made.watch(stream.stream_id)) as messages:
        async for message in messages:
            seen.hear(message)
            if seen.pictures >= 5 and len(seen.inits) == 1 and gateway.made.pids() == [pid]:
                os.kill(pid, signal.SIGKILL)
            if len(seen.inits) == 2 and len(seen.binaries) > 3:
                break
    return pid, seen


def test_a_process_that_dies_is_started_again_and_its_viewers_see_on(farm: FarmThread, gateway: Gateway) -> None:
    pid, seen = gateway.run(_killed(gateway, gateway.camera(farm, "plain")))
    assert gateway.made.pids() != [pid]
    assert seen.ages_s()[-1] < 1.2


def test_addresses_are_on_no_command_line_and_in_no_environment(farm: FarmThread, gateway: Gateway) -> None:
    gateway.run(watch(gateway, gateway.camera(farm, "locked"), some(2)))
    for pid in gateway.made.pids():
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                assert PASSWORD.encode() not in file.read()


def test_what_is_tried_on_one_kind_alone_is_still_there() -> None:
    assert set(BUILT_IN_ONLY) - set(globals()) == set()
