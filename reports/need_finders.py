"""Finds what waits for a person: each finder yields one kind of need, group by group (`reports.needs` joins them)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Final

from assignments.assignment import Accuracy, Person
from assignments.errors import shell_word
from graders.marks.mark import Finding, Mark, Status, Verdict, is_ungraded
from graders.marks.part_marks import disputed_lines, part_marks
from graders.marks.score_ends import ScoreEnds, share_at
from graders.marks.words import reason_words
from graders.record.decisions import Code, Dispute, LateCommit
from graders.record.in_force import Decisions
from reports.bands import band_of
from reports.need import Need
from reports.numbers import local_day

if TYPE_CHECKING:  # they open Git and the course, which a list of lines does not need
    from graders.course.course import Course
    from graders.course.roster import Group
    from graders.intake.submission import Submission
    from graders.marks.results import Results
    from graders.runs.cohort_record import CohortRecord

REPEATS_APART: Final = Fraction(1, 5)
"""Repeats disagree if the best and the worst alone would earn points that differ by more than this share of all."""
VOID: Final = "in a hidden test: void"
"""Of a test that a decision made void: nobody has to look at it again."""
TIPS: Final = 3
"""Commits to choose from that a need names, the newest ones."""


@dataclass(frozen=True)
class Staff:
    """What the finders look at."""

    results: Results
    course: Course
    record: CohortRecord
    ends: ScoreEnds

    @property
    def id(self) -> str:
        return self.results.assignment.id

    @cached_property
    def rows(self) -> list[tuple[Submission, Mark]]:
        """Of every group."""
        return list(zip(self.results.submissions, self.results.marks, strict=True))

    @cached_property
    def settled(self) -> list[tuple[Submission, Mark]]:
        """Of the groups of which it is settled what counts."""
        return [(submission, mark) for submission, mark in self.rows if submission.state != "provisional"]

    @cached_property
    def groups(self) -> Mapping[str, Group]:
        return {group.name: group for group in self.course.groups}

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions.of(self.id, self.results.events)

    def decide(self, what: str, group: str) -> str:
        return f'medmark decide {self.id} {what} --for {group} --reason "..."'

    def explain(self, group: str) -> str:
        """The command that shows how a group's mark came about."""
        return f"medmark explain {self.id} {shell_word(self.groups[group].members[0].id)}"


def _roster(staff: Staff) -> Iterator[Need]:
    check = ("medmark doctor -c .",)
    for problem in staff.course.roster_problems:
        yield Need("roster", problem, (), check)
    for group in staff.course.groups:
        if group.aside:
            yield Need("roster", "set aside, without a mark, until their rows are corrected", (group.name,), check)


def _record(staff: Staff) -> Iterator[Need]:
    for line in staff.results.unmatched:
        reason, ends_with_command, command = line.rpartition(": medmark ")
        commands = (f"medmark {command}",) if ends_with_command else (f"medmark decide {staff.id}",)
        yield Need("record", reason if ends_with_command else line, (), commands)


def _waiting(staff: Staff) -> Iterator[Need]:
    for submission, _ in staff.rows:
        if submission.state == "waits for a person":
            tips = submission.later_tips[-TIPS:] or ("COMMIT",)
            commands = tuple(staff.decide(f"late_commit {tip}", submission.group) for tip in tips)
            yield Need("waiting", submission.reason, (submission.group,), commands)
        elif submission.state in ("not settled", "not fetched"):
            yield Need("waiting", submission.reason, (submission.group,), (f"medmark collect {staff.id}",))


def _unread(staff: Staff) -> Iterator[Need]:
    for submission, _ in staff.rows:
        term = staff.record.terms.get(submission.group)
        look = term.last_look if term else None
        failed = look is not None and (look.how == "unreachable" or (look.commit and look.detail))
        if look is not None and failed and submission.state == "provisional":
            command = f"medmark collect {staff.id} --only {submission.group}"
            yield Need("unread", look.detail.partition(" (git: ")[0], (submission.group,), (command,))


def _withheld(staff: Staff) -> Iterator[Need]:
    for submission, mark in staff.settled:
        if submission.waits or mark.status is not Status.WITHHELD:
            continue
        command = (f"medmark grade {staff.id}",)
        if is_ungraded(mark):
            yield Need("ungraded", "nothing is recorded for the commit that counts", (mark.group,), command)
            continue
        unknown = next(f for f in mark.findings if f.verdict is Verdict.UNKNOWN and not f.is_open)
        last = (unknown.evidence.strip().splitlines() or [""])[-1]
        reason = reason_words(unknown.reason or "")
        yield Need("withheld", f"{reason}: {last}" if last else reason, (mark.group,), command)


def _decided(staff: Staff) -> Iterator[Need]:
    for decision in staff.decisions.all:
        event = decision.event
        retract = f'medmark decide {staff.id} retract {event.number} --reason "..."'
        groups = (event.group,) if event.group in staff.groups else ()
        who = event.member or ("" if groups else event.group)  # a group of the roster is named beside the reason
        if isinstance(decision, Dispute):
            text = f"{who}: {decision.text}" if who else decision.text
            yield Need("disputed", f"{text}; once it is answered, retract it", groups, (retract,))
        elif isinstance(decision, Code) and decision.word == "held":
            since = f"{who}, since {event.at[:10]}" if who else f"since {event.at[:10]}"
            yield Need("held", f"{since}; once it is settled, retract it", groups, (retract,))


