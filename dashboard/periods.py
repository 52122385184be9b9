"""Periods of days in a city, as pages of statistics are asked for them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def days_asked(from_: str | None, to: str | None, first: date, last: date, most_days: int) -> tuple[date, date]:
    """First and last day that an address names, `first` and `last` where it names none.

    Raises ValueError for what is no period, or longer than `most_days`.
    """
    begins = date.fromisoformat(from_) if from_ else first
    ends = date.fromisoformat(to) if to else last
    if not timedelta(0) <= ends - begins < timedelta(days=most_days) or begins.year < 1990 or ends.year > 9000:
        raise ValueError(f"{begins} to {ends}")
    return begins, ends


def beginning_of(day: date, zone: ZoneInfo) -> datetime:
    """The day's first instant in the zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
