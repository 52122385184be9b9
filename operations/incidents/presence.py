"""Who at which desk has which incident open. Lives only as long as the connections do: nothing of it is journaled.

Who may be seen sees: desks that could act on an incident see each other there, viewers and walls neither are seen nor see
(`Action.LOOK`). Messages: `docs/live-protocol.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

MOST_TOLD = 20  # lookers named of one incident, those who came first; of the others only how many

Lookers = tuple["Looker", ...]


class Looker(NamedTuple):
    """One account that has an incident open, on however many screens."""

    name: str
    org_code: str  # of the account, also where its desk is narrowed to an organisation below
    since: float  # Unix seconds


class Look(NamedTuple):
    """What one connection has open."""

    incident_id: str
    looker: Looker


def lookers_by_incident(looks: Iterable[Look]) -> dict[str, Lookers]:
    """Accounts by the incident they have open, first come first; one with several screens counts once, from its first."""
    found: dict[str, dict[tuple[str, str], Looker]] = {}
    for incident_id, looker in sorted(looks, key=lambda look: look.looker.since):
        found.setdefault(incident_id, {}).setdefault((looker.name, looker.org_code), looker)
    return {incident_id: tuple(lookers.values()) for incident_id, lookers in found.items()}


class ToldLookers:
    """What one audience was told of lookers, so that it is told changes only."""

    def __init__(self) -> None:
        self._told: dict[str, Lookers] = {}

    def changes(self, present: Mapping[str, Lookers], sees: Callable[[str], bool]) -> list[bytes]:
        """Messages that bring the audience from what it was told to what it may see of `present`."""
        visible = {incident_id: lookers for incident_id, lookers in present.items() if sees(incident_id)}
        changed = [incident_id for incident_id in {**self._told, **visible} if self._told.get(incident_id) != visible.get(incident_id)]
        self._told = visible
        return [_text(incident_id, visible.get(incident_id, ())) for incident_id in changed]

    def all(self) -> list[bytes]:
        """Messages for a client that has been told nothing yet."""
        return [_text(incident_id, lookers) for incident_id, lookers in self._told.items()]


def _text(incident_id: str, lookers: Lookers) -> bytes:
    told = [looker._asdict() for looker in lookers[:MOST_TOLD]]
    return msgspec.json.encode({"type": "lookers", "incident_id": incident_id, "lookers": told, "more": len(lookers) - len(told)})
