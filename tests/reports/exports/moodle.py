"""A double of Moodle's assignment activity: the worksheet it gives out, and what it does with files that come back.

Written from the rules of its source and calling nothing of medmark: mod/assign/gradingtable.php (the sheet),
mod/assign/feedback/offline/{importgradeslib,locallib}.php and lib/csvlib.class.php (the upload), and
mod/assign/feedback/file/importziplib.php with lib/filestorage/zip_archive.php (feedback files). There are two kinds
of Moodle: up to 5.1, and the later one in which several markers mark (`several_markers`), which drops zeros.
"""

import codecs
import hashlib
import io
import re
import zipfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta

PREFIX = "Participant "
"""`hiddenuser` of the English language pack."""
UPLOADER = "prof"


class InvalidGradeImport(Exception):
    """Moodle could not read the uploaded worksheet."""


@dataclass(frozen=True)
class Done:
    """What Moodle did with one row of a worksheet, or one file of a ZIP."""

    about: str
    """The cell `Identifier`, or the name of the file."""
    wrote: float | None = None
    """The grade or mark that it stored; None if none."""
    why: str = ""
    """Why it stored none; it shows nobody this."""


@dataclass
class Grade:
    """A row of the table `assign_grades`."""

    grade: float | None
    """None stands for -1: no grade."""
    modified: datetime
    marks: dict[str, float] = field(default_factory=dict)
    """By marker."""


