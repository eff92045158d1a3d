"""What came of each group of the demonstration course, in a few lines a group. Nothing is marked here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graders.demo import Demo
from graders.marks.mark import Finding, Mark, Status, Verdict
from reports.sentences import title, told, why


def what_happened(demo: Demo, marks: Sequence[Mark]) -> Iterator[str]:
    """A few lines a group: what it handed in, and why its mark is what it is."""
    by_group = {mark.group: mark for mark in marks}
    for group in demo.groups:
        mark = by_group[group.name]
        yield f"{group.name}: {group.what}"
        yield f"    {_outcome(mark)}"
        for finding in _astray(mark)[:3]:
            yield f"    - {title(finding) or told(finding)}"
            if title(finding) and (text := why(finding)):
                yield f"      {text}"


def _outcome(mark: Mark) -> str:
    tests = [finding for finding in mark.findings if finding.kind == "hidden_test"]
    passed = sum(finding.verdict is Verdict.PASSED for finding in tests)
    if mark.status is Status.WITHHELD:
        return "withheld: a fault of ours"
    known = sum(finding.out_of for finding in mark.findings if finding.points is not None)
    return f"{mark.points} of {known} points so far; {passed} of {len(tests)} hidden tests passed"


def _astray(mark: Mark) -> list[Finding]:
    """What cost points, the accuracy first and one finding a reason."""
    seen: dict[str, Finding] = {}
    lost = [f for f in mark.findings if f.verdict is Verdict.FAILED or f.verdict is Verdict.UNKNOWN]
    for finding in sorted(lost, key=lambda finding: finding.kind != "accuracy"):
        seen.setdefault(finding.reason or told(finding), finding)
    return [finding for finding in seen.values() if finding.kind != "person"]
