"""What a crew does: patrols, stands, answers a push, drives, handles the incident, goes back to its beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, NamedTuple

import numpy as np

from dispatch.model import UnitKind
from feeds.simulator.crews import BEAT_RADIUS_M, CrewPlan
from feeds.simulator.legs import Leg, Place, Seconds, Wanderer, standing
from feeds.simulator.truth import LEAST_URGENT_WITH_SIREN, TRIP_SPREAD, TrueSpeeds
from geodata.streets.graph import Profile

# What people do with a push, per grade 1 … 4: seconds until it is opened, acknowledged after that, and under way after that.
SEEN_S = {1: (1.5, 5), 2: (2, 8), 3: (3, 20), 4: (5, 45)}
ACKNOWLEDGE_S = {1: (2, 8), 2: (3, 12), 3: (4, 25), 4: (10, 60)}
DEPART_S = {1: (10, 35), 2: (12, 45), 3: (20, 90), 4: (30, 150)}
HANDLE_S = {1: (900, 2400), 2: (480, 1500), 3: (240, 900), 4: (180, 600)}
# Dangerous work is asked about after ten minutes, other urgent work after fifteen; a crew says so about then. A few forget.
CHECK_IN_S = (540, 640)
SHARE_SILENT = 0.04
SHARE_REFUSED = 0.02
SIGN_ON_S = (2.0, 120.0)
SHARE_NOT_SIGNED_ON = 0.04
ANSWER_MUSTER_S = (4.0, 60.0)
SHARE_COMING = 0.85
SHARE_IGNORED = 0.02
REFUSALS = ("正在处置其他警情", "车辆故障", "押送嫌疑人途中", "交接班")
IGNORED_FOR_S = 600.0
# A crew's radio is silent now and then: tunnels, car parks, empty batteries.
SILENCE_EVERY_S = 3 * 3600.0
SILENCE_S = (60.0, 240.0)
REPORT_EVERY_S = {"driving": 1.0, "moving": 3.0, "standing": 10.0}
GPS_NOISE_M = 4.0
PHONE_NOISE_M = 9.0


class Doing(Enum):
    """State of a crew."""

    PATROLLING = auto()
    UNSEEN = auto()  # a push has come, nobody has looked
    READING = auto()  # seen, not acknowledged
    IGNORING = auto()  # will not answer; the desk must notice
    PREPARING = auto()  # acknowledged, not under way
    DRIVING = auto()
    HANDLING = auto()


class Task(NamedTuple):
    """A push as the crew understands it."""

    incident_id: str
    incident_type: str
    grade: int
    lon: float | None
    lat: float | None


class Answer(NamedTuple):
    """What a crew's terminal says: a command on an incident."""

    unit_id: str
    incident_id: str
    command: str
    fields: dict[str, Any]
    said_s: int = 0  # Unix s, of what is said again and again: each time is another


class Called(NamedTuple):
    """A muster that calls the crew in, and what it will say when."""

    muster_id: str
    at_s: float
    comes: bool
    answered: bool = False


@dataclass(frozen=True)
class Ground:
    """What a crew needs of the city. `route` gives a leg from a place to a place, or None when there is no way."""

    wanderer: Wanderer
    truth: TrueSpeeds
    profiles: dict[UnitKind, Profile]
    route: Callable[[Place, float, float, UnitKind, Seconds, float], Leg | None]
    feedback_text: Callable[[str, np.random.Generator], str]
    checks: Callable[[str, np.random.Generator], dict[str, bool]]


