"""A server and a Chromium for each file of browser tests; and what the pages of a test that failed showed."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.desk_server import DeskServer, Visitor, chromium, desk_server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that waited in vain says what it waited for; what was there instead stands below."""
    report = yield
    if report.failed and call.when == "call":
        for name, visitor in getattr(item, "funcargs", {}).items():
            if isinstance(visitor, Visitor):
                report.sections.append((f"page of {name}", visitor.account()))
    return report


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the whole session: Playwright's loop counts as running in this thread, and other tests run loops of their own.
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskServer]:
    with desk_server(tmp_path_factory.mktemp("desk")) as server:
        yield server
