"""The account tables on both databases, and the migration that makes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, delete

from storage.accounts import AccountStore, NameTaken, Session, Token, User, recovery_codes_table, sessions_table, tokens_table, users_table
from storage.database import open_database
from storage.tables import metadata

ZHANG = User("zhang", "$argon2id$…", "operator", "330200000000", 1.5)
DEMO = msgspec.structs.replace(ZHANG, name="demo", is_demo=True, unit_id="car")
TOKEN = Token("f" * 64, "radio", "feed", "330200000000", "gcj02", 2.5)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    is_file = request.param == "sqlite"
    engine = open_database(f"sqlite:///{tmp_path / 'accounts.sqlite'}" if is_file else request.getfixturevalue("postgres_url"))
    with engine.begin() as connection:  # the PostgreSQL server is shared by all tests
        for table in (recovery_codes_table, sessions_table, tokens_table, users_table):
            connection.execute(delete(table))
    yield engine
    engine.dispose()


def session(name: str, user: str = "zhang", is_wall: bool = False, seen_at: float = 10.0) -> Session:
    return Session(name, user, is_wall, 10.0, seen_at)


def test_the_migration_makes_the_tables_of_the_code(engine: Engine) -> None:
    ours = {table.name for table in (users_table, tokens_table, sessions_table, recovery_codes_table)}
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert [d for d in differences if any(name in repr(d) for name in ours)] == []


def test_what_is_written_is_read(engine: Engine) -> None:
    store = AccountStore(engine)
    for user in (ZHANG, DEMO):
        store.add_user(user)
    store.add_token(TOKEN)
    store.add_session(session("s"))
    assert store.users() == [DEMO, ZHANG]
    assert store.user("zhang") == ZHANG
    assert store.token("f" * 64) == TOKEN
    assert store.session("s") == session("s")
    assert (store.user("li"), store.token("0" * 64), store.session("t")) == (None, None, None)


def test_names_are_taken_once(engine: Engine) -> None:
    store = AccountStore(engine)
    store.add_user(ZHANG)
    store.add_token(TOKEN)
    with pytest.raises(NameTaken):
        store.add_user(ZHANG)
    again = msgspec.structs.replace(TOKEN, secret_sha256="0" * 64)
    with pytest.raises(NameTaken):
        store.add_token(again)
    assert store.revoke_token("radio", 3.0)
    assert not store.revoke_token("radio", 3.0)
    store.add_token(again)
    assert store.token("f" * 64) is None


def test_a_change_ends_the_sessions_of_that_account_only(engine: Engine) -> None:
    store = AccountStore(engine)
    for user in (ZHANG, DEMO):
        store.add_user(user)
    store.add_session(session("a"))
    store.add_session(session("b", "demo"))
    assert store.change_user("zhang", disabled_at=5.0)
    assert not store.change_user("li", disabled_at=5.0)
    assert (store.session("a"), store.session("b")) == (None, session("b", "demo"))
    assert store.disable_demo_users(6.0) == 1
    assert store.disable_demo_users(7.0) == 0
    assert store.session("b") is None


def test_sessions_of_an_account_are_listed_and_ended_but_one(engine: Engine) -> None:
    store = AccountStore(engine)
    for user in (ZHANG, DEMO):
        store.add_user(user)
    told = msgspec.structs.replace(session("b", seen_at=30.0), how="password", address="10.0.0.1", agent="Firefox")
    for made in (session("a"), told, session("c", seen_at=20.0), session("other", "demo")):
        store.add_session(made)
    assert store.sessions_of("zhang", 10) == [told, session("c", seen_at=20.0), session("a")]
    assert store.sessions_of("zhang", 1) == [told]
    assert store.end_sessions_of("zhang", "c") == 2
    assert store.sessions_of("zhang", 10) == [session("c", seen_at=20.0)]
    assert store.end_sessions_of("zhang") == 1
    assert store.session("other") is not None


def test_second_factors_are_set_used_once_and_taken_away(engine: Engine) -> None:
    store = AccountStore(engine)
    for user in (ZHANG, DEMO):
        store.add_user(user)
    store.set_totp("zhang", "SECRET", 100, ["a" * 64, "b" * 64])
    set_up = store.user("zhang")
    assert set_up is not None
    assert (set_up.totp_secret, set_up.totp_step, store.recovery_codes_left("zhang")) == ("SECRET", 100, 2)
    assert [store.take_totp_step("zhang", "SECRET", step) for step in (99, 100, 101, 101, 100)] == [False, False, True, False, False]
    assert not store.take_totp_step("zhang", "ANOTHER", 200)
    assert not store.take_totp_step("demo", "SECRET", 200)
    assert not store.take_recovery_code("demo", "a" * 64)
    assert [store.take_recovery_code("zhang", "a" * 64) for _ in range(2)] == [True, False]
    assert store.recovery_codes_left("zhang") == 1
    store.set_totp("zhang", None, None, [])
    assert store.user("zhang") == ZHANG
    assert store.recovery_codes_left("zhang") == 0


def test_old_sessions_go_and_walls_stay(engine: Engine) -> None:
    store = AccountStore(engine)
    store.add_user(ZHANG)
    for kept in (session("idle", seen_at=10.0), session("used", seen_at=90.0), session("wall", is_wall=True, seen_at=10.0)):
        store.add_session(kept)
    store.touch_session("used", 95.0)
    assert store.end_old_sessions(seen_before=50.0, wall_created_before=5.0) == 1
    assert store.session("idle") is None
    assert store.session("used") == session("used", seen_at=95.0)
    assert store.end_old_sessions(seen_before=50.0, wall_created_before=11.0) == 1
    store.end_session("used")
    assert store.session("used") is None
