"""The one thread that decides and writes: takes all commands that wait, commits them together, then tells the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from dispatch.clock import Clock
from dispatch.errors import DispatchError, Unavailable
from dispatch.events import Recorded
from dispatch.evolve import fold
from dispatch.picture import OperatingPicture
from operations.incidents.batch import Batch, Outcome, Request
from storage.journal import Journal, JournalError
from storage.replay import loader, picture_of

log = structlog.get_logger(__name__)

# Commands in one commit. Far above what arrives while one commit is written; bounds how long the first of them waits.
MAX_BATCH = 256


@dataclass
class Waiting:
    """A command, or outbox entries to settle, and who waits for the answer on the event loop."""

    request: Request | None
    answer: asyncio.Future[Outcome | None]
    settled: tuple[tuple[str, str], ...] = ()
    result: Outcome | BaseException | None = field(default=None)


Publish = Callable[[OperatingPicture, tuple[Recorded, ...], list[Waiting]], None]


class Writer:
    """Owns the running picture. `publish` is called on the loop, once for each commit, in order."""

    def __init__(self, journal: Journal, clock: Clock, node: str, new_id: Callable[[], str], publish: Publish) -> None:
        self._journal = journal
        self._clock = clock
        self._node = node
        self._new_id = new_id
        self._publish = publish
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()  # None: stop
        self._picture = OperatingPicture()
        self._recorded_at: datetime | None = None  # of the newest event; time in the journal never runs backwards
        self._in_doubt = False  # a commit failed: what the journal holds must be asked before the next
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> OperatingPicture:
        """Claim the journal and fold it. Raises JournalError. Blocks."""
        self._journal.claim()
        try:
            self._picture = picture_of(self._journal)
            self._recorded_at = self._journal.tip().recorded_at
        except BaseException:
            self._journal.release()
            raise
        return self._picture

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def put(self, waiting: Waiting) -> None:
        self._queue.put(waiting)

    def stop(self) -> None:
        """Write what waits, then end. Blocks until done."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        self._journal.release()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group, stopping = self._next_group()
            if group:
                self._write(group)

    def _next_group(self) -> tuple[list[Waiting], bool]:
        group: list[Waiting] = []
        item = self._queue.get()
        while item is not None:
            group.append(item)
            if len(group) == MAX_BATCH:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write(self, group: list[Waiting]) -> None:
        records: tuple[Recorded, ...] = ()
        try:
            records = self._recover() if self._in_doubt else ()
            batch = self._decide(group)
            commit = batch.commit()
            if not commit.is_empty:
                self._in_doubt = True
                self._journal.append(commit)
                self._in_doubt = False
            self._picture = batch.picture
            if commit.records:
                self._recorded_at = commit.records[-1].recorded_at
            records += commit.records
        except Exception as error:  # whatever it was, nobody is left without an answer
            log.exception("journal_write_failed", commands=len(group))
            detail = str(error) if isinstance(error, JournalError) else f"{type(error).__name__} while writing"
            for waiting in group:
                waiting.result = Unavailable("not-durable", f"The command was not recorded: {detail}. Send it again with the same key.")
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._publish, self._picture, records, group)

    def _decide(self, group: list[Waiting]) -> Batch:
        now = self._clock.now()
        if self._recorded_at is not None:
            now = max(now, self._recorded_at)
        batch = Batch(self._picture, self._journal, self._node, self._new_id, now)
        batch.know([waiting.request for waiting in group if waiting.request is not None])
        for waiting in group:
            if waiting.request is None:
                batch.settle(waiting.settled)
                continue
            try:
                waiting.result = batch.take(waiting.request)
            except DispatchError as error:
                waiting.result = error
            except JournalError:
                raise
            except Exception as error:
                # A fault of ours in one command must not cost the others theirs; its sender gets it as it is.
                log.exception("command_failed", command=type(waiting.request.command).__name__)
                waiting.result = error
        return batch

    def _recover(self) -> tuple[Recorded, ...]:
        """After a failed commit: it may have become durable all the same. Takes over what the journal holds."""
        missed = tuple(self._journal.read(self._picture.revision, 1_000_000))
        self._picture = fold(self._picture, missed, loader(self._journal))
        if missed:
            self._recorded_at = missed[-1].recorded_at
        self._in_doubt = False
        return missed


def answer(waiting: Waiting) -> None:
    """Hand the result to who waits; on the event loop. One who has given up waiting is left alone."""
    if waiting.answer.done():
        return
    result: Any = waiting.result
    if isinstance(result, BaseException):
        waiting.answer.set_exception(result)
    else:
        waiting.answer.set_result(result)
