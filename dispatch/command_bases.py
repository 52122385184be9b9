"""What kinds of commands there are, by what they are about. The commands themselves: `dispatch.commands`."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Command(msgspec.Struct, frozen=True, tag_field="command", kw_only=True):
    """Base. `happened_at`, `on_behalf_of` and `channel` are set when the desk enters what a crew said by radio (代签收)."""

    happened_at: datetime | None = None
    on_behalf_of: str | None = None
    channel: str | None = None


class IncidentCommand(Command, kw_only=True, frozen=True):
    """A command on one existing incident."""

    incident_id: str
    expected_version: int | None = None


class UnitCommand(IncidentCommand, kw_only=True, frozen=True):
    """A command for a unit's own assignment. An officer's terminal need not name its unit."""

    unit_ids: tuple[str, ...] = ()
    text: str = ""
