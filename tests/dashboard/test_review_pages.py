"""The review of an incident on its page, in its report and its table: what is on record, for who may see it."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from openpyxl import load_workbook

from dashboard import review_pages
from dashboard.edge import Edge
from dashboard.figures.stage_chart import LEFT, RIGHT, WIDTH
from dashboard.i18n import words_in
from dashboard.layouts.review_facts import ReviewFacts, verdict_words
from dispatch.commands import Acknowledge, Arrive, Close, CorrectStage, Depart, Feedback, Note, Push
from dispatch.events import UploadAdded
from dispatch.model import Actor, AssignmentStage
from dispatch.rules.guards import MAX_TEXT
from dispatch.stage_line import Verdict
from operations.footage.scene_recording import Asked, Reception
from operations.tracking.reports import FeedSession, PositionReport
from tests.contract.conftest import app
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, degrees, problem_of
from tests.dashboard.test_account import Person
from tests.dashboard.test_account import edge as edge  # the same pages
from tests.operations.recorded import recorded as recorded_video

HOSTILE = "<script>alert('x')</script>\"><img src=http://evil.test/x>"
FEED = FeedSession("gps", Actor("gps", "feed", CITY, kind="token"))
CHECKS = {"seen": True, "<b>identity</b>": False}


@pytest.fixture(scope="module")
def reviewer(city: ApiCity, edge: Edge) -> Person:
    return Person(city, edge, "reviewer", CITY)


@pytest.fixture(scope="module")
def incident_id(city: ApiCity) -> str:
    """One that went the whole way: the far crew was sent, and everything that people write is hostile."""
    far, near = "review-far", "review-near"
    city.unit(far, at_m=None, callsign=f"FAR{HOSTILE}")
    city.unit(near, at_m=None, callsign=f"NEAR{HOSTILE}")
    places = ((far, degrees(0, 0)), (near, degrees(400, 500)))
    fixes = [PositionReport(unit_id=unit_id, lon=lon, lat=lat, position_at=city.clock.now()) for unit_id, (lon, lat) in places]
    assert city.run(city.services.intake.positions(fixes, FEED)) == []
    city.clock.advance(2)
    incident_id = str(city.incident(text=HOSTILE, address=f"here {HOSTILE}")["incident_id"])
    city.clock.advance(5)
    city.handle(Push(incident_id=incident_id, unit_ids=(far,)))
    crew = Actor(far, "officer", WEST, unit_id=far)
    for step in (Acknowledge, Depart, Arrive):
        city.clock.advance(100)
        city.handle(step(incident_id=incident_id, unit_ids=(far,)), crew)
    city.handle(Note(incident_id=incident_id, text=f"note {HOSTILE}"))
    form = {"checks": CHECKS, f"field {HOSTILE}": HOSTILE}
    city.handle(Feedback(incident_id=incident_id, unit_ids=(far,), text=f"done {HOSTILE}", form=form), crew)
    city.run(_uploaded(city, incident_id))
    city.run(_filmed(city, incident_id, far))
    city.handle(Close(incident_id=incident_id, disposition="settled", text=HOSTILE))
    city.clock.advance(60)
    writer = city.services.tracks._writer  # type: ignore[attr-defined]
    writer.take()
    writer.write()
    return incident_id


async def _uploaded(city: ApiCity, incident_id: str) -> None:
    evidence, photo = city.services.evidence, b"\xff\xd8\xff" + b"0" * 40
    desk = Actor("west-desk", "operator", WEST)
    begun = await evidence.begin(desk, incident_id, "a<b>.jpg", "image/jpeg", len(photo), None)
    await evidence.append(begun.upload_id, 0, photo)


async def _filmed(city: ApiCity, incident_id: str, unit_id: str) -> None:
    now = city.clock.now()
    asked = Asked("6" * 32, incident_id, "video/webm", now, now)
    crew = Actor("west-phone", "officer", WEST, unit_id=unit_id)
    reception = await city.services.scene_video.begin(crew, city.services.handler.picture.units[unit_id], asked)
    assert isinstance(reception, Reception)
    await reception.take(0, int(now.timestamp() * 1000), recorded_video())
    assert await reception.end(1) is not None


def page(person: Person, incident_id: str, language: str = "en", status: int = 200) -> str:
    answer = person.ask("GET", f"/review/{incident_id}?lang={language}")
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.text)


class Parsed(HTMLParser):
    """What a browser makes of a page: elements, their attributes, the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_shows_every_part_of_what_is_on_record(city: ApiCity, reviewer: Person, incident_id: str) -> None:
    shown = Parsed(page(reviewer, incident_id))
    sections = [attributes["class"] for attributes in shown.named("section")]
    assert sections == ["stages", "promises", "nearest", "map", "written", "files", "similar", "conclusions", "journal"]
    assert "late" in shown.text
    assert "entered" not in shown.text
    assert f"NEAR{HOSTILE} · 西门派出所 could go and was nearer" in shown.text
    assert f"FAR{HOSTILE} · 西门派出所" in shown.text, "several brigades may call a crew so"
    assert "1 of 2 checks" in shown.text
    assert "✗ <b>identity</b>" in shown.text
    events = city.run(city.services.history.timeline(incident_id))
    assert all(one.hash in page(reviewer, incident_id) for one in events)
    photo, film = [one.body for one in events if isinstance(one.body, UploadAdded)]
    assert photo.sha256 in shown.text
    (player,) = [json.loads(str(a["data-in-step"])) for a in shown.named("div") if "data-in-step" in a]
    assert [(clip["id"], clip["label"]) for clip in player["clips"]] == [(film.upload_id, f"FAR{HOSTILE}")]
    assert player["config"]["viewer"] == reviewer.name, "who watches is laid over what plays"
    assert "复盘" in page(reviewer, incident_id, "zh")


