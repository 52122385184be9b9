"""The demo city's traffic events: sound messages, and crews that keep to them."""

from __future__ import annotations

import numpy as np
import pytest

from feeds.simulator.legs import Wanderer
from feeds.simulator.traffic import EVENTS, RoadEvents
from geodata.cities.city import City
from operations.situation.traffic import TrafficEvent
from tests.cities import build_test_city

START_S = 1_700_000_000.0


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_test_city(tmp_path_factory.mktemp("city"))


def test_events_come_and_go_and_say_what_they_do(city: City) -> None:
    events, said, most = RoadEvents(city, 1, START_S), [], 0
    for second in range(0, 4 * 3600, 5):
        messages, changed = events.due(START_S + second)
        said += messages
        assert changed or not messages
        effects = events.effects
        most = max(most, len(effects.closed) + len(effects.slowed))
    assert len(said) > 2 * EVENTS
    assert 4 <= most <= 2 * EVENTS
    for message in said:
        event = TrafficEvent.of(message["properties"])
        assert event.matters
        assert event.closes != (event.speed_factor < 1.0)
        assert event.ends_at is not None
    assert {m["id"] for m in said} == {f"demo-traffic-{n}" for n in range(1, EVENTS + 1)}
    again = RoadEvents(city, 1, START_S)
    assert [m for s in range(0, 4 * 3600, 5) for m in again.due(START_S + s)[0]] == said


def test_a_patrol_does_not_enter_what_is_closed(city: City) -> None:
    wanderer = Wanderer(city.graph, np.random.default_rng(1))
    car = city.graph.car
    edge = next(e for e in range(city.graph.edge_count) if len(car.next_edge[car.next_ptr[e] : car.next_ptr[e + 1]]) == 3)
    onward = car.next_edge[car.next_ptr[edge] : car.next_ptr[edge + 1]]
    wanderer.closed = onward[:2]
    assert {wanderer._next(car, edge, edge, 500.0) for _ in range(20)} == {int(onward[2])}
    wanderer.closed = onward
    assert wanderer._next(car, edge, edge, 500.0) in onward.tolist(), "somewhere it must go"
