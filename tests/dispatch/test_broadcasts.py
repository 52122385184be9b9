"""Broadcasts: who gets one is settled at sending, receipts happen once, and over is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch import broadcasts
from dispatch import commands as c
from dispatch import events as e
from dispatch.broadcasts import KEPT, MAX_RECIPIENTS, MAX_TEXT, Broadcast, Receipt
from dispatch.errors import NotFound
from dispatch.evolve import fold
from dispatch.picture import OperatingPicture
from tests.dispatch.driver import COUNTY, DESK, START, STATION, Node, crew, refusal


def broadcast(**more: object) -> c.SendBroadcast:
    fields = {"org_code": STATION, "text": "storm", "unit_ids": ("A", "B"), "desks": (STATION,), "lasts_s": 600} | more
    return c.SendBroadcast(**fields)  # type: ignore[arg-type]


def sent(node: Node, **more: object) -> str:
    body = node.give(broadcast(**more))[-1].body
    assert isinstance(body, e.BroadcastSent)
    return body.broadcast_id


def known(node: Node, broadcast_id: str) -> Broadcast:
    return node.picture.broadcasts[broadcast_id]


def waiting(node: Node, recipient: str) -> list[str]:
    live = (one for one in node.picture.broadcasts.values() if one.is_live(node.now))
    return [one.text for one in live if one.goes_to(recipient) and one.waits_for(recipient)]


def test_a_broadcast_waits_for_each_recipient_until_it_is_read_there(node: Node) -> None:
    id_ = sent(node)
    assert known(node, id_).expires_at == START + timedelta(seconds=600)
    node.pass_time(5)
    node.give(c.MarkBroadcastDelivered(broadcast_id=id_, recipient="A"), crew("A"))
    node.pass_time(5)
    node.give(c.ReadBroadcast(broadcast_id=id_, recipient="A"), crew("A"))
    node.give(c.ReadBroadcast(broadcast_id=id_, recipient=STATION))
    assert known(node, id_).receipts == {
        "A": Receipt(START + timedelta(seconds=5), START + timedelta(seconds=10), "officer A"),
        STATION: Receipt(START + timedelta(seconds=10), START + timedelta(seconds=10), DESK.name),
    }
    assert (waiting(node, "A"), waiting(node, "B"), waiting(node, STATION)) == ([], ["storm"], [])


def test_a_receipt_given_twice_is_one(node: Node) -> None:
    id_ = sent(node)
    for command in (c.MarkBroadcastDelivered, c.ReadBroadcast):
        assert node.give(command(broadcast_id=id_, recipient="A"), crew("A"))
        assert node.give(command(broadcast_id=id_, recipient="A"), crew("A")) == ()


def test_who_was_away_gets_what_is_still_live_in_the_order_it_was_sent(node: Node) -> None:
    sent(node, text="short", lasts_s=60)
    sent(node, text="first")
    sent(node, text="second", unit_ids=("B",))
    sent(node, text="third")
    node.pass_time(60)
    assert waiting(node, "A") == ["first", "third"]
    assert waiting(node, "B") == ["first", "second", "third"]


def test_a_recalled_one_waits_for_nobody_and_can_still_be_said_to_be_read(node: Node) -> None:
    id_ = sent(node)
    assert node.give(c.RecallBroadcast(broadcast_id=id_))
    assert node.give(c.RecallBroadcast(broadcast_id=id_)) == ()
    assert waiting(node, "A") == []
    node.give(c.ReadBroadcast(broadcast_id=id_, recipient="A"), crew("A"))
    assert known(node, id_).receipt("A").read_at == START


def test_one_in_place_of_another_recalls_that_in_the_same_step(node: Node) -> None:
    first = sent(node)
    recalled, again = node.give(broadcast(text="no storm", replaces=first))
    assert isinstance(again.body, e.BroadcastSent)
    assert recalled.body == e.BroadcastRecalled(first, replaced_by=again.body.broadcast_id)
    assert waiting(node, "A") == ["no storm"]
    words = refusal(node, broadcast(replaces=first))
    assert words == f"broadcast-over: Broadcast {first} is no longer live; send this one by itself."


def test_nobody_reads_what_did_not_go_to_him(node: Node) -> None:
    id_ = sent(node)
    words = refusal(node, c.ReadBroadcast(broadcast_id=id_, recipient="C"), NotFound, crew("C"))
    assert words == f"unknown-broadcast: Broadcast {id_} does not go to C; check the recipient."
    assert refusal(node, c.RecallBroadcast(broadcast_id="x"), NotFound).startswith("unknown-broadcast: There is no broadcast x;")


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"text": " "}, "text-missing"),
        ({"text": "x" * (MAX_TEXT + 1)}, "unsound-text"),
        ({"lasts_s": 59}, "implausible-time"),
        ({"lasts_s": 7 * 86400 + 1}, "implausible-time"),
        ({"unit_ids": (), "desks": ()}, "no-recipient"),
        ({"unit_ids": tuple(map(str, range(MAX_RECIPIENTS)))}, "no-recipient"),
    ],
)
def test_what_can_not_be_sent_is_refused(node: Node, more: dict[str, object], rule: str) -> None:
    assert refusal(node, broadcast(**more)).startswith(f"{rule}: ")


def test_the_newest_are_kept_and_no_more_are_live_than_can_be_kept(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dispatch.evolve_broadcasts", "dispatch.rules.broadcasts"):
        monkeypatch.setattr(f"{module}.KEPT", 3)
    assert KEPT == broadcasts.KEPT
    ids = [sent(node, lasts_s=60) for _ in range(3)]
    assert refusal(node, broadcast()).startswith("too-many-broadcasts: 3 broadcasts are live;")
    sent(node, replaces=ids[2], lasts_s=60)
    node.pass_time(60)
    newest = sent(node)
    assert list(node.picture.broadcasts)[-1] == newest
    assert len(node.picture.broadcasts) == 3


def test_a_restart_knows_the_same(node: Node) -> None:
    first = sent(node)
    node.give(c.MarkBroadcastDelivered(broadcast_id=first, recipient="A"), crew("A"))
    second = sent(node, text="other", replaces=first)
    node.give(c.ReadBroadcast(broadcast_id=second, recipient="B"), crew("B"))
    node.give(c.RecallBroadcast(broadcast_id=second))
    assert fold(OperatingPicture(), node.journal) == node.picture
    assert node.picture.broadcasts[second].sent_by_org == COUNTY
