"""One camera's stream: whatever goes wrong with it is told to whoever watches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from dispatch.clock import SystemClock
from feeds.video import h264, nal
from feeds.video import hub as hubs
from feeds.video.fmp4 import Fragment
from feeds.video.hub import Hub, PlayedOut, Timing, Told
from feeds.video.pull import NoSuchStream, Packet, PullFailed


class Anything:
    """Permits everything."""

    def transcode(self, hub: Hub) -> bool:
        return True

    def release(self, hub: Hub) -> None: ...


@pytest.fixture(autouse=True)
def by_libav(monkeypatch: pytest.MonkeyPatch) -> None:
    """All cameras are left to it, unless a test says otherwise."""
    monkeypatch.setattr(hubs, "connect", lambda *_: None)


async def test_a_fault_of_ours_over_what_a_camera_sends_is_told_and_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def pulled(*_: object, **__: object) -> Iterator[Packet | None]:
        yield None
        yield Packet(b"\0\0\1\x65", 0, 0.0, None)

    def broken(*_: object) -> None:
        raise IndexError("rtsp://admin:secret@10.0.0.1/x")

    monkeypatch.setattr(hubs, "pull", pulled)
    monkeypatch.setattr(hubs.Fmp4Writer, "feed", broken)
    monkeypatch.setattr(hubs, "STARTING_S", 0.3)
    hub = Hub(("rtsp://10.0.0.1/x",), SystemClock(), Timing(), Anything(), lambda _hub: None)

    async def watch() -> None:
        with hub.subscribe() as subscription:
            while True:
                await subscription.take()

    with pytest.raises(PullFailed, match=r"can't be read \(IndexError\)") as failed:
        await asyncio.wait_for(watch(), 10)
    assert failed.value.reason == "unplayable"
    assert "secret" not in str(failed.value)


def film(pictures: int, pixels: str) -> list[Packet]:
    """A key frame first; as an independent encoder makes it."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 320, 180, pixels, Fraction(1, 25)
    context.options = {"preset": "ultrafast", "tune": "zerolatency"}
    grey = av.VideoFrame.from_ndarray(np.full((180, 320), 90, np.uint8), format="gray").reformat(format=pixels)
    packets = []
    for tick in range(pictures):
        grey.pts = tick
        packets += [Packet(bytes(packet), tick * 3600, tick / 25, None) for packet in context.encode(grey)]
    return packets


class Fruitless:
    """A connection that brings nothing."""

    async def run(self, _: object) -> None:
        raise PullFailed("unreachable", "The camera ended the stream.")


async def test_a_camera_that_brings_nothing_is_tried_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "connect", lambda *_: Fruitless())
    plain = film(3, "yuv420p")
    await seen(monkeypatch, plain, len(plain))


async def seen(monkeypatch: pytest.MonkeyPatch, packets: list[Packet], pictures: int) -> None:
    """Watch until so many pictures have come, for ten seconds."""

    def pulled(*_: object, **__: object) -> Iterator[Packet | None]:
        yield None
        yield from packets

    monkeypatch.setattr(hubs, "pull", pulled)
    hub = Hub(("rtsp://10.0.0.1/x",), SystemClock(), Timing(), Anything(), lambda _hub: None)
    try:
        with hub.subscribe() as subscription:
            async with asyncio.timeout(10):
                while pictures:
                    pictures -= sum(isinstance(one, Fragment) for one in await subscription.take())
    finally:
        hub.close()


async def test_pictures_of_ten_bits_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PullFailed, match="more than 8 bits") as failed:
        await seen(monkeypatch, film(3, "yuv420p10le"), 1)
    assert failed.value.is_final


async def test_parameters_without_a_picture_say_nothing_of_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = film(3, "yuv420p")
    fine = next(one for one in nal.split(film(1, "yuv420p10le")[0].data) if nal.h264_type(one) == h264.SPS)
    assert not h264.read_sps(fine).is_plain
    await seen(monkeypatch, [Packet(nal.join([fine]), 0, 0.0, None), *plain], len(plain))


