"""Log-in by client certificate: over real TLS, and behind a proxy whose word is believed; from everybody else it is not."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request

from dashboard.certificate import add_certificate
from dashboard.edge import Edge, actor_of
from dashboard.login import LoginPages, add_login
from dashboard.server import listen_socket, server_config
from dispatch.model import Actor
from operations.access.accounts import Accounts
from operations.access.attempts import ATTEMPTS_PER_ADDRESS
from operations.access.certificates import Certificates
from settings import Settings, SettingsError
from storage.accounts import AccountStore
from storage.audit import AuditLog
from storage.certificates import CertificateStore
from storage.database import open_database
from tests.certificates import CertificateAuthority
from tests.operations.access_world import CITY, clock, organisations
from tests.operations.test_accounts import GOOD
from tests.passwords import QUICK

ROOT = Actor("command-line", "admin", CITY, kind="system")
PROXY = "10.0.0.7"


class Desk:
    """Accounts, certificates and a server of the way in alone."""

    def __init__(self, folder: Path) -> None:
        self.clock = clock()
        self.engine = open_database(f"sqlite:///{folder / 'desk.sqlite'}")
        self.accounts = Accounts(AccountStore(self.engine), organisations(), self.clock, hasher=QUICK)
        self.certificates = Certificates(CertificateStore(self.engine), self.accounts, AuditLog(self.engine), self.clock)
        self.accounts.add_user("zhang", GOOD, "operator", CITY)
        self.authority = CertificateAuthority(folder, "police-root")
        city = SimpleNamespace(name="宁波", name_en="Ningbo")
        services: Any = SimpleNamespace(
            city=city,
            organisations=organisations(),
            accounts=self.accounts,
            certificates=self.certificates,
            certificate_proxies=frozenset({PROXY}),
            takes_certificates=True,
            oidc=None,
        )
        server, pages = FastAPI(), LoginPages(services, [])
        add_login(server, services, pages)
        add_certificate(server, services, pages)

        @server.get("/api/who")
        async def who(request: Request) -> str:
            return actor_of(request).name

        self.edge = Edge(server, self.accounts, self.clock, server.routes)

    async def given(self, file: str = "zhang", **more: Any) -> tuple[Path, Path]:
        """A certificate of the account zhang, and its key."""
        paths = self.authority.issue(file, f"{file} 010203", **more)
        await self.certificates.give(ROOT, "zhang", paths[0].read_bytes(), False, "command-line")
        return paths

    async def behind_proxy(self, headers: dict[str, str], address: str = PROXY, **form: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.edge, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="https://city.test") as client:
            return await client.post("/login/certificate?lang=en", data=form, headers={"Origin": "https://city.test"} | headers)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.engine.dispose()


# Over TLS


@asynccontextmanager
async def served(desk: Desk, folder: Path) -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """The server with `--tls-client-ca`; clients with a certificate and key of their own, or without."""
    certificate, key = desk.authority.issue("server", "city.test", host="localhost")
    listening = listen_socket("127.0.0.1", 0)
    server = uvicorn.Server(server_config(desk.edge, certificate, key, "critical", desk.authority.path))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    base = f"https://localhost:{listening.getsockname()[1]}"

    def client(own: tuple[Path, Path] | None = None) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=desk.authority.path)
        if own is not None:
            context.load_cert_chain(*own)
        return httpx.AsyncClient(base_url=base, verify=context, headers={"Origin": base}, trust_env=False)

    try:
        yield client
    finally:
        server.should_exit = True
        await task


async def test_a_certificate_in_the_handshake_logs_its_account_in(desk: Desk, tmp_path: Path) -> None:
    own = await desk.given()
    async with served(desk, tmp_path) as client, client(own) as browser:
        assert "/login/certificate" in (await browser.get("/login")).text
        entered = await browser.post("/login/certificate", data={"next": "/api/who"})
        assert (entered.status_code, entered.headers["location"]) == (303, "/api/who")
        assert "Secure" in entered.headers["set-cookie"]
        assert (await browser.get("/api/who")).json() == "zhang"
        assert (await browser.get("/api/who", headers={"Cookie": ""})).status_code == 401  # the certificate alone is no session
    [session] = await desk.accounts.sessions_of("zhang")
    assert session.how == "certificate"


async def test_without_a_certificate_passwords_go_on(desk: Desk, tmp_path: Path) -> None:
    async with served(desk, tmp_path) as client, client() as browser:
        refused = await browser.post("/login/certificate?lang=en", data={"next": "/"})
        assert refused.status_code == 401
        assert "No certificate" in refused.text
        assert (await browser.post("/login", data={"name": "zhang", "password": GOOD})).status_code == 303


async def test_a_certificate_of_the_authority_that_was_given_to_nobody_opens_nothing(desk: Desk, tmp_path: Path) -> None:
    async with served(desk, tmp_path) as client, client(desk.authority.issue("li", "li 99")) as browser:
        assert (await browser.post("/login/certificate", data={})).status_code == 401
        pem = quote((await desk.given())[0].read_text())
        for value in (pem, f":{base64.b64encode(b'x').decode()}:"):  # this client is no proxy
            assert (await browser.post("/login/certificate", data={}, headers={"Client-Cert": value})).status_code == 401


async def test_unknown_authorities_and_expired_certificates_end_the_handshake(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    foreign = CertificateAuthority(tmp_path / "foreign", "police-root").issue("zhang", "zhang 010203")
    await desk.certificates.give(ROOT, "zhang", foreign[0].read_bytes(), False, "command-line")  # even so
    expired = desk.authority.issue("old", "zhang 010203", until=datetime(2021, 1, 1, tzinfo=UTC))
    async with served(desk, tmp_path) as client:
        for own in (foreign, expired):
            async with client(own) as browser:
                with pytest.raises(httpx.TransportError):
                    await browser.post("/login/certificate", data={})
        async with client() as browser:
            assert (await browser.get("/login")).status_code == 200


# Behind a proxy


async def test_a_proxy_passes_the_certificate_on_in_either_form(desk: Desk) -> None:
    pem = (await desk.given())[0].read_text()
    for value in (quote(pem), f":{base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()}:"):
        entered = await desk.behind_proxy({"Client-Cert": value}, next="/wall")
        assert (entered.status_code, entered.headers["location"]) == (303, "/wall")


@pytest.mark.parametrize("address", ["10.0.0.8", "127.0.0.1", "::ffff:10.0.0.7"])
async def test_from_anybody_else_the_header_is_not_believed(desk: Desk, address: str) -> None:
    pem = quote((await desk.given())[0].read_text())
    for more in ({}, {"X-Forwarded-For": PROXY}, {"Forwarded": f"for={PROXY}"}):
        assert (await desk.behind_proxy({"Client-Cert": pem} | more, address)).status_code == 401


@pytest.mark.parametrize("value", ["", ":", "::", ":%%%:", "x", "%00", "-----BEGIN CERTIFICATE-----", "CN=zhang 010203", "x" * 50_000])
async def test_senseless_headers_open_nothing(desk: Desk, value: str) -> None:
    await desk.given()
    refused = await desk.behind_proxy({"Client-Cert": value})
    assert refused.status_code == 401
    assert "No certificate" in refused.text


@pytest.mark.parametrize("target", ["//evil.test", "https://evil.test", "/\\evil.test"])
async def test_it_leads_nowhere_else(desk: Desk, target: str) -> None:
    pem = quote((await desk.given())[0].read_text())
    assert (await desk.behind_proxy({"Client-Cert": pem}, next=target)).headers["location"] == "/"


async def test_a_foreign_page_can_not_log_a_browser_in(desk: Desk) -> None:
    pem = quote((await desk.given())[0].read_text())
    for origin in ("https://evil.test", "null"):
        assert (await desk.behind_proxy({"Client-Cert": pem, "Origin": origin})).status_code == 403


async def test_a_disabled_account_stays_out_and_a_second_factor_is_asked_for(desk: Desk) -> None:
    pem = quote((await desk.given())[0].read_text())
    desk.accounts._store.set_totp("zhang", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0, [])
    asked = await desk.behind_proxy({"Client-Cert": pem})
    assert (asked.status_code, 'name="ticket"' in asked.text, "set-cookie" in asked.headers) == (200, True, False)
    desk.accounts.disable_user("zhang")
    assert (await desk.behind_proxy({"Client-Cert": pem})).status_code == 401


async def test_trying_certificates_is_locked(desk: Desk) -> None:
    for _ in range(ATTEMPTS_PER_ADDRESS):
        assert (await desk.behind_proxy({}, "10.0.0.9")).status_code == 401
    assert (await desk.behind_proxy({}, "10.0.0.9")).status_code == 429


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_client_ca": Path("ca.pem")}, "--tls-client-ca needs"),
        ({"certificate_proxies": "proxy.local"}, "'proxy.local'"),
        ({"certificate_proxies": "10.0.0.0/8"}, "not names or networks"),
    ],
)
def test_settings_that_do_not_fit(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings(**given)
    assert Settings(certificate_proxies=" 10.0.0.7, ::1 ").trusted_proxies == {"10.0.0.7", "::1"}
