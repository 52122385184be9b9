"""`bench wall`: does a video wall grow? Nine tiles that go round twenty-seven cameras, as fast as a wall may turn its pages, in Chromium.

Memory is read about twice a minute, after a garbage collection in the page: of the page, of everything the browser runs, of the server
and of its video processes. Growth is the slope over the second half of the run, for each page turned; a day is 4,320 pages of 20 s.
There is no peer.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import harness
from bench.processes import Server, name_of, rss_mb, with_descendants
from bench.video import PASSWORD, farm, register
from bench.video_screen import logged_in
from settings import Settings
from single_commands import open_accounts

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

PORT = 18372
ACCOUNT = "bench-wall"
CAMERAS, TILES, DWELL_S = 27, 9, 5.0
MINUTES, EVERY_S, SETTLE_S = 15.0, 37.0, 60.0  # not a whole number of rounds: every page is seen
PAGES_A_DAY = 86_400 / 20
_SHOWN = "[...document.querySelectorAll('[data-camera]')].map((one) => one.dataset.camera)"
_PLAYING = "[...document.querySelectorAll('video')].filter((one) => one.readyState >= 3 && !one.paused).length"

NOTES = {
    "turned": f"{TILES} of {CAMERAS} cameras (360p15, test cameras on the same cores), each page for {DWELL_S:g} s",
    "per_day": "slope of the second half for each page turned, times a day's pages; noise has a slope too",
    "heap": "JavaScript, after a collection",
    "browser": "resident memory of all processes of the browser",
}


def run() -> dict[str, Any]:
    """The benchmark; a quarter of an hour."""
    os.environ |= {"LIANDONG_VIDEO_STREAMS": "100", "LIANDONG_VIDEO_CPU_PERCENT": "100"}
    names = [f"cam-{n:05}" for n in range(101, CAMERAS + 101)]
    with farm(names, "--loop") as looping:
        server = Server("wall-server", PORT, {"desk": "operator"})
        register(server, dict.fromkeys(names, looping.port))
        accounts = open_accounts(Settings(data=server.data, demo=False), server.city)
        accounts.add_user(ACCOUNT, PASSWORD, "viewer", "330200000000")
        with server:
            rows = asyncio.run(watch(server, names))
    harness.keep_samples("wall", {"rows": rows})
    figures: dict[str, Any] = {"minutes": MINUTES, "pages_turned": rows[-1]["pages"], "least_playing": min(row["playing"] for row in rows)}
    for what in ("heap_mb", "nodes", "listeners", "browser_mb", "server_mb", "server_files"):
        figures |= {f"{what}_begin": rows[0][what], f"{what}_end": rows[-1][what], f"{what}_per_day": a_day(rows, what)}
    return harness.result("wall", figures, {}, NOTES)


def a_day(rows: list[dict[str, float]], what: str) -> float:
    """By how much it would grow in a day's pages, by the second half of the rows."""
    half = rows[len(rows) // 2 :]
    slope = np.polyfit([row["pages"] for row in half], [row[what] for row in half], 1)[0]
    return float(slope) * PAGES_A_DAY


async def watch(server: Server, names: list[str]) -> list[dict[str, float]]:
    """A row each `EVERY_S`."""
    async with logged_in(server.port, ACCOUNT, PASSWORD, 1920, 1080) as page:
        group = "list:" + ",".join(names)
        await page.goto(f"http://127.0.0.1:{server.port}/wall?screen=video&tiles={TILES}&group={group}&dwell={DWELL_S:g}")
        session = await page.context.new_cdp_session(page)
        await asyncio.sleep(SETTLE_S)
        begun, rows = time.monotonic(), []
        shown: set[str] = set()
        while time.monotonic() - begun < 60 * MINUTES:
            await asyncio.sleep(EVERY_S)
            rows.append(await _row(server, page, session) | {"pages": (time.monotonic() - begun) / DWELL_S})
            shown.update(await page.evaluate(_SHOWN))
            harness.say("wall: " + ", ".join(f"{name} {value:.0f}" for name, value in rows[-1].items()))
        if shown != set(names):
            raise harness.PeerError(f"the wall does not go round: {len(shown)} of {len(names)} cameras were seen on it")
        return rows


async def _row(server: Server, page: Page, session: CDPSession) -> dict[str, float]:
    await session.send("HeapProfiler.collectGarbage")
    heap = await session.send("Runtime.getHeapUsage")
    counted = await session.send("Memory.getDOMCounters")
    of_server = with_descendants(server.pid)
    of_browser = [pid for pid in with_descendants(os.getpid()) if name_of(pid).startswith("chrom")]
    return {
        "heap_mb": heap["usedSize"] / 1e6,
        "nodes": counted["nodes"],
        "listeners": counted["jsEventListeners"],
        "browser_mb": rss_mb(of_browser),
        "server_mb": rss_mb(of_server),
        "server_files": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in of_server),
        "playing": await page.evaluate(_PLAYING),
    }
