"""Moving pictures for some of the demo's street cameras: synthetic streets of a test-camera farm, registered as any camera is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from geodata.cities.city import City
from operations.tracking.positions import distance_m

log = structlog.get_logger()
ROOT = Path(__file__).resolve().parents[2]
NEAR_M = 1_000.0
AGAIN_S = 5.0

Json = dict[str, Any]


def downtown(features: Sequence[Json], count: int) -> list[Json]:
    """The cameras around the place where they stand closest together."""
    if not features:
        return []
    lon, lat = np.array([feature["geometry"]["coordinates"][:2] for feature in features], np.float64).T
    near = [int((distance_m(x, y, lon, lat) < NEAR_M).sum()) for x, y in zip(lon, lat, strict=True)]
    middle = int(np.argmax(near))
    order = np.argsort(distance_m(lon[middle], lat[middle], lon, lat), kind="stable")
    return [features[i] for i in order[:count]]


def registration(feature: Json, port: int) -> Json:
    """The feed message that says where a camera's pictures come from; what the city knows of it stays as it is."""
    camera_id, (lon, lat) = str(feature["id"]), feature["geometry"]["coordinates"][:2]
    properties = {name: value for name, value in feature["properties"].items() if name not in ("id", "heading_deg")}
    address = f"rtsp://127.0.0.1:{port}/{camera_id}"
    message = {"type": "camera", "camera_id": camera_id, "lon": lon, "lat": lat, "properties": properties}
    message |= {"url": f"{address}/main", "substream_url": f"{address}/sub"}
    heading_deg = feature["properties"].get("heading_deg")
    return message if heading_deg is None else message | {"heading_deg": heading_deg}


async def keep_cameras(city: City, count: int, send: Callable[[list[Json]], Awaitable[None]]) -> None:
    """Run the farm until cancelled; started again, its addresses are registered anew."""
    features = downtown(city.elements("street_camera")["features"], count)
    if not features:
        return
    names = ",".join(str(feature["id"]) for feature in features)
    command = [sys.executable, "-m", "feeds.video.farm", "--cameras", names, "--until-parent-ends"]
    while True:
        farm = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        try:
            if farm.stdout is None:
                raise RuntimeError("the farm has no standard output")
            line = await farm.stdout.readline()
            if line:
                await send([registration(feature, json.loads(line)["port"]) for feature in features])
            log.warning("test cameras ended; starting them again", exit_code=await farm.wait())
        finally:
            with suppress(ProcessLookupError):
                if farm.returncode is None:
                    farm.terminate()
                    await farm.wait()
        await asyncio.sleep(AGAIN_S)
