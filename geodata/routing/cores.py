"""Work cut in parts that several processor cores do at the same time: compiled functions that let go of the interpreter's lock."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

# More parts than this would leave too little to each of them, and other work no core.
MOST_PARTS = 4
_CHOOSES = hasattr(os, "sched_setaffinity")  # whether threads can be told which cores to use
# A power of two, so that a city can be halved and halved again: 1, 2 or 4.
PARTS = 1 << (min(MOST_PARTS, len(os.sched_getaffinity(0)) if _CHOOSES else os.cpu_count() or 1).bit_length() - 1)


class Apart:
    """Keeps other threads off the core of the one that asks, and each of them off those of the others.

    Left to itself a virtual machine's kernel may wake a thread on the core of the one that calls it rather than on one that sleeps: to it
    a core that sleeps looks like one the host has given away. Both then take turns on one core, for as long as an answer takes.
    """

    def __init__(self) -> None:
        self._threads: list[int] = []  # as the kernel numbers them
        self._core = -1  # they are kept off it
        self._lock = threading.Lock()
        self._current_core: Callable[[], int] | None = ctypes.CDLL(None).sched_getcpu if _CHOOSES else None

    def join(self) -> None:
        """From now on also the thread that calls."""
        with self._lock:
            self._threads.append(threading.get_native_id())
            self._core = -1

    def keep(self) -> None:
        """Off the core of the thread that calls, until another one is asked for. Takes 1 µs where that is so already."""
        if self._current_core is None or self._core == (core := self._current_core()):
            return
        with self._lock:
            others = sorted(os.sched_getaffinity(0) - {core})
            for i, thread in enumerate(self._threads if others else ()):
                os.sched_setaffinity(thread, others[i :: len(self._threads)] or others)
            self._core = core


_apart = Apart()
# Its threads begin with the first work.
_workers = ThreadPoolExecutor(max(1, PARTS - 1), thread_name_prefix="part", initializer=_apart.join)


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
        if parts > 1:
            _apart.keep()
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
