"""A camera's pictures taken on the event loop: all that comes, when it was taken, and what is left to libav."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from dispatch.clock import SystemClock
from feeds.video import live_connection, nal, rtp, rtsp_session
from feeds.video.live_connection import LiveConnection, connect
from feeds.video.pull import Packet, PullFailed
from feeds.video.rtp import Packetizer, interleaved
from tests.feeds.video.scripted_recorder import SDP, Asked, honest, scripted

Says = Callable[[Asked], bytes | None]
STEP = 3_600  # of RTP, between two pictures


def playing(media: bytes) -> Says:
    def says(asked: Asked) -> bytes | None:
        said = honest(asked)
        return said + media if said is not None and asked.method == "PLAY" else said

    return says


async def connected(says: Says, scheme: str = "rtsp") -> LiveConnection | None:
    with scripted(says) as camera:
        connection = await asyncio.to_thread(connect, camera.url("admin:secret@", scheme), SystemClock(), lambda: True)
        if connection is not None:
            connection.close()
        return connection


async def taken(says: Says) -> tuple[list[Packet], PullFailed, list[str]]:
    """What came, why no more did, and what the camera was asked."""
    packets: list[Packet] = []
    with scripted(says) as camera:
        connection = await asyncio.to_thread(connect, camera.url(), SystemClock(), lambda: True)
        assert connection is not None
        with pytest.raises(PullFailed) as failed:
            async with asyncio.timeout(5):
                await connection.run(packets.append)
        await asyncio.sleep(0.01)  # the connection is closed
    return packets, failed.value, camera.methods()


def film(first: int, pictures: int, packetizer: Packetizer) -> list[bytes]:
    """RTP packets of pictures of two packets each."""
    units = [b"\x65" + bytes(2_000) if k == 0 else b"\x41" + bytes(2_000) for k in range(pictures)]
    return [packet for k, unit in enumerate(units) for packet in packetizer.packets([unit], first + k * STEP)]


async def test_pictures_come_with_the_cameras_time_over_an_overflow_of_its_count() -> None:
    packetizer, first, at_s = Packetizer("h264", 7), 2**32 - STEP, time.time() - 0.5
    media = interleaved(1, packetizer.sender_report(at_s, first))
    media += b"".join(interleaved(0, one) for one in film(first, 3, packetizer)) + interleaved(1, packetizer.bye())
    (parameters, *pictures), failure, _ = await taken(playing(media))
    assert [nal.h264_type(unit) for unit in nal.split(parameters.data)] == [7, 8]
    assert [len(one.data) for one in pictures] == [2_005] * 3
    assert [one.pts - pictures[0].pts for one in pictures] == [0, STEP, 2 * STEP]
    assert [one.captured_at for one in pictures] == pytest.approx([at_s, at_s + 0.04, at_s + 0.08], abs=0.001)
    assert all(0.3 < (one.late_s or 0.0) < 5.0 for one in pictures)
    assert str(failure) == "The camera ended the stream."


async def test_of_a_packet_that_never_came_one_picture_is_lost() -> None:
    packetizer = Packetizer("h264", 7)
    packets = film(0, 4, packetizer)
    del packets[2]
    media = b"".join(interleaved(0, one) for one in packets) + interleaved(1, packetizer.bye())
    (_, *pictures), _, _ = await taken(playing(media))
    assert [one.pts for one in pictures] == [0, 2 * STEP, 3 * STEP]


@pytest.mark.parametrize(("public", "alive"), [("DESCRIBE, GET_PARAMETER, PLAY", "GET_PARAMETER"), ("DESCRIBE, PLAY", "OPTIONS")])
async def test_a_camera_that_only_answers_is_silent_and_its_session_is_kept(
    monkeypatch: pytest.MonkeyPatch, public: str, alive: str
) -> None:
    monkeypatch.setattr(live_connection, "SILENT_S", 0.3)
    monkeypatch.setattr(live_connection, "LOOKED_AFTER_S", 0.02)
    monkeypatch.setattr(rtsp_session, "SESSION_S", 0.1)

    def idle(asked: Asked) -> bytes | None:
        if asked.method == "SETUP":
            return asked.answer(Session="77", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        if asked.method == "OPTIONS":
            return asked.answer(Public=public)
        return asked.answer("454 Session Not Found") if asked.method == alive else honest(asked)

    packets, failure, methods = await taken(idle)
    assert (len(packets), failure.reason) == (1, "unreachable")
    assert methods[:6] == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", alive, alive]
    assert methods[-1] == "TEARDOWN"


@pytest.mark.parametrize("media", [b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_one_that_takes_no_answers_or_speaks_something_else_is_given_up(monkeypatch: pytest.MonkeyPatch, media: bytes) -> None:
    monkeypatch.setattr(live_connection, "MOST_UNSENT", -1)
    _, failure, _ = await taken(playing(media))
    assert failure.reason == ("unreachable" if media.startswith(b"OPTIONS") else "unplayable")


async def test_what_is_wrong_with_a_picture_is_told_to_who_waits() -> None:
    media = interleaved(0, film(0, 1, Packetizer("h264", 7))[0])

    def broken(_: Packet) -> None:
        raise PullFailed("no-key-frame", "none")

    with scripted(playing(media)) as camera:
        connection = await asyncio.to_thread(connect, camera.url(), SystemClock(), lambda: True)
        assert connection is not None
        with pytest.raises(PullFailed, match="none"):
            await connection.run(broken)
        await asyncio.sleep(0.01)
    assert camera.methods()[-1] == "TEARDOWN"


async def test_it_ends_when_nobody_wants_it() -> None:
    with scripted(honest) as camera:
        connection = await asyncio.to_thread(connect, camera.url(), SystemClock(), lambda: True)
        assert connection is not None
        asyncio.get_running_loop().call_later(0.05, connection.end)
        async with asyncio.timeout(5):
            await connection.run(lambda _: None)


@pytest.mark.parametrize(
    ("status", "failure"),
    [("401 Unauthorized", "login-refused"), ("404 Not Found", "unreachable"), ("302 Moved", None), ("", None), ("200 OK", None)],
)
async def test_what_libav_may_do_better_is_left_to_it(status: str, failure: str | None) -> None:
    def says(asked: Asked) -> bytes | None:
        return asked.answer(status, SDP.replace("H264", "H265"), Content_Type="application/sdp") if status else None

    if failure is None:
        assert await connected(says) is None
        return
    with pytest.raises(PullFailed) as failed:
        await connected(says)
    assert failed.value.reason == failure
    assert "secret" not in f"{failed.value!r} {failed.value.__cause__!r}"


async def test_over_tls_it_is_left_to_libav() -> None:
    assert await connected(honest, "rtsps") is None


def test_steps_are_counted_over_the_overflow_both_ways() -> None:
    assert live_connection._step(2**32 - 10, 5) == 15
    assert live_connection._step(5, 2**32 - 10) == -15
    assert live_connection._step(0, rtp.CLOCK_HZ) == rtp.CLOCK_HZ
