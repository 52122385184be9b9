"""A review as a workbook (XLSX): stages, crews, candidates at each push, the journal, files, similar incidents, findings."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from dashboard.layouts.kpi import stage_words
from dashboard.layouts.review_facts import ReviewFacts
from dashboard.layouts.review_record import by
from dashboard.layouts.said import crews_of, said
from dashboard.workbooks import Cell, put_row
from dispatch.events import UploadAdded
from dispatch.promises import Way

Sheet = tuple[str, Sequence[str], Iterator[Sequence[Cell]]]


def review_workbook(view: ReviewFacts) -> bytes:
    """The file. Seconds are numbers, instants ISO 8601 with offset; what is not known is an empty cell."""
    book, words = Workbook(), view.words
    sheets: tuple[Sheet, ...] = (
        (
            words("Stages"),
            ("unit_id", "crew", "stage", "begins_at", "ends_at", "took_s", "target_s", "verdict", "entered", "corrected"),
            _stages(view),
        ),
        (
            words("Promises"),
            ("unit_id", "crew", "promised_s", "promised_p90_s", "turnout_assumed_s", "travel_s", "turnout_s", "why_not"),
            _promises(view),
        ),
        (
            words("Who was nearest"),
            (
                *("pushed_at", "verdict", "rank", "unit_id", "crew", "eta_s", "eta_p90_s", "distance_m", "turnout_s", "fix_age_s"),
                *("sent", "could_go", "there_at", "instead_of", "sooner_s", "sooner_than_actual_s"),
            ),
            _nearest(view),
        ),
        (words("Journal"), ("revision", "occurred_at", "recorded_at", "event", "what", "by", "previous_hash", "hash"), _journal(view)),
        (words("Files"), ("upload_id", "filename", "media_type", "size_bytes", "recorded_at", "unit_id", "sha256"), _files(view)),
        (words("Similar"), ("stage", "incidents", "n", "p50_s", "p90_s", "within_target"), _similar(view)),
        (words("Findings"), ("finding_id", "kind", "text", "revision", "by", "at", "replaced_by"), _findings(view)),
    )
    book.remove(book.worksheets[0])
    for title, heads, rows in sheets:
        _fill(book.create_sheet(title), heads, rows)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _fill(sheet: Worksheet, heads: Sequence[str], rows: Iterator[Sequence[Cell]]) -> None:
    for line, values in enumerate((heads, *rows), start=1):
        put_row(sheet, line, values, bold=line == 1)
    sheet.freeze_panes = "A2"
    for column, head in enumerate(heads, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = max(12, len(head) + 2)


def _stages(view: ReviewFacts) -> Iterator[Sequence[Cell]]:
    names = stage_words(view.words)
    for one in view.review.spans:
        crew = view.crew(one.unit_id) if one.unit_id else ""
        times = (_iso(view, one.begins_at), _iso(view, one.ends_at), one.took_s, one.target_s)
        yield (one.unit_id, crew, names[one.stage], *times, str(one.verdict), one.entered, one.corrected)


def _promises(view: ReviewFacts) -> Iterator[Sequence[Cell]]:
    for one in view.review.promised:
        way = one.by_button
        came = (way.travel_s, way.turnout_s, "") if isinstance(way, Way) else (None, None, str(way.why))
        yield (one.unit_id, view.crew(one.unit_id), one.promised_s, one.promised_p90_s, one.turnout_s, *came)


def _nearest(view: ReviewFacts) -> Iterator[Sequence[Cell]]:
    for look in view.review.looks:
        pushed_at = _iso(view, look.push.at)
        if not look.crews:
            yield (pushed_at, str(look.standing))
        for one in look.crews:
            figures = (one.eta_s, one.eta_p90_s, one.distance_m, one.turnout_s, one.fix_age_s, one.sent, one.could_go)
            came = (_iso(view, one.there_at), one.instead_of, one.sooner_s, one.sooner_than_actual_s)
            yield (pushed_at, str(look.standing), one.rank, one.unit_id, one.callsign, *figures, *came)


def _journal(view: ReviewFacts) -> Iterator[Sequence[Cell]]:
    crews = crews_of(list(view.review.recorded))
    for one in view.review.recorded:
        what = said(one.body, crews, view.facts)
        times = (_iso(view, one.occurred_at), _iso(view, one.recorded_at))
        yield (one.revision, *times, str(type(one.body).__struct_config__.tag), what, by(view, one), one.previous_hash, one.hash)


def _files(view: ReviewFacts) -> Iterator[Sequence[Cell]]:
    if view.review.uploads is None:
        return
    for one in view.review.recorded:
        body = one.body
        if isinstance(body, UploadAdded):
            at = _iso(view, one.recorded_at)
            yield (body.upload_id, body.filename, body.media_type, body.size_bytes, at, body.unit_id, body.sha256)


def _similar(view: ReviewFacts) -> Iterator[Sequence[Cell]]:
    names, found = stage_words(view.words), view.review.similar
    for one in () if found is None else found.figures.stages:
        yield (names[one.stage], found.figures.incidents if found else 0, one.n, one.p50_s, one.p90_s, one.within_target)


def _findings(view: ReviewFacts) -> Iterator[Sequence[Cell]]:
    for one in view.review.findings:
        yield (one.finding_id, one.kind, one.text, one.revision, one.by, _iso(view, one.at), one.replaced_by)


def _iso(view: ReviewFacts, at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(view.facts.zone).isoformat(timespec="milliseconds")
