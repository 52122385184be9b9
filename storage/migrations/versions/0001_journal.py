"""Journal, incidents, answers, callers, snapshots, outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.String(36), nullable=False, unique=True),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("incident_id", sa.String(64)),
        sa.Column("incident_version", sa.Integer),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("occurred_at", sa.Float(53), nullable=False),
        sa.Column("recorded_at", sa.Float(53), nullable=False, index=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Index("ix_events_incident", "incident_id", "incident_version", unique=True),
    )
    op.create_table(
        "incidents",
        sa.Column("incident_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, index=True),
        sa.Column("incident_type", sa.String(200), nullable=False),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("org_code", sa.String(200), nullable=False),
        sa.Column("called_at", sa.Float(53), nullable=False),
        sa.Column("received_at", sa.Float(53), nullable=False),
        sa.Column("stage_since", sa.Float(53), nullable=False),
        sa.Column("lon", sa.Float(53)),
        sa.Column("lat", sa.Float(53)),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("source_id", sa.String(200)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Index("ix_incidents_source", "source", "source_id", unique=True),
        sa.Index("ix_incidents_received", "received_at", "incident_id"),
        sa.Index("ix_incidents_stage", "stage", "received_at"),
        sa.Index("ix_incidents_org", "org_code", "received_at"),
        sa.Index("ix_incidents_place", "lat", "lon"),
    )
    op.create_table(
        "answers",
        sa.Column("actor", sa.Text, primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.Float(53), nullable=False, index=True),
    )
    op.create_table(
        "personal",
        sa.Column("incident_id", sa.String(64), primary_key=True),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("number", sa.String(200), nullable=False),
        sa.Column("recorded_at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.Float(53), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("unit_id", sa.String(200), nullable=False),
        sa.Column("topic", sa.String(32), primary_key=True),
        sa.Column("incident_id", sa.String(64), nullable=False),
        sa.Column("assignment_id", sa.String(64), primary_key=True),
        sa.Column("recorded_at", sa.Float(53), nullable=False),
        sa.Index("ix_outbox_unit", "unit_id", "revision"),
    )


def downgrade() -> None:
    for name in ("outbox", "snapshots", "personal", "answers", "incidents", "events"):
        op.drop_table(name)
