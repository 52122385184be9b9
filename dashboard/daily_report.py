"""The files of the daily report: one HTML page that needs nothing else, to be read and printed, and a workbook of the same figures."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from html import escape
from zoneinfo import ZoneInfo

import msgspec
from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from dashboard.i18n import Words
from dashboard.layouts.kpi import kind_words, stage_words
from dashboard.layouts.statistics import clock, percent
from dashboard.workbooks import put_row
from dispatch.kpis import GroupFigures, StageFigures
from dispatch.model import Incident
from operations.records.daily_report import Count, DailyReport

SUFFIXES = (".html", ".xlsx")
Row = Sequence[str | int | float | None]


class Names(msgspec.Struct, frozen=True):
    """What codes are called, and where the city's clock stands."""

    type_of: Callable[[str], str]
    organisation_of: Callable[[str], str]
    zone: ZoneInfo
    words: Words


def files_of(report: DailyReport, names: Names) -> dict[str, bytes]:
    """By suffix."""
    return {".html": _page(report, names).encode(), ".xlsx": _workbook(report, names)}


# Tables, shared by both ----------------------------------------------------------------------------------------------------


def _counted(counts: Sequence[Count], name_of: Callable[[str], str]) -> list[Row]:
    return [(name_of(one.key), one.day, one.day_before, one.week_before) for one in counts]


def _organisations(report: DailyReport, names: Names) -> list[Row]:
    rows: list[Row] = []
    for one in report.organisations:
        arrive = _stage(one.figures, "arrive")
        known = (None, None, None) if arrive is None else (arrive.p50_s, arrive.p90_s, arrive.within_target)
        rows.append((names.organisation_of(one.key), one.day, one.day_before, one.week_before, *known))
    return rows


def _stages(report: DailyReport, names: Names) -> list[Row]:
    rows: list[Row] = []
    for one in report.total.stages:
        before, week = (_stage(group, one.stage) for group in (report.day_before, report.week_before))
        others = [None if other is None else other.p50_s for other in (before, week)]
        shares = [None if other is None else other.within_target for other in (before, week)]
        figures = (one.n, one.p50_s, *others, one.p90_s, one.within_target, *shares, one.missing, one.out_of_order, one.unreached)
        rows.append((stage_words(names.words)[one.stage], *figures))
    return rows


def _lacking(report: DailyReport, names: Names) -> list[Row]:
    stages, kinds = stage_words(names.words), kind_words(names.words)
    return [
        (*_incident(one.incident, names), names.words.listed([f"{stages[stage]}: {kinds[kind]}" for stage, kind in one.stages]))
        for one in report.lacking
    ]


def _open(report: DailyReport, names: Names) -> list[Row]:
    minutes = ((report.to_at - one.received_at).total_seconds() / 60 for one in report.open)
    return [(*_incident(one, names), names.words.stage(one.stage), int(m)) for one, m in zip(report.open, minutes, strict=True)]


def _incident(incident: Incident, names: Names) -> tuple[int, str, str, str, str]:
    received = f"{incident.received_at.astimezone(names.zone):%Y-%m-%d %H:%M}"
    kind, grade = names.type_of(incident.incident_type), names.words.grade(int(incident.grade))
    return incident.number, kind, grade, names.organisation_of(incident.org_code), received


def _stage(group: GroupFigures | None, name: str) -> StageFigures | None:
    return None if group is None else next((one for one in group.stages if one.stage == name), None)


class _Table(msgspec.Struct, frozen=True):
    title: str
    heads: tuple[str, ...]
    rows: list[Row]
    note: str = ""
    seconds: tuple[int, ...] = ()  # columns that are seconds
    shares: tuple[int, ...] = ()  # columns that are shares of one
    bars: bool = False  # behind the first count


