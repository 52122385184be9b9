"""`bench promises`: how the error of promised times falls as crews drive, in the demo city whose true speeds the server does not know.

Hours of driving are simulated at speed: car crews patrol their beats, and the nearest go to calls, with siren or without. What they
drove is given to the learner street by street, as the map matching gives it, with an error at each crossing. A set of ways that
nobody learns from, twenty for each hour of a day, is promised with what was known after so many hours, and driven in truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from bench import cities, harness
from dispatch.codes import load_codes
from dispatch.model import UnitKind
from feeds.simulator.crews import BEAT_RADIUS_M, CrewPlan, plan_crews
from feeds.simulator.incidents import HOUR_WEIGHTS, Happenings
from feeds.simulator.legs import PATROL_SLOWNESS, Wanderer
from feeds.simulator.truth import LEAST_URGENT_WITH_SIREN, TRIP_SPREAD, TrueSpeeds
from geodata.cities.city import City
from geodata.routing.nearest import NoRoute, straight_m
from geodata.routing.travel import TravelTimes
from geodata.streets.learned import ON_WAY, PATROL, SIREN, LearnedSpeeds
from geodata.streets.snapping import OffNetwork
from geodata.streets.street_hours import PART_NAMES, PART_OF_HOUR, PARTS
from operations.situation.candidates import CREWS_BY_GRADE

CREWS, CALLS_PER_DAY = 700, 1000
HOURS = (0, 1, 2, 4, 8, 16, 24)  # of experience after which promises are checked
CHECKED_PER_HOUR = 20  # ways for each hour of a day
LONGEST_S = 1800.0  # a way that usually takes longer is not checked: nobody is sent so far
BEGIN = datetime(2026, 5, 4, 8, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
# The matching places a crossing in time to about so many seconds.
CLOCK_S = 1.5
SEED = 20161201
DEFAULTS, BY_THE_HOUR = "class defaults", "class defaults by the hour"


@dataclass(frozen=True)
class Way:
    """One way to a call, driven in truth."""

    hour: int
    siren: bool
    start: tuple[float, float]
    end: tuple[float, float]
    actual_s: float
    usual_s: float  # the same without this driver and this way's luck: what could be known at best
    parts: tuple[tuple[int, float], ...]  # streets of it, and the share of each that was driven


class Driven:
    """Streets that were driven from end to end, as the learner takes them."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, float, float, int, int]] = []

    def add(self, unit: int, edges: list[tuple[int, float, float]], hour: int, manner: int, rng: np.random.Generator) -> None:
        """Edges with the instants they were entered and left; crossings are seen with an error."""
        error = rng.normal(0.0, CLOCK_S, len(edges) + 1)
        self.rows += [(unit, edge, entered + error[i], left + error[i + 1], hour, manner) for i, (edge, entered, left) in enumerate(edges)]

    def teach(self, learned: LearnedSpeeds) -> None:
        if self.rows:
            learned.observe(*(np.array(column) for column in zip(*self.rows, strict=True)))
        self.rows = []


