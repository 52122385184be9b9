"""The time, burnt into a picture as black and white cells, so that a program can read from a screen when it was taken.

Two rows of 24 square cells in the upper left corner, each a fortieth of the picture wide; read row by row, white is 1: 42 bits of
milliseconds, the highest first, then 6 bits of check (CRC-6). A copy of the screen that is torn reads as None, not as another time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 24, 2
CELLS_ACROSS = 40  # cells that would fill the picture's width
TIME_BITS, CHECK_BITS = 42, 6
BLACK, WHITE = 16, 235  # luma of video

Luma = NDArray[np.uint8]


def cell_px(width: int) -> int:
    """Side of a cell in a picture of this width, pixels."""
    return width // CELLS_ACROSS


def burn(luma: Luma, time_ms: int) -> None:
    """Write a time (ms, non-negative) into the corner of a luma plane (height, width)."""
    side = cell_px(luma.shape[1])
    word = (time_ms << CHECK_BITS) | _check(time_ms)
    bits = np.array([word >> place & 1 for place in range(TIME_BITS + CHECK_BITS - 1, -1, -1)], np.uint8)
    cells = np.where(bits == 1, WHITE, BLACK).astype(np.uint8).reshape(ROWS, COLUMNS)
    luma[: ROWS * side, : COLUMNS * side] = cells.repeat(side, 0).repeat(side, 1)


def read(luma: Luma) -> int | None:
    """The time (ms) in a grey picture (height, width) of any size; None when there is none to be read."""
    side = luma.shape[1] / CELLS_ACROSS
    if luma.shape[0] < ROWS * side or side < 2:
        return None
    middles = [np.s_[int((row + 0.3) * side) : int((row + 0.7) * side) + 1] for row in range(ROWS)]
    word = 0
    for rows in middles:
        for column in range(COLUMNS):
            cell = luma[rows, int((column + 0.3) * side) : int((column + 0.7) * side) + 1]
            word = word << 1 | int(cell.mean() > 128)
    time_ms = word >> CHECK_BITS
    return time_ms if word & (1 << CHECK_BITS) - 1 == _check(time_ms) else None


def _check(time_ms: int) -> int:
    """CRC-6 (x⁶ + x + 1, begun with ones) of the time's bits; wrong in an all-black or all-white corner."""
    rest = 0b111111
    for place in range(TIME_BITS - 1, -1, -1):
        carry = (rest >> 5 ^ time_ms >> place) & 1
        rest = (rest << 1 & 0b111111) ^ (0b000011 if carry else 0)
    return rest
