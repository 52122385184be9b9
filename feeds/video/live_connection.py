"""A camera's H.264 as it is played over plain RTSP, taken on the event loop: all that has come is read at once and handed on in the same
turn, which needs a third of the processor time of a thread that waits for each part of each packet.

It takes what most cameras send. Of another codec, over TLS or told in an unusual way it is left to libav (`feeds.video.pull`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

from dispatch.clock import Clock
from feeds.video import nal, rtp
from feeds.video.access_units import AccessUnit, AccessUnits
from feeds.video.pull import OPEN_WITHIN_S, SILENT_S, CameraTime, NoSuchStream, Packet, PullFailed, failure_of, login_refused
from feeds.video.rtsp_client import Ended, RtspClient, Stuck, Unwanted
from feeds.video.rtsp_framing import Framed
from feeds.video.rtsp_session import GONE, LOGIN_REFUSED, Refused, Session

LOOKED_AFTER_S = 1.0  # how often it is looked whether it is silent, or to be kept alive
MOST_UNSENT = 64 * 1024  # bytes that a camera has not taken yet of what it is asked


def connect(url: str, clock: Clock, is_wanted: Callable[[], bool]) -> LiveConnection | None:
    """Blocking: a camera that plays from now on. None where libav is to try it, or nobody wants it any more. Raises PullFailed."""
    if urlsplit(url).scheme.lower() != "rtsp":
        return None
    deadline = time.monotonic() + OPEN_WITHIN_S
    session: Session | None = None
    try:
        session = Session(RtspClient(url, OPEN_WITHIN_S, is_wanted), deadline)
        session.ask_methods()
        track = session.describe()
        if track is not None and (track.codec, track.clock_hz) == ("h264", rtp.CLOCK_HZ):
            session.set_up()
            session.play({"Range": "npt=0.000-"})
            connection, session = LiveConnection(session, clock), None
            return connection
    except Refused as refused:
        if refused.status in LOGIN_REFUSED:
            raise login_refused() from None
        if refused.status in GONE:
            raise NoSuchStream from None
    except (Ended, ValueError, Unwanted):
        pass
    except OSError as error:
        raise failure_of(error) from None
    finally:
        if session is not None:
            session.close()
    return None


class LiveConnection(asyncio.Protocol):
    """From PLAY to its end."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._units = AccessUnits("h264", waits_for_key=False)
        self._times = CameraTime()
        self._report = rtp.Control()
        self._counted: tuple[int, int] | None = None  # the newest picture's RTP timestamp, and the same without its overflows
        self._heard_at = 0.0  # monotonic s
        self._take: Callable[[Packet], None] = lambda _: None
        self._transport: asyncio.Transport | None = None
        self._ended: asyncio.Future[None] | None = None

    async def run(self, take: Callable[[Packet], None]) -> None:
        """Hand on what comes until `end`. Raises PullFailed when the camera ends it, and what `take` raises."""
        loop = asyncio.get_running_loop()
        self._take, self._ended, self._heard_at = take, loop.create_future(), time.monotonic()
        try:
            if parameters := self._session.track.parameters:
                take(Packet(nal.join(parameters), 0, self._clock.unix_s(), None))
            await loop.create_connection(lambda: self, sock=self._session.client.hand_over())
            self.data_received(b"")  # what came while it was asked
            while not self._ended.done():
                await asyncio.wait([self._ended], timeout=LOOKED_AFTER_S)
                self._look_after()
            self._ended.result()
        except Ended:
            raise PullFailed("unreachable", "The camera ended the stream.") from None
        except (OSError, ValueError) as error:
            raise failure_of(error) from None
        finally:
            self.close()

    def close(self) -> None:
        """Also one that was never run."""
        if self._transport is None:
            self._session.close()
            return
        if not self._transport.is_closing():
            self._session.say_goodbye()
        self._transport.close()

    def end(self) -> None:
        """Nobody wants it any more."""
        self._finish(None)

    # asyncio.Protocol --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        self._session.client.written_by(self._write)

    def data_received(self, data: bytes) -> None:
        try:
            self._received(data)
        except Exception as error:
            self._finish(error)

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(error or Ended())

    # -------------------------------------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        arrived_at = self._clock.unix_s()
        for got in self._session.client.fed(data):
            if not isinstance(got, Framed):
                with suppress(Refused):  # it is believed by what it sends: whose session is gone falls silent
                    self._session.hear(got)
                continue
            self._heard_at = time.monotonic()
            if (packet := self._session.packet(got)) is not None:
                for unit in self._units.feed(packet):
                    self._picture(unit, arrived_at)
            elif self._session.is_control(got):
                told = rtp.control(got.data)
                if told.is_bye:
                    raise Ended
                self._report = told if told.at_s is not None else self._report

    def _picture(self, unit: AccessUnit, arrived_at: float) -> None:
        pts = self._unwrapped(unit.timestamp)
        sender_at = None
        if self._report.at_s is not None and self._report.ssrc == unit.ssrc:
            sender_at = self._report.at_s + _step(self._report.timestamp, unit.timestamp) / rtp.CLOCK_HZ
        captured_at, late_s = self._times.of(pts, sender_at, arrived_at)
        self._take(Packet(unit.data, pts, captured_at, late_s))

    def _unwrapped(self, timestamp: int) -> int:
        if self._counted is None:
            self._counted = timestamp, timestamp
        before, pts = self._counted
        self._counted = timestamp, pts + _step(before, timestamp)
        return self._counted[1]

    def _look_after(self) -> None:
        now = time.monotonic()
        if now - self._heard_at > SILENT_S:
            raise TimeoutError
        if now >= self._session.alive_at:
            self._session.keep_alive()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        if self._transport.get_write_buffer_size() > MOST_UNSENT:
            raise Stuck
        self._transport.write(data)

    def _finish(self, error: Exception | None) -> None:
        if self._ended is None or self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)


def _step(before: int, after: int) -> int:
    """Between two RTP timestamps, which count to 2³² and begin again."""
    return (after - before + 0x80000000) % 0x100000000 - 0x80000000
