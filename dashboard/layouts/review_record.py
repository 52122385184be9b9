"""Of a review: what was said and written, files, similar incidents, the journal. HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import Any

from dashboard.figures.range_bar import range_bar
from dashboard.i18n import client_words
from dashboard.layouts.kpi import stage_words
from dashboard.layouts.plain_page import in_address
from dashboard.layouts.review_facts import ReviewFacts, length, nothing, section
from dashboard.layouts.said import crews_of, said, size_text, superseded
from dashboard.layouts.statistics import percent, table
from dashboard.layouts.video_files import copy_address, original_address
from dispatch import events as e
from dispatch.events import Recorded
from dispatch.kpis import StageFigures
from dispatch.stage_line import Verdict
from operations.footage.clip_list import in_step as clips_in_step
from operations.incidents.deadline_watch import NAME as DEADLINE_WATCH
from storage.evidence import Manifest

FEW = 10  # similar incidents below which their figures say little
# What people wrote; everything else is in the journal below.
_WRITTEN = (
    e.IncidentReceived,
    e.IncidentClassified,
    e.NoteAdded,
    e.FeedbackGiven,
    e.StageCorrected,
    e.IncidentReviewed,
    e.IncidentReturned,
    e.IncidentClosed,
    e.IncidentEnded,
    e.IncidentReopened,
    e.CalledBack,
    e.IncidentEscalated,
    e.HandoverOffered,
    e.HandoverRefused,
    e.HandoverAccepted,
    e.PushRefused,
    e.PushRecalled,
    e.UnitReleased,
    e.ServiceCalled,
    e.AlarmTaken,
)
MOST_FORM_FIELDS = 60  # a form is whatever a program sent
MOST_FORM_TEXT = 2_000  # characters of one field


def written(view: ReviewFacts) -> str:
    """Messages and feedback in full, with their check-lists; oldest first."""
    words, recorded = view.words, view.review.recorded
    title = words("Messages and feedback")
    crews = crews_of(list(recorded))
    entries = [_entry(view, one, crews) for one in recorded if isinstance(one.body, _WRITTEN) and _says_something(one.body)]
    if not entries:
        return section(title, "", nothing(words("Nothing was written.")), "written")
    return section(title, "", f'<ol class="written">{"".join(entries)}</ol>', "written")


def _says_something(body: Any) -> bool:
    return bool(
        getattr(body, "text", "") or getattr(body, "reason", "") or getattr(body, "form", None) or isinstance(body, e.IncidentClosed)
    )


def _entry(view: ReviewFacts, one: Recorded, crews: dict[str, str]) -> str:
    body = one.body
    text = body.text if isinstance(body, e.IncidentReceived | e.IncidentClassified) else ""
    more = f"<blockquote>{escape(text)}</blockquote>" if text else ""
    if isinstance(body, e.FeedbackGiven):
        more += _checks(view, body) + _form(view, body)
    head = f"<p>{escape(said(body, crews, view.facts))}</p>"
    return f'<li><time>{escape(view.at(one.occurred_at))}</time><div>{head}{more}</div><span class="by">{escape(by(view, one))}</span></li>'


def by(view: ReviewFacts, one: Recorded) -> str:
    """Who said it, for whom, and how."""
    words = view.words
    actor = words("deadline watch") if one.actor == DEADLINE_WATCH else one.actor
    who = actor if one.on_behalf_of is None else words("{actor} for {unit}", actor=actor, unit=view.crew(one.on_behalf_of))
    return " · ".join(filter(None, (who, words.channel(one.channel))))


def _checks(view: ReviewFacts, body: e.FeedbackGiven) -> str:
    """Every item of the check-list, seen to or not."""
    words, facts, checks = view.words, view.facts, body.form.get("checks")
    if not isinstance(checks, dict) or not checks:
        return ""
    checklist = facts.codes.checklist_for(view.review.incident.incident_type)
    known = {item.id: item for item in checklist.item} if checklist else {}
    items = []
    for key in [*(item for item in known if item in checks), *(item for item in checks if item not in known)][:MOST_FORM_FIELDS]:
        item, done = known.get(key), checks[key] is True
        name = words.pick(item.zh, item.en) if item else str(key)[:80]
        name = words("{item} (required)", item=name) if item and item.required else name
        items.append(f'<li class="{"done" if done else "lacking"}">{"✓" if done else "✗"} {escape(name)}</li>')
    seen_to = sum(value is True for value in checks.values())
    count = words("{n} of {m} checks", n=seen_to, m=len(checks))
    return f'<p class="muted">{escape(count)}</p><ul class="checks">{"".join(items)}</ul>'


def _form(view: ReviewFacts, body: e.FeedbackGiven) -> str:
    """The other fields of the form as they were sent."""
    fields = [(key, value) for key, value in body.form.items() if key != "checks" and value not in (None, "", [], {})]
    rows = "".join(
        f"<dt>{escape(str(key)[:80])}</dt><dd>{escape(str(value)[:MOST_FORM_TEXT])}</dd>" for key, value in fields[:MOST_FORM_FIELDS]
    )
    return f"<dl>{rows}</dl>" if rows else ""


# Files ----------------------------------------------------------------------------------------------------------------------


def files(view: ReviewFacts) -> str:
    """Photos, videos and files with their checksums; scene video with its instants and a way to that moment."""
    words, review = view.words, view.review
    title = words("Files and recordings")
    added = [one for one in review.recorded if isinstance(one.body, e.UploadAdded)]
    if review.uploads is None:
        return section(title, "", nothing(words("Photos, videos and files are not shown to your role.")), "files")
    if not added:
        return section(title, "", nothing(words("No photo, video or file yet.")), "files")
    note = words("SHA-256 is of the bytes that are kept, and stands in the journal since they came in.")
    heads = (words("File"), words("size"), words("taken"), words("came in"), words("sent in by"), "SHA-256")
    rows = [_file(view, one, one.body, review.uploads.get(one.body.upload_id)) for one in added if isinstance(one.body, e.UploadAdded)]
    return section(title, note, f'{in_step(view)}<div class="wide">{table(heads, rows)}</div>', "files")


def in_step(view: ReviewFacts) -> str:
    """Players of what was filmed, all on one clock (`client/src/review.js`); nothing where nothing of known time was."""
    words, clips = view.words, _clips(view)
    if not clips or not view.linked:
        return ""
    catalogue = client_words(words.language)
    config = {
        "lang": words.language,
        "time_zone": view.facts.zone.key,
        "viewer": view.facts.account,  # laid over every picture, with the time
        "now_s": view.facts.now.timestamp(),
        "words": {word: catalogue.get(word, word) for word in _PLAYER_WORDS},
    }
    data = escape(json.dumps({"clips": clips, "config": config}, ensure_ascii=False), quote=True)
    play, time, speed = words("Play"), words("Time"), words("Speed")
    speeds = "".join(f'<option value="{one}"{" selected" if one == 1 else ""}>{one:g}×</option>' for one in (0.5, 1, 2, 4, 8))
    controls = (
        f'<div class="controls"><button type="button" aria-label="{escape(play)}">▶</button>'
        f'<input type="range" min="0" value="0" step="0.1" aria-label="{escape(time)}"><time></time>'
        f'<select aria-label="{escape(speed)}">{speeds}</select></div>'
    )
    return f'<div id="in-step" data-in-step="{data}">{controls}<div class="tiles"></div></div>'


# Of the players, in the browser.
_PLAYER_WORDS = ("Recorded", "Begins in {time}", "Ended at {time}", "time of arrival", "This clip can't be played here.")


def _clips(view: ReviewFacts) -> list[dict[str, Any]]:
    """Clips of cameras and what phones filmed, by their beginnings; each with its first picture's instant and its length."""
    return [clip | {"start_at": clip["start_at"].isoformat()} for clip in clips_in_step((view.review.uploads or {}).values(), view.crew)]


