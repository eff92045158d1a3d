"""The marks as a table for a terminal of 80 columns, and why some are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table
from rich.text import Text

from assignments.assignment import Assignment
from assignments.errors import listed
from graders.failures import NotAccepted, SubmissionFailure
from graders.marks.diagnosis import KnownMistake
from graders.marks.mark import BY_DECISION, Finding, Mark, Status, Verdict, is_ungraded
from graders.marks.words import reason_words
from reports.next_step import NextStep, next_step
from reports.numbers import number
from reports.terminal import terminal_text

if TYPE_CHECKING:  # the intake opens Git, which a table does not need
    from graders.intake.submission import Submission


def marks_table(marks: Sequence[Mark], names: Mapping[str, str] | None = None, title: str = "") -> Table:
    """One line a group: tests passed, score with its interval, points, and the mark's status."""
    caption = Text(terminal_text(title)) if title else None
    table = Table(title=caption, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("group", max_width=18, overflow="ellipsis", no_wrap=True)
    table.add_column("tests", justify="right", no_wrap=True)
    table.add_column(Text("score [95 %]"), no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for mark in marks:
        name = terminal_text((names or {}).get(mark.group, mark.group))
        status, style = _STATUS_CELLS[mark.status]
        table.add_row(
            Text(name),
            Text(_tests(mark)),
            Text(_score(mark)),
            Text(_points(mark), style="bold" if mark.status is Status.MARKED else ""),
            Text("not graded" if is_ungraded(mark) else status, style=style),
        )
    return table


_STATUS_CELLS = {
    Status.MARKED: ("marked", "green"),
    Status.INCOMPLETE: ("in part", "yellow"),
    Status.WITHHELD: ("withheld", "magenta"),
    Status.NOT_SUBMITTED: ("not submitted", "red"),
    **{status: (str(status), "magenta") for status in BY_DECISION},
}


def _tests(mark: Mark) -> str:
    tests = [finding for finding in mark.findings if finding.kind == "hidden_test"]
    if not tests:
        return "—"
    passed = sum(finding.verdict is Verdict.PASSED for finding in tests)
    unknown = sum(finding.verdict is Verdict.UNKNOWN for finding in tests)
    return f"{passed}/{len(tests)}" + (f" ({unknown}?)" if unknown else "")


def _score(mark: Mark) -> str:
    scored: Finding | None = next((f for f in mark.findings if f.kind == "accuracy"), None)
    if scored is None or scored.score is None:
        return "—"
    text = f"{scored.score:.3f}"
    if scored.interval is not None:
        text += f" [{scored.interval[0]:.3f}, {scored.interval[1]:.3f}]"
    return text


def _points(mark: Mark) -> str:
    if mark.points is None:
        return "—"
    possible = sum(finding.out_of for finding in mark.findings if finding.points is not None)
    return f"{number(mark.points)} / {number(possible if mark.status is Status.INCOMPLETE else mark.out_of)}"


def why_not_marked(marks: Sequence[Mark], handed_in: Sequence[Submission]) -> Iterator[str]:
    """One line for each reason why groups have no mark, or an earlier medmark made the mark."""
    groups: dict[str, list[str]] = {}
    for mark, submission in zip(marks, handed_in, strict=True):
        why = ""
        if mark.status is Status.NOT_SUBMITTED or submission.waits:
            why = f"{submission.state}: {submission.reason}"
        elif is_ungraded(mark):
            why = f"not graded yet: medmark grade {mark.assignment}"
        elif mark.status is Status.WITHHELD:
            unknown = [f for f in mark.findings if f.verdict is Verdict.UNKNOWN and not f.is_open]
            last = (unknown[0].evidence.strip().splitlines() or [""])[-1]
            why = f"withheld ({reason_words(unknown[0].reason or '')}): {last}"
        elif mark.provenance.get("made_by"):
            why = f"made by {mark.provenance['made_by']}"
        if why:
            groups.setdefault(terminal_text(why), []).append(mark.group)
    for why, names in groups.items():
        yield f"{', '.join(names)}: {why}"
    if any(submission.state == "waits for a person" for submission in handed_in):
        words = "late_commit COMMIT --for GROUP --reason TEXT"
        yield f"To choose which commit counts: medmark decide {marks[0].assignment} {words}"
    if marks and all(mark.status is Status.NOT_SUBMITTED for mark in marks):
        yield f"To look for commits: medmark collect {marks[0].assignment}"


def what_is_open(marks: Sequence[Mark]) -> Iterator[str]:
    """One line for each reason why groups have no points for a part of which people decide them."""
    groups: dict[str, list[str]] = {}
    for mark in marks:
        for finding in mark.findings:
            if finding.waits_for:
                what, cure = f"{finding.criterion}, which people mark", ""
                if finding.waits_for_anchors:
                    table = f"[assignments.{mark.assignment}.anchors.{finding.criterion}]"
                    measure = f"medmark rehearse {mark.assignment} -c COURSE --calibrate"
                    what, cure = finding.criterion, f". Set {table} in course.toml; to measure them: {measure}"
                why = f"{what}: {finding.waits_for}{cure}"
                groups.setdefault(terminal_text(why), []).append(mark.group)
    for why, names in groups.items():
        yield f"{listed(names, OPEN)}: {why}"


OPEN: Final = 10
"""Groups that are named for one reason."""


def next_step_lines(
    marks: Sequence[Mark],
    assignment: Assignment,
    mistakes: Sequence[KnownMistake] = (),
    handed_in: Sequence[Submission] = (),
) -> Iterator[str]:
    """One line for each thing that groups should mend first, as their pages say it; what costs most comes first.

    An exception stands with its message, which is for staff.
    """
    problems = {submission.group: submission.problems for submission in handed_in}
    groups: dict[str, list[str]] = {}
    costs: dict[str, Decimal] = {}
    for mark in marks:
        step = next_step(mark, assignment, mistakes, problems.get(mark.group, ()))
        if step.to_mend and mark.status is not Status.NOT_SUBMITTED:
            line = " ".join(filter(None, [step.line, _message(mark, step), *(todo.advice for todo in step.todo)]))
            groups.setdefault(line, []).append(mark.group)
            costs[line] = step.cost
    for line in sorted(groups, key=lambda line: -costs[line]):
        yield terminal_text(f"{listed(groups[line], MOST)}: {line}")


def _message(mark: Mark, step: NextStep) -> str:
    """The message of the exception that a next step is about; empty where nothing was raised."""
    lost = {finding.id for finding in step.lost}
    details = (f.cause_detail.strip() for f in mark.findings if f.id in lost and f.reason in _FAILURES)
    message = next((detail.splitlines()[0][:CAUSE] for detail in details if detail), "")
    message = "" if message in step.line else message
    return f"{message.removesuffix('.')}." if message else ""


_FAILURES: Final = {failure.reason for failure in SubmissionFailure.__subclasses__()} - {NotAccepted.reason}
"""Of a wrong answer, the detail is about hidden inputs: it stands on the page for staff."""
CAUSE: Final = 160
"""Characters of an exception's message: a student wrote it."""
MOST: Final = 8
"""Names of groups in one line."""


def shared_work(handed_in: Sequence[Submission]) -> Iterator[str]:
    """One line for each piece of work that groups share, for a person to check: no mark depends on it."""
    from graders.intake.copies import equal_work

    for equal in equal_work(handed_in):
        yield f"{', '.join(equal.groups)}: {equal.what} is the same; staff should check it"
