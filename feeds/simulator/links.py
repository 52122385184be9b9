"""The simulator's connections: the native feed, the terminal gateway, the live socket, and HTTP for commands.

Each socket reconnects for ever with a growing, jittered delay; what could not be sent while it was down is dropped when it
is a position (a newer one follows) and kept when it is anything else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import structlog
import websockets

log = structlog.get_logger()

# A gateway's batch, as TCP would coalesce.
BATCH = 50
REGISTER_TRIES = 60
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 10.0


class Socket:
    """One WebSocket that is always being kept open. `on_text` gets every text message, decoded."""

    def __init__(self, name: str, url: str, token: str, on_text: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self._name = name
        self._url = url
        self._token = token
        self._on_text = on_text
        self._connection: websockets.ClientConnection | None = None

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    async def run(self) -> None:
        """Connect, read, reconnect; never returns."""
        delay_s = FIRST_DELAY_S
        while True:
            try:
                async with websockets.connect(
                    self._url, additional_headers={"Authorization": f"Bearer {self._token}"}, compression=None, max_size=16 << 20
                ) as connection:
                    self._connection = connection
                    log.info("connected", socket=self._name)
                    delay_s = FIRST_DELAY_S
                    async for message in connection:
                        if isinstance(message, str):
                            await self._on_text(json.loads(message))
            except (OSError, websockets.WebSocketException) as error:
                log.warning("disconnected", socket=self._name, reason=str(error))
            finally:
                self._connection = None
            await asyncio.sleep(delay_s * random.uniform(0.7, 1.3))
            delay_s = min(LONGEST_DELAY_S, delay_s * 2)

    async def send(self, message: Any) -> bool:
        """Send one JSON message; False when the socket is down."""
        if self._connection is None:
            return False
        try:
            await self._connection.send(json.dumps(message, ensure_ascii=False))
        except websockets.ConnectionClosed:
            return False
        return True


class FeedLink:
    """The native feed: positions newest or nothing, everything else until it is taken."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._kept: deque[dict[str, Any]] = deque(maxlen=10_000)

    async def send(self, messages: list[dict[str, Any]]) -> None:
        """Send a step's messages in batches."""
        self._kept.extend(m for m in messages if m["type"] != "position")
        if not self._socket.is_open:
            return
        batch = [m for m in messages if m["type"] == "position"]
        while batch:
            await self._socket.send(batch[:BATCH])
            batch = batch[BATCH:]
        while self._kept and await self._socket.send(self._kept[0]):
            self._kept.popleft()


class Desk:
    """HTTP with one token: what an operator's or a terminal's program calls."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def command(self, incident_id: str, body: dict[str, Any], key: str) -> bool:
        """Give a command; a refusal is logged in the server's own words. False when it was refused or not delivered."""
        return await self._write("POST", f"/api/v1/incidents/{incident_id}/commands", body, key) is not None

    async def register(self, unit_id: str, body: dict[str, Any]) -> None:
        """Register a crew; asks again while the server is starting."""
        content = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        for _ in range(REGISTER_TRIES):
            if await self._write("PUT", f"/api/v1/units/{unit_id}", body, f"register-{unit_id}-{content}") is not None:
                return
            await asyncio.sleep(1.0)
        raise ConnectionError(f"the server took no registration of {unit_id} in {REGISTER_TRIES} tries; its log says why")

    async def plan(self, org_code: str, shift_id: str, body: dict[str, Any]) -> None:
        """Plan a shift; the same again changes nothing."""
        content = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        await self._write("PUT", f"/api/v1/shifts/{org_code}/{shift_id}", body, f"shift-{org_code}-{shift_id}-{content}")

    async def sign_on(self, unit_id: str) -> None:
        """A crew says that it is there."""
        await self._write("POST", f"/api/v1/units/{unit_id}/commands", {"command": "sign_on", "channel": "terminal"}, str(uuid.uuid4()))

    async def answer_muster(self, unit_id: str, muster_id: str, coming: bool) -> None:
        """A crew that is called in comes or does not."""
        body = {"unit_id": unit_id, "coming": coming, "channel": "terminal"}
        await self._write("POST", f"/api/v1/musters/{muster_id}/answers", body, f"{unit_id}-{muster_id}")

    async def best_units(self, incident_id: str, count: int) -> list[str]:
        """The units the one-click scene recommends, nearest by road first."""
        try:
            answer = await self._client.get(f"/api/v1/incidents/{incident_id}/scene", headers=self._headers)
        except httpx.HTTPError as error:
            log.warning("no scene", incident_id=incident_id, reason=str(error))
            return []
        if answer.status_code != 200:
            log.warning("no scene", incident_id=incident_id, status=answer.status_code)
            return []
        return [unit["unit_id"] for unit in answer.json()["units"] if unit["recommended"]][:count]

    async def _write(self, method: str, path: str, body: dict[str, Any], key: str) -> dict[str, Any] | None:
        try:
            answer = await self._client.request(method, path, json=body, headers=self._headers | {"Idempotency-Key": key})
        except httpx.HTTPError as error:
            log.warning("not delivered", path=path, reason=str(error))
            return None
        if answer.is_success:
            return dict(answer.json())
        log.info("refused", path=path, command=body.get("command"), status=answer.status_code, reason=answer.text[:300])
        return None
