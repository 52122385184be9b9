"""When each step is due, whom that is told to and when, and when others are sent."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dispatch import commands as c
from dispatch.commands import Command
from dispatch.deadlines import (
    Deadline,
    OnMiss,
    Targets,
    alarms,
    deadlines,
    is_done,
    load_targets,
    notices,
    others_to_send,
    supervised,
)
from dispatch.model import Area, Grade, Incident, Step
from tests.dispatch.driver import CHAINS, CITY, COUNTY, DESK, START, STATION, Node, Watch, crew
from tests.dispatch.test_targets import changed

TARGETS = load_targets()
LOUD, QUIET, OTHERS = OnMiss.ALARM, OnMiss.SUPERVISE, OnMiss.REPUSH
DAY_S = 86_400

# Seconds for the grades 1 to 4 and the event the clock starts from; 0: measured only. A place of unknown kind counts as town.
ARRIVE = {
    None: (300, 300, 900, 0),
    Area.TOWN: (300, 300, 900, 0),
    Area.OUTSKIRTS: (600, 600, 1500, 0),
    Area.COUNTRY: (0, 0, 0, 0),
}
EXPECTED = {
    (step, area): row
    for area in ARRIVE
    for step, row in {
        Step.ACKNOWLEDGE: ("push", (30, 30, 60, 180), OTHERS),
        Step.DEPART: ("acknowledge", (60, 60, 180, 0), LOUD),
        Step.ARRIVE: ("push", ARRIVE[area], LOUD),
        Step.FEEDBACK: ("arrive", (600, 600, 1800, 0), LOUD),
        Step.REVIEW: ("feedback", (DAY_S, DAY_S, DAY_S, DAY_S), LOUD),
    }.items()
}
# When each thing is done in these tests, in seconds after the start: all different, so that it shows which one a clock starts from.
DONE_AT = {"push": 11, "acknowledge": 23, "depart": 41, "arrive": 67, "feedback": 97}
BEFORE = {
    Step.ACKNOWLEDGE: ("push",),
    Step.DEPART: ("push", "acknowledge"),
    Step.ARRIVE: ("push", "acknowledge", "depart"),
    Step.FEEDBACK: ("push", "acknowledge", "depart", "arrive"),
    Step.REVIEW: ("push", "acknowledge", "depart", "arrive", "feedback"),
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def seconds_of(instant: datetime) -> float:
    return (instant - START).total_seconds()


def only(node: Node) -> Incident:
    """The incident, where there is one."""
    (incident,) = node.picture.incidents.values()
    return incident


def due(node: Node, targets: Targets = TARGETS) -> dict[tuple[Step, str], float]:
    """Seconds after the start at which each step of each unit is due; the review belongs to none."""
    return {(d.step, d.unit_id): seconds_of(d.due_at) for d in deadlines(only(node), targets)}


def told(node: Node) -> list[tuple[Step, int, str, float]]:
    """Step, level, who was told, and how many seconds after the start; quiet ones with the list's name for who."""
    return [(m.step, m.level, "list" if m.quiet else m.org_code, seconds_of(m.told_at)) for m in only(node).misses]


def do(node: Node, incident_id: str, what: str) -> None:
    commands: dict[str, Command] = {
        "push": c.Push(incident_id=incident_id, unit_ids=("A",)),
        "acknowledge": c.Acknowledge(incident_id=incident_id, unit_ids=("A",)),
        "depart": c.Depart(incident_id=incident_id, unit_ids=("A",)),
        "arrive": c.Arrive(incident_id=incident_id, unit_ids=("A",)),
        "feedback": c.Feedback(incident_id=incident_id, unit_ids=("A",), text="settled"),
    }
    node.give(commands[what])


def done_so_far(node: Node, things: tuple[str, ...], **fields: object) -> str:
    """An incident at which unit A has done these things, each at its own instant."""
    node.unit("A")
    incident_id = node.incident(**fields)
    for thing in things:
        node.now = at(DONE_AT[thing])
        do(node, incident_id, thing)
    return incident_id


def pushed(node: Node, *unit_ids: str, **fields: object) -> str:
    """An incident to which these units are pushed at the start."""
    for unit_id in unit_ids:
        node.unit(unit_id)
    incident_id = node.incident(**fields)
    node.give(c.Push(incident_id=incident_id, unit_ids=unit_ids))
    return incident_id


# Due


