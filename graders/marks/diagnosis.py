"""Diagnosis: the known mistakes whose pattern a group's failed hidden tests show.

It compares with the patterns that the rehearsal saw when it made each mistake on purpose. It moves no point and is
never certain: a page says what such a pattern comes from. Where no known mistake fits, it says nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from assignments.assignment import Assignment
from assignments.misconceptions import MISCONCEPTIONS_FILE, Misconception, MisconceptionsFile, with_long_edits
from graders.marks.contract_mistakes import contract_misconceptions
from graders.marks.mark import Finding, Verdict
from graders.record.documents import UNMET
from graders.record.patterns import may_fail
from graders.record.proof_status import recorded_patterns
from graders.record.rehearsal import Pattern, mistake_in, pattern_of

MOST = 3
"""Candidates that a page names. If more fit equally well, none is named."""
FAR = 0.5
"""How far, on average over the failed tests, a pattern may be from what is seen."""
ENOUGH = 2
"""Failed tests that must agree with a mistake's pattern. One wrong answer may come from any mistake."""

Parts = tuple[str, ...]
Seen = Mapping[str, Parts | None]
"""By test: why it failed; None where it passed."""


@dataclass(frozen=True)
class KnownMistake:
    """A misconception of the assignment, with what a rehearsal saw of it."""

    id: str
    title: str
    advice: str
    """What a tutor says to a student who made it."""
    fails: frozenset[str]
    may_fail: frozenset[str]
    """What fails besides, in a recorded pattern of any framework."""
    patterns: tuple[Mapping[str, Parts], ...]
    """By framework: why each test failed, of those that did."""
    try_it: str = ""
    """How to see for oneself whether it is this mistake."""

    @property
    def is_named_by_tests(self) -> bool:
        """Whether a test knew this mistake by its answer or a sign when the rehearsal made it."""
        return any(mistake_in(part) == self.id for pattern in self.patterns for of in pattern.values() for part in of)


@dataclass(frozen=True)
class Diagnosis:
    """One mistake, or several together, that would explain the failed tests."""

    mistakes: tuple[KnownMistake, ...]
    tests: tuple[str, ...]
    """Ids of the tests that failed by it."""
    distance: float
    """How far what is seen is from the pattern: 0 is exactly as in the rehearsal, or the very answer of the mistake."""


def known_mistakes(assignment: Assignment) -> tuple[KnownMistake, ...]:
    """The misconceptions of an assignment, if it was rehearsed as it is now."""
    recorded = recorded_patterns(assignment)
    if not recorded:
        return ()
    # The rehearsal read this very file: its digest is in the key.
    path = assignment.folder / MISCONCEPTIONS_FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    own = MisconceptionsFile.model_validate(with_long_edits(tomllib.loads(text))).misconception
    brought = contract_misconceptions(assignment, {item.id for item in own})
    return with_patterns((*own, *brought), recorded)


def with_patterns(
    misconceptions: Sequence[Misconception], recorded: Sequence[Pattern], also: Sequence[Pattern] = ()
) -> tuple[KnownMistake, ...]:
    """The misconceptions that a tutor says something of, with their patterns among those recorded.

    What may fail for each is what failed in these patterns, or in those that are `also` recorded.
    """
    allowed = may_fail((*recorded, *also))
    patterns: dict[str, list[Mapping[str, Parts]]] = {}
    for pattern in recorded:
        failed = {test: tuple(parts) for test, parts in pattern.failed.items()}
        patterns.setdefault(pattern.misconception, []).append(failed)
    return tuple(
        KnownMistake(
            item.id,
            item.title,
            item.feedback,
            frozenset(item.fails),
            allowed.get(item.id, frozenset()) - {*item.fails},
            tuple(patterns.get(item.id, ())),
            item.try_it,
        )
        for item in misconceptions
        if item.feedback
    )


def diagnoses(findings: Sequence[Finding], mistakes: Sequence[KnownMistake]) -> tuple[Diagnosis, ...]:
    """The likeliest mistakes behind the failed hidden tests, the likeliest first; at most `MOST`, often none."""
    seen: dict[str, Parts | None] = {
        finding.id.partition("/")[2]: None
        if finding.verdict is Verdict.PASSED
        else pattern_of(finding.cause, finding.line)
        for finding in findings
        if finding.kind == "hidden_test" and not finding.void and finding.verdict in (Verdict.PASSED, Verdict.FAILED)
    }
    return likeliest(seen, mistakes)


