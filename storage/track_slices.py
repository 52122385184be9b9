"""Where slices of tracks lie: five minutes a file, a folder a day (UTC), named by when the slice begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

SLICE_S = 300
_DAY_S = 86_400


def slice_name(start_s: int) -> str:
    """Day folder and time of day, UTC: `20260301/080500`."""
    day, second = divmod(start_s, _DAY_S)
    minute = second // 60
    return f"{_day_name(day)}/{minute // 60:02}{minute % 60:02}{second % 60:02}"


@lru_cache(maxsize=64)  # a path names every slice of its days
def _day_name(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY_S, UTC).strftime("%Y%m%d")


def slice_start_s(name: str) -> int:
    """The beginning (Unix s) that a name tells. Raises ValueError for one that is no slice's."""
    return int(datetime.strptime(name, "%Y%m%d/%H%M%S").replace(tzinfo=UTC).timestamp())


def slice_files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Every slice, oldest first, as (start in Unix s, file). One that was being closed at a crash is there once, in its open form."""
    for day in sorted(folder.glob("[0-9]*")):
        yield from slice_files_of(day)


def slice_files_of(day: Path) -> Iterator[tuple[int, Path]]:
    """Those in the folder of one day."""
    for path in sorted(day.glob("[0-9]*.*")):
        if path.suffix not in (".open", ".track") or (path.suffix == ".track" and path.with_suffix(".open").exists()):
            continue
        try:
            start_s = slice_start_s(f"{path.parent.name}/{path.stem}")
        except ValueError:
            continue  # not ours; `verify` names it
        yield start_s, path


def slice_starts(folder: Path, from_s: float, until_s: float) -> list[int]:
    """When slices begin that hold something between two instants, by what files are there; all Unix s, in order."""
    first_day = _day_name(int(from_s - SLICE_S) // _DAY_S)
    last_day = _day_name(int(until_s) // _DAY_S)
    days = [day for day in sorted(folder.glob("[0-9]*")) if first_day <= day.name <= last_day]
    return [start_s for day in days for start_s, _ in slice_files_of(day) if from_s - SLICE_S < start_s <= until_s]


def pause(folder: Path, since_s: float, until_s: float, longest_s: float) -> tuple[float, float] | None:
    """The newest time longer than `longest_s` that begins with a slice and has no other, and ends after `since_s` (all Unix s).

    Until `until_s` where no slice follows. None where there is no such time.
    """
    later_s = until_s
    for day in sorted(folder.glob("[0-9]*"), reverse=True):
        for start_s, _ in reversed(list(slice_files_of(day))):
            if later_s - start_s > longest_s:
                return start_s, later_s
            if start_s <= since_s:
                return None
            later_s = start_s
    return None
