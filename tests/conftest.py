"""What every test shares: real inputs beside the repository, a PostgreSQL, how tests are shared out among workers; and what the pages
of a test that failed showed.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from xdist.scheduler import LoadScopeScheduling

from tests.postgres import postgres_server, working_folder

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


# Pages with a map, drawn without a graphics card: no two of these at once, they would share the cores and run out of patience.
# Phones have none, and a worker of their own if there is one.
PHONES = ("tests/browser/test_terminal",)
MAPS = ("tests/browser/", "tests/whole/test_evening", "tests/whole/test_desk_and_phone")


class SharedOut(LoadScopeScheduling):
    """How several workers share the tests: files stay whole for the fixtures they share, and those with a browser one after the other."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(PHONES):
            return "phones"
        return "maps" if nodeid.startswith(MAPS) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharedOut:
    return SharedOut(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """What the command line sets up for its log ends with the test that ran it: it writes to a stream that is closed by then."""
    before = structlog.get_config()
    try:
        return (yield)
    finally:
        structlog.configure(**before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that waited in vain says what it waited for; what was there instead stands below."""
    report = yield
    if report.failed and call.when == "call":
        for name, value in getattr(item, "funcargs", {}).items():
            if account := getattr(value, "account", None):
                report.sections.append((f"page of {name}", account()))
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real inputs that the project does not ship; skipped without it, an error in CI."""
    if not SHARED_DATA.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI must run with the real inputs, but {SHARED_DATA} is missing")
        pytest.skip(f"real inputs are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a real PostgreSQL server of this session; skipped where there are no binaries, an error in CI."""
    binaries = working_folder()
    if binaries is None:
        reason = "no PostgreSQL binaries: install the package pgserver into the environment, or PostgreSQL on the system"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with postgres_server(binaries) as url:
        yield url
