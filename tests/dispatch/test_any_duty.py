"""Whatever is planned, mustered, signed and sent, in any order and at any hour: nobody off duty is pushed, nothing is told wrong.

Who is on duty is worked out here a second time, from the events alone and without the picture.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import commands as c
from dispatch import events as e
from dispatch.commands import Command
from dispatch.duty import is_concerned, next_change
from dispatch.errors import DispatchError
from dispatch.event_bases import OrganisationEvent
from dispatch.evolve import fold
from dispatch.model import Actor, UnitKind, UnitStatus
from dispatch.picture import OperatingPicture
from dispatch.shifts import Rostered
from tests.dispatch.driver import COUNTY, DESK, STATION, WATCH, Node, crew
from tests.dispatch.test_live_equals_cold import assert_consistent

HERE, ELSEWHERE = ("A", "B", "C"), "D"  # D belongs to an organisation that plans for itself
UNITS = (*HERE, ELSEWHERE)
OFTEN = ("push", "push", "push", "arrive", "clear", "plan", "plan", "sign_on", "sign_off", "muster")
KINDS = ("refuse", "status", "cancel_shift", "answer", "end_muster", "register", "sign_sheet")
CHIEF = Actor("chen", "commander", COUNTY)


class Move(NamedTuple):
    what: str
    who: int
    hours: float
    variant: int
    wait_s: int


CHOICES = (
    (*OFTEN, *KINDS),
    range(8),
    (0.0, 0.5, 1.0, 3.0, 8.0),
    range(4),
    (0, 1, 600, 1800, 3600, 4 * 3600),
)
MOVES = st.builds(Move, *(st.sampled_from(choice) for choice in CHOICES))


def command_of(move: Move, node: Node) -> tuple[Command, Actor]:
    unit_id = UNITS[move.who % len(UNITS)]
    org_code = COUNTY if unit_id == ELSEWHERE else STATION
    incident = list(node.picture.incidents)[move.who % 2]
    muster_id = next(reversed(node.picture.musters), "none")
    begins = node.now + timedelta(hours=move.hours - (1 if move.variant % 2 else 0))
    rows = tuple(Rostered(u, members=(f"m{move.variant}",)) for u in (HERE[: 1 + move.variant] if org_code == STATION else (ELSEWHERE,)))
    commands: dict[str, Command] = {
        "push": c.Push(incident_id=incident, unit_ids=(unit_id,)),
        "arrive": c.Arrive(incident_id=incident, unit_ids=(unit_id,)),
        "clear": c.Clear(incident_id=incident, unit_ids=(unit_id,)),
        "refuse": c.Refuse(incident_id=incident, unit_ids=(unit_id,), text="no"),
        "status": c.SetUnitStatus(unit_id=unit_id, status=list(UnitStatus)[(0, 4, 5, 6)[move.variant]]),
        "plan": c.PlanShift(
            org_code=org_code,
            shift_id=f"s{move.variant}",
            name="s",
            starts_at=begins,
            ends_at=begins + timedelta(hours=4 + move.variant),
            crews=rows,
        ),
        "cancel_shift": c.CancelShift(org_code=org_code, shift_id=f"s{move.variant}"),
        "sign_on": c.SignOn(unit_id=unit_id, happened_at=node.now - timedelta(minutes=5) if move.variant == 3 else None),
        "sign_off": c.SignOff(unit_id=unit_id),
        "muster": c.MusterReserves(
            org_code=STATION, text="x", until=node.now + timedelta(hours=1 + move.variant), unit_ids=UNITS[move.variant :]
        ),
        "answer": c.AnswerMuster(muster_id=muster_id, unit_id=unit_id, coming=move.variant > 1),
        "end_muster": c.EndMuster(muster_id=muster_id),
        "register": c.RegisterUnit(unit_id=unit_id, callsign=f"{unit_id}{move.variant}", kind=UnitKind.PATROL_CAR, org_code=org_code),
        "sign_sheet": c.SignShiftHandover(
            org_code=org_code, shift_id=f"s{move.variant}", side=("incoming", "outgoing")[move.who % 2], name="n", revision=1
        ),
    }
    actor = crew(unit_id) if move.what in ("arrive", "clear", "refuse") else (CHIEF, DESK)[move.who % 2]
    return commands[move.what], actor


class Ledger:
    """Who is on duty by the events alone: the roster as lists, looked through from the beginning each time."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def is_on_duty(self, unit_id: str, at: datetime) -> bool:
        shifts: dict[tuple[str, str], e.ShiftPlanned] = {}
        musters: dict[str, tuple[datetime, e.ReservesMustered]] = {}
        over: set[str] = set()
        declined: dict[str, bool] = {}
        signed_off_at: datetime | None = None
        for recorded in self._node.journal:
            body = recorded.body
            if isinstance(body, e.ShiftPlanned):
                shifts[body.org_code, body.shift_id] = body
            elif isinstance(body, e.ShiftCancelled):
                del shifts[body.org_code, body.shift_id]
            elif isinstance(body, e.ReservesMustered):
                musters[body.muster_id] = (recorded.occurred_at, body)
            elif isinstance(body, e.MusterEnded):
                over.add(body.muster_id)
            elif isinstance(body, e.MusterAnswered) and body.unit_id == unit_id:
                declined[body.muster_id] = not body.coming
            elif isinstance(body, e.CrewSignedOff) and body.unit_id == unit_id:
                signed_off_at = recorded.occurred_at
            elif isinstance(body, e.CrewSignedOn) and body.unit_id == unit_id:
                signed_off_at = None
        org_code = COUNTY if unit_id == ELSEWHERE else STATION
        called = [
            since
            for since, body in musters.values()
            if unit_id in body.unit_ids and since <= at < body.until and body.muster_id not in over and not declined.get(body.muster_id)
        ]
        planned = [s for (org, _), s in shifts.items() if org == org_code]
        running = [s.starts_at for s in planned if s.starts_at <= at < s.ends_at and any(row.unit_id == unit_id for row in s.crews)]
        begun = called + running
        if begun and (signed_off_at is None or any(since > signed_off_at for since in called)):
            return True
        if running:
            return signed_off_at is None or signed_off_at < max(running)
        return not planned and signed_off_at is None


