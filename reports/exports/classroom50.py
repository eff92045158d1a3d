"""Scores for Classroom 50, put into its gradebook as those that a teacher enters: `scores.json`, edited in place.

Each repository has one score, which everybody in it gets; where members of a group have different marks none is
written. A score is a whole number there. So marks with a decimal are written out of ten times the points, which rounds
nothing, unless another maximum is named.

Evidence: Classroom 50's source; `reports.exports.classroom50_scores` says which files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from assignments.errors import UserError, listed
from graders.course.roster import Group, Member
from graders.marks.personal import PersonalMark
from reports.exports.classroom50_people import LOGINS, EntryRow, Logins, entry_rows
from reports.exports.classroom50_scores import (
    INDIVIDUAL,
    NAME,
    AssignmentScores,
    NewScore,
    ScoresFile,
    after,
    read_scores,
)
from reports.exports.export import ExportRules, Filled, Marks, RowLine, RowOutcome, numbers_of
from reports.exports.rows import has_mark, state_of
from reports.numbers import half_up, number


def fill(sheet: bytes, marks: Marks, roster: Sequence[Group], rules: ExportRules) -> Filled:
    """The gradebook with each person's own mark, or each group's where all in it have the same.

    Raises:
        UserError: it is not such a file, lacks this assignment, or nobody can be found in it.
    """
    file = read_scores(sheet)
    scores = file.of(*_named(file, marks, rules))
    logins = Logins.of(roster, rules)
    to_fill = _ToFill(scores, marks, _Scale.of(marks, rules))
    rows = entry_rows(scores.entries, logins)
    _refuse_strangers(rows)
    present = {member.id for row in rows for member in row.named}
    absent = [m for group in roster for m in group.members if m.id not in present and has_mark(marks, m)]
    each = [*map(to_fill.of_entry, rows), *(to_fill.of_absent(member, logins.of_member(member)) for member in absent)]
    lines = [line for line, _ in each]
    new = [score for _, score in each if score is not None]
    return Filled(file.with_scores(scores, new), tuple(lines), tuple(_notes(file, new, to_fill, logins)))


def _named(file: ScoresFile, marks: Marks, rules: ExportRules) -> tuple[str, str]:
    """The assignment's name in Classroom 50, and the classroom's as far as a person says it."""
    classroom, _, slug = rules.column.rpartition("/")
    slug = slug or marks.assignment.id.casefold().replace("_", "-")
    if slug not in file.slugs:
        have = f"it has {listed(list(file.slugs), 12)}" if file.slugs else "it has none: collect scores first"
        raise UserError(f"{NAME}: there is no assignment {slug}; {have}. Name it with --column.")
    return slug, classroom


@dataclass(frozen=True)
class _Scale:
    """Marks as whole numbers."""

    maximum: int
    named: bool
    """Whether a person named the maximum."""

    @classmethod
    def of(cls, marks: Marks, rules: ExportRules) -> _Scale:
        """The maximum that a person names; else the points, or ten times as many where a mark has a decimal.

        Raises:
            UserError: it is not a whole number.
        """
        if rules.maximum is not None:
            if rules.maximum % 1:
                raise UserError(f"--maximum {rules.maximum}: scores of Classroom 50 are whole numbers")
            return cls(int(rules.maximum), named=True)
        has_decimals = any(mark.points % 1 for mark in marks.people.values() if mark.points is not None)
        return cls(marks.assignment.points * (10 if has_decimals else 1), named=False)

    def score(self, mark: PersonalMark) -> tuple[int, str]:
        """A person's score, and what it was rounded from; empty where nothing was rounded."""
        percent, points = numbers_of(mark)
        as_points = not self.named or self.maximum == mark.out_of
        exact = points * self.maximum / mark.out_of if as_points else percent * self.maximum / 100
        whole = int(half_up(exact, 0))
        return whole, "" if whole == exact else f"rounded from {number(exact, 3)}"


