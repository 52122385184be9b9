"""Broadcasts on their way: to phones, also those that were off; to desks in scope; and back, as receipts the sender counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch.duty_commands import RecallBroadcast, SendBroadcast
from dispatch.duty_events import BroadcastDelivered, BroadcastRead, BroadcastSent
from dispatch.errors import NotFound, NotPermitted
from dispatch.model import Actor
from operations.access.authority import Authority
from operations.outgoing.broadcasts import desk_view
from tests.dashboard.live_world import LiveWorld, header, live_city
from tests.dashboard.terminal_world import Terminal, TerminalWorld, terminal_city
from tests.live_client import LiveClient
from tests.operations import access_world as world

CITY_DESK = world.actor("commander", world.CITY)
CAR, VAN = (world.actor("officer", world.STATION, unit_id=unit_id) for unit_id in ("car", "van"))
GATEWAY = world.actor("officer", world.CITY, kind="token")


async def sent(city: TerminalWorld, text: str = "storm", actor: Actor = CITY_DESK, **more: Any) -> str:
    fields = {"org_code": world.COUNTY, "unit_ids": ("car", "van"), "desks": (world.COUNTY, world.STATION)} | more
    outcome = await city.handler.handle(SendBroadcast(text=text, **fields), actor)
    return str(outcome.events[-1].body.broadcast_id)  # type: ignore[union-attr]


def said(broadcast_id: str, command: str, **more: Any) -> dict[str, Any]:
    return {"type": "command", "command": command, "broadcast_id": broadcast_id, **more}


def progress(city: TerminalWorld, broadcast_id: str, actor: Actor = CITY_DESK) -> dict[str, Any]:
    view = desk_view(city.authority, actor, city.handler.picture.broadcasts[broadcast_id], city.handler.picture)
    found: dict[str, Any] = view["progress"]
    return found


async def test_a_phone_gets_it_at_once_and_its_receipts_are_counted() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        await car.until(lambda: car.of_type("hello"))
        id_ = await sent(city)
        await car.until(lambda: car.of_type("broadcast"))
        told = car.of_type("broadcast")[0]
        assert (told["unit_ids"], told["broadcast"]["text"], told["broadcast"]["sent_by_org"]) == (["car"], "storm", world.CITY)
        assert "receipts" not in str(told)
        await car.say(said(id_, "broadcast_delivered", key="k1"))
        await car.until(lambda: progress(city, id_)["delivered"] == 1)
        await car.say(said(id_, "read_broadcast", key="k2"))
        await car.until(lambda: car.of_type("broadcast_over"))
        assert progress(city, id_) == {
            "recipients": 4,
            "delivered": 1,
            "read": 1,
            "waiting": [{"recipient": name, "delivered": False} for name in ("van", world.COUNTY, world.STATION)],
            "more": 0,
        }


async def test_a_phone_that_was_off_gets_on_return_what_is_live_and_unread_in_order() -> None:
    async with terminal_city() as (city, url):
        ids = [await sent(city, text) for text in ("one", "two", "three", "four")]
        await city.handler.handle(RecallBroadcast(broadcast_id=ids[2]), CITY_DESK)
        async with Terminal(url, CAR) as car:
            await car.until(lambda: car.of_type("hello"))
            assert [b["broadcast"]["text"] for b in car.of_type("hello")[0]["broadcasts"]] == ["one", "two", "four"]
            await car.say(said(ids[0], "read_broadcast"))
            await car.until(lambda: car.of_type("result"))
        async with Terminal(url, CAR) as car, Terminal(url, GATEWAY) as gateway:
            await car.until(lambda: car.of_type("hello") and gateway.of_type("hello"))
            assert [b["broadcast"]["text"] for b in car.of_type("hello")[0]["broadcasts"]] == ["two", "four"]
            listed = [(b["broadcast"]["text"], b["unit_ids"]) for b in gateway.of_type("hello")[0]["broadcasts"]]
            assert listed == [("one", ["van"]), ("two", ["car", "van"]), ("four", ["car", "van"])]


async def test_a_recall_takes_it_off_every_phone() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car, Terminal(url, VAN) as van:
        await car.until(lambda: car.of_type("hello") and van.of_type("hello"))
        first = await sent(city)
        second = await sent(city, "no storm", replaces=first)
        await van.until(lambda: van.of_type("broadcast_over") and len(van.of_type("broadcast")) == 2)
        over = van.of_type("broadcast_over")[0]
        assert (over["broadcast_id"], over["unit_ids"], over["recalled"], over["replaced_by"]) == (first, ["van"], True, second)
        assert van.of_type("broadcast")[1]["broadcast"]["broadcast_id"] == second
        assert van.of_type("broadcast")[1]["broadcast"]["replaces"] == first


async def test_a_crew_answers_for_itself_alone() -> None:
    async with terminal_city() as (city, url), Terminal(url, world.actor("officer", world.FAR, unit_id="far")) as far:
        id_ = await sent(city)
        await far.until(lambda: far.of_type("hello"))
        assert far.of_type("hello")[0]["broadcasts"] == []
        await far.say(said(id_, "read_broadcast", recipient="car"))
        await far.until(lambda: far.of_type("result"))
        assert far.of_type("result")[0]["rule"] == "unknown-broadcast"
        assert progress(city, id_)["read"] == 0


@pytest.mark.parametrize("role", ["viewer", "call_taker", "officer", "reviewer", "supervisor", "feed"])
async def test_only_desks_that_send_crews_send_broadcasts(role: str) -> None:
    async with terminal_city() as (city, _):
        with pytest.raises(NotPermitted):
            await sent(city, actor=world.actor(role, world.CITY))


async def test_a_broadcast_stays_inside_the_senders_scope_and_is_recalled_only_from_there_or_above() -> None:
    async with terminal_city() as (city, _):
        station = world.actor("operator", world.STATION)
        with pytest.raises(NotPermitted):
            await sent(city, actor=station)
        id_ = await sent(city)
        with pytest.raises(NotPermitted):
            await city.handler.handle(RecallBroadcast(broadcast_id=id_), station)
        with pytest.raises(NotFound):
            await city.handler.handle(RecallBroadcast(broadcast_id=id_), world.actor("operator", world.FAR))


async def test_desks_see_what_goes_to_them_and_only_its_senders_side_who_has_read_it() -> None:
    async with terminal_city() as (city, _):
        await city.register("covert", world.STATION, marked=False)
        id_ = await sent(city, unit_ids=("car", "covert"))
        authority: Authority = city.authority
        broadcast, picture = city.handler.picture.broadcasts[id_], city.handler.picture
        station = world.actor("operator", world.STATION)
        assert authority.may_see_broadcast(station, broadcast)
        assert desk_view(authority, station, broadcast, picture)["progress"] is None
        for stranger in (world.actor("operator", world.FAR), world.actor("viewer", world.STATION), CAR):
            assert not authority.may_see_broadcast(stranger, broadcast)
        assert [one["recipient"] for one in progress(city, id_)["waiting"]][:2] == ["car", "covert"]
        county = await sent(city, actor=world.actor("operator", world.COUNTY), unit_ids=("car", "covert"))
        known = progress(city, county, world.actor("operator", world.COUNTY))
        assert [one["recipient"] for one in known["waiting"]] == ["car", world.COUNTY, world.STATION]
        assert known["recipients"] == 3


@pytest.fixture
def live() -> LiveWorld:
    city = LiveWorld()
    city.register("car", world.STATION)
    return city


def record_sent(live: LiveWorld, broadcast_id: str) -> None:
    expires_at = live.clock.now() + timedelta(hours=1)
    told = {"unit_ids": ("car",), "desks": (world.STATION,), "expires_at": expires_at}
    live.record(BroadcastSent(broadcast_id, org_code=world.COUNTY, text="storm", urgent=True, sent_by_org=world.CITY, **told))


async def test_desks_hear_of_a_broadcast_on_the_live_socket_and_walls_do_not(live: LiveWorld) -> None:
    station, far = world.actor("call_taker", world.STATION), world.actor("operator", world.FAR)
    record_sent(live, "b1")
    async with (
        live_city(live) as url,
        LiveClient(url, header(station)) as desk,
        LiveClient(url, header(CITY_DESK)) as sender,
        LiveClient(url, header(far)) as other,
        LiveClient(f"{url}?screen=all", header(CITY_DESK)) as wall,
    ):
        await desk.until(lambda: desk.of_type("broadcast") and sender.of_type("broadcast") and wall.frames and other.frames)
        told = desk.of_type("broadcast")[0]["broadcast"]
        assert (told["text"], told["to_this_desk"], told["read_at"], told["progress"]) == ("storm", True, None, None)
        for _ in range(50):
            live.record(BroadcastDelivered("b1", "car"))
        live.record(BroadcastRead("b1", world.STATION))
        await sender.until(lambda: sender.of_type("broadcast")[-1]["broadcast"]["progress"]["read"] == 1)
        assert len(sender.of_type("broadcast")) <= 4, "receipts that come together are told together"
        await desk.until(lambda: desk.of_type("broadcast")[-1]["broadcast"]["read_at"] is not None)
        record_sent(live, "b2")
        await desk.until(lambda: desk.of_type("broadcast")[-1]["broadcast"]["broadcast_id"] == "b2")
        assert not other.of_type("broadcast")
        assert not wall.of_type("broadcast")
