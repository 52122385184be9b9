"""Where crews have been: for the own scope, each question on record, damage named, limits kept."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import numpy as np
import pytest

from dispatch.clock import ManualClock
from dispatch.errors import NotFound, NotPermitted, RuleViolation, Unavailable
from dispatch.model import Actor
from dispatch.picture import OperatingPicture
from operations.access.authority import Authority, as_wall
from operations.access.personal import PersonalData
from operations.tracking.track_questions import LONGEST_NEAR, TrackQuestions
from storage.audit import Look
from storage.track_files import DamagedSlice
from storage.track_reader import TrackReader
from storage.track_writer import TrackWriter
from tests.operations.access_world import CITY, COUNTY, NOW, organisations, unit
from tests.operations.access_world import SISTER as EAST
from tests.operations.access_world import STATION as WEST

REVIEWER = Actor("wang", "reviewer", COUNTY)
LON, LAT = 121.55, 29.87
UNITS = {"w1": (WEST, True), "w2": (WEST, True), "e1": (EAST, True), "plain": (WEST, False)}
STEP_DEG = 1e-4  # some 9.6 m


class Log:
    def __init__(self) -> None:
        self.looks: list[Look] = []

    def append(self, looks: list[Look]) -> None:
        self.looks += looks


class World:
    def __init__(self, folder) -> None:
        self.clock, self.log = ManualClock(NOW), Log()
        authority = Authority(organisations(), self.clock)
        units = {unit_id: unit(unit_id, org, marked=marked) for unit_id, (org, marked) in UNITS.items()}
        personal = PersonalData(None, authority, self.log, self.clock)
        self.reader = TrackReader(folder)
        self.questions = TrackQuestions(self.reader, authority, personal, lambda: OperatingPicture(units=units), self.clock)

    def ask(self, question: str, *given, actor: Actor = REVIEWER):
        return asyncio.run(getattr(self.questions, question)(actor, *given))


def write(folder, fixes: dict[str, list[tuple[float, float]]]) -> None:
    """Of each crew: seconds after two hours before NOW, steps east of the place."""
    writer, began, ids = TrackWriter(folder), (NOW - timedelta(hours=2)).timestamp(), list(UNITS)
    in_order = sorted((after_s, steps_east, unit_id) for unit_id, of_unit in fixes.items() for after_s, steps_east in of_unit)
    for after_s, steps_east, unit_id in in_order:
        at = np.array([began + after_s])
        zeros, code = np.zeros(1), np.zeros(1, np.uint8)
        lon = np.array([LON + steps_east * STEP_DEG])
        writer.append(ids, np.array([ids.index(unit_id)]), at, at + 0.5, lon, np.array([LAT]), zeros, zeros, code, code)
        writer.take()
    writer.write()
    writer.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    """Two hours before NOW: w1 drives past the place, e1 stands there, w2 falls silent beside it, plain is there."""
    folder = tmp_path_factory.mktemp("tracks")
    every = range(0, 1200, 10)
    write(
        folder,
        {
            "w1": [(second, (second - 600) / 10) for second in every],
            "e1": [(second, 2) for second in every],
            "plain": [(second, 1) for second in every],
            "w2": [(second, 20) for second in every if not 300 < second < 900],
        },
    )
    return World(folder)


SPAN = (NOW - timedelta(hours=2), NOW - timedelta(hours=1))


def test_who_was_there_and_who_may_have_been(world):
    found = world.ask("near", LON, LAT, 50.0, *SPAN)
    assert [one.unit.unit_id for one in found.there] == ["e1", "w1"]
    (stay,) = found.there[1].stays
    assert stay.nearest_m < 1.0
    assert stay.nearest_at == SPAN[0] + timedelta(seconds=600)
    assert (stay.last_at - stay.first_at).total_seconds() == pytest.approx(2 * 50.0 / 0.965, rel=0.02)
    (quiet,) = found.not_excluded
    assert quiet.unit.unit_id == "w2"
    silent_s = [((s.from_at - SPAN[0]).total_seconds(), (s.to_at - SPAN[0]).total_seconds()) for s in quiet.silences]
    assert silent_s == [(300, 900), (1190, 3600)]


def test_who_fell_silent_nearby_and_was_not_heard_again_is_not_excluded(tmp_path):
    """w1 within the span, w2 before it and until after it, e1 too late for the way; plain went on elsewhere."""
    last_s = SPAN[1].timestamp() - SPAN[0].timestamp()
    write(
        tmp_path,
        {
            "w1": [(second, 20) for second in range(0, 1200, 10)],
            "w2": [(second, 20) for second in range(-900, -480, 10)] + [(last_s + 7200, 20)],
            "e1": [(second, 190) for second in range(0, int(last_s) - 40, 10)],
            "plain": [(second, 190 if second < 0 else 2000) for second in range(-600, int(last_s) + 60, 10)],
        },
    )
    world = World(tmp_path)
    found = world.ask("near", LON, LAT, 50.0, *SPAN)
    assert found.there == ()
    silent_s = {
        one.unit.unit_id: [((s.from_at - SPAN[0]).total_seconds(), (s.to_at - SPAN[0]).total_seconds()) for s in one.silences]
        for one in found.not_excluded
    }
    assert silent_s == {"w1": [(1190, 3600)], "w2": [(-490, 3600)]}


def test_of_a_time_without_a_record_nobody_is_excluded(tmp_path):
    """Two hours before NOW w1 is far away for a minute; then the server was off until a minute before NOW."""
    world = World(tmp_path)
    write(tmp_path, {"w1": [(second, 5000) for second in (*range(0, 61, 10), *range(7140, 7200, 10))]})
    began = NOW - timedelta(hours=2)
    soon = began + timedelta(seconds=10)
    found = world.ask("near", LON, LAT, 50.0, soon, NOW)
    assert (found.there, found.not_excluded) == ((), ())
    (lost,) = found.unrecorded
    assert abs((lost.from_at - began).total_seconds() - 60.5) < 0.2
    assert abs((lost.to_at - began).total_seconds() - 7140.5) < 0.2
    assert world.ask("near", LON, LAT, 50.0, soon, began + timedelta(minutes=1)).unrecorded == ()


def test_what_is_to_come_is_no_silence(tmp_path):
    write(tmp_path, {"w1": [(second, 20) for second in range(7000, 7200, 10)], "w2": [(7000, 20)]})
    world = World(tmp_path)
    to_come = (NOW - timedelta(seconds=200), NOW + timedelta(hours=5))
    assert world.ask("path", "w1", *to_come).silences == ()
    (open_end,) = world.ask("path", "w2", *to_come).silences
    assert (open_end.from_at, open_end.to_at) == (to_come[0], NOW)
    (nothing,) = world.ask("path", "e1", *to_come).silences
    assert (nothing.from_at, nothing.to_at) == (to_come[0], NOW)
    assert world.ask("path", "e1", NOW, to_come[1]).silences == ()
    (silent,) = world.ask("near", LON, LAT, 50.0, *to_come).not_excluded
    assert [(s.from_at, s.to_at) for s in silent.silences] == [(to_come[0], NOW)]


def test_plain_clothes_are_for_their_own_command_and_the_city(world):
    of_city = world.ask("near", LON, LAT, 50.0, *SPAN, actor=Actor("li", "supervisor", CITY))
    of_station = world.ask("near", LON, LAT, 50.0, *SPAN, actor=Actor("he", "operator", WEST))
    assert [one.unit.unit_id for one in of_city.there] == ["e1", "plain", "w1"]
    assert [one.unit.unit_id for one in of_station.there] == ["plain", "w1"]


def test_a_path_says_what_was_measured_and_where_nothing_is_known(world):
    path = world.ask("path", "w2", SPAN[0], SPAN[0] + timedelta(minutes=20))
    assert len(path.points) == 61
    assert path.length_m == 0.0
    assert [(q.from_at, q.to_at) for q in path.silences] == [(SPAN[0] + timedelta(seconds=300), SPAN[0] + timedelta(seconds=900))]
    driven = world.ask("path", "w1", SPAN[0], SPAN[0] + timedelta(minutes=20))
    assert driven.length_m == pytest.approx(119 * 9.65, rel=0.01)
    empty = world.ask("path", "w1", SPAN[1], SPAN[1] + timedelta(minutes=20))
    assert (empty.points, [(q.from_at, q.to_at) for q in empty.silences]) == ((), [(SPAN[1], SPAN[1] + timedelta(minutes=20))])


def test_all_crews_of_the_scope_at_an_instant(world):
    found = {one.unit.unit_id: one for one in world.ask("at", SPAN[0] + timedelta(seconds=605))}
    assert found.keys() == {"w1", "w2", "e1"}
    assert found["w1"].lon == pytest.approx(LON)
    assert found["w2"].heard_at == SPAN[0] + timedelta(seconds=300.5)


def test_each_question_is_written_down_before_it_is_answered(world):
    world.log.looks.clear()
    world.ask("path", "e1", *SPAN)
    (look,) = world.log.looks
    assert (look.actor, look.what, look.subject) == ("wang", "track", "e1 2026-05-01T06:00:00Z to 2026-05-01T07:00:00Z")


@pytest.mark.parametrize("actor", [Actor("v", "viewer", CITY), Actor("o", "officer", WEST, "w1"), as_wall(REVIEWER)])
def test_who_may_not_see_tracks_is_refused_and_asks_nothing(world, actor):
    world.log.looks.clear()
    for question in (("at", SPAN[0]), ("path", "w1", *SPAN), ("near", LON, LAT, 50.0, *SPAN)):
        with pytest.raises(NotPermitted):
            world.ask(*question, actor=actor)
    assert world.log.looks == []


def test_a_crew_beyond_the_scope_is_refused_like_one_that_is_not_there(world):
    desk = Actor("he", "operator", WEST)
    said = []
    for unit_id in ("e1", "e9"):
        with pytest.raises(NotFound) as refused:
            world.ask("path", unit_id, *SPAN, actor=desk)
        said.append(refused.value.detail.replace(unit_id, "X"))
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("from_at", "to_at", "radius_m"),
    [
        (SPAN[1], SPAN[0], 50.0),
        (SPAN[0], SPAN[0] + LONGEST_NEAR + timedelta(seconds=1), 50.0),
        (NOW + timedelta(seconds=1), NOW + timedelta(hours=1), 50.0),
        (*SPAN, 5_001.0),
        (*SPAN, float("nan")),
    ],
)
def test_what_is_no_question_is_refused(world, from_at: datetime, to_at: datetime, radius_m: float):
    with pytest.raises(RuleViolation):
        world.ask("near", LON, LAT, radius_m, from_at, to_at)


def test_damage_is_named(world, monkeypatch):
    def damaged(*_):
        raise DamagedSlice("20260501/060000.track: column lon is damaged")

    monkeypatch.setattr(world.reader, "paths", damaged)
    with pytest.raises(Unavailable, match="column lon is damaged"):
        world.ask("near", LON, LAT, 50.0, *SPAN)
