"""A composed node of the small test city, served by a thread of this process, with crews that really move; and a Chromium."""

from __future__ import annotations

import asyncio
import math
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from composition import compose
from dashboard.client.build import build
from dashboard.server import listen_socket, server_config
from dashboard.web import create_app
from dispatch.clock import SystemClock
from dispatch.commands import Command, ReceiveIncident
from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, Grade, UnitKind
from operations.services import Services
from settings import Settings
from tests.cities import CITY, WEST, build_test_city, degrees
from tests.passwords import QUICK

PASSWORD = "a password for tests"
SYSTEM = Actor("system", "admin", CITY, kind="system")
# Without a graphics card the map is drawn by an imitation of one; the page around it is drawn sooner by the processor itself.
SOFTWARE_GL = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
SOFTWARE_GL += ["--disable-gpu-rasterization", "--disable-gpu-compositing"]
COARSE = 0.25  # device pixels for one of the page, each way: sizes and clicks are the page's own, and there is little to draw
READY_WITHIN_MS = 60_000
GPS_EVERY_S = 4.0  # how often the feed of the crews' positions says that it does: silent is six times as long
SELDOM_S = 10.0  # between two fixes of a crew where nobody looks at how it moves: without a graphics card each takes half a second to draw
# What a page says of itself: where it is, what is chosen, what lies open above the map, where the map looks.
ACCOUNTS = (
    "location.href",
    "document.documentElement.className",
    "JSON.stringify(window.liandong?.state.selection)",
    "document.getElementById('panel')?.className",
    "document.getElementById('panel')?.innerText.slice(0, 400)",
    "[...document.querySelectorAll('.veil:not([hidden]), .note, [role=dialog]')].map((one) => one.id + ' ' + one.innerText.slice(0, 80))",
    "JSON.stringify(window.liandong?.basemap.map?.getCenter()) + window.liandong?.basemap.map?.getZoom()",
    "JSON.stringify(window.liandong?.basemap.map?.getPadding())",
)
Mount = Callable[[Any, Services], None]


def nothing_more(_server: Any, _services: Services) -> None:
    """No routes beside those of the application."""


class HurriedClock(SystemClock):
    """The machine's clock, ahead of it by the time that tests have let pass at once."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._ahead_s)

    def unix_s(self) -> float:
        return super().unix_s() + self._ahead_s

    def hurry(self, seconds: float) -> None:
        self._ahead_s += seconds


class DeskServer:
    """Runs until `stop`; `call` runs something on its event loop."""

    def __init__(self, folder: Path, units: int, mount: Mount) -> None:
        self._mount = mount
        self.folder = folder
        self._units = units
        self.clock = HurriedClock()
        self.loop = asyncio.new_event_loop()
        self.services: Services
        self.moving = True
        self.driving = False  # whether moving crews tell each second where they are
        self._listening = listen_socket("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._started = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._run, name="desk-server")

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(90), "the server did not start within 90 s"

    def stop(self) -> None:
        if self._server is not None:
            self.loop.call_soon_threadsafe(setattr, self._server, "should_exit", True)
        self._thread.join(30)
        self.loop.close()

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def handle(self, command: Command) -> Any:
        return self.call(self.services.handler.handle(command, SYSTEM))

    def incident(self, east_m: float = 500, north_m: float = 500, **more: Any) -> str:
        """Received as a feed would; its id."""
        lon, lat = degrees(east_m, north_m)
        fields: dict[str, Any] = {"incident_type": "assault", "grade": Grade.URGENT, "text": "两人打架", "lon": lon, "lat": lat} | more
        incident_id: str = self.handle(ReceiveIncident(**fields)).incident_id
        return incident_id

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        city = build_test_city(self.folder)
        node = compose(Settings(city=city.folder, data=self.folder / "data", demo=False), city, self.clock, QUICK)
        async with node.running() as services:
            self.services = services
            for role in ("operator", "commander", "viewer"):
                services.accounts.add_user(role, PASSWORD, role, CITY)
            services.accounts.add_user("west", PASSWORD, "operator", WEST)
            await asyncio.to_thread(services.travel.rings, *degrees(500, 500))  # compiled before anyone waits for it
            app = create_app(services, [], self._mount)
            self._server = uvicorn.Server(server_config(app))
            mover = asyncio.create_task(self._move())
            self._started.set()
            await self._server.serve(sockets=[self._listening])
            mover.cancel()

    async def _move(self) -> None:
        """Crews drive circles through the grid, a fix a second each while they are driving, else seldom."""
        table, handler = self.services.positions, self.services.handler
        kinds = list(UnitKind)
        for k in range(self._units):
            await handler.handle(RegisterUnit(unit_id=f"u{k}", callsign=f"西门{k:02d}", kind=kinds[k % 3], org_code=WEST), SYSTEM)
        indices = np.array([table.follow(handler.picture.units[f"u{k}"]) for k in range(self._units)])
        step, rest_s = 0, 0.0
        while True:
            rest_s -= 1.0
            if self.moving and (self.driving or rest_s <= 0):
                step, rest_s = step + 1, SELDOM_S
                turn = [step * 0.05 + k * 2 * math.pi / max(self._units, 1) for k in range(self._units)]
                points = [degrees(550 + 350 * math.cos(angle), 550 + 350 * math.sin(angle)) for angle in turn]
                now = np.full(self._units, self.services.clock.unix_s())
                heading = np.array([math.degrees(-angle) % 360 for angle in turn], np.float32)
                speed = np.full(self._units, 11.0, np.float32)
                table.write(indices, np.array([p[0] for p in points]), np.array([p[1] for p in points]), now, now, heading, speed)
                self.services.health.feed("gps", GPS_EVERY_S).heard(float(now[0]), self._units)
            await asyncio.sleep(1.0)


@contextmanager
def desk_server(folder: Path, units: int = 24, mount: Mount = nothing_more) -> Iterator[DeskServer]:
    """Built, bundled, served, stopped; `mount` adds routes, as a feed would."""
    build()
    server = DeskServer(folder, units, mount)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """The system's Chromium without a window; `more` switches it is started with."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*SOFTWARE_GL, *more])
        yield browser
        browser.close()


