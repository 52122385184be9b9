"""`/feeds/v1` with the messages of the contract, and JT/T 808 over TCP as a terminal speaks it."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.contract.conftest import PLACE, City

POINT = {"lon": PLACE[0], "lat": PLACE[1]}
REGISTER, AUTHENTICATE, HEARTBEAT, POSITION, BATCH = 0x0100, 0x0102, 0x0002, 0x0200, 0x0704


def now(ahead_s: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=ahead_s)).isoformat()


def fix(unit_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "position", "unit_id": unit_id, "position_at": now()} | POINT | more


@pytest.fixture(scope="module")
def feed(city: City) -> Iterator[ClientConnection]:
    with city.socket("/feeds/v1", "feed") as socket:
        yield socket


def say(feed: ClientConnection, message: Any) -> dict[str, Any]:
    """Send one message; its answer."""
    feed.send(message if isinstance(message, str | bytes) else json.dumps(message))
    answer: dict[str, Any] = json.loads(feed.recv(timeout=20))
    assert answer.keys() == {"accepted", "rejected"}
    assert all({"index", "reason"} <= refusal.keys() for refusal in answer["rejected"])
    return answer


def reasons(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(refusal["index"], refusal["reason"]) for refusal in answer["rejected"]]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "position", "unit_id": "f-1", "speed_mps": 8.5, "heading_deg": 90, "datum": "wgs84"} | POINT,
        {"type": "position", "tracker_id": "f-phone"} | POINT,
        {"type": "incident", "incident_type": "theft", "grade": 3, "text": "自行车被盗", "source_id": "CAD-77"} | POINT,
        {"type": "status", "unit_id": "f-1", "status": "out_of_service"},
        {"type": "element", "element": "weather_station", "id": "ws-1", "properties": {"wind_mps": 3.1}} | POINT,
        {"type": "camera", "camera_id": "cam-1", "heading_deg": 40, "url": "rtsp://u:p@10.9.8.7/1", "substream_url": "rtsp://10.9.8.7/2"}
        | {"recorder_url": "rtsp://u:p@10.9.8.8/1?from={from:%s}"}
        | POINT,
    ],
)
def test_each_kind_of_message_is_taken_as_one_object_or_in_an_array(feed: ClientConnection, message: dict[str, Any]) -> None:
    times = {"position": "position_at", "element": "at"}
    if message["type"] in times:
        message = message | {times[message["type"]]: now()}
    assert say(feed, message) == {"accepted": 1, "rejected": []}
    if message["type"] != "position":
        assert say(feed, [message, message]) == {"accepted": 2, "rejected": []}


def test_what_was_sent_is_there(city: City, feed: ClientConnection) -> None:
    call = {"type": "incident", "incident_type": "theft", "grade": 3, "text": "x", "source_id": "CAD-78"} | POINT
    camera = {"type": "camera", "camera_id": "cam-2", "url": "rtsp://u:p@10.9.8.7/1"} | POINT
    say(feed, [fix("f-2", heading_deg=90.0, speed_mps=8.5), call, call, camera])
    unit = city.api().get("/units/f-2").json()
    assert (unit["lon"], unit["lat"], unit["heading_deg"], unit["speed_mps"]) == (*PLACE, 90.0, 8.5)
    assert (unit["registered"], unit["org_code"]) == (False, "330200000000")
    incidents = city.api().get("/incidents").json()["incidents"]
    assert [i["source_id"] for i in incidents].count("CAD-78") == 1
    shown = city.api().get(f"/elements/street_camera?bbox={PLACE[0]},{PLACE[1]},{PLACE[0]},{PLACE[1]}").text
    assert "cam-2" in shown
    assert "rtsp" not in shown
    assert "10.9.8.7" not in shown


def test_a_known_tracker_moves_its_crew(city: City, feed: ClientConnection) -> None:
    city.unit("f-3", trackers=["f-3-car", "f-3-phone"])
    assert say(feed, {"type": "position", "tracker_id": "f-3-phone", "position_at": now()} | POINT)["accepted"] == 1
    assert city.api().get("/units/f-3").json()["lon"] == PLACE[0]


def test_the_datum_of_the_token_holds_unless_a_message_names_another(city: City) -> None:
    shifted = {"lon": 121.5546, "lat": 29.8713}  # the place in GCJ-02
    with city.socket("/feeds/v1", "feed", "330203") as gcj02:
        assert say(gcj02, [fix("g-1", **shifted), fix("g-2", datum="wgs84")])["accepted"] == 2
        assert reasons(say(gcj02, fix("g-3", datum="mars"))) == [(0, "unknown_datum")]
    for unit_id in ("g-1", "g-2"):
        unit = city.api().get(f"/units/{unit_id}").json()
        assert abs(unit["lon"] - PLACE[0]) < 0.0005
        assert abs(unit["lat"] - PLACE[1]) < 0.0005
        assert unit["org_code"] == "330203000000"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"lon": 2.35, "lat": 48.85}, "outside_city"),
        ({"lon": 122.9, "lat": 29.4}, "outside_city"),
        ({"lon": 0, "lat": 0}, "no_fix"),
        ({"lon": 200}, "not_a_number"),
        ({"position_at": now(3600)}, "future"),
        ({"position_at": now(-3 * 86_400)}, "stale"),
        ({"position_at": "2026-05-01T08:00:00"}, "bad_field"),
        ({"lon": "east"}, "bad_field"),
        ({"datum": "mars"}, "unknown_datum"),
    ],
)
def test_a_position_that_cannot_be_is_named_and_changes_nothing(
    city: City, feed: ClientConnection, wrong: dict[str, Any], reason: str
) -> None:
    before = city.api().get("/ready").json()["feeds"]["feed-3302"]["rejected"].get(reason, 0)
    assert reasons(say(feed, [fix("f-9") | wrong, fix("f-9") | wrong])) == [(0, reason), (1, reason)]
    assert city.api().get("/units/f-9").status_code == 404
    assert city.api().get("/ready").json()["feeds"]["feed-3302"]["rejected"][reason] == before + 2


def test_far_away_incidents_and_elements_are_refused_as_by_http(city: City, feed: ClientConnection) -> None:
    away = {"lon": 2.35, "lat": 48.85}
    call = {"type": "incident", "incident_type": "theft", "grade": 3, "text": "x", "source_id": "CAD-79"} | away
    thing = {"type": "element", "element": "hydrant", "id": "h-1", "at": now(), "properties": {}} | away
    assert reasons(say(feed, [call, thing])) == [(0, "outside_city"), (1, "outside_city")]
    assert "CAD-79" not in city.api().get("/incidents").text


def test_not_a_number_duplicates_and_jumps(feed: ClientConnection) -> None:
    first = fix("f-4")
    assert reasons(say(feed, [first, first])) == [(1, "duplicate")]
    assert reasons(say(feed, fix("f-4", lon=121.7))) == [(0, "impossible_speed")]
    assert reasons(say(feed, json.dumps(fix("f-4")).replace(str(PLACE[0]), "NaN"))) == [(0, "not_a_number")]


@pytest.mark.parametrize("message", ["", "{", "[" * 5000, b"\x00\xff", "3", '{"type":"spell"}', '[{"type":"position"}]', "x" * 1_100_000])
def test_nonsense_is_answered_and_the_connection_lives(feed: ClientConnection, message: str | bytes) -> None:
    assert [index for index, _ in reasons(say(feed, message))] == [0]
    assert say(feed, fix("f-5"))["accepted"] == 1


def test_what_lies_outside_the_scope_is_not_a_feeds_to_say(city: City) -> None:
    elsewhere = city.unit("f-6", org_code="330205")["unit_id"]
    with city.socket("/feeds/v1", "feed", "330203") as feed:
        assert reasons(say(feed, [fix("f-7"), fix(elsewhere)])) == [(1, "outside-scope")]


@pytest.mark.parametrize("role", ["operator", "viewer", "officer", "admin"])
def test_only_a_feed_may_feed(city: City, role: str) -> None:
    scope = "330203000000" if role == "viewer" else "3302"
    with city.socket("/feeds/v1", role, scope) as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


# JT/T 808


class Device:
    """A vehicle terminal of one version of the standard."""

    def __init__(self, city: City, number: str, version: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", city.jt808_port), timeout=10)
        self._number, self._version, self._serial = number, version, 0

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, message: int, body: bytes) -> tuple[int, bytes]:
        """Send a message; id and body of the answer."""
        self._serial += 1
        if self._version == 2019:
            head = struct.pack(">HHB", message, len(body) | 0x4000, 1) + bytes.fromhex(self._number.rjust(20, "0"))
        else:
            head = struct.pack(">HH", message, len(body)) + bytes.fromhex(self._number.rjust(12, "0"))
        plain = head + struct.pack(">H", self._serial) + body
        plain += bytes([reduce(xor, plain)])
        return self.send(b"\x7e" + plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e")

    def send(self, frame: bytes) -> tuple[int, bytes]:
        self._socket.sendall(frame)
        return self.hear()

    def hear(self) -> tuple[int, bytes]:
        received = b""
        while received.count(b"\x7e") < 2:
            piece = self._socket.recv(4096)
            assert piece, "the server hung up"
            received += piece
        plain = received.strip(b"\x7e").replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
        assert reduce(xor, plain) == 0
        header = 17 if plain[2] & 0x40 else 12
        return int.from_bytes(plain[:2], "big"), plain[header:-1]

    def register(self) -> bytes:
        """Registration; the authentication code."""
        names = {2013: (5, 20, 7), 2019: (11, 30, 30)}[self._version]
        body = struct.pack(">HH", 33, 203) + b"".join(b"X".ljust(size, b"\0") for size in names) + b"\x01" + "浙B12345".encode("gbk")
        kind, answer = self.say(REGISTER, body)
        assert (kind, answer[:3]) == (0x8100, self._serial.to_bytes(2, "big") + b"\x00")
        return answer[3:]

    def authenticate(self, code: bytes) -> int:
        body = bytes([len(code)]) + code + b"8" * 15 + b"1".ljust(20, b"\0") if self._version == 2019 else code
        return self.result(AUTHENTICATE, body)

    def result(self, message: int, body: bytes) -> int:
        """Result of the general answer, which names the message."""
        kind, answer = self.say(message, body)
        assert (kind, answer[:4]) == (0x8001, struct.pack(">HH", self._serial, message))
        return answer[4]


def location(lon: float, lat: float, at: datetime) -> bytes:
    """Body of a position with a fix: 36 km/h to the east."""
    local = at.astimezone(timezone(timedelta(hours=8))).strftime("%y%m%d%H%M%S")
    return struct.pack(">IIIIHHH", 0, 3, round(lat * 1e6), round(lon * 1e6), 5, 360, 90) + bytes.fromhex(local)


@pytest.mark.parametrize(("version", "number"), [(2013, "13800000013"), (2019, "13900000019")])
def test_a_vehicle_terminal_registers_authenticates_and_reports(city: City, version: int, number: str) -> None:
    unit_id = city.unit(f"car-{version}", trackers=[number])["unit_id"]
    at = datetime.now(UTC).replace(microsecond=0)
    with Device(city, number, version) as device:
        assert device.result(POSITION, location(*PLACE, at)) == 1  # not before it is authenticated
        code = device.register()
        assert device.authenticate(b"wrong") == 1
        assert device.authenticate(code) == 0
        assert device.result(HEARTBEAT, b"") == 0
        assert device.result(POSITION, location(*PLACE, at)) == 0
        unit = city.api().get(f"/units/{unit_id}").json()
        assert (unit["lon"], unit["lat"], unit["heading_deg"], unit["speed_mps"]) == (*PLACE, 90.0, 10.0)
        assert datetime.fromisoformat(unit["position_at"]) == at
        later = [location(PLACE[0] + 0.0001 * i, PLACE[1], at + timedelta(seconds=i)) for i in (1, 2)]
        batch = struct.pack(">HB", len(later), 0) + b"".join(struct.pack(">H", len(one)) + one for one in later)
        assert device.result(BATCH, batch) == 0
        assert city.api().get(f"/units/{unit_id}").json()["lon"] == pytest.approx(PLACE[0] + 0.0002)
        assert device.result(0x0F99, b"\x01") == 3  # unknown: answered, not fatal
        assert device.result(HEARTBEAT, b"") == 0


def test_an_unknown_terminal_is_not_let_in(city: City) -> None:
    with Device(city, "999999999999", 2013) as device:
        assert device.say(REGISTER, b"\x00" * 37) == (0x8100, b"\x00\x01\x04")


def test_frames_of_real_devices_are_answered_or_counted_with_a_reason(city: City, shared_data: Path) -> None:
    lines = (shared_data / "vectors" / "jt808" / "frames-a.hex").read_text().split()
    frames = [bytes.fromhex(line) for line in lines if not line.startswith("#")]
    assert len(frames) > 20

    def refused() -> int:
        return sum(city.api().get("/ready").json()["feeds"]["jt808"]["rejected"].values())

    before = refused()
    for frame in frames:
        with socket.create_connection(("127.0.0.1", city.jt808_port), timeout=10) as device:
            device.sendall(frame)
    until = time.monotonic() + 10
    while refused() < before + len(frames) and time.monotonic() < until:
        time.sleep(0.1)
    # None of these devices is known here: each frame is decoded as far as it goes and refused by name.
    assert refused() >= before + len(frames)
