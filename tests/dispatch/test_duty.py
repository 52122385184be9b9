"""Who is on duty at an instant, and what that lets anybody do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from dispatch import commands as c
from dispatch import events as e
from dispatch.duty import EARLY, Standing, Why, change_of, next_change, standing, status_at
from dispatch.errors import NotFound
from dispatch.evolve import fold
from dispatch.model import Actor, UnitStatus
from dispatch.picture import OperatingPicture
from dispatch.shifts import KEPT_FOR, Rostered
from tests.dispatch.driver import COUNTY, DESK, START, STATION, WATCH, Node, crew, refusal

CHIEF = Actor("chen", "commander", STATION)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return START + hours * HOUR


def plan(node: Node, shift_id: str, begins: float, ends: float, *rows: str | Rostered, **more: Any) -> None:
    """A shift from so many hours after the start to so many, with these crews."""
    crews = tuple(row if isinstance(row, Rostered) else Rostered(row) for row in rows)
    fields = {"name": shift_id, "org_code": STATION, **more}
    node.give(c.PlanShift(shift_id=shift_id, starts_at=at(begins), ends_at=at(ends), crews=crews, **fields), CHIEF)


def stands(node: Node, unit_id: str = "A") -> Standing:
    return standing(node.picture, node.picture.units[unit_id], node.now)


def watch(node: Node) -> None:
    """What the duty watch does at each look."""
    node.give(c.TellDuty(unit_ids=tuple(node.picture.units)), WATCH)


def muster(node: Node, *unit_ids: str, hours: float = 2) -> str:
    (called,) = node.give(c.MusterReserves(org_code=STATION, text="跨区追捕", until=node.now + hours * HOUR, unit_ids=unit_ids), CHIEF)
    assert isinstance(called.body, e.ReservesMustered)
    return called.body.muster_id


@pytest.fixture
def node() -> Node:
    """A station with crew A on the day shift, B in reserve; A's shift has just begun."""
    node = Node()
    node.unit("A", callsign="A12")
    node.unit("B")
    plan(node, "day", 0, 8, "A", leader="王所长", radio_group="海曙1")
    watch(node)
    return node


# By roster and clock


def test_without_a_roster_status_alone_decides() -> None:
    node = Node()
    node.unit("A")
    assert stands(node) == Standing(True, Why.NO_ROSTER)
    watch(node)
    assert node.journal[-1].body.__class__ is e.UnitRegistered


def test_a_shift_runs_from_its_first_instant_until_before_its_last(node: Node) -> None:
    node.now = at(0)
    assert stands(node).why == Why.SHIFT
    node.now = at(8) - timedelta(microseconds=1)
    assert stands(node).on_duty
    node.now = at(8)
    assert stands(node) == Standing(False, Why.OFF_ROSTER, at(8))


def test_the_instant_a_shift_ends_nobody_of_it_is_pushed_whether_that_is_told_or_not(node: Node) -> None:
    incident_id = node.incident()
    node.now = at(8)
    words = refusal(node, c.Push(incident_id=incident_id, unit_ids=("A",)))
    off = "it is off duty since 2026-05-01T16:00+00:00"
    assert words == f"unit-off-duty: Unit A12 (A) can't be pushed: {off}; muster reserves or choose another."
    watch(node)
    assert refusal(node, c.Push(incident_id=incident_id, unit_ids=("A",))) == words


@pytest.mark.parametrize("kind", [c.Push, c.Reinforce, c.Reassign])
def test_no_way_of_sending_sends_who_is_in_no_shift(node: Node, kind: type[c.Push]) -> None:
    incident_id = node.incident()
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    assert refusal(node, kind(incident_id=incident_id, unit_ids=("B",))).startswith("unit-off-duty")


