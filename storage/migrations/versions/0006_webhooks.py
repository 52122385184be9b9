"""Webhooks and the log of their deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(36), primary_key=True),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("secret", sa.String(128), nullable=False),
        sa.Column("owner_name", sa.String(64), nullable=False),
        sa.Column("owner_kind", sa.String(16), nullable=False),
        sa.Column("owner_role", sa.String(32), nullable=False),
        sa.Column("org_code", sa.String(32), nullable=False),
        sa.Column("unit_id", sa.String(64)),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", sa.Float(53)),
        sa.Column("disabled_at", sa.Float(53)),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Index("ix_webhooks_key", "owner_kind", "owner_name", "idempotency_key", unique=True),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.String(36), sa.ForeignKey("webhooks.webhook_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("delivery_id", sa.String(100), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("after_revision", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("duration_ms", sa.Float(53), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
