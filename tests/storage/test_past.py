"""Past incidents: stored once, whole, found by place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from msgspec.structs import replace
from sqlalchemy import Engine

from dispatch.past import PastIncident, PastResponse
from operations.records.incident_import import read_incidents, read_mapping
from storage.database import migration_config, open_database, upgrade, writing
from storage.past import PastIncidents
from tests.postgres import new_database

AT = datetime(2009, 1, 10, 22, 36, 1, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A new database of each kind, empty."""
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    if request.param == "postgres":
        url = new_database(request.getfixturevalue("postgres_url"), "imported")
    engine = open_database(url)
    yield engine
    engine.dispose()


def incident(source_id: str, lon: float | None = -122.44, lat: float | None = 37.77) -> PastIncident:
    response = PastResponse(f"{source_id}-E1", "E1", pushed_at=AT + timedelta(seconds=60))
    return PastIncident("test", source_id, "fire", 2, AT, "GROVE ST", lon, lat, "", (response,))


def test_what_is_stored_is_read_back_and_a_second_time_changes_nothing(engine: Engine) -> None:
    past = PastIncidents(engine)
    given = [incident("1"), incident("2", None, None)]
    assert past.add(given) == 2
    assert past.add(given) == 0
    assert past.all("test") == given


def test_what_is_on_record_and_other_and_what_another_has_is_named(engine: Engine) -> None:
    past = PastIncidents(engine)
    further = PastResponse("0-E2", "E2", pushed_at=AT + timedelta(seconds=90))
    kept = replace(incident("1"), responses=(*incident("1").responses, further))
    past.add([kept, incident("2")])
    assert past.conflicts([kept, incident("2"), incident("3")]) == {}
    taken = replace(incident("4"), responses=incident("2").responses)
    assert past.conflicts([incident("1"), taken]) == {
        "1": "it is on record already and other there, which stays as it is",
        "4": "its response 2-E1 is on record already, of incident 2",
    }


def test_near_finds_by_place_and_age(engine: Engine) -> None:
    past = PastIncidents(engine)
    past.add([incident("here"), incident("far", lon=-122.40), incident("nowhere", None, None)])
    assert [i.source_id for i in past.near(-122.4401, 37.7701, 300, AT - timedelta(days=1))] == ["here"]
    assert past.near(-122.4401, 37.7701, 300, AT + timedelta(days=1)) == []


def test_a_failure_leaves_nothing_half_written(engine: Engine) -> None:
    past = PastIncidents(engine)
    twice = [incident("1"), PastIncident("test", "2", "fire", 2, AT, responses=incident("1").responses)]
    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        past.add(twice)
    assert past.all("test") == []


@pytest.mark.shared_data
def test_the_san_francisco_calls_are_stored_whole(engine: Engine, shared_data: Path) -> None:
    mapping = read_mapping(ROOT / "docs/examples/sf-fire-calls.toml")
    result = read_incidents(shared_data / "incidents/sf_fire_calls_lonemountain_2009on.csv", mapping)
    past = PastIncidents(engine)
    assert past.add(result.incidents) == 901
    stored = past.all("sf-fire-calls")
    assert sum(len(i.responses) for i in stored) == 4340
    assert {i.source_id for i in stored} == {i.source_id for i in result.incidents}


def test_what_was_imported_before_there_were_ids_gets_them(engine: Engine) -> None:
    past = PastIncidents(engine)
    bare = PastIncident("test", "3", "fire", 2, AT)
    early = PastIncident("test", "4", "fire", 2, AT, responses=(PastResponse("4-E1", "E1", cleared_at=AT - timedelta(seconds=5)),))
    past.add([incident("1"), bare, early])
    config = migration_config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0023")
    upgrade(engine)
    for one in (incident("1"), bare, early):
        assert past.one(one.incident_id) == one
    assert past.longest_s() == 600.0
    minute = AT + timedelta(seconds=60)
    assert {one.source_id for one in past.running(minute - timedelta(seconds=1), minute)} == {"1", "3"}
    assert {one.source_id for one in past.running(minute + timedelta(seconds=1), minute + timedelta(hours=1))} == {"3"}


def test_instants_before_and_after(engine: Engine) -> None:
    past = PastIncidents(engine)
    assert (past.received_after(AT), past.ended_by(AT), past.longest_s()) == (None, None, 0.0)
    later = AT + timedelta(days=1)
    past.add([incident("1"), PastIncident("test", "2", "fire", 2, later)])
    assert (past.received_after(AT - timedelta(seconds=1)), past.received_after(AT)) == (AT, later)
    assert past.ended_by(later) == AT + timedelta(seconds=60)
    assert past.ended_by(later + timedelta(days=1)) == later + timedelta(minutes=10)
