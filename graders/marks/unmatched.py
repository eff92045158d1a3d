"""What the record holds that is about nobody: groups, people, criteria, tests and cases that are there no longer.

None of it moves a mark. Each is told with its number and with what to type, before anything is applied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from assignments.assignment import Assignment
from assignments.errors import closest
from assignments.load import hidden_tests
from graders.course.course import Course
from graders.course.roster import repository_key
from graders.intake.owners import Owners, Record
from graders.record.decisions import ABOUT, AgreedMark, Decision, PeerFactor, Unreadable, VoidCase, VoidTest
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
    """A line each, in the order of the ledger.

    Args:
        events: All of the assignment, as they are recorded.
        cases: Ids of the hidden cases; drawn only where a decision names one.
    """
    check = _Check(course, assignment, record, cases)
    lines = [
        f"decision {made.event.number} ({made.event.kind} {made.event.value}) {what}"
        for made in in_force(events)
        for what in check.of(made)
    ]
    return (*lines, *_looks(course, assignment, record), *_marks(course, events))


class _Check:
    """Whether what a decision names is there."""

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

    def of(self, made: Decision) -> Iterator[str]:
        """What is amiss with it, and what to type."""
        end = f'medmark decide {self.assignment.id} retract {made.event.number} --reason "..."'
        if what := self._nobody(made.event) or self._nothing(made):
            yield f"{what}{'' if what.endswith('?') else '.'} To end it: {end}"
        elif what := self._doubt(made):
            yield f"{what}. It counts; to end it: {end}"

    def _nobody(self, event: Event) -> str:
        """A group or a person that the roster does not know."""
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

    def _nothing(self, made: Decision) -> str:
        """A criterion, a test or a case that is not there, and what cannot be read."""
        match made:
            case Unreadable(problem=problem):
                waits = "ends nothing" if made.event.kind == "retract" else "keeps marks waiting"
                return f"cannot be read and {waits}: {problem}"
            case AgreedMark(criterion=id, points=points):
                if id not in self.parts:
                    return f"is about a criterion {id} that no person marks now{_near(id, self.parts)}"
                if not 0 <= points <= self.parts[id]:
                    return f"gives {points} of the {self.parts[id]} points that {id} has now, and does not count"
            case VoidTest(test=test):
                tests = [known.id for known in hidden_tests(self.assignment)]
                return "" if test in tests else f"is about a test that is not there now{_near(test, tests)}"
            case VoidCase(case=case):
                cases = self._cases()
                return "" if case in cases else f"is about a hidden case that is not there now{_near(case, cases)}"
        return ""

    def _doubt(self, made: Decision) -> str:
        """What holds, and may be meant for another."""
        event = made.event
        now = self.homes.get(event.member, "")
        if isinstance(made, PeerFactor) and now != self.record.renamed.get(event.group, event.group):
            return f"comes from the peers of group {event.group}, and {event.member} is in group {now} now"
        if event.member or event.group not in self.owners.names:
            return ""
        before = [look for look in self.named.get(event.group, ()) if look.seen_at <= event.at]
        last = max(before, key=lambda look: look.seen_at, default=None)
        owner = self.owners.name(last) if last else None
        if last is None or owner in (None, event.group):
            return ""
        return f"was made when group {event.group} handed in at {last.repository}, where group {owner} hands in now"


def _near(word: str, known: Iterable[str]) -> str:
    close = closest(word, known)
    return f"; is {close} meant?" if close else ""


def _looks(course: Course, assignment: Assignment, record: Record) -> Iterator[str]:
    """Commits that were seen of groups which nobody can be found for."""
    for name, looks in record.unowned.items():
        commits = {look.commit for look in looks if look.commit}
        if not commits:
            continue
        last = looks[-1]
        several = [group.name for group in Owners.of(course.groups).at.get(repository_key(last.repository), ())]
        why = f"is shared by {' and '.join(several)} now" if several else "is not a group's repository now"
        yield (
            f"group {name} is not in the roster and {last.repository}, where {len(commits)} of its commits were seen, "
            f"{why}: nothing of them counts. If the group has another name now, put the old one back"
        )


def _marks(course: Course, events: Sequence[Event]) -> Iterator[str]:
    """People who have a mark and are not in the roster."""
    last = next(reversed(snapshots(events)), None)
    known = {member.id for group in course.groups for member in group.members}
    gone = [member for member in (last.marks if last else {}) if member not in known]
    if last and gone:
        of = f"the marks of {last.event.at[:10]} (number {last.event.number})"
        yield (
            f"{of} hold {', '.join(gone)}, not in the roster now: put the row back, unless they have left the course"
        )
