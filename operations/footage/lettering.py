"""Text as a grey picture, in any script the pages know: written with the pages' own fonts, each of which holds a few hundred characters."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Grey = NDArray[np.uint8]

_FACE = re.compile(r'@font-face\{[^}]*url\("?([^")]+\.woff2)"?\)[^}]*unicode-range:([^;}]+)')
WEIGHT = 600  # of a variable font: light letters are lost in a small picture


class Lettering:
    """The fonts of one style sheet. Blocks on the disk; not thread-safe."""

    def __init__(self, style_sheet: Path) -> None:
        """Raises OSError, ValueError when it names no font."""
        faces = _FACE.findall(style_sheet.read_text())
        self._faces = [(_ranges(spans), style_sheet.parent / file) for file, spans in faces]
        if not self._faces:
            raise ValueError(f"{style_sheet} names no font")
        self._font = cache(_load)

    def lines(self, text: str, size_px: int, most_px: int) -> list[str]:
        """The text in lines of that width at most; broken anywhere, a checksum has no spaces."""
        lines, line = [], ""
        for letter in self._known(text):
            if line and self._width(line + letter, size_px) > most_px:
                lines.append(line)
                line = ""
            line += letter
        return [*lines, line]

    def draw(self, text: str, size_px: int) -> Grey:
        """One line, 0 for nothing to 255 for the letters."""
        text = self._known(text)
        image = Image.new("L", (max(1, round(self._width(text, size_px)) + 1), round(size_px * 1.45)))
        pen, left = ImageDraw.Draw(image), 0.0
        for letter in text:
            font = self._font(self._file(letter), size_px)
            # On one base line, whichever font a letter is of.
            pen.text((left, size_px * 1.1), letter, 255, font, anchor="ls")
            left += font.getlength(letter)
        return np.asarray(image)

    def _width(self, text: str, size_px: int) -> float:
        return sum(self._font(self._file(letter), size_px).getlength(letter) for letter in text)

    def _known(self, text: str) -> str:
        """A letter that no font has is written by its number: an empty box could be anybody."""
        return "".join(letter if self._has(letter) else f"\\u{ord(letter):x}" for letter in text)

    def _has(self, letter: str) -> bool:
        return any(ord(letter) in span for spans, _ in self._faces for span in spans)

    def _file(self, letter: str) -> Path:
        return next(file for spans, file in self._faces if any(ord(letter) in span for span in spans))


def _ranges(spans: str) -> list[range]:
    """`U+0020-007E,U+4E00` of a style sheet."""
    found = []
    for span in spans.split(","):
        first, _, last = span.strip().upper().removeprefix("U+").partition("-")
        found.append(range(int(first, 16), int(last or first, 16) + 1))
    return found


def _load(file: Path, size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(file), size_px)
    font.set_variation_by_axes([WEIGHT])
    return font
