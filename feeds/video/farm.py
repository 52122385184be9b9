"""Test cameras: an RTSP server (TCP interleaved) with synthetic streets, which can be told to do what real cameras do wrong.

`python -m feeds.video.farm --port 8554 --cameras gate,square`; then `rtsp://127.0.0.1:8554/gate/main` and `/gate/sub`. Nothing is encoded
while nobody watches. A line `CAMERA FAULT` on standard input has a camera fail (see `Fault`), `CAMERA none` puts it right. One that has a
recorder plays what it showed before (`feeds.video.farm_recorder`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace

from dispatch.clock import Clock, SystemClock
from feeds.video.farm_media import MAIN, SUB, Fault, Format, LiveStreet, Loop, Unit
from feeds.video.farm_recorder import BY_EXTENSION, BY_RANGE, BY_REPORTS, PLAYS, REPLAYS, PastClock, span_asked, span_of
from feeds.video.farm_rtsp import Connection, Digest, sdp
from feeds.video.rtp import CLOCK_HZ, Packetizer, interleaved, replay_extension

REPORT_EVERY_S = 2.0
LATE_S = 1.0  # more than this behind, ticks are left out
MOST_WAITING = 4 << 20  # bytes for one watcher; like a real camera, it then leaves packets out


@dataclass
class TestCamera:
    """How one camera is, and what it does just now."""

    __test__ = False  # no class of tests, whatever its name

    name: str
    sub: Format = SUB
    main: Format = MAIN
    live: bool = True  # encoded while watched, with the true time; else a loop
    key_on_play: bool = True
    sender_reports: bool = True
    clock_error_s: float = 0.0  # of what its sender reports say
    user: str = ""
    password: str = field(default="", repr=False)
    digest: tuple[str, str] = ("", "")  # algorithm and qop of its log-in
    session_s: float = 0.0  # without a request for so long it cuts off; 0: never
    fault: Fault = Fault.NONE
    recorder_s: float = 0.0  # how far back its recorder has it; 0: it has none
    dates: tuple[str, ...] = (BY_EXTENSION, BY_REPORTS, BY_RANGE)  # how that tells when pictures were taken, at `/NAME/replay`
    knows_replay: bool = True  # else it refuses what requires it
    plays: int = 0  # how often a stream of it was asked for


class _Stream:
    """One of a camera's streams; runs while it has watchers."""

    def __init__(self, camera: TestCamera, form: Format, clock: Clock, until_s: float = math.inf) -> None:
        self._camera, self.form, self._clock, self._until_s = camera, form, clock, until_s
        self._media: LiveStreet | Loop | None = None
        self._watchers: dict[Connection, int] = {}  # and the channel of each
        self._group: list[bytes] = []  # packets since the last key frame
        self._pump: asyncio.Task[None] | None = None
        self._packetizer = Packetizer(form.codec, random.getrandbits(32))
        self.is_replay = False  # RTSP tells it the span

    def replay(self, clock: Clock, until_s: float) -> None:
        """From where a clock stands, when somebody joins."""
        self._clock, self._until_s = clock, until_s

    @property
    def is_past(self) -> bool:
        """Played by a recorder, for one alone."""
        return isinstance(self._clock, PastClock)

    def media(self) -> LiveStreet | Loop:
        """Made when somebody asks for the first time."""
        if self._media is None:
            self._media = LiveStreet(self._camera.name, self.form) if self._camera.live else Loop(self.form)
        return self._media

    def join(self, watcher: Connection, channel: int) -> None:
        """Send to a connection from now on."""
        if self._camera.key_on_play or not self._watchers:
            self.media().begin()
        if self._camera.key_on_play and not self._camera.live:
            for packet in self._group:
                watcher.send(interleaved(channel, packet))
        self._watchers[watcher] = channel
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())

    def leave(self, watcher: Connection) -> None:
        self._watchers.pop(watcher, None)

    async def stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump

    def cut(self) -> None:
        """End the connections of all who watch."""
        for watcher in list(self._watchers):
            watcher.abort()

    async def _run(self) -> None:
        media, fps, reported_s, offset = self.media(), self.form.fps, -math.inf, random.getrandbits(31)
        reports = self._camera.sender_reports and (not self.is_replay or BY_REPORTS in self._camera.dates)
        tick = math.ceil(self._clock.unix_s() * fps)
        while self._watchers:
            await asyncio.sleep(max(0.0, tick / fps - self._clock.unix_s()))
            fault = self._camera.fault
            units = await asyncio.to_thread(media.units, tick, fault) if self._camera.live else media.units(tick, fault)
            if fault is not Fault.STALL:
                stamp = offset + tick * CLOCK_HZ // fps
                if reports and tick / fps - reported_s >= REPORT_EVERY_S:
                    reported_s = tick / fps
                    self._send(self._packetizer.sender_report(reported_s + self._camera.clock_error_s, stamp), control=True)
                for unit in units:
                    self._send_unit(unit, offset, fault)
            behind_s = self._clock.unix_s() - tick / fps
            tick = tick + 1 if behind_s < LATE_S else math.ceil(self._clock.unix_s() * fps)
            if tick / fps >= self._until_s:
                self._end()
                break
        self._pump, self._group = None, []

    def _end(self) -> None:
        if self.is_replay:  # which may be asked for another span on the same connection
            self._send(self._packetizer.bye(), control=True)
            return
        for watcher in list(self._watchers):
            watcher.end()

    def _send_unit(self, unit: Unit, offset: int, fault: Fault) -> None:
        if unit.is_key:
            if fault is Fault.NO_KEY:
                return
            self._group.clear()
        nals = unit.nals if fault is not Fault.GARBAGE else [random.randbytes(len(one)) for one in unit.nals]
        dated = self.is_replay and BY_EXTENSION in self._camera.dates
        extension = replay_extension(unit.tick / self.form.fps, unit.is_key) if dated else b""
        packets = self._packetizer.packets(nals, offset + unit.tick * CLOCK_HZ // self.form.fps, extension)
        self._group += packets
        for packet in packets:
            self._send(packet)

    def _send(self, packet: bytes, control: bool = False) -> None:
        for watcher, channel in self._watchers.items():
            if watcher.waiting_bytes < MOST_WAITING:
                watcher.send(interleaved(channel + control, packet))


class Farm:
    """Some cameras behind one port; on the event loop."""

    def __init__(self, cameras: list[TestCamera], clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self.cameras = {camera.name: camera for camera in cameras}
        self._streams = {
            f"/{camera.name}/{quality}": (camera, _Stream(camera, form, self._clock))
            for camera in cameras
            for quality, form in (("sub", camera.sub), ("main", camera.main))
        }
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.host, self.port = "127.0.0.1", 0

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, backlog=512)
        self.host, self.port = host, self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await asyncio.gather(*self._serving, *(stream.stop() for _, stream in self._streams.values()))

    def url(self, name: str, quality: str = "sub") -> str:
        """With the camera's name and password, as a register would hold it."""
        camera = self.cameras[name]
        who = f"{camera.user}:{camera.password}@" if camera.user else ""
        return f"rtsp://{who}{self.host}:{self.port}/{name}/{quality}"

    def fail(self, name: str, fault: Fault) -> None:
        """Have a camera fail, or be well again (`Fault.NONE`)."""
        self.cameras[name].fault = fault
        if fault is Fault.DROP:
            for camera, stream in self._streams.values():
                if camera.name == name:
                    stream.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self._connections.add(connection)
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        stream: _Stream | None = None
        try:
            while (request := await connection.request()) is not None:
                camera, found = self._find(request, stream)
                if camera is None or found is None:
                    connection.answer(request, 404, "Not Found")
                    continue
                if camera.fault is Fault.DROP:
                    return
                login = Digest(camera.user, camera.password, *camera.digest)
                if camera.user and not login.accepts(request):
                    connection.answer(request, 401, "Unauthorized", {"WWW-Authenticate": login.challenge()})
                    continue
                connection.session_s = camera.session_s
                stream = found
                if not await self._answer(connection, request, camera, stream):
                    return
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            pass  # whoever watched has gone, or says nothing more, or speaks no RTSP
        finally:
            if stream is not None:
                stream.leave(connection)
                if stream.is_past:  # nobody else's
                    await stream.stop()
            self._connections.discard(connection)
            connection.abort()

    def _find(self, request: Connection.Request, known: _Stream | None) -> tuple[TestCamera | None, _Stream | None]:
        """`known`: what this connection has asked for before."""
        path = request.path.rstrip("/").removesuffix("/track0")
        name, _, last = path.removeprefix("/").rpartition("/")
        if last in (PLAYS, REPLAYS):
            camera = self.cameras.get(name)
            if camera is None or known is not None:
                return camera, known
            return camera, self._played(camera, request.url) if last == PLAYS else self._replayed(camera)
        return self._streams.get(path, (None, None))

    def _played(self, camera: TestCamera, url: str) -> _Stream | None:
        """A stream of what its recorder has of a span; None when there is nothing."""
        span = span_of(url)
        if span is None or not self._has(camera, span):
            return None
        return _Stream(camera, camera.main, PastClock(span[0], self._clock), span[1])

    def _has(self, camera: TestCamera, span: tuple[float, float]) -> bool:
        now_s = self._clock.unix_s()
        return now_s - camera.recorder_s <= span[0] < now_s

    def _replayed(self, camera: TestCamera) -> _Stream | None:
        """A stream of what its recorder has; of when is told as it is played."""
        if not camera.recorder_s:
            return None
        stream = _Stream(camera, camera.main, PastClock(0.0, self._clock))
        stream.is_replay = True
        return stream

    async def _answer(self, connection: Connection, request: Connection.Request, camera: TestCamera, stream: _Stream) -> bool:
        """Whether the connection goes on."""
        if request.headers.get("require") and not (camera.knows_replay and stream.is_replay):
            connection.answer(request, 551, "Option not supported", {"Unsupported": request.headers["require"]})
            return True
        match request.method:
            case "OPTIONS":
                connection.answer(request, headers={"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"})
            case "DESCRIBE":
                media = await asyncio.to_thread(stream.media)
                body = sdp(stream.form.codec, media.parameters)
                head = {"Content-Type": "application/sdp", "Content-Base": request.url.rstrip("/") + "/"}
                connection.answer(request, headers=head, body=body)
            case "SETUP":
                transport = request.headers.get("transport", "")
                if "interleaved=" not in transport:
                    connection.answer(request, 461, "Unsupported Transport")
                    return True
                connection.channel = int(transport.split("interleaved=")[1].split("-")[0].split(";")[0])
                connection.answer(request, headers={"Transport": transport})
            case "PLAY":
                told = "npt=now-"
                if stream.is_replay:
                    told = request.headers.get("range", "")
                    span = span_asked(told)
                    if span is None or not self._has(camera, span):
                        connection.answer(request, 457, "Invalid Range")
                        return True
                    stream.replay(PastClock(span[0], self._clock), span[1])
                camera.plays += 1
                connection.answer(request, headers={"Range": told} if not stream.is_replay or BY_RANGE in camera.dates else {})
                stream.join(connection, connection.channel)
            case "GET_PARAMETER":
                connection.answer(request)
            case "TEARDOWN":
                connection.answer(request)
                return False
            case _:
                connection.answer(request, 405, "Method Not Allowed")
        return True


async def run(options: argparse.Namespace) -> None:
    """Serve until cancelled, or until the parent is gone."""
    names = options.cameras.split(",")
    codec = "hevc" if options.hevc else "h264"
    sub, main_ = (replace(form, codec=codec, slices=options.slices, b_frames=options.b_frames) for form in (SUB, MAIN))
    who, _, password = os.environ.get("LIANDONG_FARM_LOGIN", "").partition(":")
    farm = Farm([TestCamera(name, sub, main_, not options.loop, not options.late_key, user=who, password=password) for name in names])
    await farm.start(options.port)
    sys.stdout.write(json.dumps({"port": farm.port, "cameras": names}) + "\n")
    sys.stdout.flush()
    reader = asyncio.StreamReader()
    if not options.until_parent_ends:
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode().split():
            _obey(farm, line)
    await _until_parent_ends()


async def _until_parent_ends() -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(1.0)


def _obey(farm: Farm, words: list[str]) -> None:
    try:
        name, fault = words
        farm.fail(name, Fault(fault))
    except (ValueError, KeyError):
        sys.stderr.write(f"not understood: {' '.join(words)}; write CAMERA and one of {', '.join(Fault)}\n")


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m feeds.video.farm", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback; 0: any, told on standard output")
    parser.add_argument("--cameras", required=True, help="names, with commas between")
    parser.add_argument("--loop", action="store_true", help="encoded once before: cheap, shows the time within its loop")
    parser.add_argument("--late-key", action="store_true", help="no key frame when somebody begins to watch, as many real cameras")
    parser.add_argument("--hevc", action="store_true")
    parser.add_argument("--slices", type=int, default=1, help="pieces of a picture")
    parser.add_argument("--b-frames", type=int, default=0)
    parser.add_argument("--until-parent-ends", action="store_true", help="stop when the program that started it is gone; reads no commands")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(run(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
