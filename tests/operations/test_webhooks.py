"""Webhooks against a real receiver: signed, in order, at least once, in scope, each at its own pace."""

from __future__ import annotations

import asyncio
import random
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dispatch import commands as c
from dispatch.clock import ManualClock
from dispatch.errors import Conflict, NotFound, NotPermitted, RuleViolation
from dispatch.model import Actor
from operations.outgoing import webhook_worker, webhooks
from operations.outgoing.webhook_request import BadUrl
from storage.journal import pages
from storage.sql_journal import SqlJournal
from tests.operations.access_world import CITY, COUNTY, FAR, NOW, OTHER, SISTER, STATION
from tests.operations.webhook_world import Receiver, World, at_work, until

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


def revisions(receiver: Receiver, path: str | None = None) -> list[int]:
    return [event["revision"] for event in receiver.events(path)]


# Signed


def documented_check(clock: ManualClock) -> Any:
    """The function in docs/api.md, as a reader would copy it."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8").split("## Webhooks")[1], re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    names["time"] = SimpleNamespace(time=clock.unix_s)
    return names["is_genuine"]


async def test_the_documented_check_accepts_what_is_sent_and_nothing_else(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with at_work(tmp_path, clock) as (node, receiver):
        hook = await node.webhook(receiver.url("/in?x=1"))
        await node.incident("打架")
        await until(lambda: len(receiver.requests) == 1)
        path, headers, body = receiver.requests[0]
        is_genuine = documented_check(clock)
        assert path == "/in?x=1"
        assert headers["content-type"] == "application/json"
        assert is_genuine(hook.secret, headers, body)
        assert not is_genuine(hook.secret, headers, body.replace("打架".encode(), "打仗".encode()))
        assert not is_genuine(hook.secret, headers | {"webhook-timestamp": str(int(clock.unix_s()) - 1)}, body)
        assert not is_genuine(hook.secret, headers | {"webhook-id": "other"}, body)
        assert not is_genuine((await node.webhook(receiver.url())).secret, headers, body)
        clock.advance(301)
        assert not is_genuine(hook.secret, headers, body), "an old request sent again by somebody else"


# What, and to whom


async def test_what_happens_is_delivered_as_changes_gives_it(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        await node.incident("before")
        hook = await node.webhook(receiver.url())
        incident_id = await node.incident("after")
        await until(lambda: len(receiver.events()) == 1)
        content = receiver.requests[0].content
        (event,) = content.pop("events")
        assert content == {"webhook_id": hook.webhook_id, "delivery_id": f"{hook.webhook_id}-1-2", "after_revision": 1, "revision": 2}
        assert receiver.requests[0].headers["webhook-id"] == content["delivery_id"]
        assert (event["event"], event["incident_id"], event["text"]) == ("incident_received", incident_id, "after")
        assert "caller_digest" not in event
        assert b"13812345678" not in receiver.requests[0].body


async def test_only_events_asked_for_are_sent_and_the_rest_is_passed(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        hook = await node.webhook(receiver.url(), "note_added", "incident_ended")
        first = await node.incident()
        await node.do(c.Note(incident_id=first, text="n"))
        await node.do(c.Cancel(incident_id=first, text="x"))
        await node.incident()
        await until(lambda: node.state(hook).reached == 4)
        assert [event["event"] for event in receiver.events()] == ["note_added", "incident_ended"]


async def test_many_events_come_once_each_in_order_and_in_bounded_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_worker, "GAP_S", 0.0)
    monkeypatch.setattr(webhook_worker, "MOST_BYTES", 20_000)
    monkeypatch.setattr(webhook_worker, "LOOK_AT", 130)
    async with at_work(tmp_path) as (node, receiver):
        hook = await node.webhook(receiver.url())
        incident_id = await node.incident()
        await asyncio.gather(*(node.do(c.Note(incident_id=incident_id, text="z" * (3000 if n % 7 == 0 else 3))) for n in range(400)))
        await until(lambda: node.state(hook).reached == 401)
        assert revisions(receiver) == list(range(1, 402))
        assert max(len(request.body) for request in receiver.requests) < 21_000
        assert max(len(request.content["events"]) for request in receiver.requests) <= webhook_worker.MOST_EVENTS


async def test_a_webhook_that_falls_behind_memory_reads_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "REMEMBERED", 5)
    async with at_work(tmp_path) as (node, receiver):
        receiver.answer = lambda request: 204 if len(receiver.requests) > 1 else 500
        hook = await node.webhook(receiver.url())
        for _ in range(30):
            await node.incident()
        await until(lambda: node.state(hook).state == "failing")
        node.clock.advance(5)  # type: ignore[attr-defined]
        node.webhooks.wake()
        await until(lambda: node.state(hook).reached == 30)
        assert sorted(set(revisions(receiver))) == list(range(1, 31))


BELOW = {CITY: {CITY, COUNTY, OTHER, STATION, SISTER, FAR}, COUNTY: {COUNTY, STATION, SISTER}, OTHER: {OTHER, FAR}}
BELOW |= {code: {code} for code in (STATION, SISTER, FAR)}


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_outside_the_scope_is_ever_sent(tmp_path: Path, seed: int) -> None:
    """Any history: each webhook gets the incidents of its scope, all of them and no others, whatever it asked for."""
    chance = random.Random(seed)
    stations = (STATION, SISTER, FAR)
    expected: dict[str, set[str]] = {org: set() for org in BELOW}
    async with at_work(tmp_path) as (node, receiver):
        role = {org: chance.choice(["commander", "admin"]) for org in BELOW}
        for org in BELOW:
            await node.webhook(receiver.url(f"/{org}"), actor=node.actor(org, role[org]))
        for org in stations:
            await node.unit(f"plain-{org}", org, marked=False)
            await node.unit(f"marked-{org}", org)
        for number in range(40):
            org = chance.choice(stations)
            is_complaint = chance.random() < 0.3
            incident_id = await node.incident(f"text-{org}-{number}", org, "complaint" if is_complaint else "theft")
            for scope, below in BELOW.items():
                if org in below and not (is_complaint and (scope == org or role[scope] == "admin")):
                    expected[scope].add(incident_id)
            unit_id = chance.choice([f"plain-{org}", f"marked-{org}"])
            if node.handler.picture.units[unit_id].incident_id is None:
                await node.do(c.Push(incident_id=incident_id, unit_ids=(unit_id,)))
                await node.do(c.MarkDelivered(incident_id=incident_id, unit_ids=(unit_id,)))
                if chance.random() < 0.6:
                    await node.do(c.Acknowledge(incident_id=incident_id, unit_ids=(unit_id,)))
                    await node.do(c.Cancel(incident_id=incident_id, text="over"))
        last = node.handler.picture.revision
        await until(lambda: all(worker.reached == last for worker in node.webhooks.of(node.actor())))
        assignments = {a.assignment_id: a.unit_id for i in node.handler.picture.incidents.values() for a in i.assignments}
        for scope, below in BELOW.items():
            events = receiver.events(f"/{scope}")
            assert {event["incident_id"] for event in events if event["incident_id"] is not None} == expected[scope]
            raw = b"".join(request.body for request in receiver.requests if request.path == f"/{scope}").decode()
            assert set(re.findall(r"text-(\d+)-", raw)) <= below
            may_see = {f"plain-{org}" for org in stations if scope in (org, CITY)}
            assert {f"plain-{org}" for org in re.findall(r"plain-(\d+)", raw)} <= may_see
            named = {assignments.get(event.get("assignment_id", "")) for event in events}
            assert {unit for unit in named if unit is not None and unit.startswith("plain")} <= may_see
            assert "13812345678" not in raw


# Again, and when


async def test_a_failure_is_tried_again_later_and_later_with_the_same_id(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with at_work(tmp_path, clock) as (node, receiver):
        receiver.answer = lambda request: 204 if len(receiver.requests) > 4 else 503
        hook = await node.webhook(receiver.url())
        await node.incident()
        for attempts, pause in enumerate((2.0, 4.0, 8.0, 16.0), start=1):
            await until(lambda n=attempts: node.state(hook).hook.failures == n)  # type: ignore[misc]
            state = node.state(hook)
            await until(lambda s=state, p=pause: s.next_attempt_at == clock.unix_s() + p)  # type: ignore[misc]
            assert (state.state, state.hook.reason) == ("failing", "answered 503")
            clock.advance(pause - 0.5)
            await node.incident()  # wakes it, but it is not time yet
            await asyncio.sleep(0.3)
            assert len(receiver.requests) == attempts
            clock.advance(0.5)
            node.webhooks.wake()
        await until(lambda: node.state(hook).reached == 5)
        assert len({request.headers["webhook-id"] for request in receiver.requests[:5]}) == 1
        assert len({request.body for request in receiver.requests[:5]}) == 1
        assert len({request.headers["webhook-timestamp"] for request in receiver.requests[:5]}) == 5
        assert revisions(receiver)[4:] == [1, 2, 3, 4, 5], "what came meanwhile follows"
        assert [d.status for d in node.log(hook)][::-1] == [503] * 4 + [204] * 2
        assert (node.state(hook).state, node.state(hook).hook.reason) == ("ok", "")


async def test_a_slow_receiver_slows_nobody_else(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        receiver.answer = lambda request: None if request.path.startswith("/slow") else 204
        for n in range(5):
            await node.webhook(receiver.url(f"/slow{n}"))
        await node.webhook(receiver.url("/quick"))
        loop = asyncio.get_running_loop()
        for number in range(1, 4):
            sent_at = loop.time()
            await node.incident()
            await until(lambda n=number: len(receiver.events("/quick")) == n, 2.0)  # type: ignore[misc]
            assert loop.time() - sent_at < 2.0
        assert receiver.hanging == 5


async def test_a_long_failure_disables_and_redelivery_loses_nothing(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    async with at_work(tmp_path, clock) as (node, receiver):
        receiver.answer = lambda request: 500
        hook = await node.webhook(receiver.url())
        await node.incident()
        await until(lambda: node.state(hook).next_attempt_at is not None)
        clock.advance(webhook_worker.DISABLED_AFTER_S)
        node.webhooks.wake()
        await until(lambda: node.state(hook).state == "disabled")
        assert node.webhooks.health() == {"state": "failing", "webhooks": 1, "failing": 0, "disabled": 1}
        await node.incident()
        clock.advance(86_400)
        node.webhooks.wake()
        await asyncio.sleep(0.2)
        assert len(receiver.requests) == 2, "a disabled webhook is left alone"
        receiver.answer = lambda request: 200
        await node.webhooks.redeliver(node.actor(), hook.webhook_id)
        await until(lambda: node.state(hook).reached == 2)
        assert revisions(receiver)[2:] == [1, 2]
        assert node.state(hook).state == "ok"


async def test_a_receiver_that_is_gone_is_believed_at_once(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        receiver.answer = lambda request: 410
        hook = await node.webhook(receiver.url())
        await node.incident()
        await until(lambda: node.state(hook).state == "disabled")
        assert node.state(hook).hook.reason == "answered 410"


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        moved = f"HTTP/1.1 307 X\r\nLocation: {receiver.url('/elsewhere')}\r\nContent-Length: 0\r\n\r\n".encode()
        receiver.answer = lambda request: moved
        hook = await node.webhook(receiver.url("/here"))
        await node.incident()
        await until(lambda: node.state(hook).hook.failures == 1)
        assert {request.path for request in receiver.requests} == {"/here"}
        assert "redirects are not followed" in node.state(hook).hook.reason


async def test_redelivery_from_a_revision_sends_all_after_it_once_more(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        hook = await node.webhook(receiver.url())
        for _ in range(3):
            await node.incident()
        await until(lambda: node.state(hook).reached == 3)
        before = len(receiver.events())
        with pytest.raises(RuleViolation, match="Revision 4 has not been delivered yet; give at most 3"):
            await node.webhooks.redeliver(node.actor(), hook.webhook_id, 4)
        await node.webhooks.redeliver(node.actor(), hook.webhook_id, 1)
        await until(lambda: len(receiver.events()) == before + 2)
        assert revisions(receiver)[before:] == [2, 3]


async def test_a_rewind_during_a_request_is_not_undone_by_its_answer(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        hook = await node.webhook(receiver.url())
        await node.incident()
        await until(lambda: node.state(hook).reached == 1)
        receiver.answer = lambda request: None
        await node.incident()
        await until(lambda: receiver.hanging == 1)
        await node.webhooks.redeliver(node.actor(), hook.webhook_id, 0)
        receiver.answer = lambda request: 204
        receiver.letting_go.set()
        await until(lambda: node.state(hook).reached == 2)
        assert revisions(receiver)[2:] == [1, 2]
        assert len(node.log(hook)) == 3, "the late answer is in the log"


# Restarts


async def test_a_stop_in_the_middle_of_a_request_loses_nothing(tmp_path: Path) -> None:
    async with Receiver().running() as receiver:
        receiver.answer = lambda request: None if len(receiver.requests) == 2 else 204
        async with World(tmp_path).running() as node:
            hook = await node.webhook(receiver.url())
            await node.incident()
            await until(lambda: node.state(hook).reached == 1)
            await node.incident()
            await until(lambda: receiver.hanging == 1)
        async with World(tmp_path).running() as node:
            await node.incident()
            await until(lambda: node.state(hook).reached == 3)
            assert node.state(hook).hook.secret == hook.secret
        assert revisions(receiver)[:2] == [1, 2]
        assert sorted(set(revisions(receiver))) == [1, 2, 3]


async def test_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """A child makes events and delivers them; it is killed, started again, killed again."""
    async with Receiver().running() as receiver:
        receiver.answer = lambda request: 500 if len(receiver.requests) % 5 == 0 else 204
        for pause_s in (0.4, 0.9, 0.6):
            command = [sys.executable, "-m", "tests.operations.webhook_child", str(tmp_path), receiver.url()]
            child = await asyncio.create_subprocess_exec(*command, cwd=DOCUMENT.parents[1], stdout=asyncio.subprocess.PIPE)
            assert child.stdout is not None
            while await child.stdout.readline() != b"ready\n":
                assert child.returncode is None
            await asyncio.sleep(pause_s)
            child.kill()
            await child.wait()
        receiver.answer = lambda request: 204
        killed = len(receiver.requests)
        async with World(tmp_path).running() as node:
            (worker,) = node.webhooks.of(node.actor())
            await until(lambda: worker.reached == node.handler.picture.revision)
            recorded = [r.revision for r in pages(SqlJournal(node.engine), 0)]
        assert killed > 3
        assert sorted(set(revisions(receiver))) == recorded
        assert len(recorded) > 20


# Who may


async def test_the_end_of_the_owners_token_ends_the_sending(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        hook = await node.webhook(receiver.url(), actor=node.actor(COUNTY, name="records"))
        await node.incident()
        await until(lambda: node.state(hook).reached == 1)
        node.accounts.revoke_token("records")
        await node.incident()
        await until(lambda: node.state(hook).state == "disabled")
        assert "records was disabled or has other rights now" in node.state(hook).hook.reason
        node.accounts.add_token("commander", STATION, name="records")
        await node.webhooks.redeliver(node.actor(), hook.webhook_id)
        await until(lambda: node.state(hook).state == "disabled")
        assert revisions(receiver) == [1], "another token of that name has other rights"


async def test_an_account_that_is_disabled_sends_no_more(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        node.accounts.add_user("zhang", "a-good-long-password", "commander", COUNTY)
        hook = await node.webhook(receiver.url(), actor=Actor("zhang", "commander", COUNTY))
        node.accounts.disable_user("zhang")
        await node.incident()
        await until(lambda: node.state(hook).state == "disabled")
        assert receiver.requests == []


async def test_webhooks_of_other_scopes_are_not_known(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        hook = await node.webhook(receiver.url(), actor=node.actor(COUNTY))
        for org, sees in ((CITY, True), (COUNTY, True), (STATION, False), (OTHER, False)):
            assert [w.hook.webhook_id for w in node.webhooks.of(node.actor(org))] == ([hook.webhook_id] if sees else [])
        for org in (STATION, OTHER):
            with pytest.raises(NotFound):
                await node.webhooks.remove(node.actor(org), hook.webhook_id)
            with pytest.raises(NotFound):
                await node.webhooks.redeliver(node.actor(org), hook.webhook_id)
            with pytest.raises(NotFound):
                await node.webhooks.deliveries(node.actor(org), hook.webhook_id, 10)
        with pytest.raises(NotPermitted):
            await node.webhook(receiver.url(), actor=node.actor(CITY, "operator"))
        await node.webhooks.remove(node.actor(CITY), hook.webhook_id)
        assert node.webhooks.of(node.actor(CITY)) == []
        await node.incident()
        await asyncio.sleep(0.2)
        assert receiver.requests == []


async def test_a_host_taken_from_the_list_is_sent_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        hook = await node.webhook(receiver.url())
    async with Receiver().running(), World(tmp_path).running() as node:
        object.__setattr__(node.webhooks._means, "hosts", frozenset({"other.local"}))
        await node.incident()
        await until(lambda: node.state(hook).hook.failures == 1)
        assert "is not allowed" in node.state(hook).hook.reason
        assert node.log(hook)[0].status is None
        with pytest.raises(BadUrl):
            await node.webhook(receiver.url())
    assert receiver.requests == []


async def test_a_key_makes_one_webhook_and_organisations_have_a_limit(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (node, receiver):
        actor, url = node.actor(), receiver.url()
        first = await node.webhooks.add(actor, url, ["*"], key="k")
        assert await node.webhooks.add(actor, url, ["*"], key="k") == first
        with pytest.raises(Conflict):
            await node.webhooks.add(actor, url, ["note_added"], key="k")
        assert await node.webhooks.add(node.actor(COUNTY), url, ["*"], key="k") != first
        for _ in range(webhooks.MOST_OF_ORGANISATION - 1):
            await node.webhook(url)
        with pytest.raises(RuleViolation, match="has 10 webhooks of 10"):
            await node.webhook(url)
        await node.webhook(url, actor=node.actor(COUNTY))


async def test_a_fault_of_the_database_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_worker, "FAULT_PAUSE_S", 0.1)
    async with at_work(tmp_path) as (node, receiver):
        hook = await node.webhook(receiver.url())
        save, failures = node.store.save, iter([True, True])

        def fails_twice(*arguments: Any) -> None:
            if next(failures, False):
                raise OSError("the disk is full")
            save(*arguments)

        monkeypatch.setattr(node.store, "save", fails_twice)
        await node.incident()
        await until(lambda: node.state(hook).reached == 1)
        assert revisions(receiver) == [1, 1, 1], "at least once: what could not be noted is sent again"
