"""docs/command-line.md shows the grammar as the code has it; the desk's list of keys names every key there is."""

from __future__ import annotations

import re

import pytest

from dashboard.i18n import words_in
from dashboard.layouts.help import key_help
from dashboard.layouts.page import Page
from operations.incidents.command_line import Kind
from tests.dashboard.pages_world import parts_of
from tests.dashboard.pages_world import words_in as words_in_part
from tests.docs.command_line_document import DOCUMENT, verb_table, with_table

KEYBOARD = DOCUMENT.parents[1] / "dashboard" / "client" / "src" / "keyboard.js"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_table_is_that_of_the_grammar() -> None:
    """When this fails: `python -m tests.docs.command_line_document`."""
    assert with_table(TEXT) == TEXT
    assert "| `push INCIDENT UNITS…` | 派警 | `push` | sends units |  |" in verb_table()


def test_every_kind_of_word_is_explained() -> None:
    explained = TEXT.partition("## The verbs")[0]
    assert [kind for kind in Kind if kind is not Kind.VERB and kind.upper() not in explained] == []


def test_a_document_without_a_place_for_the_table_is_named() -> None:
    with pytest.raises(ValueError, match=r"command-line\.md has no place"):
        with_table("# nothing")


def test_the_list_of_keys_names_every_key_of_the_desk() -> None:
    table = re.search(r"const KEYS = \{(.*?)\n\};", KEYBOARD.read_text(encoding="utf-8"), re.DOTALL)
    assert table is not None
    keys = {quoted or plain for quoted, plain in re.findall(r'^  (?:"(.)"|(\w+)):', table[1], re.MULTILINE)}
    page = Page(words_in("zh"), "dark", actor_name="", role="", demo=False)
    shown = {words_in_part(part) for part in parts_of(key_help(page), "Kbd")}
    arrows = {"ArrowDown": "↓", "ArrowUp": "↑"}
    assert len(keys) > 12
    assert {arrows.get(key, key) for key in keys} - {"："} <= shown
