"""Where cameras are turned, and how each last did."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = "0003"  # where the addresses are


def upgrade() -> None:
    op.add_column("camera_sources", sa.Column("control_url", sa.String(2_000), nullable=False, server_default=""))
    op.create_table(
        "camera_health",
        sa.Column("camera_id", sa.String(64), primary_key=True),
        sa.Column("last_picture_at", sa.Float(53)),
        sa.Column("last_error", sa.String(300), nullable=False),
        sa.Column("last_error_at", sa.Float(53)),
    )


def downgrade() -> None:
    op.drop_table("camera_health")
    op.drop_column("camera_sources", "control_url")
