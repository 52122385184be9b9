"""What phones and desks are told of broadcasts (通播). Formats: `docs/terminal-protocol.md`, `docs/live-protocol.md`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from dispatch.broadcasts import Broadcast
from dispatch.duty_events import BroadcastEvent, BroadcastRead, BroadcastRecalled, BroadcastSent
from dispatch.events import Recorded
from dispatch.model import Actor, Unit
from dispatch.picture import OperatingPicture

if TYPE_CHECKING:
    from operations.access.authority import Authority

MOST_NAMED = 100  # recipients that have not read it, by name; of the others only how many
SHOWN_AFTER_END = timedelta(hours=24)  # its sender looks afterwards who has read it

Json = dict[str, Any]


class Told(Protocol):
    """A terminal's connection."""

    def tell(self, message: bytes) -> None: ...


AnyTold = TypeVar("AnyTold", bound=Told)

# To phones -------------------------------------------------------------------------------------------------------------


def waiting_on_phones(picture: OperatingPicture, units: Iterable[Unit], now: datetime) -> list[Json]:
    """For a hello: what these units have yet to read, in the order it was sent."""
    asking = {unit.unit_id for unit in units}
    found = []
    for broadcast in picture.broadcasts.values():
        waiting = [unit_id for unit_id in broadcast.unit_ids if unit_id in asking and broadcast.waits_for(unit_id)]
        if waiting and broadcast.is_live(now):
            found.append(_to_phones(broadcast, waiting))
    return found


def tell_phones(batch: Iterable[Recorded], picture: OperatingPicture, links_of: Callable[[Unit], list[AnyTold]]) -> None:
    """What was sent, and what is over: recalled, or read on another phone of the crew."""
    for body in (recorded.body for recorded in batch):
        broadcast = picture.broadcasts.get(body.broadcast_id) if isinstance(body, BroadcastEvent) else None
        if broadcast is None:
            continue
        match body:
            case BroadcastSent():
                for link, unit_ids in _by_link(broadcast.unit_ids, picture, links_of):
                    link.tell(msgspec.json.encode({"type": "broadcast", **_to_phones(broadcast, unit_ids)}))
            case BroadcastRecalled() | BroadcastRead():
                of = broadcast.unit_ids if isinstance(body, BroadcastRecalled) else (body.recipient,)
                over = {
                    "type": "broadcast_over",
                    "broadcast_id": broadcast.broadcast_id,
                    "recalled": isinstance(body, BroadcastRecalled),
                    "replaced_by": broadcast.replaced_by,
                    "text": broadcast.text,
                }
                for link, unit_ids in _by_link(of, picture, links_of):
                    link.tell(msgspec.json.encode({**over, "unit_ids": unit_ids}))


def _by_link(
    unit_ids: Iterable[str], picture: OperatingPicture, links_of: Callable[[Unit], list[AnyTold]]
) -> Iterator[tuple[AnyTold, list[str]]]:
    """Connections with the units they speak for: a gateway is told once of all of its units."""
    found: dict[int, tuple[AnyTold, list[str]]] = {}
    for unit_id in unit_ids:
        unit = picture.units.get(unit_id)
        for link in () if unit is None else links_of(unit):
            found.setdefault(id(link), (link, []))[1].append(unit_id)
    return iter(found.values())


def _to_phones(broadcast: Broadcast, unit_ids: list[str]) -> Json:
    return {"unit_ids": unit_ids, "broadcast": _said(broadcast)}


def _said(broadcast: Broadcast) -> Json:
    names = ("broadcast_id", "text", "urgent", "org_code", "sent_by", "sent_by_org", "sent_at", "expires_at", "replaces")
    return {name: getattr(broadcast, name) for name in names}


# To desks --------------------------------------------------------------------------------------------------------------


def desk_view(authority: Authority, actor: Actor, broadcast: Broadcast, picture: OperatingPicture) -> Json:
    """A broadcast for a desk that may see it; to those who could recall it also who has it and who has read it."""
    own = broadcast.receipt(actor.org_code)
    view = _said(broadcast) | {
        "recalled_at": broadcast.recalled_at,
        "recalled_by": broadcast.recalled_by,
        "replaced_by": broadcast.replaced_by,
        "to_this_desk": actor.org_code in broadcast.desks,
        "delivered_at": own.delivered_at,
        "read_at": own.read_at,
        "read_by": own.read_by,
    }
    overseen = authority.oversees_broadcast(actor, broadcast)
    return view | {"progress": _progress(authority, actor, broadcast, picture) if overseen else None}


def _progress(authority: Authority, actor: Actor, broadcast: Broadcast, picture: OperatingPicture) -> Json:
    """How many have it and have read it, and the names of the rest, crews first; plain clothes only where they may be known of."""
    crews = [unit_id for unit_id in broadcast.unit_ids if not authority.hides_unit(actor, unit_id, picture)]
    recipients = [*crews, *broadcast.desks]
    receipts = [broadcast.receipt(recipient) for recipient in recipients]
    waiting = [
        {"recipient": recipient, "delivered": receipt.delivered_at is not None}
        for recipient, receipt in zip(recipients, receipts, strict=True)
        if receipt.read_at is None
    ]
    return {
        "recipients": len(recipients),
        "delivered": sum(receipt.delivered_at is not None for receipt in receipts),
        "read": sum(receipt.read_at is not None for receipt in receipts),
        "waiting": waiting[:MOST_NAMED],
        "more": max(0, len(waiting) - MOST_NAMED),
    }


class ToldBroadcasts:
    """What one audience of desks was told of broadcasts, so that it is told changes only."""

    def __init__(self, authority: Authority, actor: Actor) -> None:
        self._authority = authority
        self._actor = actor
        self._told: dict[str, Broadcast] = {}  # as told, in the order of sending
        self._known: dict[str, Broadcast] | None = None  # what `_told` was made of

    def changes(self, picture: OperatingPicture, now: datetime) -> list[bytes]:
        """Messages about what is new or has changed since it was told, as far as the audience may see it."""
        if picture.broadcasts is self._known:
            return []
        self._known = picture.broadcasts
        seen = visible_broadcasts(self._authority, self._actor, picture, now)
        changed = [broadcast for broadcast in seen if self._told.get(broadcast.broadcast_id) is not broadcast]
        self._told = {broadcast.broadcast_id: broadcast for broadcast in seen}
        return [self._text(broadcast, picture) for broadcast in changed]

    def all(self, picture: OperatingPicture) -> list[bytes]:
        """Messages for a client that has been told nothing yet."""
        return [self._text(broadcast, picture) for broadcast in self._told.values()]

    def _text(self, broadcast: Broadcast, picture: OperatingPicture) -> bytes:
        view = desk_view(self._authority, self._actor, broadcast, picture)
        return msgspec.json.encode({"type": "broadcast", "broadcast": view})


def visible_broadcasts(authority: Authority, actor: Actor, picture: OperatingPicture, now: datetime) -> list[Broadcast]:
    """Those a desk may see that are live, or ended within the last 24 hours, in the order of sending."""

    def ended_at(broadcast: Broadcast) -> datetime:
        return broadcast.recalled_at or broadcast.expires_at

    kept = (one for one in picture.broadcasts.values() if now < ended_at(one) + SHOWN_AFTER_END)
    return [one for one in kept if authority.may_see_broadcast(actor, one)]
