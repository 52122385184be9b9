"""Clips of one incident as they are told: what waits, what is kept, what was missed, and what can be played in step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from dispatch.events import ClipMissed, MomentBookmarked, Recorded, UploadAdded
from dispatch.model import Actor, Incident
from storage.evidence import ClipFacts, Manifest

if TYPE_CHECKING:
    from operations.services import Services

Json = dict[str, Any]


async def clips_of(services: Services, actor: Actor, incident: Incident) -> Json:
    """`clips` in the order they were marked, and `in_step` (see client/src/video/in_step.js) by their beginnings. Authority to see
    evidence was asked by the caller."""
    picture = services.handler.picture
    recorded = [
        one
        for one in await services.history.timeline(incident.incident_id)
        if services.authority.may_see_event(actor, one, picture, incident)
    ]
    kept = await services.evidence.records(one.body.upload_id for one in recorded if isinstance(one.body, UploadAdded))
    missed = {one.body.moment_id: one.body.reason for one in recorded if isinstance(one.body, ClipMissed)}
    clips = [
        _row(one, one.body, kept.get(one.body.moment_id), missed.get(one.body.moment_id))
        for one in recorded
        if isinstance(one.body, MomentBookmarked)
    ]
    shown = (
        manifest
        for manifest in kept.values()
        if manifest.unit_id is None or not services.authority.hides_unit(actor, manifest.unit_id, picture)
    )
    return {
        "clips": clips,
        "in_step": in_step(shown, lambda unit_id: picture.units[unit_id].callsign if unit_id in picture.units else unit_id),
    }


def _row(marked: Recorded, body: MomentBookmarked, manifest: Manifest | None, reason: str | None) -> Json:
    row: Json = {
        "clip_id": body.moment_id,
        "camera_id": body.camera_id,
        "state": "missed" if reason is not None else "waiting" if manifest is None else "stored",
        "at": body.at,
        "before_s": body.before_s,
        "after_s": body.after_s,
        "by": marked.actor,
    }
    if reason is not None:
        row["reason"] = reason
    if manifest is None or manifest.clip is None:
        return row
    clip = manifest.clip
    told = {name: getattr(clip, name) for name in ClipFacts.__struct_fields__ if name != "moment_at"}
    return row | told | {"size_bytes": manifest.size_bytes, "sha256": manifest.sha256, "file": f"/uploads/{manifest.upload_id}"}


def in_step(kept: Iterable[Manifest], callsign: Callable[[str], str]) -> list[Json]:
    """Videos of which it is known when each of their pictures was taken, by their beginnings."""
    rows = []
    for manifest in kept:
        if manifest.clip is not None:
            clip = manifest.clip
            url, start_at, end_at, label, source = (
                f"/uploads/{manifest.upload_id}",
                clip.start_at,
                clip.end_at,
                clip.camera_name,
                clip.time_source,
            )
        elif manifest.scene is not None:
            scene, url = manifest.scene, f"/video/scene/{manifest.upload_id}/playback"
            label = callsign(manifest.unit_id) if manifest.unit_id is not None else manifest.actor
            start_at, end_at, source = scene.began_at, scene.ended_at, "phone"
        else:
            continue
        duration_s = round((end_at - start_at).total_seconds(), 3)
        rows.append(
            {"id": manifest.upload_id, "url": url, "start_at": start_at, "duration_s": duration_s, "label": label, "time_source": source}
        )
    return sorted(rows, key=lambda row: (row["start_at"], row["id"]))