def test_nor_does_a_repush(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    late = node.picture.incidents[incident_id].assignments[0].assignment_id
    command = c.Repush(incident_id=incident_id, unit_ids=("B",), because_of=late)
    assert refusal(node, command, actor=WATCH).startswith("unit-off-duty: Unit B can't be pushed: it is off duty; muster")


def test_shifts_may_overlap_and_the_later_one_counts(node: Node) -> None:
    plan(node, "late", 7.5, 16, "A", leader="李所长")
    node.now = at(7.75)
    assert stands(node).shift == node.picture.shifts[STATION][1]
    node.now = at(8)
    assert stands(node).until == at(16)


def test_what_the_clock_changes_is_told_once(node: Node) -> None:
    told = node.picture.units["A"]
    assert (told.shift_id, told.off_duty_since, told.status) == ("day", None, UnitStatus.AVAILABLE)
    off = node.picture.units["B"]
    assert (off.status, off.off_duty_since) == (UnitStatus.OUT_OF_SERVICE, START)
    node.now = at(8)
    watch(node)
    told, count = node.picture.units["A"], len(node.journal)
    assert (told.shift_id, told.off_duty_since, told.status) == ("", at(8), UnitStatus.OUT_OF_SERVICE)
    watch(node)
    assert len(node.journal) == count


def test_the_next_change_is_the_nearest_edge(node: Node) -> None:
    plan(node, "late", 7.5, 16, "A")
    assert next_change(node.picture, at(0)) == at(7.5)
    assert next_change(node.picture, at(7.5)) == at(8)
    assert next_change(node.picture, at(16)) is None


def test_a_car_that_is_broken_stays_so_over_the_night(node: Node) -> None:
    node.give(c.SetUnitStatus(unit_id="A", status=UnitStatus.OUT_OF_SERVICE, text="加油"))
    plan(node, "next", 24, 32, "A")
    for hours in (8, 24):
        node.now = at(hours)
        watch(node)
    assert node.picture.units["A"].off_duty_since is None
    assert node.picture.units["A"].status == UnitStatus.OUT_OF_SERVICE
    words = refusal(node, c.Push(incident_id=node.incident(), unit_ids=("A",)))
    assert words == "unit-off-duty: Unit A12 (A) can't be pushed: it is out_of_service; put it into service first or choose another."


def test_who_is_off_duty_gets_no_status_but_out_of_service(node: Node) -> None:
    node.now = at(8)
    words = refusal(node, c.SetUnitStatus(unit_id="A", status=UnitStatus.AVAILABLE))
    assert words.startswith("unit-off-duty: Unit A12 (A) can't be set available: it is off duty since")
    watch(node)
    node.give(c.SetUnitStatus(unit_id="A", status=UnitStatus.OUT_OF_SERVICE))
    plan(node, "late", 8, 16, "A")
    watch(node)
    assert node.picture.units["A"].status == UnitStatus.OUT_OF_SERVICE


def test_an_incident_keeps_its_crew_past_the_end_of_the_shift_until_it_is_released(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    node.now = at(8)
    watch(node)
    overtime = node.picture.units["A"]
    assert (overtime.status, overtime.off_duty_since) == (UnitStatus.DISPATCHED, at(8))
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))  # it is on it already
    node.give(c.Arrive(incident_id=incident_id), crew("A"))
    node.give(c.Clear(incident_id=incident_id), crew("A"))
    assert node.picture.units["A"].status == UnitStatus.OUT_OF_SERVICE
    assert node.picture.units["A"].incident_id is None


def test_the_crew_of_today_is_the_roster_and_what_it_leaves_open_is_as_registered(node: Node) -> None:
    node.unit("A", callsign="A12", members=("old",), trackers=("a-car",), radio_group="g")
    plan(node, "day", 0, 8, Rostered("A", members=("赵", "钱"), vehicle="浙B0001警", trackers=("spare",), beat="b1"))
    watch(node)
    today = node.picture.units["A"].crew
    assert today == Rostered("A", ("赵", "钱"), "浙B0001警", ("spare",), "g", "b1")
    assert node.picture.unit_by_tracker == {"spare": "A"}
    node.now = at(8)
    watch(node)
    assert node.picture.units["A"].crew == Rostered("A", ("old",), "", ("a-car",), "g")
    assert node.picture.unit_by_tracker == {"a-car": "A"}


def test_a_car_speaks_for_the_crew_that_has_it_now(node: Node) -> None:
    plan(node, "day", 0, 8, Rostered("A", trackers=("car",)))
    plan(node, "late", 7.5, 16, Rostered("B", trackers=("car",)))
    plan(node, "night", 16, 24, Rostered("A", trackers=("car",)))
    drivers = []
    for hours in (1, 7.6, 8, 16):
        node.now = at(hours)
        watch(node)
        drivers.append(node.picture.unit_by_tracker["car"])
    assert drivers == ["A", "B", "B", "A"]


# Signing on and off


