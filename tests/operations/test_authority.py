"""Who may do what, where, and who sees what."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from dispatch import commands as c
from dispatch.duty_events import UnitStatusSet
from dispatch.errors import DispatchError, NotFound, NotPermitted
from dispatch.events import NoteAdded, PushSeen, Recorded, UnitPushed
from dispatch.model import Actor, AssignmentStage, Grade, Incident, UnitKind, UnitStatus
from dispatch.organisations import OrganisationTree
from operations.access.authority import Authority, as_wall, within
from operations.access.permissions import GRANTS, ROLES, SYSTEM_ONLY, Action, Role, is_granted
from tests.operations.access_world import (
    CITY,
    COUNTY,
    FAR,
    NOW,
    OTHER,
    SISTER,
    STATION,
    actor,
    assignment,
    clock,
    incident,
    organisations,
    picture,
    unit,
)

READERS = [role for role in ROLES if role != Role.FEED]


@pytest.fixture
def authority() -> Authority:
    return Authority(organisations(), clock(), neighbour_orgs=lambda code: frozenset({FAR}) if code == STATION else frozenset())


# The table


def test_every_role_is_in_the_table_and_every_action_is_granted_to_someone() -> None:
    assert set(GRANTS) == set(ROLES)
    assert frozenset().union(*GRANTS.values()) == frozenset(Action) - SYSTEM_ONLY


def test_every_command_has_an_action() -> None:
    tags = {str(command.__struct_config__.tag) for command in c.AnyCommand.__args__}
    assert tags <= {action.value for action in Action}


@pytest.mark.parametrize(("role", "action"), [("root", "see_picture"), ("viewer", "fly"), ("", ""), ("Viewer", "see_picture")])
def test_unknown_names_are_denied(authority: Authority, role: str, action: str) -> None:
    assert not is_granted(role, action)
    with pytest.raises(NotPermitted):
        authority.authorise(actor(role, CITY), action)


def test_the_table_in_the_docs_is_the_table_in_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    assert documented_table() in text, f"docs/security.md must contain:\n{documented_table()}"


def documented_table() -> str:
    head = "| action | " + " | ".join(ROLES) + " |\n|---|" + "---|" * len(ROLES)
    rows = ["| `" + a + "` | " + " | ".join("●" if a in GRANTS[r] else "" for r in ROLES) + " |" for a in Action]
    return re.sub(r" +\|", " |", "\n".join([head, *rows]))


# Scope


def test_scope_is_the_reach_and_the_refusal_names_it(authority: Authority) -> None:
    authority.authorise(actor("operator", COUNTY), "push", org_code=STATION)
    with pytest.raises(NotPermitted, match=f"{FAR} is outside the scope {COUNTY}"):
        authority.authorise(actor("operator", COUNTY), "push", org_code=FAR)


def test_an_actor_of_an_unknown_organisation_sees_nothing(authority: Authority) -> None:
    lost = actor("commander", "nowhere")
    assert authority.visible_orgs(lost) == frozenset()
    assert not authority.may_see_incident(lost, incident("i"))


def test_a_feed_reads_nothing(authority: Authority) -> None:
    feed = actor("feed", CITY, kind="token")
    world = picture([unit("u")], [incident("i")])
    assert authority.visible_orgs(feed) == frozenset()
    assert not authority.may_see_incident(feed, world.incidents["i"])
    assert authority.visible_units(feed, world) == frozenset()


# Incidents


@pytest.mark.parametrize("role", READERS)
def test_incidents_of_the_scope_are_seen_and_others_are_not(authority: Authority, role: str) -> None:
    assert authority.may_see_incident(actor(role, COUNTY), incident("i", STATION))
    assert not authority.may_see_incident(actor(role, STATION), incident("i", SISTER))


def test_a_crew_and_its_station_see_the_incident_they_were_sent_to(authority: Authority) -> None:
    shared = incident("i", FAR, assignment("car"))
    world = picture([unit("car", STATION)], [shared])
    assert authority.may_see_incident(actor("officer", STATION, "car"), shared)
    assert not authority.may_see_incident(actor("officer", STATION, "other"), shared)
    assert authority.may_see_incident(actor("commander", STATION), shared, world)
    assert not authority.may_see_incident(actor("commander", SISTER), shared, world)


def test_a_recalled_crew_sees_it_no_more(authority: Authority) -> None:
    over = incident("i", FAR, assignment("car", AssignmentStage.RECALLED))
    assert not authority.may_see_incident(actor("officer", STATION, "car"), over)


COMPLAINT = incident("i", STATION, assignment("car"), incident_type="complaint")


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        (actor("supervisor", STATION), True),
        (actor("supervisor", COUNTY), True),
        (actor("commander", COUNTY), True),
        (actor("operator", CITY), True),
        (actor("commander", STATION), False),
        (actor("admin", STATION), False),
        (actor("admin", CITY), False),
        (actor("commander", OTHER), False),
        (actor("supervisor", OTHER), False),
        (actor("officer", STATION, "car"), False),
        (actor("officer", CITY, kind="token"), False),
        (actor("viewer", CITY), False),
        (as_wall(actor("commander", CITY)), False),
        (actor("feed", CITY), False),
    ],
)
def test_complaints(authority: Authority, who: Actor, sees: bool) -> None:
    assert authority.may_see_incident(who, COMPLAINT, picture([unit("car")], [COMPLAINT])) is sees


def test_a_hidden_incident_is_refused_in_the_words_of_a_missing_one(authority: Authority) -> None:
    world = picture([], [COMPLAINT])
    hidden, missing = (_refusal(authority, actor("commander"), c.Note(incident_id=i, text="x"), world) for i in ("i", "j"))
    assert isinstance(hidden, NotFound)
    assert (type(hidden), hidden.rule, hidden.detail.replace(" i;", " j;")) == (type(missing), missing.rule, missing.detail)


# Units


def test_marked_units_are_seen_in_scope_next_door_and_on_shared_incidents(authority: Authority) -> None:
    commander = actor("commander", STATION)
    shared = incident("i", STATION, assignment("helper"))
    off = {"status": UnitStatus.OUT_OF_SERVICE}
    units = [unit("own"), unit("own off", **off), unit("next", FAR), unit("next off", FAR, **off)]
    units += [unit("sister", SISTER), unit("helper", SISTER, incident_id="i")]
    world = picture(units, [shared])
    assert authority.visible_units(commander, world) == {"own", "own off", "next", "helper"}


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        (actor("commander", STATION), True),
        (actor("viewer", STATION), True),
        (actor("operator", CITY), True),
        (actor("commander", COUNTY), False),
        (actor("commander", SISTER), False),
        (actor("commander", FAR), False),
        (as_wall(actor("commander", STATION)), False),
        (as_wall(actor("commander", CITY)), False),
        (actor("officer", STATION, "plain"), True),
        (actor("officer", STATION, "car"), False),
        (actor("feed", STATION), False),
    ],
)
def test_plain_clothes(authority: Authority, who: Actor, sees: bool) -> None:
    plain = unit("plain", STATION, marked=False, incident_id="i")
    sent = incident("i", FAR, assignment("plain"), assignment("car"))
    world = picture([plain, unit("car", FAR)], [sent])
    assert authority.may_see_unit(who, plain, world) is sees
    names = {a.unit_id for a in authority.incident_for(who, sent, world).assignments}
    assert ("plain" in names) is sees
    pushed = UnitPushed(incident_id="i", assignment_id="a", unit_id="plain")
    if not sees:
        assert not authority.may_see_event(who, recorded(pushed, "i"), world)
    # Named by its assignment only.
    assert authority.may_see_event(who, recorded(PushSeen(incident_id="i", assignment_id="a-plain"), "i"), world) is sees


@pytest.mark.parametrize("named", [{"unit_ids": ("plain",)}, {"on_behalf_of": "plain", "unit_ids": ("car",)}])
def test_who_may_not_know_of_plain_clothes_enters_nothing_for_them(authority: Authority, named: dict[str, object]) -> None:
    world = picture([unit("plain", STATION, marked=False), unit("car")], [incident("i", STATION, assignment("plain"), assignment("car"))])
    arrived = c.Arrive(incident_id="i", channel="radio", **named)  # type: ignore[arg-type]
    assert _refusal(authority, actor("commander", COUNTY), arrived, world).rule == "unknown-unit"
    for who in (actor("commander", STATION), actor("operator", CITY)):
        authority.authorise_command(who, arrived, world)


def test_events_reach_only_who_may_see_their_subject(authority: Authority) -> None:
    world = picture([unit("car"), unit("far", OTHER)], [incident("i"), COMPLAINT_ELSEWHERE])
    commander = actor("commander")
    assert authority.may_see_event(commander, recorded(NoteAdded("i", "x"), "i"), world)
    assert not authority.may_see_event(commander, recorded(NoteAdded("k", "x"), "k"), world)
    assert not authority.may_see_event(commander, recorded(NoteAdded("gone", "x"), "gone"), world)
    assert authority.may_see_event(commander, recorded(NoteAdded("gone", "x"), "gone"), world, incident("gone"))
    assert authority.may_see_event(commander, recorded(UnitStatusSet("car", UnitStatus.AVAILABLE), None), world)
    assert not authority.may_see_event(commander, recorded(UnitStatusSet("far", UnitStatus.AVAILABLE), None), world)


COMPLAINT_ELSEWHERE = msgspec.structs.replace(COMPLAINT, incident_id="k")


# Callers

CALLER = c.Caller(name="王小明", number="13812345678")
MASKED = c.Caller(name="王**", number="138****5678")


@pytest.mark.parametrize(
    ("who", "stage", "expected"),
    [
        (actor("operator"), AssignmentStage.PUSHED, CALLER),
        (actor("officer", STATION, "car"), AssignmentStage.ON_SCENE, CALLER),
        (actor("officer", STATION, "car"), AssignmentStage.FEEDBACK, MASKED),
        (actor("officer", STATION, "car"), AssignmentStage.RECALLED, MASKED),
        (actor("officer", STATION, "other"), AssignmentStage.ON_SCENE, MASKED),
        (actor("viewer"), AssignmentStage.PUSHED, MASKED),
        (actor("admin"), AssignmentStage.PUSHED, MASKED),
        (as_wall(actor("operator")), AssignmentStage.PUSHED, None),
        (actor("operator", FAR), AssignmentStage.PUSHED, None),
    ],
)
def test_callers(authority: Authority, who: Actor, stage: AssignmentStage, expected: c.Caller | None) -> None:
    assert authority.caller_for(who, incident("i", STATION, assignment("car", stage)), CALLER) == expected


@pytest.mark.parametrize(("number", "masked"), [("", ""), ("11", "**"), ("110", "*10"), ("8712345", "*****45"), ("87123456", "871*3456")])
def test_short_numbers_are_masked_too(authority: Authority, number: str, masked: str) -> None:
    seen = authority.caller_for(actor("viewer"), incident("i"), c.Caller(number=number))
    assert seen is not None
    assert seen.number == masked


# At the desk of an organisation below one's own

ORGANISATIONS = (CITY, COUNTY, OTHER, STATION, SISTER, FAR)
EVERYTHING = picture(
    [unit(f"{org}-{marked}", org, marked=marked) for org in ORGANISATIONS for marked in (True, False)],
    [
        *(incident(f"{org}-{type_}", org, incident_type=type_) for org in ORGANISATIONS for type_ in ("theft", "complaint")),
        *(incident(f"{org}-shared", OTHER, assignment(f"{org}-True")) for org in ORGANISATIONS),
        *(incident(f"{org}-offered", CITY, handover_to=org) for org in ORGANISATIONS),
    ],
)


def sight(authority: Authority, who: Actor) -> set[str]:
    """Everything of EVERYTHING that the actor may see, and each caller it may see whole."""
    incidents = {i for i, one in EVERYTHING.incidents.items() if authority.may_see_incident(who, one, EVERYTHING)}
    callers = {f"caller of {i}" for i, one in EVERYTHING.incidents.items() if authority.caller_for(who, one, CALLER) == CALLER}
    return (
        incidents | callers | authority.visible_units(who, EVERYTHING) | {f"scope {o}" for o in ORGANISATIONS if authority.in_scope(who, o)}
    )


@pytest.mark.parametrize(("role", "own"), list(itertools.product(ROLES, ORGANISATIONS)))
def test_the_desk_of_any_organisation_never_shows_more_than_ones_own(authority: Authority, role: str, own: str) -> None:
    who = actor(role, own)
    for org_code in ORGANISATIONS:
        narrowed = within(who, org_code)
        assert sight(authority, narrowed) <= sight(authority, who), org_code
        assert sight(authority, narrowed) <= sight(authority, actor(role, org_code)), org_code
        assert sight(authority, as_wall(narrowed)) == sight(authority, within(as_wall(who), org_code))
    assert within(who, own) == who
    assert within(within(who, STATION), SISTER).own_org_code == (own if own != SISTER else None)


def test_a_station_shown_to_the_levels_above_is_the_stations_own_picture(authority: Authority) -> None:
    station, city, county = (actor("operator", org) for org in (STATION, CITY, COUNTY))
    assert f"{STATION}-False" in sight(authority, within(city, STATION))
    assert f"{STATION}-False" not in sight(authority, within(county, STATION)), "plain clothes: their own command and the city only"
    assert sight(authority, within(city, STATION)) == sight(authority, station)
    assert f"{FAR}-True" in sight(authority, within(city, STATION)), "the neighbours' marked cars"


def test_commands_at_the_desk_of_a_station_stay_inside_it(authority: Authority) -> None:
    at_station = within(actor("operator", CITY), STATION)
    authority.authorise_command(at_station, c.Push(incident_id="mine", unit_ids=("car",)), WORLD)
    assert _refusal(authority, at_station, c.Push(incident_id="mine", unit_ids=("sister",)), WORLD).rule == "unknown-unit"
    assert _refusal(authority, at_station, c.Note(incident_id="theirs", text="x"), WORLD).rule == "unknown-incident"
    beyond = within(actor("operator", STATION), SISTER)
    assert _refusal(authority, beyond, c.Note(incident_id="theirs", text="x"), WORLD).rule == "unknown-incident"


def test_a_desk_is_asked_for_by_full_or_short_code(authority: Authority) -> None:
    assert authority.at_desk_of(actor("viewer", CITY), "330203") == within(actor("viewer", CITY), COUNTY)
    assert authority.at_desk_of(actor("viewer", COUNTY), STATION).org_code == STATION
    assert authority.at_desk_of(actor("viewer", STATION), STATION) == actor("viewer", STATION)


@pytest.mark.parametrize(
    ("who", "code", "refusal", "rule"),
    [
        (actor("operator", STATION), "330203", NotPermitted, "outside-scope"),
        (actor("operator", COUNTY), FAR, NotPermitted, "outside-scope"),
        (actor("feed", CITY), STATION, NotPermitted, "role-not-permitted"),
        (actor("operator", CITY), "330299", NotFound, "unknown-organisation"),
        (actor("operator", CITY), "", NotFound, "unknown-organisation"),
    ],
)
def test_a_desk_outside_ones_scope_is_refused(authority: Authority, who: Actor, code: str, refusal: type[DispatchError], rule: str) -> None:
    with pytest.raises(refusal) as caught:
        authority.at_desk_of(who, code)
    assert caught.value.rule == rule


def test_an_organisation_that_is_no_more_has_no_desk() -> None:
    rows = [organisations().get(code) for code in (CITY, COUNTY, STATION)]
    ended = msgspec.structs.replace(rows[2], valid_to=date(2026, 1, 1))
    authority = Authority(OrganisationTree([*rows[:2], ended]), clock())
    with pytest.raises(NotFound, match="not in force"):
        authority.at_desk_of(actor("operator", CITY), STATION)


def test_a_station_that_moves_away_at_midnight_is_no_longer_shown_to_whom_it_belonged() -> None:
    city, county, other, station, *_ = (organisations().get(code) for code in ORGANISATIONS[:4])
    moving = [
        msgspec.structs.replace(station, valid_to=NOW.date() + timedelta(days=1)),
        msgspec.structs.replace(station, parent=OTHER, valid_from=NOW.date() + timedelta(days=1)),
    ]
    time = clock()
    authority = Authority(OrganisationTree([city, county, other, *moving]), time)
    at_station = authority.at_desk_of(actor("operator", COUNTY), STATION)
    assert authority.may_see_incident(at_station, incident("i", STATION))
    time.advance(24 * 3600)
    assert not authority.may_see_incident(at_station, incident("i", STATION))


# Commands


def _refusal(authority: Authority, who: Actor, command: c.Command, world: object, held: Incident | None = None) -> DispatchError:
    with pytest.raises((NotPermitted, NotFound)) as caught:
        authority.authorise_command(who, command, world, held)  # type: ignore[arg-type]
    return caught.value


WORLD = picture(
    [unit("car"), unit("second"), unit("far", OTHER), unit("sister", SISTER)],
    [incident("mine", STATION, assignment("car")), incident("theirs", SISTER), incident("shared", FAR, assignment("car"))],
)


@pytest.mark.parametrize(
    ("who", "command"),
    [
        (actor("operator"), c.Push(incident_id="mine", unit_ids=("car", "second"))),
        (actor("operator", COUNTY), c.Push(incident_id="theirs", unit_ids=("car",))),
        (actor("operator"), c.Acknowledge(incident_id="shared", unit_ids=("car",), on_behalf_of="王警官", channel="radio")),
        (actor("officer", STATION, "car"), c.Acknowledge(incident_id="mine")),
        (actor("officer", STATION, "car"), c.Arrive(incident_id="shared", unit_ids=("car",))),
        (actor("officer", STATION, "car"), c.Note(incident_id="mine", text="x")),
        (actor("officer", STATION, "car"), c.SetUnitStatus(unit_id="car", status=UnitStatus.OUT_OF_SERVICE)),
        (actor("officer", CITY, kind="token"), c.Acknowledge(incident_id="shared", unit_ids=("car",))),
        (actor("commander"), c.Review(incident_id="mine")),
        (actor("feed", CITY, kind="token"), c.SetUnitStatus(unit_id="far", status=UnitStatus.AVAILABLE)),
        (actor("feed", COUNTY), c.ReceiveIncident(incident_type="fire", grade=Grade.MAJOR, org_code=SISTER)),
        (Actor("outbox", "none", CITY, kind="system"), c.MarkDelivered(incident_id="mine", unit_ids=("car",))),
    ],
)
def test_allowed_commands(authority: Authority, who: Actor, command: c.Command) -> None:
    authority.authorise_command(who, command, WORLD)


@pytest.mark.parametrize(
    ("who", "command", "rule"),
    [
        (actor("viewer"), c.Note(incident_id="mine", text="x"), "role-not-permitted"),
        (as_wall(actor("commander")), c.Close(incident_id="mine", disposition="settled"), "role-not-permitted"),
        (actor("operator"), c.Review(incident_id="mine"), "role-not-permitted"),
        (actor("call_taker"), c.Push(incident_id="mine", unit_ids=("car",)), "role-not-permitted"),
        (actor("call_taker"), c.Note(incident_id="mine", text="x", on_behalf_of="someone"), "role-not-permitted"),
        (actor("operator"), c.Note(incident_id="theirs", text="x"), "unknown-incident"),
        (actor("operator"), c.Note(incident_id="shared", text="x"), "outside-scope"),
        (actor("operator"), c.Acknowledge(incident_id="shared", unit_ids=("far",)), "unknown-unit"),
        (actor("operator"), c.Acknowledge(incident_id="shared"), "outside-scope"),
        (actor("operator"), c.Push(incident_id="mine", unit_ids=("sister",)), "unknown-unit"),
        (actor("operator"), c.Push(incident_id="mine", unit_ids=("nobody",)), "unknown-unit"),
        (actor("operator"), c.ReceiveIncident(incident_type="fire", grade=Grade.MAJOR, org_code=FAR), "outside-scope"),
        (actor("officer", STATION, "second"), c.Acknowledge(incident_id="mine"), "not-assigned"),
        (actor("officer", STATION, "car"), c.Acknowledge(incident_id="mine", unit_ids=("second",)), "not-own-unit"),
        (actor("officer", STATION, "car"), c.SetUnitStatus(unit_id="second", status=UnitStatus.AVAILABLE), "not-own-unit"),
        (actor("officer", STATION, "car"), c.Push(incident_id="mine", unit_ids=("car",)), "role-not-permitted"),
        (actor("officer", STATION), c.Acknowledge(incident_id="mine", unit_ids=("car",)), "no-unit"),
        (actor("officer", STATION), c.SetUnitStatus(unit_id="car", status=UnitStatus.AVAILABLE), "no-unit"),
        (actor("officer", CITY, kind="token"), c.Acknowledge(incident_id="mine"), "no-unit"),
        (actor("officer", OTHER, kind="token"), c.Acknowledge(incident_id="shared", unit_ids=("car",)), "unknown-unit"),
        (actor("feed", STATION), c.SetUnitStatus(unit_id="far", status=UnitStatus.AVAILABLE), "outside-scope"),
        (actor("feed", CITY), c.Note(incident_id="mine", text="x"), "role-not-permitted"),
        (actor("feed", STATION), c.RegisterUnit(unit_id="far", callsign="x", kind=UnitKind.PATROL_CAR, org_code=STATION), "outside-scope"),
        (actor("feed", STATION), c.RegisterUnit(unit_id="new", callsign="x", kind=UnitKind.PATROL_CAR, org_code=FAR), "outside-scope"),
    ],
)
def test_refused_commands(authority: Authority, who: Actor, command: c.Command, rule: str) -> None:
    assert _refusal(authority, who, command, WORLD).rule == rule


def test_a_neighbours_unit_is_seen_but_not_commanded(authority: Authority) -> None:
    world = picture([unit("next", FAR)], [incident("mine")])
    assert authority.may_see_unit(actor("operator"), world.units["next"], world)
    refusal = _refusal(authority, actor("operator"), c.Push(incident_id="mine", unit_ids=("next",)), world)
    assert refusal.rule == "outside-scope"


def test_an_old_incident_is_judged_by_what_history_holds(authority: Authority) -> None:
    old = incident("old", STATION)
    authority.authorise_command(actor("commander"), c.Reopen(incident_id="old", text="x"), WORLD, old)
    assert _refusal(authority, actor("commander", FAR), c.Reopen(incident_id="old", text="x"), WORLD, old).rule == "unknown-incident"


def recorded(body: object, incident_id: str | None) -> Recorded:
    return Recorded(
        revision=1,
        event_id="e",
        node="n",
        incident_id=incident_id,
        incident_version=1,
        schema=1,
        occurred_at=NOW,
        recorded_at=NOW + timedelta(seconds=1),
        actor="a",
        actor_role="operator",
        command_id=None,
        on_behalf_of=None,
        channel=None,
        body=body,  # type: ignore[arg-type]
        previous_hash="",
        hash="",
    )
