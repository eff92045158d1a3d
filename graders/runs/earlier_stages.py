"""Finds the stages of a mark that stands, where today's keys find none: a newer medmark gives other keys.

A mark that was applied or returned stands until `grade` runs. Until then it is made of its own stages: those of the
same files that were final when it was applied. No new mark is made this way.

A snapshot of marks does not name their stages. Where several were recorded for one test or score, the newest are taken
that give the very mark that stands. Where none do, the mark is withheld until `grade` runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
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

MOMENTS_TRIED = 50
"""How many states of the record, newest first, are compared with the mark that stands."""


@dataclass(frozen=True)
class _StandingMark:
    """A group's mark that stands."""

    event: Event
    """The last snapshot that holds it."""
    people: Mapping[str, RecordedMark]

    def equals(self, now: Mapping[str, RecordedMark]) -> bool:
        """Whether marks that were made again equal these."""
        return all(_equal(mark, now[member]) for member, mark in self.people.items())


@dataclass(frozen=True)
class EarlierStages:
    """Finds the stages of marks that stand."""

    course: Course
    assignment: Assignment
    ledger: Ledger
    decisions: Decisions
    """Those in force, or proposed."""
    events: Sequence[Event]
    """All of the assignment, snapshots among them."""
    tests: Sequence[str]
    """Ids of the hidden tests, each of which must have its stage."""
    scores: Sequence[str]
    """Ids of the accuracy criteria, likewise."""
    mark_with: Callable[[Submission, StageKeys, Decisions], Mark]
    """The mark that a submission has by the stages of these keys and by some decisions."""

    def keys(self, submissions: Sequence[Submission], incomplete: Sequence[Submission]) -> dict[str, StageKeys]:
        """By group: the keys of the stages of its mark that stands.

        Args:
            submissions: All submissions of the assignment.
            incomplete: Those of them that lack a stage under today's keys; only these are looked up.
        """
        applied = marks_with_snapshots(self.events)
        marks = {submission.group: _standing_mark(submission, applied) for submission in incomplete}
        if not any(marks.values()):
            return {}
        commits = self._commits(submissions, applied)
        rows = self._rows({commit for submission in incomplete for commit in commits[submission.tree]})
        keys = {}
        for submission in incomplete:
            if mark := marks[submission.group]:
                own = sorted(chain(*(rows[commit] for commit in commits[submission.tree])), key=lambda row: row.at)
                earlier = [row for row in own if row.at <= mark.event.at]
                if source := self._source(submission, mark, earlier):
                    keys[submission.group] = source
        return keys

    def _commits(
        self, submissions: Sequence[Submission], applied: Mapping[str, tuple[Event, RecordedMark]]
    ) -> dict[str | None, set[tuple[str, str]]]:
        """By tree: the groups and commits that have these files.

        Equal files run once and are recorded under one of their groups, which may have submitted other files since.
        """
        commits: dict[str | None, set[tuple[str, str]]] = defaultdict(set)
        for submission in submissions:
            names = {submission.group, *(applied[m.id][1].group for m in submission.members if m.id in applied)}
            commits[submission.tree] |= {(name, str(submission.commit)) for name in names}
        for group, commit, tree in earlier_checkouts(self.course.checkouts / self.assignment.id):
            commits[tree].add((group, commit))
        return commits

    def _rows(self, commits: Collection[tuple[str, str]]) -> dict[tuple[str, str | None], list[StageRow]]:
        """By group and commit: the rows of its final stages."""
        rows: dict[tuple[str, str | None], list[StageRow]] = defaultdict(list)
        for row in self.ledger.final_stages(self.assignment.id, commits):
            rows[row.group, row.commit].append(row)
        return rows

    def _source(self, submission: Submission, mark: _StandingMark, rows: Sequence[StageRow]) -> StageKeys | None:
        """The keys of the stages of which a standing mark was made; None if they cannot be determined."""
        then = [event for event in self.events if 0 < event.number <= mark.event.number]
        decisions = Decisions.of(self.assignment.id, then)
        # The scores of that time hold a case that was declared void since.
        if decisions.void_cases != self.decisions.void_cases:
            return None
        # Snapshots change people's own marks only, and reading all of them takes time.
        of_people = not all(recorded.of_group for recorded in mark.people.values())
        events = [event for event in then if of_people or event.kind not in SNAPSHOTS]
        certain = len({row.key for row in rows}) == len({(row.kind, row.name) for row in rows})
        for moment in sorted({row.at for row in rows}, reverse=True)[:MOMENTS_TRIED]:
            keys = self._newest([row for row in rows if row.at <= moment])
            if keys is None or certain:
                return keys
            now = self.mark_with(submission, keys, decisions)
            if mark.equals(snapshot_of(results_of(self.course, self.assignment, events, [submission], [now]))):
                return keys
        return None

    def _newest(self, rows: Sequence[StageRow]) -> StageKeys | None:
        """The last key of each stage; None if a stage is missing."""
        last = {(row.kind, row.name): row.key for row in rows}
        tests = {id: last.get(("test", id)) for id in self.tests}
        scores = {id: last.get(("score", id)) for id in self.scores}
        answers = {int(name): key for (kind, name), key in last.items() if kind == "answers"}
        if None in (*tests.values(), *scores.values()):
            return None
        return StageKeys(
            {id: key for id, key in tests.items() if key}, answers, {id: key for id, key in scores.items() if key}
        )


def _standing_mark(submission: Submission, applied: Mapping[str, tuple[Event, RecordedMark]]) -> _StandingMark | None:
    """The mark of this very commit that stands; None if it was not graded."""
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
    return _StandingMark(last, {member: mark for member, (event, mark) in graded.items() if event is last})


def _equal(recorded: RecordedMark, now: RecordedMark) -> bool:
    """Whether a person's mark is as it was recorded. Old snapshots do not hold the group's own mark."""
    if recorded.of_group:
        return recorded.of_group == now.of_group
    return replace(recorded, group=now.group) == now
