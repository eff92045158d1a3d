"""The pages of an assignment's groups and persons, and the links between them: pure functions of the marks.

feedback/GROUP.html     what all members of a group read
personal/MEMBER.html    what one person opens first: their own mark, and the way to the group's page
staff/GROUP.html        the group's page with evidence, names and links to the persons' pages
cases/GROUP.html        the group's hidden cases, where they were shown
*/versions/             pages as they were returned
audit.html              every event, for staff
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from assignments.assignment import Assignment
from graders.marks.diagnosis import KnownMistake, known_mistakes
from graders.marks.mark import Mark, rounded_percent
from graders.marks.personal import PersonalMark
from graders.marks.versions import ReturnedPage, Versions
from graders.marks.visibility import Audience
from reports.beside_score import Cohort
from reports.feedback import HandIn, MemberLine, feedback_page
from reports.file_names import file_names
from reports.next_step import NextStep, next_step
from reports.personal import OfGroup, mark_text, personal_page

if TYPE_CHECKING:
    from graders.course.roster import Group

FEEDBACK: Final = "feedback"
PERSONAL: Final = "personal"
STAFF: Final = "staff"
CASES: Final = "cases"
VERSIONS: Final = "versions"
AUDIT: Final = "audit.html"


def version_name(page: str, returned: ReturnedPage) -> str:
    """The file name of a returned version of a page: `group-01-v1.html`."""
    return f"{page.removesuffix('.html')}-{returned.name}.html"


@dataclass(frozen=True)
class Pages:
    """Everything that the pages of one assignment follow from."""

    assignment: Assignment
    marks: Sequence[Mark]
    groups: Sequence[Group]
    hand_ins: Mapping[str, HandIn]
    """By group."""
    board_names: Mapping[str, str]
    """By group: its name on the leaderboard."""
    people: Sequence[PersonalMark]
    versions: Versions
    course: str = ""
    """Its title."""
    due: Mapping[str, str] = field(default_factory=dict)
    """By member: when their work is due."""
    ratified: bool = False
    """Whether the board of examiners has confirmed the marks."""
    cohort: Cohort | None = None
    """What the pages of all groups share beside their scores; without it there are no pictures."""

    @cached_property
    def group_files(self) -> Mapping[str, str]:
        """By group: the file name of its pages."""
        return {group: f"{name}.html" for group, name in file_names([mark.group for mark in self.marks]).items()}

    @cached_property
    def member_files(self) -> Mapping[str, str]:
        """By member: the file name of their page."""
        return {member: f"{name}.html" for member, name in file_names([p.member for p in self.people]).items()}

    def of_group(self, mark: Mark, audience: Audience = "student") -> str:
        """The page of a group."""
        return feedback_page(
            mark,
            self.assignment,
            self._hand_in(mark),
            audience=audience,
            step=self._steps[mark.group],
            members=[self._member_line(mark, person) for person in self._people_of.get(mark.group, ())],
            cohort=self.cohort,
        )

    def of_person(self, person: PersonalMark, *, as_returned: bool = False, link: str = "") -> str:
        """The page of a person.

        Args:
            as_returned: For the folder of returned versions, whose links lead to such too.
            link: The address of the group's page, where it lies elsewhere than in the folder of reports.
        """
        returned = self.versions.people.get(person.member)
        mark = self._marks[person.group]
        return personal_page(
            person,
            self.assignment,
            self._names.get(person.member, person.member),
            OfGroup(
                mark=mark,
                step=self._steps[mark.group],
                page=link or self._link(mark.group, as_returned=as_returned),
                hand_in=self._hand_in(mark),
                alone=len(self._people_of[mark.group]) == 1,
            ),
            due=self.due.get(person.member, ""),
            ratified=self.ratified,
            version=returned.version if returned else 1,
            correction=returned.correction if returned else "",
        )

    def mark_of_group(self, person: PersonalMark) -> Mark:
        """The mark of a person's group."""
        return self._marks[person.group]

    @cached_property
    def _mistakes(self) -> tuple[KnownMistake, ...]:
        return known_mistakes(self.assignment)

    @cached_property
    def _steps(self) -> Mapping[str, NextStep]:
        return {
            mark.group: next_step(mark, self.assignment, self._mistakes, self._hand_in(mark).to_cure)
            for mark in self.marks
        }

    @cached_property
    def _marks(self) -> Mapping[str, Mark]:
        return {mark.group: mark for mark in self.marks}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {member.id: member.name for group in self.groups for member in group.members}

    @cached_property
    def _people_of(self) -> Mapping[str, list[PersonalMark]]:
        people: dict[str, list[PersonalMark]] = {}
        for person in self.people:
            people.setdefault(person.group, []).append(person)
        return people

    def _hand_in(self, mark: Mark) -> HandIn:
        hand_in, returned = self.hand_ins.get(mark.group, HandIn(mark.group)), self.versions.groups.get(mark.group)
        final = hand_in.provisional and (returned or self.ratified)
        return replace(
            hand_in,
            course=self.course,
            board_name=hand_in.board_name or self.board_names[mark.group],
            ratified=self.ratified,
            # A returned commit is final, even if the group still pushes.
            why="The last commit seen when these marks were returned" if final else hand_in.why,
            version=returned.version if returned else 1,
            correction=returned.correction if returned else "",
        )

    def _member_line(self, mark: Mark, person: PersonalMark) -> MemberLine:
        differs = (person.status, person.percent) != (mark.status, rounded_percent(mark))
        return MemberLine(
            member=person.member,
            name=self._names.get(person.member, person.member),
            mark=mark_text(person),
            differs=differs,
            page=f"../{PERSONAL}/{self.member_files[person.member]}",
        )

    def _link(self, group: str, *, as_returned: bool) -> str:
        """From a person's page to their group's; from a returned version to the version returned with it."""
        file, returned = self.group_files[group], self.versions.groups.get(group)
        if not as_returned:
            return f"../{FEEDBACK}/{file}"
        return f"../../{FEEDBACK}/versions/{version_name(file, returned)}" if returned else f"../../{FEEDBACK}/{file}"
