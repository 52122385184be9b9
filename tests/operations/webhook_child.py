"""A node that makes events and delivers them to a webhook until it is killed. Run by `test_webhooks.py`: FOLDER URL."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from dispatch.clock import SystemClock
from operations.outgoing import webhook_request, webhook_worker
from tests.operations.webhook_world import World


async def main(folder: Path, url: str) -> None:
    webhook_worker.GAP_S, webhook_request.FIRST_PAUSE_S = 0.02, 0.05
    async with World(folder, SystemClock()).running() as node:
        if not node.webhooks.of(node.actor()):
            await node.webhook(url)
        os.write(1, b"ready\n")
        while True:
            await node.incident()
            await asyncio.sleep(0.005)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