def _file(view: ReviewFacts, one: Recorded, body: e.UploadAdded, kept: Manifest | None) -> tuple[str, ...]:
    words = view.words
    taken, ended = _taken(body, kept)
    name = escape(body.filename)
    if view.linked and body.media_type.startswith("video/") and not body.mismatched:
        # The clips above are to be looked at; here it is taken away.
        ways = [(copy_address(body.upload_id), words("Copy with your name and the time"))]
        if view.facts.may("export"):
            ways.append((original_address(body.upload_id), words("The original")))
        name += "".join(f' · <a href="{escape(address)}" target="_blank">{escape(said)}</a>' for address, said in ways)
    elif view.linked:
        name = f'<a href="/uploads/{escape(body.upload_id)}">{name}</a>'
    marks = [words("kept apart: not what it was announced as")] * body.mismatched
    if kept is not None and kept.scene is not None and not kept.scene.whole:
        marks.append(words("not whole"))
    if kept is None:
        marks.append(words("not on this node"))
    remark = f' <span class="warn">{escape(" · ".join(marks))}</span>' if marks else ""
    when = "" if taken is None else escape(view.at(taken)) + ("" if ended is None else f" – {escape(view.at(ended))}")
    if view.linked and taken is not None:
        replay = words("Replay from here")
        when = f'<a href="{escape(replay_address(body.incident_id, taken))}" title="{escape(replay)}">{when}</a>'
    crew = view.crew(body.unit_id) if body.unit_id else one.actor
    return (
        f"{name}{remark}",
        escape(size_text(body.size_bytes)),
        when,
        escape(view.at(one.recorded_at)),
        escape(crew),
        f"<code>{escape(body.sha256)}</code>",
    )


