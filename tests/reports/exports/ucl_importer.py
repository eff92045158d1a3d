"""A double of UCL's Moodle activity Coursework: it writes the marking sheet, and says what an upload of it would do.

Written from the plugin's rules (classes/export/grading_sheet.php, import.php, csv/cells/*, classes/grade_judge.php),
for a person who may administer marks. It reads files with Python's own reader of CSV.
"""

import csv
import io
import re
from dataclasses import dataclass, field
from decimal import Decimal

HIDDEN_MARK = "Hidden until all initial marks are complete"
HEADINGS = {
    "submission": "Sub ID",
    "file": "Submission file id",
    "name": "Surname/Name",
    "username": "Username",
    "idnumber": "ID number",
    "email": "Email address",
    "group": "Group",
    "time": "Overdue",
    "single": "Mark",
    "single feedback": "Feedback comment",
    "agreed": "Agreed mark",
    "agreed feedback": "Agreed mark feedback",
}


@dataclass
class Submission:
    """One person's, or one group's, work."""

    file_id: str
    name: str = ""
    username: str = ""
    idnumber: str = ""
    email: str = ""
    group: str = ""
    marks: dict[str, str] = field(default_factory=dict)
    """By stage (`single`, `first 1`, `agreed`)."""
    feedback: dict[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    """Stages whose marks the person may not see yet."""
    finalised: bool = True
    released: bool = False


@dataclass
class Coursework:
    """An activity as the site has it."""

    submissions: dict[int, Submission]
    markers: int = 1
    allocated: bool = False
    own_and_others: bool = False
    """For a person who may agree only the marks of the submissions that they are allocated."""
    groups: bool = False
    blind: bool = False
    maximum: int = 100
    zero_in_scale: bool = True
    """False in the releases whose `grade_in_scale` asks for more than 0."""
    rubric: int = 0
    """How many criteria it has."""

    @property
    def cells(self):
        """What each column is, in order."""
        who = ["group"] if self.groups else ["name", "username", "idnumber", "email"]
        before = ["submission", "file", *who, "time"]
        if self.markers == 1:
            return [*before, "single", "single feedback"]
        if self.own_and_others:
            others = [f"other {n}{what}" for n in range(1, self.markers) for what in ("", " feedback")]
            return [*before, "single", "single feedback", *others, "agreed", "agreed feedback"]
        each = []
        for n in range(1, self.markers + 1):
            each += [*([f"marker {n}"] if self.allocated else []), f"first {n}", f"first {n} feedback"]
        return [*before, *each, "agreed", "agreed feedback"]


@dataclass
class Row:
    """What the page says of one row after the upload."""

    line: int
    refused: str = ""
    changes: dict[str, str] = field(default_factory=dict)
    """By stage: the mark that is set."""


@dataclass
class Uploaded:
    """What the page says after the upload."""

    refused: str = ""
    """Why the file as a whole is."""
    rows: list[Row] = field(default_factory=list)


def heading(cell):
    """The heading of a column."""
    if cell in HEADINGS:
        return HEADINGS[cell]
    kind, number, *rest = cell.split()
    if kind == "marker":
        return f"Marker {number}"
    if kind == "other":
        return f"Other marker {'feedback' if rest else 'mark'} ({number})"
    return f"Marker {number} {'feedback' if rest else 'mark'}"


def download(coursework):
    """The marking sheet, as PHP writes it: quotes around what holds a blank, a quote or a comma."""
    lines = [[heading(cell) for cell in coursework.cells]]
    for number, submission in coursework.submissions.items():
        lines.append([_cell(coursework, number, submission, cell) for cell in coursework.cells])
    return "".join(",".join(map(_php_quoted, line)) + "\n" for line in lines).encode()


def _cell(coursework, number, submission, cell):
    if cell in ("name", "username", "idnumber", "email") and coursework.blind:
        candidate = re.fullmatch("[A-Z]{4}[0-9]", submission.file_id)
        return submission.file_id if cell == "name" and candidate else "Hidden"
    if cell in submission.hidden:
        return HIDDEN_MARK
    texts = {"submission": str(number), "file": submission.file_id, "time": "On time"}
    for name in ("name", "username", "idnumber", "email", "group"):
        texts[name] = getattr(submission, name)
    texts |= submission.marks
    texts |= {f"{stage} feedback": text for stage, text in submission.feedback.items()}
    return texts.get(cell, "Lovelace Ann" if cell.startswith("marker") else "")


def _php_quoted(text):
    if re.search(r'[,"\\\s]', text):
        return '"' + text.replace('"', '""') + '"'
    return text


def upload(coursework, data):
    """What Coursework would do with a file."""
    text = data.decode("utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    uploaded, before = Uploaded(), 0
    for number, line in enumerate(reader):
        begins, before = before + 1, reader.line_num
        if number and line:
            if len(line) != len(coursework.cells):
                return Uploaded("Incorrect file format")
            uploaded.rows.append(_row(coursework, begins, dict(zip(coursework.cells, line, strict=True))))
    return uploaded


def _row(coursework, line, cells):
    refused = next(filter(None, (_refused(coursework, cells, cell) for cell in coursework.cells)), "")
    if refused:
        return Row(line, refused)
    submission = coursework.submissions[int(cells["submission"])]
    changes = {}
    for stage in (cell for cell in coursework.cells if _is_stage(cell)):
        present = submission.marks.get(stage)
        if not _empty(cells[stage]):
            feedback = cells[f"{stage} feedback"]
            same = present and Decimal(present) == Decimal(cells[stage])
            if not same or submission.feedback.get(stage, "") != feedback:
                changes[stage] = cells[stage]
    return Row(line, changes=changes)


def _is_stage(cell):
    return cell in ("single", "agreed") or bool(re.fullmatch(r"first \d", cell))


def _refused(coursework, cells, cell):
    """Why a row is refused for this cell; empty if it is not."""
    value = cells[cell]
    if cell == "submission":
        exists = value.isdigit() and int(value) in coursework.submissions
        return "" if exists else "Submission not found in coursework"
    submission = coursework.submissions[int(cells["submission"])] if cells["submission"].isdigit() else None
    if submission is None:
        return ""
    if cell == "file":
        return "" if value == submission.file_id else "Submission not found"
    if cell == "agreed feedback":
        if value and not _all_in(coursework, submission):
            return "The submission is not ready for agreed mark"
        return "Released" if submission.released else ""
    if not _is_stage(cell) or _empty(value):
        return ""
    if not _in_scale(coursework, value):
        return "Mark value not in coursework scale."
    if not submission.finalised:
        return "The submission is not ready to be marked"
    if cell == "agreed" and not _all_in(coursework, submission):
        return "The submission is not ready for agreed mark"
    return "Released" if submission.released and cell != "single" else ""


def _all_in(coursework, submission):
    """Whether all first marks are: a submission with an agreed mark counts as one."""
    if submission.marks.get("agreed"):
        return True
    if coursework.own_and_others:
        stages = ["single", *(f"other {n}" for n in range(1, coursework.markers))]
    else:
        stages = [f"first {n}" for n in range(1, coursework.markers + 1)]
    return all(submission.marks.get(stage) for stage in stages) and not set(stages) & set(submission.hidden)


def _empty(value):
    """PHP's `empty`."""
    return value in ("", "0")


def _in_scale(coursework, value):
    numeric = re.fullmatch(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", value)
    if not numeric or not float(value) < coursework.maximum + 1:
        return False
    return float(value) > 0 or (coursework.zero_in_scale and float(value) == 0)