def test_a_crew_signs_on_and_off_and_is_not_sent_meanwhile(node: Node) -> None:
    incident_id = node.incident()
    assert not stands(node).signed_on
    node.give(c.SignOn(unit_id="A"), crew("A"))
    assert node.give(c.SignOn(unit_id="A"), crew("A")) == ()
    assert stands(node).signed_on
    node.pass_time(600)
    bodies = [type(r.body) for r in node.give(c.SignOff(unit_id="A"), crew("A"))]
    assert bodies == [e.CrewSignedOff, e.DutyEnded]
    assert node.give(c.SignOff(unit_id="A"), crew("A")) == ()
    words = refusal(node, c.Push(incident_id=incident_id, unit_ids=("A",)))
    assert "it signed off 2026-05-01T08:10+00:00; let it sign on, muster reserves or choose another." in words
    assert [type(r.body) for r in node.give(c.SignOn(unit_id="A"))] == [e.CrewSignedOn, e.DutyBegan]
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))


def test_signing_off_holds_until_the_next_shift_begins(node: Node) -> None:
    plan(node, "next", 24, 32, "A")
    node.now = at(8)
    node.give(c.SignOff(unit_id="A"))
    node.now = at(24)
    assert stands(node) == Standing(True, Why.SHIFT, at(24), at(32), node.picture.shifts[STATION][1], signed_on=False)


def test_a_crew_may_sign_on_within_the_hour_before_its_shift(node: Node) -> None:
    plan(node, "night", 12, 20, "B")
    node.now = at(12) - EARLY - timedelta(seconds=1)
    words = refusal(node, c.SignOn(unit_id="B"))
    assert words.startswith("not-rostered: Unit B can't sign on: it is in no shift now, its next, night, begins 2026-05-01T20:00+00:00")
    node.now = at(12) - EARLY
    (signed,) = node.give(c.SignOn(unit_id="B"))
    assert signed.body == e.CrewSignedOn("B", "night")
    assert node.give(c.SignOn(unit_id="B")) == ()
    assert not stands(node, "B").on_duty
    node.now = at(12)
    assert stands(node, "B").signed_on


def test_who_is_planned_for_nothing_is_told_so(node: Node) -> None:
    assert "none is planned for it; put it on the roster or muster reserves." in refusal(node, c.SignOn(unit_id="B"))


def test_a_crew_on_an_incident_does_not_sign_off(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    words = refusal(node, c.SignOff(unit_id="A"), actor=crew("A"))
    assert words.startswith("unit-assigned: Unit A12 (A) can't sign off: it is pushed on incident 1")


def test_crews_sign_on_and_off_also_where_no_roster_is_kept() -> None:
    node = Node()
    node.unit("A")
    node.give(c.SignOff(unit_id="A"))
    assert stands(node).why == Why.SIGNED_OFF
    assert node.picture.units["A"].status == UnitStatus.OUT_OF_SERVICE
    node.give(c.SignOn(unit_id="A"))
    assert node.picture.units["A"].status == UnitStatus.AVAILABLE


# Planning


def test_a_plan_may_be_sent_twice_and_changed_until_it_is_over(node: Node) -> None:
    count = len(node.journal)
    plan(node, "day", 0, 8, "A", leader="王所长", radio_group="海曙1")
    assert len(node.journal) == count
    plan(node, "day", 0, 9, "A", "B", leader="王所长", radio_group="海曙1")
    assert stands(node, "B").on_duty
    node.now = at(9)
    shift = c.PlanShift(org_code=STATION, shift_id="day", name="day", starts_at=at(0), ends_at=at(10))
    assert refusal(node, shift, actor=CHIEF).startswith("shift-over: Shift day (day) ended")
    assert refusal(node, c.CancelShift(org_code=STATION, shift_id="day"), actor=CHIEF).startswith("shift-over")


def test_an_organisation_whose_last_shift_is_cancelled_keeps_no_roster(node: Node) -> None:
    node.give(c.CancelShift(org_code=STATION, shift_id="day"), CHIEF)
    assert node.give(c.CancelShift(org_code=STATION, shift_id="day"), CHIEF) == ()
    assert node.picture.shifts == {}
    watch(node)
    assert [node.picture.units[unit_id].status for unit_id in "AB"] == [UnitStatus.AVAILABLE] * 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"starts_at": START.replace(tzinfo=None)}, "starts_at 2026-05-01T08:00:00 has no offset from UTC; add one, such as +08:00."),
        ({"ends_at": at(1)}, "it lasts from 2026-05-01T09:00+00:00 to 2026-05-01T09:00+00:00; end it after"),
        ({"ends_at": at(49.1)}, "and within 48 hours."),
        ({"starts_at": at(24 * 500), "ends_at": at(24 * 500 + 8)}, "is no time to plan for"),
        ({"crews": (Rostered("Z"),)}, "there is no unit 'Z'; register it or check the id."),
        ({"crews": (Rostered("A"), Rostered("A"))}, "unit A is named more than once"),
        ({"crews": (Rostered("A", trackers=("t",)), Rostered("B", trackers=("t",)))}, "tracker t is given to two crews"),
        ({"crews": (Rostered("A", members=(" ",)),)}, "unit A has an empty entry in members"),
        ({"crews": (Rostered("A", members=("x",) * 21),)}, "unit A has 21 members; give at most 20."),
        ({"crews": (Rostered("A"),), "org_code": COUNTY}, f"unit A12 (A) belongs to {STATION}; plan it there."),
        ({"starts_at": at(-9), "ends_at": at(-1)}, "would end 2026-05-01T07:00+00:00, which is over; plan what is to come."),
    ],
)
def test_a_plan_that_can_not_be_is_refused_by_name(node: Node, fields: dict[str, Any], words: str) -> None:
    known = {"org_code": STATION, "shift_id": "x", "name": "x", "starts_at": at(1), "ends_at": at(9), **fields}
    said = refusal(node, c.PlanShift(**known), actor=CHIEF)
    assert said.startswith("unsound-shift: ")
    assert words in said


