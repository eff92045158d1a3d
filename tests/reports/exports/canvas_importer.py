"""A double of Canvas's gradebook: it writes the export, and says what an upload of it would change.

Written from Canvas's rules (lib/gradebook_importer.rb, lib/gradebook_exporter.rb, and the importer's spec). It reads
files with Python's own reader of CSV.
"""

import csv
import io
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

RESERVED = "(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)"
TOTALS = ("Current Score", "Unposted Current Score", "Final Score", "Unposted Final Score")


@dataclass(frozen=True)
class Student:
    """A person of the course as Canvas has them."""

    id: int
    family: str
    first: str
    sis: str = ""
    login: str = ""

    @property
    def sortable(self):
        return f"{self.family}, {self.first}"

    @property
    def name(self):
        return f"{self.first} {self.family}"


@dataclass(frozen=True)
class Work:
    """An assignment of the course."""

    id: int
    title: str
    points: str = "100.00"
    manual: bool = True


@dataclass
class Course:
    """A course as Canvas has it."""

    students: list[Student]
    works: list[Work]
    scores: dict[tuple[int, int], str] = field(default_factory=dict)
    """By student and assignment: a score, or `EX`."""
    unassigned: set[tuple[int, int]] = field(default_factory=set)
    notes: tuple[str, ...] = ()
    """Titles of custom columns."""


@dataclass(frozen=True)
class FileStyle:
    """How a person lets Canvas write the file."""

    delimiter: str = ","
    comma: bool = False
    bom: bool = False
    two_names: bool = False
    sis: bool = True


@dataclass
class Row:
    """What the page shows of one row before a person confirms."""

    line: int
    student: int | None
    """None: Canvas would offer to make a new person."""
    changes: dict[int, str] = field(default_factory=dict)
    """By assignment: the new score; an empty text removes the one that is there."""


@dataclass
class Uploaded:
    """What the page shows."""

    refused: str = ""
    rows: list[Row] = field(default_factory=list)
    new_works: list[str] = field(default_factory=list)


def export(course, style=FileStyle()):
    """The gradebook, as Canvas writes it."""
    names = ["LastName", "FirstName"] if style.two_names else ["Student"]
    about = [*names, "ID", *(["SIS User ID"] if style.sis else []), "SIS Login ID", "Section"]
    lines = [[*about, *course.notes, *(f"{work.title} ({work.id})" for work in course.works), *TOTALS]]
    if any(work.manual for work in course.works):
        posting = ["Manual Posting" if work.manual else "" for work in course.works]
        lines.append([""] * (len(about) + len(course.notes)) + posting + [""] * len(TOTALS))
    points = [_localised(work.points, style) for work in course.works]
    blank = [""] * (len(about) - 1 + len(course.notes))
    lines.append(["    Points Possible", *blank, *points, *["(read only)"] * len(TOTALS)])
    for student in course.students:
        whose = [student.family, student.first] if style.two_names else [student.sortable]
        whose += [str(student.id), *([student.sis] if style.sis else []), student.login, "DL-2027 and Lab A"]
        scores = [_exported(course, student, work, style) for work in course.works]
        lines.append([*whose, *["note"] * len(course.notes), *scores, *["97.33"] * len(TOTALS)])
    text = "".join(style.delimiter.join(_ruby_quoted(cell, style) for cell in line) + "\n" for line in lines)
    return (b"\xef\xbb\xbf" if style.bom else b"") + text.encode()


def _ruby_quoted(text, style):
    if re.search(r'^\s|\s$|[\r\n"]', text) or style.delimiter in text:
        return text if text == "    Points Possible" else '"' + text.replace('"', '""') + '"'
    return text


def _exported(course, student, work, style):
    if (student.id, work.id) in course.unassigned:
        return "N/A"
    return _localised(course.scores.get((student.id, work.id), ""), style)


def _localised(text, style):
    return text.replace(".", ",") if style.comma else text


