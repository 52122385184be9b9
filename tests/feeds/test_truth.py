"""The hidden truth of the demo city: the same for a seed, plausible everywhere, and known to the demo feed alone."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.codes import load_codes
from feeds.simulator.town import Town
from feeds.simulator.truth import FASTEST_FOOT_MPS, TrueSpeeds
from geodata.streets.graph import STREET_CLASSES, StreetGraph
from geodata.streets.street_times import StreetEffects
from tests.cities import build_test_city
from tests.feeds.test_simulator import START_S, view
from tests.test_architecture import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
ZONE = "Asia/Shanghai"
NIGHT_S = datetime(2026, 5, 4, 3, 0, tzinfo=ZoneInfo(ZONE)).timestamp()
NOON_S = NIGHT_S + 10 * 3600
RUSH_S = NIGHT_S + 14.5 * 3600
KPH = {"primary": 90.0, "residential": 45.0}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> StreetGraph:
    return build_test_city(tmp_path_factory.mktemp("truth")).graph


@pytest.fixture(scope="module")
def truth(graph: StreetGraph) -> TrueSpeeds:
    return TrueSpeeds(graph, 7, ZONE)


def of_class(graph: StreetGraph, name: str) -> list[int]:
    return np.flatnonzero(graph.street_class == STREET_CLASSES.index(name)).tolist()


def test_the_same_seed_gives_the_same_city(graph: StreetGraph, truth: TrueSpeeds) -> None:
    same, other = TrueSpeeds(graph, 7, ZONE), TrueSpeeds(graph, 8, ZONE)
    assert np.array_equal(truth.graph.car.time_s, same.graph.car.time_s)
    assert truth.driver("a-1") == same.driver("a-1") != truth.driver("a-2")
    assert not np.array_equal(truth.graph.car.time_s, other.graph.car.time_s)
    assert truth.driver("a-1") != other.driver("a-1")


def test_each_street_has_a_pace_of_its_own_in_both_directions(graph: StreetGraph, truth: TrueSpeeds) -> None:
    ratio = truth.graph.car.time_s / graph.car.time_s
    for street in np.unique(graph.name_index):
        of_street = ratio[graph.name_index == street]
        assert of_street == pytest.approx(of_street[0], rel=1e-5)
    by_street = np.array([ratio[graph.name_index == street][0] for street in np.unique(graph.name_index)])
    assert 0.1 < float(np.log(by_street).std()) < 0.5
    assert np.array_equal(graph.car.next_edge, truth.graph.car.next_edge)


def test_rush_hours_are_slow_nights_are_fast_and_a_siren_helps(graph: StreetGraph, truth: TrueSpeeds) -> None:
    for name, least in (("primary", 1.4), ("residential", 1.1)):
        edge = of_class(graph, name)[0]
        night, noon, rush = (truth.edge_s("car", edge, at, False, 1.0) for at in (NIGHT_S, NOON_S, RUSH_S))
        assert night < noon < rush
        assert rush / night > least
        siren = truth.edge_s("car", edge, RUSH_S, True, 1.0)
        assert siren < rush
        assert siren > truth.edge_s("car", edge, NIGHT_S, True, 1.0)


@given(
    edge=st.integers(0, 400),
    hour=st.floats(0, 48),
    urgent=st.booleans(),
    pace=st.floats(0.6, 2.0),
)
def test_nobody_races_through_an_alley(graph: StreetGraph, truth: TrueSpeeds, edge: int, hour: float, urgent: bool, pace: float) -> None:
    edge %= graph.edge_count
    name = STREET_CLASSES[graph.street_class[edge]]
    metres = float(graph.length_m[edge])
    assert metres / truth.edge_s("car", edge, NIGHT_S + hour * 3600, urgent, pace) <= KPH[name] / 3.6 + 1e-6
    assert metres / truth.edge_s("foot", edge, NIGHT_S + hour * 3600, urgent, pace) <= FASTEST_FOOT_MPS + 1e-6


def test_traffic_events_slow_cars_down_while_they_hold(graph: StreetGraph) -> None:
    truth = TrueSpeeds(graph, 7, ZONE)
    edge = of_class(graph, "residential")[0]
    usual, on_foot = truth.edge_s("car", edge, NOON_S, False, 1.0), truth.edge_s("foot", edge, NOON_S, False, 1.0)
    nothing, twice = np.empty(0, np.int32), np.array([edge, edge], np.int32)
    truth.affect(StreetEffects(nothing, twice, np.array([0.5, 0.8], np.float32)))
    assert truth.edge_s("car", edge, NOON_S, False, 1.0) == pytest.approx(2 * usual)
    assert truth.edge_s("foot", edge, NOON_S, False, 1.0) == on_foot
    truth.affect(StreetEffects())
    assert truth.edge_s("car", edge, NOON_S, False, 1.0) == usual


def test_every_street_class_has_a_pace(truth: TrueSpeeds) -> None:
    from feeds.simulator import truth as module

    assert tuple(module._CLASS) == STREET_CLASSES


def test_a_siren_brings_the_same_crew_there_sooner(tmp_path: Path) -> None:
    city = build_test_city(tmp_path)

    def driven_s(grade: int) -> list[float]:
        town = Town(city, load_codes(), crews=12, calls_per_day=0, seed=1, now_s=START_S)
        spans: dict[str, list[float]] = {}
        for unit_id in town.crews:
            town.taken_up(view("en_route", grade=grade, unit_id=unit_id, stage="en_route"), START_S)
        for crew in town.crews.values():
            spans[crew.plan.unit_id] = [crew._leg.ends_s - START_S]
        return [spans[unit_id][0] for unit_id in sorted(spans)]

    with_siren, without = driven_s(2), driven_s(3)
    assert len(with_siren) == 12
    assert all(a < b for a, b in zip(with_siren, without, strict=True))


def test_nothing_of_it_leaves_the_program_but_positions(tmp_path: Path) -> None:
    town = Town(build_test_city(tmp_path), load_codes(), crews=12, calls_per_day=0, seed=1, now_s=START_S)
    unit_id = next(iter(town.crews))
    town.pushed(unit_id, view(), START_S)
    keys, fields = set(), set()
    for second in range(1, 400):
        said = town.step(START_S + second)
        keys.update(key for message in said.feed if message["type"] == "position" for key in message)
        fields.update(key for answer in said.answers for key in answer.fields)
    assert keys == {"type", "unit_id", "tracker_id", "lon", "lat", "position_at", "speed_mps", "heading_deg"}
    assert fields <= {"text", "form"}


ASKS = re.compile(r"^\s*(?:from|import) feeds\.simulator\.truth\b|^\s*from feeds\.simulator import [^#\n]*\btruth\b", re.MULTILINE)


def test_no_part_of_the_server_can_ask_for_it() -> None:
    """Only the demo feed, which is a process of its own, and measurements import it."""
    files = [*ROOT.glob("*.py"), *(path for folder in (*PACKAGES, "bench") for path in (ROOT / folder).rglob("*.py"))]
    asking = {path.relative_to(ROOT).parts for path in files if ASKS.search(path.read_text(encoding="utf-8"))}
    assert ("feeds", "simulator", "town.py") in asking
    assert [parts for parts in asking if parts[0] != "bench" and parts[:2] != ("feeds", "simulator")] == []
