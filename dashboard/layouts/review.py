"""The page of an incident's review (复盘): its parts in their order, ways to replay, report and table, and the forms."""

from __future__ import annotations

from html import escape

from dashboard.layouts.kpi import stage_words
from dashboard.layouts.plain_page import framed, in_address
from dashboard.layouts.review_facts import ReviewFacts, length
from dashboard.layouts.review_findings import Refused, findings, forms, standing_words
from dashboard.layouts.review_nearest import map_part, nearest
from dashboard.layouts.review_record import files, journal, replay_address, similar, written
from dashboard.layouts.review_stages import promises, stages
from dashboard.layouts.statistics import cards
from dispatch.promises import Way
from dispatch.stage_line import StageSpan, Verdict
from operations.records.counterfactual import Standing

STYLES = '<link rel="stylesheet" href="/assets/review-parts.css"><link rel="stylesheet" href="/assets/review.css">'
SCRIPT = '<script src="/assets/build/review.js"></script>'


def review_page(view: ReviewFacts, theme: str, may: frozenset[str], may_export: bool, key: str, refused: Refused | None = None) -> str:
    """The whole page."""
    words = view.words
    address = f"/review/{in_address(view.review.incident.incident_id)}"
    shown = f"{_tools(view, address, may_export)}{head(view)}{parts(view)}{forms(view, may, key, refused)}"
    body = f'{STYLES}<main class="review">{shown}</main>{SCRIPT}'
    # The language and theme switches hang their own choice on the address with `&`.
    return framed(words("After action"), title_of(view), body, words, theme, "statistics", f"{address}?")


def title_of(view: ReviewFacts) -> str:
    """Number and type, as people say it."""
    incident = view.review.incident
    return f"#{incident.number} {view.facts.type_name(incident.incident_type)}"


def parts(view: ReviewFacts) -> str:
    """What page and report have in common, in this order."""
    shown = (stages, promises, nearest, map_part, written, files, similar, findings, journal)
    return "".join(part(view) for part in shown)


def head(view: ReviewFacts) -> str:
    """What it is about, and the figures that matter first."""
    words, facts, incident = view.words, view.facts, view.review.incident
    place = incident.address or (f"{incident.lon:.5f}, {incident.lat:.5f}" if incident.lon is not None else words("not located yet"))
    said = [
        words.grade(incident.grade),
        place,
        facts.organisation_name(incident.org_code),
        words("called {time}", time=view.whole(incident.called_at)),
        words("open") if incident.is_open else f"{words.stage(incident.stage)} {view.whole(incident.stage_since)}",
    ]
    if incident.disposition:
        said.append(facts.disposition_name(incident.disposition))
    text = f"<blockquote>{escape(incident.text)}</blockquote>" if incident.text else ""
    still_open = words("The incident is still open: this is how it stands now.")
    running = f'<p class="warn said">{escape(still_open)}</p>' if incident.is_open else ""
    line = "".join(f"<span>{escape(one)}</span>" for one in said)
    return f'<div class="about"><p class="facts">{line}</p>{text}{running}</div>{_cards(view)}'


def _tools(view: ReviewFacts, address: str, may_export: bool) -> str:
    words, incident = view.words, view.review.incident
    links = [
        (replay_address(incident.incident_id, incident.received_at), words("Replay from the call"), ""),
        (f"/?incident={in_address(incident.incident_id)}", words("At the desk"), ""),
    ]
    if may_export:
        links.append((f"{address}/report.html?lang={words.language}", words("Report (HTML)"), " download"))
        links.append((f"{address}/data.xlsx?lang={words.language}", words("Table (XLSX)"), " download"))
    shown = "".join(f'<a class="button" href="{escape(href)}"{more}>{escape(label)}</a>' for href, label, more in links)
    state = standing_words(view)
    look = "good" if view.review.after_action.signed_by and not view.review.since_signed else "open"
    return f'<div class="tools"><p class="state {look}">{escape(state)}</p><div class="links">{shown}</div></div>'


def _cards(view: ReviewFacts) -> str:
    words, review = view.words, view.review
    names = stage_words(words)
    first = _span(review.spans, "first_arrival")
    arrive = [span for span in review.spans if span.stage == "arrive"]
    late = [span for span in review.spans if span.verdict in (Verdict.LATE, Verdict.LATE_UNREACHED)]
    unclear = [span for span in review.spans if span.verdict in (Verdict.MISSING, Verdict.OUT_OF_ORDER)]
    rows = [
        (length(first.took_s if first and first.ends_at else None, words), words("call received to first arrival"), _usual(view)),
        (_within(arrive), words("arrived within the target"), words("{n} crews", n=len(arrive))),
        (f"{len(late)}", words("stages late"), words.listed([names[span.stage] for span in late[:2]])),
        (f"{len(unclear)}", words("stages without a time, or out of order"), words.listed([names[span.stage] for span in unclear[:2]])),
        (*_kept(view), words("there within what half of such ways take")),
        (*_nearer(view), words("who could go")),
    ]
    return cards(rows)


def _span(spans: tuple[StageSpan, ...], stage: str) -> StageSpan | None:
    return next((span for span in spans if span.stage == stage), None)


def _usual(view: ReviewFacts) -> str:
    similar_ = view.review.similar
    stage = next((one for one in similar_.figures.stages if one.stage == "first_arrival"), None) if similar_ else None
    if stage is None or stage.p50_s is None:
        return view.words("no similar incident to compare with")
    return view.words("similar ones: {t} (n {n})", t=length(stage.p50_s, view.words), n=stage.n)


def _within(spans: list[StageSpan]) -> str:
    held = [span for span in spans if span.target_s is not None and span.verdict in (Verdict.DONE, Verdict.LATE, Verdict.LATE_UNREACHED)]
    return f"{sum(span.verdict == Verdict.DONE for span in held)} / {len(held)}" if held else "–"


def _kept(view: ReviewFacts) -> tuple[str, str]:
    """How many promises were kept, of those that can be compared."""
    words = view.words
    ways = [one.by_button for one in view.review.promised if isinstance(one.by_button, Way)]
    if not ways:
        return "–", words("promises that can be compared: none")
    return f"{sum(way.travel_s <= way.promised_s for way in ways)} / {len(ways)}", words("promises kept")


def _nearer(view: ReviewFacts) -> tuple[str, str]:
    """The greatest gain that another crew would have been."""
    words = view.words
    gains = [one.sooner_s for look in view.review.looks for one in look.crews if one.sooner_s is not None]
    if gains and max(gains) > 0:
        return length(max(gains), words), words("sooner somebody else could have been there")
    if gains:
        return "0", words("others were nearer, but not there sooner")
    if any(look.standing == Standing.NEAREST for look in view.review.looks):
        return "✓", words("the nearest were sent")
    return "–", words("who was nearest is not known")