@dataclass
class Moodle:
    """One assignment activity: its participants by number, in the order of the grading table."""

    names: dict[int, str]
    maximum: float = 100.0
    grades: dict[int, Grade] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    """Whose grade is locked or overridden in the gradebook, or past marking in the workflow."""
    markers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    several_markers: bool = False
    decimals: int = 2
    decimal: str = "."
    headings: tuple[str, str, str] = ("Identifier", "Grade", "Last modified (grade)")
    """In the language of the person who uploads."""
    now: datetime = datetime(2027, 1, 20, 10, 0)
    files: dict[tuple[int, str], str] = field(default_factory=dict)
    """By participant and name: the hash of a feedback file."""

    # The worksheet

    def rows(self, identity=(), *, anonymous=False, workflow=False, comments=None):
        """The worksheet as cells, header first.

        Args:
            identity: Further columns that name a person: (heading, {number: cell}).
            comments: By participant: the feedback comment.
        """
        most = max((len(each) for each in self.markers.values()), default=0) if self.several_markers else 0
        named = [] if anonymous else ["Full name", *(heading for heading, _ in identity)]
        header = ["Identifier", *named, "Status", *(f"Marker {n}" for n in range(1, most + 1)), "Grade"]
        header += ["Maximum grade" if self.several_markers else "Maximum Grade"]
        header += ["Marking workflow state"] if workflow else []
        header += ["Grade can be changed", "Last modified (submission)", "Online text", "Last modified (grade)"]
        rows = [[*header, "Feedback comments"]]
        for number, name in self.names.items():
            grade, markers = self.grades.get(number), self.markers.get(number, ())
            who = [] if anonymous else [name, *(cells.get(number, "") for _, cells in identity)]
            marks = [self._shown(grade and grade.marks.get(marker)) for marker in markers]
            row = [f"{PREFIX}{number}", *who, "Submitted for grading - ", *(marks + [""] * most)[:most]]
            row += [self._shown(grade and grade.grade), self._shown(self.maximum)]
            row += ["In marking"] if workflow else []
            row += ["No" if number in self.locked else "Yes", "Friday, 15 January 2027, 11:42 AM", ""]
            row += [_userdate(grade.modified) if grade else "-", (comments or {}).get(number, "")]
            rows.append(row)
        return rows

    def _shown(self, value):
        return "" if value is None else f"{value:.{self.decimals}f}".replace(".", self.decimal)

    # The upload of a worksheet

    def upload_worksheet(self, data, *, encoding="utf-8", separator=",", uploader=UPLOADER, ignore_modified=False):
        """What becomes of each row; the grades are those after it.

        Raises:
            InvalidGradeImport: a column that Moodle needs is missing.
        """
        rows = _loaded(data, encoding, separator)
        header = rows[0] if rows else []
        at = {heading: column for column, heading in enumerate(header)}
        if any(heading not in at for heading in self.headings):
            raise InvalidGradeImport
        if any(len(row) != len(header) for row in rows):
            return []  # the file is thrown away, and the page says "No modified grades found"
        identifier, grade, modified = (at[heading] for heading in self.headings)
        return [
            self._upload(
                row[identifier], row[grade], self._own_mark(row, at, identifier, uploader), row[modified], uploader,
                ignore_modified=ignore_modified,
            )
            for row in _stored_and_read_again(rows)[1:]
            if len(row) > max(identifier, grade, modified)
        ]  # fmt: skip

    def _own_mark(self, row, at, identifier, uploader):
        """The cell of the column whose marker uploads; None for the rest of the world."""
        if not self.several_markers:
            return None
        markers = self.markers.get(_participant(row[identifier]) or 0, ())
        own = [f"Marker {n}" for n, marker in enumerate(markers, 1) if marker == uploader]
        return next((row[at[heading]] for heading in own if heading in at), None)

    def _upload(self, identifier, grade_cell, mark_cell, modified_cell, uploader, *, ignore_modified):
        number = _participant(identifier)
        if number not in self.names:
            return Done(identifier, why="no such participant")
        stored, grade, mark = self.grades.get(number), self._float(grade_cell), self._float(mark_cell)
        own = stored.marks.get(uploader) if stored else None
        stale = stored is not None and stored.modified > _strtotime(modified_cell) + timedelta(seconds=60)
        same = stored is not None and (stored.grade if stored.grade is not None else -1.0) == grade
        if same and (not self.several_markers or (own is not None and own == mark)):
            return Done(identifier, why="not modified")
        if (grade is None or grade < 0) and (mark is None or mark < 0):
            return Done(identifier, why="no value")
        if stale and not ignore_modified:
            return Done(identifier, why="modified in Moodle since")
        if number in self.locked:
            return Done(identifier, why="locked")
        if grade is not None and not 0 <= grade <= self.maximum:
            return Done(identifier, why="out of range")
        if not self.several_markers:
            return self._store(identifier, number, grade)
        mark_is_new = bool(mark) and mark > 0 and mark != own  # PHP: 0.0 is false
        grade_is_new = bool(grade) and grade > 0 and not (stored and grade == stored.grade)
        if mark_is_new:
            self.grades.setdefault(number, Grade(None, self.now)).marks[uploader] = mark
            self.grades[number].modified = self.now
        if grade_is_new:
            return self._store(identifier, number, grade)
        return Done(identifier, mark) if mark_is_new else Done(identifier, why="zero, or not modified")

    def _store(self, identifier, number, grade):
        stored = self.grades.setdefault(number, Grade(None, self.now))
        stored.grade, stored.modified = grade, self.now
        return Done(identifier, grade)

    def _float(self, text):
        """`unformat_float`: None for an empty text, and 0.0 for one that is no number."""
        text = (text or "").strip().replace(" ", "").replace(self.decimal, ".")
        if not text:
            return None
        match = re.match(r"[+-]?\d*\.?\d*", text)
        return float(match[0]) if re.search(r"\d", match[0]) else 0.0

    # The upload of feedback files

    def upload_feedback(self, data):
        """What becomes of each file of a ZIP, in its order: (name in Moodle, participant), or why it is ignored."""
        done = []
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                assert info.filename.isascii() or info.flag_bits & 0x800, "Moodle would guess the encoding"
                done.append(self._import(_clean_path(info.filename), archive.read(info)))
        return done

    def _import(self, path, content):
        if path.rpartition("/")[2].startswith((".", "~")) or not path or path.endswith("/"):
            return Done(path, why="hidden")
        parts = path.split("/")
        while parts:
            info = parts.pop(0).split("_", 4)
            if len(info) < 4 or not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", info[1], re.I):
                continue
            number = float(info[1])
            if number not in self.names or info[2:4] != ["assignfeedback", "file"]:
                continue
            name = "/".join([*info[4:], *parts])
            return self._store_file(path, int(number), name, hashlib.sha1(content).hexdigest())
        return Done(path, why="names no participant")

    def _store_file(self, path, number, name, digest):
        if self.files.get((number, name)) == digest:
            return Done(path, why="the same file is there")
        self.files[number, name] = digest
        self.grades.setdefault(number, Grade(None, self.now)).modified = self.now
        return Done(path, wrote=number)


