"""Journal events as one actor may see them: what leaves over HTTP and to webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from dispatch.arrivals import disagreement
from dispatch.duty_circles import KEPT_CREW
from dispatch.events import Arrived, Recorded
from dispatch.evolve_after_action import AfterActionEvent
from dispatch.model import Actor
from dispatch.picture import OperatingPicture

if TYPE_CHECKING:
    from operations.access.authority import Authority
    from operations.records.history import History

Json = dict[str, Any]
# In the journal for its own use only.
_PRIVATE_FIELDS = ("caller_digest",)
_HEAD = (
    "revision",
    "event_id",
    "incident_id",
    "incident_version",
    "occurred_at",
    "recorded_at",
    "actor",
    "actor_role",
    "on_behalf_of",
    "channel",
    "hash",
)


def event_view(authority: Authority, actor: Actor, recorded: Recorded, picture: OperatingPicture) -> Json:
    """A journal event the actor may see (`Authority.may_see_event`), without what is private or about hidden units."""
    body: Json = msgspec.to_builtins(recorded.body)
    for name in _PRIVATE_FIELDS:
        body.pop(name, None)
    if "promises" in body:
        body["promises"] = {u: p for u, p in body["promises"].items() if not authority.hides_unit(actor, u, picture)}
    if "crews" in body:
        body["crews"] = [row for row in body["crews"] if not authority.hides_unit(actor, row["unit_id"], picture)]
    if "unit_ids" in body:
        body["unit_ids"] = [unit_id for unit_id in body["unit_ids"] if not authority.hides_unit(actor, unit_id, picture)]
    if "tiers" in body:
        body["tiers"] = without_hidden_crews(body["tiers"], lambda unit_id: authority.hides_unit(actor, unit_id, picture))
    if "members" in body and not authority.in_scope(actor, body["org_code"]):
        body |= {"members": [], "trackers": [], "radio_group": ""}
    if isinstance(recorded.body, Arrived):
        body["disagreement"] = msgspec.to_builtins(disagreement(recorded.occurred_at, recorded.body.position))
    if "row" in body and not authority.may_see_crew(actor, picture.units[body["unit_id"]]):
        body["row"] = None
    if isinstance(recorded.body, AfterActionEvent):
        body = {f"review_{name}" if name == "revision" else name: value for name, value in body.items()}
    head = {name: getattr(recorded, name) for name in _HEAD}
    return head | body


def without_hidden_crews(tiers: Sequence[Json], hides: Callable[[str], bool]) -> list[Json]:
    """Tiers of a duty circle; a crew at a gate that the reader may not know of is `KEPT_CREW`."""
    return [
        tier | {"gates": [gate | {"unit_id": KEPT_CREW} if gate["unit_id"] and hides(gate["unit_id"]) else gate for gate in tier["gates"]]}
        for tier in tiers
    ]


async def visible_events(
    authority: Authority, history: History, actor: Actor, events: Sequence[Recorded], picture: OperatingPicture
) -> list[Json]:
    """Views of those the actor may see, in their order."""
    ended = {r.incident_id for r in events if r.incident_id is not None and r.incident_id not in picture.incidents}
    held = {incident_id: await history.incident(incident_id) for incident_id in ended}

    def view() -> list[Json]:
        seen = (r for r in events if authority.may_see_event(actor, r, picture, held.get(r.incident_id or "")))
        return [event_view(authority, actor, recorded, picture) for recorded in seen]

    return await asyncio.to_thread(view)