@pytest.mark.parametrize("grade", Grade)
@pytest.mark.parametrize(("step", "area"), EXPECTED)
def test_each_row_of_the_built_in_targets(node: Node, step: Step, area: Area | None, grade: Grade) -> None:
    start, seconds, on_miss = EXPECTED[step, area]
    done_so_far(node, BEFORE[step], area=area, grade=grade)
    found = [d for d in deadlines(only(node), TARGETS) if d.step == step]
    if not seconds[grade - 1]:
        assert found == []
        return
    (deadline,) = found
    assert seconds_of(deadline.due_at) == DONE_AT[start] + seconds[grade - 1]
    assert deadline.on_miss == (on_miss if grade <= Grade.URGENT else QUIET)
    (assignment,) = only(node).assignments
    assert (deadline.assignment_id, deadline.unit_id) == (("", "") if step == Step.REVIEW else (assignment.assignment_id, "A"))


@pytest.mark.parametrize("grade", [Grade.MAJOR, Grade.URGENT, Grade.ORDINARY])
def test_nobody_has_to_arrive_in_the_country_in_a_given_time(node: Node, grade: Grade) -> None:
    pushed(node, "A", area=Area.COUNTRY, grade=grade)
    assert [step for step, _ in due(node)] == [Step.ACKNOWLEDGE]


def test_of_a_non_police_matter_only_the_acknowledgement_and_the_review_are_due(node: Node) -> None:
    incident_id = pushed(node, "A", grade=Grade.NON_POLICE)
    assert list(due(node)) == [(Step.ACKNOWLEDGE, "A")]
    do(node, incident_id, "arrive")
    assert due(node) == {}
    do(node, incident_id, "feedback")
    assert list(due(node)) == [(Step.REVIEW, "")]


@pytest.mark.parametrize(
    ("reached", "left"),
    [
        ("acknowledge", [Step.DEPART, Step.ARRIVE]),
        ("depart", [Step.ARRIVE]),
        ("arrive", [Step.FEEDBACK, Step.CHECK_IN]),
        ("feedback", [Step.REVIEW]),
    ],
)
def test_a_stage_that_was_left_out_counts_as_done(node: Node, reached: str, left: list[Step]) -> None:
    incident_id = pushed(node, "A")
    do(node, incident_id, reached)
    assert [step for step, _ in due(node)] == left


def test_the_clock_of_a_stage_that_was_left_out_starts_where_the_crew_went_past_it(node: Node, tmp_path: Path) -> None:
    targets = load_targets(changed(tmp_path, 'area = "town"\nfrom = "unit_pushed"', 'area = "town"\nfrom = "acknowledged"'))
    incident_id = pushed(node, "A", area=Area.TOWN)
    assert (Step.ARRIVE, "A") not in due(node, targets)
    node.pass_time(20)
    do(node, incident_id, "depart")
    assert due(node, targets) == {(Step.ARRIVE, "A"): 320}


def test_what_the_desk_enters_counts_from_when_it_happened(node: Node) -> None:
    incident_id = pushed(node, "A")
    node.pass_time(50)
    node.give(c.Acknowledge(incident_id=incident_id, happened_at=at(20), on_behalf_of="Zhang", channel="radio"))
    assert due(node) == {(Step.DEPART, "A"): 80, (Step.ARRIVE, "A"): 300}


def test_the_soonest_comes_first(node: Node) -> None:
    incident_id = pushed(node, "A", "B")
    node.pass_time(25)
    do(node, incident_id, "acknowledge")
    assert list(due(node).items()) == [
        ((Step.ACKNOWLEDGE, "B"), 30),
        ((Step.DEPART, "A"), 85),
        ((Step.ARRIVE, "A"), 300),
        ((Step.ARRIVE, "B"), 300),
    ]


def test_another_grade_moves_what_is_due(node: Node) -> None:
    incident_id = pushed(node, "A", grade=Grade.ORDINARY)
    assert due(node) == {(Step.ACKNOWLEDGE, "A"): 60, (Step.ARRIVE, "A"): 900}
    node.give(c.Classify(incident_id=incident_id, grade=Grade.MAJOR))
    assert due(node) == {(Step.ACKNOWLEDGE, "A"): 30, (Step.ARRIVE, "A"): 300}
    node.give(c.Classify(incident_id=incident_id, grade=Grade.NON_POLICE))
    assert due(node) == {(Step.ACKNOWLEDGE, "A"): 180}


