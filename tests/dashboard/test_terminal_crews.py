"""What a terminal is told of the other crews on its incident: who they are, who is responsible, who was sent because nobody answered."""

from __future__ import annotations

from typing import Any

from dispatch import commands as c
from dispatch.commands import CallService, NameLead, Repush
from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, UnitKind
from tests.dashboard.terminal_world import Terminal, TerminalWorld, terminal_city
from tests.operations import access_world as world

CAR = world.actor("officer", world.STATION, unit_id="car")
VAN = world.actor("officer", world.STATION, unit_id="van")
SYSTEM = Actor("system", "admin", world.CITY, kind="system")


def crews(message: dict[str, Any]) -> dict[str, bool]:
    """Callsigns, and whether each is the responsible one."""
    return {crew["callsign"]: crew["responsible"] for crew in message["incident"]["crews"]}


async def rename(city: TerminalWorld, unit_id: str, marked: bool = True) -> None:
    known = {"callsign": f"call-{unit_id}", "kind": UnitKind.PATROL_CAR, "org_code": world.STATION, "marked": marked}
    await city.ask(RegisterUnit(unit_id=unit_id, **known), SYSTEM)


async def test_each_crew_is_told_who_else_is_on_it_and_who_is_responsible() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car, Terminal(url, VAN) as van:
        await rename(city, "van")
        incident_id = await city.call()
        await city.push(incident_id, "car", "van")
        await van.until(lambda: van.of_type("push") and car.of_type("push"))
        assert crews(van.of_type("push")[0]) == crews(car.of_type("push")[0]) == {"car": True, "call-van": False}
        await city.ask(CallService(incident_id=incident_id, service="120"))
        await city.ask(NameLead(incident_id=incident_id, unit_ids=("van",)))
        await car.until(lambda: len(car.of_type("incident")) >= 2)
        assert crews(car.of_type("incident")[-1]) == {"car": False, "call-van": True, "120": False}
        async with Terminal(url, CAR) as again:
            await again.until(lambda: again.of_type("hello"))
            (incident,) = again.of_type("hello")[0]["incidents"]
            assert crews({"incident": incident}) == {"car": False, "call-van": True, "120": False}


async def test_a_crew_that_is_recalled_is_on_it_no_more_and_a_responsible_one_that_has_left_stays_named() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR), Terminal(url, VAN) as van:
        incident_id = await city.call()
        await city.push(incident_id, "car", "van")
        for command in ("arrive", "feedback", "clear"):
            await say(city, "car", command, incident_id)
        await van.until(lambda: van.of_type("incident") and city.assignment(incident_id, "car").ended_at)
        await van.until(lambda: crews(van.of_type("incident")[-1]) == {"car": True, "van": False})


async def say(city: TerminalWorld, unit_id: str, command: str, incident_id: str) -> None:
    kinds = {"arrive": c.Arrive, "feedback": c.Feedback, "clear": c.Clear}
    fields = {"text": "done"} if command == "feedback" else {}
    await city.ask(kinds[command](incident_id=incident_id, unit_ids=(unit_id,), **fields))


async def test_where_the_responsible_crew_may_not_be_known_of_nobody_is_shown_as_responsible() -> None:
    async with terminal_city() as (city, url), Terminal(url, VAN) as van:
        await rename(city, "car", marked=False)
        incident_id = await city.call()
        await city.push(incident_id, "car", "van")
        await van.until(lambda: van.of_type("push"))
        assert crews(van.of_type("push")[0]) == {"van": False}


async def test_the_first_crew_is_told_that_others_were_sent_as_well() -> None:
    async with terminal_city() as (city, url), Terminal(url, CAR) as car, Terminal(url, VAN) as van:
        incident_id = await city.call()
        await city.push(incident_id, "car")
        late = city.assignment(incident_id, "car").assignment_id
        await city.ask(Repush(incident_id=incident_id, unit_ids=("van",), because_of=late), SYSTEM)
        await van.until(lambda: van.of_type("push") and car.of_type("incident"))
        for told in (van.of_type("push")[0], car.of_type("incident")[-1]):
            assert [a["because_of"] for a in told["incident"]["assignments"]] == ["", late]
