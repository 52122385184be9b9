"""Second factors of accounts: the secret that an authenticator app shares, the newest code used, recovery codes."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("totp_secret", sa.String(64)))
    op.add_column("users", sa.Column("totp_step", sa.BigInteger))
    with op.batch_alter_table("sessions") as sessions:  # a way in with its second factor is a longer word
        sessions.alter_column("how", existing_type=sa.String(16), type_=sa.String(32), existing_nullable=False)
    op.create_table(
        "recovery_codes",
        sa.Column("code_sha256", sa.String(64), primary_key=True),
        sa.Column("user_name", sa.String(64), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("ix_recovery_codes_user_name", "recovery_codes", ["user_name"])


def downgrade() -> None:
    op.drop_table("recovery_codes")
    with op.batch_alter_table("sessions") as sessions:
        sessions.alter_column("how", existing_type=sa.String(32), type_=sa.String(16), existing_nullable=False)
    op.drop_column("users", "totp_step")
    op.drop_column("users", "totp_secret")
