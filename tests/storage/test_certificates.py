"""The table of client certificates on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, delete

from storage.accounts import AccountStore, User, users_table
from storage.certificates import Certificate, CertificateStore, certificates_table
from storage.database import open_database
from storage.tables import metadata

CARD = Certificate("a" * 64, "zhang", False, "CN=zhang 010203", 2.5, 1.5)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    is_file = request.param == "sqlite"
    engine = open_database(f"sqlite:///{tmp_path / 'cards.sqlite'}" if is_file else request.getfixturevalue("postgres_url"))
    with engine.begin() as connection:  # the PostgreSQL server is shared by all tests
        for table in (certificates_table, users_table):
            connection.execute(delete(table))
    for name in ("zhang", "li"):
        AccountStore(engine).add_user(User(name, "$argon2id$…", "operator", "330200000000", 1.0))
    yield engine
    engine.dispose()


def test_the_migration_makes_the_table_of_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert [d for d in differences if "certificates" in repr(d)] == []


def test_what_is_given_is_found_by_its_key_and_taken_away(engine: Engine) -> None:
    store = CertificateStore(engine)
    assert store.add(CARD)
    assert not store.add(Certificate("a" * 64, "li", True, "CN=li", 2.5, 1.5))
    assert store.add(Certificate("b" * 64, "li", True, "CN=li", 2.5, 1.5))
    assert store.find(["c" * 64, "a" * 64]) == CARD
    assert store.find(["c" * 64]) is None
    first = store.find(["b" * 64, "a" * 64])
    assert first is not None
    assert first.user_name == "li"
    assert store.of("zhang") == [CARD]
    assert (store.remove_of("zhang"), store.remove_of("zhang")) == (1, 0)
    assert store.find(["a" * 64]) is None