def test_shifts_that_ended_days_ago_leave_the_picture_not_the_journal(node: Node) -> None:
    node.now = at(8) + KEPT_FOR
    shift = c.PlanShift(org_code=STATION, shift_id="new", name="new", starts_at=node.now, ends_at=node.now + HOUR)
    node.give(shift, CHIEF)
    assert [shift.shift_id for shift in node.picture.shifts[STATION]] == ["new"]


# Mustering


def test_a_muster_makes_its_crews_pushable_at_once_and_ends_by_its_time(node: Node) -> None:
    muster(node, "B")
    assert stands(node, "B").why == Why.MUSTER
    node.give(c.Push(incident_id=node.incident(), unit_ids=("B",)))  # before anybody has told that it is on duty again
    watch(node)
    assert node.picture.units["B"].off_duty_since is None
    node.pass_time(2 * 3600)
    assert stands(node, "B") == Standing(False, Why.OFF_ROSTER, node.now)
    watch(node)
    assert node.picture.units["B"].off_duty_since == node.now  # overtime


def test_who_does_not_come_is_not_sent_and_the_newest_word_counts(node: Node) -> None:
    muster_id = muster(node, "B")
    incident_id = node.incident()

    def answer(coming: bool) -> tuple[e.Recorded, ...]:
        return node.give(c.AnswerMuster(muster_id=muster_id, unit_id="B", coming=coming), crew("B"))

    assert answer(False)
    assert answer(False) == ()
    assert refusal(node, c.Push(incident_id=incident_id, unit_ids=("B",))).startswith("unit-off-duty")
    answer(True)
    assert stands(node, "B").signed_on
    node.give(c.Push(incident_id=incident_id, unit_ids=("B",)))


def test_a_muster_calls_back_who_has_signed_off_until_they_do_so_again(node: Node) -> None:
    node.give(c.SignOff(unit_id="A"))
    node.pass_time(60)
    muster(node, "A")
    assert stands(node).why == Why.MUSTER
    node.pass_time(60)
    node.give(c.SignOff(unit_id="A"))
    assert stands(node).why == Why.SIGNED_OFF


def test_a_muster_is_ended_by_command(node: Node) -> None:
    muster_id = muster(node, "B")
    node.pass_time(60)
    node.give(c.EndMuster(muster_id=muster_id, text="解除"), CHIEF)
    assert node.give(c.EndMuster(muster_id=muster_id), CHIEF) == ()
    assert stands(node, "B") == Standing(False, Why.OFF_ROSTER, node.now)
    words = refusal(node, c.AnswerMuster(muster_id=muster_id, unit_id="B", coming=True), actor=crew("B"))
    assert words.startswith("muster-over: ")


