"""`/live` byte for byte, and one incident over the terminals' socket with its photo, as an outside program sees them."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.contract.conftest import PLACE, City, problem

HEADER, RECORD = struct.Struct("<HBBIQd8s"), struct.Struct("<IiiBBBBHH")
FULL, CHANGES = 0, 1
UNKNOWN = 255
STATUSES = ("available", "dispatched", "en_route", "on_scene", "committed_deployable", "committed", "out_of_service")


class Live:
    """What came over one `/live` socket; binary frames are taken apart as the contract says."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.hello = json.loads(socket.recv(timeout=20))
        self.units = {row["index"]: row for row in self.hello["units"]}
        self.frames: list[tuple[float, int, int, float, list[tuple[int, ...]]]] = []  # heard at, kind, revision, picture_at, records
        self.texts: list[dict[str, Any]] = []

    def hear(self, for_s: float, until: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + for_s
        while time.monotonic() < end and not until():
            try:
                message = self._socket.recv(timeout=max(0.01, end - time.monotonic()))
            except TimeoutError:
                return
            if isinstance(message, bytes):
                self._frame(message)
            else:
                text = json.loads(message)
                self.texts.append(text)
                if text["type"] == "units":
                    self.units |= {row["index"]: row for row in text["units"]}

    def _frame(self, message: bytes) -> None:
        magic, version, kind, count, revision, picture_at, reserved = HEADER.unpack_from(message)
        assert (magic, version, reserved) == (0x444C, 1, bytes(8))
        assert kind in (FULL, CHANGES)
        assert len(message) == 32 + 20 * count
        records = [RECORD.unpack_from(message, 32 + 20 * nth) for nth in range(count)]
        assert {record[0] for record in records} <= self.units.keys(), "a frame names a unit that no text has announced"
        self.frames.append((time.time(), kind, revision, picture_at, records))


def test_hello_then_a_full_frame_then_changes_in_time(city: City) -> None:
    with city.socket("/live", "operator") as socket:
        live = Live(socket)
        live.hear(5.0)
    assert live.hello["type"] == "hello"
    assert live.hello["scope"]["org_code"] == "330200000000"
    kinds = [kind for _, kind, *_ in live.frames]
    assert kinds[0] == FULL
    assert CHANGES in kinds
    at = [heard_at for heard_at, *_ in live.frames]
    assert 5 <= len(at) <= 100
    assert max(later - earlier for earlier, later in pairwise(at)) < 1.5  # one second, on a loaded machine
    for heard_at, _, revision, picture_at, _ in live.frames:
        assert abs(heard_at - picture_at) < 2.0
        assert revision >= live.hello["revision"]


def test_a_record_is_what_the_api_says_of_the_unit(city: City) -> None:
    unit_id = city.unit("live-1", org_code="330203")["unit_id"]
    position_at = datetime.now(UTC)
    fix = {"type": "position", "unit_id": unit_id, "lon": PLACE[0], "lat": PLACE[1], "position_at": position_at.isoformat()}
    with city.socket("/live", "operator") as socket, city.socket("/feeds/v1", "feed") as feed:
        live = Live(socket)
        feed.send(json.dumps(fix | {"heading_deg": 91.0, "speed_mps": 10.0}))

        def arrived() -> bool:
            return any(live.units[record[0]]["unit_id"] == unit_id for *_, records in live.frames for record in records)

        live.hear(10.0, arrived)
        assert arrived()
    *_, picture_at, records = live.frames[-1]
    (record,) = [record for record in records if live.units[record[0]]["unit_id"] == unit_id]
    _, lon, lat, heading, speed, status, flags, heard_age, fix_age = record
    assert (lon, lat) == (round(PLACE[0] * 1e6), round(PLACE[1] * 1e6))
    assert heading in (45, 46)  # steps of 2°
    assert speed == 36  # km/h
    assert STATUSES[status] == "available"
    assert flags == 0
    assert abs(fix_age / 10 - (picture_at - position_at.timestamp())) <= 0.2
    assert heard_age <= fix_age


def test_an_event_is_told_at_once_and_a_caller_never(city: City) -> None:
    with city.socket("/live", "operator") as socket:
        live = Live(socket)
        incident = city.incident(caller={"name": "王秘密", "number": "13812345678"})

        def told() -> list[dict[str, Any]]:
            return [t for t in live.texts if t["type"] == "incident" and t["incident"]["incident_id"] == incident["incident_id"]]

        live.hear(5.0, lambda: bool(told()))
    (text,) = told()
    assert (text["event"]["event"], text["incident"]["stage"], text["incident"]["has_caller"]) == ("incident_received", "received", True)
    assert "13812345678" not in json.dumps(live.texts)
    assert "王秘密" not in json.dumps(live.texts, ensure_ascii=False)


def test_a_client_goes_on_from_its_revision(city: City) -> None:
    revision = city.api().get("/picture").json()["revision"]
    incident = city.incident()
    with city.socket(f"/live?revision={revision}", "operator") as socket:
        live = Live(socket)
        live.hear(3.0, lambda: any(t["type"] == "incident" for t in live.texts))
    assert live.hello["resumed"]
    assert live.hello["incidents"] == []
    assert incident["incident_id"] in live.hello["incident_ids"]
    assert incident["incident_id"] in {t["incident"]["incident_id"] for t in live.texts if t["type"] == "incident"}


@pytest.mark.parametrize(
    ("query", "role", "code"), [("", "feed", 4403), ("?revision=x", "operator", 4400), ("?screen=none", "operator", 4400)]
)
def test_who_may_not_is_told_why(city: City, query: str, role: str, code: int) -> None:
    with city.socket(f"/live{query}", role) as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "bye"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


@pytest.mark.parametrize("path", ["/live", "/feeds/v1", "/terminal/socket"])
def test_a_socket_without_a_log_in_is_closed_with_4401(city: City, path: str) -> None:
    with connect(f"ws://127.0.0.1:{city.server.port}{path}") as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


# Terminals and uploads


class Phone:
    """An officer's terminal: a session of the demo officer, and `/terminal/socket` with it."""

    def __init__(self, client: httpx.Client, socket: ClientConnection) -> None:
        self.client = client
        self.socket = socket
        self.hello = self.hear("hello")

    def hear(self, kind: str) -> dict[str, Any]:
        """The next message of a type."""
        while True:
            message: dict[str, Any] = json.loads(self.socket.recv(timeout=15))
            if message["type"] == kind:
                return message

    def say(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def command(self, name: str, key: str, **fields: Any) -> dict[str, Any]:
        self.say("command", command=name, key=key, **fields)
        result = self.hear("result")
        assert result["key"] == key
        return result


@contextmanager
def phone_of(city: City) -> Iterator[Phone]:
    client = city.server.client("officer")
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"Cookie": cookie, "Origin": city.server.url}
    with connect(f"ws://127.0.0.1:{city.server.port}/terminal/socket?device=contract", additional_headers=headers) as socket:
        yield Phone(client, socket)


def test_push_delivered_seen_acknowledged_and_a_photo_that_was_cut(city: City) -> None:
    with phone_of(city) as phone:
        unit_id = phone.hello["unit"]["unit_id"]
        incident_id = city.incident()["incident_id"]
        busy_with = city.api().get(f"/units/{unit_id}").json()["incident_id"]
        if busy_with is not None:  # the demo's own desk was quicker with a call of another test
            city.api().post(f"/incidents/{busy_with}/commands", json={"command": "recall", "unit_ids": [unit_id]})
        pushed = city.api().post(f"/incidents/{incident_id}/commands", json={"command": "push", "unit_ids": [unit_id]})
        assert pushed.status_code == 200, pushed.text

        push = phone.hear("push")
        while push["incident"]["incident_id"] != incident_id:
            push = phone.hear("push")
        about = {"incident_id": incident_id, "assignment_id": push["assignment_id"]}
        phone.say("delivered", **about)
        phone.say("seen", **about)
        accepted = phone.command("acknowledge", "ack-1", incident_id=incident_id)
        assert accepted["ok"], accepted
        assert phone.command("acknowledge", "ack-1", incident_id=incident_id)["version"] == accepted["version"]
        refused = phone.command("feedback", "too-early", incident_id="00000000-0000-7000-8000-000000000000", text="x")
        assert (refused["ok"], refused["rule"]) == (False, "unknown-incident")

        content = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 1200
        upload = begin(phone.client, incident_id, content)
        half = len(content) // 2
        assert piece(phone.client, upload, 0, content[:half]).headers["upload-offset"] == str(half)
        wrong = piece(phone.client, upload, 7, content[half:])
        assert problem(wrong, 409)["type"].endswith("upload-offset")
        reached = phone.client.head(upload, headers=TUS).headers
        assert (reached["upload-offset"], reached["upload-length"]) == (str(half), str(len(content)))
        done = piece(phone.client, upload, half, content[half:])
        assert done.status_code == 204, done.text

    timeline = city.api().get(f"/incidents/{incident_id}/timeline").json()["events"]
    names = [event["event"] for event in timeline]
    assert names == ["incident_received", "unit_pushed", "push_delivered", "push_seen", "acknowledged", "upload_added"]
    added = timeline[-1]
    assert (added["sha256"], added["size_bytes"], added["unit_id"]) == (hashlib.sha256(content).hexdigest(), len(content), unit_id)
    assert city.server.client("operator").get(upload).content == content
    assert httpx.get(city.server.url + upload, headers=city.bearer("viewer", "330203000000"), timeout=20).status_code == 403


TUS = {"Tus-Resumable": "1.0.0"}


def begin(client: httpx.Client, incident_id: str, content: bytes) -> str:
    """Path of a new upload."""
    values = {"incident_id": incident_id, "filename": "现场.jpg", "filetype": "image/jpeg"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())
    answer = client.post("/uploads", headers=TUS | {"Upload-Length": str(len(content)), "Upload-Metadata": metadata})
    assert answer.status_code == 201, answer.text
    return httpx.URL(answer.headers["location"]).path


def piece(client: httpx.Client, upload: str, offset: int, content: bytes) -> httpx.Response:
    headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return client.patch(upload, headers=headers, content=content)


def test_uploads_speak_tus_1_0(city: City) -> None:
    client = city.server.client("officer")
    said = client.options("/uploads").headers
    assert (said["tus-version"], "creation" in said["tus-extension"]) == ("1.0.0", True)
    assert client.post("/uploads", headers={"Tus-Resumable": "0.2.2", "Upload-Length": "5"}).status_code == 412
    problem(client.post("/uploads", headers=TUS), 400)
