"""Historical incidents: real calls, and files that are wrong in every way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from operations.records.incident_import import ImportRefused, ImportResult, read_incidents, read_mapping

ROOT = Path(__file__).resolve().parents[2]
MAPPING = """
[source]
name = "test"
time_zone = "America/Los_Angeles"
time_format = "%m/%d/%Y %I:%M:%S %p"
[incident]
id = "call"
type = "type"
received = "received"
point = "point"
point_order = "lat,lon"
[response]
id = "row"
unit = "unit"
pushed = "pushed"
arrived = "arrived"
"""
HEADER = "call,type,received,point,row,unit,pushed,arrived\n"


def read(tmp_path: Path, body: str, header: str = HEADER) -> ImportResult:
    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "calls.csv").write_text(header + body, encoding="utf-8")
    return read_incidents(tmp_path / "calls.csv", read_mapping(tmp_path / "mapping.toml"))


def test_rows_of_one_call_become_one_incident(tmp_path: Path) -> None:
    result = read(
        tmp_path,
        '7,fire,01/10/2009 02:36:01 PM,"(37.7, -122.4)",7-E1,E1,01/10/2009 02:37:00 PM,01/10/2009 02:41:00 PM\n'
        '7,fire,01/10/2009 02:36:01 PM,"(37.7, -122.4)",7-E2,E2,01/10/2009 02:38:00 PM,\n',
    )
    (incident,) = result.incidents
    assert incident.received_at == datetime(2009, 1, 10, 22, 36, 1, tzinfo=UTC)
    assert (incident.lon, incident.lat) == (-122.4, 37.7)
    assert [r.unit for r in incident.responses] == ["E1", "E2"]
    assert incident.responses[1].missing == ("departed_at", "arrived_at", "cleared_at")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",fire,01/10/2009 02:36:01 PM,,7-E1,E1,,\n", "no incident id in column 'call'"),
        ("7,fire,,,7-E1,E1,,\n", "no time in column 'received'"),
        ("7,fire,yesterday,,7-E1,E1,,\n", "'yesterday' in column 'received' is no time of the form %m/%d/%Y %I:%M:%S %p"),
        ("7,fire,03/08/2009 02:30:00 AM,,7-E1,E1,,\n", "does not exist in America/Los_Angeles: clocks were put forward over it"),
        ("7,fire,01/10/2009 02:36:01 PM,,7-E1,E1,,12/31/9999 11:59:59 PM\n", "lies beyond the years that a time can have"),
        ("7,fire,01/10/2009 02:36:01 PM,,,E1,,\n", "response id '' is missing in column 'row'"),
    ],
)
def test_a_bad_row_is_rejected_by_name(tmp_path: Path, row: str, reason: str) -> None:
    result = read(tmp_path, row)
    assert result.incidents == []
    ((line, said),) = result.rejects
    assert line == 2
    assert reason in said


def test_a_repeated_response_is_rejected_and_the_first_kept(tmp_path: Path) -> None:
    result = read(tmp_path, "7,fire,01/10/2009 02:36:01 PM,,7-E1,E1,,\n" * 2)
    assert result.responses == 1
    assert result.rejects == [(3, "response id '7-E1' is repeated in column 'row'")]


def test_an_ambiguous_local_time_is_kept_and_counted(tmp_path: Path) -> None:
    result = read(tmp_path, "7,fire,11/01/2009 01:30:00 AM,,7-E1,E1,,\n")
    assert result.incidents[0].received_at == datetime(2009, 11, 1, 8, 30, tzinfo=UTC)
    assert result.remarks["ambiguous local time (clocks put back); the earlier was taken"] == 1


def test_a_grade_that_the_mapping_lacks_is_counted(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING.replace('id = "call"', 'id = "call"\ngrade = "type"\ngrades = { "A" = 1 }'))
    (tmp_path / "calls.csv").write_text(HEADER + "".join(f"{n},{kind},01/10/2009 02:36:01 PM,,{n},E1,,\n" for n, kind in enumerate("ABB")))
    result = read_incidents(tmp_path / "calls.csv", read_mapping(tmp_path / "mapping.toml"))
    assert [one.grade for one in result.incidents] == [1, 3, 3]
    assert result.remarks["'type' says what is not in grades; default_grade was taken"] == 2


def test_disorder_is_kept_and_counted(tmp_path: Path) -> None:
    result = read(tmp_path, "7,fire,01/10/2009 02:36:01 PM,,7-E1,E1,01/10/2009 02:41:00 PM,01/10/2009 02:37:00 PM\n")
    assert result.remarks["response with stages out of order"] == 1
    assert not result.incidents[0].responses[0].is_in_order


def test_what_never_ended_is_kept_and_counted(tmp_path: Path) -> None:
    result = read(tmp_path, "7,fire,01/10/2009 02:36:01 PM,,7-E1,E1,01/10/2009 02:41:00 PM,12/31/9999 10:00:00 AM\n")
    assert result.remarks["times more than 30 days after the reception; a replay ends the incident there"] == 1
    assert result.incidents[0].shown_until == result.incidents[0].received_at + timedelta(days=30)


def test_a_table_without_the_columns_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"has no column 'call', 'type'.*it has: a, b"):
        read(tmp_path, "1,2\n", header="a,b\n")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "calls.csv").write_bytes(b"\xff\xfe\x00\x01" * 100)
    with pytest.raises(ImportRefused, match="is no CSV in utf-8-sig"):
        read_incidents(tmp_path / "calls.csv", read_mapping(tmp_path / "mapping.toml"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("America/Los_Angeles", "Atlantis/Capital"), "time_zone 'Atlantis/Capital' is unknown"),
        (('id = "call"', 'idd = "call"'), "idd"),
        (("lat,lon", "up,down"), "point_order 'up,down' must be"),
        (('id = "call"', 'id = "call"\ngrades = { "A" = 5 }'), "grade 5 is none of ours; write 1"),
        (('id = "call"', 'id = "call"\ndefault_grade = 0'), "grade 0 is none of ours; write 1"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    (tmp_path / "mapping.toml").write_text(MAPPING.replace(*change), encoding="utf-8")
    with pytest.raises(ImportRefused, match=said):
        read_mapping(tmp_path / "mapping.toml")


@pytest.mark.shared_data
def test_the_san_francisco_calls(shared_data: Path) -> None:
    mapping = read_mapping(ROOT / "docs/examples/sf-fire-calls.toml")
    result = read_incidents(shared_data / "incidents/sf_fire_calls_lonemountain_2009on.csv", mapping)
    assert (result.rows, len(result.incidents), result.responses, result.rejects) == (4340, 901, 4340, [])
    assert result.remarks["response with stages out of order"] == 11
    assert len({(i.lon, i.lat) for i in result.incidents}) <= 315
    assert all(i.lon is not None and -122.6 < i.lon < -122.3 for i in result.incidents)
