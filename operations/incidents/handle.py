"""Commands in, events out: who may, what is missing, what follows, made durable, told to everyone, then answered."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol

import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.commands import Command, IncidentCommand, ReceiveIncident, caller_digest
from dispatch.errors import RuleViolation, Unavailable
from dispatch.events import Recorded
from dispatch.ids import uuid7
from dispatch.model import Actor, Incident
from dispatch.picture import OperatingPicture
from operations.incidents.batch import Outcome, Request, without_caller
from operations.incidents.bus import Bus
from operations.incidents.writer import Waiting, Writer, answer
from storage.journal import Journal
from storage.replay import SNAPSHOT_EVERY

__all__ = ["Handler", "Outcome"]

log = structlog.get_logger(__name__)

MAX_KEY = 200  # characters of an idempotency key
# Answers are kept this long: a phone that was off over a long week-end still gets the first answer to its command.
KEPT_ANSWERS = timedelta(days=14)


class Authority(Protocol):
    """Decides who may; `operations.access.authority.Authority`."""

    def authorise_command(self, actor: Actor, command: Command, picture: OperatingPicture, incident: Incident | None = None) -> None: ...


class Enricher(Protocol):
    """Completes a command; `operations.incidents.enrich.Enricher`."""

    async def enrich(self, command: Command, actor: Actor, picture: OperatingPicture, incident: Incident | None) -> Command: ...


class Handler:
    """The only way to change anything. Made on any thread; `start`, `handle` and `stop` belong to one event loop."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        bus: Bus,
        authority: Authority,
        enricher: Enricher,
        node: str = "city",
        random: Callable[[int], bytes] = os.urandom,
        snapshot_every: int = SNAPSHOT_EVERY,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._bus = bus
        self._authority = authority
        self._enricher = enricher
        self._random = random
        self._snapshot_every = snapshot_every
        self._writer = Writer(journal, clock, node, self._new_id, self._publish)
        self._picture = OperatingPicture()
        self._running = False
        self._snapshot_at = 0  # revision of the newest snapshot asked for
        self._snapshots = ThreadPoolExecutor(1, thread_name_prefix="journal-snapshot")

    @property
    def picture(self) -> OperatingPicture:
        """Everything that is durable. Swapped on the event loop, together with what the bus tells."""
        return self._picture

    async def start(self) -> None:
        """Become the journal's writer and fold it. Raises JournalError; JournalBusy when another process is the writer."""
        self._picture = await asyncio.to_thread(self._writer.open)
        self._snapshot_at = self._picture.revision
        await asyncio.to_thread(self._journal.tidy, self._clock.now() - KEPT_ANSWERS)
        self._writer.start(asyncio.get_running_loop())
        self._running = True

    async def stop(self) -> None:
        """Answer what has been accepted, then let go of the journal."""
        self._running = False
        await asyncio.to_thread(self._snapshots.shutdown)
        await asyncio.to_thread(self._writer.stop)
        await asyncio.sleep(0)  # answers of the last commit

    async def handle(self, command: Command, actor: Actor, key: str | None = None) -> Outcome:
        """Carry out one command. The answer leaves when its events are durable.

        The same `key` of the same actor gives the first answer again. Raises DispatchError; whatever was raised, the command
        changed nothing, except Unavailable, where only a repetition under the same key tells.
        """
        self._require_running()
        check_key(key)
        digest = command_digest(command)
        incident = await self._incident(command)
        self._authority.authorise_command(actor, command, self._picture, incident)
        complete = await self._enricher.enrich(command, actor, self._picture, incident)
        if complete is not command:
            self._authority.authorise_command(actor, complete, self._picture, incident)
        salt = None
        if isinstance(complete, ReceiveIncident) and complete.caller is not None:
            salt = self._random(16).hex()
            complete = msgspec.structs.replace(complete, caller_digest=caller_digest(salt, complete.caller))
        outcome = await self._put(Waiting(Request(complete, actor, key, digest, salt), asyncio.get_running_loop().create_future()))
        assert outcome is not None
        return outcome

    async def settle(self, settled: tuple[tuple[str, str], ...]) -> None:
        """These entries of the outbox, (assignment_id, topic), have arrived; they are not sent again."""
        self._require_running()
        await self._put(Waiting(None, asyncio.get_running_loop().create_future(), settled))

    async def _put(self, waiting: Waiting) -> Outcome | None:
        self._writer.put(waiting)
        return await waiting.answer

    async def _incident(self, command: Command) -> Incident | None:
        if not isinstance(command, IncidentCommand):
            return None
        held = self._picture.incidents.get(command.incident_id)
        return held or await asyncio.to_thread(self._journal.incident, command.incident_id)

    def _publish(self, picture: OperatingPicture, records: tuple[Recorded, ...], group: list[Waiting]) -> None:
        """On the event loop after a commit: first everyone sees the new picture, then the senders are answered."""
        self._picture = picture
        if records:
            self._bus.publish(records)
        for waiting in group:
            answer(waiting)
        if self._running and picture.revision - self._snapshot_at >= self._snapshot_every:
            self._snapshot_at = picture.revision
            self._snapshots.submit(self._save_snapshot, picture)

    def _save_snapshot(self, picture: OperatingPicture) -> None:
        try:
            self._journal.save_snapshot(picture, self._clock.now())
        except Exception:  # only the next start takes longer; the events are all there
            log.exception("snapshot_failed", revision=picture.revision)

    def _require_running(self) -> None:
        if not self._running:
            raise Unavailable("not-running", "Commands are not accepted now: the system is starting or stopping; send it again.")

    def _new_id(self) -> str:
        return uuid7(self._clock.unix_s(), self._random)


def command_digest(command: Command) -> str:
    """What tells a repetition from another command under the same key. Raises RuleViolation for what can't be written as JSON."""
    try:
        return hashlib.sha256(msgspec.json.encode(without_caller(command), order="sorted")).hexdigest()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RuleViolation("unsound-text", f"The command can't be written as JSON: {error}; send plain JSON values.") from None


def check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
        raise RuleViolation("unsound-key", f"The key {key[:80]!r} is empty, unprintable or longer than {MAX_KEY} characters; send a UUID.")