def test_nothing_that_people_wrote_becomes_markup(city: ApiCity, reviewer: Person, incident_id: str) -> None:
    answer = reviewer.ask("GET", f"/review/{incident_id}/report.html?lang=en")
    for html in (page(reviewer, incident_id), answer.text):
        parsed = Parsed(html)
        assert not [a for a in parsed.named("img")]
        assert "alert('x')" in parsed.text
        assert [a.get("src") for a in parsed.named("script") if not str(a.get("src", "")).startswith("/assets/")] == []


def test_the_report_needs_nothing_else(city: ApiCity, reviewer: Person, incident_id: str) -> None:
    answer = reviewer.ask("GET", f"/review/{incident_id}/report.html?lang=en")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-disposition"].startswith("attachment;")
    parsed = Parsed(answer.text)
    names = {name for name, _ in parsed.elements}
    assert names & {"script", "link", "img", "iframe", "video", "object", "base", "form", "a"} == set()
    assert [a for _, attributes in parsed.elements for a in attributes if a in ("src", "href", "action", "data-figure")] == []
    style = "".join(re.findall(r"<style>(.*?)</style>", answer.text, re.S))
    assert "url(" not in style
    assert "@import" not in style
    events = city.run(city.services.history.timeline(incident_id))
    assert all(one.hash in parsed.text for one in events)
    assert reviewer.name in parsed.text
    assert "13800" not in parsed.text
    assert len([a for a in parsed.named("svg") if a.get("class") in ("stage-chart", "track-map")]) == 2
    assert len(answer.content) < 1_000_000


def test_what_is_handed_on_is_written_down_first(city: ApiCity, reviewer: Person, incident_id: str) -> None:
    log = city.services.personal._log
    before = log.read()[-1][0] if log.read() else 0  # type: ignore[attr-defined]
    reviewer.ask("GET", f"/review/{incident_id}/report.html")
    reviewer.ask("GET", f"/review/{incident_id}/report.html")
    reviewer.ask("GET", f"/review/{incident_id}/data.xlsx")
    looks = [(look.actor, look.what, look.subject) for _, look in log.read(before)]  # type: ignore[attr-defined]
    assert looks == [(reviewer.name, what, incident_id) for what in ("report", "report", "report_table")]


def test_the_table_has_the_same(city: ApiCity, reviewer: Person, incident_id: str) -> None:
    answer = reviewer.ask("GET", f"/review/{incident_id}/data.xlsx?lang=en")
    book = load_workbook(io.BytesIO(answer.content))
    rows = {sheet.title: [dict(zip(next(sheet.values), row, strict=True)) for row in list(sheet.values)[1:]] for sheet in book.worksheets}
    (arrive,) = [row for row in rows["Stages"] if row["stage"] == "push to arrival"]
    assert (arrive["unit_id"], arrive["took_s"], arrive["target_s"], arrive["verdict"]) == ("review-far", 300, 300, "done")
    near, far = rows["Who was nearest"]
    assert (near["unit_id"], near["instead_of"], far["sent"]) == ("review-near", "review-far", True)
    assert [row["event"] for row in rows["Journal"]][:2] == ["incident_received", "unit_pushed"]
    assert book["Findings"].max_row == 1


