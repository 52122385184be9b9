"""Broadcasts (通播): one text from a desk to other desks and to crews on duty, and who has it and has read it. No replies.

Who it goes to is settled when it is sent. It reaches a phone that was off for as long as it is live: until it expires, is
recalled or replaced.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

MAX_TEXT = 2_000  # characters: what can be read on a phone in a car
MAX_RECIPIENTS = 5_000
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=7)
# So many are kept, the newest; more that are live at once nobody could read.
KEPT = 100


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What one recipient has done; an instant is None until it has happened."""

    delivered_at: datetime | None = None  # a device or a desk's screen has it
    read_at: datetime | None = None  # a person has said so
    read_by: str = ""  # account


class Broadcast(msgspec.Struct, frozen=True):
    """One text and its recipients: crews by `unit_id`, desks by the code of their organisation."""

    broadcast_id: str
    org_code: str  # to this organisation and those below it
    text: str
    urgent: bool
    sent_by: str
    sent_by_org: str
    sent_at: datetime
    expires_at: datetime
    unit_ids: tuple[str, ...]
    desks: tuple[str, ...]
    replaces: str = ""  # broadcast_id of the one it was sent in place of
    receipts: dict[str, Receipt] = {}  # by recipient; without an entry: nothing has happened yet
    recalled_at: datetime | None = None  # also when it was replaced
    recalled_by: str = ""
    replaced_by: str = ""

    def is_live(self, now: datetime) -> bool:
        return self.recalled_at is None and now < self.expires_at

    def goes_to(self, recipient: str) -> bool:
        return recipient in self.unit_ids or recipient in self.desks

    def receipt(self, recipient: str) -> Receipt:
        return self.receipts.get(recipient, Receipt())

    def waits_for(self, recipient: str) -> bool:
        """Whether one of its recipients has yet to read it."""
        return self.receipt(recipient).read_at is None