class Streets:
    """The demo city as it is, and its car crews."""

    def __init__(self, city: City) -> None:
        self.rng = np.random.Generator(np.random.PCG64(SEED))
        self.city, self.graph, self.zone = city, city.graph, ZoneInfo(city.time_zone)
        self.truth = TrueSpeeds(city.graph, SEED, city.time_zone)
        self.true_travel = TravelTimes(self.truth.graph)
        self.wanderer = Wanderer(city.graph, self.rng)
        self.calls = Happenings(city, load_codes(city.folder / "codes.toml"), CALLS_PER_DAY, self.rng)
        plans = plan_crews(city.organisations(), CREWS, self.rng)
        self.crews = [plan for plan in plans if plan.kind is not UnitKind.FOOT_PATROL]
        self.pace = [self.truth.driver(plan.unit_id) for plan in self.crews]
        self.home = [self._edge_near(plan) for plan in self.crews]
        self.edge = list(self.home)  # where each is now

    def _edge_near(self, plan: CrewPlan) -> int:
        for widened in (1, 3, 9, 30):
            near = self.wanderer.edges_near(plan.home_lon, plan.home_lat, BEAT_RADIUS_M[plan.kind] * widened, self.graph.car)
            if len(near):
                return int(self.rng.choice(near))
        raise ValueError(f"no street near {plan.unit_id}")

    def patrol(self, hour: int, begin_s: float, driven: Driven) -> None:
        """Every crew an hour on its beat."""
        for number, plan in enumerate(self.crews):
            edges: list[tuple[int, float, float]] = []

            def seconds(edge: int, at_s: float, pace: float = self.pace[number], edges: list[Any] = edges) -> float:
                taken = self.truth.edge_s("car", edge, at_s, False, pace)
                edges.append((edge, at_s, at_s + taken * PATROL_SLOWNESS))
                return taken

            leg = self.wanderer.walk(
                self.graph.car, self.edge[number], self.home[number], BEAT_RADIUS_M[plan.kind], begin_s, 3600.0, seconds
            )
            self.edge[number] = leg.last_edge
            driven.add(number, edges, hour, PATROL, self.rng)

    def answer(self, calls: int, hour: int, begin_s: float, driven: Driven | None = None) -> list[Way]:
        """So many calls within the hour; the nearest crews go there, and patrol from their places as before."""
        heads = self.graph.head[np.array(self.edge)]
        lon, lat = self.graph.node_lon[heads], self.graph.node_lat[heads]
        ways = []
        for at_s in np.sort(self.rng.uniform(begin_s, begin_s + 3600.0, calls)).tolist():
            call = self.calls.call(at_s)
            if "lon" not in call:
                continue
            nearest = np.argsort(straight_m(call["lon"], call["lat"], lon, lat))
            for number in nearest[: CREWS_BY_GRADE[call["grade"]]].tolist():
                way = self._drive(number, call, (float(lon[number]), float(lat[number])), hour, at_s, driven)
                ways += [way] if way is not None else []
        return ways

    def _drive(
        self, number: int, call: dict[str, Any], start: tuple[float, float], hour: int, at_s: float, driven: Driven | None
    ) -> Way | None:
        end, siren = (call["lon"], call["lat"]), int(call["grade"]) <= LEAST_URGENT_WITH_SIREN
        try:
            way = self.true_travel.route(start, end)
        except (OffNetwork, NoRoute):
            return None
        pace = self.pace[number] * math.exp(float(self.rng.normal(0.0, TRIP_SPREAD)))
        seconds, parts = {}, []
        for i, edge in enumerate(way.edges):
            parts.append((edge, (way.finish if i == len(way.edges) - 1 else 1.0) - (way.begin if i == 0 else 0.0)))
        for name, driver in (("actual", pace), ("usual", 1.0)):
            entered_s, edges = at_s, []
            for edge, share in parts:
                left_s = entered_s + share * self.truth.edge_s("car", edge, entered_s, siren, driver)
                edges.append((edge, entered_s, left_s))
                entered_s = left_s
            seconds[name] = entered_s - at_s
            if name == "actual" and driven is not None:
                driven.add(len(self.crews) + number, edges[1:-1], hour, SIREN if siren else ON_WAY, self.rng)
        return Way(hour, siren, start, end, seconds["actual"], seconds["usual"], tuple(parts))


def promised(travel: TravelTimes, learned: LearnedSpeeds | None, ways: list[Way]) -> list[tuple[float, float]]:
    """p50 and p90 of each way, by what was learned; None: as the city was built."""
    by_hour: dict[int, list[int]] = {}
    for i, way in enumerate(ways):
        by_hour.setdefault(way.hour, []).append(i)
    found = [(0.0, 0.0)] * len(ways)
    for hour, rows in by_hour.items():
        if learned is not None:
            travel.use(learned.times(hour))
        for i in rows:
            way = travel.route(ways[i].start, ways[i].end, "car", ways[i].siren)
            found[i] = (way.eta_s, way.eta_p90_s)
    return found


def along(learned: LearnedSpeeds, ways: list[Way]) -> list[float]:
    """What was learned of the streets that each way really took, whichever way would have been promised."""
    times = {hour: learned.times(hour).p50_s for hour in {way.hour for way in ways}}
    return [sum(share * float(times[way.hour]["siren" if way.siren else "car"][edge]) for edge, share in way.parts) for way in ways]


def kept(actual_s: list[float], p50_s: list[float], p90_s: list[float] | None = None) -> dict[str, float]:
    """How promises stand beside what came of them."""
    off = np.array(actual_s) - np.array(p50_s)
    figures = {
        "error_s_p50": harness.percentile(np.abs(off).tolist(), 50),
        "error_s_p90": harness.percentile(np.abs(off).tolist(), 90),
        "bias_s": float(np.median(off)),
        "actual_vs_promised": float(np.median(np.array(actual_s) / np.maximum(p50_s, 10.0))),
        "in_p50": float(np.mean(off <= 0)),
    }
    return figures | ({} if p90_s is None else {"in_p90": float(np.mean(np.array(actual_s) <= np.array(p90_s)))})


