"""Composes one running node: which parts there are, how they are joined, in which order they start and stop."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import resource
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
import uvicorn
from fastapi import FastAPI, WebSocket

from dashboard.edge import actor_of, datum_of
from dashboard.server import listen_socket, server_config
from dashboard.terminal_socket import FEED_NAME as TERMINALS
from dashboard.web import create_app
from dispatch.catalogue import load_catalogue
from dispatch.clock import Clock, SystemClock
from dispatch.codes import load_codes
from dispatch.commands import Promise, RegisterUnit
from dispatch.deadlines import load_targets
from dispatch.errors import NotPermitted
from dispatch.model import Actor, Unit, UnitKind
from dispatch.organisations import OrganisationTree
from feeds.jt808.server import TerminalListener, listen
from feeds.native import NativeSession
from feeds.native import serve as serve_native
from feeds.simulator import FEED_NAME, OPERATOR_NAME
from geodata.areas import Areas
from geodata.basemap import BaseMap
from geodata.beats import Beats
from geodata.city import City, open_city
from geodata.jurisdictions import Jurisdictions
from geodata.places import load_places
from geodata.responsibility import Responsibility
from geodata.snapping import OffNetwork
from geodata.travel import TravelTimes
from operations.accounts import AccountError, Accounts
from operations.authority import Authority
from operations.bus import Bus
from operations.certificates import Certificates
from operations.deadline_watch import DeadlineWatch
from operations.duty_watch import DutyWatch
from operations.elements import ElementStore
from operations.enrich import Enricher, Unenriched
from operations.enrolment import Enrolment
from operations.evidence import Evidence
from operations.further_calls import FurtherCalls
from operations.ground import Ground
from operations.handle import Handler
from operations.health import Health
from operations.history import History
from operations.intake import Intake
from operations.neighbours import neighbour_table
from operations.oidc import Client, Provider
from operations.personal import PersonalData
from operations.positions import PositionTable
from operations.premises import Premises
from operations.reports import FeedSession
from operations.scene import SceneService
from operations.screens import Screens
from operations.services import Services
from operations.sessions import Sessions
from operations.stage_watch import StageWatch
from operations.trails import Trails
from operations.webhook_request import LOOPBACK
from operations.webhooks import Webhooks
from settings import Settings, SettingsError
from storage import verify as journal_check
from storage.accounts import AccountStore
from storage.audit import AuditLog
from storage.cameras import CameraStore
from storage.certificates import CertificateStore
from storage.database import open_database
from storage.evidence import EvidenceFiles
from storage.past import PastIncidents
from storage.readings import ReadingStore
from storage.secret import kept_secret
from storage.sql_journal import SqlJournal
from storage.tracks import TrackStore
from storage.webhooks import WebhookStore

log = structlog.get_logger()

# The crew whose phone is the page /terminal when the demo officer logs in; everybody else is driven by the demo feed.
DEMO_CREW = "demo-officer"
SYSTEM = "system"
NOT_PERMITTED = 4403  # WebSocket close code
# Open files of the process. The usual soft limit of 1,024 would turn terminals away after a cut: a thousand of them come back at once.
MOST_FILES, ENOUGH_FILES = 65_536, 4_096


class RoadPromises:
    """Promised times at a push, from the street graph (`operations.enrich.RoadTimes`)."""

    def __init__(self, travel: TravelTimes) -> None:
        self._travel = travel

    def promises(
        self, lon: float, lat: float, lons: Sequence[float], lats: Sequence[float], kinds: Sequence[UnitKind]
    ) -> Sequence[Promise | None]:
        units = self._travel.place(lons, lats, [kind is UnitKind.FOOT_PATROL for kind in kinds])
        promises: list[Promise | None] = [None] * len(kinds)
        try:
            # Looks only as far as the farthest of them is; a crew that is pushed is seldom at the other end of the city.
            found = self._travel.nearest(lon, lat, units, k=len(kinds))
        except OffNetwork:
            return promises
        for place, eta_s, distance_m in zip(found.index.tolist(), found.eta_s.tolist(), found.distance_m.tolist(), strict=True):
            promises[place] = Promise(eta_s, distance_m)
        return promises


@dataclass(frozen=True)
class Node:
    """A composed node that has not been started."""

    services: Services
    settings: Settings
    tracks: TrackStore

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Services]:
        """Start the parts in the order they need each other; stop them the other way round."""
        services = self.services
        async with AsyncExitStack() as stack:
            await services.handler.start()
            stack.push_async_callback(services.handler.stop)
            stack.push_async_callback(services.history.stop)
            await services.elements.start()
            await services.evidence.start()
            last_known = await asyncio.to_thread(self.tracks.last_known)
            await self.tracks.start()
            stack.push_async_callback(self.tracks.stop)
            await services.intake.start(services.bus, last_known)
            stack.push_async_callback(services.intake.stop)
            await services.webhooks.start()
            stack.push_async_callback(services.webhooks.stop)
            await asyncio.to_thread(services.travel.warm_up)
            services.stages.start()
            stack.push_async_callback(services.stages.stop)
            await services.duty.tick()  # before anybody can be sent, what has ended while the node was down
            services.duty.start()
            stack.push_async_callback(services.duty.stop)
            services.deadlines.start()
            stack.push_async_callback(services.deadlines.stop)
            # What has been built up to here stays: a full collection over it would stop the loop for tens of milliseconds.
            gc.freeze()
            watch = asyncio.create_task(services.health.watch_loop())
            stack.callback(watch.cancel)
            yield services


def compose(settings: Settings, city: City, clock: Clock) -> Node:
    """Build every part and join them; opens files and the database, starts nothing. Takes seconds: call it off the event loop."""
    engine = open_database(settings.database_url)
    catalogue = load_catalogue(city.folder / "catalogue.toml")
    organisations = OrganisationTree(city.organisations())
    travel = TravelTimes(city)
    positions = PositionTable()
    bus, health = Bus(), Health(clock)
    # Phones come and go with their crews; each unit shows its own age, and a closed page is no feed that has failed.
    health.feed(TERMINALS, expected_interval_s=math.inf)
    journal = SqlJournal(engine)
    codes = load_codes(city.folder / "codes.toml")
    targets = load_targets(city.folder / "targets.toml")
    authority = Authority(organisations, clock, neighbour_table(city), [kind.id for kind in codes.incident_type if kind.confidential])
    jurisdictions = Jurisdictions.of(city)
    responsibility = Responsibility.of_city(city, jurisdictions, codes.type_by_id)
    trails = Trails(lambda: handler.picture, positions)
    enricher = Enricher(
        responsibility,
        Areas(city.graph),
        organisations,
        codes,
        RoadPromises(travel),
        positions,
        authority.in_scope,
        authority.may_see_unit,
        trails,
        clock,
    )
    handler = Handler(journal, clock, bus, authority, enricher, node=city.code)
    history = History(journal)
    tracks = TrackStore(settings.data / "tracks")
    elements = ElementStore(city, catalogue, clock, lambda: handler.picture, positions, ReadingStore(engine))
    health.watch("tracks", tracks.state)
    intake = Intake(
        clock=clock,
        handler=handler,
        authority=authority,
        catalogue=catalogue,
        positions=positions,
        tracks=tracks,
        elements=elements,
        cameras=CameraStore(engine),
        health=health,
        ground=Ground(city.graph),
        snap_distance=travel.street_distance_m,
    )
    scene = SceneService(
        travel=travel,
        positions=positions,
        elements=elements,
        authority=authority,
        organisations=organisations,
        jurisdictions=jurisdictions,
        clock=clock,
        picture=lambda: handler.picture,
        history=history,
        past=PastIncidents(engine),
    )

    def is_home(unit: Unit, lon: float, lat: float) -> bool:
        return responsibility.territory(lon, lat) in organisations.reach(unit.org_code, clock.now().date())

    deadlines = DeadlineWatch(handler, clock, organisations, targets, scene.next_nearest)
    health.watch("deadlines", deadlines.state)
    duty = DutyWatch(handler, clock, organisations)
    health.watch("duty", duty.state)
    account_store, audit = AccountStore(engine), AuditLog(engine)
    needs_second = settings.admin_second_factor and not settings.demo
    accounts = Accounts(account_store, organisations, clock, settings.session_idle_s, admins_need_second_factor=needs_second)
    hosts = settings.hosts_for_webhooks | LOOPBACK if settings.demo else settings.hosts_for_webhooks
    webhooks = Webhooks(WebhookStore(engine), accounts, authority, history, bus, lambda: handler.picture, clock, hosts)
    health.watch("webhooks", webhooks.health)
    personal = PersonalData(history, authority, audit, clock)
    services = Services(
        demo=settings.demo,
        clock=clock,
        city=city,
        base_map=BaseMap(city.tiles_path),
        catalogue=catalogue,
        codes=codes,
        organisations=organisations,
        travel=travel,
        places=load_places(city.folder / "places.npz"),
        targets=targets,
        responsibility=responsibility,
        handler=handler,
        personal=personal,
        premises=Premises(authority, history, clock),
        further_calls=FurtherCalls(authority, personal, codes.family_of),
        history=history,
        bus=bus,
        positions=positions,
        tracks=tracks,
        intake=intake,
        elements=elements,
        scene=scene,
        authority=authority,
        accounts=accounts,
        certificates=Certificates(CertificateStore(engine), accounts, audit, clock),
        certificate_proxies=settings.trusted_proxies,
        takes_certificates=settings.tls_client_ca is not None or bool(settings.trusted_proxies),
        oidc=_identity_provider(settings, clock),
        enrolment=Enrolment(account_store, accounts, audit, clock),
        sessions=Sessions(accounts, authority, audit, clock),
        evidence=Evidence(EvidenceFiles(settings.data / "evidence"), handler, clock, settings.upload_max_bytes, ZoneInfo(city.time_zone)),
        health=health,
        screens=Screens(authority, clock),
        webhooks=webhooks,
        deadlines=deadlines,
        stages=StageWatch(trails, lambda: handler.picture, clock, is_home),
        duty=duty,
        beats=Beats.of_city(city),
    )
    return Node(services, settings, tracks)


def _identity_provider(settings: Settings, clock: Clock) -> Provider | None:
    """Nothing is asked of it before somebody logs in. Raises SettingsError when its secret can't be read."""
    if not settings.oidc_issuer or settings.oidc_secret_file is None:
        return None
    try:
        secret = settings.oidc_secret_file.read_text(encoding="utf-8").strip()
        if settings.oidc_ca is not None:
            ssl.create_default_context(cafile=settings.oidc_ca)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"oidc_secret_file or oidc_ca can't be read: {error}; name a file with the secret, one with certificates"
        ) from None
    if not secret:
        raise SettingsError(f"oidc_secret_file {settings.oidc_secret_file} is empty; write the client's secret into it")
    client = Client(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_redirect, settings.oidc_claim)
    return Provider(client, clock, settings.oidc_ca)


