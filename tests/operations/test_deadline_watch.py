"""The deadline watch under a manual clock: exact instants, once each, across restarts, through a whole month."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from dispatch import commands as c
from dispatch.clock import ManualClock
from dispatch.deadlines import load_targets, notices
from dispatch.errors import DispatchError
from dispatch.events import DeadlineMissed, IncidentClosed, Recorded, UnitPushed
from dispatch.model import Actor, Area, Grade, Incident, Step, UnitKind
from operations.access.authority import Authority
from operations.incidents.bus import Bus
from operations.incidents.deadline_watch import RETRY_S, DeadlineWatch, loop_view
from operations.incidents.enrich import Unenriched
from operations.incidents.handle import Handler
from storage.memory_journal import MemoryJournal
from tests.dispatch.driver import START, crew
from tests.operations import access_world as world
from tests.operations.handling import Hindered

DESK = Actor("li", "operator", world.CITY)
TARGETS = load_targets()
Nearest = Callable[[Incident], str | None]


class Room:
    """A node with its watch; time stands still unless moved."""

    def __init__(self, handler: Handler, watch: DeadlineWatch, clock: ManualClock, journal: MemoryJournal) -> None:
        self.handler, self.watch, self.clock, self.journal = handler, watch, clock, journal

    async def at(self, seconds: float) -> None:
        """Move to so many seconds after the start and let the watch look."""
        self.clock.set(START + timedelta(seconds=seconds))
        await self.watch.tick()

    async def give(self, command: c.Command, actor: Actor = DESK) -> str:
        outcome = await self.handler.handle(command, actor)
        return outcome.incident_id or ""

    async def unit(self, unit_id: str) -> None:
        kind = UnitKind.PATROL_CAR
        await self.give(c.RegisterUnit(unit_id=unit_id, callsign=unit_id, kind=kind, org_code=world.STATION))

    async def pushed(self, unit_id: str = "A", grade: Grade = Grade.URGENT) -> str:
        await self.unit(unit_id)
        received = c.ReceiveIncident(incident_type="theft", grade=grade, lon=121.5, lat=29.8, org_code=world.STATION, area=Area.TOWN)
        incident_id = await self.give(received)
        await self.give(c.Push(incident_id=incident_id, unit_ids=(unit_id,)))
        return incident_id

    def told(self, kind: type = DeadlineMissed) -> list[Recorded]:
        return [recorded for recorded in self.journal.read(0, 100_000) if isinstance(recorded.body, kind)]

    def misses(self) -> list[tuple[str, int, str, float]]:
        """Step, level, who was told, and how many seconds after the start."""
        return [(r.body.step, r.body.level, r.body.org_code, since(r.recorded_at)) for r in self.told()]  # type: ignore[union-attr]


def since(at: datetime) -> float:
    return (at - START).total_seconds()


def nobody(incident: Incident) -> str | None:
    return None


@asynccontextmanager
async def room(nearest: Nearest = nobody, journal: MemoryJournal | None = None, clock: ManualClock | None = None) -> AsyncIterator[Room]:
    journal, clock = journal or MemoryJournal(), clock or ManualClock(START)
    organisations = world.organisations()

    async def next_nearest(incident: Incident) -> str | None:
        return nearest(incident)

    handler = Handler(journal, clock, Bus(), Authority(organisations, clock), Unenriched())
    await handler.start()
    try:
        yield Room(handler, DeadlineWatch(handler, clock, organisations, TARGETS, next_nearest), clock, journal)
    finally:
        await handler.stop()


async def test_a_missed_acknowledgement_is_told_when_it_is_due_and_climbs_level_by_level() -> None:
    async with room() as node:
        await node.pushed()
        for seconds in (0, 29.9, 30, 30.1, 89.9, 90, 149.9, 150, 500):
            await node.at(seconds)
        acknowledge = [miss for miss in node.misses() if miss[0] == Step.ACKNOWLEDGE]
        assert acknowledge == [
            ("acknowledge", 0, world.STATION, 30),
            ("acknowledge", 1, world.COUNTY, 90),
            ("acknowledge", 2, world.CITY, 150),
        ]


async def test_what_is_due_on_many_incidents_at_once_is_written_together() -> None:
    journal = Hindered()
    async with room(journal=journal) as node:
        for number in range(20):
            await node.pushed(f"U{number}")
        before = len(journal.commits)
        journal.may_write.clear()
        watching = asyncio.create_task(node.at(30))
        for _ in range(5):  # until every incident's miss waits for the disk
            await asyncio.sleep(0)
        journal.may_write.set()
        await watching
        assert len(node.misses()) == 20
        assert len(journal.commits) - before <= 2  # the first alone, the others while it was written


async def test_whoever_takes_the_alarm_on_stops_it_from_climbing() -> None:
    async with room() as node:
        incident_id = await node.pushed()
        await node.at(30)
        assert loop_view(node.handler.picture.incidents[incident_id], TARGETS)["alarms"]
        await node.give(c.TakeAlarm(incident_id=incident_id))
        assert not loop_view(node.handler.picture.incidents[incident_id], TARGETS)["alarms"]
        await node.at(299)
        assert node.misses() == [("acknowledge", 0, world.STATION, 30)]
        await node.at(300)  # the arrival is another alarm
        assert [miss[:2] for miss in node.misses()] == [("acknowledge", 0), ("arrive", 0)]


async def test_grades_three_and_four_go_quietly_to_supervision() -> None:
    async with room(lambda incident: "B") as node:
        await node.unit("B")
        incident_id = await node.pushed(grade=Grade.ORDINARY)
        await node.at(10_000)
        await node.at(20_000)
        assert [miss[:3] for miss in node.misses()] == [("acknowledge", 0, world.STATION), ("arrive", 0, world.STATION)]
        view = loop_view(node.handler.picture.incidents[incident_id], TARGETS)
        assert view["alarms"] == []
        assert [miss["step"] for miss in view["supervised"]] == ["acknowledge", "arrive"]
        assert len(node.told(UnitPushed)) == 1


async def test_ten_seconds_after_the_miss_the_next_nearest_are_sent_as_well() -> None:
    async with room(lambda incident: "B") as node:
        await node.unit("B")
        incident_id = await node.pushed()
        await node.at(30)
        (countdown,) = loop_view(node.handler.picture.incidents[incident_id], TARGETS)["repush"]
        assert (countdown["unit_id"], countdown["at"]) == ("A", (START + timedelta(seconds=40)).isoformat())
        await node.at(39.9)
        assert len(node.told(UnitPushed)) == 1
        await node.at(40)
        await node.at(60)
        first, second = node.handler.picture.incidents[incident_id].assignments
        assert (second.unit_id, second.because_of, second.is_active) == ("B", first.assignment_id, True)
        assert first.is_active
        assert len(node.told(UnitPushed)) == 2


async def test_an_operator_stops_the_countdown() -> None:
    async with room(lambda incident: "B") as node:
        await node.unit("B")
        incident_id = await node.pushed()
        await node.at(35)
        (assignment,) = node.handler.picture.incidents[incident_id].assignments
        await node.give(c.StopRepush(incident_id=incident_id, assignment_id=assignment.assignment_id))
        await node.at(300)
        assert len(node.told(UnitPushed)) == 1


async def test_an_acknowledgement_during_the_countdown_sends_nobody() -> None:
    async with room(lambda incident: "B") as node:
        await node.unit("B")
        incident_id = await node.pushed()
        await node.at(31)
        await node.give(c.Acknowledge(incident_id=incident_id), crew("A"))
        await node.at(299)
        assert len(node.told(UnitPushed)) == 1
        assert [miss[:2] for miss in node.misses()] == [("acknowledge", 0), ("depart", 0)]


async def test_when_nobody_is_free_it_is_looked_for_again() -> None:
    free: list[str] = []
    async with room(lambda incident: free[0] if free else None) as node:
        await node.unit("B")
        await node.pushed()
        for seconds in (30, 40, 41):
            await node.at(seconds)
        free.append("B")
        await node.at(40 + RETRY_S - 0.1)
        assert len(node.told(UnitPushed)) == 1
        await node.at(40 + RETRY_S)
        assert len(node.told(UnitPushed)) == 2


async def test_a_unit_that_was_taken_meanwhile_hurts_nothing() -> None:
    async with room(lambda incident: "B") as node:
        await node.pushed("B")
        await node.at(1)
        await node.pushed("A")
        await node.at(31)
        await node.at(41)
        assert [r.body.unit_id for r in node.told(UnitPushed)] == ["B", "A"]  # type: ignore[union-attr]


async def test_a_restart_in_the_middle_tells_nothing_twice_and_forgets_nothing() -> None:
    journal, clock = MemoryJournal(), ManualClock(START)
    async with room(journal=journal, clock=clock) as node:
        await node.pushed()
        await node.at(30)
    for seconds in (31, 60, 89):
        async with room(journal=journal, clock=clock) as node:
            await node.at(seconds)
            assert node.misses() == [("acknowledge", 0, world.STATION, 30)]
    async with room(journal=journal, clock=clock) as node:  # off while the second level was due
        await node.at(100)
        assert node.misses()[1:] == [("acknowledge", 1, world.COUNTY, 100)]


async def test_a_refusing_journal_is_shown_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async with room() as node:
        await node.pushed()
        await node.handler.stop()
        node.clock.set(START + timedelta(seconds=30))
        with pytest.raises(DispatchError):
            await node.watch.tick()
        await node.handler.start()
        await node.at(31)
        assert node.misses() == [("acknowledge", 0, world.STATION, 31)]


async def test_what_fails_for_one_incident_keeps_nobody_from_another() -> None:
    broken: list[str] = []

    def nearest(incident: Incident) -> str | None:
        if incident.incident_id in broken:
            raise ZeroDivisionError
        return "C"

    async with room(nearest) as node:
        await node.unit("C")
        broken.append(await node.pushed("A"))
        sound = await node.pushed("B")
        await node.at(30)
        with pytest.raises(ZeroDivisionError):
            await node.at(40)
        assert [a.unit_id for a in node.handler.picture.incidents[sound].assignments] == ["B", "C"]


async def test_a_miss_that_can_not_be_told_keeps_nobody_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async with room(lambda incident: "C") as node:
        await node.unit("C")
        broken, sound = await node.pushed("A"), await node.pushed("B")
        await node.at(30)
        handle = node.handler.handle

        async def handling(command: c.Command, actor: Actor, key: str | None = None) -> object:
            if isinstance(command, c.MissDeadline) and command.incident_id == broken:
                raise ZeroDivisionError
            return await handle(command, actor, key)

        monkeypatch.setattr(node.handler, "handle", handling)
        with pytest.raises(ZeroDivisionError):
            await node.at(100)
        assert [a.unit_id for a in node.handler.picture.incidents[sound].assignments] == ["B", "C"]


Plan = tuple[datetime, c.Command, Actor]


async def test_a_simulated_month() -> None:
    """An incident an hour for thirty days, crews that take their time: every miss once, at its instant, where it was late."""
    chance = random.Random(20161201)
    month_end = START + timedelta(days=30)
    async with room() as node:
        for number in range(6):
            await node.unit(f"U{number}")
        plans: list[Plan] = []
        call_at = START
        while (now := min([call_at, *(at for at, _, _ in plans), *due_at(node)])) < month_end:
            node.clock.set(now)
            await node.watch.tick()
            free = [unit for unit in node.handler.picture.units.values() if unit.incident_id is None]
            if now == call_at:
                call_at += timedelta(hours=1)
                plans += await begin(node, chance, free[0].unit_id, now) if free else []
            for at, command, actor in [plan for plan in plans if plan[0] <= now]:
                plans.remove((at, command, actor))
                await node.give(command, actor)
        told = node.told()
        keys = [(r.incident_id, r.body.step, r.body.round, r.body.level) for r in told]  # type: ignore[union-attr]
        assert len(set(keys)) == len(keys)
        assert len(told) > 500
        climbs = timedelta(seconds=TARGETS.climb_after_s)
        for recorded in told:
            assert isinstance(recorded.body, DeadlineMissed)
            assert recorded.recorded_at == recorded.body.due_at + recorded.body.level * climbs
        late = {(r.incident_id, step) for r in node.journal.read(0, 1_000_000) for step in late_steps(node, r)}
        assert {(incident_id, step) for incident_id, step, _, level in keys if level == 0} == late


def due_at(node: Room) -> list[datetime]:
    """Instants at which something has to be told."""
    incidents = node.handler.picture.incidents.values()
    return [notice.at for incident in incidents for notice in notices(incident, TARGETS, 3)]


def late_steps(node: Room, recorded: Recorded) -> list[Step]:
    """Steps of a closed incident that took longer than their target, from its instants alone."""
    if not isinstance(recorded.body, IncidentClosed):
        return []
    incident = node.journal.incident(recorded.incident_id or "")
    assert incident is not None
    (a,) = incident.assignments
    spans = {
        Step.ACKNOWLEDGE: (a.pushed_at, a.acknowledged_at),
        Step.DEPART: (a.acknowledged_at, a.departed_at),
        Step.ARRIVE: (a.pushed_at, a.arrived_at),
        Step.FEEDBACK: (a.arrived_at, a.feedback_at),
    }
    seconds = {step: TARGETS.of(step, incident.area).seconds[int(incident.grade) - 1] for step in spans}  # type: ignore[union-attr]
    spans[Step.CHECK_IN] = spans[Step.FEEDBACK]  # nobody answers in that month; the feedback ends the question
    every_s = TARGETS.check_in_every_s(incident)
    seconds[Step.CHECK_IN] = every_s and every_s + TARGETS.check_in_grace_s
    return [step for step, (begun, done) in spans.items() if seconds[step] and (done - begun).total_seconds() > seconds[step]]  # type: ignore[operator]


async def begin(node: Room, chance: random.Random, unit_id: str, now: datetime) -> list[Plan]:
    """An incident with a crew that does its steps after times of its own, some of them late."""
    grade, area = chance.choice(list(Grade)), chance.choice(list(Area))
    received = c.ReceiveIncident(incident_type="theft", grade=grade, lon=121.5, lat=29.8, org_code=world.STATION, area=area)
    incident_id = await node.give(received)
    await node.give(c.Push(incident_id=incident_id, unit_ids=(unit_id,)))
    steps: list[tuple[c.Command, float]] = [
        (c.Acknowledge(incident_id=incident_id), 25),
        (c.Depart(incident_id=incident_id), 50),
        (c.Arrive(incident_id=incident_id), 280),
        (c.Feedback(incident_id=incident_id, text="done"), 500),
    ]
    at, plans = now, []
    for command, mean_s in steps:
        at += timedelta(seconds=chance.expovariate(1 / mean_s))
        plans.append((at, command, crew(unit_id)))
    return [*plans, (at + timedelta(seconds=60), c.Close(incident_id=incident_id), DESK)]


# Officer safety


async def on_scene(node: Room, incident_type: str = "theft", grade: Grade = Grade.URGENT) -> str:
    """Crew A on the scene since the start."""
    incident_id = await node.pushed(grade=grade)
    await node.give(c.Classify(incident_id=incident_id, incident_type=incident_type, grade=grade))
    await node.give(c.Arrive(incident_id=incident_id), crew("A"))
    return incident_id


def unanswered(node: Room) -> list[tuple[int, float]]:
    """Level and second of every alarm about a check-in."""
    return [(level, at) for step, level, _, at in node.misses() if step == Step.CHECK_IN]


async def test_a_crew_that_does_not_say_that_all_is_well_is_an_alarm_that_climbs() -> None:
    async with room() as node:
        incident_id = await on_scene(node)
        for seconds in (0, 900, 959.9, 960, 960.5, 1019.9, 1020, 1080, 2000):
            await node.at(seconds)
        assert unanswered(node) == [(0, 960), (1, 1020), (2, 1080)]
        (deadline,) = [d for d in loop_view(node.handler.picture.incidents[incident_id], TARGETS)["deadlines"] if d["step"] == "check_in"]
        assert (datetime.fromisoformat(deadline["due_at"]) - datetime.fromisoformat(deadline["ask_at"])).total_seconds() == 60


async def test_each_answer_starts_the_clock_again_and_the_feedback_ends_it() -> None:
    async with room() as node:
        incident_id = await on_scene(node)
        await node.at(955)
        await node.give(c.CheckIn(incident_id=incident_id), crew("A"))
        await node.at(955 + 959)
        assert unanswered(node) == []
        await node.at(955 + 960)
        assert unanswered(node) == [(0, 1915)]
        await node.give(c.CheckIn(incident_id=incident_id), crew("A"))
        assert [m for m in loop_view(node.handler.picture.incidents[incident_id], TARGETS)["alarms"] if m["step"] == "check_in"] == []
        await node.give(c.Feedback(incident_id=incident_id, text="done"), crew("A"))
        await node.at(10_000)
        assert unanswered(node) == [(0, 1915)]


async def test_an_answer_that_was_given_offline_counts_from_when_it_was_given() -> None:
    async with room() as node:
        incident_id = await on_scene(node)
        await node.at(960)
        assert unanswered(node) == [(0, 960)], "the desk is told although the phone is silent"
        early = c.CheckIn(incident_id=incident_id, happened_at=START + timedelta(seconds=905))
        await node.give(early, crew("A"))
        await node.give(c.CheckIn(incident_id=incident_id, happened_at=START + timedelta(seconds=300)), crew("A"))
        assert node.handler.picture.incidents[incident_id].assignments[0].check_ins == 1, "an older word changes nothing"
        await node.at(905 + 959.9)
        assert len(unanswered(node)) == 1
        await node.at(905 + 960)
        assert unanswered(node)[-1] == (0, 1865)


@pytest.mark.parametrize(
    ("incident_type", "grade", "due"),
    [
        ("knife_attack", Grade.MAJOR, 660),
        ("domestic_violence", Grade.ORDINARY, 960),
        ("theft", Grade.ORDINARY, None),
        ("theft", Grade.MAJOR, 960),
    ],
)
async def test_who_is_asked_how_often_is_the_citys_table(incident_type: str, grade: Grade, due: float | None) -> None:
    async with room() as node:
        await on_scene(node, incident_type, grade)
        for seconds in range(0, 1200, 60):
            await node.at(seconds)
        assert [at for level, at in unanswered(node) if level == 0] == ([] if due is None else [due])


async def test_a_silent_crew_is_told_once_across_a_restart() -> None:
    journal, clock = MemoryJournal(), ManualClock(START)
    async with room(journal=journal, clock=clock) as node:
        await on_scene(node)
        await node.at(959)
    async with room(journal=journal, clock=clock) as node:
        await node.at(965)
        await node.at(966)
        assert unanswered(node) == [(0, 965)]
    async with room(journal=journal, clock=clock) as node:
        await node.at(967)
        assert unanswered(node) == [(0, 965)]
