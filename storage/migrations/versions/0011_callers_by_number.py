"""Callers by the digits they dialled from, so that earlier calls of one number are found."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("personal", sa.Column("dialled", sa.String(40), nullable=False, server_default=""))
    op.create_index("ix_personal_dialled", "personal", ["dialled"])
    connection = op.get_bind()
    callers = sa.table("personal", sa.column("incident_id"), sa.column("number"), sa.column("dialled"))
    for row in connection.execute(sa.select(callers.c.incident_id, callers.c.number)).all():
        # As storage.journal.dialled was when this was written.
        digits = re.sub(r"^(?:00)?86(?=1\d{10}$)", "", re.sub(r"\D", "", row.number))
        if 5 <= len(digits) <= 40:
            connection.execute(sa.update(callers).where(callers.c.incident_id == row.incident_id).values(dialled=digits))


def downgrade() -> None:
    op.drop_index("ix_personal_dialled", "personal")
    op.drop_column("personal", "dialled")
