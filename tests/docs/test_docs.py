"""Documents can't rot: what the code offers appears in them, and what they name exists."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from dispatch.catalogue import load_catalogue
from geodata.datum import DATUMS
from operations.outgoing.webhook_worker import DISABLED_AFTER_S
from operations.tracking.quality import CHECKS
from settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(p for p in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(name: str) -> list[list[str]]:
    """Cells of every table row of a document."""
    return [[cell.strip() for cell in line.strip("| \n").split("|")] for line in text(name).splitlines() if line.startswith("|")]


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows("docs/settings.md")}
    shown = {True: "yes", False: "no", None: ""}
    expected = {
        f.name: shown.get(f.default, str(f.default)) if not isinstance(f.default, int) or isinstance(f.default, bool) else str(f.default)
        for f in fields(Settings)
    }
    assert {name: documented.get(name) for name in expected} == expected


def packages(file: str) -> set[str]:
    lines = [line for line in text(file).splitlines() if line and not line.startswith("#")]
    return {re.split(r"[=\[]", line)[0] for line in lines}


def test_every_dependency_is_justified_and_none_that_is_not_there() -> None:
    client = json.loads(text("dashboard/client/package.json"))
    used = packages("requirements.txt") | packages("requirements-dev.txt") | set(client["dependencies"]) | set(client["devDependencies"])
    named = {name.strip() for row in rows("docs/dependencies.md") if len(row) == 3 for name in row[0].split(",")} - {"package", "---"}
    assert named == used


def test_every_pinned_package_is_pinned_to_one_version() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        lines = [line for line in text(file).splitlines() if line and not line.startswith("#")]
        assert all(re.fullmatch(r"[A-Za-z0-9_.-]+(\[[a-z]+\])?==[0-9][^ ]*", line) for line in lines), file


def test_every_element_of_the_catalogue_is_documented() -> None:
    catalogue = text("docs/catalogue.md")
    missing = [kind.id for kind in load_catalogue().kinds.values() if f"`{kind.id}`" not in catalogue]
    assert not missing


def test_every_datum_is_named_wherever_they_are_listed() -> None:
    for file in ("docs/api.md", "docs/feeds.md", "docs/glossary.md", "dashboard/api/describe.py"):
        page = text(file).lower().replace("-", "")
        assert [datum for datum in DATUMS if datum not in page] == [], file


def test_the_documents_say_when_a_webhook_is_given_up() -> None:
    assert DISABLED_AFTER_S == 3 * 86_400
    assert "After three days of nothing but failures" in text("docs/api.md")


def test_every_quality_check_is_documented() -> None:
    feeds = text("docs/feeds.md")
    assert [check.__name__ for check in CHECKS if check.__name__ not in feeds] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text(encoding="utf-8"))
    broken = [link for link in links if not (document.parent / link).exists()]
    assert not broken


def test_files_named_in_the_architecture_exist() -> None:
    named = re.findall(r"`((?:[a-z0-9_]+/)+[a-z0-9_.]*|[a-z_]+\.py)`", text("ARCHITECTURE.md"))
    missing = sorted({name for name in named if not (ROOT / name).exists()})
    assert not missing


def test_what_the_architecture_names_in_a_file_is_there() -> None:
    said = re.findall(r"((?:`\w+`(?:, | and )?)+) in `((?:[a-z0-9_]+/)+[a-z0-9_]+\.\w+)`", text("ARCHITECTURE.md"))
    named = [(name, path) for names, path in said for name in re.findall(r"`(\w+)`", names)]
    assert len(named) > 60
    assert [(name, path) for name, path in named if not re.search(rf"\b{name}\b", text(path))] == []


def test_architecture_names_every_room() -> None:
    architecture = text("ARCHITECTURE.md")
    rooms = [p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith((".", "__")) and p.name != "var"]
    assert [room for room in rooms if f"`{room}/`" not in architecture] == []
