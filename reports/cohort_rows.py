"""The table of all groups on the cohort's page: each group's numbers, and links to all of its pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from assignments.assignment import Accuracy, Assignment
from graders.marks.mark import Mark, Status, Verdict, is_ungraded, rounded_percent
from graders.marks.personal import PersonalMark
from reports.bands import band_of
from reports.feedback import headline_of
from reports.file_names import file_names
from reports.natural_order import natural
from reports.numbers import number
from reports.pages import AUDIT, CASES, FEEDBACK, PERSONAL, STAFF, VERSIONS

if TYPE_CHECKING:
    from graders.marks.results import Results
    from graders.runs.cohort_record import CohortRecord

RETURNED: Final = re.compile(rf"((?:{FEEDBACK}|{PERSONAL})/){VERSIONS}/(.+)-(v\d+(?:-return-\d+)?)\.html")
"""A page as it was returned: its folder, the file name of its page, and the name of its version."""


@dataclass(frozen=True)
class PageLinks:
    """The addresses of an assignment's pages, from the page of the cohort."""

    groups: Mapping[str, str]
    """By group: the file name of its pages."""
    members: Mapping[str, str]
    """By member: the file name of their page."""
    board: bool
    """Whether there is a leaderboard."""
    beside: frozenset[str] = frozenset()
    """The pages that need not be there: the log of events, those of hidden cases, and those that were returned."""

    @classmethod
    def of(cls, results: Results, beside: Collection[str] = ()) -> PageLinks:
        """Where `reports.write` puts the pages of these results; `beside` are the others that lie there."""
        board = any(isinstance(criterion, Accuracy) for criterion in results.assignment.criteria)
        groups = file_names([mark.group for mark in results.marks])
        return cls(groups, file_names([person.member for person in results.people]), board, frozenset(beside))

    def staff(self, group: str) -> str:
        """The group's page for staff."""
        return f"{STAFF}/{self.groups[group]}.html"

    def feedback(self, group: str) -> str:
        """The group's own page."""
        return f"{FEEDBACK}/{self.groups[group]}.html"

    def personal(self, member: str) -> str:
        """A person's page."""
        return f"{PERSONAL}/{self.members[member]}.html"

    @property
    def audit(self) -> str:
        """The log of all events; empty where there is none."""
        return AUDIT if AUDIT in self.beside else ""

    def cases(self, group: str) -> str:
        """The group's page of hidden cases; empty where there is none."""
        page = f"{CASES}/{self.groups[group]}.html"
        return page if page in self.beside else ""

    def returned(self, page: str) -> tuple[ReturnedVersion, ...]:
        """The versions of a page that were returned, by their names."""
        return self._returned.get(page, ())

    @cached_property
    def _returned(self) -> Mapping[str, tuple[ReturnedVersion, ...]]:
        """By page."""
        returned: dict[str, list[ReturnedVersion]] = {}
        for page in self.beside:
            if match := RETURNED.fullmatch(page):
                returned.setdefault(f"{match[1]}{match[2]}.html", []).append(ReturnedVersion(match[3], page))
        return {
            page: tuple(sorted(versions, key=lambda each: natural(each.name))) for page, versions in returned.items()
        }


@dataclass(frozen=True)
class ReturnedVersion:
    """A page as it was returned."""

    name: str
    """Of its version, such as `v1`."""
    page: str


@dataclass(frozen=True)
class PersonCell:
    """One member of a group."""

    member: str
    page: str
    mark: str
    """Their own mark where it differs from the group's; empty where it is the same."""
    returned: tuple[ReturnedVersion, ...]


@dataclass(frozen=True)
class GroupRow:
    """One group; a number is None where there is none."""

    group: str
    staff: str
    feedback: str
    returned: tuple[ReturnedVersion, ...]
    """Versions of its page that were returned."""
    cases: str
    """Its page of hidden cases; empty where there is none."""
    people: tuple[PersonCell, ...]
    percent: str
    """The group's mark in per cent; empty where there is none."""
    band: str
    state: str
    """Why there is no mark; empty where there is one."""
    passed: int | None
    tests: int
    score: float | None
    """Of the first accuracy criterion."""
    commits: int
    first: datetime | None
    last: datetime | None
    """In the course's own time."""
    cpu_s: float | None
    gpu_busy_s: float | None
    gpu_peak_mb: float | None
    """None without a GPU, or if not measured."""
    run_for: str
    needs: int
    """Reasons why it needs a person."""


def group_rows(
    results: Results, record: CohortRecord, links: PageLinks, needing: Mapping[str, int], timezone: str
) -> tuple[GroupRow, ...]:
    """All groups by name; numbers in names count as numbers.

    Args:
        needing: By group: for how many reasons it needs a person.
    """
    people: dict[str, list[PersonalMark]] = {}
    for person in results.people:
        people.setdefault(person.group, []).append(person)
    zone = ZoneInfo(timezone)
    rows = [
        _row(
            mark,
            results.assignment,
            people.get(mark.group, ()),
            record,
            links,
            needing.get(mark.group, 0),
            zone,
            waits=submission.waits,
        )
        for submission, mark in zip(results.submissions, results.marks, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: natural(row.group)))


def _row(
    mark: Mark,
    assignment: Assignment,
    people: Sequence[PersonalMark],
    record: CohortRecord,
    links: PageLinks,
    needs: int,
    zone: ZoneInfo,
    *,
    waits: bool,
) -> GroupRow:
    tests = [finding for finding in mark.findings if finding.kind == "hidden_test"]
    open_test = any(finding.verdict is Verdict.UNKNOWN for finding in tests)
    score = next((finding.score for finding in mark.findings if finding.kind == "accuracy"), None)
    percent = rounded_percent(mark)
    term, spent = record.terms.get(mark.group), record.spending.groups.get(mark.group)
    return GroupRow(
        group=mark.group,
        staff=links.staff(mark.group),
        feedback=links.feedback(mark.group),
        returned=links.returned(links.feedback(mark.group)),
        cases=links.cases(mark.group),
        people=tuple(_person(person, mark, links) for person in people),
        percent="" if percent is None else number(percent),
        band="" if percent is None else band_of(percent, assignment.level).short,
        state=_state(mark, waits=waits) if percent is None else "",
        passed=None if open_test or not tests else sum(finding.verdict is Verdict.PASSED for finding in tests),
        tests=len(tests),
        score=score,
        commits=len(term.commits) if term else 0,
        first=term.first.astimezone(zone) if term and term.first else None,
        last=term.last.astimezone(zone) if term and term.last else None,
        cpu_s=spent.cpu_s if spent else None,
        gpu_busy_s=spent.gpu_busy_s if spent else None,
        gpu_peak_mb=spent.gpu_peak_mb if spent else None,
        run_for=spent.run_for if spent else "",
        needs=needs,
    )


def _state(mark: Mark, *, waits: bool) -> str:
    """Why there is no mark, in the words of the counts at the top of the page."""
    return "Waiting" if waits else headline_of(mark.status, ungraded=is_ungraded(mark))


def _person(person: PersonalMark, mark: Mark, links: PageLinks) -> PersonCell:
    same = (person.status, person.percent) == (mark.status, rounded_percent(mark))
    own = number(person.percent) if person.status is Status.MARKED else headline_of(person.status)
    page = links.personal(person.member)
    return PersonCell(person.member, page, "" if same else own, links.returned(page))
