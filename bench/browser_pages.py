"""The pages `bench browser` measures, each in a browser context of its own: opened, woken, read, silenced."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from bench import harness
from bench.processes import Child

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Route
    from playwright.async_api import Page as Tab

PAGES = Path(__file__).parent / "peer_pages"
SIZE = {"width": 1600, "height": 900}
# Peers' pages do not come from the server itself: without the last switch Chromium holds them for strangers and refuses the live socket.
GL = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
]
LEAFLET_PORT, LEAFLET_PREFIX = 18362, "/bench-leaflet/"
OPENS_WITHIN_MS = 90_000


@dataclass(frozen=True)
class View:
    """What the desk's map shows at first, and how large it is: the peers show the same."""

    lon: float
    lat: float
    zoom: float
    width: int
    height: int


@dataclass(frozen=True)
class Counters:
    """Sums since the page was opened."""

    task_s: float  # wall clock inside tasks of the main thread
    cpu_s: float  # CPU time inside them
    draws: int
    records: int  # fixes received while awake


class Visitor:
    """A browser, and the log-in every page of it has."""

    def __init__(self, browser: Browser, url: str, cookies: list[Any]) -> None:
        self._browser = browser
        self._cookies = cookies
        self.url = url
        self.version = f"Chromium {browser.version}, software GL (SwiftShader)"

    async def context(self, width: int, height: int) -> BrowserContext:
        context = await self._browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        await context.add_cookies(self._cookies)
        await context.add_init_script(path=PAGES / "gate.js")
        return context


@asynccontextmanager
async def open_browser(url: str, account: str, password: str) -> AsyncIterator[Visitor]:
    """Chromium, logged in. Raises PeerError when there is none."""
    from playwright.async_api import async_playwright

    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not found:
        raise harness.PeerError("No Chromium on the PATH. Run: tests/browser/chromium.sh")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found[0], args=GL)
        try:
            context = await browser.new_context()
            tab = await context.new_page()
            await tab.goto(f"{url}/login")
            await tab.fill("input[name=name]", account)
            await tab.fill("input[name=password]", password)
            async with tab.expect_navigation(wait_until="commit"):
                await tab.click("button[type=submit]")
            cookies: list[Any] = await context.cookies()
            await context.close()
            yield Visitor(browser, url, cookies)
        finally:
            await browser.close()


class Page:
    """One side."""

    counts_draws = True  # an update is what the page has drawn; else every fix that arrives is one

    def __init__(self, tab: Tab, wall: CDPSession, cpu: CDPSession) -> None:
        self.tab = tab
        self._wall = wall
        self._cpu = cpu

    @classmethod
    async def _on(cls, tab: Tab) -> Self:
        sessions = []
        for domain in ("timeTicks", "threadTicks"):
            session = await tab.context.new_cdp_session(tab)
            await session.send("Performance.enable", {"timeDomain": domain})
            sessions.append(session)
        return cls(tab, *sessions)

    async def wake(self) -> None:
        await self.tab.evaluate("bench.wake()")

    async def hush(self) -> None:
        await self.tab.evaluate("bench.hush()")

    async def counters(self) -> Counters:
        records, draws = await self.tab.evaluate(f"[bench.records, {self._draws}]")
        return Counters(await _task_s(self._wall), await _task_s(self._cpu), int(draws), int(records))

    async def frame_intervals_ms(self, seconds: float) -> list[float]:
        """Milliseconds between animation frames."""
        intervals: list[float] = await self.tab.evaluate(f"bench.frames({seconds * 1e3})")
        return intervals

    async def wait_for_units(self, units: int) -> None:
        """Until the page has a position of so many units."""
        await self.wake()
        while await self.tab.evaluate(self._placed) < units:  # noqa: ASYNC110 the desk's policy allows no wait_for_function
            await asyncio.sleep(0.1)
        await self.hush()

    async def go_to_street(self, zoom: float, view: View) -> None:
        """Look closely, where units visibly glide between fixes; peers now draw at every animation frame."""
        await self.wake()
        await self.tab.evaluate(f"bench.setPace('frames'); bench.look({{...{json.dumps(vars(view))}, zoom: {zoom}}}); undefined")

    _draws = "bench.draws"
    _placed = "bench.placed()"


