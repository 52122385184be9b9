"""Log-in by client certificate: which certificates belong to which account.

Whether a certificate is real was decided before: by the TLS handshake here, or by a proxy that is trusted to have done it. A
certificate of the right authority alone opens nothing: it must have been given to an account, by its fingerprint, or by issuer and
subject so that the next one of the same card is known too.
"""

from __future__ import annotations

import asyncio
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dispatch.clock import Clock
from dispatch.errors import NotFound, RuleViolation
from dispatch.model import Actor
from operations.access.accounts import Accounts
from operations.access.on_record import Log, put_on_record
from storage.certificates import Certificate, CertificateStore

LARGEST = 16 * 1024  # bytes of a certificate
HOW = "certificate"  # a session was signed in


class CertificateRefused(Exception):
    """The certificate lets nobody in; the message says why, for the log."""


class Certificates:
    """One per node; on the event loop."""

    def __init__(self, store: CertificateStore, accounts: Accounts, log: Log, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._log = log
        self._clock = clock

    async def account_of(self, presented: bytes) -> str:
        """Name of the account that a verified certificate (DER or PEM) was given to. Raises CertificateRefused."""
        try:
            certificate = read(presented)
        except ValueError as error:
            raise CertificateRefused(f"it can't be read: {error}") from None
        now = self._clock.now()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:  # a resumed TLS session is not checked again
            raise CertificateRefused(f"{subject_of(certificate)} is valid {_validity(certificate)}")
        found = await asyncio.to_thread(self._store.find, [fingerprint_of(certificate), _card_of(certificate)])
        if found is None:
            raise CertificateRefused(f"{subject_of(certificate)} was given to no account; its SHA-256 is {fingerprint_of(certificate)}")
        return found.user_name

    async def give(self, actor: Actor, name: str, presented: bytes, by_subject: bool, channel: str) -> str:
        """Give a certificate to an account; its subject. The caller has the right. Raises NotFound, RuleViolation and Unavailable."""
        await self._known(name)
        try:
            certificate = read(presented)
        except ValueError as error:
            raise RuleViolation("unsound-certificate", f"The file holds no certificate: {error}; give one in PEM or DER.") from None
        now, subject = self._clock.now(), subject_of(certificate)
        if certificate.not_valid_after_utc <= now:
            raise RuleViolation("expired-certificate", f"{subject} is valid {_validity(certificate)}; give one that still is.")
        key = _card_of(certificate) if by_subject else fingerprint_of(certificate)
        await put_on_record(self._log, self._clock, actor, "certificate_given", f"{name} {key}", channel)
        given = Certificate(key, name, by_subject, subject[:500], certificate.not_valid_after_utc.timestamp(), now.timestamp())
        if not await asyncio.to_thread(self._store.add, given):
            raise RuleViolation("certificate-taken", f"{subject} belongs to an account already; take it from there first.")
        return subject

    async def take_all(self, actor: Actor, name: str, channel: str) -> int:
        """Take every certificate from an account and end its sessions; how many there were. Raises NotFound and Unavailable."""
        await self._known(name)
        await put_on_record(self._log, self._clock, actor, "certificates_taken", f"{name} all", channel)
        taken = await asyncio.to_thread(self._store.remove_of, name)
        await self._accounts.end_sessions_of(name)
        return taken

    async def of(self, name: str) -> list[Certificate]:
        """Those of an account. Raises NotFound."""
        await self._known(name)
        return await asyncio.to_thread(self._store.of, name)

    async def _known(self, name: str) -> None:
        if await asyncio.to_thread(self._accounts.user, name) is None:
            raise NotFound("unknown-account", f"There is no account {name[:64]!r}; check the name.")


def read(presented: bytes) -> x509.Certificate:
    """From PEM or DER. Raises ValueError."""
    if not 0 < len(presented) <= LARGEST:
        raise ValueError(f"{len(presented)} bytes; a certificate has 1 to {LARGEST}")
    is_text = presented.lstrip().startswith(b"-----BEGIN")
    return x509.load_pem_x509_certificate(presented) if is_text else x509.load_der_x509_certificate(presented)


def fingerprint_of(certificate: x509.Certificate) -> str:
    """SHA-256, hexadecimal, of the whole certificate."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def subject_of(certificate: x509.Certificate) -> str:
    """For people."""
    return certificate.subject.rfc4514_string()


def _card_of(certificate: x509.Certificate) -> str:
    """SHA-256 of issuer and subject, byte for byte as they are signed; never that of a certificate, which begins otherwise."""
    issuer, subject = certificate.issuer.public_bytes(), certificate.subject.public_bytes()
    return hashlib.sha256(b"issuer and subject:" + len(issuer).to_bytes(4, "big") + issuer + subject).hexdigest()


def _validity(certificate: x509.Certificate) -> str:
    return f"from {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
