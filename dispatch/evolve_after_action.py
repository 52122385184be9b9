"""How far the review of an incident afterwards has come, after one more event. Pure."""

from __future__ import annotations

import msgspec

from dispatch.events import AfterActionRevised, AfterActionSigned, CommentAdded, FindingAdded, Recorded
from dispatch.model import AfterAction

AfterActionEvent = CommentAdded | FindingAdded | AfterActionSigned | AfterActionRevised


def evolve_after_action(before: AfterAction | None, body: AfterActionEvent, recorded: Recorded) -> AfterAction:
    """The review after `recorded`, whose body is `body`."""
    review, replace = before or AfterAction(), msgspec.structs.replace
    match body:
        case CommentAdded():
            return replace(review, comments=review.comments + 1)
        case FindingAdded():
            replaced = (*review.replaced, body.replaces) if body.replaces else review.replaced
            return replace(review, findings=(*review.findings, body.finding_id), replaced=replaced)
        case AfterActionSigned():
            return replace(review, signed_by=recorded.actor, signed_at=recorded.recorded_at)
        case AfterActionRevised():
            return replace(review, revision=body.revision, signed_by="", signed_at=None)
