"""A mark as plain data, for `--json`. What an audience may read of it is decided in `graders.marks.visibility`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from graders.marks.mark import Finding, Mark, rounded
from graders.marks.visibility import Audience, visible, visible_provenance
from graders.marks.words import reason_words
from reports.sentences import told, told_score


def mark_as_json(mark: Mark, audience: Audience) -> dict[str, Any]:
    """A mark as plain data; a finding's `told` is the sentence that its page has."""
    return {
        "group": mark.group,
        "commit": mark.commit,
        "status": str(mark.status),
        "points": _number(mark.points),
        "out_of": _number(mark.out_of),
        "findings": [_finding_as_json(visible(finding, audience), audience) for finding in mark.findings],
        "provenance": visible_provenance(mark.provenance, audience),
    }


def _finding_as_json(finding: Finding, audience: Audience) -> dict[str, Any]:
    points, score, interval = finding.points, finding.score, finding.interval
    if audience == "student":
        points = None if points is None else rounded(points)
        score = None if score is None else told_score(score)
        interval = interval and (told_score(interval[0]), told_score(interval[1]))
    plain = {
        "id": finding.id,
        "kind": finding.kind,
        "criterion": finding.criterion,
        "verdict": str(finding.verdict),
        "points": _number(points),
        "out_of": _number(finding.out_of),
        "score": score,
        "interval": None if interval is None else list(interval),
        "reason": None if finding.reason is None else reason_words(finding.reason),
        "told": told(finding),
    }
    return {**plain, "evidence": finding.evidence} if audience == "staff" else plain


def _number(points: Decimal | None) -> float | None:
    return None if points is None else float(points)