def test_musters_that_can_not_be_are_refused_by_name(node: Node) -> None:
    def call(**fields: Any) -> c.MusterReserves:
        return c.MusterReserves(**{"org_code": STATION, "text": "x", "until": at(1), "unit_ids": ("B",), **fields})

    assert refusal(node, call(text=" "), actor=CHIEF).startswith("text-missing")
    assert refusal(node, call(unit_ids=()), actor=CHIEF).startswith(f"nobody-to-muster: {STATION} has no crew off duty")
    assert refusal(node, call(until=START), actor=CHIEF).startswith("implausible-time")
    assert refusal(node, call(until=at(49)), actor=CHIEF).startswith("implausible-time")
    assert refusal(node, call(unit_ids=("Z",)), NotFound, actor=CHIEF).startswith("unknown-unit")
    node.give(call(), CHIEF)
    assert node.give(call(), CHIEF) == ()
    (muster_id,) = node.picture.musters
    assert refusal(node, c.AnswerMuster(muster_id=muster_id, unit_id="A", coming=True)).startswith("not-mustered")
    assert refusal(node, c.EndMuster(muster_id="none"), NotFound, actor=CHIEF).startswith("unknown-muster")


def test_a_mustered_crew_whose_car_is_broken_stays_where_it_is(node: Node) -> None:
    node.give(c.SetUnitStatus(unit_id="B", status=UnitStatus.OUT_OF_SERVICE))
    muster(node, "B")
    assert "it is out_of_service" in refusal(node, c.Push(incident_id=node.incident(), unit_ids=("B",)))
    assert status_at(node.picture.units["B"], stands(node, "B")) == UnitStatus.OUT_OF_SERVICE


# Own tasks


def test_a_unit_that_may_be_called_away_goes_and_what_it_leaves_is_on_record(node: Node) -> None:
    node.give(c.SetUnitStatus(unit_id="A", status=UnitStatus.COMMITTED_DEPLOYABLE, text="学校门口护学"))
    assert node.picture.units["A"].task == "学校门口护学"
    (pushed,) = node.give(c.Push(incident_id=node.incident(), unit_ids=("A",)))
    assert isinstance(pushed.body, e.UnitPushed)
    assert pushed.body.leaves == "学校门口护学"
    assert node.picture.units["A"].task == ""


def test_a_unit_that_may_not_be_called_away_stays(node: Node) -> None:
    node.give(c.SetUnitStatus(unit_id="A", status=UnitStatus.COMMITTED, text="押解"))
    words = refusal(node, c.Push(incident_id=node.incident(), unit_ids=("A",)))
    assert words.startswith("unit-busy: Unit A12 (A) can't be pushed: it is committed on its own task")


# The hand-over sheet


def test_two_leaders_sign_the_same_sheet(node: Node) -> None:
    node.now = at(8)

    def sign(side: str, name: str = "王所长", revision: int | None = None) -> c.SignShiftHandover:
        return c.SignShiftHandover(org_code=STATION, shift_id="day", side=side, name=name, revision=revision or node.picture.revision)

    first = sign("outgoing")
    node.give(first, CHIEF)
    assert node.give(first, CHIEF) == ()
    assert refusal(node, sign("outgoing", "李所长"), actor=DESK).startswith(
        "already-signed: The outgoing side of shift day was signed by 王所长"
    )
    assert refusal(node, sign("incoming", "李所长", first.revision), actor=CHIEF).startswith("already-signed: chen has signed the outgoing")
    assert refusal(node, sign("incoming", "李所长"), actor=DESK).startswith("unsound-signature: 王所长 signed the sheet as of revision")
    assert refusal(node, sign("sideways"), actor=DESK).startswith("unsound-signature: side 'sideways'")
    node.give(sign("incoming", "李所长", first.revision), DESK)
    (shift,) = node.picture.shifts[STATION]
    assert [(s.side, s.name, s.actor, s.revision) for s in shift.signed] == [
        ("outgoing", "王所长", "chen", first.revision),
        ("incoming", "李所长", "li", first.revision),
    ]


def test_nobody_signs_what_is_not_there(node: Node) -> None:
    plan(node, "late", 8, 16, "A")

    def sign(**fields: Any) -> c.SignShiftHandover:
        return c.SignShiftHandover(**{"org_code": STATION, "shift_id": "day", "side": "outgoing", "name": "王", "revision": 1, **fields})

    assert refusal(node, sign(shift_id="none"), NotFound).startswith("unknown-shift")
    assert refusal(node, sign(shift_id="late")).startswith("unsound-signature: Shift late begins")
    assert refusal(node, sign(name=" ")).startswith("name-missing")
    assert refusal(node, sign(revision=node.picture.revision + 1)).startswith("unsound-signature: There is no revision")


def test_a_unit_of_an_old_snapshot_is_on_duty(node: Node) -> None:
    old = Node()
    old.unit("A")
    assert change_of(old.picture, old.picture.units["A"], old.now) is None
    assert fold(OperatingPicture(), old.journal) == old.picture
