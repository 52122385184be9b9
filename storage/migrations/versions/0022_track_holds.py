"""Holds on tracks."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "track_holds",
        sa.Column("hold_id", sa.String(64), primary_key=True),
        sa.Column("incident_id", sa.String(64), nullable=False),
        sa.Column("from_at", sa.Float(53)),
        sa.Column("to_at", sa.Float(53)),
        sa.Column("lon", sa.Float(53)),
        sa.Column("lat", sa.Float(53)),
        sa.Column("radius_m", sa.Float(53)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("org_code", sa.String(200), nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", sa.Float(53), nullable=False),
        sa.Column("until", sa.Float(53)),
        sa.Column("released_by", sa.Text, nullable=False),
        sa.Column("released_at", sa.Float(53)),
    )


def downgrade() -> None:
    op.drop_table("track_holds")
