"""Webhooks and what was sent to them, in the database. Synchronous: call it from a thread.

A webhook's secret lies here as it is: signing takes the secret itself, a digest of it would not do. Instants are Unix seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from storage.database import writing
from storage.tables import metadata

KEPT_DELIVERIES = 100  # newest attempts that are kept of each webhook

webhooks_table = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(36), primary_key=True),
    Column("url", String(500), nullable=False),
    Column("events", Text, nullable=False),
    Column("secret", String(128), nullable=False),
    Column("owner_name", String(64), nullable=False),
    Column("owner_kind", String(16), nullable=False),
    Column("owner_role", String(32), nullable=False),
    Column("org_code", String(32), nullable=False),
    Column("unit_id", String(64)),
    Column("created_at", Float(53), nullable=False),
    Column("idempotency_key", String(200)),
    Column("revision", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", Float(53)),
    Column("disabled_at", Float(53)),
    Column("reason", String(200), nullable=False),
    Index("ix_webhooks_key", "owner_kind", "owner_name", "idempotency_key", unique=True),
)

deliveries_table = Table(
    "webhook_deliveries",
    metadata,
    Column("webhook_id", String(36), ForeignKey("webhooks.webhook_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("delivery_id", String(100), nullable=False),
    Column("at", Float(53), nullable=False),
    Column("after_revision", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    Column("status", Integer),
    Column("duration_ms", Float(53), nullable=False),
    Column("reason", String(200), nullable=False),
)


class Webhook(msgspec.Struct, frozen=True):
    """One subscription. `revision` is how far the journal has been delivered to it; what comes after has yet to be."""

    webhook_id: str
    url: str
    events: tuple[str, ...]
    secret: str
    owner_name: str
    owner_kind: str
    owner_role: str
    org_code: str
    unit_id: str | None
    created_at: float
    revision: int
    idempotency_key: str | None = None
    failures: int = 0  # in a row, since the last success
    failing_since: float | None = None
    disabled_at: float | None = None
    reason: str = ""  # of the newest failure, or why it is disabled; empty when all is well


class Delivery(msgspec.Struct, frozen=True):
    """One attempt: the matching events after `after_revision` up to `revision`, and how it went. `status` None: no answer."""

    delivery_id: str
    at: float
    after_revision: int
    revision: int
    events: int
    status: int | None
    duration_ms: float
    reason: str  # empty: delivered


class WebhookStore:
    """Reads and writes the two tables, one transaction a call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[Webhook]:
        with self._engine.connect() as connection:
            return [_webhook(row) for row in connection.execute(select(webhooks_table).order_by(webhooks_table.c.webhook_id))]

    def add(self, webhook: Webhook) -> None:
        row = msgspec.structs.asdict(webhook) | {"events": msgspec.json.encode(webhook.events).decode()}
        with writing(self._engine) as connection:
            connection.execute(insert(webhooks_table).values(**row))

    def remove(self, webhook_id: str) -> None:
        """With its log; one that is not there is no error."""
        with writing(self._engine) as connection:
            connection.execute(delete(deliveries_table).where(deliveries_table.c.webhook_id == webhook_id))
            connection.execute(delete(webhooks_table).where(webhooks_table.c.webhook_id == webhook_id))

    def save(self, webhook: Webhook, delivery: Delivery | None = None) -> None:
        """Keep where it stands and how it goes, and with it the attempt that led there; nothing when it was removed meanwhile."""
        changes = {name: getattr(webhook, name) for name in ("revision", "failures", "failing_since", "disabled_at", "reason")}
        d = deliveries_table.c
        with writing(self._engine) as connection:
            same = webhooks_table.c.webhook_id == webhook.webhook_id
            if connection.execute(update(webhooks_table).where(same).values(**changes)).rowcount == 0 or delivery is None:
                return
            newest = connection.execute(select(func.max(d.number)).where(d.webhook_id == webhook.webhook_id)).scalar() or 0
            row = {"webhook_id": webhook.webhook_id, "number": newest + 1, **msgspec.structs.asdict(delivery)}
            connection.execute(insert(deliveries_table).values(**row))
            old = (d.webhook_id == webhook.webhook_id) & (d.number <= newest + 1 - KEPT_DELIVERIES)
            connection.execute(delete(deliveries_table).where(old))

    def deliveries(self, webhook_id: str, limit: int = KEPT_DELIVERIES) -> list[Delivery]:
        """Newest first."""
        d = deliveries_table.c
        columns = [d[name] for name in Delivery.__struct_fields__]
        query = select(*columns).where(d.webhook_id == webhook_id).order_by(d.number.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [Delivery(**row._mapping) for row in connection.execute(query)]


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(**{**row._mapping, "events": tuple(msgspec.json.decode(row.events))})
