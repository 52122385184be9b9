"""A server and a Chromium for each file of browser tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desk_server import DeskServer, chromium, desk_server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the whole session: Playwright's loop counts as running in this thread, and other tests run loops of their own.
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskServer]:
    with desk_server(tmp_path_factory.mktemp("desk")) as server:
        yield server


@pytest.fixture
def driving(desk: DeskServer) -> Iterator[None]:
    """For a test that looks at crews that move: each tells every second where it is."""
    desk.driving = True
    yield
    desk.driving = False