async def _task_s(session: CDPSession) -> float:
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def _file(path: str) -> Callable[[Route], Awaitable[None]]:
    """Answers a request with a file."""
    return lambda route: route.fulfill(path=path)


class Desk(Page):
    """Ours: the desk, from the real server."""

    counts_draws = False
    _draws = "liandong.timing.frames"
    _placed = "liandong.fleet.shown ? liandong.fleet.shown.reduce((n, v) => n + (v === v), 0) / 2 : 0"

    @classmethod
    async def open(cls, visitor: Visitor) -> Desk:
        tab = await (await visitor.context(**SIZE)).new_page()
        # Awake from the start: Dash and the map need frames to come up.
        await tab.add_init_script("bench.silent = false")
        await tab.goto(f"{visitor.url}/")
        await tab.wait_for_selector("html.ready", timeout=OPENS_WITHIN_MS)
        return await cls._on(tab)

    async def view(self) -> View:
        """What its map shows."""
        return View(
            **await self.tab.evaluate(
                "(() => { const m = liandong.basemap.map, c = m.getCenter(), b = m.getContainer();"
                " return {lon: c.lng, lat: c.lat, zoom: m.getZoom(), width: b.clientWidth, height: b.clientHeight} })()"
            )
        )

    async def go_to_street(self, zoom: float, view: View) -> None:
        await self.wake()
        await self.tab.evaluate(f"liandong.basemap.map.jumpTo({{zoom: {zoom}}}); undefined")


class PlotlyPage(Page):
    """`Plotly.react` of a Scattermap with typed arrays, over the desk's own base map."""

    @classmethod
    async def open(cls, visitor: Visitor, view: View) -> PlotlyPage:
        tab = await (await visitor.context(view.width, view.height)).new_page()
        plotly = files("plotly") / "package_data" / "plotly.min.js"
        # On the server's own origin, so that the page may have its base map and its live socket.
        for name, path in (("plotly.html", PAGES / "plotly.html"), ("units.js", PAGES / "units.js"), ("plotly.min.js", plotly)):
            await tab.route(f"{visitor.url}/bench-plotly/{name}", _file(str(path)))
        shown = quote(json.dumps({"lon": view.lon, "lat": view.lat, "zoom": view.zoom}))
        await tab.add_init_script("bench.silent = false")
        await tab.goto(f"{visitor.url}/bench-plotly/plotly.html#{shown}")
        await tab.wait_for_function("bench.ready", timeout=OPENS_WITHIN_MS)
        return await cls._on(tab)


class Leaflet(Page):
    """dash-leaflet: a Dash page of its own server, reached through the desk's origin. Without a base map."""

    @classmethod
    async def open(cls, visitor: Visitor, view: View) -> Leaflet:
        tab = await (await visitor.context(view.width, view.height)).new_page()

        async def pass_on(route: Route) -> None:
            await route.fulfill(response=await route.fetch(url=route.request.url.replace(visitor.url, f"http://127.0.0.1:{LEAFLET_PORT}")))

        await tab.route(f"{visitor.url}{LEAFLET_PREFIX}**", pass_on)
        await tab.add_init_script("bench.silent = false")
        await tab.goto(f"{visitor.url}{LEAFLET_PREFIX}")
        await tab.wait_for_function("bench.ready", timeout=OPENS_WITHIN_MS)
        return await cls._on(tab)


@contextmanager
def leaflet_server(view: View) -> Iterator[None]:
    """The server of the dash-leaflet page. Raises PeerError when it can't be started."""
    python = harness.PEER_ENVIRONMENT / "bin" / "python"
    if not python.exists():
        raise harness.PeerError(f"{harness.PEER_ENVIRONMENT.name} is missing. Run: python app.py bench prepare")
    place = [str(value) for value in (view.lon, view.lat, view.zoom)]
    # -P: `bench/http.py` must not stand in for the standard library's package.
    command: list[str | Path] = [python, "-P", PAGES.parent / "peer_leaflet.py", str(LEAFLET_PORT), LEAFLET_PREFIX, *place]
    with Child("peer-leaflet", command) as server:
        server.wait_until(_listens)
        yield


def _listens() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", LEAFLET_PORT)) == 0
