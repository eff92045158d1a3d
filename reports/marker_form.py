"""The form that a marker fills in: a workbook in which only levels, points and comments can be typed.

`graders.marks.marker_forms` reads it back, and names its sheets and columns.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from assignments.assignment import Person
from assignments.rubric import WHOLE, RubricLine
from graders.marks.marker_forms import ABOUT, COLUMNS, FACTS, MARKS
from graders.record.decisions import LineMark
from reports.workbook import CELL, NOT_XML

if TYPE_CHECKING:  # openpyxl takes 0.2 s
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

RUBRIC: Final = "Rubric"
WIDTHS: Final = (20, 14, 26, 24, 9, 6, 70)
"""Of the columns of the sheet Marks, in characters."""
FILL: Final = "FFF8E1"
"""The colour of cells to fill in."""
TITLE, PROMPT = 32, 255
"""Characters that Excel allows in the title of a hint and in a hint; a file with more is damaged to it."""
HELP: Final = (
    "On the sheet Marks, each paper has a row for each line of the rubric. Fill in the yellow cells.",
    "Choose a level, and write points within it. Where a level is worth one number, it is enough to choose it.",
    "A blank line is not marked yet; it is never 0. Write 0 for nothing.",
    "Comments go to the group in full. **bold**, *italics*, `code` and lists that begin with - are shown as such.",
    "Send this file back when you like, also half-filled: what it holds is recorded, and you can go on.",
)


@dataclass(frozen=True)
class FormPaper:
    """One paper of a form."""

    code: str
    facts: str
    """What a program says of it: pages, words."""
    marks: Mapping[str, LineMark]
    """What is on record, by line: a form that is written again holds it."""
    earlier: Mapping[str, str]
    """By line: what to agree on, such as both markers' points and comments; empty but for agreed marks."""


