"""What a group should do first, from its mark: the same sentences on every page and in the terminal.

The first of these that applies: code that could not run, a known mistake whose pattern the failed tests show, a likely
mistake in the answers, the costliest cause, the accuracy's next anchor. It reads only what students may read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from assignments.assignment import Accuracy, Assignment
from graders.failures import NotAccepted
from graders.marks.causes import CommonCause, common_causes
from graders.marks.cures import cure_of_cause
from graders.marks.diagnosis import Diagnosis, KnownMistake, diagnoses
from graders.marks.mark import BY_DECISION, Finding, Mark, Status, Verdict, is_ungraded, points_lost
from graders.marks.visibility import visible
from graders.record.documents import Cause
from reports.numbers import number
from reports.sentences import cause_sentence, likely_mistake, next_anchor, sentence, title, why, worth
from reports.terminal import quantity


@dataclass(frozen=True)
class Todo:
    """One thing to do."""

    title: str
    """What is wrong, or what is next."""
    advice: str = ""
    """What to do about it."""
    try_it: str = ""
    """How to test it oneself."""


@dataclass(frozen=True)
class NextStep:
    """What to do first."""

    todo: tuple[Todo, ...]
    """One; several where known mistakes together explain what failed."""
    lead: str = ""
    """Introduces them."""
    note: str = ""
    """How certain it is, and what else is possible."""
    lost: tuple[Finding, ...] = ()
    """What failed by one cause, which a page shows here and nowhere else."""
    worth: str = ""
    """How much is lost until it is done: `6 checks and the accuracy, 48 points`."""
    cost: Decimal = Decimal(0)
    """The same in points."""
    to_mend: bool = True
    """Whether something is broken; else it is advice, or there is nothing to do."""

    @property
    def line(self) -> str:
        """All of it in short."""
        text = " ".join(filter(None, [self.lead, *(todo.title for todo in self.todo)]))
        return f"{text.removesuffix('.')} ({self.worth})." if self.worth else text


def next_step(
    mark: Mark, assignment: Assignment, mistakes: Sequence[KnownMistake] = (), problems: Sequence[str] = ()
) -> NextStep:
    """The next step of a group.

    Args:
        mistakes: Those that the failed tests may come from, of `graders.marks.diagnosis.known_mistakes`.
        problems: Those of the submission, each with its cure, as the intake says them.
    """
    if mark.status in (Status.NOT_SUBMITTED, *BY_DECISION):
        return _without_work(mark, problems)
    findings = [visible(finding, "student") for finding in mark.findings]
    causes = common_causes(findings)
    likely = diagnoses(mark.findings, mistakes)
    broken = next((cause for cause in causes if cause.breaks), None)
    if broken and not (likely and _explains(likely[0], broken)):
        return _of_cause(broken, problems)
    if likely:
        return _of_mistakes(likely, findings)
    accuracy = _costliest_accuracy(findings)
    if accuracy and accuracy.scored and (fix := likely_mistake(accuracy.scored)):
        todo = Todo(fix, "Look for it where you read the cases and in `predict`.")
        return NextStep((todo,), worth=worth([accuracy]), cost=points_lost([accuracy]))
    if causes:
        return _of_cause(causes[0], problems)
    if mark.status is Status.WITHHELD:
        return NextStep((Todo(f"Nothing for now: {_waits_for(mark)}."),), to_mend=False)
    return _of_accuracy(accuracy, assignment) if accuracy else _nothing_to_mend(findings)


def _waits_for(mark: Mark) -> str:
    if mark.commit is None:
        return "it is open which commit counts"
    return "this is not graded yet" if is_ungraded(mark) else "the marking is repeated"


def _without_work(mark: Mark, problems: Sequence[str]) -> NextStep:
    if mark.status is not Status.NOT_SUBMITTED:
        return NextStep((Todo("Nothing: a decision leaves no mark here."),), to_mend=False)
    first = problems[0] if problems else "If you did push your work, speak with the course's staff"
    look = "`medmark check --handin` shows what the marker sees of your repository."
    return NextStep((Todo("There is no work to mark.", f"{sentence(first)} {look}"),))


def _explains(likely: Diagnosis, cause: CommonCause) -> bool:
    """Whether a known mistake explains all hidden tests that a cause took: then it says more than the cause."""
    tests = {finding.id.partition("/")[2] for finding in cause.findings if finding.kind == "hidden_test"}
    return bool(tests) and tests <= {*likely.tests}


def _of_cause(common: CommonCause, problems: Sequence[str]) -> NextStep:
    cause, first, lead = common.cause, common.failed[0], ""
    if cause.reason == NotAccepted.reason:
        todo = Todo("The submission cannot be run.", sentence(first.note))
    elif common.breaks or len(common.failed) > 1:
        cure = next((problem for problem in problems if _explains_failure(problem, cause)), cure_of_cause(cause))
        todo = Todo(cause_sentence(cause, common.kinds), sentence(cure))
    else:
        lead = "Mend this check first:"
        cure = "" if cause.text else cure_of_cause(cause)
        todo = Todo(title(first), " ".join(filter(None, [sentence(why(first)), sentence(cure)])))
    return NextStep((todo,), lead, lost=common.findings, worth=worth(common.findings), cost=common.lost)


def _explains_failure(problem: str, cause: Cause) -> bool:
    """Whether a problem of the intake names the line where something failed, or the weights that `load` reads."""
    if cause.function == "load" and problem.startswith("weights/"):
        return True
    return cause.line is not None and re.search(rf"(?<![\w/]){re.escape(cause.line)}(?!\d)", problem) is not None


def _of_mistakes(likely: Sequence[Diagnosis], findings: Sequence[Finding]) -> NextStep:
    first, *others = likely
    tests = [finding for finding in findings if finding.id.partition("/")[2] in first.tests]
    points = number(sum((finding.out_of for finding in tests), Decimal(0)))
    also = "; ".join(mistake.title for other in others for mistake in other.mistakes)
    pattern = "a known mistake" if len(first.mistakes) == 1 else "known mistakes together"
    hangs = f"It would explain {quantity(len(tests), 'failed check')}, worth {points} points."
    lost = next((f for f in findings if f.kind == "accuracy" and f.verdict is Verdict.FAILED), None)
    if lost:
        hangs += f" The accuracy ({number(lost.out_of)} points) may hang on it too."
    doubt = "Other code can fail in the same way, so look for yourself."
    return NextStep(
        todo=tuple(Todo(sentence(each.title), sentence(each.advice), each.try_it) for each in first.mistakes),
        lead=f"The failed checks have the pattern of {pattern}:",
        note=" ".join(filter(None, [hangs, doubt, f"Also possible: {also}." if also else ""])),
        worth=worth(tests),
        cost=points_lost(tests),
    )


def _costliest_accuracy(findings: Sequence[Finding]) -> Finding | None:
    """The accuracy that has most points left to earn; None where all have theirs."""
    left = [f for f in findings if f.kind == "accuracy" and f.scored and f.points is not None and f.points < f.out_of]
    return max(left, key=lambda finding: finding.out_of - (finding.points or 0), default=None)


def _of_accuracy(finding: Finding, assignment: Assignment) -> NextStep:
    criterion = assignment.criterion(finding.criterion)
    if not isinstance(criterion, Accuracy) or finding.scored is None or finding.points is None:
        raise TypeError(f"{finding.id} is not a scored accuracy")
    earns, advice = next_anchor(finding.scored, finding.points, criterion, assignment.level)
    return NextStep((Todo(earns, advice),), "No check is to mend.", to_mend=False)


def _nothing_to_mend(findings: Sequence[Finding]) -> NextStep:
    tried = any(finding.kind in ("hidden_test", "accuracy") for finding in findings)
    more = [finding for finding in findings if finding.kind == "person" and finding.points != finding.out_of]
    parts = " and ".join(finding.criterion.replace("_", " ") for finding in more)
    what = "Nothing is to mend: what the marker tries has all its points." if tried else "Nothing is to mend."
    return NextStep((Todo(what, f"People mark the rest: {parts}." if parts else ""),), to_mend=False)
