"""The native feed protocol: typed messages, one answer each, and a connection nothing can break."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import native
from feeds.base import TokenBucket
from feeds.native import NativeSession, serve
from tests.operations.fakes import House

AT = "2026-03-01T16:00:00+08:00"


def position(**fields: Any) -> dict[str, Any]:
    return {"type": "position", "unit_id": "a", "lon": 121.5, "lat": 29.9, "position_at": AT} | fields


def session(house: House | None = None) -> NativeSession:
    house = house or House()
    return NativeSession(house.intake, house.feed(), house.clock)


async def ask(session: NativeSession, message: Any) -> dict[str, Any]:
    return json.loads(await session.receive(message if isinstance(message, str | bytes) else json.dumps(message)))


def reasons(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(rejection["index"], rejection["reason"]) for rejection in answer["rejected"]]


async def test_one_report_or_an_array_of_mixed_ones():
    house = House()
    feed = session(house)
    assert await ask(feed, position()) == {"accepted": 1, "rejected": []}
    mixed = [
        {"type": "element", "element": "weather_station", "id": "w", "lon": 121.5, "lat": 29.9, "at": AT, "properties": {}},
        position(unit_id="b", speed_mps=3, heading_deg=90),
        {"type": "incident", "incident_type": "theft", "grade": 3, "source_id": "1", "text": "单车被盗"},
        {"type": "status", "unit_id": "b", "status": "out_of_service"},
        {"type": "camera", "camera_id": "c", "lon": 121.5, "lat": 29.9, "heading_deg": 5, "url": "rtsp://10.0.0.1/", "substream_url": ""},
    ]
    assert await ask(feed, mixed) == {"accepted": 5, "rejected": []}
    picture = house.handler.picture
    assert picture.units["b"].status == "out_of_service"
    assert [i.text for i in picture.incidents.values()] == ["单车被盗"]
    assert house.place_of("b") == (121.5, 29.9)


async def test_each_bad_report_is_named_and_the_others_are_taken():
    house = House()
    answer = await ask(
        session(house),
        [
            position(),
            {"type": "teleport"},
            {"lon": 1},
            7,
            position(lon="121"),
            position(position_at="2026-03-01T16:00:00"),
            {"type": "status", "unit_id": "a", "status": "sleeping"},
            {"type": "incident", "incident_type": "theft", "grade": 9, "source_id": "1"},
            position(unit_id="x" * 65),
            position(unit_id="b", lon=float("nan")),
            position(unit_id="c", position_at="2027-01-01T00:00:00Z"),
        ],
    )
    assert answer["accepted"] == 1
    assert reasons(answer) == [
        (1, "unknown_type"),
        (2, "unknown_type"),
        (3, "bad_field"),
        (4, "bad_field"),
        (5, "bad_field"),
        (6, "bad_field"),
        (7, "bad_field"),
        (8, "bad_field"),
        (9, "not_a_number"),
        (10, "future"),
    ]
    assert answer["rejected"][3]["detail"] == "Expected `float`, got `str` - at `$.lon`"
    assert house.health.feed("gps").rejected == {"bad_field": 6, "unknown_type": 2, "not_a_number": 1, "future": 1}


async def test_malformed_oversized_and_endless_messages_are_refused_whole():
    feed = session()
    for message in ("", "{", b"\xff\xfe", "nope", '{"type":"position"', "[" * 100_000, '{"a":' * 100_000, '{"type":"\ud800"}', "1" * 5_000):
        answer = await ask(feed, message)
        assert answer["accepted"] == 0
        assert answer["rejected"][0]["reason"] in ("malformed_json", "bad_field", "unknown_type"), message[:20]
    assert reasons(await ask(feed, " " * (native.MAX_BYTES + 1))) == [(0, "too_big")]
    assert reasons(await ask(feed, [7] * 1_001)) == [(0, "too_many_reports")]
    assert reasons(await ask(feed, [position()] * 1_001)) == [(0, "too_many_reports")]
    assert (await ask(feed, position()))["accepted"] == 1


async def test_half_a_surrogate_pair_is_refused_where_it_stands():
    answer = await ask(session(), '[{"type":"status","unit_id":"\\ud800","status":"available"}]')
    assert reasons(answer) == [(0, "bad_field")]


async def test_an_empty_array_is_answered():
    assert await ask(session(), "[]") == {"accepted": 0, "rejected": []}


async def test_too_many_reports_a_second_are_refused_until_time_passes():
    house = House()
    feed = session(house)
    message = " " * 900_000 + "[]"
    answers = [await ask(feed, message) for _ in range(20)]
    assert answers[0]["rejected"] == []
    assert reasons(answers[-1]) == [(0, "rate_limited")]
    house.clock.advance(5)
    assert (await ask(feed, position(position_at="2026-03-01T08:00:05Z")))["accepted"] == 1


async def test_the_same_incident_sent_again_is_accepted_and_changes_nothing():
    house = House()
    feed = session(house)
    report = {"type": "incident", "incident_type": "theft", "grade": 3, "source_id": "1", "lon": 121.5, "lat": 29.9}
    assert await ask(feed, [report, report]) == {"accepted": 2, "rejected": []}
    assert len(house.handler.picture.incidents) == 1


class PlayedSocket:
    """Hands out messages as Starlette does, then disconnects; keeps the answers."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = deque([*messages, {"type": "websocket.disconnect"}])
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        return self._messages.popleft()

    async def send_text(self, data: str) -> None:
        self.sent.append(json.loads(data))


async def test_a_socket_is_answered_message_by_message_and_counted_while_open():
    house = House()
    text = {"type": "websocket.receive", "text": json.dumps(position())}
    binary = {"type": "websocket.receive", "bytes": b"[]", "text": None}
    socket = PlayedSocket(text, binary, {"type": "websocket.receive", "text": "no"})
    await serve(socket, session(house))
    assert [answer["accepted"] for answer in socket.sent] == [1, 0, 0]
    assert house.health.feed("gps").sessions == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["type", "unit_id", "tracker_id", "lon", "lat", "position_at", "status", "element", "id", "at", "properties", "datum"]
)
VALUES = JSON | st.sampled_from(["position", "status", "incident", "element", "camera", "a", AT, "weather_station", "hydrant", "available"])
REPORTS = st.dictionaries(FIELDS, VALUES, max_size=9)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(REPORTS, JSON), max_size=8) | REPORTS | st.text(max_size=50) | st.binary(max_size=50))
async def test_whatever_is_sent_every_report_is_accepted_or_refused_once(message):
    feed = session()
    answer = await ask(feed, message)
    if isinstance(message, list):
        assert answer["accepted"] + len(answer["rejected"]) == len(message)
        assert [index for index, _ in reasons(answer)] == sorted({index for index, _ in reasons(answer)})
    assert (await ask(feed, position()))["accepted"] == 1


def test_a_token_bucket_refuses_above_its_rate_and_fills_again():
    now = [0.0]
    bucket = TokenBucket(rate_per_s=10.0, burst=20.0, clock_s=lambda: now[0])
    assert bucket.take(20)
    assert not bucket.take(1)
    now[0] = 0.5
    assert bucket.take(5)
    assert not bucket.take(1)
    now[0] = -100.0
    assert not bucket.take(1)