def run() -> dict[str, Any]:
    """Measure on the demo city."""
    streets = Streets(cities.demo().city)
    begin_s = BEGIN.timestamp()
    harness.say("ways to be promised")
    checked: list[Way] = []
    for hour in range(24):
        at_s = begin_s + ((hour - BEGIN.hour) % 24) * 3600.0
        of_hour: list[Way] = []
        while len(of_hour) < CHECKED_PER_HOUR:
            of_hour += [way for way in streets.answer(CHECKED_PER_HOUR, hour, at_s) if way.usual_s <= LONGEST_S]
        checked += of_hour[:CHECKED_PER_HOUR]
    actual_s = [way.actual_s for way in checked]
    travel, learned = TravelTimes(streets.graph), LearnedSpeeds(streets.graph)
    rows: dict[str, dict[str, float]] = {}

    def check(name: str, known: LearnedSpeeds | None) -> None:
        p50_s, p90_s = (list(column) for column in zip(*promised(travel, known, checked), strict=True))
        rows[name] = kept(actual_s, p50_s, p90_s)
        for number, part in enumerate(PART_NAMES):
            off_s = [abs(a - p) for a, p, way in zip(actual_s, p50_s, checked, strict=True) if PART_OF_HOUR[way.hour] == number]
            rows[name][f"error_s_p50_{part}"] = harness.percentile(off_s, 50)
        if known is not None:
            rows[name] |= {"streets_driven": float(known.observations), "length_learned": known.learned_share()}
        harness.say(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in rows[name].items()))

    check(DEFAULTS, None)
    check(BY_THE_HOUR, LearnedSpeeds(streets.graph))
    driven, ways = Driven(), 0
    for elapsed in range(1, HOURS[-1] + 1):
        hour, at_s = (BEGIN.hour + elapsed - 1) % 24, begin_s + (elapsed - 1) * 3600.0
        streets.patrol(hour, at_s, driven)
        ways += len(streets.answer(round(CALLS_PER_DAY * float(HOUR_WEIGHTS[hour] / HOUR_WEIGHTS.sum())), hour, at_s, driven))
        driven.teach(learned)
        # As the server does each minute: what stretches are compared with is what was known before.
        learned.times(hour)
        if elapsed in HOURS:
            check(f"{elapsed} h", learned)
    taken = kept(actual_s, along(learned, checked))
    harness.say("along the ways that were taken: " + ", ".join(f"{key} {value:.3g}" for key, value in taken.items()))
    best = kept(actual_s, [way.usual_s for way in checked])
    harness.say("who knew every street: " + ", ".join(f"{key} {value:.3g}" for key, value in best.items()))
    last = rows[f"{HOURS[-1]} h"]
    figures = {f"{key}_{name.replace(' ', '_')}": value for name, row in rows.items() for key, value in row.items()}
    figures |= {f"{key}_along": value for key, value in taken.items()} | {f"{key}_at_best": value for key, value in best.items()}
    figures |= {"ways_checked": float(len(checked)), "ways_driven": float(ways)}
    ratios = {f"{key}_vs_class_defaults": last[key] / rows[DEFAULTS][key] for key in ("error_s_p50", "error_s_p90")}
    notes = {
        "error_s": "|actual − promised| of ways nobody learned from, 20 for each hour of a day",
        "at_best": "promised by the true speeds of street, hour and siren: what is left is the driver and the way's luck",
        "along": "learned times of the streets that were really taken: what is left is not for having chosen another way",
        "learned": f"from {len(streets.crews)} car crews on patrol and {ways} ways to calls; crossings seen with {CLOCK_S} s error",
        "by_the_hour": "before anything was learned the server has usual ratios for the parts of a day, the same in every city",
        "parts_of_day": f"the learner knows {PARTS} parts of a day, the truth 24 hours",
        "samples": str(harness.keep_samples("promises", {"rows": rows, "along": taken, "best": best}).relative_to(harness.ROOT)),
    }
    return harness.result("promises", figures, ratios, notes)


if __name__ == "__main__":
    harness.main(run)
