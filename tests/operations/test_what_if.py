"""What if, on a real small city: what is supposed is told as if it were so, and nothing of it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch.errors import NotFound
from dispatch.model import Actor, UnitKind
from operations.situation.coverage import Moment
from operations.situation.what_if import Supposition, WhatIf
from tests.dashboard.api_world import EAST, WEST, ApiCity, api_city, degrees, problem_of

SHARES = ("street_share", "street_km", "units", "left_out")


@pytest.fixture
def city(tmp_path: Path) -> Iterator[ApiCity]:
    with api_city(tmp_path) as running:
        running.unit("w1", WEST, at_m=(100, 100))
        running.unit("w2", WEST, at_m=(100, 200))
        yield running


def point(east_m: float, north_m: float) -> dict[str, float]:
    lon, lat = degrees(east_m, north_m)
    return {"lon": lon, "lat": lat}


def supposed(city: ApiCity, role: str = "operator", **body: Any) -> dict[str, Any]:
    answer = city.post("/what-if/coverage", body, role)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def real(city: ApiCity) -> dict[str, Any]:
    found = city.get("/coverage?gaps=0").json()
    return {name: found[name] for name in SHARES}


def shares(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in SHARES}


def test_nothing_supposed_is_what_is_so(city: ApiCity) -> None:
    assert shares(supposed(city)) == real(city)


def test_a_unit_supposed_elsewhere_is_told_as_if_it_were_there_and_is_not(city: ApiCity) -> None:
    before = real(city)
    told = shares(supposed(city, moves=[{"unit_id": "w2", **point(900, 900)}]))
    assert told["street_share"][0] > before["street_share"][0]
    assert real(city) == before
    city.clock.advance(1.0)
    city.unit("w2", WEST, at_m=(900, 900))
    assert real(city) == told


def test_a_post_counts_as_one_more_crew(city: ApiCity) -> None:
    before = real(city)
    told = shares(supposed(city, posts=[point(900, 900)]))
    assert told["units"] == before["units"] + 1
    assert told["street_share"][0] > before["street_share"][0]
    city.unit("w3", WEST, at_m=(900, 900))
    assert real(city) == told


def test_a_closed_street_is_closed_for_nobody_else(city: ApiCity) -> None:
    before, ground = real(city), city.services.travel.ground()
    ring = city.get("/rings?lon={lon}&lat={lat}&minutes=1".format(**point(100, 100))).content
    closed = [point(150, 100), point(100, 150), point(50, 100), point(100, 50), point(150, 200), point(100, 250), point(50, 200)]
    told = supposed(city, closed=closed)
    assert [street["name"] for street in told["closed"][:2]] == ["横1路", "纵1路"]
    assert told["closed"][0]["line"]["type"] == "LineString"
    assert told["street_share"][0] < before["street_share"][0]
    assert real(city) == before
    assert city.services.travel.ground() is ground
    assert city.get("/rings?lon={lon}&lat={lat}&minutes=1".format(**point(100, 100))).content == ring


def test_rings_lead_away_from_what_is_dragged_and_gaps_are_those_supposed(city: ApiCity) -> None:
    told = supposed(city, moves=[{"unit_id": "w2", **point(900, 900)}], ring_from=point(900, 900), gaps=0.3)
    assert {f["properties"]["direction"] for f in told["rings"]["features"]} == {"from"}
    assert told["gap_minutes"] == 0.3
    assert told["gaps"]["features"]


def test_what_can_not_be_supposed_is_refused(city: ApiCity) -> None:
    city.unit("hidden", EAST, at_m=(900, 900), marked=False)
    move = {"moves": [{"unit_id": "hidden", **point(500, 500)}]}
    problem_of(city.post("/what-if/coverage", move, "operator", WEST), 404)
    problem_of(city.post("/what-if/coverage", {"moves": [{"unit_id": "nobody", **point(500, 500)}]}), 404)
    assert "moved twice" in city.post("/what-if/coverage", {"moves": [{"unit_id": "w1", **point(500, 500)}] * 2}).text
    assert problem_of(city.post("/what-if/coverage", {"posts": [point(-9000, 0)]}), 422)["type"].endswith("off-network")
    problem_of(city.post("/what-if/coverage", {"scope": EAST}, "operator", WEST), 403)
    assert city.post("/what-if/coverage", {}, "feed").status_code == 403


def test_standby_advice_says_who_goes_where_with_what_gain_and_moves_nobody(city: ApiCity) -> None:
    city.put("/elements/duty_post/far", point(900, 900) | {"properties": {"name": "东门快反点"}})
    city.unit("walker", WEST, at_m=(100, 150), kind=UnitKind.FOOT_PATROL)
    lon = city.services.positions.lon.copy()
    told = city.post("/what-if/standby", {"units": 2, "within": 0.6, "longest_drive": 10}).json()
    assert (told["movable"], told["staying"], told["proven"]) == (2, 1, True)
    assert told["weighed"] in ("street_length", "residents")
    assert told["share_after"] > told["share_before"]
    assert {move["unit_id"] for move in told["moves"]} <= {"w1", "w2"}
    for move in told["moves"]:
        assert move["gain_share"] > 0
        assert move["to"]["kind"] in ("duty_post", "station", "crossing")
    assert np.array_equal(city.services.positions.lon, lon, equal_nan=True)
    # What is advised is what would be: supposing the moves covers as much.
    moved = [{"unit_id": m["unit_id"], "lon": m["to"]["lon"], "lat": m["to"]["lat"]} for m in told["moves"]]
    again = city.post("/what-if/standby", {"units": 2, "within": 0.6, "moves": moved}).json()
    assert again["share_before"] == pytest.approx(told["share_after"], abs=0.02)


def test_what_stands_by_hand_or_under_another_command_stays(city: ApiCity) -> None:
    told = city.post("/what-if/standby", {"units": 2, "within": 0.6, "moves": [{"unit_id": "w1", **point(100, 100)}]}).json()
    assert {move["unit_id"] for move in told["moves"]} <= {"w2"}
    assert (told["movable"], told["staying"]) == (1, 1)
    city.unit("east", EAST, at_m=(900, 500))
    told = city.post("/what-if/standby", {"units": 5, "within": 0.6}, "operator", WEST).json()
    assert {move["unit_id"] for move in told["moves"]} <= {"w1", "w2"}


def test_desks_that_ask_the_same_at_once_are_given_one_answer(city: ApiCity, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(self: WhatIf, moment: Moment, supposed: Supposition, actor: Actor, most_moves: int, *limits: float) -> dict[str, Any]:
        asked.append(most_moves)
        if most_moves == 9:
            raise NotFound("unknown-unit", "w1")
        return {"asked": len(asked)}

    async def all_at_once() -> list[Any]:
        here, there = Supposition(moves={"w1": degrees(500, 500)}), Supposition(moves={"w1": degrees(500, 600)})
        desks = [(here, "a", WEST, 2), (here, "b", WEST, 2), (there, "a", WEST, 2), (here, "a", EAST, 2), (here, "a", WEST, 9)]
        questions = [
            city.services.what_if.advise(supposed, Actor(name, "operator", org_code), most, 3.0, 10.0)
            for supposed, name, org_code, most in desks
        ]
        told = await asyncio.gather(*questions, return_exceptions=True)
        return [*told, await city.services.what_if.advise(here, Actor("a", "operator", WEST), 2, 3.0, 10.0)]

    monkeypatch.setattr(WhatIf, "_advised", counted)
    first, same, other_place, other_area, refused, later = city.run(all_at_once())
    assert (first, same, other_place, other_area) == ({"asked": 1}, {"asked": 1}, {"asked": 2}, {"asked": 3})
    assert isinstance(refused, NotFound)
    assert later == {"asked": 5}, "what was answered is not told again"
