"""Duty from the terminal's side: signing on and off, and a muster that rings until it is answered."""

from __future__ import annotations

from datetime import timedelta

from dispatch.duty_commands import EndMuster, MusterReserves, PlanShift
from dispatch.shifts import Rostered
from tests.dashboard.terminal_world import Terminal, TerminalWorld, terminal_city
from tests.operations import access_world as world

CAR = world.actor("officer", world.STATION, unit_id="car")
VAN = world.actor("officer", world.STATION, unit_id="van")
CHIEF = world.actor("commander", world.CITY)


async def plan(city: TerminalWorld, *unit_ids: str) -> None:
    now = city.clock.now()
    crews = tuple(Rostered(unit_id) for unit_id in unit_ids)
    shift = PlanShift(org_code=world.STATION, shift_id="day", name="day", starts_at=now, ends_at=now + timedelta(hours=8), crews=crews)
    await city.ask(shift, CHIEF)


async def muster(city: TerminalWorld, *unit_ids: str) -> str:
    until = city.clock.now() + timedelta(hours=2)
    await city.ask(MusterReserves(org_code=world.STATION, text="大型活动散场", until=until, unit_ids=unit_ids), CHIEF)
    return next(reversed(city.handler.picture.musters))


async def test_a_crew_signs_on_and_off_at_its_terminal() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        await plan(city, "car")
        await car.until(lambda: car.of_type("hello"))
        await car.say({"type": "command", "command": "sign_on", "key": "k1"})
        await car.until(lambda: car.of_type("unit") and car.of_type("unit")[-1]["duty"]["signed_on"])
        assert car.of_type("unit")[-1]["duty"]["shift_name"] == "day"
        await car.say({"type": "command", "command": "sign_off", "key": "k2", "text": "换装"})
        await car.until(lambda: car.of_type("unit")[-1]["duty"]["why"] == "signed_off")
        assert car.of_type("unit")[-1]["unit"]["status"] == "out_of_service"
        await car.until(lambda: len(car.of_type("result")) == 2)  # the unit's message may come before the command's own answer
        assert [result["ok"] for result in car.of_type("result")] == [True, True]
        assert city.handler.picture.units["car"].signed_off_at is not None


async def test_a_muster_rings_at_once_also_after_a_reconnect_until_it_is_answered() -> None:
    async with terminal_city() as (city, url):
        await plan(city, "car")
        async with Terminal(url, VAN) as van, Terminal(url, CAR) as car:
            await van.until(lambda: van.of_type("hello") and car.of_type("hello"))
            assert van.of_type("hello")[0]["duty"]["on_duty"] is False
            muster_id = await muster(city, "van")
            await van.until(lambda: van.of_type("unit"))
            called = van.of_type("unit")[-1]["muster"]
            assert (called["muster_id"], called["text"], called["by"], called["coming"]) == (muster_id, "大型活动散场", CHIEF.name, None)
            assert not car.of_type("unit")  # nobody rings who was not called
        async with Terminal(url, VAN) as van:
            await van.until(lambda: van.of_type("hello"))
            assert van.of_type("hello")[0]["muster"]["coming"] is None
            await van.say({"type": "command", "command": "answer_muster", "key": "k1", "muster_id": muster_id, "coming": True})
            await van.until(lambda: van.of_type("unit") and van.of_type("unit")[-1]["muster"]["coming"])
            assert city.handler.picture.musters[muster_id].answers["van"].coming
            await city.ask(EndMuster(muster_id=muster_id), CHIEF)
            await van.until(lambda: van.of_type("unit")[-1]["muster"] is None)


async def test_a_crew_answers_for_itself_only() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car:
        muster_id = await muster(city, "van")
        await car.until(lambda: car.of_type("hello"))
        await car.say(
            {"type": "command", "command": "answer_muster", "key": "k1", "muster_id": muster_id, "coming": True, "unit_id": "van"}
        )
        await car.until(lambda: car.of_type("result"))
        assert car.of_type("result")[0]["rule"] == "unknown-unit"
        assert not city.handler.picture.musters[muster_id].answers
