"""Writes the rendered reports: the only file of `reports` that touches the disk. A reader never sees half a page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assignments.assignment import Accuracy, Assignment
from assignments.errors import UserError
from assignments.files import replace_file
from graders.course.cells import WINDOWS_DEVICES
from graders.course.course import Course
from graders.course.pseudonyms import pseudonyms
from graders.course.secret import read_secret
from graders.intake.counting import due_of_page
from graders.marks.diagnosis import known_mistakes
from graders.marks.mark import Mark
from graders.marks.personal import PersonalMark
from graders.marks.results import Results
from graders.marks.versions import ReturnedPage, Versions
from graders.record.calibration import fresh_calibration
from graders.record.in_force import Decisions
from reports.cases_page import cases_page
from reports.cohort import distribution_table, summary_table
from reports.feedback import HandIn, feedback_page, hand_in_of
from reports.leaderboard import Baseline, calibrated_rows, leaderboard_page
from reports.marksheet import as_csv, as_xlsx, marksheet, marksheet_json
from reports.personal import personal_page

if TYPE_CHECKING:
    import pandas

    from graders.course.roster import Group
    from graders.runs.showing import Showing


SHEETS: Final = (".csv", ".xlsx")
"""Formats of a mark sheet."""


@dataclass(frozen=True)
class WrittenReports:
    """The files and folders that were written."""

    folder: Path
    feedback: Mapping[str, Path]
    """By group: the page to hand out."""
    staff: Mapping[str, Path]
    """By group: the page with evidence."""
    marksheet_csv: Path
    marksheet_json: Path
    cohort: Path
    """The folder of the cohort's tables."""
    personal: Mapping[str, Path]
    """By member: the page of each person whose mark differs from their group's or has its own steps."""
    leaderboard: Path | None
    """None if the assignment has no accuracy to rank by."""


def report_results(
    course: Course,
    results: Results,
    folder: Path | None = None,
    *,
    names: bool = False,
    ratified: bool = False,
    sheet: Path | None = None,
) -> WrittenReports:
    """All reports of these results, into `folder` or the course's own `reports/`.

    `names` puts the groups' own names on the leaderboard instead of pseudonyms. `sheet` is a second file for the mark
    sheet: a workbook if it ends in .xlsx, CSV if it ends in .csv.
    """
    assignment = results.assignment
    groups = [mark.group for mark in results.marks]
    board = {group: group for group in groups} if names else pseudonyms(groups, read_secret(course), assignment.id)
    return write_reports(
        folder or course.folder / "reports",
        assignment,
        results.marks,
        course.groups,
        _hand_ins(course, results),
        board,
        course=course.title,
        ratified=ratified,
        people=results.people,
        versions=Versions.of(results.events),
        sheet=sheet,
    )


