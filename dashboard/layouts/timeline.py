"""The timeline: every event with its time, who said it, and how; and the uploads with their pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dash import html

from dashboard.layouts.arrival import position_says
from dashboard.layouts.checks import checks_of
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import empty, section
from dashboard.layouts.said import crews_of, said, size_text, superseded
from dashboard.layouts.scene_recording import playback_address
from dashboard.layouts.video_files import ways_out
from dispatch import events as e
from operations.incidents.deadline_watch import NAME as DEADLINE_WATCH

# An entry made this much later than it happened is marked as entered later.
_LATE_S = 30.0


def timeline(recorded: list[e.Recorded], facts: Facts) -> Any:
    """Newest first."""
    words = facts.words
    if not recorded:
        return section(words("Timeline"), empty(words("Nothing is on record yet.")), name="timeline")
    crews = crews_of(recorded)
    put_right, incident_type = superseded(recorded), _type_of(recorded)
    entries = [_entry(one, crews, incident_type, facts, one.event_id in put_right) for one in reversed(recorded)]
    return section(words("Timeline"), html.Ol(entries), note=str(len(recorded)), name="timeline")


def _type_of(recorded: list[e.Recorded]) -> str:
    """The incident's type, as it was last set."""
    set_ = [one.body.incident_type for one in recorded if isinstance(one.body, e.IncidentReceived | e.IncidentClassified)]
    return set_[-1] if set_ else ""


def _entry(one: e.Recorded, crews: dict[str, str], incident_type: str, facts: Facts, is_superseded: bool) -> html.Li:
    words = facts.words
    told = [html.Time(facts.clock(one.occurred_at)), html.Span(said(one.body, crews, facts), className="what")]
    if isinstance(one.body, e.Arrived):
        told += position_says(one.occurred_at, one.body.position, facts)
    if isinstance(one.body, e.FeedbackGiven):
        told += checks_of(one.body.form, incident_type, facts)
    actor = words("deadline watch") if one.actor == DEADLINE_WATCH else one.actor
    by = actor if one.on_behalf_of is None else words("{actor} for {unit}", actor=actor, unit=facts.callsign(one.on_behalf_of))
    channel = words.channel(one.channel)
    told.append(html.Span(" · ".join(part for part in (by, channel) if part), className="by"))
    late_s = (one.recorded_at - one.occurred_at).total_seconds()
    if late_s > _LATE_S:
        told.append(html.Span(words("entered {late} later", late=words.duration(late_s)), className="late"))
    if is_superseded:
        told.append(html.Span(words("corrected later"), className="late"))
    name = f"event-{one.body.__class__.__struct_config__.tag}"
    return html.Li(told, className=f"{name} superseded" if is_superseded else name)


def uploads(recorded: list[e.Recorded], facts: Facts, beside: Mapping[str, list[Any]], filmed: Collection[str] = ()) -> Any:
    """Photos are shown, videos can be played, other files fetched; who may not see evidence learns how many there are.

    `beside`: what else is known of one, by its id. `filmed`: those that came live from the scene.
    """
    words = facts.words
    found = [one.body for one in recorded if isinstance(one.body, e.UploadAdded)]
    if not found:
        return section(words("Uploads"), empty(words("No photo, video or file yet.")), name="uploads")
    if not facts.may("see_evidence"):
        withheld = empty(words("Photos, videos and files are not shown to your role."))
        return section(words("Uploads"), withheld, note=str(len(found)), name="uploads")
    figures = [_upload(body, facts, beside.get(body.upload_id, []), body.upload_id in filmed) for body in found]
    return section(words("Uploads"), html.Div(figures, className="gallery"), note=str(len(found)), name="uploads")


def _watched(facts: Facts) -> str:
    """Who watches, and when, for over a video. A page that shows the past does not know the present."""
    return facts.account if facts.is_past else f"{facts.account} · {facts.date(facts.now)} {facts.clock(facts.now)}"


def _upload(body: e.UploadAdded, facts: Facts, beside: list[Any], is_filmed: bool = False) -> html.Figure:
    address = f"/uploads/{body.upload_id}"
    said = [html.Figcaption(f"{body.filename} · {size_text(body.size_bytes)} · SHA-256 {body.sha256[:12]}…"), *beside]
    if body.mismatched:
        shown: Any = html.A(body.filename, href=address, download=body.filename)
        said.append(
            html.P(facts.words("Kept apart: it is not what it was announced as ({type}).", type=body.media_type), className="notice")
        )
    elif body.media_type.startswith("image/"):
        shown = html.A(html.Img(src=address, alt=body.filename), href=address, target="_blank")
    elif body.media_type.startswith("video/"):
        video = html.Video(src=playback_address(body.upload_id) if is_filmed else address, controls=True, preload="metadata")
        shown = html.Div([video, html.Div(_watched(facts), className="watermark")], className="watched")
        said.append(ways_out(body.upload_id, body.sha256, facts.words, facts.may("export")))
    else:
        shown = html.A(body.filename, href=address, target="_blank")
    return html.Figure([shown, *said])
