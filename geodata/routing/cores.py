"""Work cut in parts that several processor cores do at the same time: compiled functions that let go of the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

# More parts than this would leave too little to each of them, and other work no core.
MOST_PARTS = 4
# A power of two, so that a city can be halved and halved again: 1, 2 or 4.
PARTS = 1 << (min(MOST_PARTS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1).bit_length() - 1)

_workers = ThreadPoolExecutor(max(1, PARTS - 1), thread_name_prefix="part")  # its threads begin with the first work


def parts_for(size: int, worth: int) -> int:
    """In how many parts to do work on so many things; fewer than `worth` are not worth a second core."""
    return PARTS if size >= worth else 1


def side_by_side(work: Callable[[int], object], parts: int) -> None:
    """Call `work` with 0 … `parts` - 1, the first in this thread; returns when all are done. Raises what the first of them raised."""
    others = [_workers.submit(work, part) for part in range(1, parts)]
    try:
        work(0)
    finally:
        wait(others)
    for other in others:
        other.result()
