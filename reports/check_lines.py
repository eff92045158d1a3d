"""The lines of `check`: what to mend first, one cause once, then the rest that did not pass, then what holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from graders.failures import MissingFunction
from graders.marks.public_results import PublicTestResult
from graders.runs.model_check import ModelCheck, SolutionTry
from reports.model_lines import model_lines
from reports.public_test_lines import group_lines, is_missing, reason_lines

FIRST: Final = "Next step: mend this first."


def check_lines(tried: SolutionTry) -> Iterator[str]:
    """All lines about a solution that was tried. Marks at their beginning: `:(` failed, `:)` passed, `:|` a note."""
    problem = tried.model.problem if tried.model else ""
    groups = _by_cause(tried.tests)
    with_model = [result for group in groups for result in group if _failed_by(result, problem)]
    groups = [group for group in groups if group[0] not in with_model]
    model = () if tried.model is None else (*model_lines(tried.model), *_why_not(tried.model, with_model))
    missing = [group for group in groups if is_missing(group[0])]
    blocks: list[Iterable[str]] = [_import_lines(tried)] if tried.problem else []
    blocks += map(group_lines, missing)
    blocks += [model] if problem else []
    blocks += (group_lines(group) for group in groups if group not in missing)
    if blocks:
        yield FIRST
    for block in blocks:
        yield from block
    yield from (f":) {result.test.docstring}" for result in tried.tests if result.passed)
    if not problem:
        yield from model
    if tried.untried:
        yield ":( the model was not tried, since there are no public cases here. Put the handout's data/ here."
        yield from reason_lines(tried.untried)


def _by_cause(tests: Sequence[PublicTestResult]) -> list[list[PublicTestResult]]:
    """The tests that did not pass, by why; the cause of most tests first."""
    groups: dict[str, list[PublicTestResult]] = {}
    for result in tests:
        if not result.passed:
            why = MissingFunction.reason if is_missing(result) else result.feedback or result.test.id
            groups.setdefault(why, []).append(result)
    return sorted(groups.values(), key=lambda group: -len(group))


def _import_lines(tried: SolutionTry) -> Iterator[str]:
    yield ":( The solution can be imported."
    yield from reason_lines(tried.problem, tried.cure)


def _failed_by(result: PublicTestResult, problem: str) -> bool:
    """Whether a test failed by what is wrong with the model: then that is said once."""
    return bool(result.feedback) and result.feedback in problem


def _why_not(checked: ModelCheck, tests: Sequence[PublicTestResult]) -> Iterator[str]:
    yield from reason_lines(checked.problem, checked.cure)
    if tests:
        yield f"     {'A public test fails' if len(tests) == 1 else f'{len(tests)} public tests fail'} by it too:"
        yield from (f"     - {each.test.docstring}" for each in tests)
