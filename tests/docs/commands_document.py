"""The tables of docs/commands.md, made from the code. `python -m tests.docs.commands_document` writes them into the document."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, get_args

import msgspec

from dispatch.commands import Command, IncidentCommand
from dispatch.decide import RULES
from dispatch.event_bases import Event
from dispatch.events import AnyEvent

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "commands.md"
REFUSALS = {"NotFound": 404, "Conflict": 409, "RuleViolation": 422, "NotPermitted": 403, "Unavailable": 503}
BASES = (Command, IncidentCommand)
# Filled in by the system, never sent.
INTERNAL = {"promises", "arrive_within_s", "positions", "position", "caller_digest", "reviewed_first"}


def command_table() -> list[str]:
    lines = ["| command | fields | does | guards |", "|---|---|---|---|"]
    for kind, rule in RULES.items():
        common = {name for base in BASES for name in base.__struct_fields__}
        fields = [_field(f) for f in msgspec.structs.fields(kind) if f.name not in common | INTERNAL]
        guards = " ".join(f"`{guard.__name__}`" for guard in rule.guards)
        lines.append(f"| `{_tag(kind)}` | {' '.join(fields) or '–'} | {_first_line(rule.then)} | {guards} |")
    return lines


def guard_table() -> list[str]:
    guards = dict.fromkeys(guard for rule in RULES.values() for guard in rule.guards)
    return ["| guard | what must hold |", "|---|---|", *(f"| `{guard.__name__}` | {_first_line(guard)} |" for guard in guards)]


def event_table() -> list[str]:
    lines = ["| event | fields | |", "|---|---|---|"]
    for kind in get_args(AnyEvent):
        fields = " ".join(f"`{name}`" for name in kind.__struct_fields__)
        own = (
            (kind.__doc__ or "").strip().splitlines()[0]
            if kind.__doc__ not in {base.__doc__ for base in (Event, *kind.__mro__[1:])}
            else ""
        )
        lines.append(f"| `{_tag(kind)}` | {fields} | {own} |")
    return lines


def refusal_table() -> list[str]:
    """Every rule a refusal of the domain or of the handler can name, with its HTTP status."""
    found: dict[str, set[int]] = {}
    for path in [
        *sorted((ROOT / "dispatch").rglob("*.py")),
        *(ROOT / "operations" / "incidents" / f"{n}.py" for n in ("handle", "batch", "writer", "enrich")),
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS and node.args:
                rule = node.args[0]
                if isinstance(rule, ast.Constant):
                    found.setdefault(str(rule.value), set()).add(REFUSALS[node.func.id])
    return ["| rule | status |", "|---|---|", *(f"| `{rule}` | {', '.join(map(str, sorted(found[rule])))} |" for rule in sorted(found))]


TABLES = {"commands": command_table, "guards": guard_table, "events": event_table, "refusals": refusal_table}


def with_tables(document: str) -> str:
    """The document with the text between each pair of marks replaced by the table they name."""
    for name, table in TABLES.items():
        begin, end = f"<!-- table {name} -->", "<!-- end -->"
        head, found, rest = document.partition(begin)
        _, closed, tail = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{DOCUMENT.name} has no place for the table {name}: put {begin} and {end} where it belongs")
        document = "\n".join([head + begin, *table(), end + tail])
    return document


def _tag(kind: Any) -> str:
    return str(kind.__struct_config__.tag)


def _field(field: msgspec.structs.FieldInfo) -> str:
    return f"`{field.name}`" if field.required else f"`{field.name}?`"


def _first_line(function: Any) -> str:
    return " ".join((function.__doc__ or "").split("\n\n")[0].split())


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
