"""The intake: reports become positions, tracks, readings and commands, inside the feed's scope, with named refusals."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from dispatch import commands
from dispatch.duty_commands import RegisterUnit
from dispatch.errors import NotPermitted
from dispatch.model import Actor, Grade, UnitKind, UnitStatus
from geodata.datum import wgs84_to_gcj02
from operations.tracking import positions as flags
from operations.tracking.reports import CameraReport, ElementReport, FeedSession, IncidentReport, PositionReport, StatusReport
from storage.track_reader import TrackState
from tests.operations.fakes import COUNTY, NEIGHBOUR, START, House


def position(unit_id: str | None = "a", lon: float = 121.5, lat: float = 29.9, after_s: float = 0.0, **fields: Any) -> PositionReport:
    return PositionReport(unit_id=unit_id, lon=lon, lat=lat, position_at=START + timedelta(seconds=after_s), **fields)


async def register(house: House, unit_id: str, org_code: str = COUNTY, **fields: Any) -> None:
    command = RegisterUnit(unit_id=unit_id, callsign=unit_id, kind=UnitKind.FOOT_PATROL, org_code=org_code, **fields)
    await house.handler.handle(command, Actor("setup", "admin", org_code, kind="system"))


async def test_an_unknown_unit_is_registered_once_in_the_feeds_scope():
    house = House()
    reports = [position("a"), position("b"), position("a", after_s=1)]
    assert await house.intake.positions(reports, house.feed()) == []
    unit = house.handler.picture.units["a"]
    assert (unit.org_code, unit.registered, unit.callsign) == (COUNTY, False, "a")
    assert [type(command) for command in house.handler.commands] == [RegisterUnit, RegisterUnit]
    assert house.table.flags[house.table.index_of("a")] == flags.UNREGISTERED
    assert len(house.tracks.fixes) == 3


async def test_a_known_unit_keeps_its_kind_and_is_found_by_its_tracker():
    house = House()
    await register(house, "a", trackers=("radio-1",))
    assert await house.intake.positions([position(None, tracker_id="radio-1")], house.feed()) == []
    index = house.table.index_of("a")
    assert flags.UNIT_KINDS[house.table.kind[index]] is UnitKind.FOOT_PATROL
    assert house.place_of("a") == (121.5, 29.9)
    assert len(house.handler.picture.units) == 1


async def test_an_unknown_tracker_makes_a_unit_of_its_name():
    house = House()
    await house.intake.positions([position(None, tracker_id="radio-9")], house.feed())
    assert house.handler.picture.units["radio-9"].trackers == ("radio-9",)


async def test_a_position_of_nobody_is_refused():
    house = House()
    assert await house.intake.positions([position(None)], house.feed()) == [(0, "unit_not_named")]
    assert house.health.feed("gps").rejected == {"unit_not_named": 1}


async def test_a_feed_reports_inside_its_scope_only():
    house = House()
    await register(house, "theirs", NEIGHBOUR)
    assert await house.intake.positions([position("theirs"), position("mine")], house.feed()) == [(0, "outside-scope")]
    assert house.place_of("theirs") is None
    assert house.place_of("mine") is not None


async def test_a_unit_that_moves_to_another_organisation_is_asked_for_again():
    house = House()
    feed = house.feed()
    await house.intake.positions([position("a")], feed)
    await house.intake.start(house.bus, TrackState.nothing())
    await register(house, "a", NEIGHBOUR)
    await asyncio.sleep(0)
    await house.intake.stop()
    assert await house.intake.positions([position("a", after_s=1)], feed) == [(0, "outside-scope")]


async def test_an_officers_terminal_reports_its_own_unit_only():
    house = House()
    await register(house, "a")
    await register(house, "b")
    terminal = FeedSession("terminal", Actor("li", "officer", COUNTY, unit_id="a"))
    house.intake.authorise(terminal)
    assert await house.intake.positions([position("a"), position("b"), position("new")], terminal) == [
        (1, "not-own-unit"),
        (2, "role-not-permitted"),
    ]


async def test_a_gateway_of_terminals_reports_inside_its_scope():
    house = House()
    await register(house, "a")
    await register(house, "theirs", NEIGHBOUR)
    gateway = FeedSession("terminals", Actor("gateway", "officer", COUNTY, kind="token"))
    assert await house.intake.positions([position("a"), position("theirs")], gateway) == [(1, "outside-scope")]
    with pytest.raises(NotPermitted, match="role officer may not feed in"):
        house.intake.authorise(gateway)


async def test_a_start_fills_the_table_from_picture_and_tracks():
    house = House()
    await register(house, "a")
    await register(house, "b")
    nan, now = np.array([np.nan, np.nan], np.float32), house.clock.unix_s()
    lon, at = np.array([121.5, 121.6]), np.array([now - 60, now - 5])
    known = TrackState(["a", "gone"], lon, lon - 92, nan, nan, at, at + 1, np.zeros(2, np.uint8), np.zeros(2, np.uint8))
    await house.intake.start(house.bus, known)
    assert house.place_of("a") == (121.5, 29.5)
    assert house.place_of("b") is None
    assert (house.table.count, house.table.position_at[0], house.table.received_at[0]) == (2, now - 60, now - 59)
    assert house.tracks.fixes == []
    await house.intake.stop()


async def test_the_table_and_the_tracks_follow_the_journal():
    house = House()
    await house.intake.start(house.bus, TrackState.nothing())
    await house.intake.positions([position("a")], house.feed())
    await house.intake.statuses([StatusReport(unit_id="a", status=UnitStatus.OUT_OF_SERVICE)], house.feed())
    await register(house, "a", marked=False)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    index = house.table.index_of("a")
    assert flags.UNIT_STATUSES[house.table.status[index]] is UnitStatus.OUT_OF_SERVICE
    assert house.table.flags[index] == flags.PLAIN_CLOTHES
    assert len(house.tracks.fixes) == 3  # the fix, and again with each change
    await house.intake.stop()


async def test_following_goes_on_after_an_overflow():
    house = House()
    await house.intake.start(house.bus, TrackState.nothing())
    for number in range(1_001):
        await register(house, f"u{number}")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert house.table.count == 1_000  # the bound of this table
    assert house.health.feed("registry").rejected["too_many_units"] >= 1
    await house.intake.stop()


def test_a_viewer_is_no_feed():
    house = House()
    with pytest.raises(NotPermitted, match="role viewer may not feed in"):
        house.intake.authorise(FeedSession("x", Actor("x", "viewer", COUNTY)))


async def test_a_full_table_refuses_new_units_and_goes_on_with_the_known():
    house = House(max_units=2)
    feed = house.feed()
    refused = await house.intake.positions([position("a"), position("b"), position("c")], feed)
    assert refused == [(2, "too_many_units")]
    assert set(house.handler.picture.units) == {"a", "b"}
    assert await house.intake.positions([position("a", after_s=1)], feed) == []


async def test_made_up_trackers_do_not_use_up_memory():
    house = House()
    reports = [position("a", tracker_id=f"t{number}", after_s=-number) for number in range(20)]
    refused = await house.intake.positions(reports, house.feed())
    assert refused == [(number, "too_many_trackers") for number in range(16, 20)]


async def test_bad_fixes_change_nothing_and_are_counted():
    house = House()
    feed = house.feed()
    await house.intake.positions([position("a")], feed)
    bad = [position("a", float("nan")), position("a", after_s=60), position("a", 0.0, 0.0), position("a", 122.5, after_s=2)]
    refused = await house.intake.positions(bad, feed)
    assert sorted(refused) == [(0, "not_a_number"), (1, "future"), (2, "no_fix"), (3, "impossible_speed")]
    assert house.place_of("a") == (121.5, 29.9)
    assert len(house.tracks.fixes) == 1
    assert sum(house.health.feed("gps").rejected.values()) == 4
    assert house.health.feed("gps").refused_since == house.clock.unix_s()


async def test_a_duplicate_is_heard_and_not_changed():
    house = House()
    feed = house.feed()
    await house.intake.positions([position("a")], feed)
    index = house.table.index_of("a")
    changed = house.table.changed_seq[index]
    house.clock.advance(3)
    assert await house.intake.positions([position("a")], feed) == [(0, "duplicate")]
    assert house.table.received_at[index] == house.clock.unix_s()
    assert house.table.changed_seq[index] == changed
    assert len(house.tracks.fixes) == 1
    assert house.health.feed("gps").refused_since is None


async def test_a_late_fix_goes_to_the_tracks_only():
    house = House()
    feed = house.feed()
    await house.intake.positions([position("a"), position("a", 121.49, after_s=-600)], feed)
    assert house.place_of("a") == (121.5, 29.9)
    assert [fix[2] for fix in house.tracks.fixes] == [121.49, 121.5]


async def test_the_datum_of_feed_and_message_is_converted_and_an_unknown_one_refused():
    house = House()
    lon, lat = (float(value) for value in wgs84_to_gcj02(121.5, 29.9))
    reports = [position("a", lon, lat), position("b", datum="wgs84"), position("c", datum="mars"), position("d", lon, lat, datum="gcj02")]
    assert await house.intake.positions(reports, house.feed(datum="gcj02")) == [(2, "unknown_datum")]
    for unit_id in "abd":
        assert house.place_of(unit_id) == pytest.approx((121.5, 29.9), abs=1e-7)
    assert house.place_of("c") is None


async def test_absurd_headings_and_speeds_are_unknown_and_the_fix_is_kept():
    house = House()
    await house.intake.positions([position("a", heading_deg=-1.0, speed_mps=float("inf")), position("b", heading_deg=360.0)], house.feed())
    a, b = house.table.index_of("a"), house.table.index_of("b")
    assert np.isnan(house.table.heading_deg[a])
    assert np.isnan(house.table.speed_mps[a])
    assert house.table.heading_deg[b] == 360.0


async def test_the_demo_feeds_units_are_marked():
    house = House()
    await house.intake.positions([position("a")], house.feed(simulated=True))
    assert house.table.flags[0] & flags.SIMULATED


async def test_a_long_message_is_placed_whole():
    house = House(max_units=1_000)
    reports = [position(f"u{number}") for number in range(450)] + [position(None)]
    assert await house.intake.positions(reports, house.feed()) == [(450, "unit_not_named")]
    assert len(house.tracks.fixes) == 450


async def test_a_feed_in_the_wrong_datum_is_warned_of_and_its_positions_flagged():
    def to_street_m(lon: Any, lat: Any) -> Any:
        return np.where(np.abs(np.asarray(lat) - 29.9) < 1e-5, 3.0, 400.0)  # one street along a parallel

    house = House(snap_distance=to_street_m)
    feed = house.feed()
    lon, lat = wgs84_to_gcj02(np.linspace(121.4, 121.6, 80), np.full(80, 29.9))
    for step, (x, y) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True)):
        house.clock.set(START + timedelta(seconds=2 * step))
        assert await house.intake.positions([position(f"u{step}", x, y, after_s=2 * step)], feed) == []
    await house.intake.fixes.judge_datums()
    assert house.health.snapshot()["feeds"]["gps"]["warnings"] == ["wrong_datum_suspected"]
    await house.intake.positions([position("u0", float(lon[0]), float(lat[0]), after_s=100)], feed)
    assert house.table.flags[house.table.index_of("u0")] & flags.SUSPICIOUS


# Other reports ----------------------------------------------------------------------------------------------------------


def incident(source_id: str = "17", **fields: Any) -> IncidentReport:
    return IncidentReport(incident_type="theft", grade=Grade.ORDINARY, source_id=source_id, lon=121.5, lat=29.9, **fields)


async def test_an_incident_of_a_feed_is_received_once():
    house = House()
    feed = house.feed("cad", datum="gcj02")
    assert await house.intake.incidents([incident()], feed) == []
    assert await house.intake.incidents([incident(), incident("18", datum="wgs84")], feed) == []
    assert [i.source_id for i in house.handler.picture.incidents.values()] == ["17", "18"]
    received = [c for c in house.handler.commands if isinstance(c, commands.ReceiveIncident)]
    assert [(c.source, c.datum) for c in received] == [("cad", "gcj02"), ("cad", "gcj02"), ("cad", "wgs84")]


async def test_a_status_is_set_when_it_differs():
    house = House()
    await register(house, "a")
    feed = house.feed()
    report = StatusReport(unit_id="a", status=UnitStatus.OUT_OF_SERVICE)
    given = len(house.handler.commands)
    assert await house.intake.statuses([report], feed) == []
    assert await house.intake.statuses([report, StatusReport(unit_id="nobody", status=UnitStatus.AVAILABLE)], feed) == [(1, "unknown-unit")]
    assert house.handler.picture.units["a"].status is UnitStatus.OUT_OF_SERVICE
    assert len(house.handler.commands) == given + 1


async def test_the_same_status_of_anothers_unit_is_still_refused():
    house = House()
    await register(house, "theirs", NEIGHBOUR)
    status = house.handler.picture.units["theirs"].status
    assert await house.intake.statuses([StatusReport(unit_id="theirs", status=status)], house.feed()) == [(0, "outside-scope")]


def element(kind: str, lon: float = 121.5, **fields: Any) -> ElementReport:
    return ElementReport(element=kind, id="e1", lon=lon, lat=29.9, at=START, **fields)


async def test_readings_are_kept_apart_from_what_stands_there():
    house = House()
    feed = house.feed()
    assert await house.intake.elements([element("weather_station", properties={"wind_mps": 4}), element("hydrant")], feed) == []
    assert [(r.element, r.properties) for r in house.readings.kept] == [("weather_station", {"wind_mps": 4})]
    assert list(house.handler.picture.elements) == ["hydrant"]
    await house.intake.elements([element("hydrant")], feed)
    assert len(house.handler.commands) == 1
    await house.intake.elements([element("hydrant", 121.51)], feed)
    assert len(house.handler.commands) == 2


async def test_bad_elements_are_refused_by_name():
    house = House()
    bad = [
        element("patrol_car"),
        element("unicorn"),
        element("hydrant", float("nan")),
        ElementReport(element="weather_station", id="w", lon=121.5, lat=29.9, at=START + timedelta(seconds=60)),
        element("hydrant", datum="mars"),
        ElementReport(element="hydrant", id="h", lon=0.0, lat=0.0, at=START),
    ]
    assert await house.intake.elements(bad, house.feed()) == [
        (0, "unknown_element"),
        (1, "unknown_element"),
        (2, "not_a_number"),
        (3, "future"),
        (4, "unknown_datum"),
        (5, "no_fix"),
    ]
    assert house.handler.commands == []


async def test_a_cameras_addresses_never_reach_the_journal():
    house = House()
    feed = house.feed("vms")
    report = CameraReport(camera_id="c1", lon=121.5, lat=29.9, heading_deg=370.0, url="rtsp://u:secret@10.0.0.1/", properties={"name": "x"})
    assert await house.intake.cameras([report, report], feed) == []
    written = house.handler.picture.elements["street_camera"]["c1"]
    assert written.properties == {"name": "x", "heading_deg": 10.0}
    assert "secret" not in str(house.handler.commands)
    assert house.cameras.kept[0].url == "rtsp://u:secret@10.0.0.1/"
