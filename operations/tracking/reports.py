"""What feeds say, typed: the messages of the native feed protocol, which every other protocol is translated into.

A report is a claim from outside, not yet a fact. `docs/feeds.md` describes the same messages for integrators.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dispatch.commands import Caller
from dispatch.model import Actor, Grade, UnitStatus

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Instant = Annotated[datetime, Meta(tz=True)]
Text = Annotated[str, Meta(max_length=4_000)]


class Report(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all messages."""


class PositionReport(Report, frozen=True, kw_only=True, tag="position"):
    """A timed position of a unit, or of one of its trackers. Numbers may be NaN or absurd: the quality checks decide."""

    lon: float
    lat: float
    position_at: Instant
    unit_id: Id | None = None
    tracker_id: Id | None = None  # the device that measured; alone it names the unit that carries it
    speed_mps: float | None = None
    heading_deg: float | None = None  # clockwise from north
    datum: str | None = None  # None: the feed's


class IncidentReport(Report, frozen=True, kw_only=True, tag="incident"):
    """A call for service taken by another system. `source_id` is its id there; a repeated one changes nothing twice."""

    incident_type: Id
    grade: Grade
    source_id: Id
    text: Text = ""
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    address: Text = ""
    called_at: Instant | None = None
    caller: Caller | None = None
    datum: str | None = None


class StatusReport(Report, frozen=True, kw_only=True, tag="status"):
    unit_id: Id
    status: UnitStatus
    text: Text = ""


class ElementReport(Report, frozen=True, kw_only=True, tag="element"):
    """A thing of the catalogue: a reading of something that changes (weather), or something that stands there."""

    element: Id
    id: Id
    lon: float
    lat: float
    at: Instant
    properties: dict[str, Any] = {}
    datum: str | None = None


class CameraReport(Report, frozen=True, kw_only=True, tag="camera"):
    """A street camera. Its addresses are kept apart and never leave the server."""

    camera_id: Id
    lon: float
    lat: float
    heading_deg: float | None = None
    url: Annotated[str, Meta(max_length=2_000)] = ""
    substream_url: Annotated[str, Meta(max_length=2_000)] = ""
    control_url: Annotated[str, Meta(max_length=2_000)] = ""  # of the device that turns it
    recorder_url: Annotated[str, Meta(max_length=2_000)] = ""  # of a site's recorder, with places for the span, if it takes it there
    properties: dict[str, Any] = {}
    datum: str | None = None


AnyReport = PositionReport | IncidentReport | StatusReport | ElementReport | CameraReport


class FeedSession(msgspec.Struct, frozen=True):
    """One source of reports and in whose name it speaks."""

    name: str  # of the feed; becomes `source` of its incidents
    actor: Actor  # role `feed`, or an officer's terminal that may only speak for its own unit
    datum: str = "wgs84"  # of messages that name none
    simulated: bool = False  # the demo feed: its units are marked
