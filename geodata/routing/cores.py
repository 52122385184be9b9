"""Work cut in parts that several processor cores do at the same time: compiled functions that let go of the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

# More parts than this would leave too little to each of them, and other work no core.
MOST_PARTS = 4
# A power of two, so that a city can be halved and halved again: 1, 2 or 4.
PARTS = 1 << (min(MOST_PARTS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1).bit_length() - 1)

_workers = ThreadPoolExecutor(max(1, PARTS - 1), thread_name_prefix="part")  # its threads begin with the first work


def parts_for(size: int, worth: int) -> int:
    """In how many parts to do work on so many things; fewer than `worth` are not worth a second core."""
    return PARTS if size >= worth else 1


def side_by_side(work: Callable[[int], object], parts: int) -> None:
    """Call `work` with 0 … `parts` - 1 and return when all are done. Raises what one of them raised.

    This thread does the first, and after it those that no other thread has begun: where all of those are busy, or wait for this one, it
    does not wait for them.
    """
    others: list[Future[object]] = []
    try:
        for part in range(1, parts):
            others.append(_workers.submit(work, part))
        work(0)
        for part, other in enumerate(others, 1):
            if other.cancel():
                work(part)
    finally:
        # Once this has raised, nothing more begins and nothing goes on.
        wait([other for other in others if not other.cancel()])
    for other in others:
        if not other.cancelled():
            other.result()
