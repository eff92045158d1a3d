"""Marks and their differences as plain data, for `--json`. `graders.marks.visibility` decides who may read what."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from graders.marks.differences import Differences
from graders.marks.mark import Finding, Mark, MarkedLine, rounded
from graders.marks.personal import PersonalMark
from graders.marks.visibility import Audience, visible, visible_provenance
from graders.marks.words import reason_words
from graders.record.snapshots import RecordedMark
from reports.sentences import feedback, shown_score


def mark_as_json(mark: Mark, audience: Audience) -> dict[str, Any]:
    """A mark as plain data; a finding's `feedback` is the text on its page."""
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
        score = None if score is None else shown_score(score)
        interval = interval and (shown_score(interval[0]), shown_score(interval[1]))
    plain: dict[str, Any] = {
        "id": finding.id,
        "kind": finding.kind,
        "criterion": finding.criterion,
        "verdict": str(finding.verdict),
        "points": _number(points),
        "out_of": _number(finding.out_of),
        "score": score,
        "interval": None if interval is None else list(interval),
        "reason": None if finding.reason is None else reason_words(finding.reason),
        "feedback": feedback(finding),
    }
    if finding.rubric:
        plain["lines"] = [_line_as_json(line) for line in finding.rubric]
    if finding.waits_for:  # which only staff read
        plain["open"] = finding.waits_for
    return {**plain, "evidence": finding.evidence} if audience == "staff" else plain


def _line_as_json(marked: MarkedLine) -> dict[str, Any]:
    """One line of a rubric; null points while it is open."""
    return {
        "id": marked.line.id,
        "title": marked.line.title,
        "points": _number(marked.points),
        "out_of": marked.line.points,
        "level": marked.level.title if marked.level else None,
        "comment": marked.comment,
    }


def person_as_json(mark: PersonalMark) -> dict[str, Any]:
    """One person's mark and its trace, as plain data."""
    return {
        "member": mark.member,
        "group": mark.group,
        "status": str(mark.status),
        "percent": _number(mark.percent),
        "points": _number(mark.points),
        "out_of": float(mark.out_of),
        "pass_mark": mark.pass_mark,
        "passed": mark.passed,
        "trace": [
            {
                "kind": line.kind,
                "what": line.what,
                "from": None if line.before is None else round(float(line.before), 6),
                "to": None if line.after is None else round(float(line.after), 6),
                "why": line.why,
                "event": line.event,
            }
            for line in mark.trace
        ],
        "disputes": list(mark.disputes),
    }


def differences_as_json(differences: Differences) -> dict[str, Any]:
    """The marks that move, and whose mark is new, as plain data."""
    return {
        "since": differences.since or None,
        "moves": [
            {
                "member": move.member,
                "group": move.after.group,
                "from": _side(move.before),
                "to": _side(move.after),
                "change": _number(move.change),
            }
            for move in differences.moves
        ],
        "new": list(differences.new),
    }


def _side(mark: RecordedMark) -> dict[str, Any]:
    return {"status": mark.status, "percent": _number(mark.percent), "pass_mark": mark.pass_mark}


def _number(points: Decimal | None) -> float | None:
    return None if points is None else float(points)
