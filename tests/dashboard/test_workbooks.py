"""Whatever a text holds, a workbook holds it as a text."""

from __future__ import annotations

import io

from openpyxl import Workbook, load_workbook

from dashboard.workbooks import put_row


def test_texts_stay_texts_and_numbers_numbers() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    put_row(sheet, 1, ["name", "n"], bold=True)
    put_row(sheet, 2, ["=1+1", 2, 0.5, None, True, "a\x0bb\x00\n警情"])
    file = io.BytesIO()
    book.save(file)
    found = load_workbook(file).worksheets[0]
    assert [cell.value for cell in found[2]] == ["=1+1", 2, 0.5, None, True, "ab\n警情"]
    assert found["A2"].data_type == "s"
    assert (found["A1"].font.bold, found["A2"].font.bold) == (True, False)
