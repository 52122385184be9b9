"""What desks are told at once of crews that send video from a scene: who, since when, whether it still comes. `docs/live-protocol.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dispatch.clock import Clock
from dispatch.model import Actor
from dispatch.picture import OperatingPicture
from operations.footage.scene_recording import UnderWay
from operations.footage.scene_video import SceneVideo

if TYPE_CHECKING:
    from operations.access.authority import Authority

LATE_STEP_S = 5  # a phone that catches up is told of in steps

Json = dict[str, Any]


def scene_rows(videos: SceneVideo, clock: Clock) -> dict[str, list[Json]]:
    """Recordings under way, by incident, oldest first."""
    rows: dict[str, list[Json]] = {}
    for one in videos.under_way:
        rows.setdefault(one.recording.incident_id, []).append(row_of(one, clock))
    return rows


def row_of(one: UnderWay, clock: Clock) -> Json:
    """One of them, as desks and the API show it. `last_at`: when its newest picture was taken; null while it is live."""
    recording, state = one.recording, one.state(clock.now())
    at = one.last_at
    if state == "late":
        at = at.replace(second=at.second - at.second % LATE_STEP_S, microsecond=0)
    return {
        "recording_id": recording.recording_id,
        "unit_id": recording.unit_id,
        "began_at": recording.began_at,
        "state": state,
        "last_at": None if state == "live" else at,
        "delay_s": one.stream.delay_s,
        "trouble": one.stream.trouble,
    }


def visible_rows(authority: Authority, actor: Actor, rows: dict[str, list[Json]], picture: OperatingPicture) -> dict[str, list[Json]]:
    """Those of incidents and crews the actor may know of."""
    visible = {}
    for incident_id, of_incident in rows.items():
        incident = picture.incidents.get(incident_id)
        if incident is None or not authority.may_see_incident(actor, incident, picture):
            continue
        shown = [row for row in of_incident if not authority.hides_unit(actor, row["unit_id"], picture)]
        if shown:
            visible[incident_id] = shown
    return visible


class ToldSceneVideo:
    """What one audience was told, so that it is told changes only."""

    def __init__(self, authority: Authority, actor: Actor) -> None:
        self._authority = authority
        self._actor = actor
        self._asked: tuple[dict[str, list[Json]], OperatingPicture] | None = None  # when it was last looked at
        self._told: dict[str, list[Json]] = {}

    def changes(self, rows: dict[str, list[Json]], picture: OperatingPicture) -> list[bytes]:
        """Messages that bring the audience from what it was told to what it may see of `rows`."""
        if self._asked is not None and self._asked[0] == rows and self._asked[1] is picture:
            return []
        self._asked = rows, picture
        visible = visible_rows(self._authority, self._actor, rows, picture)
        changed = [incident_id for incident_id in {**self._told, **visible} if self._told.get(incident_id) != visible.get(incident_id)]
        self._told = visible
        return [_text(incident_id, visible.get(incident_id, [])) for incident_id in changed]

    def all(self) -> list[bytes]:
        """Messages for a client that has been told nothing yet."""
        return [_text(incident_id, rows) for incident_id, rows in self._told.items()]


def _text(incident_id: str, rows: list[Json]) -> bytes:
    return msgspec.json.encode({"type": "scene_video", "incident_id": incident_id, "recordings": rows})
