"""Where crews are that send scene video: now, while it was filmed, and on the map."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dispatch.picture import OperatingPicture
from operations.footage.scene_video import SceneVideo
from operations.situation.elements import Thing
from operations.tracking.positions import PositionTable
from storage.evidence import Place

if TYPE_CHECKING:
    from storage.track_reader import TrackReader

ELEMENT = "scene_video"
PLACE_EVERY_S = 10.0


class Whereabouts:
    """Newest positions, and those of the past."""

    def __init__(self, positions: PositionTable, tracks: TrackReader) -> None:
        self._positions = positions
        self._tracks = tracks

    def now(self, unit_id: str) -> Place | None:
        """The newest position; None without any."""
        index = self._positions.index_of(unit_id)
        if index is None or math.isnan(self._positions.lon[index]):
            return None
        at = datetime.fromtimestamp(float(self._positions.position_at[index]), UTC)
        return Place(at, float(self._positions.lon[index]), float(self._positions.lat[index]))

    def between(self, unit_id: str, from_s: float, to_s: float) -> list[Place]:
        """The crew's way between two instants, thinned. Reads files: call it from a thread."""
        path = self._tracks.unit_path(unit_id, from_s, to_s)
        rows = zip(path.position_at.tolist(), path.lon.tolist(), path.lat.tolist(), strict=True)
        return thinned([Place(datetime.fromtimestamp(at, UTC), lon, lat) for at, lon, lat in rows])


def sending_crews(videos: SceneVideo, picture: Callable[[], OperatingPicture], positions: PositionTable) -> list[Thing]:
    """Recordings under way at their crews' places, as elements of the map; plain clothes are none of them. `at`: of the newest picture."""
    things = []
    units = picture().units
    for one in videos.under_way:
        recording = one.recording
        unit, index = units.get(recording.unit_id), positions.index_of(recording.unit_id)
        if unit is None or not unit.marked or index is None or math.isnan(positions.lon[index]):
            continue
        properties = {"name": unit.callsign, "unit_id": unit.unit_id, "incident_id": recording.incident_id}
        lon, lat = float(positions.lon[index]), float(positions.lat[index])
        things.append(Thing(ELEMENT, recording.recording_id, lon, lat, properties, one.last_at.timestamp()))
    return things


def thinned(places: list[Place]) -> list[Place]:
    """At most one in PLACE_EVERY_S, and the last."""
    kept: list[Place] = []
    for place in places:
        if not kept or (place.at - kept[-1].at).total_seconds() >= PLACE_EVERY_S:
            kept.append(place)
    return kept if not places or kept[-1] is places[-1] else [*kept, places[-1]]
