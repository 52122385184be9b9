"""Client certificates and the accounts they were given to, in the database. Synchronous: call it from a thread."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Boolean, Column, Engine, Float, ForeignKey, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from storage.database import writing
from storage.tables import metadata

certificates_table = Table(
    "certificates",
    metadata,
    Column("key_sha256", String(64), primary_key=True),
    Column("user_name", String(64), ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("by_subject", Boolean, nullable=False),
    Column("subject", String(500), nullable=False),
    Column("not_after", Float(53), nullable=False),
    Column("given_at", Float(53), nullable=False),
)


class Certificate(msgspec.Struct, frozen=True):
    """One certificate of an account. `key_sha256` is of the certificate, or of its issuer and subject when `by_subject`. Unix seconds."""

    key_sha256: str
    user_name: str
    by_subject: bool
    subject: str
    not_after: float
    given_at: float


class CertificateStore:
    """Reads and writes the table, one transaction a call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, certificate: Certificate) -> bool:
        """False when it belongs to an account already."""
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(certificates_table).values(**msgspec.structs.asdict(certificate)))
        except IntegrityError:
            return False
        return True

    def find(self, keys: Sequence[str]) -> Certificate | None:
        """The one with the first of these keys that is known."""
        query = select(certificates_table).where(certificates_table.c.key_sha256.in_(keys))
        with self._engine.connect() as connection:
            found = {row.key_sha256: Certificate(**row._mapping) for row in connection.execute(query)}
        return next((found[key] for key in keys if key in found), None)

    def of(self, user_name: str) -> list[Certificate]:
        query = select(certificates_table).where(certificates_table.c.user_name == user_name).order_by(certificates_table.c.given_at)
        with self._engine.connect() as connection:
            return [Certificate(**row._mapping) for row in connection.execute(query)]

    def remove_of(self, user_name: str) -> int:
        with writing(self._engine) as connection:
            return connection.execute(delete(certificates_table).where(certificates_table.c.user_name == user_name)).rowcount