class Crew:
    """One crew and its state machine. `step` is called about once a second."""

    def __init__(self, plan: CrewPlan, home_edge: int, start_edge: int, ground: Ground, random: np.random.Generator, now_s: float) -> None:
        self.plan = plan
        self.task: Task | None = None
        self.doing = Doing.PATROLLING
        self._ground = ground
        self._random = random
        self._home_edge = home_edge
        self._profile = ground.profiles[plan.kind]
        self._due_s = now_s  # when the present state ends
        self._feedback_s = now_s  # on the scene: when the work there is done
        self._next_report_s = now_s + random.uniform(0, 3)
        self._silent_until_s = 0.0
        # A person answers this crew's pushes on a phone; here it only drives where its stages say.
        self.hand_driven = False
        self.off_duty = False  # at home: its radio is off. One that is on an incident finishes that first
        self._sign_on_s: float | None = None
        self._muster: Called | None = None
        self._pace = ground.truth.driver(plan.unit_id)
        self._leg = ground.wanderer.walk(self._profile, start_edge, home_edge, BEAT_RADIUS_M[plan.kind], now_s, 60, self._seconds())

    def place(self, now_s: float) -> Place:
        """Where the crew really is."""
        return self._leg.place(now_s)

    def duty(self, on_duty: bool, signed_on: bool, now_s: float) -> None:
        """What the server says of its duty. Most sign on within two minutes, some forget it."""
        self.off_duty = not on_duty
        forgets = self._random.random() < SHARE_NOT_SIGNED_ON
        self._sign_on_s = None if signed_on or not on_duty or forgets or self.hand_driven else now_s + self._random.uniform(*SIGN_ON_S)

    def mustered(self, muster_id: str, now_s: float) -> None:
        """Reserves are called in, this crew among them: it answers within a minute."""
        if not self.hand_driven and (self._muster is None or self._muster.muster_id != muster_id):
            comes = bool(self._random.random() < SHARE_COMING)
            self._muster = Called(muster_id, now_s + self._random.uniform(*ANSWER_MUSTER_S), comes)

    def muster_answer(self, now_s: float) -> tuple[str, bool] | None:
        """The muster that it answers now, and whether it comes."""
        called = self._muster
        if called is None or called.answered or now_s < called.at_s:
            return None
        self._muster = called._replace(answered=True)
        return called.muster_id, called.comes

    def signs_on(self, now_s: float) -> bool:
        """Whether it does so now."""
        if self._sign_on_s is None or now_s < self._sign_on_s:
            return False
        self._sign_on_s = None
        return True

    def push(self, task: Task, now_s: float) -> None:
        """A push reaches the terminal. One that is repeated changes nothing."""
        if self.hand_driven or (self.task is not None and self.task.incident_id == task.incident_id):
            return
        self.task = task
        self.doing = Doing.UNSEEN
        self._due_s = now_s + self._random.uniform(*SEEN_S[task.grade])

    def take_up(self, task: Task, stage: str, now_s: float) -> None:
        """Go on with an assignment that had reached `stage` before this program started."""
        if self.hand_driven or self.task is not None:
            return
        self.task = task
        if stage == "en_route":
            self._depart(task, now_s)  # the way is driven from where the crew is now
            return
        self.doing = {"pushed": Doing.UNSEEN, "acknowledged": Doing.PREPARING}.get(stage, Doing.HANDLING)
        self._due_s = float("inf") if stage == "feedback" else now_s + self._random.uniform(5, 60)
        self._feedback_s = self._due_s

    def release(self, incident_id: str, now_s: float) -> None:
        """The push was recalled or the incident is over: back to the beat."""
        if self.task is not None and self.task.incident_id == incident_id:
            self._resume(now_s)

    def follow(self, task: Task, stage: str, now_s: float) -> None:
        """A hand-driven crew's assignment has reached `stage`: drive when it has set out."""
        if stage == "en_route" and self.task is None:
            self.task = task
            self._depart(task, now_s)
        elif stage not in ("pushed", "acknowledged", "en_route", "on_scene", "feedback"):
            self.release(task.incident_id, now_s)

    def step(self, now_s: float) -> list[Answer]:
        """Do what is due; what the terminal says meanwhile."""
        if self.hand_driven:
            return []
        if self.doing is Doing.PATROLLING:
            if self.off_duty:
                return []
            if now_s >= self._leg.ends_s and now_s >= self._due_s:
                self._patrol(now_s)
            return []
        if now_s < self._due_s or self.task is None:
            return []
        return _STEPS[self.doing](self, self.task, now_s)

    def reports(self, now_s: float) -> list[dict[str, Any]]:
        """Position messages due now, one a tracker; none while the radio is silent."""
        if now_s < self._next_report_s or (self.off_duty and self.task is None):
            return []
        place = self._leg.place(now_s)
        pace = "driving" if self.doing is Doing.DRIVING else "moving" if place.speed_mps > 0.2 else "standing"
        self._next_report_s = now_s + REPORT_EVERY_S[pace]
        if self._random.random() < REPORT_EVERY_S[pace] / SILENCE_EVERY_S:
            self._silent_until_s = now_s + self._random.uniform(*SILENCE_S)
        if now_s < self._silent_until_s:
            return []
        if not self.plan.trackers:
            return [self._report({"unit_id": self.plan.unit_id}, place, now_s, GPS_NOISE_M)]
        noise_m = (GPS_NOISE_M,) + (PHONE_NOISE_M,) * (len(self.plan.trackers) - 1)
        return [self._report({"tracker_id": t}, place, now_s, noise) for t, noise in zip(self.plan.trackers, noise_m, strict=True)]

    def _report(self, who: dict[str, str], place: Place, now_s: float, noise_m: float) -> dict[str, Any]:
        # A standing receiver averages its noise away; a moving one does not.
        noise_m = noise_m if place.speed_mps > 0.2 else 0.0
        east, north = self._random.normal(0.0, noise_m, 2) if noise_m else (0.0, 0.0)
        lon = place.lon + east / (111_195.0 * float(np.cos(np.radians(place.lat))))
        message: dict[str, Any] = {"type": "position", **who, "lon": round(lon, 6), "lat": round(place.lat + north / 111_195.0, 6)}
        position_at = datetime.fromtimestamp(now_s, UTC).isoformat()
        return message | {"position_at": position_at, "speed_mps": round(place.speed_mps, 1), "heading_deg": round(place.heading_deg, 0)}

    def _patrol(self, now_s: float) -> None:
        """The next piece of the beat: mostly moving, sometimes standing for some minutes."""
        if self._random.random() < 0.3:
            self.stand(now_s)
            self._due_s = now_s + self._random.uniform(60, 420)
            return
        duration_s = self._random.uniform(60, 180)
        self._leg = self._ground.wanderer.walk(
            self._profile, self._leg.last_edge, self._home_edge, BEAT_RADIUS_M[self.plan.kind], now_s, duration_s, self._seconds()
        )
        self._due_s = self._leg.ends_s

    def _seconds(self, urgent: bool = False, trip: float = 1.0) -> Seconds:
        """How long this crew takes along an edge; `trip` is the luck of one way."""
        truth, profile, pace = self._ground.truth, self._profile.name, self._pace * trip
        return lambda edge, at_s: truth.edge_s(profile, edge, at_s, urgent, pace)

    def stand(self, now_s: float) -> None:
        """Stop where it is."""
        place = self._leg.place(now_s)
        self._leg = standing(place.lon, place.lat, self._leg.last_edge, now_s)

    def _resume(self, now_s: float) -> None:
        self.stand(now_s)
        self.task, self.doing, self._due_s = None, Doing.PATROLLING, now_s + self._random.uniform(5, 30)

    def _see(self, task: Task, now_s: float) -> list[Answer]:
        draw = self._random.random()
        if draw < SHARE_IGNORED:
            self.doing, self._due_s = Doing.IGNORING, now_s + IGNORED_FOR_S
            return []
        if draw < SHARE_IGNORED + SHARE_REFUSED and task.grade > 1:
            self._resume(now_s)
            return [self._answer(task, "refuse", text=str(self._random.choice(REFUSALS)))]
        self.doing, self._due_s = Doing.READING, now_s + self._random.uniform(*ACKNOWLEDGE_S[task.grade])
        return [self._answer(task, "seen")]

    def _acknowledge(self, task: Task, now_s: float) -> list[Answer]:
        self.doing, self._due_s = Doing.PREPARING, now_s + self._random.uniform(*DEPART_S[task.grade])
        return [self._answer(task, "acknowledge")]

    def _depart(self, task: Task, now_s: float) -> list[Answer]:
        self.doing = Doing.DRIVING
        leg = None
        if task.lon is not None and task.lat is not None:
            trip = float(np.exp(self._random.normal(0.0, TRIP_SPREAD)))
            seconds = self._seconds(task.grade <= LEAST_URGENT_WITH_SIREN, trip)
            leg = self._ground.route(self._leg.place(now_s), task.lon, task.lat, self.plan.kind, seconds, now_s)
        # Without a point or a way the crew asks around; three minutes later it is there.
        self._leg = leg or self._leg
        self._due_s = leg.ends_s if leg is not None else now_s + 180.0
        return [self._answer(task, "depart")]

    def _arrive(self, task: Task, now_s: float) -> list[Answer]:
        self.doing, self._feedback_s = Doing.HANDLING, now_s + self._random.uniform(*HANDLE_S[task.grade])
        self._due_s = min(self._feedback_s, now_s + self._random.uniform(*CHECK_IN_S))
        return [self._answer(task, "arrive")]

    def _handle(self, task: Task, now_s: float) -> list[Answer]:
        """Says that all is well from time to time until the work is done, then what came of it."""
        if now_s < self._feedback_s:
            self._due_s = min(self._feedback_s, now_s + self._random.uniform(*CHECK_IN_S))
            is_silent = self._random.random() < SHARE_SILENT
            return [] if is_silent else [Answer(self.plan.unit_id, task.incident_id, "check_in", {}, int(now_s))]
        text = self._ground.feedback_text(task.incident_type, self._random)
        checks = self._ground.checks(task.incident_type, self._random)
        # The crew stays until the desk has closed the incident or lets it go.
        self._due_s = float("inf")
        return [self._answer(task, "feedback", text=text, form={"checks": checks} if checks else {})]

    def _give_up(self, task: Task, now_s: float) -> list[Answer]:
        self._resume(now_s)
        return []

    def _answer(self, task: Task, command: str, **fields: Any) -> Answer:
        return Answer(self.plan.unit_id, task.incident_id, command, fields)


_STEPS: dict[Doing, Callable[[Crew, Task, float], list[Answer]]] = {
    Doing.UNSEEN: Crew._see,
    Doing.READING: Crew._acknowledge,
    Doing.IGNORING: Crew._give_up,
    Doing.PREPARING: Crew._depart,
    Doing.DRIVING: Crew._arrive,
    Doing.HANDLING: Crew._handle,
}