def test_another_place_moves_what_is_due(node: Node) -> None:
    incident_id = pushed(node, "A", area=Area.TOWN)
    for area, seconds in ((Area.OUTSKIRTS, 600), (Area.COUNTRY, None), (Area.TOWN, 300)):
        node.give(c.Locate(incident_id=incident_id, lon=121.7, lat=29.9, area=area))
        assert due(node).get((Step.ARRIVE, "A")) == seconds


def test_each_crew_has_its_own_deadlines_and_other_services_have_none(node: Node) -> None:
    node.unit("auxiliary", auxiliary=True)
    incident_id = pushed(node, "A")
    node.give(c.CallService(incident_id=incident_id, service="119"))
    node.pass_time(5)
    node.give(c.Reinforce(incident_id=incident_id, unit_ids=("auxiliary",)))
    acknowledge = {unit_id: seconds for (step, unit_id), seconds in due(node).items() if step == Step.ACKNOWLEDGE}
    assert acknowledge == {"A": 30, "auxiliary": 35}


@pytest.mark.parametrize(
    "gone",
    [
        lambda i: c.Recall(incident_id=i),
        lambda i: c.Cancel(incident_id=i),
        lambda i: c.Close(incident_id=i, disposition="settled"),
    ],
)
def test_of_a_crew_that_is_gone_and_an_incident_that_has_ended_nothing_is_due(node: Node, gone: Callable[[str], Command]) -> None:
    node.give(gone(pushed(node, "A")))
    assert due(node) == {}


def test_after_reopening_nothing_is_due_before_somebody_is_sent(node: Node) -> None:
    incident_id = pushed(node, "A")
    node.give(c.Cancel(incident_id=incident_id))
    node.pass_time(1000)
    node.give(c.Reopen(incident_id=incident_id, text="again"))
    assert due(node) == {}
    do(node, incident_id, "push")
    assert due(node) == {(Step.ACKNOWLEDGE, "A"): 1030, (Step.ARRIVE, "A"): 1300}


# The review


def rounds(node: Node) -> list[tuple[int, float]]:
    """Round of the review and when it is due, where one is."""
    return [(d.round, seconds_of(d.due_at)) for d in deadlines(only(node), TARGETS) if d.step == Step.REVIEW]


def test_the_review_is_due_a_day_after_the_feedback_it_is_of(node: Node) -> None:
    incident_id = done_so_far(node, BEFORE[Step.REVIEW])
    assert rounds(node) == [(1, 97 + DAY_S)]
    node.now = at(3600)
    do(node, incident_id, "feedback")  # more of it does not put the review off
    assert rounds(node) == [(1, 97 + DAY_S)]
    node.give(c.Return(incident_id=incident_id, text="names are missing"))
    assert rounds(node) == []
    node.now = at(2 * DAY_S)
    do(node, incident_id, "feedback")
    assert rounds(node) == [(2, 3 * DAY_S)]
    node.give(c.Review(incident_id=incident_id))
    assert rounds(node) == []


def test_feedback_after_the_review_has_to_be_reviewed_again(node: Node) -> None:
    incident_id = pushed(node, "A", "B")
    do(node, incident_id, "feedback")
    node.give(c.Review(incident_id=incident_id))
    node.now = at(2 * DAY_S)
    node.give(c.Feedback(incident_id=incident_id, text="one more thing"), crew("B"))
    assert rounds(node) == [(2, 3 * DAY_S)]


def test_a_review_that_was_late_is_told_again_when_it_is_late_again(node: Node) -> None:
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A", grade=Grade.ORDINARY)
    do(node, incident_id, "feedback")
    watch.pass_time(DAY_S + 100)
    node.give(c.Return(incident_id=incident_id, text="names are missing"))
    assert supervised(only(node)) == []
    do(node, incident_id, "feedback")
    assert supervised(only(node)) == []
    watch.pass_time(DAY_S)
    assert told(node) == [(Step.REVIEW, 0, "list", DAY_S), (Step.REVIEW, 0, "list", 2 * DAY_S + 100)]


def test_the_review_is_due_whoever_becomes_responsible(node: Node) -> None:
    incident_id = pushed(node, "A", "B")
    do(node, incident_id, "feedback")
    node.give(c.NameLead(incident_id=incident_id, unit_ids=("B",)))
    assert rounds(node) == []
    node.pass_time(60)
    node.give(c.Feedback(incident_id=incident_id, text="settled"), crew("B"))
    assert rounds(node) == [(2, DAY_S + 60)]


