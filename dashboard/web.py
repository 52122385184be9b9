"""The whole web application: API, sockets, terminal, uploads, pages, and the edge around them. Nothing here starts anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import ASGIApp

from dashboard import evidence_files, station, terminal_pages, uploads
from dashboard.api import PREFIX, add_api, create_server
from dashboard.application import add_pages
from dashboard.edge import Edge
from dashboard.live import add_live
from dashboard.login import DemoAccounts
from dashboard.readers import ForReaders
from dashboard.scene_video_socket import add_scene_video_socket
from dashboard.scene_watch import add_scene_watch
from dashboard.terminal_socket import add_terminal_socket
from dashboard.video import add_video

if TYPE_CHECKING:
    from operations.services import Services

# A demo page answers to these names only, so that a foreign page can't reach its well-known passwords through its own DNS.
PAGES = ("/", "/replay", "/wall", station.PATH)  # what Dash draws; every other page has a route of its own
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def create_app(services: Services, demo_accounts: DemoAccounts, mount_feeds: Callable[[FastAPI, Services], None]) -> ASGIApp:
    """One ASGI application on one port. `demo_accounts` is empty outside demo mode; `mount_feeds` adds the feeds' sockets."""
    server = create_server()
    add_api(server, services)
    for prefix in ("", PREFIX):  # programs find uploads beside the rest of the API, phones below their own scope
        server.include_router(uploads.router(services), prefix=prefix, include_in_schema=bool(prefix))
        server.include_router(evidence_files.router(services), prefix=prefix, include_in_schema=bool(prefix))
    server.include_router(terminal_pages.router())
    add_live(server, services)
    add_terminal_socket(server, services)
    add_video(server, services)
    add_scene_video_socket(server, services)
    add_scene_watch(server, services)
    mount_feeds(server, services)
    pages = add_pages(server, services, demo_accounts)
    hosts = LOOPBACK_NAMES if services.demo else ()
    inner = ForReaders(station.StationDesks(server, services), services)
    return Edge(inner, services.accounts, services.clock, server.routes, pages.csp_hashes(), PAGES, hosts, services.health.refuse_rate)
