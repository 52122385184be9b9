"""Who may have a kept file, and who the file itself of a video. Decision 0134."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request

from dashboard.edge import actor_of
from dispatch.errors import NotFound, NotPermitted
from dispatch.model import Actor
from operations.access.permissions import Action
from storage.evidence import Manifest

if TYPE_CHECKING:
    from operations.services import Services


async def kept_for(services: Services, actor: Actor, upload_id: str) -> Manifest:
    """A complete upload that the actor may see. Raises NotPermitted and NotFound."""
    services.authority.authorise(actor, Action.SEE_EVIDENCE)
    manifest, _ = await services.evidence.find(upload_id)
    picture, incident_id = services.handler.picture, manifest.incident_id
    incident = picture.incidents.get(incident_id) or await services.history.incident(incident_id)
    hidden = manifest.unit_id is not None and services.authority.hides_unit(actor, manifest.unit_id, picture)
    if incident is None or hidden or not services.authority.may_see_incident(actor, incident, picture):
        raise NotFound("no-such-upload", f"There is no upload {upload_id!r}; check the id.")
    if not manifest.sha256:
        raise NotFound("upload-incomplete", f"Upload {upload_id} is not complete yet; ask again later.")
    return manifest


def refuse_taking(services: Services, request: Request, manifest: Manifest) -> None:
    """A person's browser is handed a video for a page's player, which lays over it who watches; without marks those who may export take it.

    A browser says itself what it asks for, which no page can change; over plain http it doesn't. Programs are handed the file: what they
    make of it is theirs to mark. Raises NotPermitted.
    """
    actor = actor_of(request)
    if not manifest.media_type.startswith("video/") or manifest.mismatched or services.authority.can(actor, Action.EXPORT):
        return
    may_have_it = actor.kind == "token" or request.headers.get("sec-fetch-dest", "video") == "video"
    if not may_have_it:
        detail = f"The original of a video is for those who may export; take the copy with marks: /uploads/{manifest.upload_id}/copy"
        raise NotPermitted("original-needs-export", detail)
