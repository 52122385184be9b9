"""A node that handles commands until it is killed. Run by `test_handle_kill.py`: DATABASE FIRST_NUMBER COUNT AT_ONCE.

Writes `acked KEY REVISION` in one write for each answered command, before it gives the next one.
"""

from __future__ import annotations

import asyncio
import os
import sys

from dispatch import commands as c
from dispatch.clock import SystemClock
from storage.database import open_database
from storage.sql_journal import SqlJournal
from tests.operations.handling import DESK, reception, running


async def main(url: str, first: int, count: int, at_once: int) -> None:
    journal = SqlJournal(open_database(url))
    async with running(journal, SystemClock(), snapshot_every=50) as handler:
        incident = await handler.handle(reception(), DESK, key="incident")
        os.write(1, b"ready\n")

        async def notes(lane: int) -> None:
            for number in range(first + lane, first + count, at_once):
                key = f"note-{number}"
                outcome = await handler.handle(c.Note(incident_id=incident.incident_id or "", text=key), DESK, key)
                os.write(1, f"acked {key} {outcome.revision}\n".encode())

        await asyncio.gather(*(notes(lane) for lane in range(at_once)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *(int(argument) for argument in sys.argv[2:])))