def _parts(staff: Staff) -> Iterator[Need]:
    assignment, tolerance = staff.results.assignment, staff.course.second_marking.tolerance
    for _, mark in staff.settled:
        open_parts = [finding for finding in mark.findings if finding.is_open]
        parts = part_marks(assignment, staff.decisions, mark.group, tolerance) if open_parts else {}
        for finding in open_parts:
            name, criterion = finding.criterion, assignment.criterion(finding.criterion)
            why = f"{name}: {finding.waits_for or 'not marked yet'}"
            if finding.waits_for_anchors:
                why += f"; set [assignments.{staff.id}.anchors.{name}] in course.toml, and measure them first"
                command = f"medmark rehearse {staff.id} -c . --calibrate"
            elif not isinstance(criterion, Person) or not criterion.lines:
                command = f'medmark decide {staff.id} agreed_mark --from points.csv --reason "..."'
            elif name in parts and disputed_lines(parts[name], tolerance):
                yield Need("markers", why, (mark.group,), (f"medmark marking {staff.id} {name} --out agree --agree",))
                continue
            else:
                command = f"medmark marking {staff.id} {name}"
            yield Need("open", why, (mark.group,), (command,))


def _nothing(staff: Staff) -> Iterator[Need]:
    for submission, mark in staff.settled:
        if mark.status is not Status.NOT_SUBMITTED:
            continue
        later = submission.later_tips[-1:]
        reason = submission.reason + ("; a commit was seen later" if later else "")
        choices = [f"late_commit {tip}" for tip in later] + ["absent"]
        commands = tuple(staff.decide(choice, submission.group) for choice in choices)
        yield Need("nothing", reason, (submission.group,), commands)


def _flagged(staff: Staff) -> Iterator[Need]:
    from graders.intake.copies import equal_work

    equal = equal_work(staff.results.submissions)
    for work in equal:
        reason = f"{work.what} is the same: {', '.join(work.groups)}"
        yield Need("flagged", reason, work.groups, (staff.explain(work.groups[0]),))
    shared = tuple(f"{work.what} equals" for work in equal)
    for submission, mark in staff.rows:
        group, spent = submission.group, staff.record.spending.groups.get(submission.group)
        if submission.state == "waits for a person":  # its flag is the reason
            continue
        accepted = bool(staff.decisions.about(LateCommit, group))  # then the first flag says who accepted it
        own = [flag for flag in submission.flags[accepted:] if not flag.startswith(shared)]
        of_tests = [f"in a hidden test: {flag}" for f in mark.findings if f.cost for flag in f.cost.flags]
        of_answers = [f"in its answers: {flag}" for flag in (spent.flags if spent else ())]
        for flag in (*own, *of_tests, *of_answers):
            if flag != VOID:
                yield Need("flagged", flag, (group,), (staff.explain(group),))


def _edges(staff: Staff) -> Iterator[Need]:
    final = {submission.group for submission, _ in staff.settled}
    seen: set[tuple[str, str]] = set()
    for person in staff.results.people:
        ends = staff.ends.people.get(person.member)
        if ends is None or person.group not in final:
            continue
        low, high = (band_of(end, person.level, person.pass_mark) for end in (ends.low, ends.high))
        if low != high:
            reason = f"{low.name} or {high.name}, by the hidden cases alone"
            if (person.group, reason) not in seen:  # one member explains it for the others
                yield Need(
                    "edge", reason, (person.group,), (f"medmark explain {staff.id} {shell_word(person.member)}",)
                )
            seen.add((person.group, reason))


def _repeats(staff: Staff) -> Iterator[Need]:
    for _, mark in staff.settled:
        for finding in mark.findings:
            apart = _apart(finding, staff)
            if apart is not None and apart > REPEATS_APART:
                far = f"more than {float(100 * REPEATS_APART):g} % of its points apart"
                reason = f"{finding.criterion}: its best and its worst repeat alone would earn {far}"
                yield Need("repeats", reason, (mark.group,), (staff.explain(mark.group),))


def _apart(finding: Finding, staff: Staff) -> Fraction | None:
    """How far the shares of points lie apart that the best and the worst repeat alone would earn."""
    if finding.measured is None or len(finding.measured.repeats) < 2:
        return None
    assignment = staff.results.assignment
    criterion = assignment.criterion(finding.criterion)
    assert isinstance(criterion, Accuracy)
    shares = [share_at(criterion, assignment.level, finding, score) for score in finding.measured.repeats]
    earned = [share for share in shares if share is not None]
    return max(earned) - min(earned) if earned else None


def _silent(staff: Staff) -> Iterator[Need]:
    """The longest silence first."""
    zone = staff.course.timezone
    terms = staff.record.terms
    rows = [(submission, terms[submission.group]) for submission, _ in staff.rows if submission.group in terms]
    for submission, term in sorted(rows, key=lambda row: row[1].commits[-1:]):
        look = term.last_look
        if look is None or submission.due is None:
            continue
        at = min(datetime.fromisoformat(look.seen_at), submission.due)
        if submission.state == "provisional" and not term.commits:
            reason = "no commit so far"
        elif term.silent_at(at) is None:
            continue
        elif submission.state == "provisional":
            reason = "no new commit for two weeks or more"
        else:
            reason = "no new commit in the two weeks before the due time"
        group = submission.group
        notes = {group: f"since {local_day(term.last, zone)}"} if term.last else {}
        yield Need("silent", reason, (group,), (staff.explain(group),), notes)


FINDERS: Final[Sequence[Callable[[Staff], Iterator[Need]]]] = (
    _roster, _record, _waiting, _unread, _withheld, _decided, _parts, _nothing, _flagged, _edges, _repeats, _silent,
)  # fmt: skip
