"""Lists what the record holds about groups, people, criteria, tests and cases that are no longer there.

None of it moves a mark. Each line has the number of the decision and the command to type.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from assignments.assignment import Assignment, Person
from assignments.errors import closest
from assignments.load import hidden_tests
from graders.course.course import Course
from graders.course.roster import repository_key
from graders.intake.owners import Owners, Record
from graders.marks.part_marks import line_mark_problem
from graders.record.decisions import (
    ABOUT,
    AgreedMark,
    Decision,
    LineMark,
    PeerFactor,
    UnreadableDecision,
    VoidCase,
    VoidTest,
)
from graders.record.in_force import in_force, parts_of
from graders.record.ledger import Event, Observation
from graders.record.snapshots import snapshots


def unmatched_lines(
    course: Course,
    assignment: Assignment,
    events: Sequence[Event],
    record: Record,
    cases: Callable[[], Sequence[str]],
) -> tuple[str, ...]:
    """One line each, in the order of the ledger.

    Args:
        events: All events of the assignment, as they are recorded.
        cases: Ids of the hidden cases; drawn only if a decision names one.
    """
    check = _Check(course, assignment, record, cases)
    lines = [
        f"decision {decision.event.number} ({decision.event.kind} {decision.event.value}) {problem}"
        for decision in in_force(events)
        for problem in check.of(decision)
    ]
    return (*lines, *_looks(check.owners, record), *_marks(course, events))


class _Check:
    """Checks that the group, person, criterion, test or case of a decision is there."""

    def __init__(
        self, course: Course, assignment: Assignment, record: Record, cases: Callable[[], Sequence[str]]
    ) -> None:
        self.record = record
        self.assignment = assignment
        self.owners = Owners.of(course.groups)
        self.homes = {member.id: group.name for group in course.groups for member in group.members}
        self.parts = parts_of(assignment)
        self.named: dict[str, list[Observation]] = defaultdict(list)
        for looks in record.looks.values():
            for look in looks:
                self.named[look.group].append(look)
        self._cases = cases

    def of(self, decision: Decision) -> Iterator[str]:
        """The problem of a decision, with the command that retracts it."""
        retract = f'medmark decide {self.assignment.id} retract {decision.event.number} --reason "..."'
        if problem := self._unknown_person(decision.event) or self._unknown_part(decision):
            yield f"{problem}{'' if problem.endswith('?') else '.'} To retract it: {retract}"
        elif problem := self._doubt(decision):
            yield f"{problem}. It counts; to retract it: {retract}"

    def _unknown_person(self, event: Event) -> str:
        """A group or a person that is not in the roster."""
        name = self.record.renamed.get(event.group, event.group)
        if event.member:
            if event.member in self.homes:
                return ""
            return f"is about {event.group}/{event.member}, who is not in the roster{_near(event.member, self.homes)}"
        if not name or name in self.owners.names:
            return ""
        if name in self.homes and "person" in ABOUT.get(event.kind, ()):
            return ""
        return f"is about group {name}, which is not in the roster{_near(name, self.owners.names)}"

    def _unknown_part(self, decision: Decision) -> str:
        """A criterion, a test or a case that is not there, or a decision that cannot be read."""
        match decision:
            case UnreadableDecision(problem=problem):
                effect = "retracts nothing" if decision.event.kind == "retract" else "keeps marks waiting"
                return f"cannot be read and {effect}: {problem}"
            case AgreedMark(criterion=id, points=points):
                if id not in self.parts:
                    return f"is about the criterion {id}, which no person marks now{_near(id, self.parts)}"
                if not 0 <= points <= self.parts[id]:
                    return f"gives {points} of the {self.parts[id]} points that {id} has now, and does not count"
            case LineMark(criterion=id) if id not in self.parts:
                return f"is about the criterion {id}, which no person marks now{_near(id, self.parts)}"
            case LineMark(criterion=id):
                criterion = self.assignment.criterion(id)
                problem = line_mark_problem(decision, criterion) if isinstance(criterion, Person) else ""
                return f"does not count: {problem}" if problem else ""
            case VoidTest(test=test):
                tests = [declared.id for declared in hidden_tests(self.assignment)]
                return "" if test in tests else f"is about a test that does not exist now{_near(test, tests)}"
            case VoidCase(case=case):
                cases = self._cases()
                return "" if case in cases else f"is about a hidden case that does not exist now{_near(case, cases)}"
        return ""

    def _doubt(self, decision: Decision) -> str:
        """Why a decision that counts may be meant for another group."""
        event = decision.event
        now = self.homes.get(event.member, "")
        if isinstance(decision, PeerFactor) and now != self.record.renamed.get(event.group, event.group):
            return f"comes from the peers in group {event.group}, but {event.member} is in group {now} now"
        if event.member or event.group not in self.owners.names or isinstance(decision, LineMark):
            return ""  # the key of a part's papers has the commit that a line was marked by
        before = [look for look in self.named.get(event.group, ()) if look.seen_at <= event.at]
        last = max(before, key=lambda look: look.seen_at, default=None)
        owner = self.owners.name(last) if last else None
        if last is None or owner in (None, event.group):
            return ""
        return f"was made when group {event.group} handed in at {last.repository}, where group {owner} hands in now"


def _near(word: str, names: Iterable[str]) -> str:
    close = closest(word, names)
    return f"; did you mean {close}?" if close else ""


def _looks(owners: Owners, record: Record) -> Iterator[str]:
    """Commits that were seen of groups which no group of the roster matches."""
    for name, looks in record.unowned.items():
        commits = {look.commit for look in looks if look.commit}
        if not commits:
            continue
        last = looks[-1]
        several = [group.name for group in owners.at.get(repository_key(last.repository), ())]
        why = f"is shared by {' and '.join(several)} now" if several else "is not a group's repository now"
        yield (
            f"group {name} is not in the roster and {last.repository}, where {len(commits)} of its commits were seen, "
            f"{why}: none of them counts. If the group has another name now, put the old name back"
        )


def _marks(course: Course, events: Sequence[Event]) -> Iterator[str]:
    """People who have a mark but are not in the roster."""
    last = next(reversed(snapshots(events)), None)
    members = {member.id for group in course.groups for member in group.members}
    gone = [member for member in (last.marks if last else {}) if member not in members]
    if last and gone:
        of = f"the marks of {last.event.at[:10]} (number {last.event.number})"
        yield (f"{of} hold {', '.join(gone)}, not in the roster now: put the row back, unless they left the course")
