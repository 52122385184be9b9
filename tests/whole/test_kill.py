"""SIGKILL in the middle of everything: what was acknowledged is there after the start, once, and the journal verifies."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import ROOT, RunningServer

PHOTO = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8000  # two tus pieces
CREW = "demo-officer"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path)
    server.start()
    yield server
    server.stop()


def post(client: httpx.Client, path: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    answer = client.post(path, json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})
    assert answer.is_success, answer.text
    return dict(answer.json())


def command(client: httpx.Client, incident_id: str, name: str, key: str | None = None, **fields: Any) -> dict[str, Any]:
    return post(client, f"/api/v1/incidents/{incident_id}/commands", {"command": name, **fields}, key)


def events_of(client: httpx.Client, incident_id: str) -> list[str]:
    answer = client.get(f"/api/v1/incidents/{incident_id}/timeline")
    assert answer.is_success, answer.text
    return [e["event"] for e in answer.json()["events"]]


def begin_upload(client: httpx.Client, incident_id: str) -> str:
    pairs = {"incident_id": incident_id, "filename": "photo.jpg", "filetype": "image/jpeg"}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
    answer = client.post("/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(PHOTO)), "Upload-Metadata": metadata})
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def send_piece(client: httpx.Client, url: str, offset: int, data: bytes) -> int:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    answer = client.patch(url, content=data, headers=headers)
    assert answer.status_code == 204, answer.text
    return int(answer.headers["upload-offset"])


def test_one_incident_through_a_power_cut(server: RunningServer) -> None:
    desk, phone = server.client("operator"), server.client("officer")
    key = str(uuid.uuid4())
    call = {"incident_type": "dispute", "grade": 2, "text": "停车纠纷", "lon": 121.556, "lat": 29.873}
    incident_id = post(desk, "/api/v1/incidents", call, key)["incident_id"]
    command(desk, incident_id, "push", unit_ids=[CREW])
    command(phone, incident_id, "acknowledge")
    depart_key = str(uuid.uuid4())
    departed = command(phone, incident_id, "depart", depart_key)
    upload = begin_upload(phone, incident_id)
    reached = send_piece(phone, upload, 0, PHOTO[: 1 << 20])
    before = events_of(desk, incident_id)

    server.kill()
    server.start()

    # Sessions, events and the upload's bytes are there; what is said again under the same key changes nothing.
    assert events_of(desk, incident_id) == before
    assert post(desk, "/api/v1/incidents", call, key)["incident_id"] == incident_id
    assert command(phone, incident_id, "depart", depart_key)["version"] == departed["version"]
    head = phone.head(upload, headers={"Tus-Resumable": "1.0.0"})
    assert int(head.headers["upload-offset"]) == reached
    send_piece(phone, upload, reached, PHOTO[reached:])
    command(phone, incident_id, "arrive")
    command(phone, incident_id, "feedback", text="双方和解")
    closed = command(desk, incident_id, "close", disposition="settled")

    stored = desk.get(upload)
    assert hashlib.sha256(stored.content).digest() == hashlib.sha256(PHOTO).digest()
    events = events_of(desk, incident_id)
    assert events[: len(before)] == before
    assert events[-1] == "incident_closed"
    assert len(events) == closed["version"]
    assert [events.count(e) for e in ("acknowledged", "departed", "arrived", "upload_added", "feedback_given")] == [1] * 5
    server.stop()
    verified = subprocess.run(
        [sys.executable, "app.py", "verify", "--data", str(server.data)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "evidence: 1 files" in verified.stdout
