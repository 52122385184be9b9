"""What is said of a picture that must not be trusted."""

from __future__ import annotations

import numpy as np

from feeds.video import screen_clock
from feeds.video.looks import Luma, is_black

HEIGHT, WIDTH = 360, 640


def covered() -> Luma:
    """No light, with the noise of a sensor, a clock burnt in above and a name below."""
    luma = np.clip(np.random.default_rng(7).normal(18, 1.5, (HEIGHT, WIDTH)), 0, 255).astype(np.uint8)
    screen_clock.burn(luma, 1_700_000_000_000)
    luma[-40:-16, 400:620:3] = screen_clock.WHITE
    return luma


def test_a_covered_lens_is_black_whatever_is_burnt_in_and_a_lamp_at_night_is_not() -> None:
    assert is_black(covered())
    lit = covered()
    lit[150:170, 300:320] = 220
    assert not is_black(lit)
    skyline = covered()
    skyline[:60] = np.random.default_rng(8).integers(20, 90, (60, WIDTH))
    assert not is_black(skyline)
    assert not is_black(np.full((HEIGHT, WIDTH), 60, np.uint8))
