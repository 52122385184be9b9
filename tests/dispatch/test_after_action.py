"""The review afterwards: who wrote what stays, a signature closes it, a revision takes it up again."""

from __future__ import annotations

import pytest

from dispatch import commands as c
from dispatch import events as e
from dispatch.errors import Conflict, NotFound
from dispatch.model import Actor, AfterAction, FindingKind
from dispatch.rules import after_action
from dispatch.rules.after_action import standing
from tests.dispatch.driver import COUNTY, START, Node, refusal
from tests.dispatch.side_paths import closed

WU = Actor("wu", "reviewer", COUNTY)
SUN = Actor("sun", "supervisor", COUNTY)


@pytest.fixture
def node() -> Node:
    return Node()


def finding(node: Node, incident_id: str, kind: str = "shortfall", replaces: str = "") -> str:
    (recorded,) = node.give(c.AddFinding(incident_id=incident_id, kind=kind, text="late to set out", replaces=replaces), WU)
    assert isinstance(recorded.body, e.FindingAdded)
    return recorded.body.finding_id


def sign(node: Node, incident_id: str, actor: Actor = WU) -> tuple[e.Recorded, ...]:
    version = node.picture.incidents[incident_id].version
    return node.give(c.SignAfterAction(incident_id=incident_id, name="Wu Min", expected_version=version), actor)


def review_of(node: Node, incident_id: str) -> AfterAction:
    review = node.picture.incidents[incident_id].after_action
    assert review is not None
    return review


def test_a_signature_is_for_what_holds_and_for_the_version_that_was_read(node: Node) -> None:
    incident_id = closed(node)
    first = finding(node, incident_id)
    better = finding(node, incident_id, replaces=first)
    good = finding(node, incident_id, "good")
    before = node.picture.incidents[incident_id].version
    (signed,) = sign(node, incident_id)
    assert signed.body == e.AfterActionSigned(incident_id, 1, "Wu Min", before, (better, good))
    assert review_of(node, incident_id) == AfterAction(1, 0, (first, better, good), (first,), "wu", START)
    assert sign(node, incident_id) == ()  # the same again


def test_a_signed_review_takes_no_finding_before_it_is_revised_and_none_is_lost(node: Node) -> None:
    incident_id = closed(node)
    first = finding(node, incident_id)
    sign(node, incident_id)
    another = c.AddFinding(incident_id=incident_id, kind="good", text="x")
    assert refusal(node, another, actor=SUN) == "review-signed: The review of incident 1 was signed by wu; revise it first."
    version = node.picture.incidents[incident_id].version
    again = c.SignAfterAction(incident_id=incident_id, name="Sun", expected_version=version)
    assert refusal(node, again, actor=SUN).startswith("review-signed:")
    node.give(c.Comment(incident_id=incident_id, text="seen"), SUN)  # a remark changes nothing that was signed
    (revised,) = node.give(c.ReviseAfterAction(incident_id=incident_id, text="the crew was heard"), SUN)
    assert revised.body == e.AfterActionRevised(incident_id, 2, "the crew was heard")
    second = finding(node, incident_id, "measure")
    sign(node, incident_id, SUN)
    assert review_of(node, incident_id) == AfterAction(2, 1, (first, second), (), "sun", START)
    assert [r.body.revision for r in node.journal if isinstance(r.body, e.AfterActionSigned)] == [1, 2]


def test_what_can_not_be_signed(node: Node) -> None:
    still_open, ended = node.incident(), closed(node)
    finding(node, still_open)
    assert "sign its review when it has ended" in refusal(node, c.SignAfterAction(incident_id=still_open, name="x", expected_version=2))
    assert refusal(node, c.SignAfterAction(incident_id=ended, name="x", expected_version=2)).startswith("no-finding:")
    finding(node, ended)
    assert refusal(node, c.SignAfterAction(incident_id=ended, name="x")).startswith("unsound-signature:")
    assert refusal(node, c.SignAfterAction(incident_id=ended, name=" ", expected_version=3)).startswith("name-missing:")
    assert refusal(node, c.SignAfterAction(incident_id=ended, name="x", expected_version=2), Conflict).startswith("version-conflict:")
    assert refusal(node, c.ReviseAfterAction(incident_id=ended, text="x")).startswith("review-not-signed:")


def test_findings_are_of_a_known_kind_and_replace_only_what_holds(node: Node) -> None:
    incident_id = closed(node)
    first = finding(node, incident_id)
    finding(node, incident_id, replaces=first)
    assert refusal(node, c.AddFinding(incident_id=incident_id, kind="bad", text="x")).startswith("unknown-finding-kind: kind 'bad'")
    gone = c.AddFinding(incident_id=incident_id, kind="good", text="x", replaces=first)
    assert refusal(node, gone, NotFound).startswith("unknown-finding:")
    assert refusal(node, c.AddFinding(incident_id=incident_id, kind="good", text=" ")).startswith("text-missing:")
    assert standing(review_of(node, incident_id)) == review_of(node, incident_id).findings[1:]
    assert [kind.value for kind in FindingKind] == ["good", "shortfall", "measure"]


def test_remarks_are_bounded(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(after_action, "MOST_COMMENTS", 1)
    monkeypatch.setattr(after_action, "MOST_FINDINGS", 1)
    incident_id = closed(node)
    finding(node, incident_id)
    node.give(c.Comment(incident_id=incident_id, text="x"))
    assert refusal(node, c.Comment(incident_id=incident_id, text="x")).startswith("too-many-remarks:")
    assert refusal(node, c.AddFinding(incident_id=incident_id, kind="good", text="x")).startswith("too-many-remarks:")
