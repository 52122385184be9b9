"""Client certificates and the accounts they were given to."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificates",
        sa.Column("key_sha256", sa.String(64), primary_key=True),
        sa.Column("user_name", sa.String(64), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
        sa.Column("by_subject", sa.Boolean, nullable=False),
        sa.Column("subject", sa.String(500), nullable=False),
        sa.Column("not_after", sa.Float(53), nullable=False),
        sa.Column("given_at", sa.Float(53), nullable=False),
    )
    op.create_index("ix_certificates_user_name", "certificates", ["user_name"])


def downgrade() -> None:
    op.drop_table("certificates")