def likeliest(seen: Seen, mistakes: Sequence[KnownMistake]) -> tuple[Diagnosis, ...]:
    """The same for tests whose causes are patterns already."""
    failed = tuple(test for test, parts in seen.items() if parts is not None)
    if not failed:
        return ()
    if received := _by_answers(seen, mistakes):
        return (received,)
    ranked = _ranked(seen, mistakes)
    if not ranked:
        pairs = [pair for pair in combinations(mistakes, 2) if _each_is_needed(seen, pair)]
        pair = _clear(sorted(_candidates(seen, pairs), key=lambda each: each[0]))
        return () if pair is None else (Diagnosis(pair[1], failed, pair[0]),)
    best = ranked[0][0]
    if sum(distance == best for distance, _ in ranked) > MOST:
        return ()
    return tuple(Diagnosis(of, failed, distance) for distance, of in ranked[:MOST])


def _by_answers(seen: Seen, mistakes: Sequence[KnownMistake]) -> Diagnosis | None:
    """The mistakes that the tests named themselves, with the failed tests that hang on them.

    Failed tests that hang on none of them may show one more mistake, by its pattern.
    """
    named = {test: {mistake_in(part) for part in parts} - {""} for test, parts in seen.items() if parts is not None}
    ids = frozenset[str]().union(*named.values())
    received = tuple(mistake for mistake in mistakes if mistake.id in ids)
    if not received:
        return None
    may = frozenset[str]().union(*(mistake.fails | mistake.may_fail for mistake in received))
    hanging = tuple(test for test in named if test in may or named[test])
    rest = {test: parts for test, parts in seen.items() if test not in hanging}
    if further := _clear(_ranked(rest, mistakes)):
        return Diagnosis((*received, *further[1]), tuple(named), further[0])
    return Diagnosis(received, hanging, 0.0)


Ranked = tuple[float, tuple[KnownMistake, ...]]
"""How far a pattern is from what is seen, and whose it is."""


def _ranked(seen: Seen, mistakes: Sequence[KnownMistake]) -> list[Ranked]:
    """Single mistakes that would explain every failed test, the likeliest first."""
    if all(parts is None for parts in seen.values()):
        return []
    return sorted(_candidates(seen, [(mistake,) for mistake in mistakes]), key=lambda each: each[0])


def _clear(ranked: Sequence[Ranked]) -> Ranked | None:
    """The likeliest, if no other is as likely."""
    return ranked[0] if len(ranked) == 1 or (ranked and ranked[0][0] < ranked[1][0]) else None


def _candidates(seen: Seen, groups: Sequence[tuple[KnownMistake, ...]]) -> Iterator[Ranked]:
    """The mistakes, alone or together, that would explain every failed test, and how far their pattern is from it."""
    failed = [test for test, parts in seen.items() if parts is not None]
    for group in groups:
        if any(mistake.is_named_by_tests for mistake in group):
            continue  # a test would have named it
        must = frozenset[str]().union(*(mistake.fails for mistake in group))
        may = frozenset[str]().union(*(mistake.may_fail for mistake in group))
        passed_but_must_fail = any(test in seen and seen[test] is None for test in must)
        answered = {test for test in failed if UNMET not in (seen[test] or ())}
        if passed_but_must_fail or not must <= seen.keys() or not answered <= must | may:
            continue
        if not all(any(_agreeing(seen, pattern) >= ENOUGH for pattern in mistake.patterns) for mistake in group):
            continue
        distance = min(_distance(seen, pattern) for pattern in _patterns(group))
        if distance <= FAR * len(failed):
            yield distance, group


def _patterns(group: tuple[KnownMistake, ...]) -> list[Mapping[str, Parts]]:
    """The patterns of mistakes made together: a test fails as it does for the first that fails it."""
    if len(group) == 1:
        return list(group[0].patterns)
    first, second = group
    return [{**b, **a} for a in first.patterns for b in second.patterns]


def _each_is_needed(seen: Seen, pair: tuple[KnownMistake, KnownMistake]) -> bool:
    """Whether each of two mistakes fails a test that must not fail for the other."""
    first, second = (mistake.fails & {test for test, parts in seen.items() if parts is not None} for mistake in pair)
    return bool(first - second) and bool(second - first)


def _agreeing(seen: Seen, pattern: Mapping[str, Parts]) -> int:
    """How many tests failed as they do in a pattern."""
    return sum(seen.get(test) is not None and _apart(seen[test], parts) < FAR for test, parts in pattern.items())


def _distance(seen: Seen, pattern: Mapping[str, Parts]) -> float:
    """How far a pattern is from what is seen: for each test 0 where they agree, to 1."""
    return sum(_apart(parts, pattern.get(test)) for test, parts in seen.items())


def _apart(parts: Parts | None, expected: Parts | None) -> float:
    if parts is None:  # it passed, where it may fail for this mistake
        return 0.0 if expected is None else 0.5
    return 1.0 if expected is None else 1 - len({*parts} & {*expected}) / max(len(parts), len(expected))