# Running ---------------------------------------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it raises the signal again when it is done, before the parts could be stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def allow_many_connections() -> int:
    """Let this process open as many files as the system lets it, at most MOST_FILES; how many. Every connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


async def serve(settings: Settings, city_folder: Path) -> int:
    """Run the server until it is told to stop. Raises SettingsError, CityError, DatabaseUnusable or JournalBusy when it can't."""
    _require_certificate(settings)
    if (files := allow_many_connections()) < ENOUGH_FILES:
        log.warning(
            "few connections possible",
            open_files=files,
            remedy=f"raise the hard limit: ulimit -n {ENOUGH_FILES}, or LimitNOFILE= of the unit",
        )
    try:
        listening = listen_socket(settings.host, settings.port)
    except OSError as error:
        log.error("cannot listen", host=settings.host, port=settings.port, reason=error.strerror, remedy="choose another --port")
        return 2
    clock = SystemClock()
    node = await asyncio.to_thread(lambda: compose(settings, open_city(city_folder), clock))
    async with node.running() as services, AsyncExitStack() as stack:
        demo_accounts = await prepare_accounts(settings, services)
        application = create_app(services, demo_accounts, mount_native_feed)
        server = _Server(server_config(application, settings.tls_cert, settings.tls_key, client_ca=settings.tls_client_ca))
        if settings.jt808_port:
            await stack.enter_async_context(vehicle_terminals(settings, services))
        if settings.demo:
            await stack.enter_async_context(demo_feed(settings, services, city_folder))
        _say_where(settings, demo_accounts)
        await server.serve(sockets=[listening])
    return 0