def _participant(identifier):
    """The number behind as many characters as the prefix has; None if the rest is none."""
    rest = identifier[len(PREFIX) :]
    return int(rest) if re.fullmatch(r"\d+", rest) else None


def _userdate(time):
    return f"{time:%A}, {time.day} {time:%B} {time.year}, {time.hour % 12 or 12}:{time:%M %p}"


def _strtotime(text):
    """The time in a cell; the beginning of time for what PHP cannot read, such as a dash or another language."""
    try:
        return datetime.strptime(text, "%A, %d %B %Y, %I:%M %p")
    except ValueError:
        return datetime(1970, 1, 1)


# lib/csvlib.class.php: the file is read, stored as CSV again, and read from there


def _loaded(data, encoding, separator):
    text = data.decode(encoding).removeprefix(codecs.BOM_UTF8.decode("utf-8"))
    text = re.sub("\r\n?", "\n", text)
    text = text.strip(" \n\r\0\x0b") if separator == "\t" else text.strip(" \t\n\r\0\x0b")
    return [row for row in _fgetcsv(text, separator) if row != [None]]


def _stored_and_read_again(rows):
    return [row for row in _fgetcsv("".join(map(_fputcsv, rows)), ",") if row != [None]]


def _fgetcsv(text, separator):
    """PHP's reader: in quotes, a backslash keeps the character after it from ending the field."""
    rows, at = [], 0
    while at < len(text):
        row = []
        while True:
            cell, at = _field(text, at, separator)
            row.append(cell)
            if text[at : at + 1] != separator:
                break
            at += 1
        rows.append([None] if row == [""] else row)
        at += 1
    return rows


def _field(text, at, separator):
    end = re.compile(f"[{re.escape(separator)}\n]|\\Z")
    if text[at : at + 1] != '"':
        stop = end.search(text, at).start()
        return text[at:stop], stop
    at, parts = at + 1, []
    while at < len(text):
        if text[at] == "\\":
            parts.append(text[at : at + 2])
            at += 2
        elif text[at : at + 2] == '""':
            parts.append('"')
            at += 2
        elif text[at] == '"':
            stop = end.search(text, at + 1).start()
            return "".join(parts) + text[at + 1 : stop], stop
        else:
            parts.append(text[at])
            at += 1
    return "".join(parts), at


def _fputcsv(row):
    """PHP's writer: it doubles no quote behind a backslash."""
    cells = []
    for cell in row:
        if re.search('[,"\\\\\n\r\t ]', cell):
            escaped, parts = False, []
            for letter in cell:
                if letter == "\\":
                    escaped = True
                elif letter == '"' and not escaped:
                    parts.append('"')
                else:
                    escaped = False
                parts.append(letter)
            cell = f'"{"".join(parts)}"'
        cells.append(cell)
    return ",".join(cells) + "\n"


def _clean_path(name):
    """`clean_param` with PARAM_PATH, of a name in a ZIP."""
    parts = [re.sub(r"[\x00-\x1f\x7f]|[&<>\"`|':\\]", "", part) for part in name.replace("\\", "/").split("/")]
    return re.sub("/+", "/", "/".join("" if part in (".", "..") else part for part in parts)).lstrip("/")