def test_a_review_is_written_signed_and_taken_up_again_on_the_page(city: ApiCity, reviewer: Person, incident_id: str) -> None:
    def send(status: int = 303, **form: str) -> str:
        answer = reviewer.ask("POST", f"/review/{incident_id}?lang=en", data=form)
        assert answer.status_code == status, answer.text
        return str(answer.text)

    def state(shown: str) -> tuple[str, str]:
        """How it looks, and what is said beyond who signed it when."""
        found = re.search(r'class="(state \w+)">Signed by Wu, [\d-]+ [\d:]+([^<]*)<', shown)
        assert found
        return found[1], found[2]

    def version() -> str:
        (field,) = [a["value"] for a in Parsed(page(reviewer, incident_id)).named("input") if a.get("name") == "version"]
        return str(field)

    send(do="add_finding", kind="shortfall", text=f"A nearer crew {HOSTILE}", key="k1")
    send(do="add_finding", kind="shortfall", text=f"A nearer crew {HOSTILE}", key="k1")  # pressed twice
    send(do="comment", text="the road was closed")
    seen = version()
    send(do="comment", text="since then")
    assert "look at what has changed and send again" in Parsed(send(422, do="sign_after_action", name="Wu", version=seen)).text
    send(do="sign_after_action", name="Wu", version=version())
    city.clock.advance(5)
    send(do="comment", text="well seen")
    assert state(page(reviewer, incident_id)) == ("state good", "")
    (crew,) = city.services.handler.picture.incidents[incident_id].assignments
    assert crew.acknowledged_at is not None
    wrong = crew.acknowledged_at - timedelta(seconds=10)
    city.handle(CorrectStage(incident_id=incident_id, unit_ids=(crew.unit_id,), stage=AssignmentStage.ACKNOWLEDGED, at=wrong, text="heard"))
    shown = page(reviewer, incident_id)
    assert state(shown) == ("state open", "; the record has changed since: 1 events")
    assert shown.count("<b>Shortfall</b>") == 1
    assert "Revision 1 signed by Wu" in Parsed(shown).text
    assert 'value="add_finding"' not in shown
    assert "revise it first" in Parsed(send(422, do="add_finding", kind="good", text="x")).text
    send(do="revise_after_action", text="the crew was heard")
    assert "revision 2 is not signed" in Parsed(page(reviewer, incident_id)).text
    assert "There is no form" in Parsed(send(422, do="delete")).text
    found = city.get(f"/incidents/{incident_id}", role="reviewer").json()["after_action"]
    assert (found["revision"], found["signed_by"], found["comments"], len(found["findings"])) == (2, "", 3, 1)
    told = city.get(f"/incidents/{incident_id}/timeline", role="reviewer").json()["events"]
    assert [one["revision"] for one in told] == sorted({one["revision"] for one in told})  # the journal's, of every event
    assert [one["review_revision"] for one in told if "review_revision" in one] == [1, 1, 2]


def test_the_line_of_an_open_incident_goes_on_until_now(city: ApiCity, reviewer: Person) -> None:
    city.unit("review-open", at_m=None)
    incident_id = str(city.incident()["incident_id"])
    city.clock.advance(100)
    city.handle(Push(incident_id=incident_id, unit_ids=("review-open",)))
    city.clock.advance(100)
    city.handle(
        Acknowledge(incident_id=incident_id, unit_ids=("review-open",)), Actor("review-open", "officer", WEST, unit_id="review-open")
    )
    city.clock.advance(800)
    found = re.search(r'class="bar depart undone" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', page(reviewer, incident_id))
    assert found
    per_s = (WIDTH - LEFT - RIGHT) / 1060.0  # and a margin
    assert (float(found[1]), float(found[2])) == pytest.approx((LEFT + 200 * per_s, 800 * per_s), abs=0.2)


def test_a_table_that_can_not_be_made_was_not_handed_out(
    city: ApiCity, reviewer: Person, incident_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: ReviewFacts) -> bytes:
        raise ValueError("no such character")

    log = city.services.personal._log
    before = log.read()[-1][0] if log.read() else 0  # type: ignore[attr-defined]
    monkeypatch.setattr(review_pages, "review_workbook", refuses)
    problem_of(reviewer.ask("GET", f"/review/{incident_id}/data.xlsx"), 500)
    assert "report_table" not in [look.what for _, look in log.read(before)]  # type: ignore[attr-defined]


