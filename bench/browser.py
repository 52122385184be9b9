"""`bench browser`: the desk with 700, 3,000 and 10,000 units that report five times a second, against Plotly and dash-leaflet.

Ours is the desk as the real server serves it. The peers are a page that calls `Plotly.react` with typed arrays and a Dash
page whose dash-leaflet GeoJSON layer of canvas circles gets new data from the browser. All three are clients of the same
live socket and show the same units, on maps of the same size, in one browser, turn about; who is not measured is silent.
"""

from __future__ import annotations

import asyncio
import statistics
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from bench import harness
from bench.browser_pages import Desk, Leaflet, Page, PlotlyPage, leaflet_server, open_browser
from bench.gateway import Gateway
from bench.processes import Server
from geodata.cities.city import open_city
from settings import Settings
from single_commands import open_accounts

PEERS = ("dash", "dash-leaflet")
PORT = 18361
SIZES = (700, 3_000, 10_000)
FIXES_PER_S = 5
ROUNDS = 5
SETTLE_S, MAIN_S, FRAMES_S = 1.2, 3.0, 2.0
STREET_ZOOM = 16.0
ACCOUNT, PASSWORD = "bench-desk", "bench-desk-password"


NOTES = {
    "feed": "every unit reports 5 times a second through /feeds/v1 of the real server; all pages are clients of its /live",
    "update": "ours: every unit has reported once, whatever that makes the whole desk do; peers: one drawing of all units",
    "main_ms": "CPU time inside tasks of the page's main thread (Chromium's TaskDuration in thread time); main_wall_ms by the clock",
    "drawing": "the desk draws when the fastest unit has moved half a pixel, at least once a second; peers draw at every fix",
    "street": "zoom 16, where movement shows: the desk decides as ever, peers draw interpolated positions at every animation frame",
    "base map": "ours and Plotly: the same vector map; dash-leaflet: none",
    "frame time": "mean interval of animation frames over 2 s, software GL on the same cores: compare, do not quote",
}


@dataclass
class Window:
    """One turn of one side."""

    main_ms: float  # CPU time of the main thread for one update of all units
    main_wall_ms: float  # the same by the clock, time in which other processes had the core included
    draws_per_s: float
    delivered_share: float  # of the fixes that were sent
    frame_ms: list[float]  # between animation frames

    @property
    def frame_time_ms(self) -> float:
        """The mean: a page that stops for 300 ms between two quick frames has not drawn quickly."""
        return statistics.fmean(self.frame_ms)


Windows = dict[str, list[Window]]  # by side


def run() -> dict[str, Any]:
    """The benchmark; about seven minutes."""
    with Server("browser-server", PORT, {"feed": "feed", "desk": "operator"}) as server:
        city = open_city(server.city)
        open_accounts(Settings(data=server.data, demo=False), server.city).add_user(ACCOUNT, PASSWORD, "operator", city.code)
        return asyncio.run(_measure(server))


async def _measure(server: Server) -> dict[str, Any]:
    notes = dict(NOTES)
    gateway = await Gateway.open(server, open_city(server.city), max(SIZES), FIXES_PER_S)
    with ExitStack() as servers:
        async with open_browser(f"http://127.0.0.1:{PORT}", ACCOUNT, PASSWORD) as visitor:
            notes["browser"] = visitor.version
            desk = await Desk.open(visitor)
            view = await desk.view()
            pages: dict[str, Page] = {"ours": desk, "plotly": await PlotlyPage.open(visitor, view)}
            try:
                servers.enter_context(leaflet_server(view))
                pages["leaflet"] = await Leaflet.open(visitor, view)
            except harness.PeerError as error:
                notes["leaflet"] = str(error)
            windows: dict[str, Windows] = {}
            for size in SIZES:
                await gateway.grow(size)
                for page in pages.values():
                    await page.wait_for_units(size)
                windows[str(size)] = await _rounds(f"{size:,} units", pages, gateway)
            for page in pages.values():
                await page.go_to_street(STREET_ZOOM, view)
            windows["street"] = await _rounds(f"{max(SIZES):,} units, street", pages, gateway)
    lag = await asyncio.to_thread(server.loop_lag_p99_ms, "desk")
    gateway.close()
    raw = {what: {side: [asdict(one) for one in ones] for side, ones in sides.items()} for what, sides in windows.items()}
    notes["samples"] = str(harness.keep_samples("browser", raw).relative_to(harness.ROOT))
    return _result(windows, lag, notes)


async def _rounds(what: str, pages: dict[str, Page], gateway: Gateway) -> Windows:
    """ROUNDS turns of each side; who begins changes."""
    windows: Windows = {name: [] for name in pages}
    for round_ in range(ROUNDS):
        harness.say(f"browser: {what}, round {round_ + 1} of {ROUNDS}")
        names = list(pages)
        for name in names if round_ % 2 == 0 else reversed(names):
            windows[name].append(await _window(pages[name], gateway))
    return windows


async def _window(page: Page, gateway: Gateway) -> Window:
    """One turn: let it settle, measure its main thread, then its frames (looking at these costs main thread time too)."""
    loop = asyncio.get_running_loop()
    await page.wake()
    async with gateway.sending():
        await asyncio.sleep(SETTLE_S)
        sent, began, before = gateway.sent, loop.time(), await page.counters()
        await asyncio.sleep(MAIN_S)
        after, lasted, sent = await page.counters(), loop.time() - began, gateway.sent - sent
        frame_ms = await page.frame_intervals_ms(FRAMES_S)
    await page.hush()
    draws = after.draws - before.draws
    updates = max(1.0, draws if page.counts_draws else sent / gateway.units)
    return Window(
        main_ms=(after.cpu_s - before.cpu_s) * 1e3 / updates,
        main_wall_ms=(after.task_s - before.task_s) * 1e3 / updates,
        draws_per_s=draws / lasted,
        delivered_share=(after.records - before.records) / sent,
        frame_ms=frame_ms,
    )


def _result(windows: dict[str, Windows], lag: float | None, notes: dict[str, str]) -> dict[str, Any]:
    """Ours under the plain names, peers under theirs, what was seen at street level under street_."""

    def median(what: str, side: str, of: str) -> float:
        return statistics.median(getattr(window, of) for window in windows[what][side])

    most = str(max(SIZES))
    figures: dict[str, Any] = {}
    for side in windows[most]:
        prefix = "" if side == "ours" else f"{side}_"
        for what in windows:
            for of in ("main_ms", "main_wall_ms", "frame_time_ms", "draws_per_s"):
                figures[f"{prefix}{of}_{what}"] = median(what, side, of)
        figures[f"{prefix}fps_{most}"] = 1e3 / median(most, side, "frame_time_ms")
        figures[f"{prefix}delivered_share_{most}"] = median(most, side, "delivered_share")
    figures["loop_lag_p99_ms"] = lag

    def ratio(what: str, side: str, of: str) -> float | None:
        return median(what, "ours", of) / median(what, side, of) if side in windows[what] else None

    figures["street_main_thread_vs_plotly"] = ratio("street", "plotly", "main_ms")
    figures["street_frame_time_vs_plotly"] = ratio("street", "plotly", "frame_time_ms")
    ratios = {
        "main_thread_10000_vs_plotly": ratio(most, "plotly", "main_ms"),
        "main_thread_10000_vs_dash_leaflet": ratio(most, "leaflet", "main_ms"),
        "frame_time_10000_vs_plotly": ratio(most, "plotly", "frame_time_ms"),
    }
    return harness.result("browser", figures, ratios, notes)


if __name__ == "__main__":
    harness.main(run)
