"""The result of each group of the demonstration course, in a few lines a group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graders.demo import Demo
from graders.marks.mark import Finding, Mark, Status, Verdict
from reports.sentences import feedback, title, why


def group_outcomes(demo: Demo, marks: Sequence[Mark]) -> Iterator[str]:
    """A few lines a group: its submission, its mark, and what cost points."""
    by_group = {mark.group: mark for mark in marks}
    for group in demo.groups:
        mark = by_group[group.name]
        yield f"{group.name}: {group.what}"
        yield f"    {_outcome(mark)}"
        for finding in _lost(mark)[:3]:
            yield f"    - {title(finding) or feedback(finding)}"
            if title(finding) and (text := why(finding)):
                yield f"      {text}"


def _outcome(mark: Mark) -> str:
    tests = [finding for finding in mark.findings if finding.kind == "hidden_test"]
    passed = sum(finding.verdict is Verdict.PASSED for finding in tests)
    if mark.status is Status.WITHHELD:
        return "withheld: a toolkit failure"
    possible = sum(finding.out_of for finding in mark.findings if finding.points is not None)
    return f"{mark.points} of {possible} points so far; {passed} of {len(tests)} hidden tests passed"


def _lost(mark: Mark) -> list[Finding]:
    """The findings that cost points, the accuracy first, one finding a reason."""
    seen: dict[str, Finding] = {}
    lost = [f for f in mark.findings if f.verdict is Verdict.FAILED or f.verdict is Verdict.UNKNOWN]
    for finding in sorted(lost, key=lambda finding: finding.kind != "accuracy"):
        seen.setdefault(finding.reason or feedback(finding), finding)
    return [finding for finding in seen.values() if finding.kind != "person"]
