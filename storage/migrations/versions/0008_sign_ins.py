"""What each log-in came from and how it was made, so that people can tell their own apart."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("how", sa.String(16), nullable=False, server_default="password"))
    op.add_column("sessions", sa.Column("address", sa.String(64), nullable=False, server_default=""))
    op.add_column("sessions", sa.Column("agent", sa.String(200), nullable=False, server_default=""))


def downgrade() -> None:
    for name in ("agent", "address", "how"):
        op.drop_column("sessions", name)
