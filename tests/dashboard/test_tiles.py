"""The base map over HTTP: tiles, empty squares, style."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.dashboard.api_world import ApiCity
from tests.dashboard.pages_world import pages_of
from tests.dashboard.test_callbacks import ask

Get = Callable[[str], httpx.Response]


@pytest.fixture
def get(city: ApiCity) -> Get:
    _, edge = pages_of(city)
    headers = {"Authorization": f"Bearer {city.token('viewer')}"}

    def request(path: str) -> httpx.Response:
        return ask(city, edge, "GET", path, headers=headers)

    return request


def tile_at(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    import math

    side = 1 << zoom
    north = math.log(math.tan(math.radians(lat)) + 1 / math.cos(math.radians(lat)))
    return int((lon + 180) / 360 * side), int((1 - north / math.pi) / 2 * side)


def test_a_tile_of_the_city_comes_packed_and_says_so(city: ApiCity, get: Get) -> None:
    west, south, east, north = city.services.city.bounds
    x, y = tile_at((west + east) / 2, (south + north) / 2, 13)
    answer = get(f"/tiles/13/{x}/{y}.pbf")
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    packed = city.services.base_map.tile(13, x, y)
    assert packed is not None
    assert answer.content == gzip.decompress(packed)


@pytest.mark.parametrize("path", ["/tiles/13/0/0.pbf", "/tiles/99/1/1.pbf", "/tiles/5/1/1.pbf", "/tiles/13/-4/1.pbf"])
def test_a_square_without_a_tile_is_empty_not_wrong(get: Get, path: str) -> None:
    answer = get(path)
    assert answer.status_code == 204
    assert answer.content == b""


def test_a_tile_that_is_no_number_is_refused(get: Get) -> None:
    assert get("/tiles/13/abc/1.pbf").status_code == 422


def test_tiles_are_not_for_strangers(city: ApiCity) -> None:
    _, edge = pages_of(city)
    assert ask(city, edge, "GET", "/tiles/13/1/1.pbf").status_code == 401


def test_the_style_names_this_server_and_this_city(city: ApiCity, get: Get) -> None:
    style: dict[str, Any] = get("/style.json?theme=light&scale=2").json()
    source = style["sources"]["city"]
    assert source["tiles"][0].startswith("http://city.test/tiles/")
    assert source["bounds"] == pytest.approx(list(city.services.city.bounds))
    assert style["name"] == "liandong-light"


def test_an_unknown_theme_is_the_dark_one(get: Get) -> None:
    assert get("/style.json?theme=pink&scale=1e9").json()["name"] == "liandong-dark"