def upload(course, data):
    """What Canvas would show for a file."""
    text = data.decode("utf-8")
    delimiter = ";" if _is_semicolon(text) else ","
    try:
        lines = list(_lines(text, delimiter))
    except csv.Error:
        return Uploaded("Gradebook import did not parse cleanly")
    (_, header), *rest = lines
    about = _columns_about(course, header)
    if about is None:
        return Uploaded("Invalid header row")
    columns, uploaded = _work_columns(course, header, about), Uploaded()
    points = []
    for line, row in rest:
        row = [*map(_normalised, row)] + [""] * (len(header) - len(row))
        if "Points Possible" in row[0]:
            points = row
        elif not all(re.fullmatch(r"(?i)\s*(Muted|Manual Posting.*)?\s*", cell) for cell in row):
            uploaded.rows.append((line, row))
    read_only = {at for at in columns.values() if points and re.search(r"read\s+only", points[at])}
    uploaded.new_works = [key for key, at in columns.items() if isinstance(key, str) and at not in read_only]
    columns = {key: at for key, at in columns.items() if isinstance(key, int) and at not in read_only}
    uploaded.rows = [_row(course, line, row, header, columns) for line, row in uploaded.rows]
    return uploaded


def _lines(text, delimiter):
    reader, before = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 0
    for row in reader:
        begins, before = before + 1, reader.line_num
        if row and not re.fullmatch(r"[;, ]+", delimiter.join(row)):
            yield begins, row


def _is_semicolon(text):
    """Canvas looks at three lines, and at how many fields each separator makes of them."""
    first, counts = io.StringIO(text).readlines()[:3], {}
    for delimiter in ";,":
        try:
            sizes = {len(next(csv.reader([line], delimiter=delimiter, strict=True), [])) for line in first}
        except csv.Error:
            sizes = set()
        counts[delimiter] = sizes.pop() if len(sizes) == 1 else 0
    return counts[";"] > counts[","]


def _normalised(field):
    """A decimal comma becomes a point; the last mark begins the decimals, so that 1,000 is 1."""
    if not re.fullmatch(r"-?[0-9.,]+%?", field):
        return field
    *whole, last = re.split("[,.]", field)
    return f"{''.join(whole)}.{last}" if whole else last


def _columns_about(course, header):
    """How many columns are about a person; None where Canvas refuses the header."""
    row = [*header, "", "", "", ""]
    one = len(header) > 3 and "Student" in row[0] and "ID" in row[1]
    two = len(header) > 4 and "LastName" in row[0] and "FirstName" in row[1] and "ID" in row[2]
    if not one and not two:
        return None
    count = names = 4 if row[:2] == ["LastName", "FirstName"] else 3
    if "SIS Login ID" in row[names - 1]:
        count += 1
    elif "SIS User ID" in row[names - 1] and "SIS Login ID" in row[names]:
        integration = int("Integration ID" in row[names + 1])
        count += 2 + integration + int("Root Account" in row[names + 1 + integration])
    return count + len(course.notes) if "Section" in row[count - 1] else None


def _work_columns(course, header, about):
    """By assignment's number, or by heading where Canvas would make a new one: the column."""
    columns = {}
    for heading in header[about:]:
        if re.search(RESERVED, heading) or heading in course.notes:
            continue
        match = re.fullmatch(r"(.*)\s\((\d+)\)", heading)
        work = next((work for work in course.works if match and work.id == int(match[2])), None)
        work = work or next((work for work in course.works if work.title == heading), None)
        columns[work.id if work else heading] = header.index(heading)
    return columns


def _row(course, line, row, header, columns):
    student = _student(course, row, header)
    if student is None:
        return Row(line, None)
    changes = {}
    for work, at in columns.items():
        new = "" if (student.id, work) in course.unassigned else row[at].strip()
        old = course.scores.get((student.id, work), "")
        if not _is_same(old, new):
            changes[work] = "" if new == "-" else new
    return Row(line, student.id, changes)


def _student(course, row, header):
    two = header[0] == "LastName"
    cells = dict(zip(header, row, strict=False))
    id = row[2 if two else 1]
    hits = [student for student in course.students if id.isdigit() and student.id == int(id)]
    for heading, word in (("SIS User ID", "sis"), ("SIS Login ID", "login")):
        text = cells.get(heading, "")
        hits += [student for student in course.students if text and getattr(student, word) == text]
    name = f"{row[1]} {row[0]}" if two else row[0]
    hits += [student for student in course.students if name in (student.name, student.sortable)]
    return hits[0] if hits else None


def _is_same(old, new):
    blank = ("", "-")
    if old == new or (old in blank and new in blank):
        return True
    if old in blank or new in blank:
        return False
    if "ex" in (old.casefold(), new.casefold()):
        return old.casefold() == new.casefold()
    try:
        return _two_decimals(old) == _two_decimals(new)
    except ArithmeticError:
        return False


def _two_decimals(text):
    return Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP)