def test_what_was_typed_into_a_refused_form_is_not_lost(city: ApiCity, reviewer: Person, incident_id: str) -> None:
    def refused(**form: str) -> str:
        answer = reviewer.ask("POST", f"/review/{incident_id}?lang=en", data=form)
        assert answer.status_code == 422, answer.text
        return str(answer.text)

    def typed(html: str) -> list[str]:
        return [unescape(text) for text in re.findall(r"<textarea[^>]*>(.*?)</textarea>", html, re.S)]

    long = f"{HOSTILE}{'x' * MAX_TEXT}"
    assert typed(page(reviewer, incident_id)) == ["", ""]
    assert typed(refused(do="comment", text=long)) == ["", long]
    shown = refused(do="add_finding", kind="measure", text=long)
    assert typed(shown) == [long, ""]
    assert {"value": "measure", "selected": None} in Parsed(shown).named("option")
    reviewer.ask("POST", f"/review/{incident_id}", data={"do": "add_finding", "kind": "good", "text": "well done"})
    finding_id = [str(a["value"]) for a in Parsed(page(reviewer, incident_id)).named("option")][-1]
    shown = refused(do="add_finding", kind="measure", text=long, replaces=finding_id)
    assert {"value": finding_id, "selected": None} in Parsed(shown).named("option")
    shown = refused(do="sign_after_action", name="Wu <Min>", version="1")
    assert [a["value"] for a in Parsed(shown).named("input") if a.get("name") == "name"] == ["Wu <Min>"]
    assert "<blockquote>gone</blockquote>" in refused(do="revise_after_action", text="gone")  # no form for it while nothing is signed


def test_the_api_says_the_same(city: ApiCity, incident_id: str) -> None:
    found = city.get(f"/incidents/{incident_id}/review", role="reviewer").json()
    (push,) = found["pushes"]
    assert (push["standing"], [(one["unit_id"], one["sent"]) for one in push["crews"]]) == (
        "nearer",
        [("review-near", False), ("review-far", True)],
    )
    assert {span["stage"]: span["verdict"] for span in found["spans"] if span["unit_id"]} == {
        "acknowledge": "late",
        "depart": "late",
        "arrive": "done",
        "feedback": "done",
    }
    assert found["similar"]["figures"]["incidents"] == 0
    problem_of(city.get("/incidents/none/review", role="reviewer"), 404)


def test_the_command_line_writes_the_same_report_beside_a_running_server(city: ApiCity, incident_id: str, tmp_path: Path) -> None:
    folder, out = city.services.city.folder, tmp_path / "report.html"
    given = ("--data", str(folder.parent / "data"), "--city", str(folder), "--language", "en")
    done = app("export", "incident", incident_id, "--out", str(out), *given)
    assert (done.code, done.err) == (0, "")
    text = Parsed(out.read_text(encoding="utf-8")).text
    assert f"NEAR{HOSTILE} · 西门派出所 could go and was nearer" in text
    assert "command-line" in text
    log = city.services.personal._log
    assert [(look.actor, look.what, look.channel) for _, look in log.read()][-1] == ("command-line", "report", "command-line")  # type: ignore[attr-defined]
    for wrong, said in ((("none",), "no incident none"), ((incident_id, "--data", str(tmp_path)), "there is no journal")):
        done = app("export", "incident", *given, "--out", str(out), *wrong)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_who_may_see_it_and_write_in_it(city: ApiCity, edge: Edge, incident_id: str) -> None:
    operator = Person(city, edge, "operator", WEST)
    shown = page(operator, incident_id)
    assert "<form" not in shown
    assert "report.html" not in shown
    problem_of(operator.ask("GET", f"/review/{incident_id}/report.html"), 403)
    assert operator.ask("POST", f"/review/{incident_id}", data={"do": "comment", "text": "x"}).status_code == 422
    assert Person(city, edge, "viewer", CITY).ask("GET", f"/review/{incident_id}").status_code == 403
    assert Person(city, edge, "reviewer", EAST).ask("GET", f"/review/{incident_id}").status_code == 404
    assert city.get(f"/incidents/{incident_id}", role="viewer").json()["after_action"] is None
    kinds = {
        role: {one["event"] for one in city.get(f"/incidents/{incident_id}/timeline", role=role).json()["events"]}
        for role in ("viewer", "reviewer")
    }
    assert kinds["reviewer"] - kinds["viewer"] == {"finding_added", "comment_added", "after_action_signed", "after_action_revised"}


def test_everything_has_a_word() -> None:
    assert set(verdict_words(words_in("zh"))) == set(Verdict)
