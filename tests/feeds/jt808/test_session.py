"""A terminal's conversation: registration, authentication, positions, parts, refusals, each answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, UnitKind
from feeds.jt808 import session as sessions
from feeds.jt808.framing import Deframer
from feeds.jt808.messages import Message, decode
from feeds.jt808.server import TerminalListener
from feeds.jt808.session import EndOfConnection, TerminalSession, code_of, masked
from tests.feeds.jt808 import encoder
from tests.operations.fakes import CITY, COUNTY, START, House

NUMBER = "13912345678"
SECRET = b"s" * 32


class Line:
    """A house with one registered car, and a terminal's connection to it."""

    def __init__(self, open_registration: bool = False) -> None:
        self.house = House()
        listener = TerminalListener(self.house.intake, self.house.handler, self.house.clock, CITY, SECRET, open_registration)
        self.stats = self.house.health.feed("jt808")
        self.session: TerminalSession = listener.session()

    async def with_car(self) -> Line:
        command = RegisterUnit(unit_id="car", callsign="car", kind=UnitKind.PATROL_CAR, org_code=COUNTY, trackers=(NUMBER,))
        await self.house.handler.handle(command, Actor("setup", "admin", CITY, kind="system"))
        return self

    async def say(self, *frames: bytes) -> list[tuple[int, str]]:
        """The answers as (message id, body in hex)."""
        answers = [decode(content) for content in Deframer().feed(await self.session.receive(b"".join(frames)))]
        return [(answer.message_id, answer.body.hex()) for answer in answers]

    async def authenticated(self, version: int = 2013) -> Line:
        await self.with_car()
        assert await self.say(encoder.message(0x0102, encoder.authentication(code_of(SECRET, NUMBER), version), version=version)) == [
            (0x8001, "0001010200")
        ]
        return self


def position(after_s: float = 0.0, lon: float = 121.5, **fields) -> bytes:
    return encoder.position(lon, 29.9, START + timedelta(seconds=after_s), **fields)


@pytest.mark.parametrize("version", [2013, 2019])
async def test_register_authenticate_report_leave(version):
    line = await Line().with_car()
    [(answer, body)] = await line.say(encoder.message(0x0100, encoder.registration(version), serial=1, version=version))
    assert (answer, body[:6]) == (0x8100, "000100")
    code = bytes.fromhex(body[6:])
    assert await line.say(encoder.message(0x0102, encoder.authentication(code, version), serial=2, version=version)) == [
        (0x8001, "0002010200")
    ]
    assert await line.say(encoder.message(0x0200, position(), serial=3, version=version)) == [(0x8001, "0003020000")]
    assert line.house.place_of("car") == (121.5, 29.9)
    assert line.house.table.speed_mps[0] == 10.0
    assert await line.say(encoder.message(0x0003, serial=4, version=version)) == [(0x8001, "0004000300")]
    assert await line.say(encoder.message(0x0200, position(1), serial=5, version=version)) == [(0x8001, "0005020001")]


async def test_an_unknown_terminal_is_not_registered_nor_let_in():
    line = Line()
    assert await line.say(encoder.message(0x0100, encoder.registration())) == [(0x8100, "000104")]
    assert await line.say(encoder.message(0x0102, code_of(SECRET, NUMBER))) == [(0x8001, "0001010201")]
    assert await line.say(encoder.message(0x0200, position())) == [(0x8001, "0001020001")]
    assert line.stats.rejected == {"unknown_terminal": 2, "not_authenticated": 1}
    assert line.house.handler.picture.units == {}


async def test_open_registration_makes_a_unit_not_named_by_its_number():
    line = Line(open_registration=True)
    await line.say(encoder.message(0x0102, code_of(SECRET, NUMBER)), encoder.message(0x0200, position()))
    [unit] = line.house.handler.picture.units.values()
    assert (unit.registered, unit.trackers) == (False, (NUMBER,))
    assert unit.unit_id.startswith("jt808-")
    assert NUMBER[-6:] not in unit.unit_id + unit.callsign
    assert await line.say(encoder.message(0x0200, position(2))) == [(0x8001, "0001020000")]
    assert len(line.house.handler.picture.units) == 1


async def test_a_wrong_code_or_another_terminals_code_lets_nobody_in():
    line = await Line().with_car()
    for wrong in (b"", b"0" * 20, code_of(SECRET, "13900000000"), code_of(b"other", NUMBER)):
        assert await line.say(encoder.message(0x0102, wrong)) == [(0x8001, "0001010201")]
    assert line.stats.rejected == {"not_authenticated": 4}


async def test_a_terminal_speaks_for_its_own_number_only():
    line = await Line().authenticated()
    assert await line.say(encoder.message(0x0200, position(), number="13900000000")) == [(0x8001, "0001020001")]
    assert line.house.place_of("car") is None


async def test_a_batch_is_placed_by_its_times():
    line = await Line().authenticated()
    body = encoder.batch(position(-60, 121.49), position(0, 121.5), position(-30, 121.495))
    assert await line.say(encoder.message(0x0704, body)) == [(0x8001, "0001070400")]
    assert line.house.place_of("car") == (121.5, 29.9)
    assert len(line.house.tracks.fixes) == 3


