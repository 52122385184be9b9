"""Gateways over engines for the suite of all gateways: doubles hand on what they were told to pull; a real MediaMTX where one is given.

A double has no media of its own: what it would serve under a name is taken from where it was told to pull.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from feeds.video.engine import Engine, EngineGateway
from feeds.video.mediamtx import MediaMtx
from feeds.video.zlmediakit import ZlMediaKit
from operations.cameras.video import Quality, VideoGateway
from storage.cameras import CameraSource
from tests.feeds.video.engine_doubles import MediaMtxDouble, ZlmDouble

VARIABLE = "LIANDONG_MEDIAMTX"  # path of a MediaMTX program
SECRET = "s3cret"


class _HandedOn:
    """An engine at a double."""

    def __init__(self, engine: Engine, pulled: Callable[[str], str]) -> None:
        self.name = engine.name
        self._engine, self._pulled = engine, pulled

    async def source(self, camera: CameraSource, quality: Quality) -> str:
        return self._pulled((await self._engine.source(camera, quality)).rsplit("/", 1)[1])

    async def stop(self) -> None:
        await self._engine.stop()


def mediamtx_double(own: VideoGateway) -> EngineGateway:
    double, engine = MediaMtxDouble(secret=SECRET), MediaMtx("http://mtx:9997", "rtsp://mtx:8554", "liandong", SECRET)
    engine._http._client = httpx.AsyncClient(base_url="http://mtx:9997", auth=("liandong", SECRET), transport=httpx.MockTransport(double))
    return EngineGateway(_HandedOn(engine, lambda name: double.paths[name]["source"]), own)


def zlm_double(own: VideoGateway) -> EngineGateway:
    double, engine = ZlmDouble(SECRET), ZlMediaKit("http://zlm", "rtsp://zlm:554", SECRET, None)
    engine._http._client = httpx.AsyncClient(base_url="http://zlm", transport=httpx.MockTransport(double))
    return EngineGateway(_HandedOn(engine, lambda name: double.proxies["__defaultVhost__", "liandong", name]["url"]), own)


def over_engines(own: VideoGateway) -> dict[str, EngineGateway]:
    """Gateways over each engine's double, all taking their pictures by the same built-in gateway."""
    return {"mediamtx": mediamtx_double(own), "zlm": zlm_double(own)}


@contextmanager
def real_mediamtx(folder: Path, api_port: int, rtsp_port: int) -> Iterator[MediaMtx]:
    """The program that the environment names, with everything off that is not used."""
    settings = folder / "mediamtx.yml"
    off = "".join(f"{name}: no\n" for name in ("rtmp", "hls", "webrtc", "srt"))
    user = f"authInternalUsers:\n- user: liandong\n  pass: {SECRET}\n  permissions: [{{action: api}}, {{action: read}}]\n"
    text = f"api: yes\napiAddress: 127.0.0.1:{api_port}\nrtspAddress: 127.0.0.1:{rtsp_port}\nrtspTransports: [tcp]\n{off}{user}"
    settings.write_text(text, encoding="utf-8")
    with subprocess.Popen([os.environ[VARIABLE], str(settings)]) as process:
        try:
            yield MediaMtx(f"http://127.0.0.1:{api_port}", f"rtsp://127.0.0.1:{rtsp_port}", "liandong", SECRET)
        finally:
            process.terminate()
