"""The demo feed: crews keep to the streets, people answer as people do, and the same seed gives the same evening."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from dispatch.codes import load_codes
from feeds.simulator.crews import hand_driven_crew, plan_crews
from feeds.simulator.legs import Wanderer, standing
from feeds.simulator.operators import HESITATION_S, Operators
from feeds.simulator.town import Said, Town
from geodata.cities.city import City
from geodata.routing.travel import TravelTimes
from tests.cities import WEST, build_test_city, degrees

START_S = 1_767_225_600.0  # 2026-01-01 08:00 in Ningbo


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_test_city(tmp_path_factory.mktemp("simulator"))


@pytest.fixture(scope="module")
def travel(city: City) -> TravelTimes:
    return TravelTimes(city)


def town(city: City, seed: int = 1, crews: int = 12, calls_per_day: int = 2000) -> Town:
    return Town(city, load_codes(), crews=crews, calls_per_day=calls_per_day, seed=seed, now_s=START_S)


def run(subject: Town, seconds: int, begin_s: float = START_S) -> list[Said]:
    return [subject.step(begin_s + s) for s in range(1, seconds + 1)]


def view(stage: str = "received", /, version: int = 1, grade: int = 2, **assignment: Any) -> dict[str, Any]:
    lon, lat = degrees(800, 300)
    assignments = [{"unit_id": "u", "pushed_by": "demo-operator", **assignment}] if assignment else []
    return {
        "incident_id": "i1", "incident_type": "dispute", "grade": grade, "lon": lon, "lat": lat,
        "stage": stage, "source": "demo-feed", "version": version, "assignments": assignments,
    }  # fmt: skip


def test_the_same_seed_gives_the_same_evening(city: City) -> None:
    first, second = (run(town(city), 120) for _ in range(2))
    assert [s.feed for s in first] == [s.feed for s in second]
    assert [s.feed for s in first] != [s.feed for s in run(town(city, seed=2), 120)]


def test_crews_keep_to_the_streets_at_speeds_of_streets(city: City, travel: TravelTimes) -> None:
    subject = town(city)
    for second in range(1, 601):
        subject.step(START_S + second)
        for crew in subject.crews.values():
            place = crew.place(START_S + second)
            assert travel.snap(place.lon, place.lat, "foot").distance_m < 1.0
            assert place.speed_mps < 30.0


def test_crews_move_and_their_reports_say_where(city: City) -> None:
    positions = [m for said in run(town(city), 300) for m in said.feed if m["type"] == "position"]
    by_unit = Counter(m.get("unit_id", m.get("tracker_id")) for m in positions)
    assert len(by_unit) >= 12
    places = {(m["lon"], m["lat"]) for m in positions}
    assert len(places) > len(positions) / 3


@pytest.mark.parametrize(
    ("name", "spoken"),
    [("江厦派出所", "江厦"), ("宁波市公安局江北分局特警大队", "江北特警"), ("Central Police Station", "Central")],
)
def test_callsigns_are_short(name: str, spoken: str) -> None:
    station = {"code": "330203010000", "name": name, "level": "station", "parent": None, "has_command_room": True, "lon": 0, "lat": 0}
    (crew,) = plan_crews([station], 1, np.random.default_rng(1))
    assert crew.callsign.startswith(spoken)
    assert len(crew.callsign) <= len(spoken) + 3


def test_some_crews_have_a_car_and_two_phones(city: City) -> None:
    crews = plan_crews(city.organisations(), 200, np.random.default_rng(1))
    assert len({c.unit_id for c in crews}) == 200
    assert {len(c.trackers) for c in crews} == {0, 3}
    assert any(not c.marked for c in crews)


def test_a_pushed_crew_goes_through_every_stage_in_order(city: City) -> None:
    subject = town(city, calls_per_day=0)
    for unit_id in subject.crews:
        subject.pushed(unit_id, view(), START_S)
        subject.pushed(unit_id, view(), START_S)  # a repeated push changes nothing
    said: dict[str, list[str]] = {}
    for step in run(subject, 3600):
        for answer in step.answers:
            said.setdefault(answer.unit_id, []).append(answer.command)
    whole = ["seen", "acknowledge", "depart", "arrive", "feedback"]
    said = {unit_id: [one for one in commands if one != "check_in"] for unit_id, commands in said.items()}
    assert Counter(map(tuple, said.values()))[tuple(whole)] >= 9
    assert all(commands in (whole, ["refuse"]) for commands in said.values())


@pytest.mark.parametrize(
    ("stage", "rest"),
    [
        ("acknowledged", ["depart", "arrive", "feedback"]),
        ("en_route", ["arrive", "feedback"]),
        ("on_scene", ["feedback"]),
        ("feedback", []),
        ("released", []),
    ],
)
def test_a_crew_goes_on_with_what_ran_before_a_restart(city: City, stage: str, rest: list[str]) -> None:
    subject = town(city, calls_per_day=0)
    unit_id = next(iter(subject.crews))
    subject.taken_up(view(stage, unit_id=unit_id, stage=stage), START_S)
    assert [a.command for said in run(subject, 3600) for a in said.answers if a.command != "check_in"] == rest


def test_crews_on_the_scene_say_that_all_is_well_and_fill_in_their_check_lists(city: City) -> None:
    subject = town(city, calls_per_day=0, crews=40)
    for unit_id in subject.crews:
        subject.pushed(unit_id, view(grade=1) | {"incident_type": "robbery"}, START_S)
    answers: dict[str, list[tuple[str, float]]] = {}
    forms = []
    for second, step in enumerate(run(subject, 5400)):
        for answer in step.answers:
            answers.setdefault(answer.unit_id, []).append((answer.command, second))
            forms += [answer.fields["form"]["checks"]] if answer.command == "feedback" else []
    waits = [at - before for said in answers.values() for (_, before), (command, at) in pairwise(said) if command == "check_in"]
    assert len(waits) > 30
    assert sum(wait <= 660 for wait in waits) > 0.8 * len(waits), "most answer before the desk is alarmed"
    items = [item.id for item in load_codes().checklist_for("robbery").item]  # type: ignore[union-attr]
    assert all(list(form) == items for form in forms)
    complete = sum(all(form.values()) for form in forms)
    assert 0 < complete < len(forms)


def test_a_recalled_crew_says_nothing_more(city: City) -> None:
    subject = town(city, calls_per_day=0)
    unit_id = next(iter(subject.crews))
    subject.pushed(unit_id, view(), START_S)
    subject.released(unit_id, "i1", START_S + 1)
    assert [a for said in run(subject, 600) for a in said.answers] == []


def test_a_hand_driven_crew_answers_nothing_and_drives_when_its_person_sets_out(city: City) -> None:
    subject = town(city, calls_per_day=0)
    subject.add_hand_driven(hand_driven_crew(city, "phone"), np.random.default_rng(1), START_S)
    crew = subject.crews["phone"]
    home = crew.place(START_S)
    subject.pushed("phone", view(), START_S)
    run(subject, 120)
    assert crew.place(START_S + 120) == home
    assert "phone" not in dict(subject.registrations())
    assert [subject.answers_for(unit_id) for unit_id in (next(iter(subject.crews)), "phone", "stranger")] == [True, False, False]
    subject.watch(view("en_route", unit_id="phone", stage="en_route"), START_S + 121)
    run(subject, 600, START_S + 121)
    arrived = crew.place(START_S + 721)
    assert abs(arrived.lon - view()["lon"]) < 0.002
    assert abs(arrived.lat - view()["lat"]) < 0.002


def test_calls_follow_the_rate_and_lie_in_the_city(city: City) -> None:
    calls = [m for said in run(town(city, calls_per_day=20_000), 1800) for m in said.feed if m["type"] == "incident"]
    # 20,000 a day, 4.6 % of them between 08:00 and 09:00: 460 in half an hour, and six first calls.
    assert 380 < len(calls) < 560
    west, south, east, north = city.bounds
    placed = [c for c in calls if "lon" in c]
    assert 0.9 < len(placed) / len(calls) < 1.0
    assert sum(west - 0.01 < c["lon"] < east + 0.01 and south - 0.01 < c["lat"] < north + 0.01 for c in placed) == len(placed)
    assert len({c["source_id"] for c in calls}) == len(calls)


def test_operators_leave_people_their_time_then_push_and_later_close() -> None:
    operators = Operators(np.random.default_rng(1))
    operators.watch(view(grade=1), 0.0)
    assert operators.due(HESITATION_S[1][0] - 1) == []
    (push,) = operators.due(HESITATION_S[1][1])
    assert (push.command, push.units) == ("push", 3)
    operators.watch(view("feedback", version=9, stage="feedback"), 100.0)
    (close,) = operators.due(200.0)
    assert (close.command, close.fields["disposition"]) == ("close", "settled")


def test_operators_never_touch_what_a_person_pushed() -> None:
    operators = Operators(np.random.default_rng(1))
    operators.watch(view("feedback", stage="feedback", pushed_by="a person"), 0.0)
    assert operators.due(10_000.0) == []


def test_operators_ask_where_a_call_without_a_place_is() -> None:
    operators = Operators(np.random.default_rng(1), {"s1": (121.5, 29.8)})
    operators.watch(view() | {"lon": None, "lat": None, "source_id": "s1"}, 0.0)
    operators.watch(view() | {"incident_id": "i2", "lon": None, "lat": None, "source_id": "of somebody else"}, 0.0)
    (order,) = operators.due(100.0)
    assert (order.incident_id, order.command, order.fields) == ("i1", "locate", {"lon": 121.5, "lat": 29.8})


def test_operators_never_touch_what_somebody_else_reported() -> None:
    operators = Operators(np.random.default_rng(1))
    operators.watch(view() | {"source": "desk"}, 0.0)
    assert operators.due(10_000.0) == []


def test_an_unanswered_push_is_given_to_another() -> None:
    operators = Operators(np.random.default_rng(1))
    operators.watch(view("pushed", stage="pushed"), 0.0)
    assert operators.due(149.0) == []
    assert [order.command for order in operators.due(151.0)] == ["reassign"]


def test_a_leg_passes_its_bends_in_time(city: City, travel: TravelTimes) -> None:
    graph = city.graph
    way = travel.route(degrees(230, 300), degrees(600, 720))
    leg = Wanderer(graph, np.random.default_rng(1)).along(way.edges, way.begin, way.finish, lambda edge, at_s: 40.0, 1000.0)
    assert leg.place(999.0).lon == pytest.approx(way.lonlat[0, 0], abs=2e-6)
    assert leg.ends_s == pytest.approx(1000.0 + 40.0 * (len(way.edges) - 2 + (1 - way.begin) + way.finish))
    assert all(b >= a for a, b in pairwise(leg.at_s))
    end = leg.place(leg.ends_s)
    assert (end.lon, end.lat, end.speed_mps) == (
        pytest.approx(way.lonlat[-1, 0], abs=2e-6),
        pytest.approx(way.lonlat[-1, 1], abs=2e-6),
        0.0,
    )
    middle = leg.place((1000.0 + leg.ends_s) / 2)
    assert middle.speed_mps == pytest.approx(2.5, abs=0.1)  # 100 m in 40 s
    assert min(abs(middle.heading_deg - d) for d in (0, 90, 180, 270, 360)) < 1.0
    assert standing(1.0, 2.0, 7, 0.0).place(5.0).lon == 1.0


def test_the_west_station_is_home_to_the_hand_driven_crew(city: City) -> None:
    assert hand_driven_crew(city, "phone").org_code == WEST
