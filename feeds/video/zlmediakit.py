"""ZLMediaKit by its HTTP API, with WVP-GB28181-pro for cameras of GB/T 28181 (written against their sources of 2025 and 2026).

ZLMediaKit pulls an RTSP camera as a proxy that ends when nobody watches; WVP invites a GB/T 28181 device to send its pictures to a
ZLMediaKit, and ends that when nobody watches. Either way the pictures are read from ZLMediaKit by RTSP.
"""

from __future__ import annotations

from feeds.video.engine import ControlInterface, address, path_name
from feeds.video.wvp import SCHEME, Wvp
from operations.cameras.video import Quality, VideoRefused
from storage.cameras import CameraSource

VHOST, APP = "__defaultVhost__", "liandong"


class ZlMediaKit:
    """`feeds.video.engine.Engine`."""

    name = "ZLMediaKit"

    def __init__(self, api: str, rtsp: str, secret: str, wvp: Wvp | None) -> None:
        """`api`: http://host:80; `rtsp`: rtsp://host:554; without WVP there are no GB/T 28181 cameras."""
        self._http = ControlInterface(self.name, api)
        self._rtsp = rtsp.rstrip("/")
        self._secret = secret
        self._wvp = wvp

    async def source(self, camera: CameraSource, quality: Quality) -> str:
        url = address(camera, quality)
        if url.startswith(f"{SCHEME}://"):
            if self._wvp is None:
                raise VideoRefused("bad-address", "GB/T 28181 cameras need WVP; set video_wvp_api.")
            return await self._wvp.play(url)
        stream = path_name(self._secret, camera, url)
        where = {"vhost": VHOST, "app": APP, "stream": stream}
        online = await self._ask("isMediaOnline", where | {"schema": "rtsp"})
        if not online.get("online"):
            wanted = {"url": url, "rtp_type": "0", "retry_count": "3", "timeout_sec": "10", "auto_close": "1"}
            wanted |= {"enable_rtsp": "1", "enable_hls": "0", "enable_hls_fmp4": "0", "enable_mp4": "0", "enable_audio": "0"}
            answer = await self._ask("addStreamProxy", where | wanted)
            if answer.get("code") != 0 and "already exists" not in str(answer.get("msg", "")):
                raise VideoRefused("unreachable", "ZLMediaKit can't pull the camera; look whether it is there and its address right.")
        return f"{self._rtsp}/{APP}/{stream}"

    async def stop(self) -> None:
        await self._http.stop()
        if self._wvp is not None:
            await self._wvp.stop()

    async def _ask(self, call: str, params: dict[str, str]) -> dict[str, object]:
        """Answers have status 200 and a code; -100 is a wrong secret. POST: addresses hold passwords and would be logged in a query."""
        status, answer = await self._http.ask("POST", f"/index/api/{call}", body={"secret": self._secret} | params)
        if status != 200:
            raise VideoRefused("starting", f"ZLMediaKit answered {status}; look into its log.")
        if answer.get("code") == -100:
            raise VideoRefused("starting", "ZLMediaKit does not take our secret; correct it in its file.")
        return answer
