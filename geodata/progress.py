"""How far a long piece of work is, told to whoever asked for it."""

from __future__ import annotations

from collections.abc import Callable

# Hears the name of the part that is at work and the share of everything that is done, 0 … 1, never less than before.
Progress = Callable[[str, float], None]


def unheard(part: str, share: float) -> None:
    """For work that nobody watches."""


def within(progress: Progress, first: float, last: float) -> Progress:
    """What a piece of the work tells as its own 0 … 1, told as `first` … `last` of the whole."""
    return lambda part, share: progress(part, first + (last - first) * share)
