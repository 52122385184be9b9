"""Every word the program shows, as found in its sources: what a catalogue must translate.

`python -m dashboard.locale.extract` prints the entries that a catalogue lacks, ready to be filled in.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_file

from dashboard.i18n import read_catalogue

DASHBOARD = Path(__file__).parents[1]
Entry = tuple[str | None, str]  # context, message
_PYTHON = {"words": None, "spoken": None, "pgettext": ((1, "c"), 2)}
_JAVASCRIPT = {"t": None}


def used_words() -> Iterator[Entry]:
    """Context and message of every word in Python and JavaScript sources, also repeatedly."""
    for path in sorted(path for room in (".", "layouts", "callbacks", "figures") for path in DASHBOARD.glob(f"{room}/*.py")):
        yield from _in_file("python", path, _PYTHON)
    client = DASHBOARD / "client" / "src"
    for path in sorted([*client.glob("*.js"), *client.glob("video/*.js")]):
        yield from _in_file("javascript", path, _JAVASCRIPT)


def missing_words(language: str) -> list[Entry]:
    """Words that the language's catalogue does not translate, each once."""
    catalogue = read_catalogue(language)
    missing = []
    for context, message in dict.fromkeys(used_words()):
        known = catalogue.get(message, context)
        if known is None or not known.string:
            missing.append((context, message))
    return missing


def _in_file(method: str, path: Path, keywords: dict) -> Iterator[Entry]:
    for _line, message, _comments, context in extract_from_file(method, path, keywords=keywords, options={"parse_template_string": True}):
        if isinstance(message, str):
            yield context, message


if __name__ == "__main__":
    for context, message in missing_words("zh"):
        lines = [f'msgctxt "{context}"'] if context else []
        sys.stdout.write("\n".join([*lines, f'msgid "{message}"', 'msgstr ""', "", ""]))
