"""The lines about public tests: one that passed is a sentence; several that failed for one reason share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from graders.failures import MissingFunction, Raised
from graders.marks.cures import cure_of, cure_of_cause
from graders.marks.public_results import PublicTestResult
from reports.sentences import cause_sentence

MOST: Final = 12
"""Lines of a reason: a longer one ends there, or at 4 where a cure follows."""


def public_test_lines(result: PublicTestResult) -> Iterator[str]:
    """The lines about one public test that was run alone."""
    if result.passed:
        yield f":) {result.test.docstring}"
    else:
        yield from group_lines([result])


def group_lines(group: Sequence[PublicTestResult]) -> Iterator[str]:
    """The lines about tests that failed for one reason."""
    cause, text = group[0].result.cause, group[0].feedback
    cure = cure_of(group[0].result.cause_detail)
    if cause is not None and cause.reason != Raised.reason:  # here the student reads the whole message
        cure = cure or cure_of_cause(cause)
    if cause is not None and is_missing(group[0]):
        names = dict.fromkeys(each.result.cause.kind for each in group if each.result.cause)
        text = cause_sentence(cause, [name for name in names if name])
    if len(group) == 1:
        yield f":( {group[0].test.docstring}"
    else:
        yield f":( {len(group)} public tests for one reason:"
        yield from (f"     - {each.test.docstring}" for each in group)
    yield from reason_lines(text, cure)


def is_missing(result: PublicTestResult) -> bool:
    """Whether a test failed because the solution lacks a name."""
    return result.result.cause is not None and result.result.cause.reason == MissingFunction.reason


def reason_lines(text: str, cure: str = "") -> Iterator[str]:
    """Why something did not pass, and what to do about it."""
    yield from (f"     {line}" for line in text.splitlines()[: 4 if cure else MOST])
    if cure:
        yield f"     To do: {cure}"
