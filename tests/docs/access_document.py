"""The tables of docs/access.md, printed from the walk. `python -m tests.docs.access_document` writes them into the document."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from operations.access.permissions import Role
from tests.access import expected as ex
from tests.access import walk as w
from tests.access.walk import Step, Walk, walk
from tests.access.world import PLACES, REACHING, Who, access_world

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "access.md"

# Column → who stands in it.
COLUMNS: dict[str, Callable[[Who], bool]] = {
    "nobody": lambda who: who.kind == "nobody",
    **{role.value: lambda who, role=role: (who.role, who.kind) == (role, "token") for role in Role},  # type: ignore[misc]
    "gateway": lambda who: who.kind == "gateway",
    "wall": lambda who: who.kind == "wall",
}
EVERYWHERE, OWN, NEAR, CITY, ABOVE, CREW = "●", "◐", "◐+", "◑", "◓", "◒"
# From which places it was granted, of all that were asked → how that is shown.
SIGNS: dict[frozenset[str], str] = {
    frozenset(PLACES): EVERYWHERE,
    REACHING: OWN,
    frozenset({"city", "elsewhere"}): OWN,  # of what belongs to the other county
    REACHING | {"neighbour"}: NEAR,
    frozenset({"own", "city"}): CITY,
    REACHING - {"own"}: ABOVE,
    frozenset({"own"}): CREW,
}


def cell(steps: Iterable[Step]) -> str:
    """One column of one row: where it was granted, and how it was refused elsewhere."""
    steps = list(steps)
    if not steps:
        return ""
    served = frozenset(step.who.place for step in steps if step.is_served)
    refused = "/".join(sorted({step.outcome for step in steps if not step.is_served} - {"refused"}))
    if served == {step.who.place for step in steps}:
        return EVERYWHERE
    if not served:
        return refused or "–"
    return f"{sign(served)} {refused}".strip()


def sign(places: frozenset[str]) -> str:
    """For these places; where there is none, their names."""
    return SIGNS.get(places) or ", ".join(sorted(places))


def table(found: Walk, kind: str, first: str) -> list[str]:
    """Rows as walked, one a surface."""
    rows: dict[str, list[Step]] = {}
    for step in found.steps:
        if step.kind == kind:
            rows.setdefault(step.surface, []).append(step)
    lines = _head(first, "takes")
    for surface, steps in rows.items():
        cells = (cell(step for step in steps if stands_in(step.who)) for stands_in in COLUMNS.values())
        lines.append(f"| `{surface}` | {_taken(steps[0])} | {' | '.join(cells)} |")
    return lines


def secret_table(found: Walk) -> list[str]:
    """Who read what somewhere."""
    lines = _head("what", "")
    for secret in ex.SECRETS:
        cells = []
        for stands_in in COLUMNS.values():
            askers = {step.who.name: step.who for step in found.steps if stands_in(step.who)}
            readers = {step.who.name for step in found.steps if secret in step.found and stands_in(step.who)}
            places = frozenset(askers[name].place for name in readers)
            cells.append("" if not readers else EVERYWHERE if readers == set(askers) else sign(places))
        lines.append(f"| {secret} | | {' | '.join(cells)} |")
    return lines


def _head(*first: str) -> list[str]:
    names = [*first, *COLUMNS]
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]


def _taken(step: Step) -> str:
    return {ex.PUBLIC: "nothing", ex.EVERYBODY: "a log-in", ex.NOBODY: "shut"}.get(step.takes, f"`{step.takes}`")


TABLES: dict[str, Callable[[Walk], list[str]]] = {
    "routes": lambda found: table(found, w.HTTP, "route"),
    "commands": lambda found: table(found, w.COMMAND, "command"),
    "conversations": lambda found: table(found, w.CONVERSATION, "conversation"),
    "sockets": lambda found: table(found, w.SOCKET, "socket"),
    "messages": lambda found: table(found, w.MESSAGE, "message"),
    "secrets": secret_table,
}


def with_tables(document: str, found: Walk) -> str:
    """The document with the text between each pair of marks replaced by the table they name."""
    for name, made in TABLES.items():
        begin, end = f"<!-- table {name} -->", "<!-- end -->"
        head, opened, rest = document.partition(begin)
        _, closed, tail = rest.partition(end)
        if not (opened and closed):
            raise ValueError(f"{DOCUMENT.name} has no place for the table {name}: put {begin} and {end} where it belongs")
        document = "\n".join([head + begin, *made(found), end + tail])
    return document


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, access_world(Path(folder)) as world:
        walked = walk(world)
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8"), walked), encoding="utf-8")
