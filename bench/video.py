"""`bench video`: cameras to the screen, on the real server and in Chromium, beside an ffmpeg HLS pipeline and aiortc, turn about.

Cameras are test cameras (`feeds.video.farm`) in a process of their own: with live pictures and a burnt-in clock where delays are read, as
loops where load is measured. Server, cameras, viewers and browser share the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import Any

from bench import harness, phone_video
from bench.processes import Server, cpu_s
from bench.video_peers import Hls, WebRtc
from bench.video_screen import Screen, screen
from bench.video_viewers import Viewers, back_after_cut_s
from settings import Settings
from single_commands import open_accounts
from storage.cameras import CameraSource, CameraStore
from storage.database import open_database

PEERS = ("aiortc==1.16.0", "imageio-ffmpeg")
PORT = 18371
LIVE, LOOPS = 12, 160  # cameras
ROUNDS, WINDOW_S, SETTLE_S = 5, 6.0, 3.0
COMPARED = 8  # streams of each side
STEPS = {"sub": (16, 64, 128, 160), "main": (8, 32, 64)}
FPS = {"sub": 15, "main": 25}
ENOUGH = 0.9  # of the pictures
ACCOUNT, PASSWORD = "bench-video", "bench-video-password"

NOTES = {
    "cameras": "test cameras on the same cores; 360p15 at 0.5 Mbit/s, 720p25 at 2 Mbit/s, a key frame each 2 s and when a viewer begins",
    "click": "in Chromium from the request for the stream to the first picture on the screen; warm: somebody else watches it",
    "glass": "the clock burnt into each picture when it is drawn, read back from the screen at each picture put there",
    "cpu": "server and video process together, less what they use when nobody watches; 8 streams of 360p15, one viewer each",
    "cpu_vs_ffmpeg_hls": "peer: one ffmpeg a camera (copy to 1 s segments) and the web server that a client takes them from",
    "cpu_vs_aiortc": "peer: MediaPlayer(decode=False) of each camera into one RTCPeerConnection; its client decodes and is not counted",
    "streams_per_core": "the largest number tried whose viewers got 90 % of the pictures, over the cores that server and video process "
    "used where it was more than one",
}


def run() -> dict[str, Any]:
    """The benchmark; about nine minutes."""
    os.environ |= {"LIANDONG_VIDEO_STREAMS": "1000", "LIANDONG_VIDEO_CPU_PERCENT": "100", "LIANDONG_VIDEO_LINGER_S": "1"}
    notes, samples = dict(NOTES), {}
    live, loops = [f"cam-{n:05}" for n in range(1, LIVE + 1)], [f"cam-{n:05}" for n in range(101, LOOPS + 101)]
    with ExitStack() as stack:
        server = Server("video-server", PORT, {"desk": "operator"})
        filming, looping = stack.enter_context(farm(live)), stack.enter_context(farm(loops, "--loop"))
        register(server, {**dict.fromkeys(live, filming.port), **dict.fromkeys(loops, looping.port)})
        stack.enter_context(server)
        figures = asyncio.run(delays(server, live, loops, samples))
        figures |= asyncio.run(cuts(server, filming, live[0], samples))
        ratios = asyncio.run(compared(server, loops, looping.port, figures, notes, samples))
        for quality, name in (("sub", "360p15"), ("main", "720p25")):
            figures |= asyncio.run(capacity(server, loops, quality, name, samples))
        figures["loop_lag_p99_ms"] = server.loop_lag_p99_ms("desk")
    harness.keep_samples("video", samples)
    try:
        phone = phone_video.run()
        figures |= phone["figures"]
        notes |= phone["notes"]
    except harness.PeerError as error:
        figures["phone_p95_s"], notes["phone_p95_s"] = None, str(error)
    return harness.result("video", figures, ratios, notes)


class RunningFarm:
    """Test cameras in a process of their own."""

    def __init__(self, names: Sequence[str], options: Sequence[str]) -> None:
        command = [sys.executable, "-m", "feeds.video.farm", "--cameras", ",".join(names), *options]
        self.process = subprocess.Popen(command, cwd=harness.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port: int = json.loads(self.process.stdout.readline())["port"]

    def fail(self, name: str, fault: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name} {fault}\n")
        self.process.stdin.flush()


@contextmanager
def farm(names: Sequence[str], *options: str) -> Iterator[RunningFarm]:
    running = RunningFarm(names, options)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def register(server: Server, ports: dict[str, int]) -> None:
    """Written into the store: the server of a real site takes no address of its own machine over the wire."""
    settings = Settings(data=server.data, demo=False)
    engine = open_database(settings.database_url)
    address = "rtsp://127.0.0.1:{}/{}/{}"
    sources = [CameraSource(n, address.format(p, n, "main"), address.format(p, n, "sub"), "bench", 0.0) for n, p in ports.items()]
    CameraStore(engine).write(sources)
    engine.dispose()
    accounts = open_accounts(settings, server.city)
    accounts.add_user(ACCOUNT, PASSWORD, "operator", "330200000000")


async def delays(server: Server, live: Sequence[str], loops: Sequence[str], samples: dict[str, Any]) -> dict[str, Any]:
    """Clicks, glass to glass, sixteen tiles: on the screen of a Chromium."""
    async with screen(server.port, ACCOUNT, PASSWORD) as seen:
        await seen.click(live[-1], "sub")  # what the browser and the server do once only
        cold = [await seen.click(name, "sub") for name in live[:-1]]
        async with Viewers(server, [live[0]], "sub") as watching:
            await asyncio.sleep(1.0)
            warm = [await seen.click(live[0], "sub") for _ in range(20)]
            glass = await seen.glass_s(live[0], "sub", 300)
            await watching.stop()
        glass_main = await seen.glass_s(live[1], "main", 300)
        tiles = await _tiles(seen, loops)
    samples |= {"click_cold_s": cold, "click_warm_s": warm, "glass_s": glass, "glass_main_s": glass_main, "tiles_fps": tiles}
    p = harness.percentile
    return {
        "click_cold_p50_s": p(cold, 50),
        "click_cold_p95_s": p(cold, 95),
        "click_warm_p50_s": p(warm, 50),
        "click_warm_p95_s": p(warm, 95),
        "glass_p50_s": p(glass, 50),
        "glass_p95_s": p(glass, 95),
        "glass_main_p95_s": p(glass_main, 95),
        "tiles_16_fps_median": statistics.median(tiles),
        "tiles_16_fps_worst": min(tiles),
    }


async def _tiles(seen: Screen, loops: Sequence[str]) -> list[float]:
    return await seen.tiles_fps(list(loops[:16]), "sub", 8.0)


async def cuts(server: Server, filming: RunningFarm, name: str, samples: dict[str, Any]) -> dict[str, Any]:
    """A camera is cut off and comes back."""
    took = [await back_after_cut_s(server, name, lambda fault: filming.fail(name, fault)) for _ in range(5)]
    samples["back_after_cut_s"] = took
    return {"back_after_cut_worst_s": max(took)}


async def compared(
    server: Server, loops: Sequence[str], port: int, figures: dict[str, Any], notes: dict[str, str], samples: dict[str, Any]
) -> dict[str, float | None]:
    """CPU of a core for the same streams, each side in its turn."""
    idle = await _share(server.pid, WINDOW_S)
    urls = [f"rtsp://127.0.0.1:{port}/{name}/sub" for name in loops[:COMPARED]]
    sides: dict[str, Any] = {"ours": Ours(server, loops[:COMPARED], idle), "ffmpeg_hls": Hls(urls), "aiortc": WebRtc(urls)}
    taken: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(ROUNDS):
        for side in list(sides) if number % 2 == 0 else list(reversed(sides)):
            try:
                share, pictures_per_s = await sides[side].turn(SETTLE_S, WINDOW_S)
            except harness.PeerError as error:
                notes[f"cpu_vs_{side}"] = str(error)
                del sides[side]
                continue
            taken[side].append(share)
            figures[f"{side}_pictures_per_s"] = pictures_per_s
            harness.say(f"video, round {number + 1}: {side} {share:.1%} of a core, {pictures_per_s:.0f} pictures/s")
    samples["cpu_share"] = taken | {"idle": idle}
    figures |= {f"{side}_cpu_share_{COMPARED}x360p15": statistics.median(shares) for side, shares in taken.items() if shares}
    figures["idle_cpu_share"] = idle
    peers = ("ffmpeg_hls", "aiortc")
    return {f"cpu_vs_{peer}": harness.ratio(taken["ours"], taken[peer]) if peer in sides else None for peer in peers}


class Ours:
    """The real server with one viewer a camera."""

    def __init__(self, server: Server, names: Sequence[str], idle: float) -> None:
        self._server, self._names, self._idle = server, names, idle

    async def turn(self, settle_s: float, window_s: float) -> tuple[float, float]:
        """Share of a core, pictures a second."""
        async with Viewers(self._server, self._names, "sub") as viewers:
            await asyncio.sleep(settle_s)
            viewers.count()
            share = await _share(self._server.pid, window_s)
            pictures = sum(viewers.count())
        await asyncio.sleep(2.0)  # cameras are let go
        return max(share - self._idle, 0.0), pictures / window_s


async def capacity(server: Server, loops: Sequence[str], quality: str, name: str, samples: dict[str, Any]) -> dict[str, Any]:
    """More and more streams, until their viewers get too few pictures."""
    best, steps = (0, 0.0), []
    async with AsyncExitStack() as stack:
        running: list[Viewers] = []
        for count in STEPS[quality]:
            fresh = loops[sum(len(one) for one in running) : count]
            try:
                running.append(await stack.enter_async_context(Viewers(server, fresh, quality)))
            except harness.PeerError as error:
                steps.append({"streams": count, "refused": str(error)})
                harness.say(f"video: {count} × {name}: {error}")
                break
            await asyncio.sleep(SETTLE_S)
            for one in running:
                one.count()
            share = await _share(server.pid, WINDOW_S)
            fps = statistics.median(pictures / WINDOW_S for one in running for pictures in one.count())
            steps.append({"streams": count, "cores": share, "fps": fps})
            harness.say(f"video: {count} × {name}: {fps:.1f} pictures/s each, {share:.0%} of a core")
            if fps < ENOUGH * FPS[quality]:
                break
            best = count, share
    samples[f"capacity_{name}"] = steps
    await asyncio.sleep(3.0)
    first = next(step for step in steps if "cores" in step)
    return {
        f"streams_per_core_{name}": round(best[0] / max(best[1], 1.0), 1),
        f"streams_carried_{name}": best[0],
        f"cpu_share_a_stream_{name}": first["cores"] / first["streams"],
        f"fps_at_last_step_{name}": next((step["fps"] for step in reversed(steps) if "fps" in step), None),
    }


async def _share(pid: int, seconds: float) -> float:
    """Of a core, that a process and all it has started use."""
    used, begun = cpu_s(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return (cpu_s(pid) - used) / (time.monotonic() - begun)


if __name__ == "__main__":
    harness.main(run)
