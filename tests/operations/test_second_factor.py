"""The second factor: a code once, within its drift, for who knows the password; recovery codes once; administrators do nothing without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from dispatch.clock import ManualClock
from dispatch.errors import NotFound, NotPermitted, Unavailable
from dispatch.model import Actor
from operations.access.accounts import Accounts, WaitedTooLong
from operations.access.attempts import ATTEMPTS_PER_NAME, ATTEMPTS_WINDOW_S, CODES_PER_NAME, TooManyAttempts
from operations.access.authority import Action, Authority, as_wall
from operations.access.enrolment import BEGUN_FOR_S, Enrolment
from operations.access.second_factor import MOST_TRIES, RECOVERY_CODES, STEP_S, WAIT_S, CodeNeeded, SecondFactor
from storage.accounts import AccountStore
from storage.audit import AuditLog
from storage.database import open_database
from tests.operations.access_world import CITY, clock, organisations
from tests.operations.test_accounts import GOOD
from tests.passwords import QUICK

AT = "10.0.0.1"
BOSS = Actor("boss", "admin", CITY)


class World:
    def __init__(self, engine: Engine) -> None:
        self.clock: ManualClock = clock()
        self.store = AccountStore(engine)
        self.accounts = Accounts(self.store, organisations(), self.clock, hasher=QUICK, admins_need_second_factor=True)
        self.log = AuditLog(engine)
        self.enrolment = Enrolment(self.store, self.accounts, self.log, self.clock)
        self.accounts.add_user("boss", GOOD, "admin", "3302")
        self.accounts.add_user("zhang", GOOD, "operator", "3302")

    async def ticket(self, name: str = "boss", address: str = AT) -> str:
        with pytest.raises(CodeNeeded) as needed:
            await self.accounts.login(name, GOOD, address)
        return needed.value.ticket

    async def enter(self, code: str, name: str = "boss", address: str = AT) -> str | None:
        """Password and code, as a browser sends them."""
        return await self.accounts.login_with_code(await self.ticket(name, address), code, address)

    async def enrol(self, name: str = "boss") -> tuple[pyotp.TOTP, tuple[str, ...], str]:
        cookie = await self.accounts.login(name, GOOD, AT) or ""
        actor = Actor(name, "none", CITY)
        begun = await self.enrolment.begin(actor, cookie)
        app = pyotp.TOTP(begun.secret)
        enrolled = await self.enrolment.confirm(actor, cookie, self.code(app), AT)
        assert enrolled is not None
        self.clock.advance(STEP_S)
        return app, enrolled.recovery_codes, enrolled.cookie

    def code(self, app: pyotp.TOTP, steps: int = 0) -> str:
        return app.generate_otp(int(self.clock.unix_s() // STEP_S) + steps)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_database(f"sqlite:///{tmp_path / 'factor.sqlite'}")
    yield World(engine)
    engine.dispose()


async def test_an_administrator_without_one_can_do_nothing_else(world: World) -> None:
    authority = Authority(organisations(), world.clock)
    for wall in (False, True):  # a wall's session is no way round
        cookie = await world.accounts.login("boss", GOOD, AT, wall)
        actor = await world.accounts.actor_of_session(cookie or "")
        assert actor is not None
        assert (actor.kind, actor.name) == ("enrolling", "boss")
        assert [action for action in Action if authority.can(actor, action)] == []
    operator = await world.accounts.login("zhang", GOOD, AT)
    assert (await world.accounts.actor_of_session(operator or "")) == Actor("zhang", "operator", CITY)


async def test_setting_it_up_ends_what_was_and_begins_a_session_of_its_own(world: World) -> None:
    before = await world.accounts.login("boss", GOOD, AT) or ""
    _, recovery, cookie = await world.enrol()
    assert await world.accounts.actor_of_session(before) is None
    assert await world.accounts.actor_of_session(cookie) == BOSS
    [session] = await world.accounts.sessions_of("boss")
    assert session.how == "password+code"
    assert len(set(recovery)) == RECOVERY_CODES
    assert [(look.actor, look.what, look.subject) for _, look in world.log.read()] == [("boss", "second_factor_set", "boss")]


async def test_password_and_code_log_in_and_the_password_alone_does_not(world: World) -> None:
    app, _, _ = await world.enrol()
    cookie = await world.enter(world.code(app))
    assert await world.accounts.actor_of_session(cookie or "") == BOSS
    assert await world.accounts.login("boss", "wrong password", AT) is None
    for nonsense in ("", "nonsense", "x" * 100_000):
        with pytest.raises(WaitedTooLong):
            await world.accounts.login_with_code(nonsense, world.code(app), AT)


@pytest.mark.parametrize(("steps", "enters"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_clock_may_be_off_by_one_step(world: World, steps: int, enters: bool) -> None:
    app, _, _ = await world.enrol()
    world.clock.advance(10 * STEP_S)
    assert (await world.enter(world.code(app, steps)) is not None) == enters


async def test_a_code_is_taken_once_and_none_before_it(world: World) -> None:
    app, _, _ = await world.enrol()
    assert await world.enter(world.code(app, 1)) is not None
    for used in (1, 0, -1):
        assert await world.enter(world.code(app, used)) is None
    world.clock.advance(2 * STEP_S)
    assert await world.enter(world.code(app)) is not None


async def test_the_code_that_set_it_up_is_used(world: World) -> None:
    cookie = await world.accounts.login("boss", GOOD, AT) or ""
    begun = await world.enrolment.begin(BOSS, cookie)
    code = world.code(pyotp.TOTP(begun.secret))
    assert await world.enrolment.confirm(BOSS, cookie, code, AT) is not None
    assert await world.enter(code) is None


async def test_one_code_sent_many_times_at_once_opens_one_session(world: World) -> None:
    app, _, _ = await world.enrol()
    tickets = [await world.ticket() for _ in range(ATTEMPTS_PER_NAME)]
    code = world.code(app)
    entered = await asyncio.gather(*(world.accounts.login_with_code(ticket, code, AT) for ticket in tickets))
    assert sum(cookie is not None for cookie in entered) == 1


@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "abcdef", "１２３４５６", "\x00", "9" * 100_000, "'--", "\udcff12345"])
async def test_senseless_codes_open_nothing(world: World, code: str) -> None:
    await world.enrol()
    assert await world.enter(code) is None


async def test_codes_may_be_written_with_spaces(world: World) -> None:
    app, recovery, _ = await world.enrol()
    code = world.code(app)
    assert await world.enter(f" {code[:3]} {code[3:]} ") is not None
    assert await world.enter(recovery[0].replace("-", " ").upper()) is not None


async def test_a_recovery_code_opens_the_account_once(world: World, tmp_path: Path) -> None:
    _, recovery, _ = await world.enrol()
    await world.enrol("zhang")
    assert await world.enter(recovery[0], "zhang") is None  # another account's
    assert await world.enter(recovery[0]) is not None
    assert await world.enter(recovery[0]) is None
    assert await world.enter(recovery[1]) is not None
    assert (await world.enrolment.state(BOSS)).recovery_codes_left == RECOVERY_CODES - 2
    assert {s.how for s in await world.accounts.sessions_of("boss")} == {"password+code", "password+recovery"}
    stored = (tmp_path / "factor.sqlite").read_bytes()
    assert not any(code.encode() in stored or code.replace("-", "").encode() in stored for code in recovery)


async def test_guessing_codes_is_locked_by_address_and_from_everywhere(world: World) -> None:
    app, _, _ = await world.enrol()
    for _ in range(ATTEMPTS_PER_NAME):
        assert await world.enter("000000") is None
    with pytest.raises(TooManyAttempts):
        await world.enter(world.code(app))
    for i in range(CODES_PER_NAME - ATTEMPTS_PER_NAME):
        assert await world.enter("000000", address=f"10.9.0.{i}") is None
    with pytest.raises(TooManyAttempts):
        await world.enter(world.code(app), address="10.8.0.1")
    world.clock.advance(ATTEMPTS_WINDOW_S + 1)
    assert await world.enter(world.code(app)) is not None


async def test_a_right_password_does_not_wash_failed_codes_away(world: World) -> None:
    await world.enrol()
    for _ in range(ATTEMPTS_PER_NAME):
        await world.enter("000000")  # each with the right password before it
    with pytest.raises(TooManyAttempts):
        await world.accounts.login("boss", GOOD, AT)


async def test_many_guesses_at_once_are_no_more_than_one_after_the_other(world: World) -> None:
    await world.enrol()
    tickets = [world.accounts.second_factor.wait("boss", "password", False).ticket for _ in range(50)]
    answers = await asyncio.gather(*(world.accounts.login_with_code(t, "000000", AT) for t in tickets), return_exceptions=True)
    assert sum(answer is None for answer in answers) == ATTEMPTS_PER_NAME
    assert sum(isinstance(answer, TooManyAttempts) for answer in answers) == 50 - ATTEMPTS_PER_NAME


async def test_a_log_in_waits_so_long_and_tries_so_often(world: World) -> None:
    app, _, _ = await world.enrol()
    ticket = await world.ticket()
    for i in range(MOST_TRIES):
        assert await world.accounts.login_with_code(ticket, "000000", f"10.7.0.{i}") is None
    with pytest.raises(WaitedTooLong):
        await world.accounts.login_with_code(ticket, world.code(app), AT)
    ticket = await world.ticket()
    world.clock.advance(WAIT_S)
    with pytest.raises(WaitedTooLong):
        await world.accounts.login_with_code(ticket, world.code(app), AT)
    ticket = await world.ticket()
    assert await world.accounts.login_with_code(ticket, world.code(app), AT) is not None
    with pytest.raises(WaitedTooLong):
        await world.accounts.login_with_code(ticket, world.code(app, 1), AT)


async def test_an_account_disabled_while_its_log_in_waits_stays_out(world: World) -> None:
    app, _, _ = await world.enrol()
    ticket = await world.ticket()
    world.accounts.disable_user("boss")
    assert await world.accounts.login_with_code(ticket, world.code(app), AT) is None


async def test_a_wrong_first_code_switches_nothing_on_and_counts(world: World) -> None:
    cookie = await world.accounts.login("boss", GOOD, AT) or ""
    with pytest.raises(NotFound, match="begin again"):
        await world.enrolment.confirm(BOSS, cookie, "000000", AT)
    begun = await world.enrolment.begin(BOSS, cookie)
    for _ in range(ATTEMPTS_PER_NAME):
        assert await world.enrolment.confirm(BOSS, cookie, "000000", AT) is None
    with pytest.raises(TooManyAttempts):
        await world.enrolment.confirm(BOSS, cookie, world.code(pyotp.TOTP(begun.secret)), AT)
    world.clock.advance(BEGUN_FOR_S)
    with pytest.raises(NotFound):
        await world.enrolment.confirm(BOSS, cookie, world.code(pyotp.TOTP(begun.secret)), AT)
    assert (await world.enrolment.state(BOSS)).is_on is False


async def test_who_can_not_set_one_up(world: World) -> None:
    _, _, enrolled = await world.enrol()
    wall = await world.accounts.login("zhang", GOOD, AT, wall=True) or ""
    operator = await world.accounts.login("zhang", GOOD, AT) or ""
    world.accounts.ensure_demo_accounts()
    demo = await world.accounts.login("viewer", "liandong-demo", AT) or ""
    for actor, cookie in (
        (BOSS, enrolled),  # has one
        (as_wall(Actor("zhang", "operator", CITY)), wall),
        (Actor("zhang", "operator", CITY), enrolled),  # another's session
        (Actor("zhang", "operator", CITY), ""),
        (Actor("radio", "feed", CITY, kind="token"), operator),
        (Actor("viewer", "viewer", CITY), demo),  # everybody's
    ):
        with pytest.raises(NotPermitted):
            await world.enrolment.begin(actor, cookie)


async def test_a_reset_takes_it_away_with_its_sessions_on_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    app, recovery, cookie = await world.enrol()
    operator = Actor("command-line", "admin", CITY, kind="system")
    await world.enrolment.reset(operator, "boss", "command-line")
    assert await world.accounts.actor_of_session(cookie) is None
    assert world.log.read()[-1][1].what == "second_factor_reset"
    fresh = await world.accounts.login("boss", GOOD, AT)  # no code is asked for any more
    assert (await world.accounts.actor_of_session(fresh or "")) is not None
    assert world.store.take_recovery_code("boss", recovery[0]) is False
    assert world.store.take_totp_step("boss", app.secret, 2**40) is False
    for name in ("boss", "nobody"):
        with pytest.raises(NotFound, match="with a second factor"):
            await world.enrolment.reset(operator, name, "command-line")
    await world.enrol()
    monkeypatch.setattr(world.log, "append", lambda looks: 1 / 0)
    with pytest.raises(Unavailable):
        await world.enrolment.reset(operator, "boss", "command-line")
    assert (await world.enrolment.state(BOSS)).is_on


@given(drift=st.integers(-3, 3), at_s=st.integers(10_000, 2**33))
def test_codes_are_those_of_rfc_6238_and_no_others(drift: int, at_s: int) -> None:
    world_clock = clock()
    world_clock.advance(at_s - world_clock.unix_s())
    factor = SecondFactor(None, world_clock)  # type: ignore[arg-type]
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of the RFC's own table
    step = int(at_s // STEP_S) + drift
    found = factor.step_of(secret, pyotp.TOTP(secret).generate_otp(step))
    assert found == step if abs(drift) <= 1 else found != step


def test_the_rfcs_own_values() -> None:
    for at_s, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        world_clock = clock()
        world_clock.advance(at_s - world_clock.unix_s())
        factor = SecondFactor(None, world_clock)  # type: ignore[arg-type]
        assert factor.step_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", code) == at_s // STEP_S
