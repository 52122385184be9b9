"""Rows of workbooks (XLSX)."""

from __future__ import annotations

from collections.abc import Sequence

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

Cell = str | int | float | bool | None


def put_row(sheet: Worksheet, line: int, values: Sequence[Cell], bold: bool = False) -> None:
    """Fill a line from its first cell on. A text that begins like a formula stays a text; characters that no workbook may hold go."""
    for column, value in enumerate(values, start=1):
        cell = sheet.cell(line, column)
        if isinstance(value, str):
            cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
            cell.data_type = "s"
        else:
            cell.value = value
        if bold:
            cell.font = Font(bold=True)