def _tables(report: DailyReport, names: Names) -> list[_Table]:
    words = names.words
    counts = (words("last 24 h"), words("24 h before"), words("a week before"))
    incident = (words("No."), words("Type"), words("Grade"), words("Organisation"), words("Received"))
    p50, within = "p50", words("within target")
    stages = (p50, *(f"{p50}, {when}" for when in counts[1:]), "p90", within, *(f"{within}, {when}" for when in counts[1:]))
    lacks = (words("missing"), words("out of order"), words("not reached"))
    listed, lacking_listed = len(report.open), len(report.lacking)
    return [
        _Table(words("By type"), (words("Type"), *counts), _counted(report.types, names.type_of), bars=True),
        _Table(words("By grade"), (words("Grade"), *counts), _counted(report.grades, lambda key: words.grade(int(key))), bars=True),
        _Table(
            words("By organisation"),
            (words("Organisation"), *counts, words("arrival, p50"), words("arrival, p90"), words("arrival within target")),
            _organisations(report, names),
            seconds=(4, 5),
            shares=(6,),
            bars=True,
        ),
        _Table(
            words("Response times"),
            (words("Stage"), "n", *stages, *lacks),
            _stages(report, names),
            words("Stages without a time, or with times out of order, are in none of the figures; they are counted at the right."),
            seconds=(2, 3, 4, 5),
            shares=(6, 7, 8),
        ),
        _Table(
            words("Calls with missing stages"),
            (*incident, words("What lacks")),
            _lacking(report, names),
            words("{n} of {m} are listed.", n=lacking_listed, m=report.lacking_total) if report.lacking_total > lacking_listed else "",
        ),
        _Table(
            words("Open at the end"),
            (*incident, words("Stage"), words("minutes open")),
            _open(report, names),
            words("{n} of {m} are listed.", n=listed, m=report.open_total) if report.open_total > listed else "",
        ),
    ]


def _unrecorded_table(report: DailyReport, names: Names) -> list[_Table]:
    """For the workbook; the page says it at its head."""
    if not report.unrecorded:
        return []
    rows: list[Row] = [
        (f"{one.from_at.astimezone(names.zone):%Y-%m-%d %H:%M}", f"{one.to_at.astimezone(names.zone):%Y-%m-%d %H:%M}")
        for one in report.unrecorded
    ]
    return [_Table(names.words("Nothing on record"), (names.words("From"), names.words("until")), rows)]


# The page ------------------------------------------------------------------------------------------------------------------

_STYLE = """
:root{color-scheme:light dark;--text:#15202a;--muted:#4f5f6d;--line:#d5dde4;--ground:#fff;--bar:#cfe6ee}
@media (prefers-color-scheme:dark){:root{--text:#e8eef4;--muted:#9aa9b7;--line:#25313d;--ground:#10161d;--bar:#1d4453}}
*{box-sizing:border-box}
body{max-width:74rem;margin:0 auto;padding:2rem 1.4rem;background:var(--ground);color:var(--text);
font:15px/1.5 "Noto Sans SC","PingFang SC","Microsoft YaHei",system-ui,sans-serif}
h1{margin:0;font-size:1.7rem}h2{margin:2rem 0 .4rem;font-size:1.1rem}p,small{margin:.2rem 0;color:var(--muted)}
.cards{display:flex;flex-wrap:wrap;gap:1rem 2.6rem;margin:1.4rem 0}.cards b{display:block;font-size:1.9rem;line-height:1.2}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right}th{color:var(--muted);font-weight:400}
th:first-child,td:first-child,td.text,th.text{text-align:left}
td.bar{background:linear-gradient(90deg,var(--bar) var(--share),transparent var(--share))}
.wide{overflow-x:auto}
.unrecorded{margin:1rem 0;padding:.6rem 1rem;border:2px solid #c0392b;border-radius:.4rem}.unrecorded ul{margin:.2rem 0}
@media print{:root{--text:#000;--muted:#444;--line:#bbb;--ground:#fff;--bar:#ddd}body{max-width:none;padding:0;font-size:11px}
h2{break-after:avoid}tr{break-inside:avoid}}
"""


def _page(report: DailyReport, names: Names) -> str:
    words = names.words
    title = words("Daily incident report {day}", day=report.day)
    name = names.organisation_of(report.org_code)
    span = " – ".join(f"{at.astimezone(names.zone):%Y-%m-%d %H:%M}" for at in (report.from_at, report.to_at))
    made = words("made {at}", at=f"{report.made_at.astimezone(names.zone):%Y-%m-%d %H:%M}")
    tables = "".join(_section(one, words) for one in _tables(report, names))
    without = words("Complaints against police are not counted here. Figures are as they were known when this was made.")
    return (
        f'<!doctype html><html lang="{"zh-CN" if words.language == "zh" else "en"}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)} · {escape(name)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(name)} · {span} · {escape(made)}</p>"
        f"{_unrecorded(report, names)}{_cards(report, words)}{tables}<p>{escape(without)}</p></body></html>"
    )


