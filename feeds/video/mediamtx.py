"""MediaMTX by its control API, version 3 (written against the API description of MediaMTX 1.15 and later).

A path is added for a camera when somebody wants it; MediaMTX pulls it on demand and lets go of it when nobody reads it any more.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from feeds.video.engine import ControlInterface, address, path_name
from operations.cameras.video import Quality, VideoRefused
from storage.cameras import CameraSource

CLOSE_AFTER = "15s"  # as long as our own processes go on after the last viewer


class MediaMtx:
    """`feeds.video.engine.Engine`."""

    name = "MediaMTX"

    def __init__(self, api: str, rtsp: str, user: str, secret: str) -> None:
        """`api`: http://host:9997; `rtsp`: rtsp://host:8554; the user may use the API and read every path."""
        self._http = ControlInterface(self.name, api, auth=(user, secret))
        parts = urlsplit(rtsp)
        self._rtsp = f"{parts.scheme}://{quote(user, safe='')}:{quote(secret, safe='')}@{parts.netloc}"
        self._secret = secret

    async def source(self, camera: CameraSource, quality: Quality) -> str:
        url = address(camera, quality)
        if not url.startswith(("rtsp://", "rtsps://", "http://", "https://")):
            raise VideoRefused("bad-address", "MediaMTX has no GB/T 28181; use ZLMediaKit with WVP for this camera.")
        name = path_name(self._secret, camera, url)
        status, _ = await self._http.ask("GET", f"/v3/config/paths/get/{name}")
        if status == 404:
            wanted = {"source": url, "sourceOnDemand": True, "sourceOnDemandCloseAfter": CLOSE_AFTER, "rtspTransport": "tcp"}
            status, answer = await self._http.ask("POST", f"/v3/config/paths/add/{name}", body=wanted)
            # Added by another request meanwhile: the name says that it is the same address.
            if status != 200 and "already exists" not in str(answer.get("error", "")):
                raise VideoRefused("bad-address", f"MediaMTX does not take the camera's address (answer {status}).")
        elif status != 200:
            raise VideoRefused("starting", f"MediaMTX answered {status}; look into its log.")
        return f"{self._rtsp}/{name}"

    async def stop(self) -> None:
        await self._http.stop()
