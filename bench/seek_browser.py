"""A jump of the time bar in Chromium: from the seek until every unit and every incident of that moment is on the page and drawn."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from bench import harness
from bench.browser_pages import GL
from bench.processes import Child
from geodata.building.demo_city import ensure_demo_city

PORT = 18371
RECORD_S = 100.0  # of the demo, before the first seek
SEEKS = 40
APART_S = 10.0  # at least so far from where the page is, so that the picture really is another
ACCOUNT, PASSWORD = "operator", "liandong-demo"

# Milliseconds from the seek to the second animation frame after the page holds what the API says of that moment; null: it gave up.
_SEEK = """async ([at, incidents, units]) => {
  const begun = performance.now();
  liandong.replay.seek(at, { playing: false });
  while (performance.now() - begun < 10000) {
    await new Promise(requestAnimationFrame);
    const { replay, incidents: held } = liandong.state;
    if (!replay || replay.wanted !== null || Math.abs(replay.at - at) > 0.11) continue;
    const open = [...held.values()].filter((one) => incidents.includes(one.incident_id));
    if (held.size !== incidents.length || open.length !== incidents.length) continue;
    let placed = 0;
    for (let i = 0; i < liandong.fleet.count; i++) if (liandong.fleet.rows[i] && !Number.isNaN(liandong.fleet.shown[2 * i])) placed++;
    if (placed !== units) continue;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - begun;
  }
  return null;
}"""
_PICTURE = "(at) => fetch(`/api/v1/picture?at=${encodeURIComponent(at)}`).then((answer) => answer.json())"


def browser_seeks() -> list[float]:
    """Milliseconds of each seek. Raises PeerError where there is no browser, or a seek came to no complete picture."""
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not found:
        raise harness.PeerError("No Chromium on the PATH. Run: tests/browser/chromium.sh")
    with _demo() as server, sync_playwright() as playwright:
        server.wait_until(_is_up)
        harness.say(f"seek: recording {RECORD_S:g} s of the demo")
        begun = time.time()
        time.sleep(RECORD_S)
        browser = playwright.chromium.launch(executable_path=found[0], args=GL)
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.goto(f"http://127.0.0.1:{PORT}/login?lang=en")
        page.fill("input[name=name]", ACCOUNT)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        _wait(page, "window.liandong?.replay && liandong.fleet.count > 0 && liandong.state.incidents.size > 0")
        taken = _seeks(page, begun)
        browser.close()
    return taken


def _seeks(page: Page, begun: float) -> list[float]:
    random, ends = np.random.default_rng(5), begun + RECORD_S - 5.0
    instants, at = [], begun
    while len(instants) < SEEKS + 2:
        wanted = round(float(random.uniform(begun + 40.0, ends)), 1)
        if abs(wanted - at) >= APART_S:
            instants.append(wanted)
            at = wanted
    pictures = [page.evaluate(_PICTURE, _iso(instant)) for instant in instants]
    wrong = next((picture for picture in pictures if "incidents" not in picture), None)
    if wrong is not None:
        raise harness.PeerError(f"a picture of the past was refused: {wrong.get('detail')}")
    taken = []
    for instant, picture in zip(instants, pictures, strict=True):
        incidents = [one["incident_id"] for one in picture["incidents"]]
        units = sum(one.get("lon") is not None for one in picture["units"])
        took = page.evaluate(_SEEK, [instant, incidents, units])
        if took is None:
            raise harness.PeerError(f"the seek to {_iso(instant)} came to no complete picture in 10 s")
        taken.append(float(took))
        page.wait_for_timeout(400)
    return taken[2:]  # the first one opens the replay's own socket


def _wait(page: Page, condition: str) -> None:
    """Until it holds. Playwright's own waiting evaluates text, which the pages' content security policy forbids."""
    ends = time.monotonic() + 30.0
    while not page.evaluate(f"Boolean({condition})"):
        if time.monotonic() > ends:
            raise harness.PeerError(f"the desk did not come up: {condition}")
        page.wait_for_timeout(200)


def _iso(unix_s: float) -> str:
    return np.datetime64(round(unix_s * 1000), "ms").item().isoformat(timespec="milliseconds") + "Z"


def _demo() -> Child:
    city = ensure_demo_city(harness.ROOT / "var" / "city")
    data = harness.WORK / "seek-data"
    shutil.rmtree(data, ignore_errors=True)
    app: list[str | Path] = [sys.executable, harness.ROOT / "app.py", "run", "--city", city, "--data", data]
    return Child("seek-server", [*app, "--port", str(PORT), "--jt808-port", "0"])


def _is_up() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/v1/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