async def test_a_message_in_parts_is_put_together_in_any_order():
    line = await Line().authenticated()
    body = encoder.batch(*(position(-step, 121.5 - step * 1e-5) for step in range(60)))
    cuts = [body[start : start + 500] for start in range(0, len(body), 500)]
    frames = [encoder.message(0x0704, cut, serial=10 + n, part=(n + 1, len(cuts))) for n, cut in enumerate(cuts)]
    answers = await line.say(*reversed(frames))
    assert len(answers) == len(frames)
    assert {body[-2:] for _, body in answers} == {"00"}
    assert len(line.house.tracks.fixes) == 60


async def test_unfinished_messages_are_bounded_and_forgotten():
    line = await Line().authenticated()
    for start in (100, 200, 300, 400, 500):
        last = await line.say(encoder.message(0x0704, b"x", serial=start, part=(1, 2)))
    assert last == [(0x8001, "01f4070402")]
    assert await line.say(encoder.message(0x0704, b"x", serial=600, part=(1, 65))) == [(0x8001, "0258070402")]
    assert line.stats.rejected == {"too_many_unfinished": 1, "too_many_parts": 1}
    line.house.clock.advance(sessions.UNFINISHED_KEPT_S + 1)
    assert await line.say(encoder.message(0x0704, b"x", serial=700, part=(1, 2))) == [(0x8001, "02bc070400")]
    assert line.stats.rejected["unfinished"] == 4


async def test_a_heartbeat_freshens_the_unit():
    line = await Line().authenticated()
    await line.say(encoder.message(0x0200, position()))
    line.house.clock.advance(120)
    assert await line.say(encoder.message(0x0002, serial=9)) == [(0x8001, "0009000200")]
    assert line.house.table.received_at[0] == line.house.clock.unix_s()
    assert line.house.table.position_at[0] == START.timestamp()


async def test_bad_positions_are_answered_and_counted():
    line = await Line().authenticated()
    no_time = position()[:22] + bytes(6)
    answers = await line.say(
        encoder.message(0x0200, position(has_fix=False)),
        encoder.message(0x0200, no_time),
        encoder.message(0x0200, b"short"),
        encoder.message(0x0200, position(3_600)),
        encoder.message(0x0704, encoder.batch(b"x", position())),
    )
    assert [body[-2:] for _, body in answers] == ["00", "00", "02", "00", "00"]
    assert line.stats.rejected == {"no_fix": 1, "bad_time": 1, "bad_body": 2, "future": 1}
    assert line.house.place_of("car") == (121.5, 29.9)


async def test_unknown_messages_are_answered_as_unsupported_and_our_own_answers_not_at_all():
    line = await Line().authenticated()
    assert await line.say(encoder.message(0x0900, b"\x41data", serial=3)) == [(0x8001, "0003090003")]
    assert await line.say(encoder.message(0x0001, b"\0\0\x81\x03\0")) == []
    assert line.stats.rejected == {"unsupported_0900": 1}


async def test_garbage_ends_the_connection_after_a_while_and_a_good_frame_forgives():
    line = await Line().authenticated()
    bad = b"\x7eno frame at all\x7e"
    await line.say(bad * (sessions.MAX_BAD_IN_A_ROW - 1), encoder.message(0x0002))
    await line.say(bad * (sessions.MAX_BAD_IN_A_ROW - 1))
    with pytest.raises(EndOfConnection, match="too_many_bad_frames"):
        await line.say(bad)


async def test_a_flood_ends_the_connection():
    line = await Line().authenticated()
    with pytest.raises(EndOfConnection, match="rate_limited"):
        await line.say(*[encoder.message(0x0002)] * (int(sessions.BURST) + 1))


def test_numbers_are_masked():
    assert masked("13912345678") == "********678"
    assert masked("12") == "***"


async def test_the_serial_of_answers_counts_on():
    line = await Line().with_car()
    answers: list[Message] = []
    for _ in range(3):
        answers += [decode(content) for content in Deframer().feed(await line.session.receive(encoder.message(0x0002)))]
    assert [answer.serial for answer in answers] == [0, 1, 2]


IDS = st.sampled_from([0x0001, 0x0002, 0x0003, 0x0100, 0x0102, 0x0200, 0x0704, 0x0900, 0xFFFF])
FRAMES = st.builds(
    encoder.message,
    IDS,
    st.binary(max_size=60),
    number=st.sampled_from([NUMBER, "1"]),
    version=st.sampled_from([2013, 2019]),
    part=st.none() | st.tuples(st.integers(0, 5), st.integers(0, 4)),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(FRAMES | st.binary(max_size=40), max_size=10))
async def test_whatever_a_terminal_says_the_next_good_position_is_taken(pieces):
    line = await Line().authenticated()
    await line.say(*pieces, b"\x7e")
    await line.say(encoder.message(0x0102, code_of(SECRET, NUMBER)))
    assert await line.say(encoder.message(0x0200, position(), serial=77)) == [(0x8001, "004d020000")]
    assert line.house.place_of("car") == (121.5, 29.9)