def test_a_deadline_of_the_whole_incident_names_no_crew(node: Node) -> None:
    incident_id = pushed(node, "A")
    do(node, incident_id, "feedback")
    assert deadlines(only(node), TARGETS) == [Deadline(Step.REVIEW, 1, at(DAY_S), LOUD)]
    node.give(c.Close(incident_id=incident_id), DESK)
    assert deadlines(only(node), TARGETS) == []


# Told


def test_what_is_late_is_told_to_its_owner_at_the_instant_and_climbs_every_minute(node: Node) -> None:
    watch = Watch(node, TARGETS)
    pushed(node, "A")
    watch.pass_time(29.999)
    assert told(node) == []
    watch.pass_time(10_000)
    assert told(node) == [
        (Step.ACKNOWLEDGE, 0, STATION, 30),
        (Step.ACKNOWLEDGE, 1, COUNTY, 90),
        (Step.ACKNOWLEDGE, 2, CITY, 150),
        (Step.ARRIVE, 0, STATION, 300),
        (Step.ARRIVE, 1, COUNTY, 360),
        (Step.ARRIVE, 2, CITY, 420),
    ]


@pytest.mark.parametrize("owner", CHAINS)
def test_there_are_never_more_levels_than_organisations_above(node: Node, owner: str) -> None:
    watch = Watch(node, TARGETS)
    pushed(node, "A", org_code=owner, area=Area.COUNTRY)
    watch.pass_time(10_000)
    assert [org_code for _, _, org_code, _ in told(node)] == list(CHAINS[owner])
    assert notices(only(node), TARGETS, len(CHAINS[owner])) == []


@pytest.mark.parametrize("grade", [Grade.ORDINARY, Grade.NON_POLICE])
def test_quiet_ones_are_listed_once_and_never_climb(node: Node, grade: Grade) -> None:
    watch = Watch(node, TARGETS)
    pushed(node, "A", grade=grade, area=Area.COUNTRY)
    watch.pass_time(10_000)
    assert told(node) == [(Step.ACKNOWLEDGE, 0, "list", 60 if grade == Grade.ORDINARY else 180)]
    assert (alarms(only(node)), [m.step for m in supervised(only(node))]) == ([], [Step.ACKNOWLEDGE])


def test_a_refusal_that_leaves_nobody_is_an_alarm_until_another_is_sent(node: Node) -> None:
    node.unit("C")
    incident_id = pushed(node, "A", "B", grade=Grade.MAJOR)
    watch = Watch(node, TARGETS)
    node.give(c.Refuse(incident_id=incident_id, unit_ids=("A",), text="car broken"))
    assert (Step.SEND, "A") not in due(node)  # B is still to come
    node.give(c.Refuse(incident_id=incident_id, unit_ids=("B",), text="has arrested somebody"))
    assert due(node) == {(Step.SEND, "B"): 10}
    watch.pass_time(9)
    assert told(node) == []
    watch.pass_time(62)
    assert told(node) == [(Step.SEND, 0, STATION, 10), (Step.SEND, 1, COUNTY, 70)]
    assert {miss.step for miss in alarms(only(node))} == {Step.SEND}
    node.give(c.Push(incident_id=incident_id, unit_ids=("C",)))
    assert alarms(only(node)) == []


def test_a_crew_that_the_desk_recalls_or_that_has_been_there_leaves_nothing_to_be_sent(node: Node) -> None:
    incident_id = pushed(node, "A", "B", grade=Grade.ORDINARY)
    node.give(c.Refuse(incident_id=incident_id, unit_ids=("A",), text="car broken"))
    node.now = at(1)
    node.give(c.Recall(incident_id=incident_id, unit_ids=("B",), text="not needed"))
    assert due(node) == {}
    node.give(c.Push(incident_id=incident_id, unit_ids=("A", "B")))
    node.give(c.Arrive(incident_id=incident_id, unit_ids=("A",)))
    node.give(c.Clear(incident_id=incident_id, unit_ids=("A",)))
    node.now = at(2)
    node.give(c.Refuse(incident_id=incident_id, unit_ids=("B",), text="too far"))
    assert due(node) == {}


def test_whoever_takes_an_alarm_on_stops_it_there(node: Node) -> None:
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A")
    watch.pass_time(95)
    assert [m.level for m in alarms(only(node))] == [0, 1]
    node.give(c.TakeAlarm(incident_id=incident_id))
    assert alarms(only(node)) == []
    watch.pass_time(300)
    assert [(step, level) for step, level, _, _ in told(node)] == [
        (Step.ACKNOWLEDGE, 0),
        (Step.ACKNOWLEDGE, 1),
        (Step.ARRIVE, 0),  # another step is another alarm
        (Step.ARRIVE, 1),
    ]


