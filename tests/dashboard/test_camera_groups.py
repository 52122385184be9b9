"""Groups of cameras for walls: by organisation, duty circle and list; a circle's only for whom it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dispatch.duty_commands import WriteElement
from storage.cameras import CameraSource
from tests.dashboard.api_world import CITY, EAST, SYSTEM, WEST, ApiCity, api_city, degrees, problem_of
from tests.dashboard.test_api_duty_circles import plan, set_circle, tier


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiCity]:
    with api_city(tmp_path_factory.mktemp("groups")) as running:
        for camera_id, name, east_m in (("cam-b", "乙", 200), ("cam-a", "甲", 300), ("cam-e", "东", 1000)):
            lon, lat = degrees(east_m, 480)
            command = WriteElement(
                element="street_camera", element_id=camera_id, lon=lon, lat=lat, properties={"name": name, "name_en": camera_id}
            )
            running.run(running.services.handler.handle(command, SYSTEM))
        yield running


def ids(city: ApiCity, group: str, role: str = "operator", scope: str = CITY) -> list[str]:
    answer = city.ask("GET", f"/camera-groups?group={group}", role, scope)
    assert answer.status_code == 200, answer.text
    return [camera["id"] for camera in answer.json()["cameras"]]


def test_an_organisation_has_the_cameras_of_its_area_and_of_those_below_it(city: ApiCity) -> None:
    assert set(ids(city, f"org:{WEST}")) == {"cam-a", "cam-b", "cam-1"}
    assert ids(city, f"org:{EAST}") == ["cam-e"]
    assert len(ids(city, f"org:{CITY[:6]}")) == 4, "a short code, and everything below"
    named = city.get(f"/camera-groups?group=org:{WEST}").json()
    assert named["name"] == "西门派出所"
    assert {"id": "cam-a", "name": "甲", "name_en": "cam-a"} in named["cameras"]


def test_cameras_without_an_address_are_left_out_unless_there_are_no_others(city: ApiCity) -> None:
    cameras = city.services.cameras
    cameras.write([CameraSource("cam-a", "rtsp://10.0.0.1/x", "", "test", 0.0)])
    assert ids(city, f"org:{WEST}") == ["cam-a"]
    assert ids(city, f"org:{EAST}") == ["cam-e"]
    assert ids(city, "list:cam-b,cam-a") == ["cam-b", "cam-a"]


def test_a_list_keeps_its_order_and_leaves_out_what_is_no_camera(city: ApiCity) -> None:
    assert ids(city, "list:cam-e,nothing,cam-a,cam-e") == ["cam-e", "cam-a"]


def test_a_circles_cameras_are_for_whom_the_circle_is(city: ApiCity) -> None:
    assert set_circle(city, "round", plan(tier(cameras=["cam-b"]), tier(3, 250, cameras=["cam-b", "cam-a"]))).status_code == 200
    assert ids(city, "circle:round") == ["cam-b", "cam-a"]
    assert problem_of(city.ask("GET", "/camera-groups?group=circle:round", "viewer"), 403)["detail"].endswith(
        "from a desk that may see it."
    )
    assert problem_of(city.ask("GET", "/camera-groups?group=circle:round", "operator", EAST), 404)["type"].endswith("unknown-circle")


@pytest.mark.parametrize(
    ("group", "status"), [("", 422), ("all", 422), ("org:", 422), ("org:no", 404), ("org:999999", 404), ("circle:x", 404)]
)
def test_a_group_that_is_none_is_refused_with_what_would_do(city: ApiCity, group: str, status: int) -> None:
    found = problem_of(city.get(f"/camera-groups?group={group}"), status)
    assert status != 422 or "write org:330203, circle:<id> or list:" in str(found)
