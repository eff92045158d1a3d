"""Analyses the items of an assignment, its hidden tests and its criteria, over all groups. It moves no mark.

    facility          the mean share of an item's points: of a hidden test, the share of groups that pass it
    discrimination    the corrected item-total correlation: Pearson's correlation of the points of an item with what a
                      group earned by all other hidden tests and accuracies. Of a hidden test it is the point-biserial
                      correlation. A negative one: who is better at the rest does worse here

Groups whose code could not be run at all are left out: they fail everything and say nothing about one item. So are void
tests, results that a failure of the toolkit left open, and, for the discrimination, groups with such a result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal

from assignments.assignment import Assignment
from graders.failures import ImportFailed, NotAccepted
from graders.marks.diagnosis import KnownMistake, diagnoses
from graders.marks.mark import Finding, Mark, Verdict, earned
from graders.marks.words import cause_words

FEWEST: Final = 10
"""With fewer groups, a correlation says nothing."""
NOT_RUN: Final = frozenset({ImportFailed.reason, NotAccepted.reason})
"""A group whose every hidden test or accuracy failed for one of these was not run at all."""
AUTOMATIC: Final = ("hidden_test", "accuracy")

WhyNone = Literal["few", "alike", "alone", "rest alike"]
"""Why there is no correlation: too few groups, all have the same points of the item, there is no other item to compare
it with, or all have the same points of the others."""


@dataclass(frozen=True)
class Discrimination:
    """A corrected item-total correlation with its 95 % interval (Fisher's transformation), or why there is none."""

    groups: int
    """Whose points it compares."""
    value: float | None = None
    interval: tuple[float, float] | None = None
    why: WhyNone | None = None


@dataclass(frozen=True)
class CommonFailure:
    """Groups that failed an item alike."""

    why: str
    """The title of a known mistake that would explain it, else the reason in words."""
    groups: tuple[str, ...]
    mistake: bool
    """Whether it is a known mistake: likely, never certain."""


@dataclass(frozen=True)
class Item:
    """One hidden test or criterion over the cohort."""

    id: str
    """Of the test as `void_test` takes it, or of the criterion."""
    kind: Literal["hidden_test", "criterion"]
    title: str
    out_of: Decimal
    groups: int
    """With a result."""
    facility: float | None
    """0 to 1; None where no group has a result."""
    discrimination: Discrimination
    failed: tuple[CommonFailure, ...] = ()
    """Groups without a point of a hidden test or accuracy, what most of them share first."""
    void: bool = False


@dataclass(frozen=True)
class ItemAnalysis:
    """All items, and which groups enter their numbers."""

    tests: tuple[Item, ...]
    """The hardest first."""
    criteria: tuple[Item, ...]
    """In the order of the assignment."""
    groups: tuple[str, ...]
    """Groups that were run."""
    not_run: tuple[str, ...]
    """Groups whose code could not be run at all."""


def item_analysis(marks: Sequence[Mark], assignment: Assignment, mistakes: Sequence[KnownMistake] = ()) -> ItemAnalysis:
    """The analysis of a cohort's marks.

    Args:
        mistakes: Those that failed tests may come from, of `graders.marks.diagnosis.known_mistakes`.
    """
    graded = [mark for mark in marks if any(_share([finding]) is not None for finding in _automatic(mark.findings))]
    not_run = tuple(mark.group for mark in graded if _was_not_run(mark))
    run = [_GroupItems.of(mark, mistakes) for mark in graded if mark.group not in not_run]
    ids = dict.fromkeys(id for group in run for id, finding in group.findings.items() if finding.kind == "hidden_test")
    tests = [_test(id, run) for id in ids]
    tests.sort(key=lambda item: (item.void, 1.0 if item.facility is None else item.facility, -item.out_of))
    criteria = [_criterion(criterion.id, criterion.points, run) for criterion in assignment.criteria]
    return ItemAnalysis(tuple(tests), tuple(criteria), tuple(group.name for group in run), not_run)


def correlation(item: Sequence[float], rest: Sequence[float]) -> Discrimination:
    """Pearson's correlation of an item's points with the points of the rest, where it says something."""
    if len(item) < FEWEST:
        return Discrimination(len(item), why="few")
    if _alike(item):
        return Discrimination(len(item), why="alike")
    if _alike(rest):
        return Discrimination(len(item), why="rest alike")
    from scipy.stats import pearsonr  # half a second to import

    result = pearsonr(item, rest)
    value = float(result.statistic)
    if 1 - abs(value) < 1e-12:  # Fisher's transformation is infinite there
        return Discrimination(len(item), value, (value, value))
    low, high = result.confidence_interval(0.95)
    return Discrimination(len(item), value, (float(low), float(high)))


@dataclass(frozen=True)
class _GroupItems:
    """What one group has of every item."""

    name: str
    findings: Mapping[str, Finding]
    """By id: those of tests and accuracies, and those of parts that people mark."""
    mistakes: Mapping[str, str]
    """By test: the title of the known mistake that would explain its failure."""

    @classmethod
    def of(cls, mark: Mark, mistakes: Sequence[KnownMistake]) -> _GroupItems:
        likely = diagnoses(mark.findings, mistakes)[:1]
        titles = [" and ".join(mistake.title for mistake in diagnosis.mistakes) for diagnosis in likely]
        named = {test: title for diagnosis, title in zip(likely, titles, strict=True) for test in diagnosis.tests}
        kinds = (*AUTOMATIC, "person")
        return cls(mark.group, {finding.id: finding for finding in mark.findings if finding.kind in kinds}, named)

    def rest(self, ids: Collection[str]) -> float | None:
        """The points of all automatic items but these; None if one is not known, or there is no other."""
        others = [points for id, points in self._points.items() if id not in ids]
        counted = [points for points in others if points is not None]
        return sum(counted) if others and len(counted) == len(others) else None

    @cached_property
    def _points(self) -> Mapping[str, float | None]:
        """By id: the points of the automatic items."""
        items = _automatic(self.findings.values())
        return {item.id: None if item.points is None else float(earned([item])) for item in items}


def _test(id: str, groups: Sequence[_GroupItems]) -> Item:
    having = [group for group in groups if id in group.findings]
    findings = [group.findings[id] for group in having]
    test = id.partition("/")[2]
    void = any(finding.void for finding in findings)
    failed = [
        (group.name, finding, group.mistakes.get(test, ""))
        for group, finding in zip(having, findings, strict=True)
        if finding.verdict is Verdict.FAILED
    ]
    numbers = _numbers([(group, [finding]) for group, finding in zip(having, findings, strict=True)])
    return Item(
        test, "hidden_test", findings[0].title, findings[0].out_of, *numbers, () if void else _common(failed), void
    )


def _criterion(id: str, points: int, groups: Sequence[_GroupItems]) -> Item:
    own = [(group, [f for f in group.findings.values() if f.criterion == id and not f.void]) for group in groups]
    nothing = [
        (group.name, finding, "")
        for group, findings in own
        for finding in findings
        if finding.kind == "accuracy" and _share([finding]) == 0
    ]
    return Item(id, "criterion", id, Decimal(points), *_numbers(own), _common(nothing))


def _numbers(
    own: Sequence[tuple[_GroupItems, Sequence[Finding]]],
) -> tuple[int, float | None, Discrimination]:
    """How many groups have a result of an item, its facility, and its discrimination."""
    shares = [(group, findings, share) for group, findings in own if (share := _share(findings)) is not None]
    facility = sum(share for _, _, share in shares) / len(shares) if shares else None
    rests = [(share, group.rest({f.id for f in findings})) for group, findings, share in shares]
    pairs = [(share, rest) for share, rest in rests if rest is not None]
    if shares and not pairs and all(_is_alone(group, findings) for group, findings, _ in shares):
        return len(shares), facility, Discrimination(0, why="alone")
    return len(shares), facility, correlation([share for share, _ in pairs], [rest for _, rest in pairs])


def _is_alone(group: _GroupItems, findings: Sequence[Finding]) -> bool:
    """Whether a group has no automatic item beside these."""
    ids = {finding.id for finding in findings}
    return all(finding.id in ids for finding in _automatic(group.findings.values()))


def _automatic(findings: Iterable[Finding]) -> list[Finding]:
    """Those of tests and accuracies that count; a void test has the same points for everyone."""
    return [finding for finding in findings if finding.kind in AUTOMATIC and not finding.void]


def _share(findings: Sequence[Finding]) -> float | None:
    """The share of their points that these earned; None where one is not known, or they are void."""
    counted = [finding for finding in findings if not finding.void]
    if not counted or any(finding.points is None for finding in counted):
        return None
    return float(earned(counted)) / float(sum(finding.out_of for finding in counted))


def _was_not_run(mark: Mark) -> bool:
    tests = [finding for finding in mark.findings if finding.kind == "hidden_test"]
    questions = tests or _automatic(mark.findings)
    return bool(questions) and all(finding.reason in NOT_RUN for finding in questions)


def _common(failed: Sequence[tuple[str, Finding, str]]) -> tuple[CommonFailure, ...]:
    """What groups failed by, the commonest first."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for group, finding, mistake in failed:
        groups.setdefault((mistake, True) if mistake else (_words(finding), False), []).append(group)
    common = [CommonFailure(why, tuple(names), mistake) for (why, mistake), names in groups.items()]
    return tuple(sorted(common, key=lambda each: -len(each.groups)))


def _words(finding: Finding) -> str:
    """Why it failed, without the line in the group's own code, so that equal causes are equal."""
    if finding.cause is None:
        return "the score is below the first anchor"
    return cause_words(replace(finding.cause, line=None))


def _alike(values: Sequence[float]) -> bool:
    return max(values) - min(values) < 1e-9
