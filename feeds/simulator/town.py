"""The whole demo city, one step at a time. Pure: the time and what was heard go in, what is said comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dispatch.codes import Codes
from dispatch.model import ACTIVE_ASSIGNMENT_STAGES, UnitKind
from feeds.simulator.behaviour import Answer, Crew, Ground, Task
from feeds.simulator.crews import BEAT_RADIUS_M, CrewPlan, plan_crews
from feeds.simulator.incidents import Happenings, checks_done, feedback_text
from feeds.simulator.legs import Leg, Place, Seconds, Wanderer
from feeds.simulator.operators import Operators, Order
from feeds.simulator.shifts import ShiftPlan, plan_shifts
from feeds.simulator.traffic import RoadEvents
from feeds.simulator.truth import TrueSpeeds
from feeds.simulator.weather import Weather
from geodata.cities.city import City
from geodata.routing.nearest import NoRoute
from geodata.routing.travel import TravelTimes
from geodata.streets.snapping import OffNetwork
from operations.tracking.movement import WALKING

# Calls that come in during the first seconds, so that a newcomer sees a city at work.
FIRST_CALLS_S = (2.0, 6.0, 12.0, 20.0, 31.0, 45.0)


@dataclass
class Said:
    """What came out of one step."""

    feed: list[dict[str, Any]] = field(default_factory=list)  # messages of the native feed
    answers: list[Answer] = field(default_factory=list)  # commands of crews' terminals
    orders: list[Order] = field(default_factory=list)  # what the demo operators want
    signings: list[str] = field(default_factory=list)  # crews that sign on for their shift
    musters: list[tuple[str, str, bool]] = field(default_factory=list)  # crew, muster, and whether it comes


class Town:
    """Crews, calls, weather and operators of one city."""

    def __init__(self, city: City, codes: Codes, *, crews: int, calls_per_day: int, seed: int, now_s: float) -> None:
        random = np.random.Generator(np.random.PCG64(seed))
        self._truth = truth = TrueSpeeds(city.graph, seed, city.time_zone)
        self._travel = TravelTimes(truth.graph)
        self._wanderer = Wanderer(city.graph, random)
        self._happenings = Happenings(city, codes, calls_per_day, random)
        self._weather = Weather(city.elements("weather_station")["features"], random)
        self._road_events = RoadEvents(city, seed, now_s)
        self.operators = Operators(random, self._happenings.hidden_places)
        by_name = {profile.name: profile for profile in city.graph.profiles}
        profiles = {kind: by_name[WALKING[kind]] for kind in UnitKind}
        self.crews: dict[str, Crew] = {}
        self._ground = Ground(self._wanderer, truth, profiles, self._route, feedback_text, partial(checks_done, codes))
        for plan in plan_crews(city.organisations(), crews, random):
            self._add(plan, random, now_s)
        self._first_calls = [now_s + s for s in FIRST_CALLS_S] if calls_per_day else []
        self._stepped_s = now_s

    def add_hand_driven(self, plan: CrewPlan, random: np.random.Generator, now_s: float) -> None:
        """A crew whose pushes a person answers on a phone: its car stands at its post and drives when the person sets out."""
        crew = self._add(plan, random, now_s)
        crew.hand_driven = True
        crew.stand(now_s)

    def shifts(self, now: datetime, zone: ZoneInfo) -> list[ShiftPlan]:
        """The roster as it is to be planned at an instant."""
        plans = [crew.plan for crew in self.crews.values()]
        always = next((crew.plan.unit_id for crew in self.crews.values() if crew.hand_driven), None)
        return plan_shifts(plans, always, now, zone)

    def duty(self, unit_id: str, on_duty: bool, signed_on: bool, now_s: float) -> None:
        """A crew's duty has begun or ended, or it has signed on."""
        if unit_id in self.crews:
            self.crews[unit_id].duty(on_duty, signed_on, now_s)

    def mustered(self, unit_id: str, muster_id: str, now_s: float) -> None:
        """A crew is called in."""
        if unit_id in self.crews:
            self.crews[unit_id].mustered(muster_id, now_s)

    def watch(self, view: dict[str, Any], now_s: float) -> None:
        """An incident is new or has changed."""
        self.operators.watch(view, now_s)
        for assignment in view["assignments"]:
            crew = self.crews.get(assignment["unit_id"])
            if crew is not None and crew.hand_driven:
                crew.follow(_task(view), assignment["stage"], now_s)

    def registrations(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(unit_id, body of PUT /units) of every crew this program registers."""
        for crew in self.crews.values():
            if not crew.hand_driven:
                yield crew.plan.unit_id, crew.plan.registration()

    def answers_for(self, unit_id: str) -> bool:
        """Whether the crew's terminal is here. A person's phone speaks for itself: what it has not taken is not delivered."""
        crew = self.crews.get(unit_id)
        return crew is not None and not crew.hand_driven

    def pushed(self, unit_id: str, view: dict[str, Any], now_s: float) -> None:
        """A terminal shows a push; unknown units are somebody else's."""
        if unit_id in self.crews:
            self.crews[unit_id].push(_task(view), now_s)

    def taken_up(self, view: dict[str, Any], now_s: float) -> None:
        """An incident that was already running when this program started: its crews go on where they were."""
        for assignment in view["assignments"]:
            if assignment["unit_id"] in self.crews and assignment["stage"] in ACTIVE_ASSIGNMENT_STAGES:
                self.crews[assignment["unit_id"]].take_up(_task(view), assignment["stage"], now_s)

    def released(self, unit_id: str, incident_id: str, now_s: float) -> None:
        """A push was taken back, or its incident is over."""
        if unit_id in self.crews:
            self.crews[unit_id].release(incident_id, now_s)

    def step(self, now_s: float) -> Said:
        """Everything due until `now_s`."""
        said = Said(orders=self.operators.due(now_s))
        messages, changed = self._road_events.due(now_s)
        said.feed.extend(messages)
        if changed:
            effects = self._road_events.effects
            self._travel.affect(effects)
            self._truth.affect(effects)
            self._wanderer.closed = effects.closed
        for crew in self.crews.values():
            said.answers.extend(crew.step(now_s))
            said.feed.extend(crew.reports(now_s))
            if crew.signs_on(now_s):
                said.signings.append(crew.plan.unit_id)
            answered = crew.muster_answer(now_s)
            if answered is not None:
                said.musters.append((crew.plan.unit_id, *answered))
        while self._first_calls and self._first_calls[0] <= now_s:
            said.feed.append(self._happenings.call(self._first_calls.pop(0)))
        said.feed.extend(self._happenings.due(now_s, now_s - self._stepped_s))
        said.feed.extend(self._weather.due(now_s))
        self._stepped_s = now_s
        return said

    def _add(self, plan: CrewPlan, random: np.random.Generator, now_s: float) -> Crew:
        near = self._beat(plan.home_lon, plan.home_lat, BEAT_RADIUS_M[plan.kind], self._ground.profiles[plan.kind])
        home, start = (int(e) for e in random.choice(near, 2))
        crew = self.crews[plan.unit_id] = Crew(plan, home, start, self._ground, random, now_s)
        return crew

    def _beat(self, lon: float, lat: float, radius_m: float, profile: Any) -> Any:
        """Edges of a beat; a station off the streets gets the streets nearest to it."""
        for widened in (1, 3, 9, 30, 100):
            near = self._wanderer.edges_near(lon, lat, radius_m * widened, profile)
            if len(near):
                return near
        raise ValueError(f"no street within {radius_m * 100 / 1000:.0f} km of {lon:.5f}, {lat:.5f}: is the station in this city?")

    def _route(self, start: Place, lon: float, lat: float, kind: UnitKind, seconds: Seconds, now_s: float) -> Leg | None:
        profile = WALKING[kind]
        try:
            way = self._travel.route((start.lon, start.lat), (lon, lat), profile)
        except (OffNetwork, NoRoute):
            return None
        return self._wanderer.along(way.edges, way.begin, way.finish, seconds, now_s)


def _task(view: dict[str, Any]) -> Task:
    return Task(view["incident_id"], view["incident_type"], int(view["grade"]), view.get("lon"), view.get("lat"))
