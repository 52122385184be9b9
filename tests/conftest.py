"""Fixtures shared by every test: real inputs beside the repository, a manual clock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real inputs that the project does not ship; skipped without it, an error in CI."""
    if not SHARED_DATA.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI must run with the real inputs, but {SHARED_DATA} is missing")
        pytest.skip(f"real inputs are not at {SHARED_DATA}")
    return SHARED_DATA