def test_what_is_done_is_no_alarm_any_more(node: Node) -> None:
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A")
    watch.pass_time(50)
    do(node, incident_id, "acknowledge")
    assert alarms(only(node)) == []
    watch.pass_time(59)
    assert told(node) == [(Step.ACKNOWLEDGE, 0, STATION, 30)]


def test_done_at_the_very_instant_is_in_time(node: Node) -> None:
    incident_id = pushed(node, "A", area=Area.COUNTRY)
    node.pass_time(30)
    do(node, incident_id, "arrive")
    Watch(node, TARGETS).tell()
    assert told(node) == []


def test_each_push_is_a_round_of_its_own(node: Node) -> None:
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A")
    watch.pass_time(40)
    node.give(c.Recall(incident_id=incident_id))
    do(node, incident_id, "push")
    watch.pass_time(31)
    assert told(node) == [(Step.ACKNOWLEDGE, 0, STATION, 30), (Step.ACKNOWLEDGE, 0, STATION, 70)]
    assert [m.round for m in only(node).misses] == [0, 1]


def test_a_grade_raised_late_alarms_the_owner_first(node: Node) -> None:
    """It was on the quiet list, or not late at all; now it is: nobody is passed over on the way up."""
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A", grade=Grade.ORDINARY)
    watch.pass_time(500)
    assert told(node) == [(Step.ACKNOWLEDGE, 0, "list", 60)]
    node.give(c.Classify(incident_id=incident_id, grade=Grade.MAJOR))
    watch.pass_time(61)
    assert told(node)[1:] == [
        (Step.ACKNOWLEDGE, 0, STATION, 500),
        (Step.ARRIVE, 0, STATION, 500),
        (Step.ACKNOWLEDGE, 1, COUNTY, 560),
        (Step.ARRIVE, 1, COUNTY, 560),
    ]
    assert [seconds_of(m.due_at) for m in only(node).misses[1:]] == [30, 300, 30, 300]


def test_a_grade_lowered_late_goes_to_the_list_and_no_further_up(node: Node) -> None:
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A", area=Area.COUNTRY)
    watch.pass_time(45)
    node.give(c.Classify(incident_id=incident_id, grade=Grade.ORDINARY))
    watch.pass_time(1000)
    assert told(node) == [(Step.ACKNOWLEDGE, 0, STATION, 30), (Step.ACKNOWLEDGE, 0, "list", 60)]


def test_an_alarm_waits_when_the_place_gives_more_time(node: Node) -> None:
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A", area=Area.TOWN)
    do(node, incident_id, "depart")
    watch.pass_time(310)
    node.give(c.Locate(incident_id=incident_id, lon=121.7, lat=29.9, area=Area.OUTSKIRTS))
    watch.pass_time(400)
    assert told(node) == [(Step.ARRIVE, 0, STATION, 300), (Step.ARRIVE, 1, COUNTY, 660)]


def test_what_became_due_while_nothing_ran_is_told_level_by_level(node: Node) -> None:
    pushed(node, "A", area=Area.COUNTRY)
    node.pass_time(1000)
    Watch(node, TARGETS).pass_time(70)
    assert told(node) == [(Step.ACKNOWLEDGE, 0, STATION, 1000), (Step.ACKNOWLEDGE, 1, COUNTY, 1060)]
    assert {seconds_of(m.due_at) for m in only(node).misses} == {30}


def test_an_ended_incident_has_neither_alarms_nor_a_place_on_the_list(node: Node) -> None:
    watch = Watch(node, TARGETS)
    for grade in (Grade.MAJOR, Grade.ORDINARY):
        node.unit(f"A{grade}")
        incident_id = node.incident(grade=grade)
        node.give(c.Push(incident_id=incident_id, unit_ids=(f"A{grade}",)))
    watch.pass_time(61)
    loud, quiet = node.picture.open_incidents()
    assert (len(alarms(loud)), len(supervised(quiet))) == (1, 1)
    for incident in (loud, quiet):
        node.give(c.Close(incident_id=incident.incident_id, disposition="settled"))
        ended = node.picture.incidents[incident.incident_id]
        assert (alarms(ended), supervised(ended), notices(ended, TARGETS, 3)) == ([], [], [])


