"""Client certificates: given to one account, by themselves or by their subject, until they are over or taken away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dispatch.errors import NotFound, RuleViolation, Unavailable
from dispatch.model import Actor
from operations.access.accounts import Accounts
from operations.access.certificates import LARGEST, CertificateRefused, Certificates
from storage.accounts import AccountStore
from storage.audit import AuditLog
from storage.certificates import CertificateStore
from storage.database import open_database
from tests.certificates import CertificateAuthority
from tests.operations.access_world import CITY, NOW, clock, organisations
from tests.operations.test_accounts import GOOD
from tests.passwords import QUICK

ROOT = Actor("command-line", "admin", CITY, kind="system")


class World:
    def __init__(self, folder: Path) -> None:
        self.clock = clock()
        self.engine = open_database(f"sqlite:///{folder / 'certificates.sqlite'}")
        self.accounts = Accounts(AccountStore(self.engine), organisations(), self.clock, hasher=QUICK)
        self.log = AuditLog(self.engine)
        self.certificates = Certificates(CertificateStore(self.engine), self.accounts, self.log, self.clock)
        for name in ("zhang", "li"):
            self.accounts.add_user(name, GOOD, "operator", CITY)
        self.authority = CertificateAuthority(folder, "police-root")

    def card(self, file: str = "zhang", subject: str = "zhang 010203", **more: object) -> bytes:
        return self.authority.issue(file, subject, **more)[0].read_bytes()  # type: ignore[arg-type]

    async def give(self, card: bytes, name: str = "zhang", by_subject: bool = False) -> str:
        return await self.certificates.give(ROOT, name, card, by_subject, "command-line")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.engine.dispose()


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


async def test_a_certificate_belongs_to_the_account_it_was_given_to(world: World) -> None:
    card, other = world.card(), world.card("other")  # the same subject
    assert await world.give(card) == "CN=zhang 010203,O=Police"
    for shown in (card, der(card)):
        assert await world.certificates.account_of(shown) == "zhang"
    with pytest.raises(CertificateRefused, match="given to no account"):
        await world.certificates.account_of(other)
    [kept] = await world.certificates.of("zhang")
    assert (kept.by_subject, kept.subject) == (False, "CN=zhang 010203,O=Police")
    assert [(look.what, look.subject) for _, look in world.log.read()] == [("certificate_given", f"zhang {kept.key_sha256}")]


async def test_by_subject_the_next_certificate_of_the_same_card_is_known_too(world: World, tmp_path: Path) -> None:
    await world.give(world.card(), by_subject=True)
    assert await world.certificates.account_of(world.card("renewed")) == "zhang"
    with pytest.raises(CertificateRefused):
        await world.certificates.account_of(world.card("another", "zhang 010204"))
    (tmp_path / "elsewhere").mkdir()
    foreign = CertificateAuthority(tmp_path / "elsewhere", "another-root").issue("zhang", "zhang 010203")[0].read_bytes()
    with pytest.raises(CertificateRefused):  # the same subject of another issuer
        await world.certificates.account_of(foreign)


async def test_a_certificate_lets_in_while_it_is_valid_only(world: World) -> None:
    card = world.card(since=NOW + timedelta(days=1), until=NOW + timedelta(days=2))
    await world.give(card)
    with pytest.raises(CertificateRefused, match="is valid from 2026-05-02 to 2026-05-03"):
        await world.certificates.account_of(card)
    world.clock.advance(86_400 * 1.5)
    assert await world.certificates.account_of(card) == "zhang"
    world.clock.advance(86_400)
    with pytest.raises(CertificateRefused, match="is valid"):
        await world.certificates.account_of(card)
    with pytest.raises(RuleViolation, match="give one that still is"):
        await world.give(card, "li")


async def test_taking_certificates_away_ends_what_was_opened_with_them(world: World) -> None:
    card = world.card()
    await world.give(card)
    cookie = await world.accounts.enter("zhang", "certificate", "10.0.0.1", False, "")
    assert await world.certificates.take_all(ROOT, "zhang", "command-line") == 1
    assert await world.accounts.actor_of_session(cookie or "") is None
    with pytest.raises(CertificateRefused):
        await world.certificates.account_of(card)
    assert await world.certificates.of("zhang") == []
    assert await world.give(card, "li")  # free again


async def test_a_certificate_has_one_account(world: World) -> None:
    card = world.card()
    await world.give(card)
    for name in ("zhang", "li"):
        with pytest.raises(RuleViolation, match="belongs to an account already"):
            await world.give(card, name)
    assert await world.certificates.account_of(card) == "zhang"


@pytest.mark.parametrize(
    "shown", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"0" * (LARGEST + 1), b"\x30\x82"]
)
async def test_what_is_no_certificate_is_refused(world: World, shown: bytes) -> None:
    with pytest.raises(CertificateRefused, match="can't be read"):
        await world.certificates.account_of(shown)
    with pytest.raises(RuleViolation, match="holds no certificate"):
        await world.give(shown)


async def test_accounts_that_are_not_there_get_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    card = world.card()
    for name in ("nobody", "", "x" * 500):
        with pytest.raises(NotFound):
            await world.give(card, name)
        with pytest.raises(NotFound):
            await world.certificates.of(name)
    monkeypatch.setattr(world.log, "append", lambda looks: 1 / 0)
    with pytest.raises(Unavailable):
        await world.give(card)
    assert await world.certificates.of("zhang") == []
