"""The whole web application: API, sockets, terminal, uploads, pages, and the edge around them. Nothing here starts anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, WebSocket
from starlette.types import ASGIApp

from dashboard import terminal_pages, uploads
from dashboard.api import add_api, create_server
from dashboard.application import add_pages
from dashboard.edge import Edge, actor_of, datum_of
from dashboard.live import add_live
from dashboard.login import DemoAccounts
from dashboard.terminal_socket import add_terminal_socket
from dispatch.errors import NotPermitted
from feeds.native import NativeSession
from feeds.native import serve as serve_native
from operations.reports import FeedSession

if TYPE_CHECKING:
    from operations.services import Services

# A demo page answers to these names only, so that a foreign page can't reach its well-known passwords through its own DNS.
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
# Name of the demo feed's token; the units it moves are marked as simulated.
SIMULATOR = "demo-feed"
NOT_PERMITTED = 4403  # WebSocket close code


def create_app(services: Services, demo_accounts: DemoAccounts) -> ASGIApp:
    """One ASGI application on one port. `demo_accounts` is empty outside demo mode."""
    server = create_server()
    add_api(server, services)
    server.include_router(uploads.router(services))
    server.include_router(terminal_pages.router())
    add_live(server, services)
    add_terminal_socket(server, services)
    add_feed_socket(server, services)
    pages = add_pages(server, services, demo_accounts)
    return Edge(server, services.accounts, services.clock, server.routes, pages.csp_hashes(), LOOPBACK_NAMES if services.demo else ())


def add_feed_socket(server: FastAPI, services: Services) -> None:
    """`/feeds/v1`: reports of outside programs (`feeds.native`), over a WebSocket with a feed's token."""

    @server.websocket("/feeds/v1")
    async def feed(socket: WebSocket) -> None:
        actor = actor_of(socket)
        session = FeedSession(actor.name, actor, datum_of(socket), simulated=services.demo and actor.name == SIMULATOR)
        await socket.accept()
        try:
            services.intake.authorise(session)
        except NotPermitted as refused:
            await socket.close(NOT_PERMITTED, refused.detail[:100])
            return
        await serve_native(socket, NativeSession(services.intake, session, services.clock))
