"""The gradebook that Canvas exports: its columns about people, its assignments, and its rows of students.

Canvas reads headings in English, whatever the language of the page. Evidence: Canvas's source,
lib/gradebook_importer.rb and lib/gradebook_exporter.rb, and the tests of the importer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from assignments.errors import UserError
from reports.exports.sheet import Line, Sheet, read_sheet

NAME: Final = "Canvas's gradebook"
SEPARATORS: Final = ",;"
NAMES: Final = (("Student",), ("LastName", "FirstName"))
"""The first headings: one column for the name, or two."""
ABOUT: Final = re.compile(
    r"ID\n(?:SIS User ID\nSIS Login ID\n(?:Integration ID\n)?(?:Root Account\n)?|SIS Login ID\n)?Section\n"
)
"""The headings after the name. Right behind them stand custom columns, then assignments, then totals."""
TITLE_AND_NUMBER: Final = re.compile(r"(.*)\s\((\d+)\)")
DROPPED: Final = re.compile(
    "Current Score|Current Points|Current Grade|Final Score|Final Points|Final Grade"
    "|Override Score|Override Grade|Override Status"
)
"""Canvas drops, without a word, each column whose heading has one of these."""
POINTS: Final = "Points Possible"
READ_ONLY: Final = re.compile(r"read\s+only")
MUTED: Final = re.compile(r"\s*(?:Muted|Manual Posting.*)?\s*", re.IGNORECASE | re.DOTALL)
MANUAL: Final = "manual posting"
SCORES_HIDDEN: Final = "hidden from instructors"
NUMERIC: Final = re.compile(r"-?[0-9][0-9.,]*")


@dataclass(frozen=True)
class AssignmentColumn:
    """One column behind `Section`."""

    heading: str
    index: int
    points: str
    """Its cell in the row `Points Possible`."""
    policy: str
    """Its cell in the row `Manual Posting`, if there is one."""

    @property
    def title(self) -> str:
        """Without the number; the heading where it has none."""
        match = TITLE_AND_NUMBER.fullmatch(self.heading)
        return match[1] if match else self.heading

    @property
    def number(self) -> str:
        """Canvas's number of the assignment; empty for a custom column."""
        match = TITLE_AND_NUMBER.fullmatch(self.heading)
        return match[2] if match else ""

    @property
    def problem(self) -> str:
        """Why Canvas would take no mark from this column; empty if it would."""
        if dropped := DROPPED.search(self.heading):
            return f"Canvas drops each column whose heading has {dropped[0]!r} in it: rename the assignment there"
        if READ_ONLY.search(self.points):
            return "it is read only"
        if not self.number:
            return "it has no number of an assignment, and Canvas would make a new assignment, or a note, of it"
        if SCORES_HIDDEN in self.policy.casefold():
            return "it is anonymous, and Canvas takes no mark for it before it is posted"
        return ""


@dataclass(frozen=True)
class Gradebook:
    """A gradebook and its rows."""

    sheet: Sheet
    about: Mapping[str, int]
    """By heading: the columns about a person."""
    columns: tuple[AssignmentColumn, ...]
    """Those behind `Section`."""
    students: tuple[tuple[int, Line], ...]
    """The rows of people, each with its index in the sheet's lines."""

    @property
    def has_two_names(self) -> bool:
        """Whether last and first name stand in columns of their own."""
        return NAMES[1][0] in self.about

    def text(self, line: Line, heading: str) -> str:
        """A cell about a person; empty where the gradebook has no such column."""
        return line.text(self.about[heading]).strip() if heading in self.about else ""

    def name(self, line: Line) -> str:
        """Family name, comma, first name."""
        return ", ".join(self.text(line, heading) for heading in NAMES[self.has_two_names])

    def column(self, called: str, title: str) -> AssignmentColumn:
        """The column to fill.

        Args:
            called: What the person typed: a heading, the title or the number in it; empty for the assignment's title.
            title: The assignment's title.

        Raises:
            UserError: there is no such column, or several; or Canvas would take no mark from it.
        """
        words = called.strip() or title.strip()
        hits = [each for each in self.columns if words in _words(each, by_number=bool(called))]
        if len(hits) == 1 and not hits[0].problem:
            return hits[0]
        if len(hits) == 1:
            raise UserError(f"{NAME}: the column {hits[0].heading!r} cannot be filled: {hits[0].problem}")
        several = f"several columns are {words!r}" if hits else f"there is no column {words!r}"
        fillable = [f"  {each.heading}" for each in hits or self.columns if not each.problem]
        cure = "name the one to fill with --column, by its title or the number in its brackets"
        listed = "\n".join([f"{cure}:", *fillable]) if fillable else "it has none that can be filled: download it again"
        raise UserError(f"{NAME}: {several}; {listed}")


