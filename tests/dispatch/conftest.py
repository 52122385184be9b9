"""One node of the domain alone for each test."""

from __future__ import annotations

import pytest

from tests.dispatch.driver import Node


@pytest.fixture
def node() -> Node:
    return Node()
