"""Past incidents get an id of their own and how long they last, so that a moment finds those that were running."""

import sqlalchemy as sa
from alembic import op

from dispatch.past import SHOWN_AT_MOST, SHOWN_FOR, past_id

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = "0005"  # where they are

AT_ONCE = 5_000
LAST_TIMES = """
SELECT source, source_id, max(pushed_at), max(departed_at), max(arrived_at), max(cleared_at) FROM past_responses GROUP BY source, source_id
"""


def upgrade() -> None:
    op.add_column("past_incidents", sa.Column("incident_id", sa.String(40), nullable=False, server_default=""))
    op.add_column("past_incidents", sa.Column("lasts_s", sa.Float(53), nullable=False, server_default="0"))
    _fill(op.get_bind())
    op.create_index("ix_past_incidents_id", "past_incidents", ["incident_id"], unique=True)
    op.create_index("ix_past_incidents_lasts", "past_incidents", ["lasts_s"])


def _fill(connection: sa.Connection) -> None:
    last_at: dict[tuple[str, str], float] = {}
    for source, source_id, *stages in connection.execute(sa.text(LAST_TIMES)):
        times = [at for at in stages if at is not None]
        if times:
            last_at[source, source_id] = max(times)
    without_s, most_s = SHOWN_FOR.total_seconds(), SHOWN_AT_MOST.total_seconds()
    known = connection.execute(sa.text("SELECT source, source_id, received_at FROM past_incidents")).all()
    filled = [
        {
            "source": source,
            "source_id": source_id,
            "incident_id": past_id(source, source_id),
            "lasts_s": min(max(0.0, last_at.get((source, source_id), received_at + without_s) - received_at), most_s),
        }
        for source, source_id, received_at in known
    ]
    statement = "UPDATE past_incidents SET incident_id = :incident_id, lasts_s = :lasts_s WHERE source = :source AND source_id = :source_id"
    for at in range(0, len(filled), AT_ONCE):
        connection.execute(sa.text(statement), filled[at : at + AT_ONCE])


def downgrade() -> None:
    op.drop_index("ix_past_incidents_lasts", "past_incidents")
    op.drop_index("ix_past_incidents_id", "past_incidents")
    op.drop_column("past_incidents", "lasts_s")
    op.drop_column("past_incidents", "incident_id")
