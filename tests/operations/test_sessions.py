"""Sessions: who may see and end whose, what is put on record, and that an ended one opens nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from dispatch.clock import ManualClock
from dispatch.errors import NotFound, NotPermitted, Unavailable
from dispatch.model import Actor
from operations.access.accounts import SESSION_ABSOLUTE_S, Accounts
from operations.access.authority import Authority, as_wall
from operations.access.sessions import Sessions
from storage.accounts import AccountStore
from storage.audit import AuditLog, Look
from storage.database import open_database
from tests.operations.access_world import CITY, COUNTY, OTHER, STATION, clock, organisations
from tests.operations.test_accounts import GOOD
from tests.passwords import QUICK

PEOPLE = {"zhang": ("operator", STATION), "boss": ("admin", CITY), "root": ("admin", COUNTY), "far": ("viewer", OTHER)}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class World:
    def __init__(self, engine: Engine) -> None:
        self.clock: ManualClock = clock()
        self.store = AccountStore(engine)
        self.accounts = Accounts(self.store, organisations(), self.clock, hasher=QUICK)
        self.log = AuditLog(engine)
        self.sessions = Sessions(self.accounts, Authority(organisations(), self.clock), self.log, self.clock)
        for name, (role, scope) in PEOPLE.items():
            self.accounts.add_user(name, GOOD, role, scope)

    async def login(self, name: str, agent: str = FIREFOX, wall: bool = False) -> str:
        cookie = await self.accounts.login(name, GOOD, "10.0.0.1", wall, agent)
        assert cookie is not None
        self.clock.advance(1.0)
        return cookie

    def recorded(self) -> list[tuple[str, str, str]]:
        return [(look.actor, look.what, look.subject) for _, look in self.log.read()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_database(f"sqlite:///{tmp_path / 'sessions.sqlite'}")
    yield World(engine)
    engine.dispose()


def person(name: str) -> Actor:
    return Actor(name, *PEOPLE[name])


async def test_people_see_their_own_with_what_tells_them_apart(world: World) -> None:
    first, second = await world.login("zhang"), await world.login("zhang", agent="curl/8\n\x00" + "x" * 500, wall=True)
    await world.login("boss")
    listed = await world.sessions.of(person("zhang"), cookie=first)
    assert listed.account == "zhang"
    newest, oldest = listed.sessions
    assert (oldest.agent, oldest.address, oldest.how, oldest.is_wall) == (FIREFOX, "10.0.0.1", "password", False)
    assert newest.is_wall
    assert newest.agent == "curl/8" + "x" * 194
    assert listed.current_id == oldest.session_id != newest.session_id
    assert not any(cookie in repr(listed) for cookie in (first, second))


async def test_a_session_that_is_over_is_not_listed(world: World) -> None:
    await world.login("zhang")
    world.clock.advance(SESSION_ABSOLUTE_S)
    assert (await world.sessions.of(person("zhang"))).sessions == ()


async def test_an_ended_session_opens_nothing_from_that_moment_and_is_on_record(world: World) -> None:
    mine, lost = await world.login("zhang"), await world.login("zhang")
    assert await world.accounts.actor_of_session(lost) is not None
    lost_id = (await world.sessions.of(person("zhang"), cookie=lost)).current_id or ""
    await world.sessions.end(person("zhang"), lost_id)
    assert await world.accounts.actor_of_session(lost) is None
    assert await world.accounts.actor_of_session(mine) is not None
    assert world.recorded() == [("zhang", "session_ended", f"zhang {lost_id}")]
    with pytest.raises(NotFound, match="no session"):
        await world.sessions.end(person("zhang"), lost_id)


async def test_ending_all_others_leaves_the_one_that_asks(world: World) -> None:
    mine, *others = [await world.login("zhang") for _ in range(3)]
    boss = await world.login("boss")
    assert await world.sessions.end_all(person("zhang"), cookie=mine) == 2
    held = [await world.accounts.actor_of_session(cookie) is not None for cookie in (mine, *others, boss)]
    assert held == [True, False, False, True]
    assert world.recorded() == [("zhang", "sessions_ended", "zhang all")]


async def test_administrators_end_those_of_their_scope(world: World) -> None:
    zhang = await world.login("zhang")
    assert await world.sessions.end_all(person("root"), "zhang", cookie="") == 1
    assert await world.accounts.actor_of_session(zhang) is None
    assert [user.name for user in await world.sessions.accounts(person("root"))] == ["root", "zhang"]
    assert [user.name for user in await world.sessions.accounts(person("boss"))] == ["boss", "far", "root", "zhang"]


Ask = Callable[[Sessions, Actor, str], Awaitable[Any]]
ASKS: list[Ask] = [lambda s, a, n: s.of(a, n), lambda s, a, n: s.end(a, "0" * 16, n), lambda s, a, n: s.end_all(a, n)]


@pytest.mark.parametrize("ask", ASKS)
async def test_an_account_outside_the_scope_is_refused_like_one_that_is_not_there(world: World, ask: Ask) -> None:
    kept = await world.login("far")
    refusals = []
    for name in ("far", "nobody", "", "x" * 5_000, "a\x00b"):
        with pytest.raises(NotFound) as caught:
            await ask(world.sessions, person("root"), name)
        refusals.append((caught.value.rule, caught.value.detail.replace(repr(name[:64]), "NAME")))
    assert len(set(refusals)) == 1
    assert await world.accounts.actor_of_session(kept) is not None
    assert world.recorded() == []


@pytest.mark.parametrize("ask", ASKS)
async def test_nobody_else_touches_an_others_sessions(world: World, ask: Ask) -> None:
    kept = await world.login("boss")
    commander = Actor("chief", "commander", CITY)
    for asking, name in (
        (person("zhang"), "boss"),
        (commander, "boss"),
        (as_wall(person("boss")), "boss"),
        (Actor("x", "none", CITY), "x"),
    ):
        with pytest.raises(NotPermitted):
            await ask(world.sessions, asking, name)
    assert await world.accounts.actor_of_session(kept) is not None


async def test_walls_and_programs_have_no_sessions_of_their_own(world: World) -> None:
    for asking in (as_wall(person("boss")), Actor("boss", "admin", CITY, kind="token")):
        with pytest.raises(NotPermitted, match="no person's log-in"):
            await world.sessions.of(asking)
    assert (await world.sessions.of(Actor("boss", "admin", CITY, kind="token"), "zhang")).account == "zhang"


async def test_what_can_not_be_put_on_record_is_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(looks: list[Look]) -> None:
        raise OSError("disk full")

    kept = await world.login("zhang")
    monkeypatch.setattr(world.log, "append", fails)
    with pytest.raises(Unavailable, match="Nothing was done"):
        await world.sessions.end_all(person("zhang"))
    assert await world.accounts.actor_of_session(kept) is not None


async def test_a_session_ended_while_it_is_looked_up_is_not_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await world.login("zhang")
    found = world.store.session
    loop, ending = asyncio.get_running_loop(), []

    def slow(key: str) -> Any:
        session = found(key)
        if not ending:  # read, and ended before the answer is believed
            ending.append(True)
            asyncio.run_coroutine_threadsafe(world.accounts.end_sessions_of("zhang"), loop).result(5)
        return session

    monkeypatch.setattr(world.store, "session", slow)
    assert await world.accounts.actor_of_session(cookie) is None
