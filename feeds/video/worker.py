"""`python -m feeds.video.worker`: pulls cameras and hands out their pictures, apart from the server's process.

Its first line on standard input is JSON: the secret that connections must show, and its limits. It answers with one line, the port it
listens on (loopback only), and ends when standard input does.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import av
import msgspec

from dispatch.clock import Clock, SystemClock
from feeds.video import looks
from feeds.video.admission import Admission, Limits
from feeds.video.channel import Frames, Kind, control, frame
from feeds.video.fmp4 import Fragment, Init
from feeds.video.hub import Hub, PlayedOut, Timing
from feeds.video.pull import PullFailed, check_address
from feeds.video.recorder import Recorders
from feeds.video.subscription import Item, Told
from feeds.video.wanted import Wanted
from operations.cameras.video import CameraState, Quality

REPORT_EVERY_S = 1.0
SNAPSHOT_WITHIN_S = 12.0
SNAPSHOT_AGE_S = 4.0  # a key frame this old is still a picture of now


class Setup(msgspec.Struct):
    """What it is told at its start."""

    secret: str
    limits: Limits = Limits()
    timing: Timing = Timing()
    frozen_after_s: float = looks.FROZEN_AFTER_S
    ring: str = ""  # folder of this process in the ring; empty: nothing is recorded


class Worker:
    """One process."""

    def __init__(self, setup: Setup, clock: Clock) -> None:
        self._setup, self._clock = setup, clock
        self._admission = Admission(setup.limits, self._make_room)
        self._hubs: dict[tuple[str, Quality], Hub] = {}
        self._weighs: dict[tuple[str, Quality], Quality] = {}
        self._ended: dict[str, CameraState] = {}  # last states that have not been reported yet
        self._viewers = 0
        self._recorders = Recorders(Path(setup.ring), self._hub_to_record) if setup.ring else None

    async def serve(self) -> asyncio.Server:
        looks.Looks(lambda: list(self._hubs.values()), asyncio.get_running_loop(), self._setup.frozen_after_s).start()
        return await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 20)

    def hub(self, wanted: Wanted) -> Hub:
        """The running hub of a stream, else a new one; a recording makes room for it where there is none. Raises PullFailed."""
        return self._hub(wanted, self._admit_viewer)

    def _hub_to_record(self, wanted: Wanted) -> Hub:
        known = self._hubs.get((wanted.camera_id, wanted.quality))
        hub = self._hub(wanted, self._admission.admit_recording)
        if hub is not known:
            hub.release()  # nobody is about to watch it
        return hub

    def _make_room(self, among: Collection[Hub] | None = None) -> bool:
        return self._recorders is not None and self._recorders.make_room(among)

    def _hub(self, wanted: Wanted, admit: Callable[[Quality, list[Quality]], None]) -> Hub:
        key = (wanted.camera_id, wanted.quality)
        known = self._hubs.get(key)
        if known is not None and known.urls != wanted.urls:
            known.close()  # the camera has moved
            known = None
        if known is None:
            check_address(wanted.urls[0])
            admit(wanted.weighs, self._running())
            self._weighs[key] = wanted.weighs
            ended = partial(self._forget, key)
            timing = self._setup.timing
            known = self._hubs[key] = Hub(wanted.urls, self._clock, timing, self._admission, ended, wanted.once, wanted.span)
        return known

    def _running(self) -> list[Quality]:
        return [self._weighs[key] for key in self._hubs]

    def _admit_viewer(self, quality: Quality, running: list[Quality]) -> None:
        while True:
            try:
                self._admission.admit(quality, running)
                return
            except PullFailed:
                if not self._make_room():
                    raise
                running = self._running()
                if self._admission.fits(quality, running):
                    return  # one for another: it is no busier than before

    def _forget(self, key: tuple[str, Quality], hub: Hub) -> None:
        if self._hubs.get(key) is hub:
            del self._hubs[key], self._weighs[key]
        self._ended[key[0]] = state_of(key[0], [hub])

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames(reader)
        try:
            first, *rest = await asyncio.wait_for(frames.next(), 5.0)
            request = msgspec.msgpack.decode(first[1])
            if not hmac.compare_digest(str(request.get("secret", "")).encode(), self._setup.secret.encode()):
                return
            if request["do"] == "watch":
                await self._watch(msgspec.convert(request["wanted"], Wanted), writer)
            else:
                await self._control(frames, rest, writer)
        except (ConnectionError, TimeoutError, msgspec.MsgspecError, AttributeError, KeyError):
            pass  # whoever it was has gone, or is none of ours
        finally:
            writer.transport.abort()

    # One viewer --------------------------------------------------------------------------------------------------------

    async def _watch(self, wanted: Wanted, writer: asyncio.StreamWriter) -> None:
        if self._viewers >= self._setup.limits.viewers:
            await self._refuse(writer, PullFailed("at-limit", f"{self._viewers} viewers are watching; no more can."))
            return
        self._viewers += 1
        try:
            hub = self.hub(wanted)
            with hub.subscribe() as subscription:
                while True:
                    items = await subscription.take()
                    if writer.is_closing():  # the viewer has gone
                        return
                    writer.write(b"".join(frames_of(items, hub.is_transcoded)))
                    await writer.drain()
        except PlayedOut:
            await self._say_last(writer, {"ended": True})
        except PullFailed as failure:
            await self._refuse(writer, failure)
        finally:
            self._viewers -= 1

    async def _refuse(self, writer: asyncio.StreamWriter, failure: PullFailed) -> None:
        await self._say_last(writer, {"refused": failure.reason, "words": str(failure)})

    async def _say_last(self, writer: asyncio.StreamWriter, said: dict[str, Any]) -> None:
        writer.write(control(said))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    # The server --------------------------------------------------------------------------------------------------------

    async def _control(self, frames: Frames, rest: list[tuple[Kind, bytes]], writer: asyncio.StreamWriter) -> None:
        reports = asyncio.create_task(self._report(writer))
        acting: set[asyncio.Task[None]] = set()
        try:
            while True:
                for _, content in rest:
                    task = asyncio.create_task(self._act(msgspec.msgpack.decode(content), writer))
                    acting.add(task)
                    task.add_done_callback(acting.discard)
                rest = await frames.next()
        finally:
            reports.cancel()
            for task in acting:
                task.cancel()

    async def _act(self, request: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        answer: dict[str, Any] = {"id": request["id"]}
        if request["do"] == "record":
            if self._recorders is not None:
                self._recorders.record(msgspec.convert(request["wanted"], list[Wanted]))
            writer.write(control(answer))
            return
        try:
            wanted = msgspec.convert(request["wanted"], Wanted)
            match request["do"]:
                case "open":
                    hub = self.hub(wanted)
                    hub.hold(float(request["hold_s"]))
                    if wanted.once:
                        first = await self._first_picture(hub)
                        answer["began_at"] = first.captured_at if first.by_camera and wanted.span is not None else None
                    answer["codec"] = hub.init.codec if hub.init is not None else None
                case "close":
                    known = self._hubs.get((wanted.camera_id, wanted.quality))
                    if known is not None and not known.viewers:
                        known.release()
                case "snapshot":
                    answer |= await self._snapshot(wanted)
        except PullFailed as failure:
            answer |= {"refused": failure.reason, "words": str(failure)}
        writer.write(control(answer))

    async def _first_picture(self, hub: Hub) -> Fragment:
        """What a recorder refuses, or has not, is said before anybody begins to watch. Raises PullFailed."""
        try:
            async with asyncio.timeout(SNAPSHOT_WITHIN_S):
                return (await hub.key_frame(0.0))[1]
        except TimeoutError:
            hub.close()
            raise PullFailed("unreachable", "The recorder sent no key frame in time.") from None

    async def _snapshot(self, wanted: Wanted) -> dict[str, Any]:
        is_new = (wanted.camera_id, wanted.quality) not in self._hubs
        hub = self.hub(wanted)
        hub.hold(SNAPSHOT_WITHIN_S)
        try:
            async with asyncio.timeout(SNAPSHOT_WITHIN_S):
                init, key = await hub.key_frame(self._clock.unix_s() - SNAPSHOT_AGE_S)
            return {"jpeg": await asyncio.to_thread(looks.jpeg, init, key), "taken_at": key.captured_at}
        except TimeoutError:
            raise PullFailed("unreachable", hub.last_error or "The camera sent no key frame in time.") from None
        except ValueError:
            raise PullFailed("unplayable", "The camera's picture can't be decoded.") from None
        finally:
            if is_new and not hub.viewers:
                hub.release()

    async def _report(self, writer: asyncio.StreamWriter) -> None:
        while True:
            self._admission.sample()
            by_camera: dict[str, list[Hub]] = {}
            for (camera_id, _), hub in self._hubs.items():
                by_camera.setdefault(camera_id, []).append(hub)
            states = self._ended | {camera_id: state_of(camera_id, hubs) for camera_id, hubs in by_camera.items()}
            self._ended = {}
            load = {
                "streams": len(self._hubs),
                "viewers": self._viewers,
                "transcodes": self._admission.transcodes,
                "cpu_share": round(self._admission.cpu_share, 3),
            } | (self._recorders.state() if self._recorders is not None else {})
            writer.write(control({"states": [msgspec.to_builtins(state) for state in states.values()], "load": load}))
            await writer.drain()
            await asyncio.sleep(REPORT_EVERY_S)


def frames_of(items: list[Item], is_transcoded: bool) -> list[bytes]:
    """Messages for a browser: what waits of the pictures is joined."""
    out: list[bytes] = []
    pictures: list[bytes] = []

    def flush() -> None:
        if pictures:
            out.append(frame(Kind.BINARY, b"".join(pictures)))
            pictures.clear()

    for item in items:
        if isinstance(item, Fragment):
            pictures.append(item.data)
            continue
        flush()
        if isinstance(item, Init):
            text = {"mime": item.mime, "codec": item.codec, "width": item.width, "height": item.height, "transcoded": is_transcoded}
            out += [frame(Kind.TEXT, msgspec.json.encode(text)), frame(Kind.BINARY, item.data)]
        else:
            out.append(frame(Kind.TEXT, msgspec.json.encode(_told(item))))
    flush()
    return out


def _told(told: Told) -> dict[str, Any]:
    text: dict[str, Any] = {"state": told.state, "since": datetime.fromtimestamp(told.since, UTC).isoformat(timespec="milliseconds")}
    return text if told.late_s is None else text | {"late_s": told.late_s}


def state_of(camera_id: str, hubs: list[Hub]) -> CameraState:
    """What a camera's streams say of it together; that with the newest picture counts."""
    best = max(hubs, key=lambda hub: hub.last_picture_at or 0.0)
    return CameraState(
        camera_id=camera_id,
        last_picture_at=_instant(best.last_picture_at),
        last_error=best.last_error,
        last_error_at=_instant(best.last_error_at or None),
        viewers=sum(hub.viewers for hub in hubs),
        frozen_since=_instant(best.frozen_since),
        black_since=_instant(best.black_since),
        late_s=best.late_s,
        transcoded=best.is_transcoded,
    )


def _instant(unix_s: float | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)


async def run() -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    setup = msgspec.json.decode(await reader.readline(), type=Setup)
    server = await Worker(setup, SystemClock()).serve()
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await reader.read()
    os._exit(0)  # threads that wait for cameras don't hold the end up


def main() -> int:
    """Run until standard input ends."""
    import uvloop

    av.logging.set_level(None)  # its lines hold addresses
    with suppress(KeyboardInterrupt):
        uvloop.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
