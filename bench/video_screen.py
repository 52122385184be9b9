"""Cameras on the screen of a Chromium, played by the desk's own player: how soon, how late, how smoothly."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench import harness
from feeds.video.screen_clock import CELLS_ACROSS, COLUMNS, ROWS, TIME_BITS

if TYPE_CHECKING:
    from playwright.async_api import Page

PLAYER = harness.ROOT / "dashboard" / "client" / "src" / "video" / "player.js"

# Of a stream: asked for as the desk asks, played in a <video> of its own.
_PAGE = f"""
window.watch = (camera, quality, told) => {{
  const video = Object.assign(document.createElement("video"), {{ muted: true, playsInline: true, width: 320, height: 180 }});
  document.body.append(video);
  const asked = fetch(`/api/v1/cameras/${{camera}}/streams`, {{
    method: "POST", headers: {{ "Content-Type": "application/json" }}, body: JSON.stringify({{ quality }}),
  }});
  const opened = asked.then((answer) => answer.json()).then((stream) => play(video, stream.url, told ?? {{}}));
  return {{ video, close: async () => {{ (await opened).close(); video.remove(); }} }};
}};
window.click = (camera, quality) => new Promise((resolve) => {{
  const begun = performance.now();
  const firstFrame = () => {{
    const ms = performance.now() - begun;
    one.close().then(() => resolve(ms / 1000));
  }};
  const one = watch(camera, quality, {{ firstFrame }});
}});
window.readClock = (pen, width) => {{
  const side = width / {CELLS_ACROSS};
  const bits = [];
  for (let row = 0; row < {ROWS}; row += 1) {{
    const {{ data }} = pen.getImageData(0, Math.floor((row + 0.5) * side), width, 1);
    for (let column = 0; column < {COLUMNS}; column += 1) bits.push(data[4 * Math.floor((column + 0.5) * side)] > 127 ? 1 : 0);
  }}
  let rest = 63;
  for (const bit of bits.slice(0, {TIME_BITS})) rest = ((rest << 1) & 63) ^ ((rest >> 5) ^ bit ? 3 : 0);
  const check = bits.slice({TIME_BITS}).reduce((sum, bit) => 2 * sum + bit, 0);
  return check === rest ? bits.slice(0, {TIME_BITS}).reduce((sum, bit) => 2 * sum + bit, 0) : null;
}};
window.glass = ([camera, quality, wanted]) => new Promise((resolve) => {{
  const one = watch(camera, quality);
  const canvas = Object.assign(document.createElement("canvas"), {{ width: 640, height: 360 }});
  const pen = canvas.getContext("2d", {{ alpha: false, willReadFrequently: true }});
  const delays = [];
  let pictures = 0;
  const read = () => {{
    pen.drawImage(one.video, 0, 0, 640, 360);
    const shown = readClock(pen, 640);
    pictures += 1;
    if (shown !== null && pictures > 45) delays.push((Date.now() - shown) / 1000);  // the first seconds settle
    if (pictures < wanted + 45) one.video.requestVideoFrameCallback(read);
    else one.close().then(() => resolve(delays));
  }};
  one.video.requestVideoFrameCallback(read);
}});
window.tiles = ([cameras, quality, seconds]) => new Promise((resolve) => {{
  const all = cameras.map((camera) => watch(camera, quality));
  const counts = all.map(() => 0);
  let counting = false;
  all.forEach((one, k) => {{
    const next = () => {{ counts[k] += counting; one.video.requestVideoFrameCallback(next); }};
    one.video.requestVideoFrameCallback(next);
  }});
  setTimeout(() => {{ counting = true; }}, 4000);
  setTimeout(() => Promise.all(all.map((one) => one.close())).then(() => resolve(counts.map((n) => n / seconds))), 4000 + 1000 * seconds);
}});
"""


class Screen:
    """A page of the server, logged in, with nothing on it but what is watched."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def click(self, camera: str, quality: str) -> float:
        """Seconds from asking to the first picture on the screen."""
        took: float = await self._page.evaluate("([camera, quality]) => click(camera, quality)", [camera, quality])
        return took

    async def glass_s(self, camera: str, quality: str, pictures: int) -> list[float]:
        """How old each picture was when it was put on the screen."""
        delays: list[float] = await self._page.evaluate("(what) => glass(what)", [camera, quality, pictures])
        if len(delays) < pictures // 2:
            raise RuntimeError(f"the clock of {camera} could be read in {len(delays)} of {pictures} pictures only")
        return delays

    async def tiles_fps(self, cameras: list[str], quality: str, seconds: float) -> list[float]:
        """Pictures a second that each of several tiles showed."""
        counted: list[float] = await self._page.evaluate("(what) => tiles(what)", [cameras, quality, seconds])
        return counted


@asynccontextmanager
async def screen(port: int, account: str, password: str) -> AsyncIterator[Screen]:
    """A page with nothing but the desk's player on it. Raises PeerError without a Chromium."""
    async with logged_in(port, account, password, 1400, 900) as page:
        player = PLAYER.read_text(encoding="utf-8").replace("export function", "function")
        await page.evaluate(f"() => {{ {player}; window.play = play; {_PAGE}; document.body.replaceChildren(); }}")
        yield Screen(page)


@asynccontextmanager
async def logged_in(port: int, account: str, password: str, width: int, height: int) -> AsyncIterator[Page]:
    """A page of a Chromium that has logged in. Raises PeerError without one."""
    from playwright.async_api import async_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise harness.PeerError("No Chromium on the PATH. Run: tests/browser/chromium.sh")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            page = await browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(60_000)
            await page.goto(f"http://127.0.0.1:{port}/login?next=/account")
            await page.fill("input[name=name]", account)
            await page.fill("input[name=password]", password)
            await page.click("button[type=submit]")
            await page.wait_for_url("**/account")
            yield page
        finally:
            await browser.close()
