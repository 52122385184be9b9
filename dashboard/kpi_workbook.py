"""Response times as a workbook (XLSX): every group and stage in one table, what it is about on a sheet of its own."""

from __future__ import annotations

import io
from collections.abc import Callable

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from dashboard.i18n import Words
from dashboard.layouts.kpi import group_words, stage_words
from dashboard.workbooks import put_row
from operations.records.kpis import Kpis

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_COLUMNS = (
    "n",
    "p50_s",
    "p90_s",
    "p50_low_s",
    "p50_high_s",
    "targeted",
    "within",
    "within_target",
    "missing",
    "out_of_order",
    "unreached",
    "late_unreached",
    "entered",
)


def workbook(found: Kpis, name_of: Callable[[str], str], organisation: str, words: Words) -> bytes:
    """The file. Seconds are numbers; a figure that can't be said is an empty cell."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)  # a new workbook has one
    sheet.title = words("Figures")
    stages = stage_words(words, found.source)
    put_row(sheet, 1, [group_words(words)[found.group_by], words("incidents"), words("Stage of response"), *_COLUMNS], bold=True)
    line = 2
    for group in (*found.groups, found.total):
        name = words("everything together") if group is found.total else name_of(group.key)
        for one in group.stages:
            put_row(sheet, line, [name, group.incidents, stages[one.stage], *(getattr(one, column) for column in _COLUMNS)])
            line += 1
    sheet.freeze_panes = "D2"
    for column, width in enumerate((28, 10, 26, *(11 for _ in _COLUMNS)), start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    about = book.create_sheet(words("About"))
    rows = (
        (words("Organisation"), f"{organisation} {found.org_code}"),
        (words("From"), found.from_.isoformat()),
        (words("until before"), found.to.isoformat()),
        (words("Whose records"), found.source or words("own incidents")),
        (words("Grade"), words("every grade") if found.grade is None else words.grade(found.grade)),
        (words("Type"), found.incident_type or words("every type")),
        (words("How it is counted"), "docs/kpis.md"),
    )
    for line, (name, value) in enumerate(rows, start=1):
        put_row(about, line, [name, value])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
