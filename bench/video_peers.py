"""The peers of `bench video`: ffmpeg writing HLS with a web server beside it, and aiortc passing H.264 through."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from bench import harness
from bench.processes import cpu_s

PLAYLIST = "live.m3u8"
DELIMITER = b"\x00\x00\x00\x01\x09"  # which ffmpeg writes before each picture of a segment


class Hls:
    """One ffmpeg a camera, all files handed out by Python's own web server."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls

    async def turn(self, settle_s: float, window_s: float) -> tuple[float, float]:
        """Share of a core, pictures a second as segments were fetched. Raises PeerError."""
        folder = harness.WORK / "hls"
        shutil.rmtree(folder, ignore_errors=True)
        port = _free_port()
        with ExitStack() as stack:
            serve = [harness.PEER_ENVIRONMENT / "bin" / "python", "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", folder]
            folder.mkdir(parents=True)
            running = [_started(stack, serve)]
            for number, url in enumerate(self._urls):
                (folder / str(number)).mkdir()
                running.append(_started(stack, self._command(url, folder / str(number))))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10.0) as client:
                await _until_up(client)
                taken: list[int] = []  # pictures of each segment that was fetched
                first = time.monotonic()
                fetching = [asyncio.create_task(_fetch(client, number, taken)) for number in range(len(self._urls))]
                try:
                    await asyncio.sleep(settle_s + 3.0)  # until there are segments
                    used, begun = _cpu(running), time.monotonic()
                    await asyncio.sleep(window_s)
                    share = (_cpu(running) - used) / (time.monotonic() - begun)
                finally:
                    for task in fetching:
                        task.cancel()
                    fetched = await asyncio.gather(*fetching, return_exceptions=True)
        failed = [one for one in fetched if isinstance(one, Exception) and not isinstance(one, asyncio.CancelledError)]
        if failed:
            raise harness.PeerError(f"the HLS client failed: {failed[0]!r}")
        if not taken:
            raise harness.PeerError("ffmpeg wrote no segments")
        return share, sum(taken) / (time.monotonic() - first)

    @staticmethod
    def _command(url: str, folder: Path) -> list[str | Path]:
        options = ["-c", "copy", "-an", "-f", "hls", "-hls_time", "1", "-hls_list_size", "6", "-hls_flags", "delete_segments"]
        return [_ffmpeg(), "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url, *options, folder / PLAYLIST]


async def _until_up(client: httpx.AsyncClient) -> None:
    for _ in range(50):
        try:
            await client.get("/")
            return
        except httpx.ConnectError:
            await asyncio.sleep(0.1)
    raise harness.PeerError("the HLS peer's web server does not answer")


async def _fetch(client: httpx.AsyncClient, number: int, taken: list[int]) -> None:
    """As a player does: the list each half second, each new segment once."""
    seen: set[str] = set()
    while True:
        listed = await client.get(f"/{number}/{PLAYLIST}")
        if listed.status_code == 200:
            for name in (line for line in listed.text.splitlines() if line.endswith(".ts") and line not in seen):
                seen.add(name)
                segment = await client.get(f"/{number}/{name}")
                taken.append(segment.content.count(DELIMITER))
        await asyncio.sleep(0.5)


class WebRtc:
    """aiortc: a server that passes on, a client that takes; each in a process of its own, offers carried between them here."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls

    async def turn(self, settle_s: float, window_s: float) -> tuple[float, float]:
        """Share of a core of the server, pictures a second at the client. Raises PeerError."""
        return await asyncio.to_thread(self._turn, settle_s, window_s)

    def _turn(self, settle_s: float, window_s: float) -> tuple[float, float]:
        script = Path(__file__).with_name("peer_webrtc.py")
        with harness.Peer(script) as server, harness.Peer(script) as client:
            for url in self._urls:
                offer = server.ask("offer", url=url)
                server.ask("accept", number=offer["number"], sdp=client.ask("answer", sdp=offer["sdp"])["sdp"])
            time.sleep(settle_s)
            before, used, begun = client.ask("pictures")["pictures"], cpu_s(server.pid), time.monotonic()
            time.sleep(window_s)
            share = (cpu_s(server.pid) - used) / (time.monotonic() - begun)
            pictures = client.ask("pictures")["pictures"] - before
        if not pictures:
            raise harness.PeerError("aiortc's client got no picture")
        return share, pictures / window_s


def _cpu(running: Sequence[subprocess.Popen[bytes]]) -> float:
    return sum(cpu_s(process.pid) for process in running)


def _started(stack: ExitStack, command: list[Any]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def end() -> None:
        process.kill()
        process.wait()

    stack.callback(end)
    return process


def _ffmpeg() -> Path:
    found = sorted(harness.PEER_ENVIRONMENT.glob("lib/python*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*"))
    if not found:
        raise harness.PeerError("imageio-ffmpeg is missing. Run: python app.py bench prepare")
    return found[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