def marker_form(criterion: Person, about: Mapping[str, str], papers: Sequence[FormPaper]) -> bytes:
    """The workbook. `about` has the facts by which it is recognised: `graders.marks.marker_forms.FACTS` names them."""
    import openpyxl

    book = openpyxl.Workbook()
    marks = book.active
    assert marks is not None
    marks.title = MARKS
    agreed = any(paper.earlier for paper in papers)
    rubric = book.create_sheet(RUBRIC)
    ranges = _write_rubric(rubric, criterion)
    _write_marks(marks, criterion, papers, ranges, agreed=agreed)
    _write_about(book, about)
    for sheet in book.worksheets:
        sheet.protection.sheet = True
        sheet.protection.formatColumns = False  # widths and heights may change
        sheet.protection.formatRows = False
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_rubric(sheet: Worksheet, criterion: Person) -> dict[str, str]:
    """The levels and their descriptors; returns the cells with each line's choices, by line."""
    from openpyxl.styles import Font

    _row(sheet, 1, ("Line", "Level", "What the work shows"), bold=True)
    ranges, row = {}, 2
    for line in criterion.lines:
        _row(sheet, row, (f"{line.title} ({line.points})", "", line.question))
        sheet.cell(row, 1).font = Font(bold=True)
        row += 1
        first = row
        for level in line.levels:
            _row(sheet, row, ("", level.choice, level.descriptor))
            row += 1
        if line.levels:
            ranges[line.id] = f"{RUBRIC}!$B${first}:$B${row - 1}"
    for column, width in zip("ABC", (34, 26, 100), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    return ranges


def _write_marks(
    sheet: Worksheet, criterion: Person, papers: Sequence[FormPaper], ranges: Mapping[str, str], *, agreed: bool
) -> None:
    from openpyxl.worksheet.properties import PageSetupProperties

    _row(sheet, 1, (*COLUMNS, *(("both markers",) if agreed else ())), bold=True)
    choices = {line.id: _levels(line, ranges[line.id]) for line in criterion.lines if line.id in ranges}
    numbers = {line.id: _numbers(line) for line in criterion.lines}
    row = 2
    for paper in papers:
        first = row + 1
        last = row + len(criterion.lines)
        _row(sheet, row, (paper.code, "", paper.facts, "sum of points", "", criterion.points), bold=True)
        sheet.cell(row, 5).value = f'=IF(COUNT(E{first}:E{last})=0,"",SUM(E{first}:E{last}))'
        for line in criterion.lines:
            row += 1
            mark = paper.marks.get(line.id)
            level = line.level_of(mark.points) if mark is not None and mark.points is not None else None
            _row(sheet, row, (paper.code, line.id, line.title, level.choice if level else "", "", line.points))
            if mark is not None and mark.points is not None:
                sheet.cell(row, 5).value = float(mark.points)
            _comment(sheet, row, mark)
            _open(sheet, row, (*((4,) if line.levels else ()), 5, 7))
            if line.id in choices:
                choices[line.id].add(sheet.cell(row, 4))
            numbers[line.id].add(sheet.cell(row, 5))
            _text(sheet, row, 8, paper.earlier.get(line.id, ""))
        row += 1
        _row(sheet, row, (paper.code, WHOLE, "Comment on the whole"))
        _comment(sheet, row, paper.marks.get(""))
        _open(sheet, row, (7,))
        _text(sheet, row, 8, paper.earlier.get("", ""))
        row += 1
    for rule in (*choices.values(), *numbers.values()):
        if rule.sqref.ranges:
            sheet.add_data_validation(rule)
    for number, width in enumerate((*WIDTHS, *((60,) if agreed else ()))):
        sheet.column_dimensions["ABCDEFGH"[number]].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{'H' if agreed else 'G'}{row - 1}"
    sheet.protection.autoFilter = False
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _levels(line: RubricLine, cells: str) -> Any:
    from openpyxl.worksheet.datavalidation import DataValidation

    rule = DataValidation(type="list", formula1=f"={cells}", allow_blank=True, showErrorMessage=True)
    rule.errorTitle, rule.error = (
        line.title[:TITLE],
        "Choose a level from the list; the sheet Rubric says what each means.",
    )
    return rule


def _numbers(line: RubricLine) -> Any:
    from openpyxl.worksheet.datavalidation import DataValidation

    rule = DataValidation(
        type="decimal", operator="between", formula1="0", formula2=str(line.points), allow_blank=True,
        showErrorMessage=True, showInputMessage=True,
    )  # fmt: skip
    rule.errorTitle, rule.error = (
        line.title[:TITLE],
        f"Write a number from 0 to {line.points}, such as {line.points / 2:g}.",
    )
    levels = ", ".join(level.choice for level in line.levels) or f"0 to {line.points}"
    rule.promptTitle, rule.prompt = line.title[:TITLE], levels[:PROMPT]
    return rule


def _write_about(book: Workbook, about: Mapping[str, str]) -> None:
    sheet = book.create_sheet(ABOUT)
    for number, fact in enumerate(FACTS, 1):
        _row(sheet, number, (fact, about[fact]))
    for number, text in enumerate(HELP, len(FACTS) + 2):
        _row(sheet, number, (text,))
    sheet.column_dimensions["A"].width = 14
    sheet.column_dimensions["B"].width = 40


def _row(sheet: Worksheet, row: int, values: Sequence[str | int], *, bold: bool = False) -> None:
    from openpyxl.styles import Alignment, Font

    for column, value in enumerate(values, 1):
        cell = sheet.cell(row, column)
        if isinstance(value, str):
            _text(sheet, row, column, value)
        else:
            cell.value = value
        cell.alignment = Alignment(vertical="top", wrap_text=column in (3, 7, 8))
        if bold:
            cell.font = Font(bold=True)


def _text(sheet: Worksheet, row: int, column: int, text: str) -> None:
    """A text that no spreadsheet takes for a formula."""
    from openpyxl.styles import Alignment

    if text:
        cell = sheet.cell(row, column)
        cell.value = NOT_XML.sub("", text)[:CELL]
        cell.data_type, cell.number_format = "s", "@"
        cell.alignment = Alignment(vertical="top", wrap_text=column in (3, 7, 8))


def _comment(sheet: Worksheet, row: int, mark: LineMark | None) -> None:
    sheet.cell(row, 7).number_format = "@"  # "- sound" would else become a formula
    if mark is not None:
        _text(sheet, row, 7, mark.comment)


def _open(sheet: Worksheet, row: int, columns: Sequence[int]) -> None:
    """Unlock the cells to fill in."""
    from openpyxl.styles import Alignment, PatternFill, Protection

    for column in columns:
        cell = sheet.cell(row, column)
        cell.protection = Protection(locked=False)
        cell.fill = PatternFill("solid", fgColor=FILL)
        cell.alignment = Alignment(vertical="top", wrap_text=column == 7)
