"""The demo crews' shifts: three a day at each station, with a duty leader and a roster. The same seed gives the same roster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.model import UnitKind
from feeds.simulator.crews import CrewPlan

NAMES = (("early", "早班", 7), ("late", "中班", 15), ("night", "夜班", 23))  # id, name, hour it begins at
LENGTH, OVERLAP = timedelta(hours=8), timedelta(minutes=15)  # both shifts are there while one gives over to the next
# Stations change at different quarters of an hour, so that a city is never between two shifts.
STAGGER, STEPS = timedelta(minutes=15), 4
AHEAD = timedelta(hours=24)  # planned so far ahead
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
RESERVE_EVERY = 12  # every so manieth crew is on no shift: who is mustered when reserves are


@dataclass(frozen=True)
class ShiftPlan:
    """One `PUT /shifts/{org_code}/{shift_id}`."""

    org_code: str
    shift_id: str
    body: dict[str, Any]


def plan_shifts(crews: Iterable[CrewPlan], always: str | None, now: datetime, zone: ZoneInfo) -> list[ShiftPlan]:
    """Shifts that run or begin within a day. `always` is a crew on every shift: the one whose phone a person holds."""
    by_station: dict[str, list[CrewPlan]] = {}
    for crew in crews:
        by_station.setdefault(crew.org_code, []).append(crew)
    plans = []
    for number, (org_code, own) in enumerate(sorted(by_station.items())):
        today = now.astimezone(zone).date()
        for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
            for turn, (name_id, name, hour) in enumerate(NAMES):
                local = datetime(day.year, day.month, day.day, hour, tzinfo=zone) + STAGGER * (number % STEPS)
                begins = local.astimezone(UTC)
                ends = begins + LENGTH + OVERLAP
                if ends <= now or begins > now + AHEAD:
                    continue
                rows = [_row(crew, turn) for place, crew in enumerate(own, number) if crew.unit_id == always or _works(crew, place, turn)]
                body = {
                    "name": name,
                    "starts_at": begins.isoformat(),
                    "ends_at": ends.isoformat(),
                    "leader": f"{SURNAMES[(number * 3 + turn + day.toordinal()) % len(SURNAMES)]}所长",
                    "radio_group": own[0].radio_group,
                    "crews": rows,
                }
                plans.append(ShiftPlan(org_code, f"{day:%Y%m%d}-{name_id}", body))
    return plans


def _works(crew: CrewPlan, place: int, turn: int) -> bool:
    """Cars around the clock, fewer at night; foot patrols by day and evening; armed patrols most at night.

    `place` counts on from station to station, so that small ones do not all leave the same crew at home.
    """
    if place % RESERVE_EVERY == RESERVE_EVERY - 1:
        return False
    is_night = turn == 2
    if crew.kind is UnitKind.FOOT_PATROL:
        return not is_night
    if crew.kind is UnitKind.ARMED_PATROL:
        return is_night or place % 2 == turn % 2
    return not is_night or place % 4 != 0


def _row(crew: CrewPlan, turn: int) -> dict[str, Any]:
    """The crew with the people of this turn."""
    members = [f"{member}-{'abc'[turn]}" for member in crew.members]
    return {"unit_id": crew.unit_id, "members": members, "radio_group": crew.radio_group}