def _unrecorded(report: DailyReport, names: Names) -> str:
    """Before any number: none of a day that was not recorded is no quiet day."""
    if not report.unrecorded:
        return ""
    said = names.words("Nothing is on record of these times, no call and no position; figures that take them in may be too low:")
    items = "".join(
        f"<li>{one.from_at.astimezone(names.zone):%Y-%m-%d %H:%M} – {one.to_at.astimezone(names.zone):%Y-%m-%d %H:%M}</li>"
        for one in report.unrecorded
    )
    return f'<div class="unrecorded" role="alert">{escape(said)}<ul>{items}</ul></div>'


def _cards(report: DailyReport, words: Words) -> str:
    total, arrive = report.total, _stage(report.total, "arrive")
    before = words("{n} the day before, {m} a week before", n=report.day_before.incidents, m=report.week_before.incidents)
    cards = [(str(total.incidents), words("incidents"), before)]
    if arrive is not None:
        others = [_stage(group, "arrive") for group in (report.day_before, report.week_before)]
        p50 = [clock(one.p50_s if one else None) for one in others]
        within = [percent(one.within_target if one else None) for one in others]
        cards.append(
            (
                clock(arrive.p50_s),
                words("push to arrival, half within"),
                words("{n} the day before, {m} a week before", n=p50[0], m=p50[1]),
            )
        )
        cards.append(
            (
                percent(arrive.within_target),
                words("arrived within target"),
                words("{n} the day before, {m} a week before", n=within[0], m=within[1]),
            )
        )
    cards.append((str(report.open_total), words("open at the end"), ""))
    cards.append((str(report.lacking_total), words("with missing stages"), words("in none of the figures where they lack")))
    shown = (f"<div><b>{escape(value)}</b>{escape(what)}<br><small>{escape(more)}</small></div>" for value, what, more in cards)
    return f'<div class="cards">{"".join(shown)}</div>'


def _section(one: _Table, words: Words) -> str:
    note = f"<p>{escape(one.note)}</p>" if one.note else ""
    if not one.rows:
        nothing = words("None.")
        return f"<h2>{escape(one.title)}</h2><p>{escape(nothing)}</p>"
    is_text = [any(isinstance(row[column], str) for row in one.rows) for column in range(len(one.heads))]
    most = max((row[1] for row in one.rows if isinstance(row[1], int)), default=0) if one.bars else 0
    heads = "".join(f"<th{_class(text)}>{escape(head)}</th>" for head, text in zip(one.heads, is_text, strict=True))
    rows = "".join(
        f"<tr>{''.join(_cell(one, column, value, is_text[column], most) for column, value in enumerate(row))}</tr>" for row in one.rows
    )
    return f'<h2>{escape(one.title)}</h2>{note}<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _class(text: bool) -> str:
    return ' class="text"' if text else ""


def _cell(one: _Table, column: int, value: str | int | float | None, text: bool, most: int) -> str:
    shown = _shown(one, column, value)
    if column == 1 and most and isinstance(value, int):
        return f'<td class="bar" style="--share:{100 * value / most:.0f}%">{escape(shown)}</td>'
    return f"<td{_class(text)}>{escape(shown)}</td>"


def _shown(one: _Table, column: int, value: str | int | float | None) -> str:
    if isinstance(value, str):
        return value
    if column in one.seconds:
        return clock(value)
    if column in one.shares:
        return percent(value)
    return "–" if value is None else f"{value:g}"


# The workbook --------------------------------------------------------------------------------------------------------------


def _workbook(report: DailyReport, names: Names) -> bytes:
    """Seconds and shares are numbers; a figure that can't be said is an empty cell."""
    book = Workbook()
    first = book.active
    assert isinstance(first, Worksheet)  # a new workbook has one
    for number, one in enumerate([*_tables(report, names), *_unrecorded_table(report, names)]):
        sheet = first if number == 0 else book.create_sheet()
        sheet.title = one.title[:31]
        units = [" (s)" if column in one.seconds else "" for column in range(len(one.heads))]
        put_row(sheet, 1, [head + unit for head, unit in zip(one.heads, units, strict=True)], bold=True)
        for line, row in enumerate(one.rows, start=2):
            put_row(sheet, line, row)
        sheet.freeze_panes = "B2"
        for column in range(1, len(one.heads) + 1):
            sheet.column_dimensions[get_column_letter(column)].width = 26 if column == 1 else 16
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
