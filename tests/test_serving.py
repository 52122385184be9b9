"""What running a node does to the process itself."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from serving import allow_many_connections


@pytest.fixture
def few_files() -> Iterator[int]:
    """The soft limit most systems start a program with; the hard limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_thousand_terminals_find_files_to_be_connected_with(few_files: int) -> None:
    allowed = allow_many_connections()
    assert allowed == min(few_files, 65_536) if few_files != resource.RLIM_INFINITY else allowed == 65_536
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (allowed, few_files)
