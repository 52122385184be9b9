"""What a command lacks is filled in before it is decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace

import msgspec
import pytest

from dispatch import commands as c
from dispatch.clock import ManualClock
from dispatch.codes import load_codes
from dispatch.commands import Promise
from dispatch.errors import NotFound, RuleViolation
from dispatch.model import Actor, Grade, Unit, UnitKind, UnitStatus
from dispatch.picture import OperatingPicture
from operations.incidents.enrich import Enricher
from operations.situation.candidates import OLD_FIX_S
from operations.tracking.positions import PositionTable
from operations.tracking.trails import Trails
from storage.memory_journal import MemoryJournal
from tests.dispatch.driver import COUNTY, START, STATION, Node, crew
from tests.operations import access_world
from tests.operations.handling import DESK, received, registered, running

EAST, WEST, TRAFFIC = "330200000001", "330200000002", "330200910000"
EASTERNER = Actor("east", "operator", EAST)


class ByHalf:
    """East and west of a meridian have one organisation each, accidents one everywhere."""

    def of(self, incident_type: str, lon: float, lat: float) -> SimpleNamespace:
        return SimpleNamespace(code=TRAFFIC if incident_type == "traffic_accident" else self.territory(lon, lat))

    def territory(self, lon: float, lat: float) -> str:
        return EAST if lon > 121.55 else WEST


class Halves:
    """How built-up both are."""

    def of(self, lon: float, lat: float) -> str:
        return "town" if lon > 121.55 else "country"


class Flat:
    """A second for each ten thousandth of a degree of longitude; no way for who stands on the point's parallel."""

    def promises(
        self, lon: float, lat: float, lons: Sequence[float], lats: Sequence[float], kinds: Sequence[UnitKind], grade: Grade
    ) -> list[Promise | None]:
        return [None if at == lat else Promise(round(abs(lon - there) * 1e4), 1.0) for there, at in zip(lons, lats, strict=True)]


def enricher(old: str = "", **where: tuple[float, float]) -> Enricher:
    """Crews that were last heard of there just now, the `old` one a moment too long ago."""
    table = PositionTable()
    for unit_id, (lon, lat) in where.items():
        index = table.ensure(unit_id, UnitKind.PATROL_CAR, UnitStatus.AVAILABLE)
        table.lon[index], table.lat[index] = lon, lat
        table.position_at[index] = START.timestamp() - (OLD_FIX_S + 1.0 if unit_id == old else 0.0)
    trails, marked = Trails(OperatingPicture, table), lambda actor, unit, picture: unit.marked
    known = (access_world.organisations(), load_codes(), Flat(), table, in_scope, marked, trails, ManualClock(START), no_circles)
    return Enricher(ByHalf(), Halves(), *known)


def no_circles(lon: float, lat: float, units: Sequence[Unit]) -> dict[str, float]:
    return {}


def in_scope(actor: Actor, org_code: str) -> bool:
    """Everybody commands everywhere, but whoever belongs to the eastern half only there."""
    return actor.org_code != EAST or org_code == EAST


@pytest.mark.parametrize(("lon", "org_code"), [(121.6, EAST), (121.5, WEST)])
async def test_the_place_says_who_is_responsible(lon: float, org_code: str) -> None:
    async with running(MemoryJournal(), enricher=enricher()) as handler:
        incident_id = await received(handler, lon=lon, org_code=None)
        assert handler.picture.incidents[incident_id].org_code == org_code


async def test_so_does_the_type_also_when_the_point_comes_later_or_moves() -> None:
    async with running(MemoryJournal(), enricher=enricher()) as handler:
        at_once = await received(handler, lon=121.6, org_code=None, incident_type="traffic_accident")
        later = await received(handler, lon=None, lat=None, org_code=None, incident_type="traffic_accident")
        turned_out = await received(handler, lon=121.6, org_code=None, incident_type="theft")

        def owners() -> list[str]:
            return [handler.picture.incidents[one].org_code for one in (at_once, later, turned_out)]

        assert owners() == [TRAFFIC, COUNTY, EAST]
        await handler.handle(c.Locate(incident_id=later, lon=121.6, lat=29.87), DESK)
        await handler.handle(c.Classify(incident_id=turned_out, incident_type="traffic_accident"), DESK)
        assert owners() == [TRAFFIC, TRAFFIC, EAST], "another type does not change the owner by itself"
        await handler.handle(c.Locate(incident_id=turned_out, lon=121.5, lat=29.87), DESK)
        assert owners() == [TRAFFIC, TRAFFIC, TRAFFIC], "a moved point settles it anew"


async def test_the_part_of_an_incident_is_its_own_types() -> None:
    async with running(MemoryJournal(), enricher=enricher()) as handler:
        whole = await received(handler, lon=121.6, org_code=None, incident_type="theft")
        await handler.handle(c.Split(incident_id=whole, text="and a crash", incident_type="traffic_accident", lon=121.5, lat=29.87), DESK)
        await handler.handle(c.Split(incident_id=whole, text="and another theft", lon=121.5, lat=29.87), DESK)
        parts = {one.text: one.org_code for one in handler.picture.incidents.values() if one.split_from == whole}
        assert parts == {"and a crash": TRAFFIC, "and another theft": WEST}


async def test_who_names_an_organisation_or_no_place_keeps_it() -> None:
    async with running(MemoryJournal(), enricher=enricher()) as handler:
        named = await received(handler, org_code=STATION)
        nowhere = await received(handler, lon=None, lat=None, org_code=None)
        assert handler.picture.incidents[named].org_code == STATION
        assert handler.picture.incidents[nowhere].org_code == COUNTY


