"""The tables of webhooks on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, delete
from sqlalchemy.exc import IntegrityError

from storage.database import open_database
from storage.webhooks import KEPT_DELIVERIES, Delivery, Webhook, WebhookStore, deliveries_table, webhooks_table

HOOK = Webhook(
    "0196b2a4-77aa-7c31-9d55-2f6b1f0c9a10",
    "http://records.local/",
    ("incident_closed", "note_added"),
    "whsec_x",
    "records",
    "token",
    "commander",
    "330200000000",
    None,
    1.5,
    7,
)
OTHER = msgspec.structs.replace(HOOK, webhook_id="1", idempotency_key="k")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WebhookStore]:
    is_file = request.param == "sqlite"
    engine: Engine = open_database(f"sqlite:///{tmp_path / 'webhooks.sqlite'}" if is_file else request.getfixturevalue("postgres_url"))
    with engine.begin() as connection:  # the PostgreSQL server is shared by all tests
        for table in (deliveries_table, webhooks_table):
            connection.execute(delete(table))
    yield WebhookStore(engine)
    engine.dispose()


def delivery(number: int, reason: str = "") -> Delivery:
    return Delivery(f"d-{number}", float(number), number - 1, number, 1, None if reason else 200, 1.25, reason)


def test_what_is_written_is_read(store: WebhookStore) -> None:
    store.add(HOOK)
    store.add(OTHER)
    assert store.all() == [HOOK, OTHER]
    failing = msgspec.structs.replace(HOOK, failures=2, failing_since=3.5, reason="answered 500")
    store.save(failing, delivery(8, "answered 500"))
    assert store.all() == [failing, OTHER]
    store.save(msgspec.structs.replace(HOOK, revision=8), delivery(8))
    store.save(msgspec.structs.replace(OTHER, disabled_at=9.5))
    assert [hook.revision for hook in store.all()] == [8, 7]
    assert [hook.disabled_at for hook in store.all()] == [None, 9.5]
    assert store.deliveries(HOOK.webhook_id) == [delivery(8), delivery(8, "answered 500")]
    assert store.deliveries(HOOK.webhook_id, 1) == [delivery(8)]
    assert store.deliveries(OTHER.webhook_id) == []


def test_the_log_is_bounded(store: WebhookStore) -> None:
    store.add(HOOK)
    store.add(OTHER)
    store.save(OTHER, delivery(1))
    for number in range(1, KEPT_DELIVERIES + 21):
        store.save(HOOK, delivery(number))
    kept = store.deliveries(HOOK.webhook_id, 10_000)
    assert [d.revision for d in kept] == list(range(KEPT_DELIVERIES + 20, 20, -1))
    assert len(store.deliveries(OTHER.webhook_id)) == 1


def test_a_removed_one_leaves_nothing_and_comes_not_back(store: WebhookStore) -> None:
    store.add(HOOK)
    store.save(HOOK, delivery(1))
    store.remove(HOOK.webhook_id)
    store.remove(HOOK.webhook_id)
    store.save(HOOK, delivery(2))
    assert store.all() == []
    assert store.deliveries(HOOK.webhook_id) == []


def test_a_key_is_used_once_by_an_owner(store: WebhookStore) -> None:
    store.add(OTHER)
    store.add(msgspec.structs.replace(OTHER, webhook_id="2", owner_name="li"))
    with pytest.raises(IntegrityError):
        store.add(msgspec.structs.replace(OTHER, webhook_id="3"))
