"""What a board's pack is made of, and the lines behind its tables: pure functions of a module's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from assignments.assignment import Assignment
from graders.course.course import Course
from graders.intake.submission import Submission
from graders.marks.mark import Mark
from graders.marks.module_mark import ModuleMark, shares_of
from graders.marks.part_marks import PartMark, part_marks
from graders.marks.personal import PersonalMark
from graders.marks.versions import Versions
from graders.record.decisions import ROLES
from graders.record.in_force import Decisions
from graders.record.ledger import Event
from graders.runs.board_record import AssignmentRecord, ModuleRecord
from reports.bands import Band, band_of
from reports.board.candidates import Candidate, Candidates

NO_EVENT = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands for the time of a record without any event."""


@dataclass(frozen=True)
class PackedAssignment:
    """One assignment of a pack, with what follows from its whole record: that is read once, not once a person."""

    record: AssignmentRecord
    share: Fraction
    decisions: Decisions
    versions: Versions
    people: Mapping[str, PersonalMark]
    """By member."""
    marks: Mapping[str, Mark]
    """By group."""
    submissions: Mapping[str, Submission]
    """By group."""
    parts: Mapping[str, Mapping[str, PartMark]]
    """By group and criterion: what markers gave."""

    @property
    def assignment(self) -> Assignment:
        return self.record.results.assignment

    @classmethod
    def of(cls, record: AssignmentRecord, share: Fraction, tolerance: Decimal) -> PackedAssignment:
        """All of it, from the record."""
        results = record.results
        decisions = Decisions.of(results.assignment.id, results.events)
        return cls(
            record,
            share,
            decisions,
            Versions.of(results.events),
            {person.member: person for person in results.people},
            {mark.group: mark for mark in results.marks},
            {submission.group: submission for submission in results.submissions},
            {m.group: part_marks(results.assignment, decisions, m.group, tolerance) for m in results.marks},
        )


@dataclass(frozen=True)
class Pack:
    """Everything that a pack follows from."""

    record: ModuleRecord
    candidates: Candidates

    @property
    def course(self) -> Course:
        return self.record.course

    @cached_property
    def assignments(self) -> tuple[PackedAssignment, ...]:
        """In the order of course.toml."""
        shares = shares_of(self.course)
        tolerance = self.course.second_marking.tolerance
        records = self.record.assignments
        return tuple(PackedAssignment.of(each, shares[each.results.assignment.id], tolerance) for each in records)

    @cached_property
    def last_event(self) -> Event | None:
        """The newest event of the record that the pack shows."""
        events = (each.results.events[-1] for each in self.record.assignments if each.results.events)
        return max(events, key=lambda event: event.number, default=None)

    @property
    def at(self) -> datetime:
        """The time of the record: a pack has no clock of its own, so that one record makes one pack."""
        return datetime.fromisoformat(self.last_event.at).astimezone(UTC) if self.last_event else NO_EVENT

    def module_mark(self, candidate: Candidate) -> ModuleMark:
        """A candidate's module mark."""
        return self.record.marks[candidate.member.id]


def class_of(percent: Decimal | None, level: int, pass_mark: int | None) -> Band | None:
    """The class of a mark; None without a mark, and where its parts have different pass marks."""
    return None if percent is None or pass_mark is None else band_of(percent, level, pass_mark)


@dataclass(frozen=True)
class TraceLine:
    """One step on the way to a candidate's mark."""

    candidate: Candidate
    assignment: Assignment
    step: str
    before: Fraction | None
    after: Fraction | None
    what: str
    why: str
    event: int | None
    adjusts: bool
    """Whether it belongs to this person; else it says who marked a part of their group's work."""
    two_markers: bool = False


def trace_lines(pack: Pack) -> Iterator[TraceLine]:
    """Every step of every candidate: who marked each part, then what was added or taken away for this person."""
    for candidate in pack.candidates.rows:
        for packed in pack.assignments:
            person = packed.people[candidate.member.id]
            for part in packed.parts.get(person.group, {}).values():
                if what := _marked_by(part):
                    step, event = ("agreed_mark", part.whole.number) if part.whole else ("line_mark", None)
                    why = part.whole.summary if part.whole else ""
                    doubly = bool(part.marks("second"))
                    yield TraceLine(candidate, packed.assignment, step, None, None, what, why, event, False, doubly)
            for line in person.trace:
                yield TraceLine(
                    candidate,
                    packed.assignment,
                    line.kind,
                    line.before,
                    line.after,
                    line.what,
                    line.why,
                    line.event,
                    True,
                )
            for dispute in person.disputes:
                yield TraceLine(
                    candidate, packed.assignment, "dispute", None, None, "The mark is disputed.", dispute, None, True
                )


def _marked_by(part: PartMark) -> str:
    """`report: 21 of 30; first marker ann 21, second marker ben 24`; empty before anybody has marked it."""
    criterion, roles = part.criterion, []
    for role in ROLES:
        if marks := part.marks(role):
            total = part.total(role)
            lines = sum(1 for line in marks if line)
            names = " and ".join(sorted({mark.event.who for mark in marks.values()}))
            points = f"{total}" if total is not None else f"{lines} of {len(criterion.lines)} lines"
            roles.append(f"{role} {'marks' if role == 'agreed' else 'marker'} {names} {points}")
    if part.points is None and not roles:
        return ""
    stands = "no points yet" if part.points is None else f"{part.points} of {criterion.points}"
    waits = f" ({part.waits_for})" if part.waits_for else ""
    return "; ".join(filter(None, (f"{criterion.id}: {stands}{waits}", ", ".join(roles))))
