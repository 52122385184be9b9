"""Whatever desks, crews and the deadline watch do: no event is lost, no state is illegal, nothing late is missed or told twice.

`CheckedNode` looks at the picture before and after each command, whoever gave it; what must hold then is told apart from the
code that makes it so: by the events that were recorded, and by the table of targets written out in `test_deadlines`.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import commands as c
from dispatch import events as e
from dispatch.commands import Command
from dispatch.deadlines import OnMiss, load_targets
from dispatch.duty_events import BroadcastEvent, DutyCircleEvent
from dispatch.errors import DispatchError
from dispatch.event_bases import OrganisationEvent
from dispatch.evolve import fold
from dispatch.evolve_after_action import AfterActionEvent
from dispatch.model import Actor, Area, Assignment, AssignmentStage, Grade, Incident, Miss, Stage, Step, UnitStatus
from dispatch.picture import OperatingPicture
from tests.dispatch.driver import CHAINS, CITY, DESK, START, STATION, WATCH, Node, Watch, crew
from tests.dispatch.test_deadlines import EXPECTED
from tests.dispatch.test_live_equals_cold import assert_consistent

CREWS, AUXILIARY = ("A", "B", "C"), "X"
UNITS = (*CREWS, AUXILIARY)
DESKS = (Actor("wang", "operator", STATION), DESK, Actor("chen", "commander", CITY))
RELEASING_ENDS = (e.IncidentClosed, e.IncidentEnded)
ENDS = (*RELEASING_ENDS, e.IncidentMerged)
LEAVES = (e.PushRecalled, e.PushRefused, e.UnitReleased)
# Each of these says something anew every time it is sent; under a key of its sender it is still done once.
SAID_AGAIN = (c.Note, c.Feedback, c.CallBack, c.Split, c.ReceiveIncident)
REACHED = {
    AssignmentStage.ACKNOWLEDGED: "acknowledged_at",
    AssignmentStage.EN_ROUTE: "departed_at",
    AssignmentStage.ON_SCENE: "arrived_at",
    AssignmentStage.FEEDBACK: "feedback_at",
}
# What a correction of one of these stages sets going anew.
HANGS_ON = {
    Step.ACKNOWLEDGE: {AssignmentStage.ACKNOWLEDGED},
    Step.DEPART: {AssignmentStage.ACKNOWLEDGED, AssignmentStage.EN_ROUTE},
    Step.ARRIVE: {AssignmentStage.ACKNOWLEDGED, AssignmentStage.EN_ROUTE, AssignmentStage.ON_SCENE},
    Step.FEEDBACK: set(REACHED),
    Step.CHECK_IN: {AssignmentStage.ON_SCENE},
}
# Fifteen minutes, and one to answer; of the types and grades that occur here.
CHECK_IN_S = {Grade.MAJOR: 960, Grade.URGENT: 960, Grade.ORDINARY: 0, Grade.NON_POLICE: 0}
PENDING = {
    Step.ACKNOWLEDGE: {AssignmentStage.PUSHED},
    Step.DEPART: {AssignmentStage.ACKNOWLEDGED},
    Step.ARRIVE: {AssignmentStage.PUSHED, AssignmentStage.ACKNOWLEDGED, AssignmentStage.EN_ROUTE},
    Step.FEEDBACK: {AssignmentStage.ON_SCENE},
}
MINUTE, COUNTDOWN = timedelta(seconds=60), timedelta(seconds=10)


class Late(NamedTuple):
    """A step that is not done, by the table of targets alone."""

    step: Step
    assignment_id: str
    round: int
    due_at: datetime
    on_miss: OnMiss


class CheckedNode(Node):
    """A node that is held to everything that must be so after each command."""

    def __init__(self) -> None:
        super().__init__()
        self.changed_at: dict[str, datetime] = {}  # by incident: when people last changed it
        self.up_for_review: dict[str, tuple[int, datetime]] = {}  # by incident: how often feedback came up for review, and when last
        self.found_nobody: set[str] = set()  # incidents for which no other crew was free at some time

    def give(self, command: Command, actor: Actor = DESK) -> tuple[e.Recorded, ...]:
        before, count = self.picture, len(self.journal)
        try:
            records = super().give(command, actor)
        except DispatchError:
            self._check_untouched(before, count)
            raise
        assert self.journal[count:] == list(records)
        self._check_nothing_lost(before, records)
        self._check_units(before, records)
        for recorded in records:
            if isinstance(recorded.body, e.DeadlineMissed):
                self._check_miss(before.incidents[recorded.body.incident_id], recorded.body)
            if isinstance(recorded.body, e.UnitPushed) and recorded.body.because_of:
                self._check_repush(before.incidents[recorded.body.incident_id], recorded.body)
        for incident_id in {r.incident_id for r in records if r.incident_id is not None}:
            own = [r for r in records if r.incident_id == incident_id]
            was, now = before.incidents.get(incident_id), self.picture.incidents[incident_id]
            self._note(was, now, own, actor)
            check_ends(was, now, own)
            check_merger(now, own, before)
            check_owner(was, now, own)
            check_lead(was, now, own)
            check_order(was, now, own)
            check_stage(now, self.picture)
        assert_consistent(self.picture)
        return records

    def _check_untouched(self, before: OperatingPicture, count: int) -> None:
        assert self.picture is before
        assert len(self.journal) == count

    def _note(self, was: Incident | None, now: Incident, own: list[e.Recorded], actor: Actor) -> None:
        if actor is not WATCH:
            self.changed_at[now.incident_id] = self.now
        if now.stage == Stage.FEEDBACK and (was is None or was.stage != Stage.FEEDBACK):
            times, _ = self.up_for_review.get(now.incident_id, (0, START))
            self.up_for_review[now.incident_id] = (times + 1, own[-1].occurred_at)

    def _check_nothing_lost(self, before: OperatingPicture, records: tuple[e.Recorded, ...]) -> None:
        assert [r.revision for r in records] == list(range(before.revision + 1, self.picture.revision + 1))
        for incident_id, incident in self.picture.incidents.items():
            version = before.incidents[incident_id].version if incident_id in before.incidents else 0
            assert incident.version == version + sum(r.incident_id == incident_id for r in records)
        numbers = [incident.number for incident in self.picture.incidents.values()]
        assert len(set(numbers)) == len(numbers)

    def _check_units(self, before: OperatingPicture, records: tuple[e.Recorded, ...]) -> None:
        """A unit leaves an incident only by an event of that incident that says so, and never straight for another one."""
        for unit_id, unit in self.picture.units.items():
            was = before.units[unit_id].incident_id if unit_id in before.units else None
            if was is None or was == unit.incident_id:
                continue
            assert unit.incident_id is None
            of_it = [r.body for r in records if r.incident_id == was and isinstance(r.body, (*RELEASING_ENDS, *LEAVES))]
            assert any(isinstance(body, RELEASING_ENDS) or body.unit_id == unit_id for body in of_it)

    # What is late

    def late(self, incident: Incident) -> list[Late]:
        """What is not done on an incident and when it is due, as the table of targets says."""
        found = []
        for number, assignment in enumerate(incident.assignments):
            for step, pending in PENDING.items():
                if not assignment.service and assignment.stage in pending:
                    found += self._late(incident, step, number + again(assignment, step), assignment)
            if assignment.stage == AssignmentStage.ON_SCENE and not assignment.service:
                found += self._unanswered(incident, assignment)
        if incident.stage == Stage.FEEDBACK:
            found += self._late(incident, Step.REVIEW, self.up_for_review[incident.incident_id][0], None)
        return found if incident.is_open else []

    def _late(self, incident: Incident, step: Step, round_: int, assignment: Assignment | None) -> list[Late]:
        start, seconds, on_miss = EXPECTED[step, incident.area]
        if assignment is None:
            begun_at = self.up_for_review[incident.incident_id][1]
        else:
            instants = {"push": assignment.pushed_at, "acknowledge": assignment.acknowledged_at, "arrive": assignment.arrived_at}
            begun_at = instants[start] or START
        due_at = begun_at + timedelta(seconds=seconds[incident.grade - 1])
        kind = on_miss if incident.grade <= Grade.URGENT else OnMiss.SUPERVISE
        assignment_id = "" if assignment is None else assignment.assignment_id
        return [Late(step, assignment_id, round_, due_at, kind)] if seconds[incident.grade - 1] else []

    def _unanswered(self, incident: Incident, assignment: Assignment) -> list[Late]:
        """The check-in that a crew on the scene owes next."""
        since, seconds = assignment.checked_in_at or assignment.arrived_at, CHECK_IN_S[incident.grade]
        if since is None or not seconds:
            return []
        number = assignment.check_ins + again(assignment, Step.CHECK_IN)
        return [Late(Step.CHECK_IN, assignment.assignment_id, number, since + timedelta(seconds=seconds), OnMiss.ALARM)]

    def next_to_tell(self, incident: Incident, late: Late) -> tuple[int, datetime] | None:
        """Level and instant at which the step has to be told next; None: it has been told to everyone it concerns."""
        told = told_of(incident, late)
        if not told:
            return 0, late.due_at
        is_taken = incident.misses.index(told[-1]) < incident.alarm_taken
        if late.on_miss == OnMiss.SUPERVISE or is_taken or len(told) >= len(CHAINS[incident.org_code]):
            return None
        return len(told), max(told[-1].told_at, late.due_at) + MINUTE

    def _check_miss(self, was: Incident, missed: e.DeadlineMissed) -> None:
        """It was due, not done, not told before; and this is the very instant, unless it became so by a change just now."""
        (late,) = [x for x in self.late(was) if (x.step, x.assignment_id, x.round) == (missed.step, missed.assignment_id, missed.round)]
        assert (missed.due_at, missed.quiet) == (late.due_at, late.on_miss == OnMiss.SUPERVISE)
        level, at = self.next_to_tell(was, late) or (-1, self.now)
        assert (missed.level, missed.org_code) == (level, CHAINS[was.org_code][level])
        assert at <= self.now
        assert at == self.now or self.changed_at[was.incident_id] == self.now

    def _check_repush(self, was: Incident, pushed: e.UnitPushed) -> None:
        (late,) = [x for x in self.late(was) if (x.step, x.assignment_id) == (Step.ACKNOWLEDGE, pushed.because_of)]
        first, *_ = told_of(was, late)
        at = max(first.told_at, late.due_at) + COUNTDOWN
        assert was.grade <= Grade.URGENT
        assert pushed.because_of not in was.repush_stopped
        assert pushed.because_of not in [a.because_of for a in was.assignments]
        assert at <= self.now
        assert at == self.now or self.changed_at[was.incident_id] == self.now or was.incident_id in self.found_nobody

    def check_all_told(self) -> None:
        """Everything that is due by now has been told."""
        for incident in self.picture.open_incidents():
            for late in self.late(incident):
                told = self.next_to_tell(incident, late)
                assert told is None or told[1] > self.now, (incident.number, late)


def again(assignment: Assignment, step: Step) -> int:
    """What a correction adds to the round of a step."""
    return 100_000 * sum(stage in HANGS_ON[step] for stage in assignment.corrected)


def told_of(incident: Incident, late: Late) -> list[Miss]:
    key = (late.step, late.assignment_id, late.round, late.on_miss == OnMiss.SUPERVISE)
    return [miss for miss in incident.misses if (miss.step, miss.assignment_id, miss.round, miss.quiet) == key]


def check_ends(was: Incident | None, now: Incident, own: list[e.Recorded]) -> None:
    """An open incident, a reopened one too, stays open until an event ends it; an ended one until an event reopens it."""
    if was is None:
        assert now.is_open
        return
    turns = [r.body for r in own if isinstance(r.body, (*ENDS, e.IncidentReopened))]
    if was.is_open and not now.is_open:
        assert isinstance(turns[-1], ENDS)
    if now.is_open and not was.is_open:
        assert isinstance(turns[-1], e.IncidentReopened)
        assert was.stage != Stage.MERGED
    if was.is_open == now.is_open:
        assert turns == []


def check_merger(now: Incident, own: list[e.Recorded], before: OperatingPicture) -> None:
    """A further call ends in another incident that was open, and is counted there once; nobody was on it."""
    for body in [r.body for r in own if isinstance(r.body, e.IncidentMerged)]:
        assert body.into != now.incident_id
        assert before.incidents[body.into].is_open
        assert before.incidents[now.incident_id].active_assignments == ()
    assert len(set(now.merged_from)) == len(now.merged_from)


def check_owner(was: Incident | None, now: Incident, own: list[e.Recorded]) -> None:
    """One owner; another one by an accepted hand-over, or by the place as long as there was none."""
    assert now.org_code in CHAINS
    assert now.org_code not in (now.handover_to, now.escalated_to)
    if was is None or now.org_code == was.org_code:
        return
    (body,) = [r.body for r in own if isinstance(r.body, (e.HandoverAccepted, e.IncidentLocated))]
    assert body.org_code == now.org_code
    assert isinstance(body, e.HandoverAccepted) or not was.handed_over


def check_lead(was: Incident | None, now: Incident, own: list[e.Recorded]) -> None:
    """Responsibility is never lost or moved unseen, and never with auxiliaries or other services."""
    lead = now.lead
    assert lead is None or not (lead.auxiliary or lead.service)
    crews = [a for a in now.active_assignments if not (a.auxiliary or a.service)]
    assert lead is not None or not crews
    if was is None or was.lead is None or not now.is_open or (lead is not None and lead.assignment_id == was.lead.assignment_id):
        return
    (former,) = [a for a in now.assignments if a.assignment_id == was.lead.assignment_id]
    explained = any(isinstance(r.body, e.LeadNamed | e.IncidentReopened) for r in own)
    assert explained or (not former.is_active and former.feedback_at is None)


def check_order(was: Incident | None, now: Incident, own: list[e.Recorded]) -> None:
    """A correction leaves the times of a crew's stages in the order they were in, and takes away no more than it says."""
    for body in [r.body for r in own if isinstance(r.body, e.StageCorrected)]:
        assert was is not None
        (before,) = [a for a in was.assignments if a.assignment_id == body.assignment_id]
        (after,) = [a for a in now.assignments if a.assignment_id == body.assignment_id]
        instants = [t for name in ("pushed_at", *REACHED.values()) if (t := getattr(after, name)) is not None]
        if body.at is not None:
            own_at = getattr(after, REACHED[body.stage])
            assert all((t <= own_at) == (k <= instants.index(own_at)) or t == own_at for k, t in enumerate(instants))
        for stage, name in REACHED.items():
            assert getattr(after, name) == (body.at if stage == body.stage else getattr(before, name))
        assert after.is_active == before.is_active
        assert body.text


