"""The time burnt into a picture reads back, at any size a screen shows it, or not at all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from feeds.video import screen_clock
from feeds.video.street_scene import StreetScene

TIMES = st.integers(0, 2**screen_clock.TIME_BITS - 1)


@given(TIMES, st.sampled_from([(640, 360), (1280, 720), (480, 272)]))
def test_what_was_burnt_is_read(time_ms: int, size: tuple[int, int]) -> None:
    luma = np.full((size[1], size[0]), 128, np.uint8)
    screen_clock.burn(luma, time_ms)
    assert screen_clock.read(luma) == time_ms


def test_it_reads_from_a_picture_shown_smaller() -> None:
    canvas = StreetScene("gate", 1280, 720).draw(0.0, 1_796_013_365_190)
    shown = np.asarray(Image.fromarray(canvas[:720]).resize((320, 180)))
    assert screen_clock.read(shown) == 1_796_013_365_190


@given(TIMES, st.integers(0, screen_clock.TIME_BITS + screen_clock.CHECK_BITS - 1))
def test_a_wrong_cell_is_no_other_time(time_ms: int, cell: int) -> None:
    luma = np.full((360, 640), 128, np.uint8)
    screen_clock.burn(luma, time_ms)
    row, column = divmod(cell, screen_clock.COLUMNS)
    place = luma[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
    place[...] = screen_clock.WHITE + screen_clock.BLACK - place
    assert screen_clock.read(luma) is None


def test_a_picture_without_cells_has_no_time() -> None:
    assert screen_clock.read(np.zeros((360, 640), np.uint8)) is None
    assert screen_clock.read(np.full((360, 640), 255, np.uint8)) is None
    assert screen_clock.read(np.zeros((4, 20), np.uint8)) is None