def _taken(body: e.UploadAdded, kept: Manifest | None) -> tuple[datetime | None, datetime | None]:
    if kept is not None and kept.scene is not None:
        return kept.scene.began_at, kept.scene.ended_at
    return (kept.photo_at if kept is not None and kept.photo_at is not None else body.taken_at), None


def replay_address(incident_id: str, at: datetime) -> str:
    """The whole screen at that moment."""
    return f"/replay?at={in_address(at.isoformat())}&incident={in_address(incident_id)}"


# Similar incidents ------------------------------------------------------------------------------------------------------------


def similar(view: ReviewFacts) -> str:
    """Stage by stage beside incidents of the same type, grade and kind of place."""
    words, found = view.words, view.review.similar
    title = words("Beside similar incidents")
    if found is None:
        return section(title, "", nothing(words("Response times are not shown to your role.")), "similar")
    incident, n = view.review.incident, found.figures.incidents
    what = {"type": view.facts.type_name(incident.incident_type), "grade": words.grade(incident.grade), "area": _area(found.area, view)}
    note = words("{n} incidents of the year before: {type}, {grade}, {area}, in your scope.", n=n, **what)
    if not n:
        return section(title, note, "", "similar")
    if n < FEW:
        note += " " + words("Too few to say much.")
    own = _own(view)
    heads = (words("Stage"), "n", "p50", "p90", words("within target"), words("this one"), "")
    rows = [_stage(view, one, own.get(one.stage)) for one in found.figures.stages if one.n]
    return section(title, note, f'<div class="wide">{table(heads, rows)}</div>', "similar")


def _stage(view: ReviewFacts, one: StageFigures, value: float | None) -> tuple[str, ...]:
    """Each stage has a scale of its own: a closing takes hours, an acknowledgement seconds."""
    words, name = view.words, stage_words(view.words)[one.stage]
    most = max(figure for figure in (one.p90_s, one.p50_s, value, 1.0) if figure is not None) * 1.05
    return (
        escape(name),
        str(one.n),
        escape(length(one.p50_s, words)),
        escape(length(one.p90_s, words)),
        percent(one.within_target),
        escape(length(value, words)),
        range_bar(one.p50_s, one.p90_s, value, most, name),
    )


def _own(view: ReviewFacts) -> dict[str, float]:
    """How long each stage took here; of crews the first that has it."""
    found: dict[str, float] = {}
    for span in view.review.spans:
        if span.verdict in (Verdict.DONE, Verdict.LATE) and span.took_s is not None:
            found.setdefault(span.stage, span.took_s)
    return found


def _area(area: str, view: ReviewFacts) -> str:
    words = view.words
    return {"town": words("town"), "outskirts": words("outskirts"), "country": words("country")}[area]


# The journal ------------------------------------------------------------------------------------------------------------------


def journal(view: ReviewFacts) -> str:
    """Every event with its place in the chain of hashes."""
    words, recorded = view.words, view.review.recorded
    note = words(
        "{n} events. Each carries the SHA-256 of the event before it in the whole journal and of its own bytes; `app.py verify` reads the "
        "chain back.",
        n=len(recorded),
    )
    heads = (words("No."), words("happened"), words("recorded"), words("What"), words("by"), words("hash"))
    rows = list(_events(view))
    return section(words("Journal"), note, f'<div class="wide">{table(heads, rows)}</div>', "journal")


def _events(view: ReviewFacts) -> Iterator[tuple[str, ...]]:
    recorded, words = list(view.review.recorded), view.words
    crews, put_right = crews_of(recorded), superseded(recorded)
    for one in recorded:
        what = said(one.body, crews, view.facts)
        if one.event_id in put_right:
            what = " · ".join((what, words("corrected later")))
        yield (
            str(one.revision),
            escape(view.at(one.occurred_at)),
            escape(view.at(one.recorded_at)),
            escape(what),
            escape(by(view, one)),
            f'<code title="{escape(one.hash)}">{escape(one.hash if not view.linked else one.hash[:16] + "…")}</code>',
        )
