"""The feedback on a finding in sentences, for the pages, the terminal and `--json` alike.

`graders.marks.words` has the words of reasons and mistakes. Callers pass a finding through `graders.marks.visibility`
first, which decides who may read what.
"""

from __future__ import annotations

from typing import Final

from graders.failures import NotAccepted
from graders.marks.mark import NOT_GRADED, Finding, Scored, Verdict
from graders.marks.words import cause_words, phrase_words, reason_words

SCORE_DECIMALS: Final = 3
"""Decimals of a score on a student's page and in a student's JSON."""
TOOLKIT_FAILED: Final = "Not marked yet: the marking system failed, not your work. You lose nothing by it."
VOID: Final = "This check was faulty and is void: everyone gets its points."


def shown_score(score: float) -> float:
    """A score as students see it and as their figures use it: more digits would identify single answers."""
    return round(score, SCORE_DECIMALS)


def feedback(finding: Finding) -> str:
    """All feedback on a finding; for a test the first line is its title."""
    if finding.kind == "person":
        return _by_a_person(finding)
    if finding.scored is not None:
        return f"{score_of(finding.scored)}{after_score(finding.scored)}"
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
    return f"{scored.name or scored.metric} {scored.score:.{SCORE_DECIMALS}f}"


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
    if explained.mistake and explained.score is not None and explained.fixed is not None:
        better = f"{explained.fixed:.2f} if {phrase_words(explained.mistake)}"
        parts.append(f"{scored.name or scored.metric} {explained.score:.2f}; {better}.")
        if explained.cases is not None and scored.answers is not None and explained.cases < scored.answers:
            parts.append(f"Tried on {explained.cases} cases.")
        parts.append("The points are for the answers as they are.")
    return parts


def _capped(scored: Scored) -> list[str]:
    return [f"Because {cap.when}, at most {float(100 * cap.at):g} % of the points are given." for cap in scored.caps]
