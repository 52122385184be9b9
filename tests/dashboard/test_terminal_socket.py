"""The loop from the terminal's side: push, delivered, seen, stages, recall; one crew per terminal, or a gateway for many."""

from __future__ import annotations

import asyncio

import pytest

from dashboard import terminal_socket
from dispatch.commands import Caller, Cancel, Recall
from dispatch.model import Actor
from operations.outgoing import push
from tests.dashboard.terminal_world import Terminal, terminal_city
from tests.operations import access_world as world

CAR = world.actor("officer", world.STATION, unit_id="car")
VAN = world.actor("officer", world.STATION, unit_id="van")
GATEWAY = world.actor("officer", world.COUNTY, kind="token")


async def test_a_push_is_delivered_seen_and_acknowledged() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car, Terminal(url, VAN) as van:
        await car.until(lambda: car.of_type("hello") and van.of_type("hello"))
        assert car.of_type("hello")[0]["unit"]["callsign"] == "car"
        incident_id = await city.call()
        await city.push(incident_id, "car")
        await car.until(lambda: car.of_type("push"))
        pushed = car.of_type("push")[0]
        assert pushed["incident"]["text"] == "bag"
        assert pushed["unit"]["status"] == "dispatched"
        await car.until(lambda: city.assignment(incident_id, "car").delivered_at)
        await car.say({"type": "seen", "incident_id": incident_id, "assignment_id": pushed["assignment_id"]})
        await car.until(lambda: city.assignment(incident_id, "car").seen_at)
        await car.say({"type": "command", "command": "acknowledge", "key": "k1", "incident_id": incident_id})
        await car.until(lambda: car.of_type("result") and car.of_type("incident"))
        assert car.of_type("result")[0]["ok"]
        assert car.of_type("incident")[-1]["incident"]["stage"] == "acknowledged"
        assert not await city.history.outbox()
        assert {message["type"] for message in van.messages} == {"hello"}


async def test_the_same_key_has_one_effect_and_the_same_answer() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        incident_id = await city.call()
        await city.push(incident_id, "car")
        note = {"type": "command", "command": "note", "key": "k1", "incident_id": incident_id, "text": "gate is locked"}
        await car.say(note)
        await car.say(note)
        await car.until(lambda: len(car.of_type("result")) == 2)
        assert car.of_type("result")[0] == car.of_type("result")[1]
        notes = [r for r in await city.history.timeline(incident_id) if type(r.body).__name__ == "NoteAdded"]
        assert [(r.channel, r.actor) for r in notes] == [("terminal", CAR.name)]


async def test_what_was_pushed_and_ended_while_away_comes_at_the_return() -> None:
    async with terminal_city() as (city, url):
        async with Terminal(url, CAR) as car:
            gone = await city.call()
            await city.push(gone, "car")
            await car.until(lambda: city.assignment(gone, "car").delivered_at)
        await city.ask(Recall(incident_id=gone, text="wrong crew"))
        fresh = await city.call()
        await city.push(fresh, "car")
        async with Terminal(url, CAR) as car:
            await car.until(lambda: car.of_type("push") and car.of_type("recall"))
            assert [incident["incident_id"] for incident in car.of_type("hello")[0]["incidents"]] == [fresh]
            assert car.of_type("push")[0]["incident_id"] == fresh
            assert (car.of_type("recall")[0]["incident_id"], car.of_type("recall")[0]["stage"]) == (gone, "recalled")
            assert car.of_type("recall")[0]["reason"] == "wrong crew"
            await settled(city)


async def settled(city) -> None:
    async with asyncio.timeout(5):
        while await city.history.outbox():  # noqa: ASYNC110 the journal tells nobody when it is settled
            await asyncio.sleep(0.02)


