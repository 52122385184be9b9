"""Real messages of real devices: every one of the captures is read, and those of devices are answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeds.gb28181 import sip
from feeds.gb28181.digest import check
from feeds.gb28181.requests import Peer
from feeds.gb28181.sip import Message
from feeds.gb28181.xml_text import read
from tests.feeds.gb28181.device import Device, status_of
from tests.feeds.gb28181.line import Line


def captured(folder: Path) -> list[Message]:
    """The captures are kept as text: line ends and with them lengths are made what they were on the wire."""
    messages = []
    for page in sorted(folder.glob("*.md")):
        for block in re.findall(r"```http\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            head, _, body = block.strip("\n").partition("\n\n")
            wire = body.replace("\n", "\r\n").encode("gb18030") + (b"\r\n" if body else b"")
            lines = [line for line in head.split("\n") if not line.startswith("Content-Length")]
            messages.append(sip.parse("\r\n".join([*lines, f"Content-Length: {len(wire)}", "", ""]).encode() + wire))
    return messages


@pytest.fixture(scope="module")
def messages(shared_data) -> list[Message]:
    return captured(shared_data / "vectors" / "gb28181")


def test_every_capture_is_read(messages):
    assert [(m.method, m.status) for m in messages] == [
        *[("MESSAGE", 0), ("MESSAGE", 0), ("REGISTER", 0)],
        *[("REGISTER", 0), ("REGISTER", 401), ("REGISTER", 0), ("REGISTER", 200), ("REGISTER", 0)],
        *[("MESSAGE", 0), ("MESSAGE", 200), ("MESSAGE", 0)],
    ]
    assert [read(m.body).get("CmdType") for m in messages if m.body] == ["Catalog", "Keepalive", "Keepalive", "Catalog"]


def test_the_captured_registration_is_proved_by_its_password_and_no_other(messages):
    credentials = next(m.get("authorization") for m in messages if m.get("authorization"))
    assert check(credentials, "REGISTER", "12345") == ""
    assert check(credentials, "REGISTER", "12346") == "wrong_password"
    assert check(credentials, "MESSAGE", "12345") == "wrong_password"


async def test_each_device_of_the_captures_registers_and_is_understood(messages):
    for message in messages:
        if not message.is_request or (message.body and b"<Query>" in message.body):
            continue
        line = Line(f"{message.sender} secret")
        line.device = Device(message.sender)
        peer = Peer("UDP", "10.64.49.218", 7100)
        await line.register(peer)
        answer = await line.platform.receive(message, peer)
        assert status_of(answer) == (200 if message.method == "MESSAGE" else 401), message
        assert not line.stats.rejected


async def test_a_catalogue_without_places_names_the_camera_where_a_person_has_put_it(messages):
    catalogue = messages[0]
    line = Line(f"{catalogue.sender} secret")
    line.device = Device(catalogue.sender)
    await line.register()
    await line.add_camera(catalogue.sender)
    await line.platform.receive(catalogue, Peer("UDP", "10.0.0.9", 5060))
    camera = line.camera(catalogue.sender)
    assert camera.properties["name"] == "Camera 01"
    assert (camera.properties["maker"], camera.properties["civil_code"], camera.properties["status"]) == ("Hikvision", "5100000000", "on")
