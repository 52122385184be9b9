"""`app.py import`: past incidents, element lists, duty circles, rosters."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from command_parts import city_folder
from dispatch.clock import SystemClock
from settings import Settings


def import_incidents(options: argparse.Namespace, settings: Settings) -> int:
    """Historical incidents from a CSV file; exit code 1 when some were not taken over."""
    from operations.records.incident_import import read_incidents, read_mapping
    from storage.database import open_database
    from storage.past import PastIncidents

    result = read_incidents(options.file, read_mapping(options.mapping))
    engine = open_database(settings.database_url)
    past = PastIncidents(engine)
    conflicts = past.conflicts(result.incidents)
    new = past.add(one for one in result.incidents if one.source_id not in conflicts)
    engine.dispose()
    print(f"{result.rows} rows, {len(result.incidents)} incidents ({new} new), {result.responses} responses")
    for remark, count in sorted(result.remarks.items()):
        print(f"  kept, {count} times: {remark}")
    return _not_taken("line", result.rejects, [f"incident {source_id}: {why}" for source_id, why in conflicts.items()])


def import_elements(options: argparse.Namespace, settings: Settings) -> int:
    """A list of one catalogue element from CSV or GeoJSON; exit code 1 when rows were rejected."""
    from dispatch.catalogue import load_catalogue
    from operations.access.authority import CAMERA
    from operations.situation.element_import import read_elements, require_importable

    require_importable(load_catalogue(city_folder(settings) / "catalogue.toml"), options.element)
    if options.element == CAMERA:
        return import_cameras(options, settings)
    result = read_elements(options.file, options.element)
    written, refused = asyncio.run(_write_elements(settings, result.elements))
    print(f"{result.rows} rows, {written} elements written")
    return _not_taken("row", result.rejects, refused)


def import_cameras(options: argparse.Namespace, settings: Settings) -> int:
    """Cameras with their addresses from CSV or GeoJSON; exit code 1 when rows were rejected. No address is ever printed."""
    found, written, refused = asyncio.run(_write_cameras(settings, options.file))
    print(f"{found.rows} rows, {written} cameras written, {len(found.sources)} with addresses")
    return _not_taken("row", found.rejects, refused)


async def _write_cameras(settings: Settings, file: Path) -> tuple[Any, int, list[str]]:
    from operations.cameras.camera_import import read_cameras, write_cameras
    from single_commands import administrator, running_cameras

    folder = city_folder(settings)
    async with running_cameras(settings, folder) as (handler, organisations, store):
        found = read_cameras(file, organisations.expand, settings.demo, SystemClock().unix_s())
        written, refused = await write_cameras(handler, store, found, administrator(folder))
        return found, written, refused


async def _write_elements(settings: Settings, elements: list[Any]) -> tuple[int, list[str]]:
    from operations.situation.element_import import write_elements
    from single_commands import administrator, running_handler

    folder = city_folder(settings)
    async with running_handler(settings, folder) as handler:
        return await write_elements(handler, elements, administrator(folder))


def import_circles(options: argparse.Namespace, settings: Settings) -> int:
    """Duty circles from GeoJSON; exit code 1 when some were rejected."""
    from operations.duty.circle_import import read_circles

    found = read_circles(options.file)
    written, refused = asyncio.run(_write_circles(settings, found))
    print(f"{found.features} features, {written} circles set")
    return _not_taken("feature", found.rejects, refused)


async def _write_circles(settings: Settings, found: Any) -> tuple[int, list[str]]:
    from operations.duty.circle_import import write_circles
    from single_commands import administrator, running_circles

    folder = city_folder(settings)
    async with running_circles(settings, folder) as (handler, checks):
        return await write_circles(handler, checks, found, administrator(folder))


def import_roster(options: argparse.Namespace, settings: Settings) -> int:
    """Shifts with their crews from a CSV file, all or nothing; exit code 1 when rows were rejected."""
    found, written = asyncio.run(_write_roster(settings, options.file))
    print(f"{found.rows} rows, {len(found.shifts)} shifts, " + ("nothing written" if found.rejects else f"{written} planned anew"))
    return _not_taken("line", found.rejects)


async def _write_roster(settings: Settings, file: Path) -> tuple[Any, int]:
    from zoneinfo import ZoneInfo

    from dispatch.organisations import OrganisationTree
    from geodata.cities.city import open_city
    from operations.duty.roster_import import read_roster, write_roster
    from single_commands import administrator, running_handler

    folder = city_folder(settings)
    city = open_city(folder)
    async with running_handler(settings, folder) as handler:
        found = read_roster(file, handler.picture, OrganisationTree(city.organisations()), ZoneInfo(city.time_zone))
        return found, await write_roster(handler, found, administrator(folder), SystemClock().now())


def _not_taken(part: str, rejects: Sequence[tuple[int, str]], refused: Sequence[str] = ()) -> int:
    """Print what of a file was not taken over, `part` of it by its number; the exit code."""
    for number, reason in rejects:
        print(f"  rejected, {part} {number}: {reason}")
    for reason in refused:
        print(f"  refused: {reason}")
    return 1 if rejects or refused else 0
