"""A synthetic street, drawn straight into the planes of a picture: houses, a road, cars, people, a lamp; and what is burnt into it.

Nothing of it is real, and every picture says so.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from feeds.video import screen_clock

Canvas = NDArray[np.uint8]  # yuv420p, (height · 3/2, width)
SAID = "SYNTHETIC TEST PICTURE"
# Luma, blue and red difference of what is drawn.
SKY, ROAD, KERB, LINE = (178, 140, 118), (84, 128, 128), (120, 128, 128), (205, 128, 128)
CARS = ((190, 128, 128), (60, 160, 110), (110, 90, 190), (150, 60, 150), (45, 128, 128))
PEOPLE = ((90, 110, 150), (60, 140, 120), (140, 100, 160))


class StreetScene:
    """The street of one camera; the same name draws the same street at every size."""

    def __init__(self, name: str, width: int, height: int, time_zone: str = "Asia/Shanghai") -> None:
        self.width, self.height = width, height
        self._name = name
        self._zone = ZoneInfo(time_zone)
        self._seed = zlib.crc32(name.encode())
        self._ground = self._draw_ground()

    def draw(self, at_s: float, shown_ms: int, text: str | None = None) -> Canvas:
        """The street at a moment (Unix s); the cells show `shown_ms`, the line below them `text` or the time in words."""
        canvas = self._ground.copy()
        self._draw_people(canvas, at_s)
        self._draw_cars(canvas, at_s)
        if text is None:
            moment = datetime.fromtimestamp(shown_ms / 1000, UTC).astimezone(self._zone)
            text = f"{moment:%Y-%m-%d %H:%M:%S}.{shown_ms % 1000 // 100}"
        self._burn(canvas, shown_ms, text)
        return canvas

    def black(self, shown_ms: int) -> Canvas:
        """No light reaches the sensor, and the camera burns nothing in; `shown_ms` is not shown."""
        del shown_ms
        canvas = np.full((self.height * 3 // 2, self.width), 128, np.uint8)
        canvas[: self.height] = screen_clock.BLACK
        return canvas

    def _burn(self, canvas: Canvas, shown_ms: int, text: str) -> None:
        luma, side = canvas[: self.height], screen_clock.cell_px(self.width)
        screen_clock.burn(luma, shown_ms)
        size = max(10, self.height // 20)
        _write(luma, text, 4, 2 * side + 4, size)
        _write(luma, self._name, 4, self.height - size - 8, size)
        _write(luma, SAID, self.width - _mask(SAID, size).shape[1] - 6, self.height - size - 8, size)

    def _draw_ground(self) -> Canvas:
        canvas = np.zeros((self.height * 3 // 2, self.width), np.uint8)
        random = np.random.default_rng(self._seed)
        self._fill(canvas, 0, 0, 1, 1, SKY)
        left = 0.0
        while left < 1.0:
            width, top = random.uniform(0.06, 0.16), random.uniform(0.14, 0.4)
            wall = (int(random.integers(90, 170)), int(random.integers(116, 132)), int(random.integers(124, 142)))
            self._fill(canvas, left, top, left + width, 0.62, wall)
            for row in np.arange(top + 0.03, 0.56, 0.06):
                for column in np.arange(left + 0.012, left + width - 0.016, 0.024):
                    self._fill(canvas, column, row, column + 0.012, row + 0.03, (int(random.integers(50, 215)), 122, 132))
            left += width
        self._fill(canvas, 0, 0.6, 1, 0.66, KERB)
        self._fill(canvas, 0, 0.66, 1, 0.94, ROAD)
        self._fill(canvas, 0, 0.94, 1, 1, KERB)
        for start in np.arange(0.0, 1.0, 0.1):
            self._fill(canvas, start, 0.79, start + 0.05, 0.8, LINE)
        noise = random.integers(-4, 5, (self.height, self.width), np.int16)
        canvas[: self.height] = np.clip(canvas[: self.height] + noise, 16, 235)
        return canvas

    def _draw_cars(self, canvas: Canvas, at_s: float) -> None:
        random = np.random.default_rng(self._seed + 1)
        for lane, (top, direction) in enumerate(((0.68, -1), (0.735, -1), (0.82, 1), (0.88, 1))):
            for number in range(2):
                speed, offset = random.uniform(0.06, 0.13), random.uniform(0.0, 1.4)
                x = (direction * speed * (at_s % 10_000) + offset + 0.7 * number) % 1.4 - 0.2
                body = CARS[int(random.integers(0, len(CARS)))]
                self._fill(canvas, x, top + 0.015, x + 0.1, top + 0.045, body)
                self._fill(canvas, x + 0.025, top, x + 0.075, top + 0.015, (40, 132, 126))
                self._fill(
                    canvas, x + (0.097 if lane > 1 else 0.0), top + 0.02, x + (0.1 if lane > 1 else 0.003), top + 0.03, (225, 110, 140)
                )

    def _draw_people(self, canvas: Canvas, at_s: float) -> None:
        random = np.random.default_rng(self._seed + 2)
        for number in range(5):
            speed, offset = random.uniform(-0.03, 0.03), random.uniform(0.0, 1.2)
            x = (speed * (at_s % 10_000) + offset) % 1.2 - 0.1
            self._fill(canvas, x, 0.575, x + 0.012, 0.635, PEOPLE[number % len(PEOPLE)])
            self._fill(canvas, x + 0.003, 0.555, x + 0.009, 0.575, (160, 118, 142))

    def _fill(self, canvas: Canvas, left: float, top: float, right: float, bottom: float, colour: tuple[int, int, int]) -> None:
        """A rectangle; shares of the picture, on even pixels."""
        w, h = self.width, self.height
        x0, x1 = (max(0, min(w, int(x * w) // 2 * 2)) for x in (left, right))
        y0, y1 = (max(0, min(h, int(y * h) // 2 * 2)) for y in (top, bottom))
        canvas[y0:y1, x0:x1] = colour[0]
        blue = canvas[h : h + h // 4].reshape(h // 2, w // 2)
        red = canvas[h + h // 4 :].reshape(h // 2, w // 2)
        blue[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = colour[1]
        red[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = colour[2]


def _write(luma: NDArray[np.uint8], text: str, x: int, y: int, size: int) -> None:
    """White on a dark band, cut at the picture's edge."""
    mask = np.concatenate([_mask(letter, size) for letter in text], axis=1) if text != SAID else _mask(text, size)
    place = luma[y : y + mask.shape[0], x : x + mask.shape[1]]
    place[...] = mask[: place.shape[0], : place.shape[1]]


@cache
def _mask(text: str, size: int) -> NDArray[np.uint8]:
    """Letters as luma, white on dark; all of one height."""
    font = ImageFont.load_default(size)
    ascent_px, width_px = size + 4, max(1, round(font.getlength(text)))
    image = Image.new("L", (width_px, ascent_px), 24)
    ImageDraw.Draw(image).text((0, 0), text, 235, font)
    return np.asarray(image, np.uint8)
