"""Duty circles (快反圈): the prepared circle of an important place, with the forces, gates and cameras of each of its tiers.

Drawn by people beforehand and kept in the journal. It is neither a distance circle (metres) nor a travel-time ring (by road):
its areas are what was agreed, and stay so when streets or speeds change.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from dispatch.model import UnitKind

# What one sheet of paper and one pair of eyes can hold; also what bounds an event in the journal.
MAX_TIERS = 5
MAX_MINUTES = 30.0
MAX_POLYGONS = 8  # of one tier
MAX_VERTICES = 600  # of one tier, closing points included
MAX_FORCES, MAX_COUNT = 20, 99  # of one tier; crews of one force
MAX_GATES = 40  # of one tier
MAX_CAMERAS = 40  # of one tier
MAX_CIRCLES = 1_000  # that hold at a time in one city

# Stands for a crew at a gate that the reader may not know of; sent back in a command, the crew stays whom it was.
KEPT_CREW = "*"

Ring = tuple[tuple[float, float], ...]  # lon, lat in WGS-84 degrees, closed: the last point is the first
Polygon = tuple[Ring, ...]  # its outline, then its holes


class Force(msgspec.Struct, frozen=True, gc=False):
    """So many crews of one kind that an organisation, with those below it, brings."""

    org_code: str
    kind: UnitKind
    count: int
    text: str = ""  # in words, where there is more to say: "with shields"


class Gate(msgspec.Struct, frozen=True, gc=False):
    """A point to be closed (卡点), and by whom."""

    name: str
    lon: float
    lat: float
    unit_id: str = ""  # the crew that closes it; empty: whichever of the tier is there
    text: str = ""  # how, in words


class Tier(msgspec.Struct, frozen=True):
    """One tier: who has to be within its area, or at the place, within its minutes."""

    minutes: float
    area: tuple[Polygon, ...]
    forces: tuple[Force, ...] = ()
    gates: tuple[Gate, ...] = ()
    cameras: tuple[str, ...] = ()  # element_id of each
    notes: str = ""


class DutyCircle(msgspec.Struct, frozen=True):
    """The circle of one place as it stands. Every earlier version is in the journal."""

    circle_id: str
    name: str
    org_code: str  # who answers for it, and whose commanders may change it
    lon: float  # the place
    lat: float
    tiers: tuple[Tier, ...]  # by minutes, the shortest first; none once it is withdrawn
    version: int  # how often it was set or withdrawn
    set_by: str
    set_at: datetime
    key_place: str = ""  # element_id of the key place (重点部位) it is for; empty: none of the catalogue
    withdrawn: bool = False  # kept, so that its versions count on should it be set again
