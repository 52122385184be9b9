"""Pursuit as a desk asks for it, on a real small city with crews."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from dispatch.model import UnitKind, UnitStatus
from operations.situation.candidates import TURNOUT_S
from tests.dashboard.api_world import EAST, MIDDLE, WEST, ApiCity, api_city, degrees, problem_of

LON, LAT = MIDDLE


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiCity]:
    with api_city(tmp_path_factory.mktemp("node")) as running:
        for k in range(4):
            running.unit(f"near{k}", WEST, at_m=(100 + 100 * k, 900))
        running.unit("walker", WEST, at_m=(500, 600), kind=UnitKind.FOOT_PATROL)
        running.unit("east", EAST, at_m=(900, 500))
        checkpoint = degrees(700, 600)
        running.put("/elements/checkpoint/gate", {"lon": checkpoint[0], "lat": checkpoint[1], "properties": {"name": "横6路卡口"}})
        yield running


def pursue(city: ApiCity, ago_s: float = 0.0, role: str = "operator", scope: str | None = None, **more: Any) -> dict[str, Any]:
    seen_at = quote((city.clock.now() - timedelta(seconds=ago_s)).isoformat())
    options = "".join(f"&{name}={value}" for name, value in more.items())
    path = f"/pursuit?lon={LON}&lat={LAT}&seen_at={seen_at}{options}"
    answer = city.get(path, role, scope) if scope else city.get(path, role)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_says_what_it_assumes_and_draws_now_and_later(city: ApiCity) -> None:
    found = pursue(city, 30, profile="foot")
    assert (found["elapsed_s"], found["profile"], found["factor"], found["heeds_signs"]) == (30.0, "foot", 2.0, False)
    assert [f["properties"]["after_s"] for f in found["areas"]["features"]] == [300.0, 180.0, 60.0, 0.0]
    assert found["front"]["streets"]
    for street in found["front"]["streets"]:
        assert len(street["path"]) == len(street["after_s"])
        assert all(-0.1 <= s <= found["front"]["until_s"] + 0.1 for s in street["after_s"])


def test_every_way_out_has_its_own_crew_and_its_margin(city: ApiCity) -> None:
    for line in pursue(city, 20, profile="foot")["lines"]:
        crews = [place["crew"]["unit_id"] for place in line["places"] if place["crew"]]
        assert len(set(crews)) == len(crews)
        assert line["in_time"] == sum(place["crew"] is not None and place["margin_s"] >= 0 for place in line["places"])
        for place in line["places"]:
            if place["crew"]:
                assert place["margin_s"] == pytest.approx(place["target_s"] - place["crew"]["arrival_s"], abs=0.11)
                kind = UnitKind(place["crew"]["kind"])
                assert place["crew"]["turnout_s"] == TURNOUT_S[kind]


def test_a_checkpoint_on_the_way_is_named_with_the_time_it_is_reached(city: ApiCity) -> None:
    lines = pursue(city, 0, profile="foot", factor=1.0)["lines"]
    found = {line["lead_s"]: [p for p in line["places"] if p["kind"] == "checkpoint"] for line in lines}
    # 300 m at walking pace: some three and a half minutes, beyond the three-minute line and before the five-minute one.
    assert [p["names"] for p in found[180.0]] == [["横6路卡口"]]
    assert found[180.0][0]["element_id"] == "gate"
    assert 180 < found[180.0][0]["target_s"] < 300
    assert found[60.0] == []


def test_only_own_free_crews_and_those_on_the_incident_count(city: ApiCity) -> None:
    assert pursue(city, scope=WEST)["crews"] == 5
    assert pursue(city)["crews"] == 6
    incident_id = city.incident()["incident_id"]
    city.command(incident_id, "push", unit_ids=["near0"])
    assert pursue(city)["crews"] == 5
    with_incident = pursue(city, incident_id=incident_id, profile="foot")
    assert with_incident["crews"] == 6
    assigned = [p["crew"]["unit_id"] for line in with_incident["lines"] for p in line["places"] if p["crew"] and p["crew"]["assigned"]]
    assert set(assigned) <= {"near0"}
    assert city.services.handler.picture.units["near0"].status == UnitStatus.DISPATCHED
    city.command(incident_id, "recall")


def test_what_can_not_be_answered_says_why(city: ApiCity) -> None:
    now = city.clock.now()
    later, long_ago = (quote((now + timedelta(seconds=s)).isoformat()) for s in (60, -3600))
    assert "60 s from now" in problem_of(city.get(f"/pursuit?lon={LON}&lat={LAT}&seen_at={later}"), 422)["detail"]
    assert "60 minutes ago" in problem_of(city.get(f"/pursuit?lon={LON}&lat={LAT}&seen_at={long_ago}"), 422)["detail"]
    at = quote(now.isoformat())
    assert problem_of(city.get(f"/pursuit?lon=122.5&lat={LAT}&seen_at={at}"), 422)["type"].endswith("off-network")
    problem_of(city.get(f"/pursuit?lon={LON}&lat={LAT}&seen_at={at}&incident_id=nobody"), 404)
    assert city.get(f"/pursuit?lon={LON}&lat={LAT}&seen_at={at}", "feed").status_code == 403
