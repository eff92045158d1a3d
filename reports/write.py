"""Writes the rendered reports: the only file of `reports` that touches the disk. A reader never sees half a page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assignments.assignment import Accuracy, Assignment
from assignments.baselines import own_baselines
from assignments.errors import UserError
from assignments.files import replace_file
from graders.course.course import Course
from graders.course.pseudonyms import pseudonyms
from graders.course.secret import read_secret
from graders.intake.counting import due_of_page, due_of_person
from graders.intake.feedback_due import feedback_due
from graders.marks.diagnosis import known_mistakes
from graders.marks.mark import Mark
from graders.marks.personal import PersonalMark
from graders.marks.results import Results
from graders.marks.score_ends import score_ends
from graders.marks.versions import ReturnedPage, Versions
from graders.record.calibration import fresh_calibration
from graders.record.in_force import Decisions
from reports.audit_page import audit_of, audit_page
from reports.beside_score import Cohort
from reports.cases_page import cases_page
from reports.cohort import distribution_table, summary_table
from reports.cohort_page import cohort_page
from reports.feedback import HandIn, hand_in_of
from reports.file_names import file_name, file_names
from reports.leaderboard import Baseline, calibrated_rows, leaderboard_page
from reports.marksheet import marksheet, marksheet_json
from reports.needs import needs
from reports.numbers import local_time
from reports.pages import AUDIT, CASES, FEEDBACK, PERSONAL, STAFF, VERSIONS, Pages, version_name
from reports.workbook import table_file

if TYPE_CHECKING:
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
    """By member: the page that each person opens first."""
    leaderboard: Path | None
    """None if the assignment has no accuracy to rank by."""
    audit: Path | None = None
    """The log of every event; None where the pages were made without the record."""
    index: Path | None = None
    """The cohort's page, for staff; None where the course's record is not at hand."""


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
    written = write_reports(
        folder or course.folder / "reports",
        assignment,
        results.marks,
        course.groups,
        hand_ins(course, results),
        board,
        course=course.title,
        ratified=ratified,
        people=results.people,
        versions=Versions.of(results.events),
        due=_due_times(course, results),
        sheet=sheet,
        answers=course.answers,
    )
    index, audit = written.folder / "index.html", written.folder / AUDIT
    write(audit, audit_page([audit_of(assignment, results.events)], course=course.title))
    write(index, _cohort_page(course, results, _beside(written.folder), ratified=ratified))
    return replace(written, index=index, audit=audit)


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
    due: Mapping[str, str] | None = None,
    sheet: Path | None = None,
    answers: Path | None = None,
) -> WrittenReports:
    """Render and write all reports of one assignment below `folder`/<assignment id>.

    `people` are the persons' own marks, and `due` is when their work is due, by member; `versions` are those of the
    returned pages. Each version is kept in a folder `versions` beside the page, as
    feedback/versions/group-01-v1.html, and never written again.

    `board_names` has each name on the leaderboard: `graders.course.pseudonyms`, unless groups chose to be named.
    `answers` is the folder of stored answers; without it no picture of public cases is drawn.
    """
    if sheet and sheet.suffix.casefold() not in SHEETS:
        raise UserError(f"{sheet}: a mark sheet is written as {' or '.join(SHEETS)}; name one of these")
    home = folder / file_name(assignment.id)
    pages = Pages(
        assignment,
        marks,
        groups,
        hand_ins,
        board_names,
        people,
        versions or Versions(),
        course=course,
        due=due or {},
        ratified=ratified,
        cohort=Cohort.of(marks, assignment, answers),
    )
    feedback, staff = {}, {}
    for mark in marks:
        feedback[mark.group] = home / FEEDBACK / pages.group_files[mark.group]
        staff[mark.group] = home / STAFF / pages.group_files[mark.group]
        write(feedback[mark.group], pages.of_group(mark))
        write(staff[mark.group], pages.of_group(mark, "staff"))
    personal = {}
    for person in people:
        personal[person.member] = home / PERSONAL / pages.member_files[person.member]
        write(personal[person.member], pages.of_person(person))
    _keep_versions(home, pages)
    own = {person.member: person for person in people}
    table = marksheet(marks, assignment, groups, hand_ins, own)
    write(home / "marksheet.csv", table_file(table, ".csv"))
    write(home / "cohort" / "summary.csv", table_file(summary_table(table, assignment), ".csv"))
    write(home / "cohort" / "distribution.csv", table_file(distribution_table(table, assignment), ".csv"))
    write(home / "marksheet.json", marksheet_json(marks, assignment, groups, hand_ins, own, pages.versions.version))
    if sheet:
        write(sheet, table_file(table, sheet.suffix))
    board = None
    if any(isinstance(criterion, Accuracy) for criterion in assignment.criteria):
        board = home / "leaderboard.html"
        page = leaderboard_page(
            marks, assignment, names=board_names, baselines=_calibrated(assignment), course=course, ratified=ratified
        )
        write(board, page)
    sheets = home / "marksheet.csv", home / "marksheet.json"
    return WrittenReports(home, feedback, staff, *sheets, home / "cohort", personal, board)


def _beside(home: Path) -> frozenset[str]:
    """Pages below an assignment's folder that other commands write, or an earlier return: as links from there."""
    patterns = (AUDIT, f"{CASES}/*.html", f"{FEEDBACK}/{VERSIONS}/*.html", f"{PERSONAL}/{VERSIONS}/*.html")
    return frozenset(path.relative_to(home).as_posix() for pattern in patterns for path in home.glob(pattern))


