"""Rosters from a CSV file: one row is one crew in one shift.

All or nothing: each row that can't be right is told with its line and its remedy, and then nothing at all is written. A shift that is
in the file is planned as the file has it, whole; others are left alone. The same file twice changes nothing the second time.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dispatch.decide import decide
from dispatch.duty_commands import PlanShift
from dispatch.errors import DispatchError
from dispatch.model import Actor, Unit
from dispatch.organisations import OrganisationTree
from dispatch.picture import OperatingPicture
from dispatch.shifts import Rostered
from operations.incidents.handle import Handler
from operations.incidents.writer import MAX_BATCH
from operations.records.csv_encoding import encoding_of
from operations.records.incident_import import ImportRefused

REQUIRED = ("org_code", "shift_id", "name", "starts_at", "ends_at", "unit")
OPTIONAL = ("leader", "leader_radio_group", "members", "vehicle", "trackers", "radio_group", "beat")
MAX_ROWS = 200_000  # a year of a large city; a longer file is none of rosters
_MAX_CELL = 4_000


@dataclass
class RosterFile:
    """What a file holds. `rejects` are (line, reason)."""

    shifts: list[PlanShift] = field(default_factory=list)
    lines: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # by organisation and shift
    rows: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)


def read_roster(path: Path, picture: OperatingPicture, organisations: OrganisationTree, zone: ZoneInfo) -> RosterFile:
    """Read a file against the crews there are. Times without an offset are of `zone`. Raises ImportRefused when it is no such table."""
    found = RosterFile()
    by_shift: dict[tuple[str, str], list[tuple[int, dict[str, str]]]] = {}
    for line, row in _rows(path):
        found.rows += 1
        try:
            if not row["shift_id"]:
                raise ValueError("shift_id is empty; give each shift of an organisation its own")
            by_shift.setdefault((organisations.expand(row["org_code"]), row["shift_id"]), []).append((line, row))
        except ValueError as error:
            found.rejects.append((line, str(error)))
    callsigns = _by_callsign(picture)
    for (org_code, shift_id), rows in by_shift.items():
        _read_shift(found, org_code, shift_id, rows, callsigns, zone)
    return found


async def write_roster(handler: Handler, found: RosterFile, actor: Actor, now: datetime) -> int:
    """Plan the shifts and say how many were new or changed. One that the rules refuse joins the rejects, and nothing is written."""
    for command in found.shifts:
        try:
            decide(handler.picture, command, actor, now, lambda: "")
        except DispatchError as refused:
            found.rejects.append((found.lines[command.org_code, command.shift_id][0], refused.detail))
    if found.rejects:
        found.rejects.sort()
        return 0
    # Shifts don't depend on each other, so what was acceptable before the first is so after it; together they are one commit.
    written = 0
    for first in range(0, len(found.shifts), MAX_BATCH):
        outcomes = await asyncio.gather(*(handler.handle(command, actor) for command in found.shifts[first : first + MAX_BATCH]))
        written += sum(bool(outcome.events) for outcome in outcomes)
    return written


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(_MAX_CELL)
    try:
        with path.open(encoding=encoding_of(path), newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = reader.fieldnames or []
            missing = [name for name in REQUIRED if name not in columns]
            if missing:
                had = ", ".join(columns) or "no header at all"
                raise ImportRefused(f"{path} has no column {', '.join(missing)}; it has: {had[:300]}. See docs/rosters.md.")
            unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
            if unknown:
                raise ImportRefused(
                    f"{path} has the column {unknown[0]!r}, which no roster has; rename it or leave it out. See docs/rosters.md."
                )
            for number, row in enumerate(reader):
                if number >= MAX_ROWS:
                    raise ImportRefused(f"{path} has more than {MAX_ROWS} rows; import it in parts")
                yield reader.line_num, {name: (row.get(name) or "").strip() for name in (*REQUIRED, *OPTIONAL)}
    except OSError as error:
        raise ImportRefused(f"{path} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImportRefused(f"{path} is no CSV in UTF-8 or GBK: {error}; in Excel save it as CSV UTF-8") from None


def _by_callsign(picture: OperatingPicture) -> dict[str, list[Unit]]:
    """Units by unit_id and by callsign, which a file may name them by."""
    found: dict[str, list[Unit]] = {}
    for unit in picture.units.values():
        for name in {unit.unit_id, unit.callsign}:
            found.setdefault(name, []).append(unit)
    return found


def _read_shift(
    found: RosterFile, org_code: str, shift_id: str, rows: list[tuple[int, dict[str, str]]], units: dict[str, list[Unit]], zone: ZoneInfo
) -> None:
    """One shift from its rows; nothing of it where a row is wrong."""
    first_line, first = rows[0]
    crews: dict[str, Rostered] = {}
    faults: list[tuple[int, str]] = []
    for line, row in rows:
        try:
            for name in ("name", "starts_at", "ends_at", "leader", "leader_radio_group"):
                if row[name] != first[name]:
                    raise ValueError(
                        f"{name} is {row[name]!r} here and {first[name]!r} in line {first_line} of the same shift; make them one"
                    )
            unit = _unit(row["unit"], org_code, units)
            if unit.unit_id in crews:
                raise ValueError(f"unit {row['unit']} is in this shift already; put all its members into one row")
            crews[unit.unit_id] = Rostered(
                unit.unit_id, _list(row["members"]), row["vehicle"], _list(row["trackers"]), row["radio_group"], row["beat"]
            )
        except ValueError as error:
            faults.append((line, str(error)))
    try:
        starts_at, ends_at = (_instant(name, first[name], zone) for name in ("starts_at", "ends_at"))
    except ValueError as error:
        faults.append((first_line, str(error)))
    if faults:
        found.rejects += faults
        return
    command = PlanShift(
        org_code=org_code,
        shift_id=shift_id,
        name=first["name"],
        starts_at=starts_at,
        ends_at=ends_at,
        leader=first["leader"],
        radio_group=first["leader_radio_group"],
        crews=tuple(crews.values()),
        channel="import",
    )
    found.shifts.append(command)
    found.lines[org_code, shift_id] = [line for line, _ in rows]


def _unit(name: str, org_code: str, units: dict[str, list[Unit]]) -> Unit:
    """By unit_id, or by callsign where that is one crew's of the organisation."""
    known = units.get(name, [])
    own = [unit for unit in known if unit.org_code == org_code]
    if not known:
        raise ValueError(f"there is no unit {name!r}; register it, or give its unit_id or callsign")
    if not own:
        raise ValueError(f"unit {name!r} belongs to {known[0].org_code}, not to {org_code}; plan it there")
    if len(own) > 1:
        raise ValueError(f"{name!r} is the callsign of {len(own)} units; give the unit_id, such as {own[0].unit_id}")
    return own[0]


def _list(cell: str) -> tuple[str, ...]:
    """Several values in one cell, with semicolons between them."""
    return tuple(part.strip() for part in cell.replace("；", ";").split(";") if part.strip())


def _instant(name: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} {text[:40]!r} is no time; write 2026-05-01 08:00, or with an offset 2026-05-01T08:00:00+08:00") from None
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    local = at.replace(tzinfo=zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise ValueError(f"{name} {text!r} does not exist in {zone.key}: clocks were put forward over it")
    return local.astimezone(UTC)
