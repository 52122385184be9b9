"""Webhooks: events of the journal sent to other programs, signed, in order, at least once, each webhook at its own pace.

A webhook belongs to the organisation of who added it and is sent what that account or token may see at that moment, by the same
authority as everywhere; when the account or token ends, so does the sending.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import structlog

from dispatch.clock import Clock
from dispatch.errors import Conflict, NotFound, RuleViolation
from dispatch.ids import uuid7
from dispatch.model import Actor
from dispatch.picture import OperatingPicture
from operations.access.accounts import Accounts
from operations.access.authority import Action, Authority
from operations.incidents.bus import Bus, Subscription
from operations.incidents.handle import check_key
from operations.outgoing.webhook_request import check_url, new_client, new_secret
from operations.outgoing.webhook_worker import Means, Worker
from operations.records.history import History
from storage.webhooks import Delivery, Webhook, WebhookStore

MOST = 100  # webhooks of a node; also its requests at once
MOST_OF_ORGANISATION = 10
REMEMBERED = 2_000  # newest events that are kept in memory

log = structlog.get_logger(__name__)


class Webhooks:
    """All webhooks of this node. Made on any thread; everything else belongs to the event loop."""

    def __init__(
        self,
        store: WebhookStore,
        accounts: Accounts,
        authority: Authority,
        history: History,
        bus: Bus,
        picture: Callable[[], OperatingPicture],
        clock: Clock,
        hosts: Collection[str],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._bus = bus
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="webhooks")
        self._means = Means(
            store, accounts, authority, history, picture, clock, frozenset(hosts), chance, self._threads, deque(maxlen=REMEMBERED)
        )
        self._workers: dict[str, Worker] = {}
        self._adding = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Go on where the last run ended."""
        self._client = await self._means.in_thread(lambda: new_client(MOST))
        self._listener = asyncio.create_task(self._listen(self._bus.subscribe()), name="webhooks")
        for hook in await self._means.in_thread(self._means.store.all):
            self._set_to_work(hook)

    async def stop(self) -> None:
        """Requests under way are cut off; what they carried is sent again after the next start."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers.values()))
        if self._client is not None:
            await self._client.aclose()
        await asyncio.to_thread(self._threads.shutdown)

    def health(self) -> dict[str, Any]:
        """For the health page."""
        states = [worker.state for worker in self._workers.values()]
        counts = {name: states.count(name) for name in ("failing", "disabled")}
        return {"state": "failing" if any(counts.values()) else "ok", "webhooks": len(states), **counts}

    def wake(self) -> None:
        """Let every webhook see whether something is due."""
        for worker in self._workers.values():
            worker.wake.set()

    # What the API asks --------------------------------------------------------------------------------------------------

    async def add(self, actor: Actor, url: str, events: Iterable[str], secret: str | None = None, key: str | None = None) -> Webhook:
        """A new webhook for what happens from now on; `secret` has been checked, or one is made.

        The same key of the same actor gives the first one again. Raises NotPermitted, RuleViolation, Conflict, and BadUrl for an
        address that nothing may be sent to.
        """
        means = self._means
        means.authority.authorise(actor, Action.MANAGE_WEBHOOKS, org_code=actor.org_code)
        check_key(key)
        url, names = check_url(url, means.hosts), tuple(sorted(set(events)))
        async with self._adding:
            known = self._made_under(actor, key)
            if known is not None:
                if (known.url, known.events) != (url, names) or secret not in (None, known.secret):
                    raise Conflict("key-reused", f"The key {key} was used for another webhook; use a new key for each.")
                return known
            self._refuse_too_many(actor.org_code)
            now_s = means.clock.unix_s()
            hook = Webhook(
                webhook_id=uuid7(now_s, os.urandom),
                url=url,
                events=names,
                secret=secret or new_secret(),
                owner_name=actor.name,
                owner_kind=actor.kind,
                owner_role=actor.role,
                org_code=actor.org_code,
                unit_id=actor.unit_id,
                created_at=now_s,
                revision=means.picture().revision,
                idempotency_key=key,
            )
            await means.in_thread(lambda: means.store.add(hook))
            self._set_to_work(hook)
        log.info("webhook_added", webhook_id=hook.webhook_id, url=url, by=actor.name, org_code=actor.org_code)
        return hook

    def of(self, actor: Actor) -> list[Worker]:
        """Those of the actor's scope, oldest first. Raises NotPermitted."""
        self._means.authority.authorise(actor, Action.MANAGE_WEBHOOKS)
        workers = sorted(self._workers.values(), key=lambda worker: worker.hook.webhook_id)
        return [worker for worker in workers if self._means.authority.in_scope(actor, worker.hook.org_code)]

    def one(self, actor: Actor, webhook_id: str) -> Worker:
        """Raises NotPermitted, and NotFound also where it lies outside the actor's scope."""
        self._means.authority.authorise(actor, Action.MANAGE_WEBHOOKS)
        worker = self._workers.get(webhook_id)
        if worker is None or not self._means.authority.in_scope(actor, worker.hook.org_code):
            raise NotFound("unknown-webhook", f"There is no webhook {webhook_id[:64]}; check the id.")
        return worker

    async def remove(self, actor: Actor, webhook_id: str) -> None:
        """With its log. Raises as `one`."""
        worker = self.one(actor, webhook_id)
        await self._means.in_thread(lambda: self._means.store.remove(webhook_id))
        self._workers.pop(webhook_id, None)
        await worker.stop()
        log.info("webhook_removed", webhook_id=webhook_id, url=worker.hook.url, by=actor.name)

    async def deliveries(self, actor: Actor, webhook_id: str, limit: int) -> list[Delivery]:
        """The newest attempts, newest first. Raises as `one`."""
        self.one(actor, webhook_id)
        return await self._means.in_thread(lambda: self._means.store.deliveries(webhook_id, limit))

    async def redeliver(self, actor: Actor, webhook_id: str, after_revision: int | None = None) -> Worker:
        """Try again now, also when it was disabled; with `after_revision` send everything after it once more.

        Raises as `one`, and RuleViolation for a revision that has not been delivered yet.
        """
        worker = self.one(actor, webhook_id)
        await worker.send_again(after_revision)
        log.info("webhook_redelivers", webhook_id=webhook_id, after_revision=after_revision, by=actor.name)
        return worker

    # Inside -------------------------------------------------------------------------------------------------------------

    def _set_to_work(self, hook: Webhook) -> None:
        assert self._client is not None, "start() comes first"
        worker = self._workers[hook.webhook_id] = Worker(hook, self._means)
        worker.start(self._client)

    async def _listen(self, subscription: Subscription) -> None:
        try:
            async for batch in subscription:
                if subscription.overflowed:
                    subscription.overflowed = False
                    self._means.newest.clear()  # what was missed is read from the journal
                self._means.newest.extend(batch)
                self.wake()
        finally:
            subscription.close()

    def _made_under(self, actor: Actor, key: str | None) -> Webhook | None:
        owner = (actor.kind, actor.name, key)
        hooks = (worker.hook for worker in self._workers.values())
        return next((h for h in hooks if key is not None and (h.owner_kind, h.owner_name, h.idempotency_key) == owner), None)

    def _refuse_too_many(self, org_code: str) -> None:
        own = sum(worker.hook.org_code == org_code for worker in self._workers.values())
        if own >= MOST_OF_ORGANISATION or len(self._workers) >= MOST:
            detail = f"{org_code} has {own} webhooks of {MOST_OF_ORGANISATION}, the node {len(self._workers)} of {MOST}; delete one first."
            raise RuleViolation("too-many-webhooks", detail)
