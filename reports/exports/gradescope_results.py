"""One group's results as Gradescope's `results.json`: what the group's feedback page says, test by test.

It holds what students may read, and nothing else: whoever publishes grades on Gradescope cannot show more.

Evidence: Gradescope's documents, gradescope-autograders.readthedocs.io, Autograder Specifications and Leaderboards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from assignments.assignment import Accuracy, Assignment
from assignments.metric_words import metric_words
from graders.marks.mark import Finding, Mark, Verdict, rounded, rounded_percent
from graders.marks.visibility import visible, visible_provenance
from reports.bands import band_of
from reports.checks import line_of
from reports.exports.export import on_scale
from reports.feedback import HandIn, criterion_title
from reports.next_step import next_step
from reports.numbers import half_up, number
from reports.sentences import feedback, sentence, shown_score
from reports.terminal import one_line

HIDDEN_UNTIL_PUBLISHED: Final = "after_published"
PLAIN: Final = "text"
"""No HTML and no Markdown is made of a text: parts of it come from students."""
GROUPS_MARK: Final = (
    "This is the mark of the group's work. What concerns one person alone, such as lateness, is not in it."
)
PROVISIONAL: Final = "Provisional, subject to the board of examiners."


def score_of_group(mark: Mark, maximum: Decimal) -> Decimal | None:
    """The group's mark on Gradescope's scale; None unless it is whole."""
    percent = rounded_percent(mark)
    if percent is None or mark.points is None:
        return None
    return on_scale(percent, mark.points, mark.out_of, maximum)


def results_of(mark: Mark, assignment: Assignment, hand_in: HandIn, maximum: Decimal) -> dict[str, Any]:
    """The results of a group with a whole mark.

    The score stands apart from those of the tests, and counts in their place: it is rounded once, and they each.

    Raises:
        ValueError: the mark is not whole, so that there is no score, and Gradescope might read 0.
    """
    score = score_of_group(mark, maximum)
    if score is None:
        raise ValueError(f"{mark.group} has no whole mark: {mark.status}")
    return {
        "score": float(score),
        "output": _joined(_about(mark, assignment, hand_in)),
        "output_format": PLAIN,
        "test_output_format": PLAIN,
        "test_name_format": PLAIN,
        "visibility": HIDDEN_UNTIL_PUBLISHED,
        "stdout_visibility": "hidden",
        "extra_data": {
            "group": mark.group,
            "commit": mark.commit,
            "provenance": visible_provenance(mark.provenance, "student"),
        },
        "tests": [_test(each, maximum / mark.out_of) for each in _numbered(mark, assignment)],
        "leaderboard": list(_leaderboard(mark, assignment)),
    }


@dataclass(frozen=True)
class _Numbered:
    """One finding as students may read it."""

    number: str
    name: str
    finding: Finding


def _numbered(mark: Mark, assignment: Assignment) -> Iterator[_Numbered]:
    """The findings with points, by criterion in the assignment's order, then the public tests."""
    findings = [visible(finding, "student") for finding in mark.findings]
    for at, criterion in enumerate(assignment.criteria, 1):
        own = [f for f in findings if f.criterion == criterion.id and f.kind not in ("notice", "public_test")]
        title = criterion_title(criterion.id)
        for nth, finding in enumerate(own, 1):
            name = line_of(finding, "student").title if finding.kind == "hidden_test" else title
            if isinstance(criterion, Accuracy):
                words = metric_words(criterion.metric, criterion, assignment.data.classes)
                name = title if words.casefold() == title.casefold() else f"{title}: {words}"
            yield _Numbered(f"{at}.{nth}" if len(own) > 1 else str(at), name, finding)
    public = [finding for finding in findings if finding.kind == "public_test"]
    for nth, finding in enumerate(public, 1):
        name = f"Public test: {line_of(finding, 'student').title}"
        yield _Numbered(f"{len(assignment.criteria) + 1}.{nth}", name, finding)


def _test(numbered: _Numbered, scale: Decimal) -> dict[str, Any]:
    """One test; a public one earns no points, and so has none."""
    finding = numbered.finding
    test: dict[str, Any] = {
        "name": one_line(numbered.name),
        "number": numbered.number,
        "status": "passed" if _holds(finding) else "failed",
        "output": _joined(_sentences(finding)),
        "visibility": HIDDEN_UNTIL_PUBLISHED,
    }
    if finding.kind != "public_test" and finding.points is not None:
        points = rounded(finding.points) if scale == 1 else half_up(finding.points * scale, 2)
        test |= {"score": float(points), "max_score": float(finding.out_of * scale)}
    return test


def _holds(finding: Finding) -> bool:
    """Whether Gradescope shows it as passed: a check that passed, or a score or a person's part that earned points."""
    if finding.verdict is Verdict.PARTIAL:
        return finding.kind in ("accuracy", "person") and bool(finding.points)
    return finding.verdict is Verdict.PASSED


def _sentences(finding: Finding) -> Iterator[str]:
    """What the feedback page says of a finding."""
    if finding.kind == "person" or finding.scored is not None:
        yield feedback(finding)
    else:
        yield line_of(finding, "student").explanation
    yield finding.hint
    for line in finding.rubric:
        points = "open" if line.points is None else f"{number(line.points)} of {line.line.points}"
        level = f" {line.level.title}." if line.level else ""
        yield f"{line.line.title}: {points}.{level}"
        yield line.comment


def _about(mark: Mark, assignment: Assignment, hand_in: HandIn) -> Iterator[str]:
    """What concerns the work as a whole, in the order of the feedback page."""
    percent = rounded_percent(mark)
    if percent is not None:
        band = band_of(percent, assignment.level).name
        yield f"{number(mark.points)} of {number(mark.out_of)} points, {number(percent)} %: {band}."
    yield GROUPS_MARK
    if not hand_in.ratified:
        yield PROVISIONAL
    if hand_in.version > 1:
        yield f"Version {hand_in.version}. {hand_in.correction}"
    if mark.commit:
        seen = f", first seen {hand_in.seen_at}" if hand_in.seen_at else ""
        yield f"Commit {mark.commit}{seen}."
    step = next_step(mark, assignment, problems=hand_in.to_cure)
    todo = [text for each in step.todo for text in (sentence(each.title), sentence(each.advice))]
    yield " ".join(filter(None, ["Next step:", step.lead, *todo, step.note]))
    yield from (sentence(problem) for problem in hand_in.problems)
    for finding in (visible(each, "student") for each in mark.findings if each.kind == "notice"):
        yield " ".join(filter(None, [line_of(finding, "student").title, finding.hint]))


def _leaderboard(mark: Mark, assignment: Assignment) -> Iterator[dict[str, Any]]:
    """The score of each accuracy, to the digits that students may read."""
    for criterion in assignment.criteria:
        scored = next((f.scored for f in mark.findings if f.criterion == criterion.id and f.scored), None)
        if not isinstance(criterion, Accuracy) or scored is None:
            continue
        words = metric_words(criterion.metric, criterion, assignment.data.classes)
        entry = {"name": f"{words} [{scored.unit}]" if scored.unit else words, "value": shown_score(scored.score)}
        yield entry if criterion.anchors.rising else {**entry, "order": "asc"}


def _joined(texts: Iterable[str]) -> str:
    """Texts line by line, without characters that hide or turn round what follows."""
    return "\n".join(one_line(line) for text in texts for line in text.splitlines() if line.strip())
