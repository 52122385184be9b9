"""What is known of broadcasts after one more event about one."""

from __future__ import annotations

import msgspec

from dispatch.broadcasts import KEPT, Broadcast, Receipt
from dispatch.duty_events import BroadcastDelivered, BroadcastEvent, BroadcastRead, BroadcastRecalled, BroadcastSent
from dispatch.events import Recorded


def evolve_broadcasts(known: dict[str, Broadcast], recorded: Recorded, body: BroadcastEvent) -> dict[str, Broadcast]:
    """A new dictionary, in the order of sending; events about one that is no longer kept change nothing."""
    if isinstance(body, BroadcastSent):
        kept = dict(list(known.items())[1 - KEPT :]) if len(known) >= KEPT else known
        return {**kept, body.broadcast_id: _sent(recorded, body)}
    before = known.get(body.broadcast_id)
    return known if before is None else {**known, body.broadcast_id: _after(before, recorded, body)}


def _sent(recorded: Recorded, body: BroadcastSent) -> Broadcast:
    return Broadcast(
        broadcast_id=body.broadcast_id,
        org_code=body.org_code,
        text=body.text,
        urgent=body.urgent,
        sent_by=recorded.actor,
        sent_by_org=body.sent_by_org,
        sent_at=recorded.recorded_at,
        expires_at=body.expires_at,
        unit_ids=body.unit_ids,
        desks=body.desks,
        replaces=body.replaces,
    )


def _after(before: Broadcast, recorded: Recorded, body: BroadcastEvent) -> Broadcast:
    match body:
        case BroadcastRecalled():
            at, by = recorded.recorded_at, recorded.actor
            return msgspec.structs.replace(before, recalled_at=at, recalled_by=by, replaced_by=body.replaced_by)
        case BroadcastDelivered():
            receipt = msgspec.structs.replace(before.receipt(body.recipient), delivered_at=recorded.occurred_at)
        case BroadcastRead():
            receipt = _read(before.receipt(body.recipient), recorded)
        case _:
            return before
    return msgspec.structs.replace(before, receipts={**before.receipts, body.recipient: receipt})


def _read(receipt: Receipt, recorded: Recorded) -> Receipt:
    """Who has read it has it, also where nobody has said so."""
    at = recorded.occurred_at
    return msgspec.structs.replace(receipt, delivered_at=receipt.delivered_at or at, read_at=at, read_by=recorded.actor)
