"""Duty circles from a GeoJSON file, such as `GET /api/v1/duty-circles` gives: every feature is set or rejected with its reason."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dispatch.duty_circles import Force, Gate, Tier
from dispatch.duty_commands import SetDutyCircle
from dispatch.errors import DispatchError
from dispatch.model import Actor
from geodata.districts.drawn_areas import polygons_of
from operations.duty.circle_checks import CircleChecks, UnsoundCircle
from operations.records.incident_import import ImportRefused

if TYPE_CHECKING:
    from operations.incidents.handle import Handler


class Area(msgspec.Struct, frozen=True):
    """A GeoJSON geometry."""

    type: str
    coordinates: Any


class FileTier(msgspec.Struct, frozen=True):
    """One tier as it stands in a file."""

    minutes: float
    area: Area
    forces: tuple[Force, ...] = ()
    gates: tuple[Gate, ...] = ()
    cameras: tuple[str, ...] = ()
    notes: str = ""


class FileCircle(msgspec.Struct, frozen=True):
    """`properties` of one feature; what the server alone sets, as the version, is passed over."""

    circle_id: str
    name: str
    org_code: str
    lon: float
    lat: float
    tiers: tuple[FileTier, ...]
    key_place: str = ""

    def command(self) -> SetDutyCircle:
        """Raises ValueError naming the tier whose area is none."""
        tiers = []
        for number, tier in enumerate(self.tiers):
            try:
                tiers.append(
                    Tier(
                        tier.minutes, polygons_of(tier.area.type, tier.area.coordinates), tier.forces, tier.gates, tier.cameras, tier.notes
                    )
                )
            except ValueError as error:
                raise ValueError(f"tiers[{number}].area {error}") from None
        names = ("circle_id", "name", "org_code", "lon", "lat", "key_place")
        return SetDutyCircle(tiers=tuple(tiers), **{name: getattr(self, name) for name in names})


@dataclass
class CircleFile:
    """What a file gave; `rejects` are (feature, reason), features counted from 1."""

    circles: list[FileCircle] = field(default_factory=list)
    features: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)


def read_circles(path: Path) -> CircleFile:
    """Raises ImportRefused when the file is no GeoJSON FeatureCollection."""
    try:
        collection = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ImportRefused(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise ImportRefused(f"{path} is no JSON: {error}") from None
    features = collection.get("features") if isinstance(collection, dict) else None
    if not isinstance(features, list):
        raise ImportRefused(f"{path} is no GeoJSON FeatureCollection; take one from GET /api/v1/duty-circles as a pattern")
    found = CircleFile(features=len(features))
    for number, feature in enumerate(features, 1):
        try:
            found.circles.append(msgspec.convert(feature.get("properties") if isinstance(feature, dict) else None, FileCircle))
        except msgspec.ValidationError as error:
            found.rejects.append((number, f"{error}; docs/duty-circles.md says what may stand in it"))
    return found


async def write_circles(handler: Handler, checks: CircleChecks, found: CircleFile, actor: Actor) -> tuple[int, list[str]]:
    """Set them one after the other; how many were set or were so already, and what the rest was refused for."""
    written, refused = 0, []
    for circle in found.circles:
        try:
            await handler.handle(checks.checked(circle.command(), handler.picture.units.__contains__), actor)
            written += 1
        except (ValueError, UnsoundCircle) as error:
            refused.append(f"{circle.circle_id}: {error}")
        except DispatchError as error:
            refused.append(f"{circle.circle_id}: {error.detail}")
    return written, refused
