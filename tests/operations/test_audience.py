"""No byte about what an audience may not see: whatever happens, in whatever order, on texts and frames."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.duty_events import DutyCircleSet, UnitRegistered, UnitStatusSet
from dispatch.events import (
    Acknowledged,
    AnyEvent,
    FeedbackGiven,
    HandoverAccepted,
    HandoverOffered,
    HandoverRefused,
    IncidentClassified,
    IncidentClosed,
    IncidentReceived,
    NoteAdded,
    PushDelivered,
    Recorded,
    UnitPushed,
)
from dispatch.evolve import evolve
from dispatch.model import Actor, Grade, UnitKind, UnitStatus
from dispatch.picture import OperatingPicture
from operations.access.audience import HELLO_UNITS, Audience
from operations.access.authority import Authority, as_wall
from operations.tracking.frames import Sent, select
from operations.tracking.positions import PositionTable
from tests.operations import access_world as world

UNITS = [f"unit{letter}" for letter in "abcd"]
INCIDENTS = [f"case{letter}" for letter in "abc"]
ORGANISATIONS = [world.CITY, world.COUNTY, world.STATION, world.SISTER, world.FAR]
ACTORS = [
    world.actor("operator", world.CITY),
    world.actor("operator", world.COUNTY),
    world.actor("commander", world.STATION),
    world.actor("officer", world.SISTER, unit_id="unita"),
    world.actor("supervisor", world.COUNTY),
    as_wall(world.actor("operator", world.CITY)),
    world.actor("feed", world.CITY),
]

units, incidents, organisations = st.sampled_from(UNITS), st.sampled_from(INCIDENTS), st.sampled_from(ORGANISATIONS)
types = st.sampled_from(["theft", "complaint"])


def received(incident_id: str, org_code: str, type_: str) -> IncidentReceived:
    return IncidentReceived(
        incident_id, number=1, incident_type=type_, grade=Grade.ORDINARY, text=f"text of {incident_id}", org_code=org_code,
        called_at=world.NOW, caller_digest="digest",
    )  # fmt: skip


steps = st.one_of(
    st.builds(lambda u, o, m: UnitRegistered(u, f"call {u}", UnitKind.PATROL_CAR, o, marked=m), units, organisations, st.booleans()),
    st.builds(lambda u, s: UnitStatusSet(u, s), units, st.sampled_from([UnitStatus.AVAILABLE, UnitStatus.OUT_OF_SERVICE])),
    st.builds(received, incidents, organisations, types),
    st.builds(lambda i, t: IncidentClassified(i, t, Grade.URGENT, f"text of {i}"), incidents, types),
    st.builds(lambda i, u: UnitPushed(i, f"{i}/{u}", u), incidents, units),
    st.builds(lambda i, u: PushDelivered(i, f"{i}/{u}"), incidents, units),
    st.builds(lambda i, u: Acknowledged(i, f"{i}/{u}", u), incidents, units),
    st.builds(lambda i, u: FeedbackGiven(i, f"{i}/{u}", u, f"feedback on {i}"), incidents, units),
    st.builds(lambda i: NoteAdded(i, f"note on {i}"), incidents),
    st.builds(lambda i: IncidentClosed(i, "settled"), incidents),
    st.builds(lambda i, o: HandoverOffered(i, o), incidents, organisations),
    st.builds(lambda i, o: HandoverAccepted(i, o), incidents, organisations),
    st.builds(lambda i: HandoverRefused(i, world.COUNTY, f"note on {i}"), incidents),
)


def can_happen(body: AnyEvent, picture: OperatingPicture) -> bool:
    """An incident is received once."""
    return not isinstance(body, IncidentReceived) or body.incident_id not in picture.incidents


def recorded(body: AnyEvent, picture: OperatingPicture) -> Recorded:
    incident_id = getattr(body, "incident_id", None)
    fields: dict[str, Any] = dict.fromkeys(("command_id", "on_behalf_of", "channel"))
    revision = picture.revision + 1
    return Recorded(
        revision=revision, event_id=f"e{revision}", node="n", incident_id=incident_id, incident_version=1 if incident_id else None,
        schema=1, occurred_at=world.NOW, recorded_at=world.NOW, actor="desk", actor_role="operator", body=body,
        previous_hash="", hash="", **fields,
    )  # fmt: skip


class Client:
    """Applies messages as the protocol says."""

    def __init__(self) -> None:
        self.units: dict[int, str] = {}
        self.incidents: dict[str, dict[str, Any]] = {}

    def hear(self, texts: list[bytes]) -> None:
        for text in map(json.loads, texts):
            if text["type"] == "hello":
                self.units = {row["index"]: row["unit_id"] for row in text["units"]}
                self.incidents = {incident["incident_id"]: incident for incident in text["incidents"]}
            elif text["type"] == "units":
                self.units |= {row["index"]: row["unit_id"] for row in text["units"]}
                for index in text["gone"]:
                    del self.units[index]
            elif text["type"] == "incident":
                self.incidents[text["incident"]["incident_id"]] = text["incident"]
            else:
                del self.incidents[text["incident_id"]]


def check_bytes(texts: list[bytes], authority: Authority, actor: Actor, picture: OperatingPicture) -> None:
    """Nothing said now names what may not be seen now, except that something is gone."""
    said = b" ".join(text for text in texts if b"incident_gone" not in text)
    hidden = [u.unit_id for u in picture.units.values() if not u.marked and not authority.may_see_unit(actor, u, picture)]
    unseen = [i.incident_id for i in picture.incidents.values() if not authority.may_see_incident(actor, i, picture)]
    for name in (*hidden, *(f"text of {i}" for i in unseen), *(f"note on {i}" for i in unseen), "digest"):
        assert name.encode() not in said, name


@settings(max_examples=200, deadline=None)
@given(
    actor=st.sampled_from(ACTORS), before=st.lists(steps, max_size=12), after=st.lists(st.lists(steps, min_size=1, max_size=3), max_size=12)
)
def test_texts_and_frames_speak_only_of_what_may_be_seen(actor: Actor, before: list[AnyEvent], after: list[list[AnyEvent]]) -> None:
    authority, table, picture = Authority(world.organisations(), world.clock()), PositionTable(), OperatingPicture()
    for body in before:
        if can_happen(body, picture):
            picture = evolve(picture, recorded(body, picture))
    audience, client = Audience(actor, authority, table, lambda incident: {}), Client()
    audience.take(audience.look(picture), picture, picture.revision)
    hello = audience.hello(actor, picture, picture.revision, 0.0)
    check_bytes(hello, authority, actor, picture)
    client.hear(hello)
    for bodies in after:
        batch = []
        for body in bodies:
            if can_happen(body, picture):
                batch.append(recorded(body, picture))
                picture = evolve(picture, batch[-1])
        texts = audience.hear(batch, picture)
        check_bytes(texts, authority, actor, picture)
        client.hear(texts)
    assert set(client.units.values()) == set(authority.visible_units(actor, picture))
    open_ids = {i.incident_id for i in picture.open_incidents() if authority.may_see_incident(actor, i, picture)}
    assert {i for i, incident in client.incidents.items() if incident["stage"] not in ("closed",)} == open_ids
    for index in range(table.count):
        table.write(np.array([index]), *(np.array([x]) for x in (121.5, 29.8, 1.0)), 1.0, np.array([0.0]), np.array([0.0]))
    framed = select(table, audience.visible, audience.widened_at, Sent())
    assert {table.unit_ids[index] for index in framed} == set(client.units.values())


def test_a_look_made_in_a_thread_is_brought_up_to_the_picture_that_moved_on() -> None:
    authority, table, picture = Authority(world.organisations(), world.clock()), PositionTable(), OperatingPicture()
    for unit_id in ("unita", "unitb"):
        picture = evolve(picture, recorded(UnitRegistered(unit_id, unit_id, UnitKind.PATROL_CAR, world.STATION), picture))
    audience = Audience(world.actor("operator", world.COUNTY), authority, table, lambda incident: {})
    seen = audience.look(picture)
    picture = evolve(picture, recorded(UnitRegistered("unita", "unita", UnitKind.PATROL_CAR, world.STATION, marked=False), picture))
    picture = evolve(picture, recorded(received("casea", world.STATION, "theft"), picture))
    texts = [json.loads(text) for text in audience.take(seen, picture, picture.revision)]
    assert [[row["unit_id"] for row in text["units"]] for text in texts if text["type"] == "units"] == [["unitb"]]
    assert [text["incident"]["incident_id"] for text in texts if text["type"] == "incident"] == ["casea"]


def test_of_a_duty_circle_desks_hear_only_that_some_circle_has_changed() -> None:
    authority, table, picture = Authority(world.organisations(), world.clock()), PositionTable(), OperatingPicture()
    event = recorded(DutyCircleSet("c", 1, "circle-of-the-station", world.STATION, 121.5, 29.8, ()), picture)
    after = evolve(picture, event)
    told = {}
    for actor in (*ACTORS, world.actor("call_taker", world.FAR), world.actor("viewer", world.CITY)):
        texts = Audience(actor, authority, table, lambda incident: {}).hear([event], after)
        told[actor.role, actor.kind] = [json.loads(text) for text in texts]
    heard = [{"type": "duty_circles", "revision": 1}]
    assert {role for (role, _), texts in told.items() if texts == heard} == {"operator", "commander", "supervisor", "call_taker"}
    assert {role for (role, _), texts in told.items() if texts == []} == {"officer", "viewer", "feed"}


def test_a_large_citys_units_follow_the_hello_in_pages() -> None:
    authority, table = Authority(world.organisations(), world.clock()), PositionTable()
    many = [world.unit(f"unit-{number}") for number in range(HELLO_UNITS + 5)]
    picture = world.picture(many)
    audience = Audience(world.actor("operator", world.CITY), authority, table, lambda incident: {})
    audience.take(audience.look(picture), picture, 0)
    hello, rest = map(json.loads, audience.hello(world.actor("operator", world.CITY), picture, 0, 0.0))
    assert (len(hello["units"]), len(rest["units"]), rest["type"]) == (HELLO_UNITS, 5, "units")
