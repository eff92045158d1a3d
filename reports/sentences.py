"""The feedback on a finding in sentences, for the pages, the terminal and `--json` alike.

`graders.marks.words` has the words of reasons and mistakes. Callers pass a finding through `graders.marks.visibility`
first, which decides who may read what.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from assignments.assignment import Accuracy, Unanchored, anchor_shares
from assignments.errors import listed
from graders.failures import MissingFunction, NotAccepted
from graders.marks.mark import NOT_GRADED, Finding, Scored, Verdict, points_lost
from graders.marks.words import cause_words, phrase_words, reason_words
from graders.record.documents import Cause
from reports.figures import ANCHOR_NAMES, decimals_of
from reports.numbers import fixed, number
from reports.terminal import quantity

FRAMEWORK_TITLES: Final = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "numpy": "NumPy"}
SCORE_DECIMALS: Final = 3
"""Decimals of a score on a student's page and in a student's JSON."""
TOOLKIT_FAILED: Final = "Not marked yet: the marking system failed, not your work. You lose nothing by it."
NO_ANCHORS: Final = "The course has set no anchors for these cases yet: no points so far."
VOID: Final = "This check was faulty and is void: everyone gets its points."


def shown_score(score: float) -> float:
    """A score as students see it and as their figures use it: more digits would identify single answers."""
    return round(score, SCORE_DECIMALS)


def feedback(finding: Finding) -> str:
    """All feedback on a finding; for a test the first line is its title."""
    if finding.kind == "person":
        return _by_a_person(finding)
    if finding.scored is not None:
        waits = f" {NO_ANCHORS}" if finding.waits_for_anchors else ""
        return f"{score_of(finding.scored)}{after_score(finding.scored)}{waits}"
    return "\n".join(filter(None, [title(finding), why(finding)]))


def title(finding: Finding) -> str:
    """What was checked; for a missing score, that it is missing."""
    if finding.scored is not None:
        return ""
    if finding.kind == "accuracy":
        return finding.note if finding.verdict is Verdict.FAILED else "The score has not been computed."
    return finding.title


def why(finding: Finding) -> str:
    """Why the finding was not passed; empty if it was."""
    if finding.kind == "person":
        return ""
    if finding.void:
        return VOID
    if finding.verdict is Verdict.PASSED:
        return ""
    if finding.waits_for_anchors:
        return NO_ANCHORS
    if finding.verdict is Verdict.UNKNOWN:
        return f"{reason_words(NOT_GRADED).capitalize()}." if finding.reason == NOT_GRADED else TOOLKIT_FAILED
    if finding.reason == NotAccepted.reason:
        return "" if finding.kind == "accuracy" else finding.note
    words = cause_words(finding.cause) if finding.cause else ""
    return f"{words}; mend this first: {finding.mend}" if finding.mend else words


def _by_a_person(finding: Finding) -> str:
    if finding.points is None:
        return "A person marks this; it is not marked yet."
    return f"Marked by a person. {finding.note}".strip()


def score_of(scored: Scored) -> str:
    """`dice 0.742`"""
    return f"{_name(scored)} {scored.score:.{SCORE_DECIMALS}f}"


def _name(scored: Scored) -> str:
    return scored.name or scored.metric


def after_score(scored: Scored) -> str:
    """The text after a score, as one sentence with it: unit, interval, cases, a likely mistake and caps."""
    text = f" {scored.unit}" if scored.unit else ""
    if scored.interval is not None:
        low, high = scored.interval
        text += f" (95 % interval {low:.{SCORE_DECIMALS}f} to {high:.{SCORE_DECIMALS}f})"
    few = f" {few_repeats(scored.too_few_repeats)}" if scored.too_few_repeats else ""
    text += " on the hidden cases" if scored.answers is None else f" on {scored.answers // scored.repeats} hidden cases"
    text += f", {scored.combine} of {scored.repeats} repeats." if scored.repeats > 1 else "."
    return " ".join([text + few, *_failed(scored), *_false_positives(scored), *_explained(scored), *_capped(scored)])


def few_repeats(repeats: int) -> str:
    """Why a score has no interval: too few repeats would give one that says nothing."""
    return f"{ {2: 'Two', 3: 'Three'}.get(repeats, str(repeats)) } repeats are too few for an interval."


def _failed(scored: Scored) -> list[str]:
    if not scored.failed:
        return []
    count = sum(part.count for part in scored.failed)
    of = "" if scored.answers is None else f" of {scored.answers}"
    listed = "; ".join(f"{cause_words(part.cause)} ({part.count})" for part in scored.failed)
    return [f"{count}{of} answers failed and count as the worst there is: {listed}."]


def _false_positives(scored: Scored) -> list[str]:
    positives = scored.false_positives
    return [f"Something was found in {positives.count} of {positives.of} empty cases."] if positives.of else []


def _explained(scored: Scored) -> list[str]:
    """`dice 0.03; 0.81 if the first axis is flipped.`"""
    explained = scored.explained
    if explained is None:
        return []
    parts = [phrase_words(explained.seen)] if explained.seen else []
    if better := _better(scored, ";"):
        parts.append(better)
        if explained.cases is not None and scored.answers is not None and explained.cases < scored.answers:
            parts.append(f"Tried on {explained.cases} cases.")
        parts.append("The points are for the answers as they are.")
    return parts


def _better(scored: Scored, joined_by: str) -> str:
    """What the score would be without the likeliest mistake; empty where none is likely."""
    explained = scored.explained
    if explained is None or not explained.mistake or explained.score is None or explained.fixed is None:
        return ""
    better = f"{explained.fixed:.2f} if {phrase_words(explained.mistake)}"
    return f"{_name(scored)} {explained.score:.2f}{joined_by} {better}."


def _capped(scored: Scored) -> list[str]:
    return [f"Because {cap.when}, at most {float(100 * cap.at):g} % of the points are given." for cap in scored.caps]


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop; a name of a file at its start keeps its small letter."""
    text = text.strip()
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    begun = text if "`" in first or ".py" in first else text[0].upper() + text[1:]
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."


