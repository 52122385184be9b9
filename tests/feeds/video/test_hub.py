"""One camera's stream: whatever goes wrong with it is told to whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from dispatch.clock import SystemClock
from feeds.video import hub as hubs
from feeds.video.hub import Hub, Timing
from feeds.video.pull import Packet, PullFailed


class Anything:
    """Permits everything."""

    def transcode(self, hub: Hub) -> bool:
        return True

    def release(self, hub: Hub) -> None: ...


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
