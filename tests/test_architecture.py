"""The house rules that a linter can't hold: who may ask for the time, what importing may do, where ids live."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("dashboard", "feeds", "operations", "storage", "dispatch", "geodata")
WALL_CLOCK = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"), ("time", "time_ns")}
# The clock itself, and the simulator, which is a program of its own with its own command line.
MAY_ASK_THE_TIME = {"dispatch/clock.py"}


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield path.relative_to(ROOT), parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def wall_clock_calls(tree: ast.Module) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in WALL_CLOCK
    ]


def test_only_the_clock_asks_the_machine_for_the_time() -> None:
    found = {f"{path}:{line}" for path, tree in sources(*PACKAGES) if str(path) not in MAY_ASK_THE_TIME for line in wall_clock_calls(tree)}
    assert not found


def test_the_clock_check_sees_a_planted_call() -> None:
    assert wall_clock_calls(ast.parse("from datetime import datetime\nx = datetime.now()\n")) == [2]


def modules() -> list[str]:
    names = []
    for path, _ in sources(*PACKAGES):
        if path.name == "__main__.py" or "migrations" in path.parts:
            continue
        names.append(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    return names


def test_importing_starts_nothing() -> None:
    """Every module is imported in a fresh interpreter; no thread, child process, Dash callback or open socket may result."""
    program = f"""
import importlib, threading, sys
for name in {modules()!r}:
    importlib.import_module(name)
import multiprocessing, os
from dash import _callback
assert threading.active_count() == 1, threading.enumerate()
assert not multiprocessing.active_children()
assert not _callback.GLOBAL_CALLBACK_LIST, _callback.GLOBAL_CALLBACK_LIST
links = ['/proc/self/fd/' + name for name in os.listdir('/proc/self/fd')]
sockets = [link for link in links if os.path.islink(link) and os.readlink(link).startswith('socket')]
assert not sockets, sockets
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr


def string_ids(tree: ast.Module) -> list[int]:
    """Lines where a component or a dependency is named by a string constant instead of `ids.NAME`."""
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("Input", "Output", "State") and node.args and isinstance(node.args[0], ast.Constant):
            lines.append(node.lineno)
        lines.extend(k.value.lineno for k in node.keywords if k.arg == "id" and isinstance(k.value, ast.Constant))
    return lines


def test_ids_live_in_one_file() -> None:
    found = {f"{path}:{line}" for path, tree in sources("dashboard/layouts", "dashboard/callbacks") for line in string_ids(tree)}
    assert not found


@pytest.mark.parametrize("planted", ["html.Div(id='queue')", "Input('queue', 'value')"])
def test_the_id_check_sees_a_planted_string(planted: str) -> None:
    assert string_ids(ast.parse(planted)) == [1]


def sync_callbacks(tree: ast.Module) -> list[int]:
    """Lines of callbacks that would run on the event loop and stop every socket while they work."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute) and d.func.attr == "callback" for d in node.decorator_list)
    ]


def test_every_dash_callback_is_async() -> None:
    found = {f"{path}:{line}" for path, tree in sources("dashboard") for line in sync_callbacks(tree)}
    assert not found


def test_the_async_check_sees_a_planted_callback() -> None:
    assert sync_callbacks(ast.parse("@app.callback(x)\ndef on_click(): ...\n")) == [2]


def test_at_most_one_interval() -> None:
    intervals = [
        f"{path}:{node.lineno}"
        for path, tree in sources("dashboard")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Interval"
    ]
    assert len(intervals) <= 1, intervals


def test_report_of_the_longest_files_and_functions(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed, not judged, except that a file nobody can read in one sitting is a finding."""
    lengths = sorted(
        ((len((ROOT / path).read_text(encoding="utf-8").splitlines()), str(path)) for path, _ in sources(*PACKAGES)), reverse=True
    )
    functions = sorted(
        (
            ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path}:{node.name}")
            for path, tree in sources(*PACKAGES)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ),
        reverse=True,
    )
    with capsys.disabled():
        for size, name in lengths[:5] + functions[:5]:
            sys.stdout.write(f"\n    {size:5d} lines  {name}")
    assert lengths[0][0] < 700, lengths[0]
