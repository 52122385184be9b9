"""Tables of the journal. Other modules of storage declare theirs on the same `metadata`; migrations make them all.

Instants are Unix seconds in double precision (microseconds are exact until the year 2255): SQLite has no type for them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

# What happened. `body` is the canonical JSON of the whole event, byte for byte what `hash` was taken of; the columns beside
# it repeat what is searched for. `revision` comes from the writer: sequences leave gaps.
events = Table(
    "events",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String(36), nullable=False, unique=True),
    Column("node", String(64), nullable=False),
    Column("incident_id", String(64)),
    Column("incident_version", Integer),
    Column("event", String(64), nullable=False),
    Column("occurred_at", Float(53), nullable=False),
    Column("recorded_at", Float(53), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_events_incident", "incident_id", "incident_version", unique=True),
    # By time, with what the time bar counts: a year's density reads this and no bodies.
    Index("ix_events_recorded", "recorded_at", "event", "incident_id"),
)

# Read model: every incident as it is now, for pages and for those the picture no longer holds. `body` is its JSON.
incidents = Table(
    "incidents",
    metadata,
    Column("incident_id", String(64), primary_key=True),
    Column("number", Integer, nullable=False, index=True),
    Column("incident_type", String(200), nullable=False),
    Column("grade", Integer, nullable=False),
    Column("stage", String(32), nullable=False),
    Column("org_code", String(200), nullable=False),
    Column("called_at", Float(53), nullable=False),
    Column("received_at", Float(53), nullable=False),
    Column("stage_since", Float(53), nullable=False),
    Column("lon", Float(53)),
    Column("lat", Float(53)),
    Column("source", String(200), nullable=False),
    Column("source_id", String(200)),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_incidents_source", "source", "source_id", unique=True),
    Index("ix_incidents_received", "received_at", "incident_id"),
    Index("ix_incidents_stage", "stage", "received_at"),
    Index("ix_incidents_org", "org_code", "received_at"),
    Index("ix_incidents_place", "lat", "lon"),
)

# What was answered under which idempotency key, so that the same key gives the same answer. `digest` is of the command.
answers = Table(
    "answers",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("answer", Text, nullable=False),
    Column("recorded_at", Float(53), nullable=False, index=True),
)

# Who called. Can be erased without touching the journal, which has only the salted digest.
personal = Table(
    "personal",
    metadata,
    Column("incident_id", String(64), primary_key=True),
    Column("salt", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("number", String(200), nullable=False),
    Column("recorded_at", Float(53), nullable=False),
    Column("dialled", String(40), nullable=False, server_default="", index=True),  # the number's digits; empty: none to search by
)

# The picture at a revision, so that a start or a look into the past reads a short tail only.
snapshots = Table(
    "snapshots",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("schema", Integer, nullable=False),
    Column("recorded_at", Float(53), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# What has yet to reach a terminal, written with the event that caused it.
outbox = Table(
    "outbox",
    metadata,
    Column("revision", BigInteger, nullable=False),
    Column("unit_id", String(200), nullable=False),
    Column("topic", String(32), primary_key=True),
    Column("incident_id", String(64), nullable=False),
    Column("assignment_id", String(64), primary_key=True),
    Column("recorded_at", Float(53), nullable=False),
    Index("ix_outbox_unit", "unit_id", "revision"),
)
