"""One webhook at work: finds its next events, sends them, and remembers how far it has got.

The position lies in the database and moves only when the receiver has taken the events, so that a restart loses nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import httpx
import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.errors import RuleViolation
from dispatch.events import Recorded
from dispatch.model import Actor
from dispatch.picture import OperatingPicture
from operations.access.accounts import Accounts
from operations.access.authority import Authority
from operations.outgoing.webhook_request import GONE, Answer, BadUrl, check_url, pause_s, post, signed_headers
from operations.records.event_view import visible_events
from operations.records.history import History
from storage.webhooks import Delivery, Webhook, WebhookStore

MOST_EVENTS, MOST_BYTES = 100, 512 * 1024  # in one delivery, unless a single event is larger
LOOK_AT = 500  # events read at a time
GAP_S = 0.25  # between two deliveries to one receiver: what happens meanwhile goes together
DISABLED_AFTER_S = 3 * 86_400.0  # of nothing but failures
FAULT_PAUSE_S = 10.0  # after a fault of our own, such as a database that can't be written
KEEP_EVERY = 1_000  # revisions that were nothing to a webhook, after which that is noted
EVERYTHING = "*"

Result = TypeVar("Result")
Json = dict[str, Any]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Means:
    """What all workers share."""

    store: WebhookStore
    accounts: Accounts
    authority: Authority
    history: History
    picture: Callable[[], OperatingPicture]
    clock: Clock
    hosts: frozenset[str]  # where may be sent to (`operations.outgoing.webhook_request.check_url`)
    chance: Callable[[], float]  # 0 to 1
    threads: Executor  # of their own: a database that is slow for webhooks is slow for nobody else
    newest: deque[Recorded]  # newest events without gaps, so that webhooks that are up to date ask no database

    async def in_thread(self, does: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self.threads, does)


class Load(msgspec.Struct, frozen=True):
    """A delivery: the matching events after a revision up to another. None of them, `events` 0: there is nothing to send."""

    delivery_id: str
    after_revision: int
    revision: int
    events: int
    body: bytes


class Worker:
    """One webhook with its task. One request at a time, so a slow receiver holds up nobody else."""

    def __init__(self, hook: Webhook, means: Means) -> None:
        self.hook = hook
        self.wake = asyncio.Event()
        self._means = means
        self._actor = Actor(hook.owner_name, hook.owner_role, hook.org_code, hook.unit_id, hook.owner_kind)
        self._rewinds = 0  # an answer to what was sent before a rewind must not move it on again
        self._changing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._begin_after(hook.revision)

    def _begin_after(self, revision: int) -> None:
        self._looked_at = revision  # nothing is left to send up to here
        self._until: int | None = None  # of the delivery under way: a repetition is of the same events, under the same id
        self._due_at = 0.0  # Unix s; nothing is sent before

    @property
    def state(self) -> str:
        """ok, failing or disabled."""
        return "disabled" if self.hook.disabled_at is not None else "failing" if self.hook.failures else "ok"

    @property
    def next_attempt_at(self) -> float | None:
        """Unix s of the next try after a failure; None when nothing has failed or nothing will be tried."""
        return self._due_at if self.state == "failing" else None

    @property
    def reached(self) -> int:
        """The revision up to which nothing is left to send."""
        return self._looked_at

    def start(self, client: httpx.AsyncClient) -> None:
        self._task = asyncio.create_task(self._run(client), name=f"webhook {self.hook.webhook_id}")

    async def stop(self) -> None:
        """A request under way is cut off; what it carried is sent again after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def send_again(self, after_revision: int | None = None) -> None:
        """Try now, also when it was disabled; with `after_revision` everything after it once more. Raises RuleViolation."""
        async with self._changing:
            if after_revision is not None and after_revision > self.reached:
                detail = f"Revision {after_revision} has not been delivered yet; give at most {self.reached}."
                raise RuleViolation("not-delivered-yet", detail)
            again = self.reached if after_revision is None else after_revision
            hook = msgspec.structs.replace(self.hook, revision=again, failures=0, failing_since=None, disabled_at=None, reason="")
            await self._means.in_thread(lambda: self._means.store.save(hook))
            self.hook = hook
            self._rewinds += 1
            self._begin_after(again)
        self.wake.set()

    async def _run(self, client: httpx.AsyncClient) -> None:
        while True:
            self.wake.clear()
            try:
                wait_s = await self._turn(client)
            except Exception:
                log.exception("webhook_fault", webhook_id=self.hook.webhook_id, again_after_s=FAULT_PAUSE_S)
                await asyncio.sleep(FAULT_PAUSE_S)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self.wake.wait()

    async def _turn(self, client: httpx.AsyncClient) -> float | None:
        """Send the next events, if there are any and it is time. How long to wait before the next turn, None until woken."""
        now_s = self._means.clock.unix_s()
        if self.hook.disabled_at is not None:
            return None
        if now_s < self._due_at:
            return self._due_at - now_s
        rewinds, picture = self._rewinds, self._means.picture()
        events = await self._after(self._looked_at, self._until or picture.revision)
        if not events:
            return None
        load = await self._load(events, picture)
        if self._rewinds != rewinds:
            return 0.0
        if load.events == 0:
            self._looked_at, self._until = load.revision, None
            if load.revision - self.hook.revision >= KEEP_EVERY:
                await self._keep(rewinds, None, revision=load.revision)
            return 0.0
        self._until = load.revision
        if not await self._means.in_thread(lambda: self._means.accounts.still_has(self._actor)):
            await self._disable(rewinds, f"{self._actor.name} was disabled or has other rights now; delete this webhook and add it anew")
            return None
        await self._settle(rewinds, load, await self._send(client, load))
        # By the loop's time, not the clock's: it is no instant that anybody waits for.
        await asyncio.sleep(GAP_S)
        return 0.0

    async def _after(self, revision: int, until: int) -> list[Recorded]:
        """The next events after a revision, none beyond `until`: the picture that judges them must hold them."""
        newest = self._means.newest
        if until <= revision:
            return []
        if newest and newest[0].revision <= revision + 1:
            begin = revision + 1 - newest[0].revision
            events = list(islice(newest, begin, begin + LOOK_AT))
        else:
            events = await self._means.history.changes(revision, LOOK_AT)
        return [recorded for recorded in events if recorded.revision <= until]

    async def _load(self, events: list[Recorded], picture: OperatingPicture) -> Load:
        """What of these events goes out next: those asked for that the owner may see, as many as go into one delivery."""
        means, after, wanted = self._means, self._looked_at, [recorded for recorded in events if self._wants(recorded)]
        shown = await visible_events(means.authority, means.history, self._actor, wanted, picture) if wanted else []
        return await means.in_thread(lambda: packed(self.hook.webhook_id, after, events[-1].revision, shown))

    def _wants(self, recorded: Recorded) -> bool:
        return EVERYTHING in self.hook.events or str(type(recorded.body).__struct_config__.tag) in self.hook.events

    async def _send(self, client: httpx.AsyncClient, load: Load) -> Answer:
        try:
            url = check_url(self.hook.url, self._means.hosts)  # again: the setting may have changed since it was added
        except BadUrl as refused:
            return Answer(None, 0.0, f"url {refused}"[:200])
        headers = signed_headers(self.hook.secret, load.delivery_id, int(self._means.clock.unix_s()), load.body)
        return await post(client, url, load.body, headers)

    async def _settle(self, rewinds: int, load: Load, answer: Answer) -> None:
        """Note how it went; only success moves the webhook on."""
        now_s, hook = self._means.clock.unix_s(), self.hook
        about = (load.delivery_id, now_s, load.after_revision, load.revision, load.events)
        delivery = Delivery(*about, answer.status, answer.duration_ms, answer.reason)
        if not answer.reason:
            if await self._keep(rewinds, delivery, revision=load.revision, failures=0, failing_since=None, reason=""):
                self._looked_at, self._until = load.revision, None
            return
        since = now_s if hook.failing_since is None else hook.failing_since
        if await self._keep(rewinds, delivery, failures=hook.failures + 1, failing_since=since, reason=answer.reason):
            self._due_at = now_s + pause_s(hook.failures + 1, self._means.chance())
            if answer.status == GONE or now_s - since >= DISABLED_AFTER_S:
                await self._disable(rewinds, answer.reason)

    async def _disable(self, rewinds: int, reason: str) -> None:
        log.warning("webhook_disabled", webhook_id=self.hook.webhook_id, url=self.hook.url, reason=reason)
        await self._keep(rewinds, None, disabled_at=self._means.clock.unix_s(), reason=reason[:200])

    async def _keep(self, rewinds: int, delivery: Delivery | None, **changes: Any) -> bool:
        """Write an attempt into the log and, unless it was rewound meanwhile, the changes; whether it was not."""
        async with self._changing:
            is_current = self._rewinds == rewinds
            hook = msgspec.structs.replace(self.hook, **changes) if is_current else self.hook
            await self._means.in_thread(lambda: self._means.store.save(hook, delivery))
            self.hook = hook
            return is_current


def packed(webhook_id: str, after_revision: int, looked_at: int, shown: list[Json]) -> Load:
    """A delivery of the first of `shown`; `looked_at` is the last event looked at, of which `shown` are those that go out."""
    pieces: list[msgspec.Raw] = []
    size = 0
    for view in shown[:MOST_EVENTS]:
        piece = msgspec.json.encode(view)
        if pieces and size + len(piece) > MOST_BYTES:
            break
        pieces.append(msgspec.Raw(piece))
        size += len(piece)
    revision = shown[len(pieces) - 1]["revision"] if len(pieces) < len(shown) else looked_at
    delivery_id = f"{webhook_id}-{after_revision}-{revision}"
    head = {"webhook_id": webhook_id, "delivery_id": delivery_id, "after_revision": after_revision, "revision": revision}
    return Load(delivery_id, after_revision, revision, len(pieces), msgspec.json.encode({**head, "events": pieces}))
