"""The native feed protocol of `/feeds/v1`, without a socket: one message in, one answer out. Described in `docs/feeds.md`.

A message is one report or an array of reports, JSON. The answer counts what was accepted and names each refusal by its
index. Nothing a sender says ends the connection.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any, Protocol

import msgspec

from dispatch.clock import Clock
from feeds.base import TokenBucket
from operations.tracking.intake import Intake, Refusals
from operations.tracking.reports import AnyReport, CameraReport, ElementReport, FeedSession, IncidentReport, PositionReport, StatusReport

# Bounds of one message, so that no message holds the event loop for long.
MAX_BYTES = 1024 * 1024
MAX_REPORTS = 1_000
# Of one connection: a gateway of 10,000 units at 1 Hz fits twice; a burst is what it saved up while it was cut off.
REPORTS_PER_S = 20_000.0
BURST = 60_000.0
# What a message costs at least: parsing a refused megabyte is work too.
BYTES_PER_TOKEN = 200.0
# Detail of a refusal is for a person who writes the sender.
MAX_DETAIL = 300


class Rejection(msgspec.Struct, omit_defaults=True):
    """One refused report."""

    index: int
    reason: str
    detail: str = ""


class Answer(msgspec.Struct):
    """What a message came to."""

    accepted: int
    rejected: list[Rejection]


_ONE = msgspec.json.Decoder(AnyReport)
_MANY = msgspec.json.Decoder(list[AnyReport])
_ENCODER = msgspec.json.Encoder()


class NativeSession:
    """One connection of one feed."""

    def __init__(self, intake: Intake, feed: FeedSession, clock: Clock) -> None:
        """Raises NotPermitted when the actor may not report."""
        intake.authorise(feed)
        self._feed = feed
        self.stats = intake.health.feed(feed.name)
        self._bucket = TokenBucket(REPORTS_PER_S, BURST, clock.unix_s)
        self._handlers: dict[type, Callable[[Sequence[Any], FeedSession], Awaitable[Refusals]]] = {
            PositionReport: intake.positions,
            IncidentReport: intake.incidents,
            StatusReport: intake.statuses,
            ElementReport: intake.elements,
            CameraReport: intake.cameras,
        }

    async def receive(self, message: str | bytes) -> bytes:
        """The answer to one message, JSON."""
        accepted, rejected = await self._receive(message)
        return _ENCODER.encode(Answer(accepted, rejected))

    async def _receive(self, message: str | bytes) -> tuple[int, list[Rejection]]:
        if len(message) > MAX_BYTES:
            return 0, self._refuse_all("too_big", f"A message has at most {MAX_BYTES} bytes; send several.")
        if not self._bucket.take(max(1.0, len(message) / BYTES_PER_TOKEN)):
            return 0, self._refuse_all("rate_limited", f"More than {REPORTS_PER_S:.0f} reports a second; send less often.")
        try:
            reports = _decode(message)
        except (msgspec.DecodeError, UnicodeError, RecursionError):  # one of them is not as it must be: look at each
            return await self._receive_each(message)
        if len(reports) > MAX_REPORTS:
            return 0, self._refuse_all("too_many_reports", f"A message has at most {MAX_REPORTS} reports; send several.")
        rejected = [Rejection(index, reason) for index, reason in await self._report(reports)]
        return len(reports) - len(rejected), rejected

    async def _receive_each(self, message: str | bytes) -> tuple[int, list[Rejection]]:
        """The careful way: every report on its own, each refusal with its reason."""
        try:
            # Python's reader also takes NaN, which many senders write; the quality checks then name it.
            values = json.loads(message)
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            return 0, self._refuse_all("malformed_json", "The message is no JSON.")
        if not isinstance(values, list):
            values = [values]
        if len(values) > MAX_REPORTS:
            return 0, self._refuse_all("too_many_reports", f"A message has at most {MAX_REPORTS} reports; send several.")
        reports: list[Any] = []
        places: list[int] = []
        rejected: list[Rejection] = []
        for index, value in enumerate(values):
            try:
                _ENCODER.encode(value)  # half a surrogate pair passes Python's reader and fails in every store
                reports.append(msgspec.convert(value, AnyReport))
                places.append(index)
            except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
                rejected.append(Rejection(index, _reason(error), str(error)[:MAX_DETAIL]))
        self._count(rejected)
        rejected += [Rejection(places[index], reason) for index, reason in await self._report(reports)]
        return len(values) - len(rejected), sorted(rejected, key=lambda rejection: rejection.index)

    async def _report(self, reports: Sequence[AnyReport]) -> Refusals:
        """Hand reports to the intake in their order, neighbours of one kind together."""
        if not reports:
            return []
        refused: Refusals = []
        start = 0
        for kind, group in groupby(reports, key=type):
            run = list(group)
            refused += [(start + index, reason) for index, reason in await self._handlers[kind](run, self._feed)]
            start += len(run)
        return refused

    def _refuse_all(self, reason: str, detail: str) -> list[Rejection]:
        """The whole message is refused and counted once."""
        rejected = [Rejection(0, reason, detail)]
        self._count(rejected)
        return rejected

    def _count(self, rejected: list[Rejection]) -> None:
        for rejection in rejected:
            self.stats.reject(rejection.reason)


class Socket(Protocol):
    """What is needed of a websocket; Starlette's has it."""

    async def receive(self) -> Any: ...

    async def send_text(self, data: str) -> None: ...


async def serve(socket: Socket, session: NativeSession) -> None:
    """Answer each message of an accepted websocket until the other side leaves."""
    stats = session.stats
    stats.sessions += 1
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            content = message.get("text")
            answer = await session.receive(content if content is not None else message.get("bytes") or b"")
            await socket.send_text(answer.decode())
    finally:
        stats.sessions -= 1


def _decode(message: str | bytes) -> Sequence[AnyReport]:
    """Raises msgspec.DecodeError, UnicodeError or RecursionError when any report is not as it must be."""
    return _MANY.decode(message) if message[:1] in ("[", b"[") else [_ONE.decode(message)]


def _reason(error: Exception) -> str:
    text = str(error)
    return "unknown_type" if text.endswith("`$.type`") or text.endswith("required field `type`") else "bad_field"