def watch(node: Node) -> None:
    """What the duty watch does at each look."""
    for muster in node.picture.musters.values():
        if muster.ended_at is None and muster.until <= node.now:
            node.give(c.EndMuster(muster_id=muster.muster_id), WATCH)
    concerned = tuple(u.unit_id for u in node.picture.units.values() if is_concerned(node.picture, u))
    node.give(c.TellDuty(unit_ids=concerned), WATCH)
    assert node.give(c.TellDuty(unit_ids=UNITS), WATCH) == ()  # told once, and nobody was left out


def pass_time(node: Node, seconds: int) -> None:
    """On to an instant, stopping at each at which the clock changes something."""
    end = node.now + timedelta(seconds=seconds)
    watch(node)
    while (at := next_change(node.picture, node.now)) is not None and at <= end:
        node.now = at
        watch(node)
    node.now = end


def play(moves: list[Move]) -> Node:
    node = Node()
    for unit_id in UNITS:
        node.unit(unit_id, org_code=COUNTY if unit_id == ELSEWHERE else STATION)
    node.incident()
    node.incident()
    ledger = Ledger(node)
    for number, move in enumerate(moves):
        command, actor = command_of(move, node)
        before = node.picture
        able = {unit_id: ledger.is_on_duty(unit_id, node.now) for unit_id in UNITS}
        try:
            said = node.give(command, actor)
        except DispatchError:
            assert node.picture is before
            said = ()
        for recorded in said:
            assert not isinstance(recorded.body, e.UnitPushed) or able[recorded.body.unit_id], recorded
        if number % 3:  # the watch may be late, pushes may not be wrong meanwhile
            pass_time(node, move.wait_s)
            check_told(node, ledger)
        else:
            node.pass_time(move.wait_s)
    return node


def check_told(node: Node, ledger: Ledger) -> None:
    """What the screens show is what is so, once the watch has looked."""
    watch(node)
    for unit in node.picture.units.values():
        is_on_duty = ledger.is_on_duty(unit.unit_id, node.now)
        assert (unit.off_duty_since is None) == is_on_duty
        assert is_on_duty or unit.incident_id is not None or unit.status == UnitStatus.OUT_OF_SERVICE
        assert unit.off_duty_since is None or unit.off_duty_since <= node.now


@settings(max_examples=80, deadline=None)
@given(st.lists(MOVES, min_size=15, max_size=40), st.data())
def test_nobody_off_duty_is_pushed_and_every_cut_folds_to_the_same(moves: list[Move], data: st.DataObject) -> None:
    node = play(moves)
    assert fold(OperatingPicture(), node.journal, node.load) == node.picture
    cut = data.draw(st.integers(0, len(node.journal)))
    head = fold(OperatingPicture(), node.journal[:cut], node.load)
    assert fold(head, node.journal[cut:], node.load) == node.picture
    assert_consistent(head)
    assert_consistent(node.picture)


def test_such_histories_take_every_path() -> None:
    """Else the property above would say less than it seems to."""
    chance = random.Random(65)
    bodies: Counter[type] = Counter()
    why: Counter[str] = Counter()
    overtime = 0
    for _ in range(40):
        node = play([Move(*(chance.choice(choice) for choice in CHOICES)) for _ in range(40)])
        for recorded in node.journal:
            bodies[type(recorded.body)] += 1
            if isinstance(recorded.body, e.DutyEnded):
                why[recorded.body.why] += 1
        overtime += sum(u.off_duty_since is not None and u.incident_id is not None for u in node.picture.units.values())
    of_duty = set(OrganisationEvent.__subclasses__()) | {e.CrewSignedOn, e.CrewSignedOff, e.DutyBegan, e.DutyEnded, e.UnitPushed}
    assert of_duty <= set(bodies)
    assert set(why) == {"off_roster", "signed_off"}
    assert overtime
