"""One server and one Chromium for all browser tests of desk and wall."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desk_server import DeskServer, chromium, desk_server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskServer]:
    with desk_server(tmp_path_factory.mktemp("desk")) as server:
        yield server
