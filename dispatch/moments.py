"""Moments that somebody marked in a camera's picture: each becomes a clip of the incident once what is to follow has been recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

# A clip is what a court or a review looks at, not the recording of an afternoon.
BEFORE_S, AFTER_S = 60.0, 30.0
MOST_BEFORE_S, MOST_AFTER_S = 600.0, 300.0
MOST_WAITING = 500  # in one city at a time: each waits for minutes only
MOST_OF_INCIDENT = 32


class Moment(msgspec.Struct, frozen=True, gc=False):
    """One that waits for its clip."""

    moment_id: str  # 32 hex digits; the clip, once there is one, is the evidence of this id
    incident_id: str
    camera_id: str
    at: datetime  # what was seen, by the server's clock
    before_s: float
    after_s: float
    by: str  # account, as in the journal
    by_role: str
    by_org: str
    marked_at: datetime

    @property
    def from_at(self) -> datetime:
        return self.at - timedelta(seconds=self.before_s)

    @property
    def to_at(self) -> datetime:
        return self.at + timedelta(seconds=self.after_s)
