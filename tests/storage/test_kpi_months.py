"""Facts of months: kept, read anew when anything changed, and the San Francisco calls as pandas has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from dispatch.deadlines import load_targets
from dispatch.kpis import measure
from dispatch.model import Incident
from operations.records.incident_import import read_incidents, read_mapping
from storage.database import open_database
from storage.journal import Commit
from storage.kpi_months import MonthlyFacts, months
from storage.past import PastIncidents
from storage.sql_journal import SqlJournal
from tests.dispatch.test_kpis import T0, crew, incident

ROOT = Path(__file__).resolve().parents[2]
ZONE = ZoneInfo("Asia/Shanghai")
CITY = "330200000000"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    yield engine
    engine.dispose()


@pytest.fixture
def journal(engine: Engine) -> Iterator[SqlJournal]:
    journal = SqlJournal(engine)
    journal.claim()
    yield journal
    journal.release()


def monthly(engine: Engine, journal: SqlJournal, folder: Path, zone: str = "Asia/Shanghai") -> MonthlyFacts:
    return MonthlyFacts(journal, PastIncidents(engine), folder, ZoneInfo(zone), lambda incident: CITY, "city")


def write(journal: SqlJournal, *incidents: Incident) -> None:
    journal.append(Commit(incidents=incidents))


def ids(facts: MonthlyFacts, from_: datetime = T0, days: int = 1) -> list[str]:
    found = facts.load(from_, from_ + timedelta(days=days)).incidents["incident_id"]
    return sorted(one.decode() for one in found.tolist())


def test_a_month_is_read_anew_only_when_it_changed(engine: Engine, journal: SqlJournal, tmp_path: Path) -> None:
    first = incident(crew(0, 20))
    write(journal, first, incident(number=2, received_at=T0 + timedelta(days=40)))
    facts = monthly(engine, journal, tmp_path / "kpis")
    known = facts.load(T0, T0 + timedelta(days=1))
    assert facts.load(T0, T0 + timedelta(days=2)) is known
    assert ids(facts) == ["i1"]
    assert ids(facts, days=60) == ["i1", "i2"]
    write(journal, msgspec.structs.replace(first, version=2, assignments=(crew(0, 20, 30),)))
    again = facts.load(T0, T0 + timedelta(days=1))
    assert np.isnan(known.responses["departed_at"]).all()
    assert not np.isnan(again.responses["departed_at"]).any()


def test_what_is_on_disk_is_used_and_what_is_damaged_is_made_again(engine: Engine, journal: SqlJournal, tmp_path: Path) -> None:
    write(journal, incident(crew(0, 20)))
    assert ids(monthly(engine, journal, tmp_path / "kpis")) == ["i1"]
    (file,) = (tmp_path / "kpis").glob("*.npz")
    made_at = file.stat().st_mtime_ns
    assert ids(monthly(engine, journal, tmp_path / "kpis")) == ["i1"]
    assert file.stat().st_mtime_ns == made_at
    file.write_bytes(file.read_bytes()[:200])
    assert ids(monthly(engine, journal, tmp_path / "kpis")) == ["i1"]
    assert file.stat().st_mtime_ns != made_at
    # Columns depend on the time zone: of another one nothing that is kept is used.
    elsewhere = monthly(engine, journal, tmp_path / "kpis", "America/Los_Angeles").load(T0, T0 + timedelta(days=1))
    assert elsewhere.incidents["hour"].tolist() == [9]


def test_months_of_a_period() -> None:
    found = list(months(datetime(2025, 11, 30, 23, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)))
    assert [f"{one:%Y-%m-%d}" for one in found] == ["2025-11-01", "2025-12-01", "2026-01-01"]


def test_the_san_francisco_calls_equal_pandas_to_the_second(engine: Engine, journal: SqlJournal, tmp_path: Path, shared_data: Path) -> None:
    """Imported as anybody would, and counted again from the file by pandas, which knows nothing of this program."""
    path = shared_data / "incidents" / "sf_fire_calls_lonemountain_2009on.csv"
    read = read_incidents(path, read_mapping(ROOT / "docs" / "examples" / "sf-fire-calls.toml"))
    PastIncidents(engine).add(read.incidents)
    facts = monthly(engine, journal, tmp_path / "kpis", "America/Los_Angeles").load(
        datetime(2009, 1, 1, tzinfo=UTC), datetime(2019, 2, 1, tzinfo=UTC)
    )
    rows = facts.incidents
    hours = tuple(str(hour) for hour in range(24))
    *groups, total = measure(facts, load_targets(), rows["hour"].astype(np.int64), hours, datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    stages = {one.stage: one for one in total.stages}

    calls = pd.read_csv(path, dtype=str)
    times = {
        name: pd.to_datetime(calls[f"{name} DtTm"], format="%m/%d/%Y %I:%M:%S %p").dt.tz_localize(
            "America/Los_Angeles", ambiguous=True, nonexistent="NaT"
        )
        for name in ("Received", "Dispatch", "Response", "On Scene", "Available")
    }
    assert (total.incidents, total.responses) == (calls["Call Number"].nunique(), len(calls)) == (901, 4340)
    for stage, begin, end in (("depart", "Dispatch", "Response"), ("arrive", "Dispatch", "On Scene")):
        took_s = (times[end] - times[begin]).dt.total_seconds()
        ok = took_s[took_s >= 0]
        mine = stages[stage]
        assert (mine.n, mine.out_of_order) == (len(ok), int((took_s < 0).sum()))
        assert (mine.p50_s, mine.p90_s) == (pytest.approx(ok.quantile(0.5)), pytest.approx(ok.quantile(0.9)))
        assert mine.n + mine.missing + mine.out_of_order + mine.unreached == len(calls)
        later = times["Available"].notna() | (times["On Scene"].notna() if stage == "depart" else False)
        assert mine.missing == int((times[end].isna() & later).sum())

    by_call = pd.DataFrame({"call": calls["Call Number"], "received": times["Received"], "there": times["On Scene"]}).groupby("call")
    first_s = (by_call["there"].min() - by_call["received"].min()).dt.total_seconds()
    ok = first_s[first_s >= 0]
    assert stages["first_arrival"].n == len(ok)
    assert (stages["first_arrival"].p50_s, stages["first_arrival"].p90_s) == (
        pytest.approx(ok.quantile(0.5)),
        pytest.approx(ok.quantile(0.9)),
    )
    by_hour = ok.groupby(by_call["received"].min().dt.hour.loc[ok.index]).quantile(0.5)
    mine_by_hour = {int(g.key): next(s for s in g.stages if s.stage == "first_arrival").p50_s for g in groups}
    assert {hour: mine_by_hour[hour] for hour in by_hour.index} == pytest.approx(by_hour.to_dict())