@pytest.mark.parametrize(
    ("pictures", "then", "failure", "reason"),
    [
        (3, None, PlayedOut, "expired"),
        (0, None, PullFailed, "no-recorder"),
        (0, NoSuchStream(), PullFailed, "no-recorder"),
        (0, PullFailed("unreachable", "no answer"), PullFailed, "unreachable"),
        (3, PullFailed("unreachable", "no answer"), PullFailed, "unreachable"),
    ],
)
async def test_what_is_played_once_is_kept_for_its_first_viewer_and_never_pulled_again(
    monkeypatch: pytest.MonkeyPatch, pictures: int, then: PullFailed | None, failure: type[PullFailed], reason: str
) -> None:
    pulls, is_watched = list[str](), threading.Event()
    whole = [*film(2, "yuv420p"), replace(film(1, "yuv420p")[0], pts=7200)]  # a key frame again

    def pulled(url: str, *_: object, **__: object) -> Iterator[Packet | None]:
        pulls.append(url)
        yield None
        yield from whole[:pictures]
        is_watched.wait(10)
        if then is not None:
            raise then

    monkeypatch.setattr(hubs, "pull", pulled)
    hub = Hub(("rtsp://10.0.0.1/x",), SystemClock(), Timing(), Anything(), lambda _hub: None, once=True)
    while pictures > len(hub.group):  # noqa: ASYNC110 a thread brings them
        await asyncio.sleep(0.01)
    fragments: list[Fragment] = []

    async def watch() -> None:
        with hub.subscribe() as subscription:
            is_watched.set()
            while True:
                fragments.extend(one for one in await subscription.take() if isinstance(one, Fragment))

    with pytest.raises(PullFailed) as failed:
        await asyncio.wait_for(watch(), 10)
    assert (type(failed.value), failed.value.reason, len(fragments)) == (failure, reason, pictures)
    await asyncio.sleep(0.4)
    assert len(pulls) == 1


async def test_a_camera_that_catches_up_is_told_with_how_late_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    is_told, is_over = threading.Event(), threading.Event()
    first, *more = film(2, "yuv420p")

    def pulled(*_: object, **__: object) -> Iterator[Packet | None]:
        yield None
        yield replace(first, late_s=20.0)
        is_told.wait(10)
        yield from (replace(one, late_s=3.0) for one in more)
        is_over.wait(10)

    monkeypatch.setattr(hubs, "pull", pulled)
    hub = Hub(("rtsp://10.0.0.1/x",), SystemClock(), Timing(), Anything(), lambda _hub: None)
    late: list[float | None] = []
    try:
        with hub.subscribe() as subscription:
            async with asyncio.timeout(5):
                while late[-1:] != [3.0]:
                    late += [one.late_s for one in await subscription.take() if isinstance(one, Told)]
                    if late:
                        is_told.set()
    finally:
        hub.close()
        is_over.set()
    assert late == [20.0, 3.0]


async def test_what_is_kept_for_the_next_viewer_has_an_end_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, is_over = film(6, "yuv420p"), threading.Event()

    def pulled(*_: object, **__: object) -> Iterator[Packet | None]:
        yield None
        yield from pictures
        is_over.wait(10)

    monkeypatch.setattr(hubs, "pull", pulled)
    kept = {}
    for most in (1 << 20, len(pictures[0].data)):  # the second is full with the key frame and its box
        monkeypatch.setattr(hubs, "MOST_KEPT_BYTES", most)
        hub = Hub(("rtsp://10.0.0.1/x",), SystemClock(), Timing(), Anything(), lambda _hub: None)
        try:
            with hub.subscribe() as subscription:
                async with asyncio.timeout(5):
                    seen = 0
                    while seen < len(pictures):
                        seen += sum(isinstance(one, Fragment) for one in await subscription.take())
            kept[most] = len(hub.group)
        finally:
            hub.close()
    is_over.set()
    assert list(kept.values()) == [len(pictures), 0]
