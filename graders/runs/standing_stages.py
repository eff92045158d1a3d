"""Which stages a standing mark came from, where today's keys find none: a newer medmark gives other keys.

A mark that was applied or returned stands until `grade` is run. Until then it is made of the stages from which it was
made: those of the same files that were final when it was applied. No mark that would be new is made so.

A snapshot of marks does not name their stages. Where several were recorded of one test or score, the newest that give
the very mark that stands are taken. Where none do, it cannot be known, and the mark is withheld until `grade` is run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from assignments.assignment import Assignment
from graders.course.course import Course
from graders.intake.submission import Submission, earlier_checkouts
from graders.marks.applying import snapshot_of
from graders.marks.mark import Mark, Status
from graders.marks.results import results_of
from graders.marks.versions import marks_with_snapshots
from graders.record.in_force import Decisions
from graders.record.keys import StageKeys
from graders.record.ledger import Event, Ledger, StageRow
from graders.record.snapshots import SNAPSHOTS, RecordedMark

TRIED = 50
"""States of the record, newest first, that are held against the mark that stands."""


@dataclass(frozen=True)
class _Stood:
    """A group's mark that stands."""

    event: Event
    """The last snapshot that holds it."""
    people: Mapping[str, RecordedMark]

    def equals(self, now: Mapping[str, RecordedMark]) -> bool:
        """Whether marks that were made again are these. Old snapshots do not tell the group's own mark apart."""
        return all(
            told.of_group == now[member].of_group
            if told.of_group
            else replace(told, group=now[member].group) == now[member]
            for member, told in self.people.items()
        )


@dataclass(frozen=True)
class Standing:
    """What is needed to find the stages of standing marks."""

    course: Course
    assignment: Assignment
    ledger: Ledger
    decisions: Decisions
    """Those that hold now, or would hold."""
    events: Sequence[Event]
    """All of the assignment, snapshots among them."""
    tests: Sequence[str]
    """Ids of the hidden tests, each of which must have its stage."""
    scores: Sequence[str]
    """Ids of the accuracy criteria, likewise."""
    mark_with: Callable[[Submission, StageKeys, Decisions], Mark]
    """The mark that a submission has by the stages of these keys and by some decisions."""

    def keys(self, submissions: Sequence[Submission], incomplete: Sequence[Submission]) -> dict[str, StageKeys]:
        """By group, for those of `submissions` that are `incomplete` under today's keys: where its stages stand."""
        applied = marks_with_snapshots(self.events)
        stood = {submission.group: mark for submission in incomplete if (mark := _stood(submission, applied))}
        if not stood:
            return {}
        # Equal files are run once, and recorded under one of their groups, which may hand in others by now.
        places: dict[str | None, set[tuple[str, str]]] = defaultdict(set)
        for submission in submissions:
            names = {submission.group, *(applied[m.id][1].group for m in submission.members if m.id in applied)}
            places[submission.tree] |= {(name, str(submission.commit)) for name in names}
        for group, commit, tree in earlier_checkouts(self.course.checkouts / self.assignment.id):
            places[tree].add((group, commit))
        wanted = {place for submission in incomplete for place in places[submission.tree]}
        rows: dict[tuple[str, str | None], list[StageRow]] = defaultdict(list)
        for row in self.ledger.final_stages(self.assignment.id, wanted):
            rows[row.group, row.commit].append(row)
        found = {}
        for submission in incomplete:
            if mark := stood.get(submission.group):
                own = sorted(chain(*(rows[place] for place in places[submission.tree])), key=lambda row: row.at)
                if keys := self._source(submission, mark, [row for row in own if row.at <= mark.event.at]):
                    found[submission.group] = keys
        return found

    def _source(self, submission: Submission, mark: _Stood, rows: Sequence[StageRow]) -> StageKeys | None:
        """The keys of what a standing mark was made of; None where that cannot be known."""
        then = [event for event in self.events if 0 < event.number <= mark.event.number]
        decided = Decisions.of(self.assignment.id, then)
        # The scores of then hold a case that was declared void since.
        if decided.void_cases != self.decisions.void_cases:
            return None
        # What was returned shields marks of persons alone, and reading all of it takes time.
        shields = not all(told.of_group for told in mark.people.values())
        events = [event for event in then if shields or event.kind not in SNAPSHOTS]
        certain = len({row.key for row in rows}) == len({(row.kind, row.name) for row in rows})
        for moment in sorted({row.at for row in rows}, reverse=True)[:TRIED]:
            keys = self._newest([row for row in rows if row.at <= moment])
            if keys is None or certain:
                return keys
            now = self.mark_with(submission, keys, decided)
            if mark.equals(snapshot_of(results_of(self.course, self.assignment, events, [submission], [now]))):
                return keys
        return None

    def _newest(self, rows: Sequence[StageRow]) -> StageKeys | None:
        """The last key of each stage; None where one lacks."""
        last = {(row.kind, row.name): row.key for row in rows}
        tests = {id: last.get(("test", id)) for id in self.tests}
        scores = {id: last.get(("score", id)) for id in self.scores}
        answers = {int(name): key for (kind, name), key in last.items() if kind == "answers"}
        if None in (*tests.values(), *scores.values()):
            return None
        return StageKeys(
            {id: key for id, key in tests.items() if key}, answers, {id: key for id, key in scores.items() if key}
        )


def _stood(submission: Submission, applied: Mapping[str, tuple[Event, RecordedMark]]) -> _Stood | None:
    """The mark of this very commit that stands; None where it was not graded."""
    graded = {
        member.id: applied[member.id]
        for member in submission.members
        if member.id in applied
        and applied[member.id][1].commit == submission.commit
        and applied[member.id][1].status not in (Status.WITHHELD, Status.NOT_SUBMITTED)
    }
    if not graded:
        return None
    last = max((event for event, _ in graded.values()), key=lambda event: event.number)
    return _Stood(last, {member: told for member, (event, told) in graded.items() if event is last})