def _require_certificate(settings: Settings) -> None:
    """A wrong one is told before the city is read. Raises SettingsError."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(
            f"--tls-cert {settings.tls_cert} with --tls-key {settings.tls_key} can't be used: {reason}. "
            "Give a certificate chain and its private key, both PEM."
        ) from None
    if settings.tls_client_ca is not None:
        try:
            ssl.create_default_context(cafile=settings.tls_client_ca)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError(f"--tls-client-ca {settings.tls_client_ca} can't be used: {reason}. Give certificates, PEM.") from None


def mount_native_feed(server: FastAPI, services: Services) -> None:
    """`/feeds/v1`: reports of outside programs (`feeds.native`), over a WebSocket with a feed's token."""

    @server.websocket("/feeds/v1")
    async def feed(socket: WebSocket) -> None:
        actor = actor_of(socket)
        session = FeedSession(actor.name, actor, datum_of(socket), simulated=services.demo and actor.name == FEED_NAME)
        await socket.accept()
        try:
            services.intake.authorise(session)
        except NotPermitted as refused:
            await socket.close(NOT_PERMITTED, refused.detail[:100])
            return
        await serve_native(socket, NativeSession(services.intake, session, services.clock))


async def prepare_accounts(settings: Settings, services: Services) -> list[tuple[str, str, str, str]]:
    """Demo accounts in demo mode, none otherwise: (name, password, role, organisation)."""
    if not settings.demo:
        disabled = await asyncio.to_thread(services.accounts.disable_demo_accounts)
        if disabled:
            log.info("demo accounts disabled", count=disabled)
        return []
    station = next((o for o in services.organisations.all() if o.level == "station" and o.has_command_room), services.organisations.city)
    crew = RegisterUnit(
        unit_id=DEMO_CREW,
        callsign=f"{station.name.removesuffix('派出所')}A1",
        kind=UnitKind.PATROL_CAR,
        org_code=station.code,
        trackers=(f"{DEMO_CREW}-car", f"{DEMO_CREW}-phone"),
    )
    await services.handler.handle(crew, Actor(SYSTEM, "admin", services.city.code, kind="system"))
    return await asyncio.to_thread(services.accounts.ensure_demo_accounts, (DEMO_CREW, station.code))


