"""Of a review: stages against their targets, and promised against actual times. HTML."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape

from dashboard.figures.range_bar import range_bar
from dashboard.figures.stage_chart import Bar, Lane, bar_of, stage_chart
from dashboard.i18n import Words
from dashboard.layouts.calibration import reason_words
from dashboard.layouts.kpi import stage_words
from dashboard.layouts.review_facts import ReviewFacts, apart, length, nothing, section, verdict_words
from dashboard.layouts.statistics import table
from dispatch.model import Assignment
from dispatch.promises import Unmet, Way
from dispatch.stage_line import StageSpan, Verdict
from operations.records.after_action import Promised

_LATE = (Verdict.LATE, Verdict.LATE_UNREACHED)
_WRONG = (Verdict.MISSING, Verdict.OUT_OF_ORDER)
# What is drawn goes on this much longer than the response.
_AFTER = 0.06


def stages(view: ReviewFacts) -> str:
    """The line of time, and every stage in a table."""
    words = view.words
    note = words(
        "Bars: from the beginning of a stage to its end; triangles: when its target ran out; red: beyond it. Times are as said by crews "
        "and desks; “?”: something happened of which no time is on record; “⇄”: times out of order."
    )
    return section(words("Stages against targets"), note, f'<div class="wide">{_chart(view)}</div>{_legend(words)}{_table(view)}', "stages")


def _legend(words: Words) -> str:
    """Which bar is which; the arrival's is the way alone."""
    names = stage_words(words) | {"way": words("under way")}
    keys = (
        f'<li><i class="key bar {look}"></i> {escape(names[look])}</li>' for look in ("push", "acknowledge", "depart", "way", "feedback")
    )
    return f'<ul class="legend">{"".join(keys)}</ul>'


def _chart(view: ReviewFacts) -> str:
    incident, words = view.review.incident, view.words
    begins, ends = min(incident.called_at, incident.received_at), _ends_at(view)
    ends += (ends - begins) * _AFTER
    of_incident = [span for span in view.review.spans if not span.assignment_id and span.stage in ("push", "first_arrival")]
    lanes = [_incident_lane(view, of_incident, ends)]
    for one in incident.assignments:
        lanes.append(_service_lane(view, one) if one.service else _crew_lane(view, one, ends))
    return stage_chart(lanes, begins, ends, view.at, words("Stages against targets"))


def _ends_at(view: ReviewFacts) -> datetime:
    """When the response was over; now while the incident is open. What has ended has let its crews go."""
    incident = view.review.incident
    if incident.is_open:
        return view.review.made_at
    said = (
        (one.pushed_at, one.acknowledged_at, one.departed_at, one.arrived_at, one.feedback_at or one.ended_at)
        for one in incident.assignments
    )
    return max((at for instants in said for at in instants if at is not None), default=incident.stage_since)


def _incident_lane(view: ReviewFacts, spans: list[StageSpan], ends: datetime) -> Lane:
    words, incident = view.words, view.review.incident
    names = stage_words(words)
    bars = [bar_of(span, names[span.stage], ends, look="push") for span in spans if span.stage == "push"]
    instants = [(incident.called_at, words("the call")), (incident.received_at, words("received"))]
    instants += [(span.ends_at, words("first arrival")) for span in spans if span.stage == "first_arrival" and span.ends_at is not None]
    return Lane(words("Incident"), bars, instants if incident.is_open else [*instants, (incident.stage_since, words("ended"))])


def _service_lane(view: ReviewFacts, one: Assignment) -> Lane:
    words = view.words
    said = ((one.pushed_at, words("called")), (one.arrived_at, words("arrived")), (one.ended_at, words("ended")))
    return Lane(view.crew(one.unit_id), [], [(at, name) for at, name in said if at is not None])


def _crew_lane(view: ReviewFacts, one: Assignment, ends: datetime) -> Lane:
    """Waiting, turning out, under way, at work: one after the other. The arrival is due from the push on."""
    words, names = view.words, stage_words(view.words)
    until = min(one.ended_at or view.review.made_at, ends)
    own = {span.stage: span for span in view.review.spans if span.assignment_id == one.assignment_id}
    bars = [bar_of(own[stage], names[stage], until, due_at=_due_at(own[stage])) for stage in ("acknowledge", "depart", "feedback")]
    arrival = own["arrive"]
    set_out = one.departed_at or one.acknowledged_at or one.pushed_at
    way = Bar("way", names["arrive"], set_out, arrival.ends_at, _due_at(arrival), arrival.verdict)
    if arrival.verdict in (Verdict.UNREACHED, Verdict.LATE_UNREACHED):
        way = way._replace(ends_at=until if one.departed_at is not None else None)
    bars.insert(2, way)
    instants = [] if one.ended_at is None else [(one.ended_at, words("ended"))]
    return Lane(view.crew(one.unit_id), bars, instants)