def check_stage(incident: Incident, picture: OperatingPicture) -> None:
    """The stage is what crews and desks have made of it, nothing else."""
    of_round = incident.assignments[incident.round_start :]
    lead = incident.lead
    if not incident.is_open:
        assert incident.active_assignments == ()
    if incident.stage == Stage.MERGED:
        assert picture.incidents[incident.merged_into].merged_from.count(incident.incident_id) == 1
    if incident.stage in (Stage.FEEDBACK, Stage.REVIEWED):
        assert lead is not None
        assert lead.feedback_at is not None
        assert not incident.returned
        assert incident.reviewed == (incident.stage == Stage.REVIEWED)
    elif incident.is_open:
        assert lead is None or lead.feedback_at is None or incident.returned
    if incident.stage == Stage.RECEIVED:
        assert not any(a.is_active or a.arrived_at for a in of_round)
    if incident.stage in (Stage.PUSHED, Stage.ACKNOWLEDGED, Stage.EN_ROUTE):
        assert max(list(AssignmentStage).index(a.stage) for a in of_round if a.is_active) == list(Stage).index(incident.stage) - 1
    for assignment in incident.assignments:
        done = (assignment.acknowledged_at, assignment.departed_at, assignment.arrived_at, assignment.feedback_at)
        assert all(at >= assignment.pushed_at for at in done if at is not None)
        assert assignment.is_active == (assignment.ended_at is None)


