"""Looks and acts that are put on record before they happen: what can't be written down is not shown and not done."""

from __future__ import annotations

import asyncio
from datetime import datetime
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
    await write_down(log, look, "Nothing was done", "not-on-record")


def look_of(actor: Actor, at: datetime, what: str, subject: str, channel: str = "") -> Look:
    """A look from the desk the actor is at; without a channel its usual one, a desk's or a program's."""
    usual = "api" if actor.kind == "token" else "desk"
    return Look(at, actor.name, actor.kind, actor.role, actor.org_code, what, subject, channel or usual)


async def write_down(log: Log, look: Look, refusal: str, rule: str = "not-audited") -> None:
    """On disk when it returns. Raises Unavailable; `refusal` says what does not happen then, as "The camera is not shown"."""
    try:
        await asyncio.to_thread(log.append, [look])
    except Exception as error:
        raise Unavailable(rule, f"{refusal}, because it can't be written down ({type(error).__name__}). Try again.") from error
