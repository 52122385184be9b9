"""The table of docs/command-line.md, made from the grammar. `python -m tests.docs.command_line_document` writes it into the document."""

from __future__ import annotations

from pathlib import Path

from operations.incidents.command_line import GRAMMAR, Kind, Slot

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"
BEGIN, END = "<!-- table verbs -->", "<!-- end -->"


def verb_table() -> list[str]:
    lines = ["| line | Chinese | command | does | asks first |", "|---|---|---|---|---|"]
    for verb in GRAMMAR:
        line = " ".join([verb.name, *map(_slot, verb.slots)])
        command = f"`{verb.command}`" if verb.command else "the page's own"
        lines.append(f"| `{line}` | {verb.zh} | {command} | {verb.does} | {'yes' if verb.confirm else ''} |")
    return lines


def _slot(slot: Slot) -> str:
    name = slot.kind.upper() + ("…" if slot.kind in (Kind.UNITS, Kind.TEXT) else "")
    return f"[{name}]" if slot.optional else name


def with_table(document: str) -> str:
    """The document with the text between the marks replaced by the table."""
    head, found, rest = document.partition(BEGIN)
    _, closed, tail = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"{DOCUMENT.name} has no place for the table: put {BEGIN} and {END} where it belongs")
    return "\n".join([head + BEGIN, *verb_table(), END + tail])


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