# Whoever does whatever

CREW_COMMANDS = ("MarkDelivered", "MarkSeen", "Acknowledge", "Refuse", "Depart", "Arrive", "CheckIn", "Feedback", "Clear")
# How often each is drawn: with all alike few histories would come as far as a feedback.
WEIGHTS = {
    6: "Push Arrive Feedback",
    3: "ClaimIncident ReleaseClaim Note ReadNote "
    "Acknowledge Depart CheckIn CorrectStage Reopen Classify TakeAlarm NameLead Review Return OfferHandover",
    2: "Receive Locate Reinforce CallService Recall Clear CallBack Merge AcceptHandover RefuseHandover Close",
    1: "Reassign StopRepush Refuse Divert MarkInvalid Cancel TellApart WarnPlace LiftWarning "
    "Split Escalate MarkDelivered MarkSeen SetUnitStatus",
}
WHATS = [what for weight, names in WEIGHTS.items() for what in names.split() for _ in range(weight)]
UNIT_SETS = (("A",), ("A",), ("B",), ("B",), ("C",), (AUXILIARY,), ("119",), ("A", "B"), ())
WAITS = (0, 0, 1, 7, 10, 11, 29, 30, 31, 45, 60, 61, 150, 300, 900, 90_000)


class Move(NamedTuple):
    """What somebody does; what exactly that is depends on how things stand then."""

    what: str
    which: int  # of the incidents; 0: one where it need make no sense
    unit_ids: tuple[str, ...]
    variant: int
    who: int
    wait_s: float  # until the next


