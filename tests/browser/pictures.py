"""Reads from the screen of a browser when the picture of a camera was taken, by the clock burnt into it."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import numpy as np
from playwright.sync_api import Page

from feeds.video import screen_clock
from tests.browser.desk_server import Visitor

IN_STEP_S = 0.2  # a clip shows what its camera saw at the instant of the time bar, within this

# The upper part of a video's picture as grey values, in base64: as numbers they would take a page longer to tell than to draw.
_UPPER = """const upper = (video) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: Math.ceil(video.videoWidth / 16) });
  const drawn = canvas.getContext("2d");
  drawn.drawImage(video, 0, 0);
  const { data } = drawn.getImageData(0, 0, canvas.width, canvas.height);
  const grey = Array.from({ length: data.length / 4 }, (_, k) => String.fromCharCode(data[4 * k + 1]));
  return { width: canvas.width, grey: btoa(grey.join("")) };
};"""
# What a camera's tile shows, and the time by the same machine's clock.
_SCREEN = f"""(id) => {{
  {_UPPER}
  const video = document.querySelector(`[data-camera="${{id}}"] video.front`);
  return video?.videoWidth ? {{ at: Date.now(), ...upper(video) }} : null;
}}"""
# What each clip shows and what the time bar's clock says, in one turn of the page.
_IN_STEP = f"""() => {{
  {_UPPER}
  const {{ at, speed, playing, anchorMs }} = liandong.state.replay;
  const clips = [...document.querySelectorAll(".video-tile.in-step video.front")].filter((video) => video.videoWidth).map(upper);
  return {{ at: playing ? at + (performance.now() - anchorMs) / 1000 * speed : at, clips }};
}}"""


def age_on_screen_s(page: Page, camera_id: str) -> float | None:
    """How long ago the picture on the screen was taken; None where there is none, or its clock can't be read."""
    seen: dict[str, Any] | None = page.evaluate(_SCREEN, camera_id)
    if seen is None:
        return None
    taken_s = _clock_in(seen)
    return None if taken_s is None else seen["at"] / 1000 - taken_s


def ages_on_screen_s(page: Page, camera_id: str, count: int = 12) -> list[float]:
    """Several times, a tenth of a second apart, those that could be read."""
    ages_s = []
    for _ in range(count):
        ages_s.append(age_on_screen_s(page, camera_id))
        page.wait_for_timeout(90)
    return [age_s for age_s in ages_s if age_s is not None]


def clocks_in_step(page: Page, clips: int) -> tuple[float, ...] | None:
    """The time bar's clock, and the clock burnt into each of so many clips that play by it, at one instant (Unix s); None where one is not
    shown, or can't be read."""
    seen: dict[str, Any] = page.evaluate(_IN_STEP)
    taken_s = [clock for clip in seen["clips"] if (clock := _clock_in(clip)) is not None]
    return (seen["at"], *taken_s) if len(taken_s) == len(seen["clips"]) == clips else None


def clocks_while_playing(page: Page, clips: int, count: int = 8) -> list[tuple[float, ...]]:
    """Several times, a tenth of a second apart, those that could be read."""
    read = []
    for _ in range(count):
        page.wait_for_timeout(100)
        read.append(clocks_in_step(page, clips))
    return [clocks for clocks in read if clocks is not None]


def is_live(visitor: Visitor, camera_id: str, within_s: float = 15) -> None:
    """Wait until the camera's tile shows a picture that nothing is said against."""
    visitor.until(f"""document.querySelector('.video-tile[data-camera="{camera_id}"]:not(.bad) video.front') !== null""", within_s)


def _clock_in(picture: dict[str, Any]) -> float | None:
    """Unix s, as burnt into it."""
    taken_ms = screen_clock.read(np.frombuffer(b64decode(picture["grey"]), np.uint8).reshape(-1, picture["width"]))
    return None if taken_ms is None else taken_ms / 1000