async def test_an_unconfirmed_push_is_sent_again_and_a_confirmed_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "AGAIN_AFTER_S", 0.1)
    async with terminal_city() as (city, url), Terminal(url, CAR, confirming=False) as car, Terminal(url, VAN) as van:
        incident_id = await city.call()
        await city.push(incident_id, "car", "van")
        await van.until(lambda: city.assignment(incident_id, "van").delivered_at)
        confirmed, so_far = len(van.of_type("push")), len(car.of_type("push"))
        await car.until(lambda: len(car.of_type("push")) >= so_far + 3)
        assert len({message["assignment_id"] for message in car.of_type("push")}) == 1
        assert len(van.of_type("push")) == confirmed
        await city.ask(Cancel(incident_id=incident_id))
        await car.until(lambda: len(car.of_type("recall")) >= 2)
        ended = car.of_type("recall")[0]
        await car.say({"type": "delivered", "incident_id": incident_id, "assignment_id": ended["assignment_id"]})
        await settled(city)


async def test_a_recall_takes_the_push_away_at_once() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        incident_id = await city.call()
        await city.push(incident_id, "car")
        await car.until(lambda: car.of_type("push"))
        await city.ask(Recall(incident_id=incident_id, unit_ids=("car",)))
        await car.until(lambda: car.of_type("recall"))
        assert car.of_type("recall")[0]["unit"]["status"] == "available"
        await settled(city)


async def test_the_callers_number_goes_with_the_push_to_the_assigned_crew() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        incident_id = await city.call(caller=Caller("Wang", "13800001234"))
        await city.push(incident_id, "car")
        await car.until(lambda: car.of_type("push"))
        assert car.of_type("push")[0]["caller"] == {"name": "Wang", "number": "13800001234"}
        assert "138" not in str(car.of_type("push")[0]["incident"])


async def test_a_gateway_speaks_for_the_units_of_its_scope_that_have_no_terminal() -> None:
    async with terminal_city() as (city, url), Terminal(url, GATEWAY) as gateway, Terminal(url, CAR) as car:
        await gateway.until(lambda: gateway.of_type("hello") and car.of_type("hello"))
        assert {unit["unit_id"] for unit in gateway.of_type("hello")[0]["units"]} == {"car", "van"}
        incident_id = await city.call()
        await city.push(incident_id, "car", "van")
        await gateway.until(lambda: city.assignment(incident_id, "van").delivered_at and city.assignment(incident_id, "car").delivered_at)
        assert [message["unit_id"] for message in gateway.of_type("push")] == ["van"]
        await gateway.say({"type": "command", "command": "depart", "key": "k", "incident_id": incident_id, "unit_id": "van"})
        await gateway.until(lambda: gateway.of_type("result"))
        assert gateway.of_type("result")[0]["ok"]
        assert city.assignment(incident_id, "van").departed_at is not None


@pytest.mark.parametrize(
    ("actor", "message", "rule"),
    [
        (GATEWAY, {"type": "command", "command": "arrive", "key": "k", "incident_id": "x", "unit_id": "far"}, "unknown-unit"),
        (GATEWAY, {"type": "command", "command": "arrive", "key": "k", "incident_id": "x"}, "unknown-unit"),
        (CAR, {"type": "command", "command": "arrive", "key": "k", "incident_id": "x", "unit_id": "van"}, "unknown-unit"),
        (CAR, {"type": "command", "command": "arrive", "key": "k", "incident_id": "x"}, "unknown-incident"),
        (CAR, {"type": "delivered", "key": "k", "incident_id": "x", "assignment_id": "y"}, "unknown-incident"),
    ],
)
async def test_what_a_terminal_may_not_do_is_refused_by_rule(actor: Actor, message: dict, rule: str) -> None:
    async with terminal_city() as (city, url), Terminal(url, actor) as terminal:
        before = city.handler.picture
        await terminal.say(message)
        await terminal.until(lambda: terminal.of_type("result"))
        result = terminal.of_type("result")[0]
        assert (result["key"], result["ok"], result["rule"]) == ("k", False, rule)
        assert city.handler.picture is before


