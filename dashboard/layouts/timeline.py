"""The timeline: every event with its time, who said it, and how; and the uploads with their pictures."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import empty, section
from dispatch import events as e

# An entry made this much later than it happened is marked as entered later.
_LATE_S = 30.0


def timeline(recorded: list[e.Recorded], facts: Facts) -> Any:
    """Newest first."""
    words = facts.words
    if not recorded:
        return section(words("Timeline"), empty(words("Nothing is on record yet.")), name="timeline")
    return section(words("Timeline"), html.Ol([_entry(one, facts) for one in reversed(recorded)]), note=str(len(recorded)), name="timeline")


def _entry(one: e.Recorded, facts: Facts) -> html.Li:
    words = facts.words
    told = [html.Time(facts.clock(one.occurred_at)), html.Span(said(one, facts), className="what")]
    by = one.actor if one.on_behalf_of is None else words("{actor} for {unit}", actor=one.actor, unit=facts.callsign(one.on_behalf_of))
    channel = words.channel(one.channel)
    told.append(html.Span(" · ".join(part for part in (by, channel) if part), className="by"))
    late_s = (one.recorded_at - one.occurred_at).total_seconds()
    if late_s > _LATE_S:
        told.append(html.Span(words("entered {late} later", late=words.duration(late_s)), className="late"))
    return html.Li(told, className=f"event-{one.body.__class__.__struct_config__.tag}")


def said(one: e.Recorded, facts: Facts) -> str:
    """One event in words."""
    words, body = facts.words, one.body
    unit = facts.callsign(getattr(body, "unit_id", "") or "")
    match body:
        case e.IncidentReceived():
            return words("Received: {type}, {grade}", type=facts.type_name(body.incident_type), grade=words.grade(body.grade))
        case e.IncidentClassified():
            return words("Classified: {type}, {grade}", type=facts.type_name(body.incident_type), grade=words.grade(body.grade))
        case e.IncidentLocated():
            return words("Located: {place}", place=body.address or f"{body.lon:.5f}, {body.lat:.5f}")
        case e.UnitPushed():
            return _pushed(body, unit, facts)
        case e.PushRecalled():
            return _with(words("{unit} recalled", unit=unit), body.reason)
        case e.PushRefused():
            return _with(words("{unit} refused", unit=unit), body.reason)
        case e.Acknowledged():
            return words("{unit} acknowledged", unit=unit)
        case e.Departed():
            return words("{unit} set out", unit=unit)
        case e.Arrived():
            return words("{unit} arrived", unit=unit)
        case e.FeedbackGiven():
            return _with(words("{unit} gave feedback", unit=unit), body.text)
    return _said_of_the_rest(body, facts)


def _said_of_the_rest(body: e.AnyEvent, facts: Facts) -> str:
    words = facts.words
    match body:
        case e.PushDelivered():
            return words("The terminal has it")
        case e.PushSeen():
            return words("The crew has seen it")
        case e.IncidentReviewed():
            return _with(words("Reviewed"), body.text)
        case e.IncidentReturned():
            return _with(words("Returned for completion"), body.text)
        case e.IncidentClosed():
            return _with(words("Closed: {disposition}", disposition=facts.disposition_name(body.disposition)), body.text)
        case e.IncidentEnded():
            return _with(words.stage(body.stage), " ".join(part for part in (body.to, body.text) if part))
        case e.IncidentReopened():
            return _with(words("Reopened"), body.text)
        case e.NoteAdded():
            return _with(words("Note"), body.text)
        case e.UploadAdded():
            return words("Upload {name}, {size}", name=body.filename, size=_size(body.size_bytes))
    # An event of a newer version of the domain: its name is better than silence.
    return str(body.__class__.__struct_config__.tag).replace("_", " ")


def uploads(recorded: list[e.Recorded], facts: Facts) -> Any:
    """Photos are shown, videos can be played, other files fetched."""
    words = facts.words
    found = [one.body for one in recorded if isinstance(one.body, e.UploadAdded)]
    if not found:
        return section(words("Uploads"), empty(words("No photo, video or file yet.")), name="uploads")
    return section(words("Uploads"), html.Div([_upload(body) for body in found], className="gallery"), note=str(len(found)), name="uploads")


def _upload(body: e.UploadAdded) -> html.Figure:
    address = f"/uploads/{body.upload_id}"
    if body.media_type.startswith("image/"):
        shown: Any = html.A(html.Img(src=address, alt=body.filename), href=address, target="_blank")
    elif body.media_type.startswith("video/"):
        shown = html.Video(src=address, controls=True, preload="metadata")
    else:
        shown = html.A(body.filename, href=address, target="_blank")
    return html.Figure([shown, html.Figcaption(f"{body.filename} · {_size(body.size_bytes)} · SHA-256 {body.sha256[:12]}…")])


def _pushed(body: e.UnitPushed, unit: str, facts: Facts) -> str:
    words = facts.words
    what = words("Reinforced with {unit}", unit=unit) if body.reason == "reinforce" else words("Pushed to {unit}", unit=unit)
    if body.promised_eta_s is None:
        return what
    promised = words("promised {eta}", eta=words.eta(body.promised_eta_s))
    return f"{what} · {promised}"


def _with(what: str, text: str) -> str:
    return f"{what}: {text}" if text else what


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{max(1, round(size_bytes / 1e3))} kB"
