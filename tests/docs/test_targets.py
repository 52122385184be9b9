"""docs/targets.md shows the built-in targets, and every word a city's targets.toml may say."""

from __future__ import annotations

import re

import msgspec
import pytest

from dispatch.deadlines import CheckIns, OnMiss, Target, Targets
from dispatch.model import Area, Step
from tests.docs.targets_document import DOCUMENT, target_table, with_table

TEXT = DOCUMENT.read_text(encoding="utf-8")
KEYS = [field.encode_name for kind in (Targets, Target, CheckIns) for field in msgspec.structs.fields(kind)]


def test_the_table_is_that_of_the_built_in_targets() -> None:
    """When this fails: `python -m tests.docs.targets_document`."""
    assert with_table(TEXT) == TEXT
    assert "| `arrive` | outskirts | `unit_pushed` | 600 / 600 / 1500 / – | alarm / alarm / supervise / – |" in target_table()


def test_every_word_of_a_file_is_explained() -> None:
    explained = {cell.strip("` []") for cell in re.findall(r"^\| (`[^|]+`) \|", TEXT, re.MULTILINE)}
    assert {*KEYS, *OnMiss} <= explained
    assert [word for word in (*Step, *Area) if f"`{word}`" not in TEXT] == []


def test_a_document_without_a_place_for_the_table_is_named() -> None:
    with pytest.raises(ValueError, match=r"^targets\.md has no place for the table: put <!-- table targets --> and <!-- end -->"):
        with_table("# Targets")
