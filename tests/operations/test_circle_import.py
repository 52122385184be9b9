"""Duty circles from a file: what the API gives comes back the same; what can't be is listed, feature by feature, and hinders no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operations.duty.circle_import import read_circles, write_circles
from operations.records.incident_import import ImportRefused
from tests.dashboard.api_world import SYSTEM, ApiCity, api_city
from tests.dashboard.test_api_duty_circles import CROSSED, plan, set_circle, tier


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiCity]:
    with api_city(tmp_path_factory.mktemp("import")) as running:
        yield running


def written(city: ApiCity, folder: Path, collection: Any) -> tuple[Any, int, list[str]]:
    path = folder / "circles.geojson"
    path.write_text(json.dumps(collection), encoding="utf-8")
    found = read_circles(path)
    return (found, *city.run(write_circles(city.services.handler, city.services.drills.checks, found, SYSTEM)))


def test_what_the_api_gives_is_set_again_as_it_was(city: ApiCity, tmp_path: Path) -> None:
    assert set_circle(city, "a", plan(tier(cameras=["cam-1"]), tier(3, 200))).status_code == 200
    given = city.get("/duty-circles").json()
    city.ask("DELETE", "/duty-circles/a?text=x", "commander")
    found, count, refused = written(city, tmp_path, given)
    assert (found.features, count, found.rejects, refused) == (1, 1, [], [])
    (again,) = city.get("/duty-circles").json()["features"]
    assert again["properties"]["tiers"] == given["features"][0]["properties"]["tiers"]
    assert again["properties"]["version"] == 3
    assert written(city, tmp_path, given)[1] == 1
    assert city.get("/duty-circles/a").json()["version"] == 3, "the same again changes nothing"


def test_what_can_not_be_is_listed_and_hinders_no_other(city: ApiCity, tmp_path: Path) -> None:
    good, crossed = ({"properties": plan() | {"circle_id": id_}} for id_ in ("good", "crossed"))
    crossed["properties"]["tiers"] = [tier(area=CROSSED)]
    line = {"properties": plan(tier(area={"type": "LineString", "coordinates": []})) | {"circle_id": "line"}}
    found, count, refused = written(city, tmp_path, {"features": [good, {"properties": {"name": "x"}}, "no feature", crossed, line]})
    assert [number for number, _ in found.rejects] == [2, 3]
    assert "circle_id" in found.rejects[0][1]
    assert count == 1
    assert [reason.partition(":")[0] for reason in refused] == ["crossed", "line"]
    assert "tiers[0].area.coordinates[0] crosses itself" in refused[0]
    assert "tiers[0].area is a LineString" in refused[1]


@pytest.mark.parametrize(("text", "said"), [("[]", "no GeoJSON FeatureCollection"), ("{", "no JSON"), (None, "can't be read")])
def test_what_is_no_such_file_is_refused_whole(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "circles.geojson"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ImportRefused, match=said):
        read_circles(path)
