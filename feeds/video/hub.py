"""One camera's stream: pulled while somebody wants it, handed to all who do, the pictures since the last key frame kept for the next.

What a camera sends is taken on the event loop, or by the thread that connects to it where libav has to pull it. All else runs on that
loop. Whoever records, cuts or shows subscribes:

    with hub.subscribe() as subscription:
        while True:
            for item in await subscription.take():  # Init, Fragment (with its capture time), Told; raises PullFailed at the end
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from dispatch.clock import Clock
from feeds.video.fmp4 import Fmp4Writer, Fragment, Init
from feeds.video.live_connection import LiveConnection, connect
from feeds.video.pull import NoSuchStream, NotH264, Packet, PullFailed, pull
from feeds.video.span_pull import pull_span
from feeds.video.span_time import Span
from feeds.video.subscription import Subscription, Told

MOST_BEHIND = 200  # fragments that wait for one subscriber; then it goes on with the next key frame
# Since the last key frame; a camera that sends none for so long has no beginning to offer. 128 MiB are half a minute of 34 Mbit/s.
MOST_KEPT, MOST_KEPT_BYTES = 1500, 128 << 20
LATE_S = 2.0  # pictures that come so long after they were taken, or not at all for so long
RETRIES_S = (0.2, 0.5, 1.0)  # waits between tries, the last again and again
DECIDED_WITHIN_S = 5.0  # the thread waits for the event loop, unless that has ended
STARTING_S, AWAY_S = 10.0, 60.0  # failing for so long from the beginning, or after pictures had come, is told as a failure


@dataclass(frozen=True)
class Timing:
    """How patient a hub is, seconds."""

    linger_s: float = 15.0  # pulled on after the last subscriber has gone
    no_key_s: float = 20.0  # a camera that sends pictures, but none to begin with for so long, can't be shown


class Permits(Protocol):
    """Who may do what is costly; `feeds.video.admission`."""

    def transcode(self, hub: Hub) -> bool: ...

    def release(self, hub: Hub) -> None: ...


class PlayedOut(PullFailed):
    """What is played once has come to its end; no failure."""

    def __init__(self) -> None:
        super().__init__("expired", "It has been played to its end; open it again.", is_final=True)


class Hub:
    """One stream. `urls`: the camera's address, and another to take rather than to transcode the first."""

    def __init__(
        self,
        urls: tuple[str, ...],
        clock: Clock,
        timing: Timing,
        permits: Permits,
        ended: Callable[[Hub], None],
        once: bool = False,
        span: Span | None = None,
    ) -> None:
        """`once`: what a recorder plays, to its end or its first failure; kept from its beginning until the first subscriber is there.
        `span`: of which time, where its address does not say it."""
        self.urls, self._once, self._span = urls, once, span
        self._clock, self._timing, self._permits, self._ended = clock, timing, permits, ended
        self._loop = asyncio.get_running_loop()
        self._subscriptions: set[Subscription] = set()
        self._wanted_until = self._loop.time() + timing.linger_s
        self._is_wanted, self._ending = True, threading.Event()
        self._writer = Fmp4Writer()
        self._failing_since: float | None = clock.unix_s()
        self._without_key_since: float | None = None
        self.viewers = 0
        self.init: Init | None = None
        self.group: list[Fragment] = []  # since the last key frame
        self._group_bytes = 0
        self.key: tuple[Init, Fragment] | None = None  # the newest one
        self.is_transcoded = False
        self.last_picture_at: float | None = None  # Unix s, as all below
        self.last_error, self.last_error_at = "", 0.0
        self.late_s: float | None = None
        self.frozen_since: float | None = None
        self.black_since: float | None = None
        self._told = Told("ok", 0.0)
        self._keys: set[asyncio.Future[tuple[Init, Fragment]]] = set()
        self._keeps_all = once
        self._tries, self._has_begun = 0, False
        self._is_left_to_libav = once or span is not None
        self._connection: LiveConnection | None = None
        threading.Thread(target=self._run, name="camera", daemon=True).start()
        self._watch = asyncio.create_task(self._keep_watch())

    @contextmanager
    def subscribe(self, most_behind: int = MOST_BEHIND, is_viewer: bool = True) -> Iterator[Subscription]:
        """Take what comes, beginning with what is kept since the last key frame."""
        subscription = Subscription(max(most_behind, len(self.group) + most_behind // 2) if self._keeps_all else most_behind)
        self._keeps_all = False
        if self.init is not None and self.group:
            subscription.put(self.init)
            for fragment in self.group:
                subscription.put(fragment)
        if self._told.state != "ok":
            subscription.put(self._told)
        self._subscriptions.add(subscription)
        self.viewers += is_viewer
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            self.viewers -= is_viewer
            if is_viewer:  # what was held for this one to begin is not needed any more
                self._wanted_until = self._loop.time() + (0.0 if self._once else self._timing.linger_s)

    @property
    def is_idle(self) -> bool:
        """Nobody watches it, and it is not held for somebody who is about to."""
        return not self.viewers and not self._keys and self._loop.time() >= self._wanted_until

    def hold(self, seconds: float) -> None:
        """Go on for so long, also if nobody subscribes."""
        self._wanted_until = max(self._wanted_until, self._loop.time() + seconds)

    def release(self) -> None:
        """Nobody needs what was held any more."""
        self._wanted_until = self._loop.time()

    async def key_frame(self, after: float) -> tuple[Init, Fragment]:
        """The newest key frame taken after a moment (Unix s); waits for one. Raises PullFailed."""
        if self.key is not None and self.key[1].captured_at >= after:
            return self.key
        waiting = self._loop.create_future()
        self._keys.add(waiting)
        try:
            return await waiting
        finally:
            self._keys.discard(waiting)

    def close(self, failure: PullFailed | None = None) -> None:
        """End; the thread ends with the next packet, or when none comes."""
        if not self._is_wanted:
            return
        self._is_wanted = False
        self._ending.set()
        self._watch.cancel()
        if self._connection is not None:
            self._connection.end()
        failure = failure or PullFailed("starting", "The stream was ended; open it again.")
        for subscription in self._subscriptions:
            subscription.fail(failure)
        for waiting in self._keys:
            if not waiting.done():
                waiting.set_exception(failure)
        self._permits.release(self)
        self._ended(self)

    def seen(self, black_since: float | None, frozen_since: float | None) -> None:
        """What somebody who looked at the key frames found (Unix s)."""
        self.black_since, self.frozen_since = black_since, frozen_since
        self._tell()

    # On the event loop, told by the thread -----------------------------------------------------------------------------

    def _packet(self, items: list[Init | Fragment], late_s: float | None) -> None:
        if not self._is_wanted:
            return
        self.late_s = late_s
        for item in items:
            if isinstance(item, Init):
                self.init, self.group = item, []
            elif self.init is not None:
                self._fragment(self.init, item)
            for subscription in self._subscriptions:
                subscription.put(item)

    def _fragment(self, init: Init, fragment: Fragment) -> None:
        self.last_picture_at = self._clock.unix_s()
        self._failing_since, self.last_error = None, ""
        if fragment.is_key:
            self.key = (init, fragment)
            self.group = self.group if self._keeps_all else []
            self._group_bytes = sum(len(one.data) for one in self.group)
            self._keep(fragment)
            for waiting in self._keys:
                if not waiting.done():
                    waiting.set_result(self.key)
        elif self.group:
            self._keep(fragment)

    def _keep(self, fragment: Fragment) -> None:
        self.group.append(fragment)
        self._group_bytes += len(fragment.data)
        if len(self.group) > MOST_KEPT or self._group_bytes > MOST_KEPT_BYTES:
            self.group = []

    def _failed(self, failure: PullFailed) -> None:
        if self._once and self.last_picture_at is None and isinstance(failure, (NoSuchStream, PlayedOut)):
            failure = PullFailed("no-recorder", "The recorder has nothing of that time.", is_final=True)
        now = self._clock.unix_s()
        self.last_error, self.last_error_at = str(failure), now
        self._failing_since = self._failing_since or now
        if self._once or failure.is_final or now - self._failing_since > (STARTING_S if self.last_picture_at is None else AWAY_S):
            self.close(failure)

    async def _decide(self) -> bool:
        self.is_transcoded = self._is_wanted and (self.is_transcoded or self._permits.transcode(self))
        return self.is_transcoded

    async def _attend(self, connection: LiveConnection) -> None:
        if not self._is_wanted:
            connection.close()
            return
        self._connection = connection
        try:
            await connection.run(lambda packet: self._packet(self._write(packet), packet.late_s))
        finally:
            self._connection = None

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            if not self._subscriptions and not self._keys and self._loop.time() >= self._wanted_until:
                self.close()
                return
            self._tell()

    def _tell(self) -> None:
        now, told = self._clock.unix_s(), Told("ok", self._clock.unix_s())
        silent_s = now - self.last_picture_at if self.last_picture_at is not None else 0.0
        if silent_s > LATE_S:
            told = Told("late", self.last_picture_at or now, round(silent_s, 1))
        elif self.late_s is not None and self.late_s > LATE_S:
            told = Told("late", self._told.since if self._told.state == "late" else now, round(self.late_s, 1))
        elif self.black_since is not None:
            told = Told("black", self.black_since)
        elif self.frozen_since is not None:
            told = Told("frozen", self.frozen_since)
        # Also that it is less late now: a moment that is marked is dated by it.
        if told.state == self._told.state and abs((told.late_s or 0.0) - (self._told.late_s or 0.0)) < 1.0:
            return
        self._told = told
        for subscription in self._subscriptions:
            subscription.put(told)

    # In the thread -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        urls = list(self.urls)
        while self._is_wanted:
            self._has_begun, shown_at = False, self.last_picture_at
            try:
                self._take_all(urls)
                if not self._is_wanted:
                    return
                raise PlayedOut if self._once else PullFailed("unreachable", "The camera ended the stream.")
            except NotH264:
                urls.pop(0)
                continue
            except PullFailed as failure:
                self._call(self._failed, failure)
            except Exception as error:
                # A fault of ours over what it sends. Without a word it would look like a camera that is only slow.
                self._call(self._failed, PullFailed("unplayable", f"The camera's pictures can't be read ({type(error).__name__})."))
            if self._once:
                return
            if self._has_begun and self.last_picture_at == shown_at:
                self._is_left_to_libav = not self._is_left_to_libav  # what brought nothing may bring something the other way
            self._tries += 1
            self._ending.wait(RETRIES_S[min(self._tries, len(RETRIES_S)) - 1])

    def _take_all(self, urls: list[str]) -> None:
        """To the end of the stream, or until nobody wants it."""
        connection = None if self._is_left_to_libav else connect(urls[0], self._clock, lambda: self._is_wanted)
        if not self._is_wanted:
            if connection is not None:
                connection.close()
            return
        if connection is not None:
            self._begin_again()
            asyncio.run_coroutine_threadsafe(self._attend(connection), self._loop).result()
            return
        for packet in self._pulled(urls):
            if not self._is_wanted:
                return
            if packet is None:
                self._begin_again()
            else:
                items = self._write(packet)
                if items or packet.late_s is not None:
                    self._call(self._packet, items, packet.late_s)

    def _begin_again(self) -> None:
        self._writer.begin_again()
        self._without_key_since, self._tries, self._has_begun = None, 0, True

    def _pulled(self, urls: list[str]) -> Iterator[Packet | None]:
        if self._span is not None:
            return pull_span(urls[0], self._span, self._clock, self._may_transcode, lambda: self._is_wanted)
        return pull(urls[0], self._clock, self._may_transcode, h264_only=len(urls) > 1)

    def _write(self, packet: Packet) -> list[Init | Fragment]:
        """Raises PullFailed for what can't be shown."""
        items = self._writer.feed(packet.data, packet.pts, packet.captured_at, packet.late_s is not None or packet.by_recorder)
        # Of parameters with which pictures begin: others may be bits that were lost on the way, or be corrected before any picture.
        if any(isinstance(one, Init) for one in items) and not (self._writer.sps and self._writer.sps.is_plain):
            raise PullFailed("unplayable", "The camera's H.264 has more than 8 bits or fine colour; browsers don't play it.", is_final=True)
        if not self._writer.before_key:
            self._without_key_since = None
        elif self._without_key_since is None:
            self._without_key_since = self._clock.unix_s()
        elif self._clock.unix_s() - self._without_key_since > self._timing.no_key_s:
            raise PullFailed("no-key-frame", "The camera sends no key frame (IDR); set an I-frame interval of 1–2 s.", is_final=True)
        return items

    def _may_transcode(self) -> bool:
        """Decided on the event loop, where others may have to make room."""
        return self._is_wanted and asyncio.run_coroutine_threadsafe(self._decide(), self._loop).result(DECIDED_WITHIN_S)

    def _call(self, what: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(what, *arguments)
