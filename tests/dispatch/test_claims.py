"""Claims: one holder at a time, over by the clock, taken over in one step, and never in anybody's way."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import commands as c
from dispatch import events as e
from dispatch.claims import GRACE, live_claim
from dispatch.errors import RuleViolation
from dispatch.evolve import fold
from dispatch.model import Actor, Claim
from dispatch.picture import OperatingPicture
from tests.dispatch.driver import CITY, COUNTY, DESK, START, STATION, Node, refusal

OTHER = Actor("wang", "operator", STATION)
GRACE_S = GRACE.total_seconds()


def held(node: Node, incident_id: str) -> Claim | None:
    return live_claim(node.picture.incidents[incident_id], node.now)


def claimed(node: Node, incident_id: str, actor: Actor = DESK, *, take_over: bool = False) -> tuple[e.Recorded, ...]:
    return node.give(c.ClaimIncident(incident_id=incident_id, take_over=take_over), actor)


def test_a_claim_says_who_and_until_when(node: Node) -> None:
    incident_id = node.incident()
    (recorded,) = claimed(node, incident_id)
    assert recorded.body == e.IncidentClaimed(incident_id, COUNTY)
    assert held(node, incident_id) == Claim("li", COUNTY, START, START + GRACE)
    assert claimed(node, incident_id) == (), "twice at once is once"


def test_at_the_desk_of_a_station_the_claim_names_the_accounts_own_organisation(node: Node) -> None:
    incident_id = node.incident()
    (recorded,) = claimed(node, incident_id, Actor("chen", "operator", STATION, own_org_code=CITY))
    assert recorded.body == e.IncidentClaimed(incident_id, CITY)


def test_a_claim_lapses_at_the_second_without_an_event(node: Node) -> None:
    incident_id = node.incident()
    claimed(node, incident_id)
    revision = node.picture.revision
    node.pass_time(GRACE_S - 0.001)
    assert held(node, incident_id) is not None
    node.pass_time(0.001)
    assert held(node, incident_id) is None
    assert node.picture.revision == revision
    (recorded,) = claimed(node, incident_id, OTHER)
    assert recorded.body == e.IncidentClaimed(incident_id, STATION), "nothing is taken from whose claim has lapsed"


def test_what_its_holder_does_carries_it_on_and_what_others_do_does_not(node: Node) -> None:
    incident_id = node.pushed("A")
    claimed(node, incident_id)
    node.pass_time(100)
    node.give(c.Acknowledge(incident_id=incident_id), OTHER)
    assert held(node, incident_id) == Claim("li", COUNTY, START, START + GRACE)
    node.give(c.Note(incident_id=incident_id, text="on the telephone"))
    assert held(node, incident_id) == Claim("li", COUNTY, START, START + timedelta(seconds=100) + GRACE)
    node.pass_time(70)
    assert claimed(node, incident_id) != (), "in its second half it is carried on"
    assert held(node, incident_id) == Claim("li", COUNTY, START, START + timedelta(seconds=170) + GRACE)


def test_what_the_former_holder_does_after_the_lapse_revives_nothing(node: Node) -> None:
    incident_id = node.incident()
    claimed(node, incident_id)
    node.pass_time(GRACE_S)
    node.give(c.Note(incident_id=incident_id, text="late"))
    assert node.picture.incidents[incident_id].claim is None


def test_a_live_claim_is_taken_over_in_one_step_that_names_both(node: Node) -> None:
    incident_id = node.incident()
    claimed(node, incident_id)
    node.pass_time(20)
    words = refusal(node, c.ClaimIncident(incident_id=incident_id), actor=OTHER)
    assert words == f"claimed: Incident 1 is claimed by li ({COUNTY}), for 100 s more; take it over with take_over, or leave it."
    (recorded,) = claimed(node, incident_id, OTHER, take_over=True)
    assert recorded.body == e.IncidentClaimed(incident_id, STATION, taken_from="li")
    assert held(node, incident_id) == Claim("wang", STATION, node.now, node.now + GRACE)
    assert claimed(node, incident_id, OTHER, take_over=True) == ()


def test_only_its_holder_releases_it(node: Node) -> None:
    incident_id = node.incident()
    assert node.give(c.ReleaseClaim(incident_id=incident_id)) == ()
    claimed(node, incident_id)
    words = refusal(node, c.ReleaseClaim(incident_id=incident_id), actor=OTHER)
    assert words == f"claimed: Incident 1 is claimed by li ({COUNTY}), who alone releases it; take it over first."
    node.give(c.ReleaseClaim(incident_id=incident_id))
    assert held(node, incident_id) is None
    assert node.give(c.ReleaseClaim(incident_id=incident_id)) == ()


def test_a_claim_ends_with_the_incident_and_with_its_owner(node: Node) -> None:
    first, second = node.incident(), node.incident()
    claimed(node, first)
    claimed(node, second)
    node.give(c.Cancel(incident_id=first), OTHER)
    node.give(c.OfferHandover(incident_id=second, to_org_code=STATION), OTHER)
    node.give(c.OfferHandover(incident_id=second, to_org_code=COUNTY))
    assert held(node, first) is None
    assert held(node, second) is None


@pytest.mark.parametrize(
    "command",
    [
        lambda i: c.Push(incident_id=i, unit_ids=("A",)),
        lambda i: c.Close(incident_id=i, disposition="settled"),
        lambda i: c.Cancel(incident_id=i),
        lambda i: c.Escalate(incident_id=i, text="look", to_org_code=CITY),
    ],
)
def test_anothers_claim_stops_no_command(node: Node, command: object) -> None:
    node.unit("A")
    incident_id = node.incident()
    claimed(node, incident_id)
    assert node.give(command(incident_id), OTHER)  # type: ignore[operator]


DOES = st.sampled_from(["claim", "take over", "release", "note", "cancel", "reopen"])


def given_claim(node: Node, incident_id: str, what: str, actor: Actor) -> None:
    made = {
        "claim": c.ClaimIncident(incident_id=incident_id),
        "take over": c.ClaimIncident(incident_id=incident_id, take_over=True),
        "release": c.ReleaseClaim(incident_id=incident_id),
        "note": c.Note(incident_id=incident_id, text="n"),
        "cancel": c.Cancel(incident_id=incident_id),
        "reopen": c.Reopen(incident_id=incident_id, text="r"),
    }
    node.give(made[what], actor)


@given(st.lists(st.tuples(DOES, st.sampled_from([DESK, OTHER]), st.sampled_from([0, 1, 59, 60, 61, 119, 120, 121])), max_size=25))
def test_a_claim_is_live_for_as_long_as_its_holder_acts_and_a_restart_knows_the_same(steps: list[tuple[str, Actor, int]]) -> None:
    """Told by the recorded events alone: the newest claim, until its release, its end, a lapse, or another's."""
    node = Node()
    incident_id = node.incident()
    for what, actor, wait_s in steps:
        with suppress(RuleViolation):
            given_claim(node, incident_id, what, actor)
        assert held(node, incident_id) == expected(node, incident_id)
        node.pass_time(wait_s)
        assert held(node, incident_id) == expected(node, incident_id)
        assert fold(OperatingPicture(), node.journal) == node.picture


def expected(node: Node, incident_id: str) -> Claim | None:
    by, org_code, since, last = "", "", START, START
    over = (e.ClaimReleased, e.IncidentEnded)

    def lapsed(at: datetime) -> bool:
        return at - last >= GRACE

    for recorded in node.journal:
        body, at = recorded.body, recorded.recorded_at
        if isinstance(body, over) or (by and lapsed(at)):
            by = ""
        if isinstance(body, e.IncidentClaimed) and recorded.actor != by:
            by, org_code, since = recorded.actor, body.org_code, at
        if recorded.actor == by:
            last = at
    return Claim(by, org_code, since, last + GRACE) if by and not lapsed(node.now) else None
