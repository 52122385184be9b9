"""Traffic events on a whole node: closed and slow streets change the next answer, and come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from dispatch.errors import RuleViolation
from operations.situation.traffic import TrafficEvent
from tests.dashboard.api_world import WEST, ApiCity, api_city, degrees, fields_of, problem_of


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiCity]:
    with api_city(tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture(autouse=True)
def _free_streets(city: ApiCity) -> Iterator[None]:
    yield
    city.clock.advance(3600)
    city.run(city.services.traffic.renew())


def say(city: ApiCity, east_m: float, north_m: float, event: str = "e1", **properties: Any) -> None:
    city.clock.advance(1)
    lon, lat = degrees(east_m, north_m)
    answer = city.put(f"/elements/traffic_event/{event}", {"lon": lon, "lat": lat, "properties": properties}, "admin")
    assert answer.status_code == 200, answer.text


def eta(city: ApiCity, start: tuple[float, float], end: tuple[float, float]) -> dict[str, Any]:
    (from_lon, from_lat), (to_lon, to_lat) = degrees(*start), degrees(*end)
    found: dict[str, Any] = city.get(f"/eta?from_lon={from_lon}&from_lat={from_lat}&to_lon={to_lon}&to_lat={to_lat}").json()
    return found


# Along the primary road in the middle, past the block between 400 m and 500 m.
START, END, CLOSED = (150, 600), (950, 600), (450, 600)


def test_a_closure_holds_with_the_next_question_and_the_answer_says_so(city: ApiCity) -> None:
    before = eta(city, START, END)
    assert (before["delay_s"], before["traffic_events"]) == (0.0, [])
    say(city, *CLOSED, event="works", closes=True, name="施工")
    after = eta(city, START, END)
    assert after["delay_s"] == pytest.approx(after["eta_s"] - before["eta_s"], abs=0.2)
    assert after["delay_s"] > 5
    assert after["traffic_events"] == [{"element_id": "works", "name": "施工", "closes": True, "speed_factor": None}]
    assert after["distance_m"] > before["distance_m"]
    say(city, *CLOSED, event="works", closes=True, ended=True)
    assert eta(city, START, END) == before


def test_units_behind_a_closure_are_later_and_the_panel_says_why(city: ApiCity) -> None:
    city.unit("before", WEST, at_m=(350, 600))
    lon, lat = degrees(550, 600)

    def row() -> dict[str, Any]:
        scene = city.get(f"/scene?lon={lon}&lat={lat}").json()
        return next(unit for unit in scene["units"] if unit["unit_id"] == "before")

    free = row()
    # All streets from west to east but the southernmost.
    for north in range(0, 1200, 100):
        say(city, 450, north, event=f"river-{north}", closes=north > 0)
    late = row()
    assert late["eta_s"] > free["eta_s"] + 15
    assert late["eta_p90_s"] > late["eta_s"]
    (reason,) = [r for r in late["reasons"] if r["code"] == "traffic"]
    assert reason["delay_s"] == pytest.approx(late["eta_s"] - free["eta_s"], abs=1)
    assert "longer for closed or slow streets" in reason["text"]


def test_a_slow_street_takes_longer_in_one_direction_only_where_that_is_said(city: ApiCity) -> None:
    free = {way: eta(city, *way)["eta_s"] for way in (((400, 605), (500, 605)), ((500, 605), (400, 605)))}
    (east, east_s), (west, west_s) = free.items()
    say(city, *CLOSED, speed_factor=0.25, heading_deg=90)
    assert eta(city, *east)["eta_s"] > 1.5 * east_s
    assert eta(city, *west)["eta_s"] == west_s


def test_an_event_ends_at_its_hour_and_when_nobody_speaks_of_it_any_more(city: ApiCity) -> None:
    free = eta(city, START, END)
    ends_at = (city.clock.now() + timedelta(seconds=120)).isoformat()
    say(city, *CLOSED, closes=True, ends_at=ends_at)
    assert eta(city, START, END)["delay_s"] > 0
    city.clock.advance(120)
    city.run(city.services.traffic.renew())
    assert eta(city, START, END) == free
    say(city, *CLOSED, closes=True)
    city.clock.advance(1799)
    city.run(city.services.traffic.renew())
    assert eta(city, START, END)["delay_s"] > 0
    city.clock.advance(10)
    city.run(city.services.traffic.renew())
    assert eta(city, START, END) == free


def test_a_line_means_the_streets_it_follows(city: ApiCity) -> None:
    line = [list(degrees(410, 600)), list(degrees(690, 600))]
    lon, lat = degrees(550, 600)
    free = city.get(f"/streets/speeds?lon={lon}&lat={lat}").json()["directions"]
    say(city, *CLOSED, closes=True, line=line)
    assert city.services.traffic.state() == {"state": "ok", "events": 1, "edges": 6, "off_street": 0}
    say(city, *CLOSED, closes=True, line=line, one_direction=True)
    assert city.services.traffic.state()["edges"] == 3
    street = city.get(f"/streets/speeds?lon={lon}&lat={lat}").json()
    assert street["name"] == "横6路"
    closed, open_ = sorted(street["directions"], key=lambda d: d["heading_deg"])
    assert (closed["without_siren"]["p50_s"], [e["element_id"] for e in closed["traffic_events"]]) == (None, ["e1"])
    assert open_["without_siren"] in [direction["without_siren"] for direction in free]
    assert open_["without_siren"]["p90_s"] > open_["without_siren"]["p50_s"]
    assert open_["observations"] == 0


def test_an_event_near_no_street_is_shown_and_counted(city: ApiCity) -> None:
    say(city, 450, 550, closes=True)
    assert city.services.traffic.state() == {"state": "ok", "events": 1, "edges": 0, "off_street": 1}


def test_events_that_no_longer_change_the_streets_are_told_on_the_health_page(city: ApiCity) -> None:
    traffic = city.services.traffic
    with patch.object(traffic, "_renew", side_effect=MemoryError("no room")):
        city.run(traffic.tick())
    assert traffic.state()["state"] == "failing"
    assert "no room" in traffic.state()["failure"]
    city.run(traffic.tick())
    assert traffic.state() == {"state": "ok", "events": 0, "edges": 0, "off_street": 0}


def test_an_event_without_effect_changes_nothing(city: ApiCity) -> None:
    say(city, *CLOSED, event="look", level="green")
    assert city.services.traffic.state()["events"] == 0


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"closes": "yes"}, "closes 'yes'"),
        ({"speed_factor": 0}, "speed_factor '0' is not understood; send a number from 0.05 to 1."),
        ({"speed_factor": True}, "speed_factor"),
        ({"speed_factor": float("nan")}, "speed_factor"),
        ({"heading_deg": 400}, "heading_deg"),
        ({"line": [[121.5, 29.8]]}, "line"),
        ({"line": [[121.5, 29.8], [200, 29.8]]}, r"line '\[200, 29.8\]'"),
        ({"line": [[121.5, 29.8], "x"]}, "line"),
        ({"line": [[121.5, 29.8], [121.5, 31.7]]}, "line .* 200 km"),
        ({"ends_at": "tomorrow"}, "ends_at 'tomorrow'"),
        ({"ends_at": "2026-01-01T00:00:00"}, "ends_at"),
        ({"ends_at": 5}, "ends_at"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(properties: dict[str, Any], name: str) -> None:
    with pytest.raises(RuleViolation, match=name) as refused:
        TrafficEvent.of(properties)
    assert refused.value.rule == "bad_traffic_event"


def test_a_feed_and_the_api_refuse_it(city: ApiCity) -> None:
    lon, lat = degrees(*CLOSED)
    answer = city.put("/elements/traffic_event/bad", {"lon": lon, "lat": lat, "properties": {"closes": 1}}, "admin")
    assert "closes '1' is not understood" in problem_of(answer, 422)["detail"]
    assert fields_of(problem_of(city.get(f"/rings?lon={lon}&lat={lat}&quantile=0.7"), 422)) == {"quantile"}