def write_reports(
    folder: Path,
    assignment: Assignment,
    marks: Sequence[Mark],
    groups: Sequence[Group],
    hand_ins: Mapping[str, HandIn],
    board_names: Mapping[str, str],
    *,
    course: str = "",
    ratified: bool = False,
    people: Sequence[PersonalMark] = (),
    versions: Versions | None = None,
    sheet: Path | None = None,
) -> WrittenReports:
    """Render and write all reports of one assignment below `folder`/<assignment id>.

    `people` are the persons' own marks; `versions` are those of the returned pages. Each version is kept in a folder
    `versions` beside the page, as feedback/versions/group-01-v1.html, and never written again.

    `board_names` has each name on the leaderboard: `graders.course.pseudonyms`, unless groups chose to be named.
    """
    if sheet and sheet.suffix.casefold() not in SHEETS:
        raise UserError(f"{sheet}: a mark sheet is written as {' or '.join(SHEETS)}; name one of these")
    home = folder / file_name(assignment.id)
    versions = versions or Versions()
    feedback: dict[str, Path] = {}
    staff: dict[str, Path] = {}
    names = file_names([mark.group for mark in marks])
    mistakes = known_mistakes(assignment)
    for mark in marks:
        hand_in = _with_version(hand_ins.get(mark.group, HandIn(mark.group)), mark, board_names, ratified, versions)
        feedback[mark.group] = home / "feedback" / f"{names[mark.group]}.html"
        staff[mark.group] = home / "staff" / f"{names[mark.group]}.html"
        page = feedback_page(mark, assignment, hand_in, mistakes=mistakes)
        write(feedback[mark.group], page)
        _keep(feedback[mark.group], page, versions.groups.get(mark.group))
        write(staff[mark.group], feedback_page(mark, assignment, hand_in, audience="staff", mistakes=mistakes))
    personal = _write_personal(home / "personal", assignment, people, groups, ratified, versions)
    own = {person.member: person for person in people}
    table = marksheet(marks, assignment, groups, hand_ins, own)
    _write_table(home / "marksheet.csv", table)
    _write_table(home / "cohort" / "summary.csv", summary_table(table, assignment))
    _write_table(home / "cohort" / "distribution.csv", distribution_table(table, assignment))
    write(home / "marksheet.json", marksheet_json(marks, assignment, groups, hand_ins, own, versions.version))
    if sheet:
        _write_table(sheet, table)
    board = None
    if any(isinstance(criterion, Accuracy) for criterion in assignment.criteria):
        board = home / "leaderboard.html"
        page = leaderboard_page(
            marks, assignment, names=board_names, baselines=_calibrated(assignment), course=course, ratified=ratified
        )
        write(board, page)
    sheets = home / "marksheet.csv", home / "marksheet.json"
    return WrittenReports(home, feedback, staff, *sheets, home / "cohort", personal, board)


def _write_table(path: Path, table: pandas.DataFrame) -> None:
    """A table in the format of the file's extension."""
    if path.suffix.casefold() == ".xlsx":
        write(path, as_xlsx(table))
    else:
        # The byte order mark tells spreadsheets that the names are UTF-8.
        write(path, "\ufeff" + as_csv(table))


def keep_versions(course: Course, results: Results) -> Path:
    """Keep the current pages of everyone whom these marks were returned to; returns the folder of the pages.

    Call it at the moment of the return: `report` may run much later, when the pages have another version.
    """
    assignment = results.assignment
    home = course.folder / "reports" / file_name(assignment.id)
    versions = Versions.of(results.events)
    names = file_names([mark.group for mark in results.marks])
    board = pseudonyms([mark.group for mark in results.marks], read_secret(course), assignment.id)
    hand_ins = _hand_ins(course, results)
    mistakes = known_mistakes(assignment)
    for mark in results.marks:
        hand_in = _with_version(hand_ins[mark.group], mark, board, False, versions)
        page = feedback_page(mark, assignment, hand_in, mistakes=mistakes)
        _keep(home / "feedback" / f"{names[mark.group]}.html", page, versions.groups.get(mark.group))
    people, groups = results.people, course.groups
    for person, path, page in _personal_pages(home / "personal", assignment, people, groups, False, versions):
        _keep(path, page, versions.people.get(person.member))
    return home


def write_case_pages(course: Course, results: Results, showing: Showing) -> Path:
    """Write each group's page of hidden cases, and return their folder. Record the showing before."""
    home = course.folder / "reports" / file_name(results.assignment.id) / "cases"
    names = file_names([mark.group for mark in results.marks])
    for group in showing.groups:
        write(home / f"{names[group]}.html", cases_page(showing, group))
    return home


def _hand_ins(course: Course, results: Results) -> dict[str, HandIn]:
    """By group: its submission as the group's page describes it."""
    decisions = Decisions.of(results.assignment.id, results.events)
    return {
        submission.group: hand_in_of(
            submission, timezone=course.timezone, due=due_of_page(course, decisions, course.group(submission.group))
        )
        for submission in results.submissions
    }


