"""Where a site's recorder plays what a camera showed before."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = "0003"  # where the addresses are


def upgrade() -> None:
    op.add_column("camera_sources", sa.Column("recorder_url", sa.String(2_000), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("camera_sources", "recorder_url")
