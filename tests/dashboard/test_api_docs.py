"""docs/api.md names every call, every command and every field a command takes."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from dashboard.api.command_body import COMMANDS
from tests.dashboard.api_world import ApiCity

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
COMMON = {"incident_id", "expected_version", "on_behalf_of", "channel", "happened_at"}
# Filled in inside, not by a caller.
INSIDE = {"promises", "arrive_within_s", "positions", "position", "org_code", "area", "reviewed_first"}


def test_every_call_is_named_and_no_other(city: ApiCity) -> None:
    document = city.get("/openapi.json", None).json()
    served = {f"{method.upper()} {path.removeprefix('/api/v1')}" for path, calls in document["paths"].items() for method in calls}
    table = TEXT.split("## Calls")[1].split("## Commands")[0]
    assert set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`]*)`", table)) == served


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_named_with_its_fields(name: str) -> None:
    table = TEXT.split("## Commands")[1].split("## The scene")[0]
    (row,) = [line for line in table.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    fields = {field.encode_name for field in msgspec.structs.fields(COMMANDS[name])} - COMMON - INSIDE
    assert set(re.findall(r"`([a-z_]+)`", row.split("|")[2])) == fields
