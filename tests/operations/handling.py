"""A handler with the parts a test does not look at replaced by small ones."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dispatch import commands as c
from dispatch.clock import Clock, ManualClock
from dispatch.commands import Command
from dispatch.errors import NotPermitted
from dispatch.model import Actor, Grade, Incident, UnitKind
from dispatch.picture import OperatingPicture
from operations.incidents.bus import Bus
from operations.incidents.enrich import Unenriched
from operations.incidents.handle import Handler, Outcome
from storage.journal import Commit, Journal, JournalError
from storage.memory_journal import MemoryJournal
from tests.dispatch.driver import COUNTY, START, STATION

DESK = Actor("li", "operator", COUNTY)
OTHER_DESK = Actor("wang", "operator", COUNTY)
STRANGER = Actor("stranger", "viewer", COUNTY)


class Open:
    """Everyone may do everything, but for strangers."""

    def authorise_command(self, actor: Actor, command: Command, picture: OperatingPicture, incident: Incident | None = None) -> None:
        if actor.role == "viewer":
            raise NotPermitted("role-not-permitted", "The role viewer may not do that; ask an operator.")


class Hindered(MemoryJournal):
    """A journal whose commits can be held up, and can fail before or after they have become durable."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = threading.Event()
        self.may_write.set()
        self.fails_before = False
        self.fails_after = False
        self.commits: list[Commit] = []

    def append(self, commit: Commit) -> None:
        assert self.may_write.wait(10)
        if self.fails_before:
            raise JournalError("the disk is full")
        super().append(commit)
        self.commits.append(commit)
        if self.fails_after:
            raise JournalError("the connection was lost")


@asynccontextmanager
async def running(journal: Journal, clock: Clock | None = None, **fields: Any) -> AsyncIterator[Handler]:
    """A started handler, stopped at the end."""
    known = {"bus": Bus(), "authority": Open(), "enricher": Unenriched(), **fields}
    handler = Handler(journal, clock or ManualClock(START), **known)
    await handler.start()
    try:
        yield handler
    finally:
        await handler.stop()


def reception(**fields: Any) -> c.ReceiveIncident:
    known = {"incident_type": "theft", "grade": Grade.URGENT, "lon": 121.55, "lat": 29.87, "org_code": STATION, **fields}
    return c.ReceiveIncident(**known)


async def received(handler: Handler, **fields: Any) -> str:
    outcome = await handler.handle(reception(**fields), DESK)
    assert outcome.incident_id is not None
    return outcome.incident_id


async def registered(handler: Handler, *unit_ids: str) -> None:
    for unit_id in unit_ids:
        await handler.handle(c.RegisterUnit(unit_id=unit_id, callsign=unit_id, kind=UnitKind.PATROL_CAR, org_code=STATION), DESK)


async def noted(handler: Handler, incident_id: str, text: str = "n", key: str | None = None, actor: Actor = DESK) -> Outcome:
    return await handler.handle(c.Note(incident_id=incident_id, text=text), actor, key)
