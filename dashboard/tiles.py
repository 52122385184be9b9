"""`/tiles/{z}/{x}/{y}.pbf`: the city's own base map."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Response

if TYPE_CHECKING:
    from operations.services import Services

# A city is rebuilt rarely, and its tiles carry its build time in the address (see dashboard.style).
_CACHE = "private, max-age=86400"


def add_tiles(server: FastAPI, services: Services) -> None:
    """Mount the tile route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/tiles/{z}/{x}/{y}.pbf")
    async def tile(z: int, x: int, y: int) -> Response:
        # Reads a memory-mapped file: a page fault may wait for the disk, which the event loop must not.
        found = await asyncio.to_thread(services.base_map.tile, z, x, y)
        if found is None:
            # An empty square of the map, not an error: MapLibre draws nothing there and asks no more.
            return Response(status_code=204, headers={"Cache-Control": _CACHE})
        return Response(found, media_type="application/x-protobuf", headers={"Content-Encoding": "gzip", "Cache-Control": _CACHE})

    server.include_router(router)
