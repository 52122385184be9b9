"""Who has which incident open: once for each account, told as changes, never of what may not be seen."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from operations.incidents.presence import MOST_TOLD, Look, Looker, ToldLookers, lookers_by_incident

NAMES = st.sampled_from(["desk1", "desk2", "desk3"])
LOOKS = st.lists(st.builds(Look, st.sampled_from("abc"), st.builds(Looker, NAMES, st.just("3302"), st.floats(0, 100))), max_size=12)


def apply(known: dict[str, Any], texts: list[bytes]) -> None:
    """As a client does."""
    for text in texts:
        told = msgspec.json.decode(text)
        if told["lookers"]:
            known[told["incident_id"]] = [(one["name"], one["since"]) for one in told["lookers"]]
        else:
            known.pop(told["incident_id"], None)


def test_an_account_with_two_screens_counts_once_from_its_first() -> None:
    looks = [Look("i", Looker("desk1", "3302", 30.0)), Look("i", Looker("desk2", "3302", 20.0)), Look("i", Looker("desk1", "3302", 10.0))]
    assert lookers_by_incident(looks) == {"i": (Looker("desk1", "3302", 10.0), Looker("desk2", "3302", 20.0))}


@given(st.lists(st.tuples(LOOKS, st.sets(st.sampled_from("abc"))), max_size=8))
def test_a_client_that_applies_the_changes_knows_what_is_visible_now_and_nothing_else(rounds: list[tuple[list[Look], set[str]]]) -> None:
    told, known, newcomer = ToldLookers(), {}, {}  # type: ignore[var-annotated]
    for looks, visible in rounds:
        present = lookers_by_incident(looks)
        texts = told.changes(present, visible.__contains__)
        apply(known, texts)
        newcomer = {}
        apply(newcomer, told.all())
        assert known == newcomer == {i: [(one.name, one.since) for one in those] for i, those in present.items() if i in visible}
        assert told.changes(present, visible.__contains__) == []


def test_of_very_many_the_first_are_named_and_the_others_counted() -> None:
    looks = [Look("i", Looker(f"desk{k}", "3302", float(k))) for k in range(MOST_TOLD + 5)]
    (text,) = ToldLookers().changes(lookers_by_incident(looks), lambda incident_id: True)
    told = msgspec.json.decode(text)
    assert [one["name"] for one in told["lookers"]] == [f"desk{k}" for k in range(MOST_TOLD)]
    assert told["more"] == 5
