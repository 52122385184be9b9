"""What every test shares: real inputs beside the repository, a PostgreSQL, and how tests are shared out among workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import postgres_server, working_folder

TESTS = Path(__file__).resolve().parent
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For several workers: whatever drives a Chromium is one group, so that no two share the cores; other files stay whole."""
    for item in items:
        name = "browser" if item.get_closest_marker("browser") else item.path.relative_to(TESTS).as_posix()
        item.add_marker(pytest.mark.xdist_group(name))


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
