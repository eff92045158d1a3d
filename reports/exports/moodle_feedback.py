"""Feedback files for Moodle's assignment activity: a ZIP with one file a person.

Moodle reads from each name whose file it is, `fullname_number_assignfeedback_file_feedback.html`, and passes over,
without a word, each name that it cannot read. Evidence: its source, mod/assign/feedback/file/importziplib.php.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from graders.course.roster import Group
from reports.archives import archive
from reports.exports.export import ExportRules, Filled, Marks, Page, RowLine, RowOutcome
from reports.exports.moodle_worksheet import PREFIX, Participant, Worksheet, read_worksheet, when_students_see
from reports.exports.rows import state_of
from reports.terminal import quantity

NOBODY: Final = PREFIX.strip()
"""In place of a name: of people whom the sheet does not name either, and of those whose name has no harmless letter."""
APART: Final = re.compile(r"[_/\\:\s]+")
"""The underscore parts a name's fields, and the rest parts folders."""
LOST: Final = re.compile(r"[&<>\"`|'*?]")
"""Moodle takes these out of a name, or a computer that unpacks the file does."""
LONGEST: Final = 50
"""Letters of a name, so that the whole fits into the 255 bytes of a file name."""


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """A ZIP with the page of everybody in the worksheet who has one.

    Raises:
        UserError: it is not a grading worksheet, or is that of another course.
    """
    worksheet = read_worksheet(sheet, roster, rules.members)
    files, lines = {}, []
    for each in worksheet.participants:
        page = marks.pages.get(each.who)
        name = _file_name(each, page, anonymous=worksheet.is_anonymous) if page else ""
        lines.append(_line(each, page, name, marks))
        if page:
            files[name] = page.data
    lines += [
        RowLine(RowOutcome.MISSING, person.member.id, mark=_short(marks.pages[person.member.id]))
        for person in worksheet.missing
        if person.member.id in marks.pages
    ]
    return Filled(archive(dict(sorted(files.items()))), tuple(lines), tuple(_notes(worksheet, marks)))


def _line(participant: Participant, page: Page | None, name: str, marks: Marks) -> RowLine:
    at, member = participant.line.number, participant.who
    if not member:
        return RowLine(RowOutcome.UNKNOWN, participant.called, at, why=participant.why)
    if page is None:
        why = f"{state_of(marks, participant.members[0])}: there is no page to hand out"
        return RowLine(RowOutcome.NO_MARK, member, at, why=why)
    return RowLine(RowOutcome.WRITTEN, member, at, _short(page), f"as {name}")


def _short(page: Page) -> str:
    """What tells a page from another one of the same person."""
    return f"page {hashlib.sha256(page.data).hexdigest()[:8]}"


def _file_name(participant: Participant, page: Page, *, anonymous: bool) -> str:
    """By the name and the number Moodle finds the person; the rest is what it calls the file."""
    name = NOBODY if anonymous or not participant.members else _plain(participant.members[0].name)
    return f"{name}_{participant.number}_assignfeedback_file_feedback{page.suffix}"


def _plain(name: str) -> str:
    """A name that Moodle and any computer leave as it is, and that hides nothing."""
    spaced = APART.sub(" ", unicodedata.normalize("NFC", name))
    seen = "".join(letter for letter in LOST.sub("", spaced) if not unicodedata.category(letter).startswith("C"))
    return seen.lstrip(" .~")[:LONGEST].strip() or NOBODY


def _notes(worksheet: Worksheet, marks: Marks) -> Iterator[str]:
    """What a person has to know of the file as a whole."""
    yield from worksheet.warnings
    yield (
        "Upload the worksheet with the marks first: Moodle dates a person's grade anew when it stores a file for them, "
        "and then skips their row of a worksheet that was downloaded before."
    )
    yield when_students_see(worksheet)
    if worksheet.is_anonymous:
        yield "The worksheet is anonymous, and the pages name people: whoever opens this ZIP reads who is who."
    kinds = {page.suffix for page in marks.pages.values()}
    if len(kinds) > 1:
        html = sum(page.suffix == ".html" for page in marks.pages.values())
        yield f"No PDF could be made of {quantity(html, 'page')}: {'it is' if html == 1 else 'they are'} HTML."