def cause_sentence(cause: Cause, names: Sequence[str] = ()) -> str:
    """Why several checks failed, as one sentence; `names` are those of missing functions."""
    if cause.reason == MissingFunction.reason and names:
        return f"The solution lacks {listed([f'`{name}`' for name in names], 6)}."
    return sentence(cause_words(cause))


def worth(findings: Sequence[Finding]) -> str:
    """`6 checks and the accuracy, 48 points`: what one cause costs."""
    return f"{count_of(findings)}, {lost(findings)}"


def lost(findings: Sequence[Finding]) -> str:
    """`48 points`: what these findings did not earn."""
    points = points_lost(findings)
    return f"{number(points)} {'point' if points == 1 else 'points'}"


def count_of(findings: Sequence[Finding]) -> str:
    """`6 checks and the accuracy`"""
    checks = sum(finding.kind != "accuracy" for finding in findings)
    parts = [quantity(checks, "check")] if checks else []
    return " and ".join([*parts, "the accuracy"] if checks < len(findings) else parts)


def likely_mistake(scored: Scored) -> str:
    """`Dice 0.03, but 0.81 if the first axis is flipped.` Empty where no mistake is likely."""
    return sentence(_better(scored, ", but"))


def next_anchor(scored: Scored, points: Decimal, criterion: Accuracy, level: int) -> tuple[str, str]:
    """What an accuracy earns, and how far the next anchor is: what can be said without a promise."""
    score, sign, decimals = shown_score(scored.score), criterion.anchors.sign, decimals_of(criterion)
    earns = sentence(f"{score_of(scored)} earns {number(points)} of {criterion.points} points")
    if scored.failed:
        return earns, f"{_failed(scored)[0]} Mend these first."
    if scored.caps:
        return earns, f"{_capped(scored)[0]} Mend the cases behind it first."
    if isinstance(criterion.anchors, Unanchored):
        return earns, ""
    steps = zip(ANCHOR_NAMES, criterion.anchors.values(), anchor_shares(level), strict=True)
    above = next(((name, at, share) for name, at, share in steps if sign * at > sign * score), None)
    if above is None:
        return earns, ""
    name, at, share = above
    away = fixed(abs(at - score), decimals)
    text = (
        f"The next anchor is {name} at {number(at, 4)} ({number(float(share * criterion.points))} points): {away} away."
    )
    end = scored.interval and max(sign * edge for edge in scored.interval)
    if end is not None and end >= sign * at:
        text += " That is within the interval of your score: other cases alone could move it as far."
    if name == "ceiling":
        text += " Your score is beyond the course's own solution already."
    return earns, text
