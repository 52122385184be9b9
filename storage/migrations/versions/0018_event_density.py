"""Events by time with what the time bar counts, so that a year's density reads no bodies; readings in the order they were heard."""

from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = "0003"  # which made the readings


def upgrade() -> None:
    op.create_index("ix_events_recorded", "events", ["recorded_at", "event", "incident_id"])
    op.drop_index("ix_events_recorded_at", table_name="events")
    op.create_index("ix_element_readings_heard", "element_readings", ["received_at"])


def downgrade() -> None:
    op.drop_index("ix_element_readings_heard", table_name="element_readings")
    op.create_index("ix_events_recorded_at", "events", ["recorded_at"])
    op.drop_index("ix_events_recorded", table_name="events")
