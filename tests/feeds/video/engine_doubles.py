"""Doubles of the control interfaces of MediaMTX, ZLMediaKit and WVP, as their documents describe them. Written apart from what is tested.

They hand out the addresses of running test cameras as what the engine serves, through a redirecting front: the path at the engine is known
by name only, so the double answers RTSP addresses itself where the engine would (WVP), and counts where it would not.
"""

from __future__ import annotations

from typing import Any

import httpx
import msgspec


class MediaMtxDouble:
    """/v3/config/paths: add, get. Basic authentication as by `authInternalUsers`."""

    def __init__(self, user: str = "liandong", secret: str = "s3cret") -> None:
        self.paths: dict[str, dict[str, Any]] = {}
        self._auth = httpx.BasicAuth(user, secret)._auth_header
        self.is_broken = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.is_broken:
            raise httpx.ConnectError("refused")
        if request.headers.get("authorization") != self._auth:
            return httpx.Response(401, json={"status": "error", "error": "authentication error"})
        verb, name = request.url.path.removeprefix("/v3/config/paths/").split("/", 1)
        if (request.method, verb) == ("GET", "get"):
            known = self.paths.get(name)
            return (
                httpx.Response(200, json=known | {"name": name})
                if known
                else httpx.Response(404, json={"error": "path configuration not found"})
            )
        if (request.method, verb) == ("POST", "add"):
            if name in self.paths:
                return httpx.Response(400, json={"status": "error", "error": "path already exists"})
            self.paths[name] = msgspec.json.decode(request.content)
            return httpx.Response(200, json={"status": "ok"})
        return httpx.Response(404)


class ZlmDouble:
    """/index/api: isMediaOnline, addStreamProxy. Status 200 whatever happens; `code` tells."""

    def __init__(self, secret: str = "s3cret") -> None:
        self.proxies: dict[tuple[str, str, str], dict[str, str]] = {}
        self.unreachable: set[str] = set()  # addresses that can't be pulled
        self._secret = secret

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = msgspec.json.decode(request.content)
        if asked.get("secret") != self._secret:
            return httpx.Response(200, json={"code": -100, "msg": "Incorrect secret"})
        place = (asked["vhost"], asked["app"], asked["stream"])
        match request.url.path:
            case "/index/api/isMediaOnline":
                return httpx.Response(200, json={"code": 0, "online": place in self.proxies})
            case "/index/api/addStreamProxy":
                if asked["url"] in self.unreachable:
                    return httpx.Response(200, json={"code": -1, "msg": "play rtsp failed: 404 Not Found"})
                self.proxies[place] = asked
                return httpx.Response(200, json={"code": 0, "data": {"key": "/".join(place)}})
        return httpx.Response(404)


class WvpDouble:
    """play, playback, gb_record, ptz of known channels."""

    def __init__(self, key: str = "k3y") -> None:
        self.channels: dict[tuple[str, str], str] = {}  # by device and channel: the RTSP address its pictures come at
        self.records: list[dict[str, str]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._key = key

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("api-key") != self._key:
            return httpx.Response(401, json={"code": 401, "msg": "请登录后重新请求"})
        self.asked.append((request.url.path, dict(request.url.params)))
        _, api, what, verb, *channel = request.url.path.split("/")
        if api != "api" or (what, verb) not in {("play", "start"), ("playback", "start"), ("gb_record", "query"), ("ptz", "control")}:
            return httpx.Response(404)
        rtsp = self.channels.get((channel[0], channel[1]))
        if rtsp is None:
            return httpx.Response(200, json={"code": 100, "msg": "点播超时"})
        if what == "gb_record":
            return httpx.Response(200, json={"code": 0, "data": {"sumNum": len(self.records), "recordList": self.records}})
        if what == "ptz":
            return httpx.Response(200)
        return httpx.Response(200, json={"code": 0, "data": {"app": "rtp", "stream": "_".join(channel), "rtsp": rtsp}})
