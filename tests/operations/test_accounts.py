"""Accounts, sessions and tokens: what is kept, when it ends, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, text

from dispatch.clock import ManualClock
from dispatch.model import Actor
from operations.access.accounts import (
    BELIEVED_S,
    DEMO_PASSWORD,
    SESSION_ABSOLUTE_S,
    WALL_ABSOLUTE_S,
    AccountError,
    Accounts,
    check_password,
)
from operations.access.attempts import ATTEMPTS_PER_ADDRESS, ATTEMPTS_PER_NAME, ATTEMPTS_WINDOW_S, TooManyAttempts
from storage.accounts import AccountStore
from storage.database import open_database
from tests.operations.access_world import CITY, STATION, clock, organisations
from tests.passwords import QUICK

GOOD = "correct horse 9"
IDLE_S = 3600.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'accounts.sqlite'}")
    yield engine
    engine.dispose()


@pytest.fixture
def at() -> ManualClock:
    return clock()


def accounts_on(engine: Engine, at: ManualClock) -> Accounts:
    return Accounts(AccountStore(engine), organisations(), at, session_idle_s=IDLE_S, hasher=QUICK)


@pytest.fixture
def accounts(engine: Engine, at: ManualClock) -> Accounts:
    made = accounts_on(engine, at)
    made.add_user("zhang", GOOD, "operator", "3302")
    return made


async def session(accounts: Accounts, name: str = "zhang", wall: bool = False) -> str:
    cookie = await accounts.login(name, GOOD, "10.0.0.1", wall=wall)
    assert cookie is not None
    return cookie


async def test_a_log_in_leads_to_the_actor_and_a_log_out_ends_it(accounts: Accounts) -> None:
    cookie = await session(accounts)
    assert await accounts.actor_of_session(cookie) == Actor("zhang", "operator", CITY)
    await accounts.logout(cookie)
    assert await accounts.actor_of_session(cookie) is None


@pytest.mark.parametrize(
    ("name", "password"), [("zhang", "wrong"), ("nobody", GOOD), ("", ""), ("zhang", "x" * 100_000), ("zh\udc00", GOOD)]
)
async def test_wrong_pairs_log_nobody_in(accounts: Accounts, name: str, password: str) -> None:
    assert await accounts.login(name.encode("utf-8", "replace").decode(), password, "10.0.0.1") is None


async def test_an_unknown_name_is_checked_against_a_hash_too(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    verify = QUICK.verify

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            checked.append(str(hash))
            return verify(hash, password)

    monkeypatch.setattr(accounts, "_hasher", Counting(time_cost=1, memory_cost=8, parallelism=1))
    for name in ("zhang", "nobody"):
        await accounts.login(name, "wrong password", "10.0.0.1")
    assert len(checked) == 2
    # Same parameters, so the same time.
    assert checked[0].split("$")[:4] == checked[1].split("$")[:4]


@pytest.mark.parametrize("unknown", ["", "x", "ld_", "\udcff", "a" * 10_000])
async def test_unknown_cookies_and_tokens_are_nobody(accounts: Accounts, unknown: str) -> None:
    assert await accounts.actor_of_session(unknown) is None
    assert await accounts.actor_of_token(unknown) is None
    await accounts.logout(unknown)


async def test_secrets_are_not_in_the_database(accounts: Accounts, engine: Engine, tmp_path: Path) -> None:
    cookie, token = await session(accounts), accounts.add_token("feed")
    engine.dispose()
    stored = (tmp_path / "accounts.sqlite").read_bytes()
    assert b"zhang" in stored
    for secret in (cookie, token, GOOD):
        assert secret.encode() not in stored


async def test_sessions_survive_a_restart(accounts: Accounts, engine: Engine, at: ManualClock) -> None:
    cookie = await session(accounts)
    assert await accounts_on(engine, at).actor_of_session(cookie) is not None


async def test_a_session_ends_without_use(accounts: Accounts, at: ManualClock) -> None:
    cookie = await session(accounts)
    for _ in range(3):
        at.advance(IDLE_S - 60)
        assert await accounts.actor_of_session(cookie) is not None
    at.advance(IDLE_S + 1)
    assert await accounts.actor_of_session(cookie) is None


async def test_a_session_in_use_ends_after_a_week(accounts: Accounts, at: ManualClock) -> None:
    cookie, lived_s = await session(accounts), 0.0
    while await accounts.actor_of_session(cookie) is not None:
        at.advance(IDLE_S / 2)
        lived_s += IDLE_S / 2
    assert lived_s == SESSION_ABSOLUTE_S


async def test_a_wall_stays_logged_in_as_a_viewer(accounts: Accounts, at: ManualClock) -> None:
    cookie = await session(accounts, wall=True)
    at.advance(WALL_ABSOLUTE_S - 1)
    seen = await accounts.actor_of_session(cookie)
    assert seen == Actor("zhang", "viewer", CITY, kind="wall")
    at.advance(BELIEVED_S + 1)
    assert await accounts.actor_of_session(cookie) is None


async def test_disabling_or_a_new_password_ends_every_session(accounts: Accounts) -> None:
    cookie = await session(accounts)
    accounts.set_password("zhang", "another phrase 7")
    assert await accounts.actor_of_session(cookie) is None
    assert await accounts.login("zhang", GOOD, "10.0.0.2") is None
    cookie = await accounts.login("zhang", "another phrase 7", "10.0.0.2") or ""
    accounts.disable_user("zhang")
    assert await accounts.actor_of_session(cookie) is None
    assert await accounts.login("zhang", "another phrase 7", "10.0.0.2") is None


async def test_what_another_process_disables_is_felt_within_seconds(accounts: Accounts, engine: Engine, at: ManualClock) -> None:
    cookie, token = await session(accounts), accounts.add_token("feed", name="radio")
    accounts.add_token("operator", name="program")
    assert accounts.feed_names() == ["radio"]
    assert await accounts.actor_of_session(cookie) is not None
    assert await accounts.actor_of_token(token) is not None
    elsewhere = accounts_on(engine, at)
    elsewhere.disable_user("zhang")
    elsewhere.revoke_token("radio")
    at.advance(BELIEVED_S)
    assert await accounts.actor_of_session(cookie) is None
    assert await accounts.actor_of_token(token) is None
    assert accounts.feed_names() == []


async def test_failures_lock_a_name_from_one_address_only(accounts: Accounts, at: ManualClock) -> None:
    for _ in range(ATTEMPTS_PER_NAME):
        assert await accounts.login("zhang", "wrong password", "10.0.0.1") is None
    with pytest.raises(TooManyAttempts) as caught:
        await accounts.login("zhang", GOOD, "10.0.0.1")
    assert 0 < caught.value.retry_after_s <= ATTEMPTS_WINDOW_S
    assert await accounts.login("zhang", GOOD, "10.0.0.2") is not None
    at.advance(ATTEMPTS_WINDOW_S + 1)
    assert await accounts.login("zhang", GOOD, "10.0.0.1") is not None


async def test_an_address_that_tries_many_names_is_locked(accounts: Accounts) -> None:
    for i in range(ATTEMPTS_PER_ADDRESS):
        assert await accounts.login(f"name{i}", "wrong password", "10.0.0.1") is None
    with pytest.raises(TooManyAttempts):
        await accounts.login("zhang", GOOD, "10.0.0.1")


async def test_many_log_ins_at_once(accounts: Accounts) -> None:
    cookies = await asyncio.gather(*(session(accounts) for _ in range(8)))
    assert len(set(cookies)) == 8


async def test_a_token_carries_role_scope_datum_and_unit(accounts: Accounts) -> None:
    secret = accounts.add_token("feed", "330203", datum="gcj02", name="radio", unit_id="car")
    assert secret.startswith("ld_")
    found = await accounts.actor_of_token(secret)
    assert found == (Actor("radio", "feed", "330203000000", "car", kind="token"), "gcj02")
    accounts.revoke_token("radio")
    assert await accounts.actor_of_token(secret) is None
    assert await accounts.actor_of_token(accounts.add_token("feed", name="radio")) is not None
    assert await accounts.actor_of_token(secret) is None
    whole_city = await accounts.actor_of_token(accounts.add_token("viewer"))
    assert whole_city is not None
    assert whole_city[0].org_code == CITY


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"role": "root"}, "role 'root' is not known; use one of viewer"),
        ({"scope": "9999"}, "organisation '9999' is not known"),
        ({"name": "zhang"}, "there is an account zhang already"),
        ({"name": " x"}, "can't be used"),
        ({"name": ""}, "can't be used"),
        ({"name": "a\nb"}, "can't be used"),
        ({"password": "short"}, "has 5 characters; use 10 to 128"),
        ({"password": "x" * 129}, "has 129 characters"),
        ({"password": "1234567890"}, "first that are guessed"),
        ({"password": "aaaaaaaaaaaa"}, "first that are guessed"),
        ({"name": "wangxiaoming", "password": "Wangxiaoming1"}, "little more than the account's name"),
    ],
)
def test_accounts_that_cannot_be_made(accounts: Accounts, engine: Engine, arguments: dict[str, str], message: str) -> None:
    given = {"name": "li", "password": GOOD, "role": "viewer", "scope": STATION} | arguments
    with pytest.raises(AccountError, match=message):
        accounts.add_user(**given)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from users")).scalar_one() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"role": "root"}, "role 'root'"),
        ({"role": "feed", "scope": "x"}, "organisation 'x'"),
        ({"role": "feed", "datum": "wgs72"}, "datum 'wgs72' is not known; use one of wgs84"),
        ({"role": "feed", "name": "radio"}, "token radio already"),
    ],
)
def test_tokens_that_cannot_be_made(accounts: Accounts, arguments: dict[str, str], message: str) -> None:
    accounts.add_token("feed", name="radio")
    with pytest.raises(AccountError, match=message):
        accounts.add_token(**arguments)


def test_changing_what_is_not_there_is_an_error(accounts: Accounts) -> None:
    for change in (lambda: accounts.disable_user("li"), lambda: accounts.set_password("li", GOOD), lambda: accounts.revoke_token("li")):
        with pytest.raises(AccountError, match=r"there is no (account|token) li"):
            change()


async def test_demo_accounts_live_in_demo_mode_only(accounts: Accounts) -> None:
    made = accounts.ensure_demo_accounts(("car", STATION))
    assert {role for _, _, role, _ in made} >= {"operator", "commander", "officer", "viewer", "admin"}
    cookie = await accounts.login("operator", DEMO_PASSWORD, "127.0.0.1")
    assert cookie is not None
    assert accounts.ensure_demo_accounts(("car", STATION)) == made
    assert await accounts.actor_of_session(cookie) is not None
    assert accounts.disable_demo_accounts() == len(made)
    assert await accounts.actor_of_session(cookie) is None
    assert await accounts.login("operator", DEMO_PASSWORD, "127.0.0.1") is None
    assert await accounts.login("zhang", GOOD, "127.0.0.1") is not None
    accounts.ensure_demo_accounts()
    assert await accounts.login("operator", DEMO_PASSWORD, "127.0.0.1") is not None


async def test_a_demo_account_given_a_password_is_a_real_one(accounts: Accounts) -> None:
    accounts.ensure_demo_accounts()
    accounts.set_password("operator", GOOD)
    assert "operator" not in [name for name, *_ in accounts.ensure_demo_accounts()]
    accounts.disable_demo_accounts()
    assert await accounts.login("operator", GOOD, "127.0.0.1") is not None


def test_the_demo_password_would_be_accepted_anywhere_else() -> None:
    check_password("operator", DEMO_PASSWORD)