@asynccontextmanager
async def vehicle_terminals(settings: Settings, services: Services) -> AsyncIterator[None]:
    """The JT/T 808 listener. A port that is taken is told and shown as failing; everything else goes on."""
    secret = await asyncio.to_thread(kept_secret, settings.data / "jt808.secret")
    scope, is_open = services.city.code, settings.jt808_open_registration
    listener = TerminalListener(services.intake, services.handler, services.clock, scope, secret, is_open)
    async with AsyncExitStack() as stack:
        state = {"state": "ok", "port": settings.jt808_port}
        try:
            await stack.enter_async_context(listen(listener, settings.host, settings.jt808_port))
        except OSError as error:
            state = {"state": "failing", "port": settings.jt808_port, "failure": error.strerror}
            log.error("no vehicle terminals", remedy="choose another --jt808-port, or 0 for none", **state)
        services.health.watch("jt808", lambda: state)
        yield


@asynccontextmanager
async def demo_feed(settings: Settings, services: Services, city_folder: Path) -> AsyncIterator[None]:
    """The demo feed as a child process with fresh tokens of its own; started again should it die."""
    supervisor = asyncio.create_task(_keep_simulating(settings, services, city_folder))
    try:
        yield
    finally:
        supervisor.cancel()
        with suppress(asyncio.CancelledError):
            await supervisor


