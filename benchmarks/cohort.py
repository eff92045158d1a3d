"""Time and memory of a cohort's page, sheets and exports: python benchmarks/cohort.py [groups]

500 groups of one to four people in every part of the mark's range. Timed together: the page of the cohort, the mark
sheets as `report` writes them, and every format of `EXPORTS`, those of platforms filled into a sheet of everybody. The
feedback files for Moodle hold each person's own pages; these are made in this time, too.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from graders.course.roster import Group, Member
from graders.marks.versions import Versions
from reports.exports import EXPORTS
from reports.exports.export import ExportRules, Marks, RowOutcome
from reports.feedback import HandIn
from reports.marksheet import as_csv, marksheet, marksheet_json
from reports.pages import Pages
from reports.person_file import person_files
from reports.workbook import as_xlsx
from tests.reports.cohort_made import MadeCohort, many, page_of

GROUPS = 500


def main() -> None:
    """Print seconds, CPU seconds and bytes of each part, then of all together."""
    parser = argparse.ArgumentParser()
    parser.add_argument("groups", nargs="?", type=int, default=GROUPS)
    cohort = many(parser.parse_args().groups)
    roster = [_with_logins(group) for group in cohort.course.groups]
    people = sum(len(group.members) for group in roster)
    print(f"{len(roster)} groups, {people} people; peak {_peak_mb():.0f} MB before")
    began, cpu = time.perf_counter(), time.process_time()
    _timed("the page of the cohort", lambda: page_of(cohort).encode())
    for name, data in _sheets(cohort).items():
        _timed(name, data)
    marks = _marks(cohort, roster)
    for name in EXPORTS:
        _timed(name, partial(_export, name, marks, roster))
    print(
        f"all together: {time.perf_counter() - began:.1f} s, {time.process_time() - cpu:.1f} CPU s; "
        f"peak {_peak_mb():.0f} MB"
    )


def _timed(name: str, work: Callable[[], bytes]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    data = work()
    took = time.perf_counter() - began
    print(f"  {name:24} {took:6.2f} s {time.process_time() - cpu:6.2f} CPU s {len(data) / 1e6:8.2f} MB")


def _with_logins(group: Group) -> Group:
    """The group, its members with a user name of GitHub: Classroom 50 knows no other."""
    members = tuple(
        member.model_copy(update={"more": (("github_username", f"octo-{member.id}"),)}) for member in group.members
    )
    return group.model_copy(update={"members": members})


def _sheets(cohort: MadeCohort) -> Mapping[str, Callable[[], bytes]]:
    """The mark sheets that `report` writes."""
    own = {person.member: person for person in cohort.results.people}
    values = cohort.results.marks, cohort.assignment, cohort.course.groups, {}, own
    return {
        "mark sheet, CSV": lambda: as_csv(marksheet(*values)).encode(),
        "mark sheet, workbook": lambda: as_xlsx(marksheet(*values)),
        "mark sheet, JSON": lambda: marksheet_json(*values).encode(),
    }


def _marks(cohort: MadeCohort, roster: Sequence[Group]) -> Marks:
    """What exports read, with the pages of everybody."""
    results, began = cohort.results, time.perf_counter()
    hand_ins = {group.name: HandIn(group.name, group.repository, "main") for group in roster}
    board = {group.name: group.name for group in roster}
    pages = Pages(
        results.assignment, results.marks, roster, hand_ins, board, results.people, Versions(), cohort.course.title
    )
    files = person_files(pages)
    size = sum(len(page.data) for page in files.values())
    print(f"  {'the pages of everybody':24} {time.perf_counter() - began:6.2f} s {size / 1e6:26.2f} MB")
    return Marks(
        assignment=results.assignment,
        people={person.member: person for person in results.people},
        groups={mark.group: mark for mark in results.marks},
        hand_ins=hand_ins,
        pages=files,
    )


def _export(name: str, marks: Marks, roster: Sequence[Group]) -> bytes:
    """The file of one format, checked for a row of each person with a mark."""
    title = marks.assignment.title
    people = [member for group in roster for member in group.members]
    sheet, rules = b"", ExportRules()
    if name in TABLES:
        head, row = TABLES[name]
        rows = _table([row(number, member) for number, member in enumerate(people, 1001)])
        sheet = head.format(title=title).encode() + rows
    elif name == "classroom50":
        slug = marks.assignment.id.replace("_", "-")
        sheet, rules = _scores(people, slug), ExportRules(f"dl-2027/{slug}")
    filled = EXPORTS[name].fill(sheet, marks, roster, rules)
    due = roster if name == "gradescope" else people
    done = sum(line.outcome in (RowOutcome.WRITTEN, RowOutcome.BY_HAND) for line in filled.lines)
    if done < 0.9 * len(due):
        sys.exit(f"{name}: only {done} of {len(due)} rows are written: {filled.lines[:3]}")
    return filled.data


def _table(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


WORKSHEET = (
    "Identifier,Full name,Email address,Status,Grade,Maximum grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\r\n"
)


def _of_moodle(number: int, member: Member) -> list[str]:
    who = [f"Participant {number}", member.name, member.email]
    seen = "Friday, 20 November 2026, 11:42 AM"
    return [*who, "Submitted for grading - ", "", "100.00", "Yes", seen, "-", ""]


def _of_ucl(number: int, member: Member) -> list[str]:
    return [str(number), f"{number:x}", member.name, member.id, "", member.email, "On time", "", ""]


TABLES: Mapping[str, tuple[str, Callable[[int, Member], list[str]]]] = {
    "moodle-assign": (WORKSHEET, _of_moodle),
    "moodle-feedback": (WORKSHEET, _of_moodle),
    "ucl-coursework": (
        "Sub ID,Submission file id,Surname/Name,Username,ID number,Email address,Overdue,Mark,Feedback comment\r\n",
        _of_ucl,
    ),
    "canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,{title} (40551)\r\n    Points Possible,,,,,100.00\r\n",
        lambda number, member: [member.name, str(number), "", member.id, "DL", ""],
    ),
    "brightspace": (
        "OrgDefinedId,Username,{title} Points Grade <Numeric MaxPoints:100>,End-of-Line Indicator\r\n",
        lambda number, member: [f"#{member.id}", f"#{member.id}", "", "#"],
    ),
    "blackboard": (
        "Last Name,First Name,Username,{title} [Total Pts: 100 Score] |40551\r\n",
        lambda number, member: [member.name, "", member.id, ""],
    ),
}
"""By format: the first lines of a platform's own sheet, and a person's row by the platform's number."""


def _scores(people: Sequence[Member], slug: str) -> bytes:
    """Classroom 50's gradebook, in which each person has an entry."""
    entries = [{"owner": member.more[0][1], "submissions": []} for member in people]
    bucket = {"type": "individual", "entries": entries, "collected_at": "2026-11-21T08:00:00Z"}
    return json.dumps({"schema": "classroom50/scores/v1", "assignments": {slug: bucket}}, indent=2).encode()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
