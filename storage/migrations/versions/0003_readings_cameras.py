"""Readings of elements, addresses of cameras."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "element_readings",
        sa.Column("element", sa.String(64), primary_key=True),
        sa.Column("element_id", sa.String(64), primary_key=True),
        sa.Column("at", sa.Float(53), primary_key=True),
        sa.Column("received_at", sa.Float(53), nullable=False),
        sa.Column("lon", sa.Float(53), nullable=False),
        sa.Column("lat", sa.Float(53), nullable=False),
        sa.Column("properties", sa.Text, nullable=False),
        sa.Index("ix_element_readings_received", "element", "element_id", "received_at"),
    )
    op.create_table(
        "camera_sources",
        sa.Column("camera_id", sa.String(64), primary_key=True),
        sa.Column("url", sa.String(2_000), nullable=False),
        sa.Column("substream_url", sa.String(2_000), nullable=False),
        sa.Column("feed", sa.String(64), nullable=False),
        sa.Column("written_at", sa.Float(53), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("camera_sources")
    op.drop_table("element_readings")
