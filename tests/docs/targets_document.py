"""The table of docs/targets.md, made from the built-in targets. `python -m tests.docs.targets_document` writes it into the document."""

from __future__ import annotations

from pathlib import Path

from dispatch.deadlines import load_targets

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "targets.md"
BEGIN, END = "<!-- table targets -->", "<!-- end -->"


def target_table() -> list[str]:
    targets = load_targets()
    lines = ["| step | area | clock starts from | seconds | on miss |", "|---|---|---|---|---|"]
    for row in targets.target:
        seconds = " / ".join(f"{s:g}" if s else "–" for s in row.seconds)
        on_miss = " / ".join(on_miss if seconds else "–" for on_miss, seconds in zip(row.on_miss, row.seconds, strict=True))
        lines.append(f"| `{row.step}` | {row.area or 'everywhere'} | `{row.start}` | {seconds} | {on_miss} |")
    lines += ["", "| asked on the scene whether all is well | seconds |", "|---|---|"]
    for asked in targets.check_in:
        seconds = " / ".join(f"{s:g}" if s else "–" for s in asked.seconds)
        lines.append(f"| {', '.join(f'`{kind}`' for kind in asked.types) or 'all other types'} | {seconds} |")
    waits = ("repush_after_s", "climb_after_s", "check_in_grace_s")
    return [*lines, "", ", ".join(f"`{name}` is {getattr(targets, name):g}" for name in waits) + "."]


def with_table(document: str) -> str:
    """The document with the text between the marks replaced by the table."""
    head, found, rest = document.partition(BEGIN)
    _, closed, tail = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"{DOCUMENT.name} has no place for the table: put {BEGIN} and {END} where it belongs")
    return "\n".join([head + BEGIN, *target_table(), END + tail])


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