def _due_at(span: StageSpan) -> datetime | None:
    if span.begins_at is None or span.target_s is None:
        return None
    return span.begins_at + timedelta(seconds=span.target_s)


def _table(view: ReviewFacts) -> str:
    words = view.words
    heads = (words("Crew"), words("Stage"), words("from"), words("to"), words("took"), words("target"), words("verdict"))
    rows = [_row(view, span) for span in view.review.spans]
    return f'<div class="wide">{table(heads, rows)}</div>'


def _row(view: ReviewFacts, span: StageSpan) -> tuple[str, ...]:
    words = view.words
    target = length(span.target_s, words) if span.target_s is not None else words("measured only")
    if span.by_circle:
        target = words("{t} (duty circle)", t=target)
    said = verdict_words(words)[span.verdict] if span.target_s is not None or span.verdict != Verdict.DONE else words("done")
    more = [words("entered by others")] * span.entered + [words("corrected")] * span.corrected
    look = "bad" if span.verdict in _LATE else "warn" if span.verdict in _WRONG else ""
    return (
        escape(view.crew(span.unit_id) if span.unit_id else words("Incident")),
        escape(stage_words(words)[span.stage]),
        escape(view.at(span.begins_at)),
        escape(view.at(span.ends_at)),
        escape(length(span.took_s, words)),
        escape(target),
        f'<span class="{look}">{escape(" · ".join([said, *more]))}</span>',
    )


# Promised times -------------------------------------------------------------------------------------------------------------


def promises(view: ReviewFacts) -> str:
    """What was promised for each crew beside what came of it."""
    words = view.words
    title = words("Promised against actual")
    note = words(
        "From setting out until there, beside the time by road that was promised at the push. Bar: what half and nine in ten of such ways "
        "take; diamond: this one. Turnout, from the push to setting out, is apart."
    )
    rows = view.review.promised
    if not rows:
        return section(title, "", nothing(words("No crew was sent.")), "promises")
    most = max(
        (figure for one in rows for figure in (one.promised_s, one.promised_p90_s, _travel_s(one)) if figure is not None), default=0.0
    )
    heads = (
        words("Crew"),
        words("promised"),
        words("9 in 10 within"),
        "",
        words("by its button"),
        words("by its position"),
        words("turnout"),
        words("difference"),
    )
    cells = [_promise(view, one, most * 1.05) for one in rows]
    return section(title, note, f'<div class="wide">{table(heads, cells)}</div>', "promises")


def _travel_s(one: Promised) -> float | None:
    found = next((way for way in (one.by_button, one.by_position) if isinstance(way, Way)), None)
    return None if found is None else found.travel_s


def _promise(view: ReviewFacts, one: Promised, most_s: float) -> tuple[str, ...]:
    words, travel_s = view.words, _travel_s(one)
    way = one.by_button if isinstance(one.by_button, Way) else one.by_position
    turnout = "–"
    if isinstance(way, Way):
        assumed = words("{t} assumed", t=length(one.turnout_s, words)) if one.turnout_s is not None else ""
        turnout = " · ".join(filter(None, (length(way.turnout_s, words), assumed)))
    difference = "" if travel_s is None or one.promised_s is None else apart(one.promised_s - travel_s, words)
    label = words("promised {a}, took {b}", a=length(one.promised_s, words), b=length(travel_s, words))
    return (
        escape(view.crew(one.unit_id)),
        escape(length(one.promised_s, words)),
        escape(length(one.promised_p90_s, words)),
        range_bar(one.promised_s, one.promised_p90_s, travel_s, most_s, label),
        escape(_came(one.by_button, view)),
        escape(_came(one.by_position, view)),
        escape(turnout),
        escape(difference),
    )


def _came(found: Way | Unmet, view: ReviewFacts) -> str:
    """How long the way took, or why that can't be said."""
    words = view.words
    return length(found.travel_s, words) if isinstance(found, Way) else reason_words(words)[found.why]