CHOICES: tuple[Any, ...] = (WHATS, range(4), UNIT_SETS, range(4), range(6), WAITS)
MOVES = st.builds(Move, *(st.sampled_from(choice) for choice in CHOICES))


def command_of(move: Move, node: Node) -> tuple[Command, Actor]:
    what, variant, actor = move.what, move.variant, DESKS[move.who % 3]
    if what == "Receive":
        area = [None, *Area][variant]
        return c.ReceiveIncident(incident_type="theft", grade=[*Grade][move.which], org_code=STATION, area=area), actor
    if what == "SetUnitStatus":
        return c.SetUnitStatus(unit_id=UNITS[move.which], status=[*UnitStatus][variant * 2]), actor
    known = list(node.picture.incidents.values())
    fitting = [incident for incident in known if fits(what, incident)] if move.which else []
    incident = (fitting or known)[move.which % len(fitting or known)]
    active = incident.active_assignments
    unit_ids = (
        (active[variant % len(active)].unit_id,) if fitting and active and (what in CREW_COMMANDS or what == "NameLead") else move.unit_ids
    )
    if what in CREW_COMMANDS:
        return crew_command(move, incident.incident_id, unit_ids, node.now)
    org_code = list(CHAINS)[variant % 3]
    assignment = incident.assignments[variant % len(incident.assignments)] if incident.assignments else None
    fields: dict[str, dict[str, Any]] = {
        "Classify": {"grade": [*Grade][variant]},
        "Locate": {"lon": 121.5, "lat": 29.8, "area": [None, *Area][variant], "org_code": list(CHAINS)[move.who % 3]},
        **{name: {"unit_ids": unit_ids} for name in ("Push", "Reinforce", "Reassign", "Recall", "NameLead")},
        "ReadNote": {"note_id": incident.notes[-1].note_id if incident.notes else "none"},
        "ClaimIncident": {"take_over": variant > 1},
        "CorrectStage": correction(assignment, variant, move.who, node.now),
        "StopRepush": {"assignment_id": assignment.assignment_id if assignment is not None else "none"},
        "CallService": {"service": "119"},
        "Close": {"disposition": ["", "settled"][variant % 2]},
        "Divert": {"to": "12345"},
        "Merge": {"into": known[variant % len(known)].incident_id},
        "WarnPlace": {"warning": "dog", "text": f"dog {variant}", "expires_at": node.now + timedelta(days=1 + variant)},
        "LiftWarning": {"warning_id": next(iter(node.picture.warnings), "none"), "text": "gone"},
        "TellApart": {"other": known[variant % len(known)].incident_id},
        "Split": {"text": "a part", "grade": [None, *Grade][variant]},
        "Escalate": {"text": "look", "to_org_code": org_code},
        "OfferHandover": {"to_org_code": org_code},
        **{name: {"text": "why"} for name in ("Return", "Reopen", "CallBack", "RefuseHandover", "Note")},
    }
    return getattr(c, what)(incident_id=incident.incident_id, **fields.get(what, {})), actor


