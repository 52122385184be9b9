"""One composed node a test module; tests of a module share it and name their own incidents and units."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboard.api_world import ApiCity, api_city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiCity]:
    with api_city(tmp_path_factory.mktemp("node")) as running:
        yield running
