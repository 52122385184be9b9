"""Compiles the searches of the street graph and keeps them beside their source, as the first node does that starts.

Before the tests: else each of their workers would do it, at the same time as the other, for most of a minute.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from composition import compose
from dispatch.clock import SystemClock
from settings import Settings
from tests.cities import build_test_city
from tests.passwords import QUICK


async def start_a_node(folder: Path) -> None:
    city = build_test_city(folder)
    async with compose(Settings(city=city.folder, data=folder / "data", demo=False), city, SystemClock(), QUICK).running():
        pass


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(start_a_node(Path(folder)))