def correction(assignment: Assignment | None, variant: int, who: int, now: datetime) -> dict[str, Any]:
    """The stage it stands at is taken back, or one of those it has reached was really reached a little earlier or later."""
    if assignment is None:
        return {"unit_ids": ("A",), "stage": AssignmentStage.ON_SCENE, "text": "never there"}
    if variant < 2:
        return {"unit_ids": (assignment.unit_id,), "stage": assignment.stage, "text": "pressed by mistake"}
    stages = list(REACHED.items())
    stage, instant = stages[who % len(stages)]
    reached_at = getattr(assignment, instant) or now
    return {"unit_ids": (assignment.unit_id,), "stage": stage, "text": "clock", "at": reached_at + timedelta(seconds=(variant - 2.5) * 14)}


def fits(what: str, incident: Incident) -> bool:
    """Whether the move makes sense there."""
    match what:
        case "Reopen":
            return not incident.is_open
        case "CallBack":
            return incident.stage == Stage.CLOSED
        case "Review" | "Return":
            return incident.stage in (Stage.FEEDBACK, Stage.REVIEWED)
        case "AcceptHandover" | "RefuseHandover":
            return incident.is_open and bool(incident.handover_to)
    return incident.is_open and (what not in (*CREW_COMMANDS, "NameLead") or bool(incident.active_assignments))