def _with_version(
    hand_in: HandIn, mark: Mark, board_names: Mapping[str, str], ratified: bool, versions: Versions
) -> HandIn:
    returned = versions.groups.get(mark.group)
    return replace(
        hand_in,
        board_name=hand_in.board_name or board_names[mark.group],
        ratified=ratified,
        # A returned commit is final, even if the group still pushes.
        why="The last commit seen when these marks were returned" if returned and hand_in.provisional else hand_in.why,
        version=returned.version if returned else 1,
        correction=returned.correction if returned else "",
    )


def _write_personal(
    home: Path,
    assignment: Assignment,
    people: Sequence[PersonalMark],
    groups: Sequence[Group],
    ratified: bool,
    versions: Versions,
) -> dict[str, Path]:
    """A page for everyone with a step of their own; a page that no longer applies is removed."""
    written = {}
    for person, path, page in _personal_pages(home, assignment, people, groups, ratified, versions):
        if page:
            write(path, page)
            _keep(path, page, versions.people.get(person.member))
            written[person.member] = path
        else:
            path.unlink(missing_ok=True)
    return written


def _personal_pages(
    home: Path,
    assignment: Assignment,
    people: Sequence[PersonalMark],
    groups: Sequence[Group],
    ratified: bool,
    versions: Versions,
) -> Iterator[tuple[PersonalMark, Path, str]]:
    """Each person with their page, empty for people without a step of their own.

    A correction that moved a person but not the group's page counts as such a step.
    """
    names = {member.id: member.name for group in groups for member in group.members}
    files = file_names([person.member for person in people])
    for person in people:
        returned = versions.people.get(person.member)
        text = ""
        if person.trace or person.disputes or _moved_alone(person, versions):
            text = personal_page(
                person,
                assignment,
                names[person.member],
                ratified=ratified,
                version=returned.version if returned else 1,
                correction=returned.correction if returned else "",
            )
        yield person, home / f"{files[person.member]}.html", text


def _moved_alone(person: PersonalMark, versions: Versions) -> bool:
    own, of_group = versions.people.get(person.member), versions.groups.get(person.group)
    on_group_page = of_group.events if of_group else ()
    return own is not None and any(event not in on_group_page for event in own.events[1:])


def _keep(path: Path, text: str, returned: ReturnedPage | None) -> None:
    """Keep this version of a returned page beside it; a version that exists is never overwritten."""
    if returned is None or not text:
        return
    version = path.parent / "versions" / f"{path.stem}-{returned.name}{path.suffix}"
    if not version.exists():
        write(version, text)


def _calibrated(assignment: Assignment) -> tuple[Baseline, ...] | None:
    """The scores of references and trivial answers, if a calibration of exactly these data is stored."""
    calibration = fresh_calibration(assignment)
    if calibration is None:
        return None
    return calibrated_rows(assignment, calibration.references, calibration.baselines) or None


def write(path: Path, content: str | bytes) -> None:
    """Replace a file in one step, if it differs; the old file stays whole when the disk is full."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
            return
        replace_file(path, data)
    except OSError as error:
        cure = "make room or choose another folder, then render the reports again"
        raise UserError(f"{path}: could not be written ({error.strerror}); {cure}") from error


def file_names(groups: Sequence[str]) -> dict[str, str]:
    """A file name for each group, different even where the disk ignores case.

    A name that clashes gets a digest; if a group's name equals another's name with its digest, all get one.
    """
    plain = [file_name(group).casefold() for group in groups]
    names = {group: file_name(group, digest=plain.count(name) > 1) for group, name in zip(groups, plain, strict=True)}
    if len({name.casefold() for name in names.values()}) < len(names):
        return {group: file_name(group, digest=True) for group in groups}
    return names


def file_name(text: str, *, digest: bool = False) -> str:
    """The text if it is a harmless file name; else its harmless letters and a digest of the whole."""
    if _HARMLESS.fullmatch(text) and text.split(".")[0].casefold() not in WINDOWS_DEVICES and not digest:
        return text
    letters = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:40] or "group"
    return f"{letters}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


_HARMLESS: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?")
