"""The demo's shifts: the map never empties, the same seed gives the same roster, and crews at home are silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from feeds.simulator.crews import CrewPlan, hand_driven_crew, plan_crews
from feeds.simulator.shifts import AHEAD, ShiftPlan, plan_shifts
from geodata.cities.city import City
from tests.cities import build_test_city
from tests.feeds.test_simulator import START_S, town, view

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime.fromtimestamp(START_S, UTC)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_test_city(tmp_path_factory.mktemp("shifts"))


def crews(city: City) -> list[CrewPlan]:
    return plan_crews(city.organisations(), 240, np.random.default_rng(1))


def on_duty(plans: list[ShiftPlan], at: datetime) -> set[str]:
    running = [p for p in plans if datetime.fromisoformat(p.body["starts_at"]) <= at < datetime.fromisoformat(p.body["ends_at"])]
    return {row["unit_id"] for plan in running for row in plan.body["crews"]}


def test_at_any_quarter_of_an_hour_half_of_the_crews_are_there_and_some_are_not(city: City) -> None:
    plans = plan_shifts(crews(city), None, NOW, ZONE)
    for quarter in range(int(AHEAD / timedelta(minutes=15)) - 32):
        there = len(on_duty(plans, NOW + quarter * timedelta(minutes=15)))
        assert 100 < there < 235, quarter


def test_every_station_has_a_leader_and_shifts_that_overlap_without_a_gap(city: City) -> None:
    plans = plan_shifts(crews(city), None, NOW, ZONE)
    for org_code in {plan.org_code for plan in plans}:
        own = sorted((plan.body for plan in plans if plan.org_code == org_code), key=lambda body: body["starts_at"])
        assert all(body["leader"] and body["radio_group"] for body in own)
        assert len(own) >= 4
        for first, then in pairwise(own):
            assert datetime.fromisoformat(then["starts_at"]) < datetime.fromisoformat(first["ends_at"])


def test_the_same_crews_give_the_same_roster_and_an_hour_later_nothing_planned_is_changed(city: City) -> None:
    first, again = (plan_shifts(crews(city), None, NOW, ZONE) for _ in range(2))
    assert first == again
    later = {(p.org_code, p.shift_id): p for p in plan_shifts(crews(city), None, NOW + timedelta(hours=1), ZONE)}
    assert all(later.get((p.org_code, p.shift_id), p) == p for p in first)


def test_the_crew_whose_phone_a_person_holds_is_on_every_shift(city: City) -> None:
    own = hand_driven_crew(city, "demo-officer")
    plans = [p for p in plan_shifts([*crews(city), own], own.unit_id, NOW, ZONE) if p.org_code == own.org_code]
    assert plans
    assert all("demo-officer" in {row["unit_id"] for row in plan.body["crews"]} for plan in plans)


def test_a_crew_off_duty_is_silent_and_stands_and_one_on_an_incident_finishes_it(city: City) -> None:
    subject = town(city)
    home, busy = list(subject.crews)[:2]
    subject.pushed(busy, view(), START_S)
    for unit_id in (home, busy):
        subject.duty(unit_id, False, False, START_S)
    heard: set[str] = set()
    answers: set[str] = set()
    for second in range(1, 120):
        said = subject.step(START_S + second)
        heard |= {m.get("unit_id") or m["tracker_id"].rsplit("-", 1)[0] for m in said.feed if m["type"] == "position"}
        answers |= {answer.unit_id for answer in said.answers}
        assert not said.signings
    assert home not in heard
    assert busy in heard
    assert busy in answers


def test_crews_sign_on_once_within_two_minutes_of_their_shift(city: City) -> None:
    subject = town(city, crews=60)
    for unit_id in subject.crews:
        subject.duty(unit_id, True, False, START_S)
    signings = [unit_id for second in range(1, 180) for unit_id in subject.step(START_S + second).signings]
    assert len(signings) == len(set(signings))
    assert 45 < len(signings) < 60  # some forget it


def test_reserves_answer_a_muster_once_within_a_minute_and_most_come(city: City) -> None:
    subject = town(city, crews=60)
    for unit_id in subject.crews:
        subject.mustered(unit_id, "m", START_S)
    answers = []
    for second in range(1, 90):
        answers += subject.step(START_S + second).musters
        subject.mustered(next(iter(subject.crews)), "m", START_S + second)  # said again, it is the same muster
    assert len(answers) == 60
    assert {muster_id for _, muster_id, _ in answers} == {"m"}
    assert 40 < sum(comes for _, _, comes in answers) < 60
