"""Rosters from CSV: sound files are planned, every wrong row is told with its line, and then nothing is written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dispatch import commands as c
from dispatch.clock import ManualClock
from dispatch.model import Actor, UnitKind
from dispatch.shifts import Rostered
from operations.access.authority import Authority
from operations.duty.roster_import import RosterFile, read_roster, write_roster
from operations.incidents.bus import Bus
from operations.incidents.enrich import Unenriched
from operations.incidents.handle import Handler
from operations.records.incident_import import ImportRefused
from storage.memory_journal import MemoryJournal
from tests.operations import access_world as world

ADMIN = Actor("command-line", "admin", world.CITY)
NOW = datetime(2026, 5, 1, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
HEADER = "org_code,shift_id,name,starts_at,ends_at,leader,leader_radio_group,unit,members,vehicle,trackers,radio_group,beat\n"
EARLY = f"{world.STATION},0501-early,早班,2026-05-01 08:00,2026-05-01 16:15,王所长,海曙1,"


async def imported(tmp_path: Path, body: str, times: int = 1, header: str = HEADER) -> tuple[Handler, RosterFile, list[int]]:
    """The file read and written so many times, by a node with units A (callsign A12) and B, and T of another station."""
    file, clock = tmp_path / "roster.csv", ManualClock(NOW)
    file.write_text(header + body, encoding="utf-8")
    organisations = world.organisations()
    handler = Handler(MemoryJournal(), clock, Bus(), Authority(organisations, clock), Unenriched())
    await handler.start()
    try:
        for unit_id, callsign, org_code in (("A", "A12", world.STATION), ("B", "B", world.STATION), ("T", "T", world.SISTER)):
            await handler.handle(c.RegisterUnit(unit_id=unit_id, callsign=callsign, kind=UnitKind.PATROL_CAR, org_code=org_code), ADMIN)
        written = []
        for _ in range(times):
            found = read_roster(file, handler.picture, organisations, ZONE)
            written.append(await write_roster(handler, found, ADMIN, clock.now()))
    finally:
        await handler.stop()
    return handler, found, written


async def test_rows_of_one_shift_become_its_roster_and_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    body = EARLY + "A12,赵;钱,浙B0001警,car-1；phone-1,海曙2,b1\n" + EARLY + "B,,,,,\n"
    handler, found, written = await imported(tmp_path, body, times=2)
    assert (found.rows, found.rejects, written) == (2, [], [1, 0])
    (shift,) = handler.picture.shifts[world.STATION]
    assert (shift.leader, shift.radio_group) == ("王所长", "海曙1")
    assert (shift.starts_at, shift.ends_at) == (NOW, datetime(2026, 5, 1, 8, 15, tzinfo=UTC))
    assert shift.crews["A"] == Rostered("A", ("赵", "钱"), "浙B0001警", ("car-1", "phone-1"), "海曙2", "b1")
    assert shift.crews["B"] == Rostered("B")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (EARLY + "Z,,,,,", "there is no unit 'Z'; register it"),
        (EARLY + "T,,,,,", f"unit 'T' belongs to {world.SISTER}, not to {world.STATION}"),
        (EARLY + "A12,,,,,\n" + EARLY + "A,,,,,", "is in this shift already"),
        (EARLY.replace("08:00", "8 o'clock") + "A,,,,,", 'starts_at "2026-05-01 8 o\'clock" is no time; write 2026-05-01 08:00'),
        (EARLY.replace("16:15", "07:00") + "A,,,,,", "end it after its beginning"),
        (EARLY.replace(world.STATION, "999") + "A,,,,,", "organisation '999' is not known"),
        (EARLY.replace("0501-early", "") + "A,,,,,", "shift_id is empty"),
        (EARLY + "A,,,,,\n" + EARLY.replace("王所长", "李所长") + "B,,,,,", "leader is '李所长' here and '王所长' in line 3"),
        (EARLY + "A,,,car-1,,\n" + EARLY + "B,,,car-1,,", "tracker car-1 is given to two crews"),
        (EARLY.replace("2026-05-01", "2025-05-01") + "A,,,,,", "which is over; plan what is to come"),
    ],
)
async def test_a_wrong_row_is_told_with_its_line_and_nothing_of_the_file_is_written(tmp_path: Path, row: str, said: str) -> None:
    sound = EARLY.replace("0501-early", "0502").replace("05-01", "05-02") + "B,,,,,\n"
    handler, found, written = await imported(tmp_path, sound + row + "\n")
    assert written == [0]
    assert handler.picture.shifts == {}
    assert [(line, reason) for line, reason in found.rejects if said in reason], found.rejects
    assert all(line >= 3 for line, _ in found.rejects)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("org_code,shift_id,name\n", "has no column starts_at, ends_at, unit; it has: org_code, shift_id, name"),
        (HEADER.replace("beat", "Beat"), "has the column 'Beat', which no roster has"),
        ("\n", "has no column"),
    ],
)
async def test_a_file_that_is_no_roster_is_refused(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(ImportRefused, match=said):
        await imported(tmp_path, EARLY + "A,,,,,\n", header=header)


async def test_two_crews_of_one_callsign_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text(HEADER + EARLY + "same,,,,,\n", encoding="utf-8")
    picture = world.picture([world.unit("x", callsign="same"), world.unit("y", callsign="same")])
    found = read_roster(tmp_path / "roster.csv", picture, world.organisations(), ZONE)
    assert found.rejects == [(2, "'same' is the callsign of 2 units; give the unit_id, such as x")]