def test_a_step_is_done_for_the_watch_when_its_crew_or_its_round_is_gone(node: Node) -> None:
    incident_id = pushed(node, "A")
    (assignment,) = only(node).assignments
    assert not is_done(only(node), Step.ARRIVE, assignment.assignment_id, 0)
    assert is_done(only(node), Step.ARRIVE, "no such", 0)
    assert is_done(only(node), Step.REVIEW, "", 0)
    do(node, incident_id, "feedback")
    assert is_done(only(node), Step.ARRIVE, assignment.assignment_id, 0)
    assert not is_done(only(node), Step.REVIEW, "", 1)
    assert is_done(only(node), Step.REVIEW, "", 0)
    node.give(c.Clear(incident_id=incident_id))
    assert is_done(only(node), Step.FEEDBACK, assignment.assignment_id, 0)


# Others


def countdowns(node: Node) -> list[tuple[str, float]]:
    """Crews that do not answer, and when others are sent."""
    return [(s.deadline.unit_id, seconds_of(s.at)) for s in others_to_send(only(node), TARGETS)]


@pytest.mark.parametrize("grade", Grade)
def test_only_a_missed_acknowledgement_of_the_two_highest_grades_sends_others(node: Node, grade: Grade) -> None:
    watch = Watch(node, TARGETS)
    pushed(node, "A", grade=grade)
    watch.pass_time(29)
    assert countdowns(node) == []
    watch.pass_time(2000)  # by now the arrival is late as well
    assert countdowns(node) == ([("A", 40)] if grade <= Grade.URGENT else [])


@pytest.mark.parametrize("what", ["depart", "arrive", "feedback"])
def test_other_late_steps_send_nobody(node: Node, what: str) -> None:
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A")
    for earlier in itertools.takewhile(lambda thing: thing != what, ("acknowledge", "depart", "arrive")):
        do(node, incident_id, earlier)
    watch.pass_time(2000)
    assert told(node)
    assert countdowns(node) == []


def test_nothing_counts_down_before_the_miss_is_on_record(node: Node) -> None:
    incident_id = pushed(node, "A")
    node.pass_time(1000)
    assert countdowns(node) == []
    Watch(node, TARGETS).tell()
    assert countdowns(node) == [("A", 1010)]  # the operator has the whole countdown to stop it
    do(node, incident_id, "acknowledge")
    assert countdowns(node) == []


def test_a_countdown_that_the_operator_stopped_does_not_start_again(node: Node) -> None:
    watch = Watch(node, TARGETS, lambda incident: "B")
    node.unit("B")
    incident_id = pushed(node, "A")
    watch.pass_time(35)
    (first,) = only(node).assignments
    node.give(c.StopRepush(incident_id=incident_id, assignment_id=first.assignment_id))
    watch.pass_time(1000)
    assert countdowns(node) == []
    assert len(only(node).assignments) == 1


def test_others_are_sent_once_and_then_in_turn(node: Node) -> None:
    free = ["C", "B"]
    watch = Watch(node, TARGETS, lambda incident: free.pop() if free else None)
    for unit_id in ("B", "C"):
        node.unit(unit_id)
    pushed(node, "A")
    watch.pass_time(10_000)
    pushes = [(a.unit_id, seconds_of(a.pushed_at), a.because_of) for a in only(node).assignments]
    ids = {a.unit_id: a.assignment_id for a in only(node).assignments}
    assert pushes == [("A", 0, ""), ("B", 40, ids["A"]), ("C", 80, ids["B"])]
    assert countdowns(node) == [("C", 120)]  # nobody is left to send


def test_when_nobody_could_be_sent_the_countdown_stays_to_be_looked_at_again(node: Node) -> None:
    pushed(node, "A")
    Watch(node, TARGETS).pass_time(100)
    assert countdowns(node) == [("A", 40)]
    node.unit("B")
    Watch(node, TARGETS, lambda incident: "B").tell()
    assert [(a.unit_id, seconds_of(a.pushed_at)) for a in only(node).assignments] == [("A", 0), ("B", 100)]


def test_a_grade_raised_late_leaves_the_whole_countdown(node: Node) -> None:
    watch = Watch(node, TARGETS)
    incident_id = pushed(node, "A", grade=Grade.ORDINARY)
    watch.pass_time(100)
    node.give(c.Classify(incident_id=incident_id, grade=Grade.MAJOR))
    watch.tell()
    assert countdowns(node) == [("A", 110)]
    node.give(c.Classify(incident_id=incident_id, grade=Grade.ORDINARY))
    assert countdowns(node) == []