async def test_a_terminal_cannot_confirm_the_push_of_another_unit() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car, Terminal(url, VAN, confirming=False) as van:
        incident_id = await city.call()
        await city.push(incident_id, "van")
        await van.until(lambda: van.of_type("push"))
        assignment_id = van.of_type("push")[0]["assignment_id"]
        await car.say({"type": "delivered", "key": "k", "incident_id": incident_id, "assignment_id": assignment_id})
        await car.until(lambda: car.of_type("result"))
        assert not car.of_type("result")[0]["ok"]
        assert city.assignment(incident_id, "van").delivered_at is None


async def test_positions_go_to_the_intake_for_the_own_unit_only() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        at = world.NOW.isoformat()
        await car.say({"type": "position", "lon": 121.5, "lat": 29.8, "position_at": at, "accuracy_m": 5})
        await car.say({"type": "position", "lon": 121.5, "lat": 0.0, "position_at": at})
        await car.until(lambda: car.of_type("rejected"))
        assert car.of_type("rejected") == [{"type": "rejected", "unit_id": "car", "reason": "outside_city"}]
        assert [report.unit_id for report in city.intake.reports] == ["car", "car"]


@pytest.mark.parametrize(
    "nonsense",
    [
        "no json",
        b"\xff\xfe",
        "[]",
        '{"type":"dance"}',
        '{"type":"position","lon":"east"}',
        '{"type":"command","command":"close"}',
        "x" * 70_000,
    ],
)
async def test_nonsense_is_answered_by_an_error_and_the_connection_lives(nonsense: str | bytes) -> None:
    async with terminal_city() as (_, url), Terminal(url, CAR) as car:
        await car.say(nonsense)
        await car.say({"type": "ping", "t": 7})
        await car.until(lambda: car.of_type("error") and car.of_type("pong"))
        assert car.of_type("pong")[0]["t"] == 7


async def test_a_new_connection_of_the_same_device_replaces_the_old_one() -> None:
    async with terminal_city() as (city, url), Terminal(f"{url}?device=phone-1", CAR) as old:
        await old.until(lambda: old.of_type("hello"))
        async with Terminal(f"{url}?device=phone-1", CAR) as new, Terminal(f"{url}?device=phone-2", CAR) as other:
            await old.until(lambda: old.close_code is not None)
            assert (old.close_code, old.of_type("bye")[0]["reason"]) == (4409, "replaced")
            await city.push(await city.call(), "car")
            await new.until(lambda: new.of_type("push") and other.of_type("push"))


@pytest.mark.parametrize(
    ("actor", "reason"),
    [(world.actor("officer", world.STATION), "no_unit"), (world.actor("viewer", world.STATION, unit_id="car"), "not_permitted")],
)
async def test_who_has_no_terminal_is_sent_away_with_the_reason(actor: Actor, reason: str) -> None:
    async with terminal_city() as (_, url), Terminal(url, actor) as terminal:
        await terminal.until(lambda: terminal.close_code is not None)
        assert (terminal.close_code, terminal.of_type("bye")[0]["reason"]) == (4403, reason)


async def test_pushes_rest_without_terminals_and_survive_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async with terminal_city() as (city, url):
        async with Terminal(url, CAR) as car:
            await car.until(lambda: car.of_type("hello"))
            monkeypatch.setattr(push, "UnitPushed", None)
            await city.push(incident_id := await city.call(), "car")
            await car.until(lambda: car.close_code == 1011)
            monkeypatch.undo()
        assert city.pushes._task is None
        async with Terminal(url, CAR) as car:
            await car.until(lambda: city.assignment(incident_id, "car").delivered_at)


async def test_a_terminal_ends_when_its_log_in_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_socket, "WATCH_EVERY_S", 0.05)
    monkeypatch.setattr(terminal_socket, "RECHECK_EVERY_S", 0.1)
    monkeypatch.setattr(terminal_socket, "still_authenticated", lambda _: asyncio.sleep(0, False))
    async with terminal_city() as (_, url), Terminal(url, CAR) as car:
        await car.until(lambda: car.close_code == 4401)
