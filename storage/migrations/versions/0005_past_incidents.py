"""Incidents of the past that other systems recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "past_incidents",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("source_id", sa.String(200), primary_key=True),
        sa.Column("incident_type", sa.Text, nullable=False),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("received_at", sa.Float(53), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("lon", sa.Float(53)),
        sa.Column("lat", sa.Float(53)),
        sa.Column("disposition", sa.Text, nullable=False),
        sa.Index("ix_past_incidents_place", "lat", "lon"),
        sa.Index("ix_past_incidents_received", "received_at"),
    )
    op.create_table(
        "past_responses",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("response_id", sa.String(200), primary_key=True),
        sa.Column("source_id", sa.String(200), nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("pushed_at", sa.Float(53)),
        sa.Column("departed_at", sa.Float(53)),
        sa.Column("arrived_at", sa.Float(53)),
        sa.Column("cleared_at", sa.Float(53)),
        sa.Index("ix_past_responses_incident", "source", "source_id"),
    )


def downgrade() -> None:
    op.drop_table("past_responses")
    op.drop_table("past_incidents")
