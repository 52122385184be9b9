"""What single commands of the command line work with: beside a running node where they only read or write accounts, else without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import cast

from composition import compose
from dispatch.catalogue import load_catalogue
from dispatch.clock import SystemClock
from dispatch.model import Actor
from dispatch.organisations import OrganisationTree
from geodata.cities.city import open_city
from operations.access.accounts import Accounts
from operations.access.authority import Authority
from operations.access.certificates import Certificates
from operations.access.enrolment import Enrolment
from operations.access.sessions import COMMAND_LINE, Sessions
from operations.duty.circle_checks import CircleChecks
from operations.incidents.bus import Bus
from operations.incidents.enrich import Unenriched
from operations.incidents.handle import Handler
from operations.records.past import PastHandler
from operations.situation.elements import ElementStore
from operations.tracking.ground import Ground
from operations.tracking.positions import PositionTable
from settings import Settings, SettingsError
from storage import verify as journal_check
from storage.accounts import AccountStore
from storage.audit import AuditLog, Look
from storage.cameras import CameraStore
from storage.certificates import CertificateStore
from storage.database import open_database
from storage.evidence import EvidenceFiles
from storage.journal_export import Export, export_journal
from storage.readings import ReadingStore
from storage.speeds import verify as verify_speeds
from storage.sql_journal import SqlJournal
from storage.tracks import TrackStore


def open_accounts(settings: Settings, city_folder: Path) -> Accounts:
    """Accounts of a node that may be running meanwhile."""
    tree = OrganisationTree(open_city(city_folder).organisations())
    return Accounts(AccountStore(open_database(settings.database_url)), tree, SystemClock(), settings.session_idle_s)


def open_sessions(settings: Settings, city_folder: Path) -> Sessions:
    """Sessions of a node that may be running meanwhile."""
    clock = SystemClock()
    authority = Authority(OrganisationTree(open_city(city_folder).organisations()), clock)
    return Sessions(open_accounts(settings, city_folder), authority, AuditLog(open_database(settings.database_url)), clock)


def open_enrolment(settings: Settings, city_folder: Path) -> Enrolment:
    """Second factors of a node that may be running meanwhile."""
    engine = open_database(settings.database_url)
    return Enrolment(AccountStore(engine), open_accounts(settings, city_folder), AuditLog(engine), SystemClock())


def open_certificates(settings: Settings, city_folder: Path) -> Certificates:
    """Client certificates of a node that may be running meanwhile."""
    engine = open_database(settings.database_url)
    return Certificates(CertificateStore(engine), open_accounts(settings, city_folder), AuditLog(engine), SystemClock())


def administrator(city_folder: Path) -> Actor:
    """In whose name a command of the command line is recorded."""
    return Actor("command-line", "admin", open_city(city_folder).code)


@asynccontextmanager
async def running_handler(settings: Settings, city_folder: Path) -> AsyncIterator[Handler]:
    """A handler without a server. Raises JournalBusy while a server runs on the same journal."""
    city, clock = open_city(city_folder), SystemClock()
    journal = SqlJournal(open_database(settings.database_url))
    authority = Authority(OrganisationTree(city.organisations()), clock)
    handler = Handler(journal, clock, Bus(), authority, Unenriched(), node=city.code)
    await handler.start()
    try:
        yield handler
    finally:
        await handler.stop()


@asynccontextmanager
async def running_cameras(settings: Settings, city_folder: Path) -> AsyncIterator[tuple[Handler, OrganisationTree, CameraStore]]:
    """A handler without a server, the organisations, and where addresses are kept. Raises JournalBusy as `running_handler`."""
    organisations = OrganisationTree(open_city(city_folder).organisations())
    async with running_handler(settings, city_folder) as handler:
        yield handler, organisations, CameraStore(open_database(settings.database_url))


@asynccontextmanager
async def running_circles(settings: Settings, city_folder: Path) -> AsyncIterator[tuple[Handler, CircleChecks]]:
    """A handler without a server, and what says whether a duty circle is about this city. Raises JournalBusy as `running_handler`."""
    city, clock = open_city(city_folder), SystemClock()
    catalogue, readings = load_catalogue(city_folder / "catalogue.toml"), ReadingStore(open_database(settings.database_url))
    async with running_handler(settings, city_folder) as handler:
        elements = ElementStore(city, catalogue, clock, lambda: handler.picture, PositionTable(), readings)
        await elements.start()
        yield handler, CircleChecks(OrganisationTree(city.organisations()), elements, Ground(city.graph))


async def make_daily_report(settings: Settings, city_folder: Path, day: date | None) -> list[Path]:
    """The files of one morning's report, the newest one's without a day; beside a running node. Raises SettingsError, RuleViolation."""
    _require_journal(settings)
    city, clock = open_city(city_folder), SystemClock()
    services = compose(settings, city, clock).services
    try:
        return await services.daily_reports.write(day or services.daily_reports.daily.due())
    finally:
        await services.history.stop()


def make_export(settings: Settings, from_: datetime, to: datetime, out: Path) -> Export:
    """An evidence package, beside a running node. Raises SettingsError where there is no journal, ExportRefused."""
    _require_journal(settings)
    engine, now = open_database(settings.database_url), SystemClock().now()
    try:
        subject = f"{from_.isoformat()} to {to.isoformat()}"
        AuditLog(engine).append([Look(now, "command-line", "system", "admin", "", "journal_exported", subject, "command-line")])
        return export_journal(engine, settings.data, from_, to, out, now)
    finally:
        engine.dispose()


async def make_report(settings: Settings, city_folder: Path, incident_id: str, language: str) -> str:
    """The report of an incident, beside a node that may be running. Raises SettingsError where there is no journal, DispatchError."""
    from dashboard.review_pages import report_of  # with all of the pages: other commands do not wait for it

    _require_journal(settings)
    node = await asyncio.to_thread(compose, settings, open_city(city_folder), SystemClock())
    history = node.services.history
    try:
        # Nothing is started: what is asked reads the journal as it is, and the picture is the fold of that.
        handler = PastHandler(await history.picture_at(node.services.clock.now()))
        services = replace(node.services, handler=cast(Handler, handler))
        return await report_of(services, administrator(city_folder), incident_id, language, COMMAND_LINE)
    finally:
        await history.stop()


def _require_journal(settings: Settings) -> None:
    """Raises SettingsError where a command would make a new one to look at."""
    if not settings.database and not (settings.data / "journal.sqlite").is_file():
        raise SettingsError(f"there is no journal in {settings.data}; name the data folder with --data, or the journal with --database")


def find_damage(settings: Settings) -> tuple[list[str], list[str]]:
    """What was checked and what is damaged, a sentence each. Raises SettingsError where there is nothing to check."""
    _require_journal(settings)
    engine = open_database(settings.database_url)
    journal = journal_check.verify(engine)
    looks, audit_damage = AuditLog(engine).verify()
    engine.dispose()
    tracks = TrackStore(settings.data / "tracks").verify()
    speeds, speeds_damage = verify_speeds(settings.data / "speeds")
    evidence = EvidenceFiles(settings.data / "evidence")
    checked = [
        f"journal: {journal.events} events, {journal.incidents} incidents, last hash {journal.last_hash or 'none'}",
        f"audit: {looks} entries",
        f"tracks: {tracks.slices} slices, {tracks.fixes} fixes, {tracks.removed} slices removed, last hash {tracks.ledger_hash or 'none'}",
        *(f"tracks: no slice from {gap}" for gap in tracks.gaps),
        f"speeds: {speeds} files",
        f"evidence: {evidence.count()} files",
    ]
    damage = [f"journal, event {d.revision}: {d.what}" for d in journal.damage] + [f"audit: {what}" for what in audit_damage]
    return checked, damage + list(tracks.damage) + speeds_damage + evidence.verify()
