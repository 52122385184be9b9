"""Reads from the screen of a browser when the picture of a camera was taken, by the clock burnt into it."""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.sync_api import Page

from feeds.video import screen_clock
from tests.browser.desk_server import Visitor

# The upper part of what is on the screen as grey values, and the time by the same machine's clock.
_SCREEN = """(id) => {
  const video = document.querySelector(`[data-camera="${id}"] video.front`);
  if (!video?.videoWidth) return null;
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: Math.ceil(video.videoWidth / 16) });
  const drawn = canvas.getContext("2d");
  drawn.drawImage(video, 0, 0);
  const { data } = drawn.getImageData(0, 0, canvas.width, canvas.height);
  return { at: Date.now(), width: canvas.width, grey: [...data].filter((_, k) => k % 4 === 1) };
}"""


def age_on_screen_s(page: Page, camera_id: str) -> float | None:
    """How long ago the picture on the screen was taken; None where there is none, or its clock can't be read."""
    seen: dict[str, Any] | None = page.evaluate(_SCREEN, camera_id)
    if seen is None:
        return None
    taken_ms = screen_clock.read(np.array(seen["grey"], np.uint8).reshape(-1, seen["width"]))
    return None if taken_ms is None else (seen["at"] - taken_ms) / 1000


def ages_on_screen_s(page: Page, camera_id: str, count: int = 12) -> list[float]:
    """Several times, a tenth of a second apart, those that could be read."""
    ages_s = []
    for _ in range(count):
        ages_s.append(age_on_screen_s(page, camera_id))
        page.wait_for_timeout(90)
    return [age_s for age_s in ages_s if age_s is not None]


def is_live(visitor: Visitor, camera_id: str, within_s: float = 15) -> None:
    """Wait until the camera's tile shows a picture that nothing is said against."""
    visitor.until(f"""document.querySelector('.video-tile[data-camera="{camera_id}"]:not(.bad) video.front') !== null""", within_s)