# What a driver or a processor that starts anew does to a page: everything drawn over its map is gone.
LOSE_GRAPHICS = "liandong.basemap.overlay.getCanvas().getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"


class Visitor:
    """One person's browser: counts errors, failed and outside requests."""

    def __init__(self, browser: Browser, server: DeskServer, name: str, size: tuple[int, int] = (1600, 900)) -> None:
        self.server = server
        # Units glide only where that is what is looked at: without a graphics card it takes most of the machine.
        self.context: BrowserContext = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, device_scale_factor=COARSE, locale="en-GB", reduced_motion="reduce"
        )
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.requests: list[str] = []
        self.troubles: list[str] = []  # answers that refuse, requests without one, what the console calls an error
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", lambda answer: answer.status >= 400 and self.troubles.append(f"{answer.status} {answer.url}"))
        self.page.on("requestfailed", lambda request: self.troubles.append(f"{request.failure} {request.url}"))
        self.page.on("console", lambda said: said.type == "error" and self.troubles.append(said.text))
        self.page.on("request", self._note)
        answer = self.context.request.post(
            f"{server.url}/login", form={"name": name, "password": PASSWORD, "next": "/"}, headers={"Origin": server.url}, max_redirects=0
        )
        assert answer.status == 303, answer.text()

    def _note(self, request: Any) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((self.server.url, self.server.url.replace("http", "ws"), "data:", "blob:")):
            self.outside.append(request.url)

    def open(self, path: str) -> Page:
        """Go there and wait until the page works."""
        self.page.goto(f"{self.server.url}{path}")
        self.page.wait_for_selector("html.ready", timeout=READY_WITHIN_MS)
        return self.page

    def knows(self, expression: str) -> Any:
        """What the page's own program holds; evaluated by the debugger, which the page's policy does not bind."""
        return self.page.evaluate(expression)

    def let_pass(self, seconds: float) -> None:
        """At once at the server, and in this page, as its next question for the time would have told it."""
        self.server.clock.hurry(seconds)
        self.knows(f"void (liandong.state.clockOffsetS += {seconds})")

    def until(self, expression: str, within_s: float = 15.0) -> Any:
        """Wait for an expression to become true."""
        for _ in range(int(within_s / 0.1)):
            found = self.knows(expression)
            if found:
                return found
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{expression} did not become true within {within_s} s; errors: {self.errors}")

    def account(self) -> str:
        """What the page shows, for somebody who reads of a test that failed."""
        parts = [f"troubles: {self.troubles[-12:]}", f"errors: {self.errors}"]
        for expression in ACCOUNTS:
            try:
                parts.append(f"{expression}: {self.knows(expression)}")
            except PlaywrightError as error:
                parts.append(f"{expression}: {error}")
        return "\n".join(parts)