@dataclass(frozen=True)
class _ToFill:
    """The scores of the assignment, and the marks that go into them."""

    scores: AssignmentScores
    marks: Marks
    scale: _Scale

    def of_entry(self, row: EntryRow) -> tuple[RowLine, NewScore | None]:
        """What comes of one entry."""
        entry = row.entry
        if not row.members:
            return RowLine(RowOutcome.UNKNOWN, entry.owner, why=row.why), None
        present = f"{entry.score[0]} of {entry.score[1]}" if entry.score else "no score"
        if not any(has_mark(self.marks, member) for member in row.members):
            states = " and ".join(dict.fromkeys(state_of(self.marks, member) for member in row.members))
            return RowLine(RowOutcome.NO_MARK, row.who, why=f"{states}: the entry stays as it is, {present}"), None
        each = {member.id: self._text(member) for member in row.members}
        if len(set(each.values())) > 1:
            whose = ", ".join(f"{member} {text}" for member, text in each.items())
            why = f"the entry is one score for all, and their marks differ: none is written ({whose})"
            return RowLine(RowOutcome.BY_HAND, row.who, why=why), None
        score, rounded = self._score(row.members[0])
        if entry.override and entry.by_teacher and entry.score == (score, self.scale.maximum):
            return RowLine(RowOutcome.UNCHANGED, row.who, mark=str(score), why=rounded), None
        why = "; ".join(filter(None, [rounded, f"in place of {present}" if entry.score else ""]))
        return self._written(row.who, row.members[0], entry.owner, entry.index, entry.newest, why)

    def of_absent(self, member: Member, login: str) -> tuple[RowLine, NewScore | None]:
        """What comes of a person with a mark whom no entry is about."""
        score, rounded = self._score(member)
        if self.scores.mode != INDIVIDUAL or not login:
            why = (
                "no entry names them: a group's comes with its first collected submission"
                if self.scores.mode != INDIVIDUAL
                else "the roster has no user name of GitHub that is theirs alone"
            )
            return RowLine(RowOutcome.MISSING, member.id, mark=str(score), why=why), None
        why = "; ".join(filter(None, [rounded, f"as a new entry of {login}"]))
        return self._written(member.id, member, login, None, None, why)

    def _written(
        self, who: str, member: Member, owner: str, index: int | None, newest: datetime | None, why: str
    ) -> tuple[RowLine, NewScore | None]:
        """The score, dated so that it is the newest."""
        score, _ = self._score(member)
        at = after(newest, self._handed_in(member) or self.scores.collected_at)
        if at is None:
            why = "no time is known to date the score by: collect scores, and take the file again"
            return RowLine(RowOutcome.BY_HAND, who, mark=str(score), why=why), None
        line = RowLine(RowOutcome.WRITTEN, who, mark=str(score), why=why)
        return line, NewScore(owner, index, score, self.scale.maximum, at)

    def _score(self, member: Member) -> tuple[int, str]:
        return self.scale.score(self.marks.people[member.id])

    def _text(self, member: Member) -> str:
        if not has_mark(self.marks, member):
            return f"has none ({state_of(self.marks, member)})"
        return str(self._score(member)[0])

    def _handed_in(self, member: Member) -> datetime | None:
        """When the commit was first seen."""
        of_group = self.marks.groups.get(self.marks.people[member.id].group)
        seen = of_group.provenance.get("seen_at") if of_group else None
        return datetime.fromisoformat(seen) if isinstance(seen, str) and seen else None


def _refuse_strangers(rows: Sequence[EntryRow]) -> None:
    """Refuse the gradebook of another course.

    Raises:
        UserError: no entry is about anybody in the roster.
    """
    if rows and not any(row.named for row in rows):
        raise UserError(
            f"{NAME}: none of its {len(rows)} entries is about anybody in the roster. {rows[0].entry.owner}: "
            f"{rows[0].why}. Take the file of this classroom, or correct the user names in the roster."
        )


def _notes(file: ScoresFile, new: Sequence[NewScore], to_fill: _ToFill, logins: Logins) -> Iterator[str]:
    """What a person has to know of the file as a whole."""
    points, scale = to_fill.marks.assignment.points, to_fill.scale
    if scale.named:
        yield f"Scores are written out of {scale.maximum}, as you said; the assignment is worth {points} points."
    elif scale.maximum != points:
        yield (
            f"Scores of Classroom 50 are whole numbers: marks are written out of {scale.maximum}, not {points}, so "
            f"that none is rounded. --maximum {points} rounds them instead."
        )
    if logins.heading and logins.heading != LOGINS[0]:
        yield f"People are found by the roster's column {logins.heading}: it has to hold GitHub's user names."
    if not new:
        return
    if not file.keeps_its_form:
        yield "The file was edited by hand: its white space is Classroom 50's now. Every value stays."
    yield (
        "Commit the file soon: it would undo whatever is collected in between. If git refuses the push, take the file "
        "anew, and export again."
    )
    yield "Students do not see these scores in Classroom 50, which shows them the releases of their own repository."
