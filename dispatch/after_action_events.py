"""What reviewers write of an incident afterwards 复盘. Part of `dispatch.events`, which every other module imports them from."""

from __future__ import annotations

from dispatch.event_bases import IncidentEvent
from dispatch.model import FindingKind


class CommentAdded(IncidentEvent, frozen=True, tag="comment_added"):
    """复盘: a remark of a reviewer, for reviewers; of a note it differs in that crews are not told."""

    comment_id: str
    text: str


class FindingAdded(IncidentEvent, frozen=True, tag="finding_added"):
    """复盘: what a reviewer has found out. `replaces`: the finding it takes the place of, which stays on record."""

    finding_id: str
    kind: FindingKind
    text: str
    revision: int
    replaces: str = ""


class AfterActionSigned(IncidentEvent, frozen=True, tag="after_action_signed"):
    """复盘: the review's revision is closed; `at_version` is the incident as the signer saw it, `findings` those that hold."""

    revision: int
    name: str
    at_version: int
    findings: tuple[str, ...] = ()


class AfterActionRevised(IncidentEvent, frozen=True, tag="after_action_revised"):
    """复盘: a signed review is taken up again, as the next revision; `text` says why."""

    revision: int
    text: str
