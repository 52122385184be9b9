"""Acts upon how an account signs in, put on record before they are done: what can't be written down is not done."""

from __future__ import annotations

import asyncio
from typing import Protocol

from dispatch.clock import Clock
from dispatch.errors import Unavailable
from dispatch.model import Actor
from storage.audit import Look


class Log(Protocol):
    """Where it is put on record; `storage.audit.AuditLog`. Called from a thread."""

    def append(self, looks: list[Look]) -> None: ...


async def put_on_record(log: Log, clock: Clock, actor: Actor, what: str, subject: str, channel: str) -> None:
    """Who does what to which account, on disk when it returns. Raises Unavailable."""
    look = Look(clock.now(), actor.name, actor.kind, actor.role, actor.own_org_code or actor.org_code, what, subject, channel)
    try:
        await asyncio.to_thread(log.append, [look])
    except Exception as error:
        detail = f"Nothing was done, because it can't be written down ({type(error).__name__}). Try again."
        raise Unavailable("not-on-record", detail) from error