def _cohort_page(course: Course, results: Results, beside: Collection[str], *, ratified: bool) -> str:
    """The page of all groups, with what the record holds beside their marks."""
    from graders.runs.cohort_record import cohort_record

    record, ends = cohort_record(course, results), score_ends(course, results)
    own = {person.member: person for person in results.people}
    return cohort_page(
        results,
        record,
        needs(results, course, record, ends),
        ends,
        feedback_due(course, Decisions.of(results.assignment.id, results.events)),
        marksheet(results.marks, results.assignment, course.groups, {}, own),
        mistakes=known_mistakes(results.assignment),
        beside=beside,
        course=course.title,
        timezone=course.timezone,
        ratified=ratified,
    )


def keep_versions(course: Course, results: Results) -> Path:
    """Keep the current pages of everyone whom these marks were returned to; returns the folder of the pages.

    Call it at the moment of the return: `report` may run much later, when the pages have another version.
    """
    home = course.folder / "reports" / file_name(results.assignment.id)
    _keep_versions(home, pages_of(course, results))
    return home


def pages_of(course: Course, results: Results) -> Pages:
    """The pages that these results lead to, under pseudonyms on the leaderboard."""
    assignment = results.assignment
    return Pages(
        assignment,
        results.marks,
        course.groups,
        hand_ins(course, results),
        pseudonyms([mark.group for mark in results.marks], read_secret(course), assignment.id),
        results.people,
        Versions.of(results.events),
        course=course.title,
        due=_due_times(course, results),
        cohort=Cohort.of(results.marks, assignment, course.answers),
    )


def _keep_versions(home: Path, pages: Pages) -> None:
    """Keep the pages that were returned, as they are now, unless their version is there already."""
    for mark in pages.marks:
        path = home / FEEDBACK / pages.group_files[mark.group]
        _keep(path, pages.versions.groups.get(mark.group), partial(pages.of_group, mark))
    for person in pages.people:
        path = home / PERSONAL / pages.member_files[person.member]
        _keep(path, pages.versions.people.get(person.member), partial(pages.of_person, person, as_returned=True))


def write_case_pages(course: Course, results: Results, showing: Showing) -> Path:
    """Write each group's page of hidden cases, and return their folder. Record the showing before."""
    home = course.folder / "reports" / file_name(results.assignment.id) / CASES
    names = file_names([mark.group for mark in results.marks])
    for group in showing.groups:
        write(home / f"{names[group]}.html", cases_page(showing, group, course.title))
    return home


def hand_ins(course: Course, results: Results) -> dict[str, HandIn]:
    """By group: its submission as the group's page describes it."""
    decisions = Decisions.of(results.assignment.id, results.events)
    return {
        submission.group: hand_in_of(
            submission, timezone=course.timezone, due=due_of_page(course, decisions, course.group(submission.group))
        )
        for submission in results.submissions
    }


def due_moments(course: Course, results: Results) -> dict[str, datetime]:
    """By member: when their work is due, in UTC, extensions of their own included."""
    decisions = Decisions.of(results.assignment.id, results.events)
    return {
        person.member: due_of_person(course, decisions, course.group(person.group), person.member)
        for person in results.people
    }


def _due_times(course: Course, results: Results) -> dict[str, str]:
    """By member: the same in the course's own time, as people read it."""
    return {member: local_time(due, course.timezone) for member, due in due_moments(course, results).items()}


def _keep(path: Path, returned: ReturnedPage | None, page: Callable[[], str]) -> None:
    """Keep this version of a returned page beside it; a version that exists is never overwritten."""
    if returned is None:
        return
    version = path.parent / VERSIONS / version_name(path.name, returned)
    if not version.exists():
        write(version, page())


def _calibrated(assignment: Assignment) -> tuple[Baseline, ...] | None:
    """The scores of references and baselines, if a calibration of exactly these data is stored."""
    calibration = fresh_calibration(assignment)
    if calibration is None:
        return None
    titles = {baseline.name: baseline.title for baseline in own_baselines(assignment)}
    own = [(titles[name], scores) for name, scores in calibration.own_baselines.items()]
    return calibrated_rows(assignment, calibration.references, calibration.baselines, own) or None


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
