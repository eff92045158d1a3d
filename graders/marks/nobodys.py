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
from graders.course.roster import place_of
from graders.intake.owners import Owners, Record
from graders.marks.snapshots import SNAPSHOTS, last_of, read
from graders.record.decisions import ABOUT, decimal_of, in_force, parts_of
from graders.record.ledger import Event, Observation


def nobodys(
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
        f"decision {event.number} ({event.kind} {event.value}) {what}"
        for event in in_force(events)
        for what in check.of(event)
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

    def of(self, event: Event) -> Iterator[str]:
        """What is amiss with it, and what to type."""
        end = f'medmark decide {self.assignment.id} retract {event.number} --reason "..."'
        if what := self._nobody(event) or self._nothing(event):
            yield f"{what}{'' if what.endswith('?') else '.'} To end it: {end}"
        elif what := self._doubt(event):
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
        if name in self.homes and "person" in ABOUT[event.kind]:
            return ""
        return f"is about group {name}, which is not in the roster{_near(name, self.owners.names)}"

    def _nothing(self, event: Event) -> str:
        """A criterion, a test, a case or a commit that is not there."""
        if event.kind == "agreed_mark" and "=" in event.value:
            id, _, points = event.value.partition("=")
            given = decimal_of(points)
            if id not in self.parts:
                return f"is about a criterion {id} that no person marks now{_near(id, self.parts)}"
            if given is None or not 0 <= given <= self.parts[id]:
                return f"gives {points} of the {self.parts[id]} points that {id} has now, and does not count"
        if event.kind == "void_test":
            tests = [test.id for test in hidden_tests(self.assignment)]
            return "" if event.value in tests else f"is about a test that is not there now{_near(event.value, tests)}"
        if event.kind == "void_case":
            cases = self._cases()
            if event.value not in cases:
                return f"is about a hidden case that is not there now{_near(event.value, cases)}"
        return ""

    def _doubt(self, event: Event) -> str:
        """What holds, and may be meant for another."""
        now = self.homes.get(event.member, "")
        if event.kind == "peer_factor" and now != self.record.renamed.get(event.group, event.group):
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
    for name, looks in record.nobodys.items():
        commits = {look.commit for look in looks if look.commit}
        if not commits:
            continue
        last = looks[-1]
        several = [group.name for group in Owners.of(course.groups).at.get(place_of(last.repository), ())]
        why = f"is shared by {' and '.join(several)} now" if several else "is not a group's repository now"
        yield (
            f"group {name} is not in the roster and {last.repository}, where {len(commits)} of its commits were seen, "
            f"{why}: nothing of them counts. If the group has another name now, put the old one back"
        )


def _marks(course: Course, events: Sequence[Event]) -> Iterator[str]:
    """People who have a mark and are not in the roster."""
    last = last_of(events, SNAPSHOTS)
    known = {member.id for group in course.groups for member in group.members}
    gone = [member for member in (read(last) if last else {}) if member not in known]
    if last and gone:
        yield (
            f"the marks of {last.at[:10]} (number {last.number}) hold {', '.join(gone)}, not in the roster now: "
            "put the row back, unless they have left the course"
        )