def _words(column: AssignmentColumn, *, by_number: bool) -> tuple[str, ...]:
    """What a person may call a column."""
    words = (column.title.strip(), column.heading.strip())
    return (*words, column.number, f"({column.number})") if by_number and column.number else words


def read_gradebook(data: bytes) -> Gradebook:
    """The gradebook in these bytes.

    Raises:
        UserError: it is not an export of Canvas, or lacks the row `Points Possible`.
    """
    sheet = read_sheet(NAME, data, is_exempt=is_no_student)
    if sheet.delimiter not in SEPARATORS or sheet.encoding != "utf-8":
        raise UserError(
            f"{NAME}: Canvas reads only UTF-8 with commas or semicolons. Download the gradebook again, and do not save "
            "it from a spreadsheet."
        )
    header = sheet.header
    names = next((names for names in NAMES if header[: len(names)] == names), None)
    about = ABOUT.match("".join(f"{heading}\n" for heading in header[len(names) :])) if names else None
    if names is None or about is None:
        raise UserError(
            f"{NAME}: its header is not that of Canvas: Student (or LastName, FirstName), ID, SIS User ID, SIS Login "
            "ID, Integration ID, Root Account, Section, and then the assignments. Canvas refuses such a file: download "
            "the gradebook again (Gradebook, Export)."
        )
    if twice := next((heading for heading in header if header.count(heading) > 1), None):
        raise UserError(f"{NAME}: two columns are {twice!r}, and Canvas reads only the first. Download it again.")
    points = [line for line in sheet.lines[1:] if POINTS in line.text(0)]
    if len(points) != 1:
        rows = f"it has {len(points)} rows {POINTS!r}" if points else f"its row {POINTS!r} is missing"
        raise UserError(f"{NAME}: {rows}, by which Canvas sees what can be marked. Download it again.")
    policies = [line for line in sheet.lines[1:] if is_no_student(line) and line is not points[0]]
    begin = len(names) + about[0].count("\n")
    columns = tuple(
        AssignmentColumn(heading, index, points[0].text(index), next((line.text(index) for line in policies), ""))
        for index, heading in enumerate(header[begin:], begin)
    )
    students = tuple(
        (index, line)
        for index, line in enumerate(sheet.lines)
        if index and line is not points[0] and line not in policies
    )
    return Gradebook(sheet, {heading: index for index, heading in enumerate(header[:begin])}, columns, students)


def is_no_student(line: Line) -> bool:
    """Whether a row is blank, or says how grades are posted. Canvas writes one that may be longer than its header."""
    return all(MUTED.fullmatch(cell.text) for cell in line.cells)


def number_of(text: str) -> Decimal | None:
    """A number as Canvas reads it: the last point or comma begins its decimals. None for other text."""
    text = text.strip().rstrip(".,")
    if not NUMERIC.fullmatch(text):
        return None
    *whole, last = re.split("[.,]", text)
    return Decimal(".".join(["".join(whole), last]) if whole else last)


def has_commas(texts: Sequence[str]) -> bool:
    """Whether numbers have decimal commas: whether the last mark in any of them is a comma."""
    marks = (re.findall("[.,]", text) for text in texts if number_of(text) is not None)
    return any(each[-1] == "," for each in marks if each)
