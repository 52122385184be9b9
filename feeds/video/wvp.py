"""WVP-GB28181-pro by its REST interface: play, recordings and playback of GB/T 28181 channels.

Paths as in its sources of 2025 and 2026 (`PlayController`, `PlaybackController`, `GBRecordController`); they have
changed between versions before. Times on its wire are China's.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from feeds.video.engine import ControlInterface
from operations.cameras.video import Recording, VideoRefused
from storage.cameras import CameraSource

SCHEME = "gb28181"
CHINA_TIME = timezone(timedelta(hours=8))
MOST_RECORDINGS = 2_000
_URL = re.compile(rf"{SCHEME}://([0-9]{{18,20}})/([0-9]{{18,20}})")


class Wvp:
    """`feeds.video.engine.Recorder`, and what ZLMediaKit needs for live pictures. Every call raises VideoRefused."""

    def __init__(self, api: str, key: str) -> None:
        """`api`: http://host:18080; `key` of WVP's page of API keys."""
        self._http = ControlInterface("WVP", api, headers={"api-key": key})

    async def play(self, url: str) -> str:
        """RTSP address of a channel's live picture."""
        device_id, channel_id = parts(url)
        return _rtsp(await self._ask("GET", f"/api/play/start/{device_id}/{channel_id}"))

    async def recordings(self, camera: CameraSource, from_at: datetime, to_at: datetime) -> list[Recording]:
        device_id, channel_id = parts(camera.url)
        params = {"startTime": _written(from_at), "endTime": _written(to_at)}
        data = await self._ask("GET", f"/api/gb_record/query/{device_id}/{channel_id}", params)
        found = []
        for item in (data.get("recordList") or [])[:MOST_RECORDINGS]:
            begun, ended = _read(item.get("startTime")), _read(item.get("endTime"))
            if begun is not None and ended is not None and begun < ended:
                found.append(Recording(begun, ended, str(item.get("name") or "")[:200]))
        return sorted(found, key=lambda one: one.from_at)

    async def playback(self, camera: CameraSource, at: datetime, to_at: datetime) -> str:
        """RTSP address of what was recorded."""
        device_id, channel_id = parts(camera.url)
        params = {"startTime": _written(at), "endTime": _written(to_at)}
        return _rtsp(await self._ask("GET", f"/api/playback/start/{device_id}/{channel_id}", params))

    async def stop(self) -> None:
        await self._http.stop()

    async def _ask(self, method: str, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        """The data of an answer; answers have a code, 0 when all is well."""
        status, answer = await self._http.ask(method, path, params)
        if status == 404:
            raise VideoRefused("starting", "WVP does not know this call; its version is another than ours was written against.")
        if status != 200 or answer.get("code", 0) != 0:
            raise VideoRefused(
                "unreachable", f"WVP does not get the device's picture (code {answer.get('code', status)}); is it registered there?"
            )
        data = answer.get("data")
        return data if isinstance(data, dict) else {}


def parts(url: str) -> tuple[str, str]:
    """Device and channel. Raises VideoRefused for another address than gb28181://device/channel."""
    found = _URL.fullmatch(url)
    if found is None:
        raise VideoRefused("bad-address", "This is no camera of GB/T 28181.")
    return found.group(1), found.group(2)


def _rtsp(data: dict[str, Any]) -> str:
    url = data.get("rtsp")
    if not isinstance(url, str) or not url.startswith("rtsp://"):
        raise VideoRefused("unreachable", "WVP names no RTSP address of the stream; switch RTSP on in its ZLMediaKit.")
    return url


def _written(at: datetime) -> str:
    return at.astimezone(CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")


def _read(text: object) -> datetime | None:
    try:
        told = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=CHINA_TIME)
