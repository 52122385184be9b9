"""`app.py city`: build a city folder, say what it holds, compare two."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dispatch.clock import SystemClock
from progress_bar import ProgressBar
from settings import Settings

# Share of a build that goes into reading the extract: about what it takes for a million directed edges.
_READING = 0.35


def city_build(options: argparse.Namespace, settings: Settings) -> int:
    """A city folder from an OpenStreetMap extract; exit code 1 when interrupted."""
    from geodata.building.build import build_city
    from geodata.cities.city import CityError
    from geodata.openstreetmap.osm import read_osm
    from geodata.progress import within

    try:
        with _ended_by_sigterm(), ProgressBar() as progress:
            source = read_osm(
                options.file,
                boundary=options.boundary,
                code=options.code,
                name=options.name,
                time_zone=options.time_zone,
                progress=within(progress, 0.0, _READING),
            )
            source = dataclasses.replace(source, closed_ways_pass=options.closed_ways == "pass")
            report = build_city(source, options.out, progress=within(progress, _READING, 1.0), built_at=SystemClock().now())
    except OSError as error:
        reason = error.strerror or error
        raise CityError(f"{options.out} can't be written: {reason}; it is as it was. Make room, or choose another --out") from None
    except KeyboardInterrupt:
        print(f"liandong: interrupted; {options.out} is as it was", file=sys.stderr)
        return 1
    print(json.dumps({**vars(report), "folder": str(report.folder)}, ensure_ascii=False, indent=2, default=str))
    return 0


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """A service manager's SIGTERM ends the work as Ctrl+C does, so that what is half written is cleared away."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def city_info(options: argparse.Namespace, settings: Settings) -> int:
    """What a city folder holds, as one JSON object."""
    from geodata.cities.city_info import city_info as describe

    print(json.dumps(describe(options.dir, now=SystemClock().now()), ensure_ascii=False, indent=2, default=str))
    return 0


def city_diff(options: argparse.Namespace, settings: Settings) -> int:
    """What differs between two city folders; exit code 1 when anything does."""
    from geodata.cities.city_diff import diff_cities
    from geodata.cities.city_diff_text import lines

    diff = diff_cities(options.a, options.b)
    if options.json:
        print(json.dumps({"same": not diff} | dataclasses.asdict(diff), ensure_ascii=False))
    else:
        for line in lines(diff):
            print(line)
    return 1 if diff else 0
