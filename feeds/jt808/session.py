"""One terminal's conversation in JT/T 808, without a socket: bytes in, answers out.

A terminal registers (0x0100) and is given a code, or authenticates (0x0102) with the code of an earlier time; only then are
its positions taken. Every message is answered, also those we do not know, because a terminal repeats what is not answered.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from dispatch.clock import Clock
from feeds.base import TokenBucket
from feeds.jt808 import messages
from feeds.jt808.framing import BadFrame, Deframer, frame
from feeds.jt808.messages import Fix, Message
from operations.health import FeedHealth
from operations.tracking.fixes import Refusals
from operations.tracking.reports import FeedSession, PositionReport

# A batch of an hour at one fix in 3 s, put together from parts; what a terminal has begun and not ended is forgotten after a minute.
MAX_PARTS = 64
MAX_UNFINISHED = 4
UNFINISHED_KEPT_S = 60.0
# A crew's terminal sends a few messages a second; after a gap its backlog at once.
MESSAGES_PER_S = 20.0
BURST = 600.0
# Frames that make no sense, in a row, before the connection is given up: it is no JT/T 808.
MAX_BAD_IN_A_ROW = 50


class Positions(Protocol):
    """What the session needs of the intake."""

    async def positions(self, reports: Sequence[PositionReport], feed: FeedSession) -> Refusals: ...

    def hear(self, unit_id: str, feed: FeedSession) -> None: ...


# The unit that carries the terminal of this number: its id and the tracker's code there; None when nobody does.
FindUnit = Callable[[str], tuple[str, str] | None]


class EndOfConnection(Exception):
    """The connection is to be closed; the message is the reason."""


class TerminalSession:
    """State of one connection. `number` is set once the terminal has proved who it is."""

    def __init__(self, intake: Positions, feed: FeedSession, stats: FeedHealth, find_unit: FindUnit, secret: bytes, clock: Clock) -> None:
        self.number: str | None = None
        self._intake = intake
        self._feed = feed
        self._stats = stats
        self._find_unit = find_unit
        self._secret = secret
        self._clock = clock
        self._deframer = Deframer()
        self._bucket = TokenBucket(MESSAGES_PER_S, BURST, clock.unix_s)
        self._serial = 0  # of our next answer
        self._bad_in_a_row = 0
        # Parts of messages not complete yet, by (message id, serial of the first part): when begun, total, parts by number.
        self._unfinished: dict[tuple[int, int], tuple[float, int, dict[int, bytes]]] = {}

    async def receive(self, data: bytes) -> bytes:
        """Answers to what is complete now. Raises EndOfConnection when the terminal leaves or nothing can be made of it."""
        answers = b""
        for content in self._deframer.feed(data):
            answers += await self._take(content)
        return answers

    async def _take(self, content: bytes | BadFrame) -> bytes:
        if not self._bucket.take(1.0):
            self._stats.reject("rate_limited")
            raise EndOfConnection("rate_limited")
        try:
            if isinstance(content, BadFrame):
                raise content
            message = messages.decode(content)
        except BadFrame as bad:
            self._stats.reject(bad.reason)
            self._bad_in_a_row += 1
            if self._bad_in_a_row >= MAX_BAD_IN_A_ROW:
                raise EndOfConnection("too_many_bad_frames") from None
            return b""
        self._bad_in_a_row = 0
        try:
            whole = self._put_together(message)
            return self._result(message, messages.OK) if whole is None else await self._answer(whole)
        except BadFrame as bad:
            self._stats.reject(bad.reason)
            return self._result(message, messages.WRONG)

    async def _answer(self, message: Message) -> bytes:
        """Do what a whole message asks. Raises BadFrame for one whose body makes no sense."""
        match message.message_id:
            case messages.TERMINAL_ANSWER:
                return b""
            case messages.HEARTBEAT:
                return self._heartbeat(message)
            case messages.REGISTER:
                return self._register(message)
            case messages.AUTHENTICATE:
                return self._authenticate(message)
            case messages.LOG_OUT:
                self.number = None
                return self._result(message, messages.OK)
            case messages.POSITION | messages.BATCH_POSITIONS:
                return await self._positions(message)
        self._stats.reject(f"unsupported_{message.message_id:04x}")
        return self._result(message, messages.UNSUPPORTED)

    def _heartbeat(self, message: Message) -> bytes:
        """A parked vehicle beats and sends no positions: its unit is heard."""
        unit = self._unit(message)
        if unit is not None:
            self._intake.hear(unit[0], self._feed)
        return self._result(message, messages.OK)

    def _unit(self, message: Message) -> tuple[str, str] | None:
        """Unit and tracker of a terminal that has proved who it is."""
        return self._find_unit(message.number) if message.number == self.number else None

    def _register(self, message: Message) -> bytes:
        messages.check_registration(message)
        if self._find_unit(message.number) is None:
            self._stats.reject("unknown_terminal")
            return frame(messages.register_answer(message, self._next_serial(), messages.UNKNOWN_TERMINAL))
        code = code_of(self._secret, message.number)
        return frame(messages.register_answer(message, self._next_serial(), messages.REGISTERED, code))

    def _authenticate(self, message: Message) -> bytes:
        given = messages.authentication_code(message)
        is_right = hmac.compare_digest(given.rstrip(b"\0"), code_of(self._secret, message.number))
        if not is_right or self._find_unit(message.number) is None:
            self._stats.reject("not_authenticated" if not is_right else "unknown_terminal")
            return self._result(message, messages.FAILED)
        self.number = message.number
        self._stats.heard(self._clock.unix_s(), 0)
        return self._result(message, messages.OK)

    async def _positions(self, message: Message) -> bytes:
        """Hand over one or many. The answer is OK also for fixes the checks refuse: repeating them would change nothing."""
        unit = self._unit(message)
        if unit is None:
            self._stats.reject("not_authenticated")
            return self._result(message, messages.FAILED)
        fixes = [messages.fix(message.body)] if message.message_id == messages.POSITION else list(messages.batch(message.body))
        reports = []
        for fix in fixes:
            if isinstance(fix, BadFrame):
                self._stats.reject(fix.reason)
            elif fix.position_at is None:
                self._stats.reject("bad_time")
            else:
                reports.append(_report(fix, fix.position_at, *unit))
        if reports:
            await self._intake.positions(reports, self._feed)
        return self._result(message, messages.OK)

    def _put_together(self, message: Message) -> Message | None:
        """The whole message once its last part is there, None until then. Raises BadFrame when there is too much of it."""
        if message.parts == 1:
            return message
        if message.parts > MAX_PARTS:
            raise BadFrame("too_many_parts")
        now = self._clock.unix_s()
        for key, (begun_at, _, _) in list(self._unfinished.items()):
            if now - begun_at > UNFINISHED_KEPT_S:
                del self._unfinished[key]
                self._stats.reject("unfinished")
        key = (message.message_id, (message.serial - message.part + 1) & 0xFFFF)
        if key not in self._unfinished and len(self._unfinished) >= MAX_UNFINISHED:
            raise BadFrame("too_many_unfinished")
        _, total, pieces = self._unfinished.setdefault(key, (now, message.parts, {}))
        if total != message.parts:
            raise BadFrame("bad_header")
        pieces[message.part] = message.body
        if len(pieces) < total:
            return None
        del self._unfinished[key]
        return message._replace(body=b"".join(pieces[part] for part in sorted(pieces)), parts=1, part=1)

    def _result(self, message: Message, result: int) -> bytes:
        return frame(messages.platform_answer(message, self._next_serial(), result))

    def _next_serial(self) -> int:
        serial, self._serial = self._serial, (self._serial + 1) & 0xFFFF
        return serial


def code_of(secret: bytes, number: str) -> bytes:
    """The authentication code of a terminal: the same after every restart, and nothing to keep."""
    return hmac.new(secret, number.encode(), hashlib.sha256).hexdigest()[:20].encode()


def masked(number: str) -> str:
    """For logs: terminal numbers are like telephone numbers."""
    return "*" * max(len(number) - 3, 0) + number[-3:] if len(number) > 3 else "***"


def _report(fix: Fix, position_at: datetime, unit_id: str, tracker_id: str) -> PositionReport:
    """Without a fix the place is 0, 0: the checks name it, and the unit is heard."""
    return PositionReport(
        unit_id=unit_id,
        tracker_id=tracker_id,
        lon=fix.lon if fix.has_fix else 0.0,
        lat=fix.lat if fix.has_fix else 0.0,
        position_at=position_at,
        speed_mps=fix.speed_mps if fix.has_fix else None,
        heading_deg=fix.heading_deg if fix.has_fix else None,
    )
