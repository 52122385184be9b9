"""Runs one composed node: the web server, the vehicles' port, the demo feed, the demo accounts, start and stop."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI, WebSocket

from composition import compose
from dashboard.edge import actor_of, datum_of
from dashboard.server import listen_socket, server_config
from dashboard.web import create_app
from dispatch.clock import SystemClock
from dispatch.duty_commands import RegisterUnit
from dispatch.errors import NotPermitted
from dispatch.model import Actor, UnitKind
from feeds.gb28181.passwords import Passwords
from feeds.gb28181.platform import Platform
from feeds.gb28181.reporting import Options, Reporter
from feeds.gb28181.server import FEED as GB28181
from feeds.gb28181.server import Listener
from feeds.gb28181.server import listen as listen_sip
from feeds.jt808.server import TerminalListener, listen
from feeds.native import NativeSession
from feeds.native import serve as serve_native
from feeds.simulator import FEED_NAME, OPERATOR_NAME
from geodata.cities.city import open_city
from operations.access.accounts import AccountError, Accounts
from operations.duty.demo_circles import prepare_demo_circles
from operations.services import Services
from operations.tracking.reports import FeedSession
from settings import Settings, SettingsError
from storage.secret import kept_secret

log = structlog.get_logger()

# The crew whose phone is the page /terminal when the demo officer logs in; everybody else is driven by the demo feed.
DEMO_CREW = "demo-officer"
SYSTEM = "system"
NOT_PERMITTED = 4403  # WebSocket close code
# Open files of the process. The usual soft limit of 1,024 would turn terminals away after a cut: a thousand of them come back at once.
MOST_FILES, ENOUGH_FILES = 65_536, 4_096


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
        if settings.gb28181_port:
            await stack.enter_async_context(video_devices(settings, services))
        if settings.demo:
            await prepare_demo_circles(services, Actor(SYSTEM, "admin", services.city.code, kind="system"))
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
async def video_devices(settings: Settings, services: Services) -> AsyncIterator[None]:
    """The GB/T 28181 listener. A port that is taken is told and shown as failing. Raises SettingsError for a secret file or an
    incident type that can't be used."""
    secret, passwords = await asyncio.to_thread(lambda: (kept_secret(settings.data / "gb28181.secret"), _device_passwords(settings)))
    incident_types = settings.incident_types_of_alarms
    unknown = set(incident_types.values()) - set(services.codes.type_by_id)
    if unknown:
        raise SettingsError(f"gb28181_alarms names {', '.join(sorted(unknown))}, which the city's codes.toml does not know")
    stats = services.health.feed(GB28181, expected_interval_s=60.0)
    feed = FeedSession(GB28181, Actor(GB28181, "feed", services.city.code, kind="token"), settings.gb28181_datum)
    options = Options(settings.gb28181_open_registration, incident_types)
    reporter = Reporter(services.intake, services.handler, services.organisations, feed, stats, services.clock, options)
    platform = Platform(settings.gb28181_id, settings.gb28181_id[:10], passwords, secret, reporter, stats, services.clock)
    async with AsyncExitStack() as stack:
        state = {"state": "ok", "port": settings.gb28181_port}
        try:
            await stack.enter_async_context(listen_sip(Listener(platform, stats), settings.host, settings.gb28181_port))
        except OSError as error:
            state = {"state": "failing", "port": settings.gb28181_port, "failure": error.strerror}
            log.error("no video devices", remedy="choose another --gb28181-port, or 0 for none", **state)
        services.health.watch(GB28181, lambda: state | platform.state())
        yield


def _device_passwords(settings: Settings) -> Passwords:
    """Raises SettingsError."""
    path = settings.gb28181_passwords
    try:
        text = "" if path is None else path.read_text(encoding="utf-8")
        return Passwords(text, settings.gb28181_open_registration)
    except (OSError, ValueError) as error:
        raise SettingsError(f"gb28181_passwords {path} can't be used: {error}") from None


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