def crew_command(move: Move, incident_id: str, unit_ids: tuple[str, ...], now: datetime) -> tuple[Command, Actor]:
    """Half of it on the crew's own terminal, half said by radio and entered at a desk, some of that a while later."""
    make = getattr(c, move.what)
    text = {"text": "settled"} if move.what in ("Refuse", "Feedback") else {}
    if move.who % 2 and unit_ids and unit_ids[0] in UNITS:
        return make(incident_id=incident_id, **text), crew(unit_ids[0])
    happened_at = now - timedelta(seconds=20 * move.variant) if move.variant > 1 else None
    return make(incident_id=incident_id, unit_ids=unit_ids, happened_at=happened_at, **text), DESKS[move.who % 3]


def play(moves: list[Move]) -> CheckedNode:
    """All of it, with the deadline watch running all the time."""
    node = CheckedNode()
    for unit_id in UNITS:
        node.unit(unit_id, auxiliary=unit_id == AUXILIARY)
    node.incident(area=Area.TOWN)
    node.incident(grade=Grade.ORDINARY)
    watch = Watch(node, load_targets(), lambda incident: next_nearest(node, incident))
    for move in moves:
        command, actor = command_of(move, node)
        try:
            said = node.give(command, actor)
        except DispatchError:
            said = ()
        if said and not isinstance(command, SAID_AGAIN):
            send_again(node, command, actor)
        watch.pass_time(move.wait_s)
        node.check_all_told()
    return node


def send_again(node: Node, command: Command, actor: Actor) -> None:
    """The same once more: it is already so, or it can't be any more; in no case does it happen twice."""
    before = node.picture
    with suppress(DispatchError):
        assert node.give(command, actor) == ()
    assert node.picture is before


def next_nearest(node: CheckedNode, incident: Incident) -> str | None:
    """A free crew that nobody has asked yet."""
    asked = {assignment.unit_id for assignment in incident.assignments}
    for unit in node.picture.units.values():
        if unit.unit_id not in asked and unit.incident_id is None and unit.status == UnitStatus.AVAILABLE:
            return unit.unit_id
    node.found_nobody.add(incident.incident_id)
    return None


@settings(max_examples=60, deadline=None)
@given(st.lists(MOVES, min_size=20, max_size=50))
def test_whatever_anybody_does_the_loop_holds(moves: list[Move]) -> None:
    node = play(moves)
    assert fold(OperatingPicture(), node.journal, node.load) == node.picture
    assert [r.revision for r in node.journal] == list(range(1, len(node.journal) + 1))
    bodies = Counter(type(r.body) for r in node.journal)
    assert bodies[e.IncidentMerged] == bodies[e.CallAdded]
    assert bodies[e.IncidentReceived] == len(node.picture.incidents) == node.picture.next_number - 1


def test_such_histories_take_every_path() -> None:
    """Else the property above would say less than it seems to."""
    chance = random.Random(112)
    bodies: Counter[type] = Counter()
    levels: Counter[tuple[int, bool]] = Counter()
    reasons: Counter[str] = Counter()
    for _ in range(40):
        moves = [Move(*(chance.choice(choice) for choice in CHOICES)) for _ in range(60)]
        for recorded in play(moves).journal:
            bodies[type(recorded.body)] += 1
            if isinstance(recorded.body, e.DeadlineMissed):
                levels[recorded.body.level, recorded.body.quiet] += 1
            if isinstance(recorded.body, e.UnitPushed):
                reasons[recorded.body.reason] += 1
    never = {kind for kind in get_args(e.AnyEvent) if kind not in bodies}
    # `test_any_duty`, `test_broadcasts`, `test_duty_circles` and `test_after_action` take those paths.
    elsewhere = {kind for kind in never if issubclass(kind, OrganisationEvent | BroadcastEvent | DutyCircleEvent | AfterActionEvent)}
    assert never - elsewhere == {
        e.UploadAdded,
        e.MomentBookmarked,
        e.ClipMissed,
        e.ElementWritten,
        e.ElementRemoved,
        e.HelpCalledAgain,
        e.CrewSignedOn,
        e.CrewSignedOff,
        e.DutyBegan,
        e.DutyEnded,
    }
    assert set(levels) == {(0, False), (1, False), (2, False), (0, True)}
    assert set(reasons) == {"push", "reinforce", "reassign", "repush"}