async def _keep_simulating(settings: Settings, services: Services, city_folder: Path) -> None:
    tokens = await asyncio.to_thread(_simulator_tokens, services.accounts)
    scheme = "https" if settings.tls_cert else "http"
    command = [sys.executable, "-m", "feeds.simulator", "--url", f"{scheme}://{settings.host}:{settings.port}", "--city", str(city_folder)]
    command += ["--crews", str(settings.demo_crews), "--incidents-per-day", str(settings.demo_incidents_per_day)]
    command += ["--seed", str(settings.demo_seed), "--hand-driven", DEMO_CREW, "--until-parent-ends"]
    while True:
        child = await asyncio.create_subprocess_exec(*command, env=os.environ | tokens, cwd=Path(__file__).parent)
        try:
            code = await child.wait()
            log.warning("demo feed ended; starting it again", exit_code=code)
        finally:
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
                await child.wait()
        await asyncio.sleep(5.0)


def _simulator_tokens(accounts: Accounts) -> dict[str, str]:
    """Tokens under their names in the child's environment; those of an earlier run are revoked."""
    tokens = {}
    for variable, name, role in (
        ("LIANDONG_SIM_FEED_TOKEN", FEED_NAME, "feed"),
        ("LIANDONG_SIM_TERMINAL_TOKEN", "demo-terminals", "officer"),
        ("LIANDONG_SIM_OPERATOR_TOKEN", OPERATOR_NAME, "operator"),
        ("LIANDONG_SIM_COMMANDER_TOKEN", "demo-duty-office", "commander"),
    ):
        with suppress(AccountError):
            accounts.revoke_token(name)
        tokens[variable] = accounts.add_token(role, name=name)
    return tokens


def _say_where(settings: Settings, demo_accounts: list[tuple[str, str, str, str]]) -> None:
    scheme = "https" if settings.tls_cert else "http"
    lines = [f"\n  Liandong 联动 is at {scheme}://{settings.host}:{settings.port}\n"]
    if demo_accounts:
        lines.append("  Demo accounts (demo mode only; reachable from this machine only):")
        lines += [f"    {name:12} {password:18} {role:12} {org_code}" for name, password, role, org_code in demo_accounts]
        lines.append("\n  Desk /   wall /wall?screen=all   officer's phone /terminal   log out /logout\n")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


# For single commands ---------------------------------------------------------------------------------------------------


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


def find_damage(settings: Settings) -> tuple[list[str], list[str]]:
    """What was checked and what is damaged, a sentence each. Raises SettingsError where there is nothing to check."""
    if not settings.database and not (settings.data / "journal.sqlite").is_file():
        raise SettingsError(f"there is no journal in {settings.data}; name the data folder with --data, or the journal with --database")
    engine = open_database(settings.database_url)
    journal = journal_check.verify(engine)
    looks, audit_damage = AuditLog(engine).verify()
    engine.dispose()
    tracks = TrackStore(settings.data / "tracks").verify()
    evidence = EvidenceFiles(settings.data / "evidence")
    checked = [
        f"journal: {journal.events} events, {journal.incidents} incidents, last hash {journal.last_hash or 'none'}",
        f"audit: {looks} entries",
        f"tracks: {tracks.slices} slices, {tracks.fixes} fixes",
        f"evidence: {sum(1 for _ in evidence.kept())} files",
    ]
    damage = [f"journal, event {d.revision}: {d.what}" for d in journal.damage] + [f"audit: {what}" for what in audit_damage]
    return checked, damage + list(tracks.damage) + evidence.verify()
