"""docs/commands.md shows every command, guard, event and refusal as the code has them."""

from __future__ import annotations

import pytest

from tests.docs.commands_document import DOCUMENT, TABLES, with_tables


def test_the_tables_are_those_of_the_code() -> None:
    """When this fails: `python -m tests.docs.commands_document`."""
    document = DOCUMENT.read_text(encoding="utf-8")
    assert document == with_tables(document)


@pytest.mark.parametrize("name", TABLES)
def test_no_row_lacks_its_words(name: str) -> None:
    rows = TABLES[name]()[2:]
    assert len(rows) > 10
    optional = {"events"}  # an event's name says enough
    assert name in optional or not [row for row in rows if "|  |" in row]


def test_the_rules_of_each_refusal_have_one_status() -> None:
    assert not [row for row in TABLES["refusals"]()[2:] if "," in row]
