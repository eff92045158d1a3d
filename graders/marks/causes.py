"""What findings were lost to: those with one cause stand together, with the tests that hang on them, costliest first.

It reads only what students may read: verdicts, points and the parts of a cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from graders.failures import ImportFailed, MissingFunction, NotAccepted
from graders.marks.mark import Finding, Verdict, points_lost
from graders.record.documents import UNMET, Cause

ONE_CURE: Final = frozenset({ImportFailed.reason, MissingFunction.reason, NotAccepted.reason})
"""Reasons that are one cause whatever function they stand for, and that come before every other."""

WRONG_ANSWER: Final = "wrong_answer"


@dataclass(frozen=True)
class CommonCause:
    """Findings that failed for one cause."""

    cause: Cause
    failed: tuple[Finding, ...]
    """Hidden tests, and an accuracy of which no answer came."""
    waiting: tuple[Finding, ...] = ()
    """Hidden tests that could not be asked until one of `failed` passes."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that hang on it."""
        return (*self.failed, *self.waiting)

    @property
    def lost(self) -> Decimal:
        """The points that it cost."""
        return points_lost(self.findings)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the causes say more, such as the names of the missing functions; each once."""
        return tuple(dict.fromkeys(f.cause.kind for f in self.failed if f.cause and f.cause.kind))

    @property
    def breaks(self) -> bool:
        """Whether the code could not run there, or no answer came: this is mended before any other."""
        return self.cause.reason in ONE_CURE or any(finding.kind == "accuracy" for finding in self.failed)


def common_causes(findings: Sequence[Finding]) -> tuple[CommonCause, ...]:
    """The causes of all that failed, the costliest first."""
    lost = {finding.id: finding for finding in map(_with_cause, findings) if finding.cause and _is_lost(finding)}
    by_test = {finding.id.partition("/")[2]: finding for finding in lost.values() if finding.kind == "hidden_test"}
    failed: dict[tuple[str | None, ...], list[Finding]] = {}
    waiting: dict[str, list[Finding]] = {}
    for finding in lost.values():
        first = _first_to_mend(finding, by_test)
        if first is finding:
            failed.setdefault(_key(finding), []).append(finding)
        else:
            waiting.setdefault(first.id, []).append(finding)
    causes = []
    for group in failed.values():
        later = (each for first in group for each in waiting.get(first.id, ()))
        causes.append(CommonCause(_cause_of(group), tuple(group), tuple(later)))
    return tuple(sorted(causes, key=lambda each: -each.lost))


def _is_lost(finding: Finding) -> bool:
    return finding.verdict is Verdict.FAILED and finding.kind in ("hidden_test", "accuracy")


def _with_cause(finding: Finding) -> Finding:
    """An accuracy with the cause of its answers, if none came for one cause; else without any."""
    if finding.kind != "accuracy" or finding.scored is None:
        return finding
    failed, answers = finding.scored.failed, finding.scored.answers
    none_came = len(failed) == 1 and failed[0].count == answers
    return replace(finding, cause=failed[0].cause if none_came else None)


def _cause_of(group: Sequence[Finding]) -> Cause:
    """That of the first; of the accuracy where it names `fit` or `load`, unless nothing could be called at all."""
    causes = [finding.cause for finding in group if finding.cause is not None]
    if causes[0].reason in ONE_CURE:
        return replace(causes[0], function=None)
    return next((cause for cause in causes if cause.function), causes[0])


def _key(finding: Finding) -> tuple[str | None, ...]:
    cause = finding.cause
    if cause is None or (cause.reason == WRONG_ANSWER and not (cause.kind or cause.text)):
        return (finding.id,)  # wrong answers alone say nothing of what they have in common
    return (cause.reason,) if cause.reason in ONE_CURE else (cause.reason, cause.kind, cause.line, cause.text)


def _first_to_mend(finding: Finding, by_test: Mapping[str, Finding]) -> Finding:
    """The failed test at the end of the chain of those that have to be mended first; itself if there is none."""
    seen = {finding.id}
    while finding.cause and finding.cause.reason == UNMET and finding.cause.mend in by_test:
        finding = by_test[finding.cause.mend]
        if finding.id in seen:  # two tests that wait for each other: either is a beginning
            break
        seen.add(finding.id)
    return finding
