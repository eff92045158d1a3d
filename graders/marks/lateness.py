"""How late one person's work is, and what an extension saves them: a pure function of the clock and the decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property

from graders.course.course import Course
from graders.course.late_policy import LatePolicy
from graders.course.roster import Group, Member
from graders.course.working_days import Calendar, Unit
from graders.intake.counting import due_for_all, due_of_person
from graders.marks.mark import rounded
from graders.record.decisions import Extension
from graders.record.in_force import Decisions


@dataclass(frozen=True)
class Lateness:
    """When one person's work was due, with and without extensions to them or their group, and when it was seen."""

    course: Course
    assignment: str
    due: datetime
    due_without: datetime
    seen: datetime
    extension: Extension | None
    """The person's own, else their group's; None without either."""
    of_group: bool
    """Whether the due time is that of a group with other members."""

    @cached_property
    def policy(self) -> LatePolicy | None:
        """The rule for late work."""
        return self.course.late(self.assignment)

    @cached_property
    def calendar(self) -> Calendar:
        """The calendar that days are counted by."""
        return self.course.calendar(self.assignment)

    def begun(self, unit: Unit) -> int:
        """Units by which the work is late, where a unit that has begun counts whole; 0 if it is on time."""
        return self._from(self.due)(unit)

    @property
    def extended(self) -> bool:
        """Whether the work would be later without an extension."""
        return self.due > self.due_without and self._from(self.due_without)("hour") > 0

    def after(self, mark: Fraction, pass_mark: int) -> Fraction:
        """The mark in per cent after the penalty."""
        return self._after(mark, pass_mark, self.due)

    def feedback(self) -> str:
        """The sentence on lateness that the person reads."""
        unit: Unit = "working_day" if self.policy is None else self.policy.unit_of(self.policy.band(self.begun))
        begun = self.begun(unit)
        late = f"{begun} {unit.replace('_', ' ')}{'' if begun == 1 else 's'} late"
        return f"Due {self._clock(self.due)}, first seen {self._clock(self.seen, seconds=True)}: {late}."

    @property
    def clause(self) -> str:
        """The clause that takes something off, with its policy's name."""
        if self.policy is None:
            return "the assignment has no late policy"
        return f"{self.course.late_policy_of(self.assignment)}: {self.policy.band(self.begun).clause}"

    def extension_feedback(self, mark: Fraction, pass_mark: int, *, accepted: bool) -> str:
        """The sentence on the extension that moved their due time, which the person reads.

        `accepted` says whether staff accepted the commit late: it would be later still without the extension. Otherwise
        the commit counts only because of the extension.
        """
        whose = "your group's" if self.of_group else "your"
        seen, due = self._clock(self.seen, seconds=True), self._clock(self.due)
        text = f"First seen {seen}, "
        how = "after" if self.begun("hour") else "within" if self.seen <= self.due else "within the grace of"
        text += f"{how} {whose} extension to {due}"
        saved = self._after(mark, pass_mark, self.due) - self._after(mark, pass_mark, self.due_without)
        if not accepted or not saved:
            return f"{text}."
        points = f"{rounded(saved):f}".removesuffix(".0")
        return f"{text}; without it this would be {points} {'point' if points == '1' else 'points'} less."

    @property
    def why_extended(self) -> str:
        """Who gave the extension and why; the reason for another member's, which the group shares, stays private."""
        return self.extension.summary if self.extension else "group_extension of the course"

    def _after(self, mark: Fraction, pass_mark: int, due: datetime) -> Fraction:
        begun = self._from(due)
        return mark if self.policy is None or not begun("hour") else self.policy.after(mark, pass_mark, begun)[0]

    def _from(self, due: datetime) -> Callable[[Unit], int]:
        grace = timedelta(minutes=self.course.assignment(self.assignment).grace_minutes)
        return lambda unit: self.calendar.late(due, self.seen, unit, grace)

    def _clock(self, time: datetime, *, seconds: bool = False) -> str:
        return f"{time.astimezone(self.course.zone):%d %b %Y, %H:%M{':%S' if seconds else ''} %Z}"


def lateness_of(
    course: Course, assignment: str, group: Group, member: Member, decisions: Decisions, seen: datetime
) -> Lateness:
    """The lateness of one person's work that was first seen at `seen`."""
    own = decisions.about(Extension, group.name, member.id)
    of_group = decisions.about(Extension, group.name)
    return Lateness(
        course,
        assignment,
        due_of_person(course, decisions, group, member.id),
        due_for_all(course, decisions),
        seen,
        next(iter([*own[-1:], *of_group[-1:]]), None),
        of_group=not own and len(group.members) > 1,
    )
