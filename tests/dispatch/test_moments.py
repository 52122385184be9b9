"""Marked moments: each waits until its clip is kept or missed, and no longer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch import commands as c
from dispatch import events as e
from dispatch.evolve import fold
from dispatch.moments import MOST_OF_INCIDENT
from dispatch.picture import OperatingPicture
from tests.dispatch.driver import COUNTY, DESK, START, Node, refusal


def mark(incident_id: str, moment_id: str = "m1", **fields: object) -> c.BookmarkMoment:
    return c.BookmarkMoment(incident_id=incident_id, moment_id=moment_id, camera_id="gate", **fields)  # type: ignore[arg-type]


def test_a_moment_waits_with_who_marked_it_until_its_clip_is_kept(node: Node) -> None:
    incident_id = node.pushed("A")
    seen_at = START - timedelta(seconds=20)
    (recorded,) = node.give(mark(incident_id, at=seen_at, before_s=60, after_s=5))
    assert isinstance(recorded.body, e.MomentBookmarked)
    moment = node.picture.moments["m1"]
    assert (moment.camera_id, moment.by, moment.by_role, moment.by_org) == ("gate", DESK.name, DESK.role, COUNTY)
    assert (moment.from_at, moment.to_at) == (seen_at - timedelta(seconds=60), seen_at + timedelta(seconds=5))
    assert node.give(mark(incident_id)) == ()  # the same once more
    upload = {"filename": "x", "media_type": "video/mp4", "size_bytes": 1, "sha256": "0"}
    node.give(c.AddUpload(incident_id=incident_id, upload_id="other", **upload))  # type: ignore[arg-type]
    assert "m1" in node.picture.moments
    node.give(c.AddUpload(incident_id=incident_id, upload_id="m1", **upload))  # type: ignore[arg-type]
    assert node.picture.moments == {}
    assert fold(OperatingPicture(), node.journal) == node.picture


def test_a_missed_clip_is_said_once(node: Node) -> None:
    incident_id = node.pushed("A")
    node.give(mark(incident_id))
    assert node.picture.moments["m1"].at == START  # now, where nothing else is said
    miss = c.MissClip(incident_id=incident_id, moment_id="m1", reason="no-pictures")
    assert node.give(miss)
    assert node.give(miss) == ()
    assert node.picture.moments == {}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"before_s": 601.0}, "clip-length: A clip of 601 s before and 30 s after can't be cut; ask for 0 to 600 s before"),
        ({"after_s": -1.0}, "clip-length: A clip of 60 s before and -1 s after can't be cut"),
        ({"before_s": 0.0, "after_s": 0.5}, "clip-length: A clip of 0 s before and 0.5 s after"),
        ({"before_s": float("nan")}, "clip-length: A clip of nan s"),
        ({"at": START + timedelta(seconds=6)}, "moment-ahead: 2026-05-01T08:00:06+00:00 is in the future (now 2026-05-01T08:00:00+00:00)"),
    ],
)
def test_what_can_not_be_a_clip_is_refused_with_its_value(node: Node, fields: dict[str, object], words: str) -> None:
    assert refusal(node, mark(node.pushed("A"), **fields)).startswith(words)


def test_only_so_many_wait_at_a_time(node: Node) -> None:
    incident_id = node.pushed("A")
    for number in range(MOST_OF_INCIDENT):
        node.give(mark(incident_id, f"m{number}"))
    words = refusal(node, mark(incident_id, "one more"))
    said = f"{MOST_OF_INCIDENT} moments of incident 1 and {MOST_OF_INCIDENT} in all wait for their clips; mark it again in a minute."
    assert words == f"too-many-moments: {said}"
