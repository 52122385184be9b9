"""`/login/certificate`: in with the certificate of the connection, or with the one that a trusted proxy has checked and passes on.

Whose it is is decided by `operations.access.certificates`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import structlog
from fastapi import APIRouter, FastAPI, Request, Response

from dashboard.edge import client_address
from dashboard.forms import fields_of
from dashboard.i18n import words_in
from dashboard.login import LoginPages, enter_with, language_of, too_many, wants_wall
from dashboard.server import client_certificate
from operations.access.attempts import TooManyAttempts
from operations.access.certificates import HOW, CertificateRefused
from operations.access.second_factor import CodeNeeded

if TYPE_CHECKING:
    from operations.services import Services

HEADER = "client-cert"  # RFC 9440

log = structlog.get_logger(__name__)


def add_certificate(server: FastAPI, services: Services, pages: LoginPages) -> None:
    """Mount the route."""
    router = APIRouter(include_in_schema=False)

    @router.post("/login/certificate")
    async def enter(request: Request) -> Response:
        """A session for the account that the certificate was given to."""
        next_path = (await fields_of(request)).get("next", "/")
        spoken, address, agent = words_in(language_of(request)), client_address(request), request.headers.get("user-agent", "")
        try:
            services.accounts.refuse_address(address)
            name = await services.certificates.account_of(_presented(request, services.certificate_proxies))
            secret = await services.accounts.enter(name, HOW, address, wants_wall(next_path), agent)
            if secret is None:
                raise CertificateRefused(f"the account {name} is disabled")
        except CertificateRefused as refused:
            services.accounts.count_address(address)
            log.warning("certificate refused", reason=str(refused), address=address)
            return pages.form(request, next_path, spoken("No certificate that belongs to an account here was shown."), status=401)
        except TooManyAttempts as refused:
            return pages.form(request, next_path, too_many(refused, spoken), status=429)
        except CodeNeeded as needed:
            return pages.code_form(request, next_path, needed.ticket)
        return enter_with(secret, next_path, request)

    server.include_router(router)


def _presented(request: Request, proxies: Collection[str]) -> bytes:
    """The certificate. Headers are believed from the proxies alone. Raises CertificateRefused when there is none."""
    if client_address(request) in proxies:
        return _from_header(request.headers.get(HEADER, ""))
    shown = client_certificate(request.scope)
    if shown is None:
        raise CertificateRefused("the connection came with none")
    return shown


def _from_header(value: str) -> bytes:
    """As RFC 9440 writes it (`:base64 of DER:`), or as nginx does (escaped PEM)."""
    if not value:
        raise CertificateRefused("the proxy passed none on")
    if not value.startswith(":"):
        return unquote_to_bytes(value)
    try:
        return base64.b64decode(value.strip(":"), validate=True)
    except binascii.Error as error:
        raise CertificateRefused(f"the proxy's header can't be read: {error}") from None