async def test_another_datum_is_converted() -> None:
    async with running(MemoryJournal(), enricher=enricher()) as handler:
        incident_id = await received(handler, lon=121.55, lat=29.87, datum="gcj02")
        incident = handler.picture.incidents[incident_id]
        assert incident.lon is not None
        assert incident.lat is not None
        assert 300 < math.hypot((incident.lon - 121.55) * 96_000, (incident.lat - 29.87) * 111_000) < 700
        with pytest.raises(RuleViolation, match="tokyo"):
            await received(handler, datum="tokyo")


async def test_a_push_carries_the_time_promised_where_there_is_a_way() -> None:
    parts = enricher(A=(121.56, 29.9), B=(121.60, 29.87), D=(121.56, 29.9), old="D")
    async with running(MemoryJournal(), enricher=parts) as handler:
        await registered(handler, "A", "B", "C", "D")
        incident_id = await received(handler, lon=121.55, lat=29.87)
        await handler.handle(c.Push(incident_id=incident_id, unit_ids=("A", "B", "C", "D")), DESK)
        promised = {a.unit_id: a.promised_eta_s for a in handler.picture.incidents[incident_id].assignments}
        # B has no way there, C was never heard of, D not for a while.
        assert promised == {"A": 100.0, "B": None, "C": None, "D": None}


async def test_moving_the_point_promises_again_to_those_on_their_way() -> None:
    parts = enricher(A=(121.56, 29.9), B=(121.56, 29.9))
    async with running(MemoryJournal(), enricher=parts) as handler:
        await registered(handler, "A", "B")
        incident_id = await received(handler, lon=121.55, lat=29.87)
        await handler.handle(c.Push(incident_id=incident_id, unit_ids=("A", "B")), DESK)
        await handler.handle(c.Arrive(incident_id=incident_id), crew("B"))
        await handler.handle(c.Locate(incident_id=incident_id, lon=121.50, lat=29.87), DESK)
        incident = handler.picture.incidents[incident_id]
        assert incident.org_code == WEST
        assert {a.unit_id: a.promised_eta_s for a in incident.assignments} == {"A": 600.0, "B": 100.0}


async def test_a_point_that_is_none_is_left_to_the_rules() -> None:
    command = c.ReceiveIncident(incident_type="theft", grade=Grade.URGENT, lon=math.nan, lat=29.0)
    assert await enricher().enrich(command, DESK, Node().picture, None) is command


async def test_an_incident_goes_up_to_whoever_stands_above_its_owner() -> None:
    async with running(MemoryJournal(), enricher=enricher()) as handler:
        incident_id = await received(handler, org_code=access_world.STATION)
        await handler.handle(c.Escalate(incident_id=incident_id, text="看一下"), DESK)
        assert handler.picture.incidents[incident_id].escalated_to == access_world.COUNTY
        await handler.handle(c.Escalate(incident_id=incident_id, text="再看", to_org_code="3302"), DESK)
        assert handler.picture.incidents[incident_id].escalated_to == access_world.CITY
        with pytest.raises(RuleViolation, match=f"{access_world.OTHER} is not above {access_world.STATION}; escalate to"):
            await handler.handle(c.Escalate(incident_id=incident_id, text="x", to_org_code=access_world.OTHER), DESK)
        with pytest.raises(NotFound, match="nowhere"):
            await handler.handle(c.OfferHandover(incident_id=incident_id, to_org_code="nowhere"), DESK)


async def test_a_disposition_must_be_in_the_table() -> None:
    async with running(MemoryJournal(), enricher=enricher()) as handler:
        incident_id = await received(handler)
        with pytest.raises(RuleViolation, match="There is no disposition 'mediated'; name one of settled, "):
            await handler.handle(c.Close(incident_id=incident_id, disposition="mediated"), DESK)
        await handler.handle(c.Close(incident_id=incident_id, disposition="settled"), DESK)
        assert not handler.picture.incidents[incident_id].is_open


async def test_whoever_takes_calls_of_a_place_takes_those_that_another_answers_for() -> None:
    async with running(MemoryJournal(), enricher=enricher()) as handler:
        for actor, lon, owner in ((DESK, 121.6, TRAFFIC), (EASTERNER, 121.6, EAST), (EASTERNER, 121.5, TRAFFIC)):
            accident = c.ReceiveIncident(incident_type="traffic_accident", grade=Grade.ORDINARY, lon=lon, lat=29.87)
            outcome = await handler.handle(accident, actor)
            assert handler.picture.incidents[outcome.incident_id or ""].org_code == owner


async def test_a_broadcast_goes_to_desks_and_crews_on_duty_that_the_sender_commands_and_knows_of() -> None:
    units = [
        access_world.unit("here", access_world.STATION),
        access_world.unit("sister", access_world.SISTER),
        access_world.unit("far", access_world.FAR),
        access_world.unit("off", access_world.STATION, status=UnitStatus.OUT_OF_SERVICE),
        access_world.unit("covert", access_world.STATION, marked=False),
        access_world.unit("unknown", access_world.STATION, registered=False),
    ]
    picture, sender = access_world.picture(units), access_world.actor("operator", access_world.COUNTY)
    asked = c.SendBroadcast(org_code=access_world.COUNTY[:6], text="storm")
    sent = await enricher().enrich(asked, sender, picture, None)
    assert isinstance(sent, c.SendBroadcast)
    assert sent.org_code == access_world.COUNTY
    assert sent.unit_ids == ("here", "sister")
    assert set(sent.desks) == {access_world.STATION, access_world.SISTER}, "the sender's own desk has it"
    crews_only = await enricher().enrich(msgspec.structs.replace(asked, to_desks=False), sender, picture, None)
    assert isinstance(crews_only, c.SendBroadcast)
    assert (crews_only.unit_ids, crews_only.desks) == (("here", "sister"), ())
