"""Rules of the review afterwards (复盘): comments, findings, a signature that closes it, and a further revision. Nothing is overwritten."""

from __future__ import annotations

from typing import Any

from dispatch.commands import AddFinding, Comment, ReviseAfterAction, SignAfterAction
from dispatch.errors import NotFound, RuleViolation
from dispatch.events import AfterActionRevised, AfterActionSigned, AnyEvent, CommentAdded, FindingAdded
from dispatch.model import AfterAction, FindingKind
from dispatch.rules.case import Case

Events = tuple[AnyEvent, ...]

# Of one incident, in all revisions. A review that needs more is a document of its own: upload it.
MOST_COMMENTS = 500
MOST_FINDINGS = 100


def comment(case: Case[Comment]) -> Events:
    """A remark for reviewers, at any time, also after the review was signed."""
    if _of(case).comments >= MOST_COMMENTS:
        raise RuleViolation("too-many-remarks", f"{case.name} has {MOST_COMMENTS} comments already; upload a document instead.")
    return (CommentAdded(case.incident.incident_id, case.new_id(), case.command.text),)


def add_finding(case: Case[AddFinding]) -> Events:
    """A finding, new or in the place of an earlier one; a signed review takes none before it is revised."""
    command, review = case.command, _of(case)
    if command.kind not in tuple(FindingKind):
        raise RuleViolation("unknown-finding-kind", f"kind {command.kind[:40]!r} is none; send {', '.join(FindingKind)}.")
    if review.signed_by:
        detail = f"The review of {case.name.lower()} was signed by {review.signed_by}; revise it first."
        raise RuleViolation("review-signed", detail)
    if len(review.findings) >= MOST_FINDINGS:
        raise RuleViolation("too-many-remarks", f"{case.name} has {MOST_FINDINGS} findings already; upload a document instead.")
    if command.replaces and command.replaces not in standing(review):
        raise NotFound("unknown-finding", f"{case.name} has no finding {command.replaces} that holds; look at its review.")
    kind = FindingKind(command.kind)
    return (FindingAdded(case.incident.incident_id, case.new_id(), kind, command.text, review.revision, command.replaces),)


def sign_after_action(case: Case[SignAfterAction]) -> Events:
    """Closes the review of an incident that has ended: what holds now is what is signed."""
    command, incident, review = case.command, case.incident, _of(case)
    if review.signed_by:
        if review.signed_by == case.actor.name:
            return ()
        raise RuleViolation("review-signed", f"The review of {case.name.lower()} was signed by {review.signed_by}; revise it first.")
    if incident.is_open:
        raise RuleViolation("incident-not-ended", f"{case.name} is {incident.stage}; sign its review when it has ended.")
    if command.expected_version is None:
        detail = f"A signature names what it is for; send expected_version, the version of {case.name.lower()} that was read."
        raise RuleViolation("unsound-signature", detail)
    holding = standing(review)
    if not holding:
        raise RuleViolation("no-finding", f"The review of {case.name.lower()} has no finding; write at least one, then sign.")
    return (AfterActionSigned(incident.incident_id, review.revision, command.name, incident.version, holding),)


def revise_after_action(case: Case[ReviseAfterAction]) -> Events:
    """A signed review is taken up again; what was signed stays as it was."""
    review = _of(case)
    if not review.signed_by:
        raise RuleViolation("review-not-signed", f"The review of {case.name.lower()} is not signed; add to it as it is.")
    return (AfterActionRevised(case.incident.incident_id, review.revision + 1, case.command.text),)


def standing(review: AfterAction) -> tuple[str, ...]:
    """Ids of the findings that hold: that no other has taken the place of."""
    return tuple(one for one in review.findings if one not in review.replaced)


def _of(case: Case[Any]) -> AfterAction:
    return case.incident.after_action or AfterAction()
