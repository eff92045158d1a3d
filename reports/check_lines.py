"""The lines of `check`: what to mend first, one cause once, then the rest that did not pass, then what holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from graders.failures import MissingFunction, Raised
from graders.marks.cures import cure_of, cure_of_cause
from graders.runs.model_check import ModelCheck, SolutionTry
from graders.runs.public_check import PublicTestResult
from reports.model_lines import model_lines
from reports.sentences import cause_sentence

FIRST: Final = "Next step: mend this first."
MOST: Final = 12
"""Lines of a reason: a longer one ends there, or at 4 where a cure follows."""


def check_lines(tried: SolutionTry) -> Iterator[str]:
    """All lines about a solution that was tried. Marks at their beginning: `:(` failed, `:)` passed, `:|` a note."""
    problem = tried.model.problem if tried.model else ""
    groups = _by_cause(tried.tests)
    with_model = [result for group in groups for result in group if _failed_by(result, problem)]
    groups = [group for group in groups if group[0] not in with_model]
    model = () if tried.model is None else (*model_lines(tried.model), *_why_not(tried.model, with_model))
    missing = [group for group in groups if _is_missing(group[0])]
    blocks: list[Iterable[str]] = [_import_lines(tried)] if tried.problem else []
    blocks += map(_group_lines, missing)
    blocks += [model] if problem else []
    blocks += (_group_lines(group) for group in groups if group not in missing)
    if blocks:
        yield FIRST
    for block in blocks:
        yield from block
    yield from (f":) {result.test.docstring}" for result in tried.tests if result.passed)
    if not problem:
        yield from model
    if tried.untried:
        yield ":( the model was not tried, since there are no public cases here. Put the handout's data/ here."
        yield from _reason(tried.untried)


def _by_cause(tests: Sequence[PublicTestResult]) -> list[list[PublicTestResult]]:
    """The tests that did not pass, by why; the cause of most tests first."""
    groups: dict[str, list[PublicTestResult]] = {}
    for result in tests:
        if not result.passed:
            why = MissingFunction.reason if _is_missing(result) else result.feedback or result.test.id
            groups.setdefault(why, []).append(result)
    return sorted(groups.values(), key=lambda group: -len(group))


def _is_missing(result: PublicTestResult) -> bool:
    return result.result.cause is not None and result.result.cause.reason == MissingFunction.reason


def _import_lines(tried: SolutionTry) -> Iterator[str]:
    yield ":( solution.py can be imported."
    yield from _reason(tried.problem, tried.cure)


def _group_lines(group: Sequence[PublicTestResult]) -> Iterator[str]:
    cause, text = group[0].result.cause, group[0].feedback
    cure = cure_of(group[0].result.cause_detail)
    if cause is not None and cause.reason != Raised.reason:  # here the student reads the whole message
        cure = cure or cure_of_cause(cause)
    if cause is not None and _is_missing(group[0]):
        names = dict.fromkeys(each.result.cause.kind for each in group if each.result.cause)
        text = cause_sentence(cause, [name for name in names if name])
    if len(group) == 1:
        yield f":( {group[0].test.docstring}"
    else:
        yield f":( {len(group)} public tests for one reason:"
        yield from (f"     - {each.test.docstring}" for each in group)
    yield from _reason(text, cure)


def _failed_by(result: PublicTestResult, problem: str) -> bool:
    """Whether a test failed by what is wrong with the model: then that is said once."""
    return bool(result.feedback) and result.feedback in problem


def _why_not(checked: ModelCheck, tests: Sequence[PublicTestResult]) -> Iterator[str]:
    yield from _reason(checked.problem, checked.cure)
    if tests:
        yield f"     {'A public test fails' if len(tests) == 1 else f'{len(tests)} public tests fail'} by it too:"
        yield from (f"     - {each.test.docstring}" for each in tests)


def _reason(text: str, cure: str = "") -> Iterator[str]:
    """Why something did not pass, and what to do about it."""
    yield from (f"     {line}" for line in text.splitlines()[: 4 if cure else MOST])
    if cure:
        yield f"     To do: {cure}"
