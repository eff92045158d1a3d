"""Whether students who make a misconception would read of that one: the diagnosis, tried on recorded patterns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assignments.misconceptions import Misconception
from graders.marks.diagnosis import Diagnosis, KnownMistake, Parts, Seen, likeliest, with_patterns
from graders.record.rehearsal import Pattern


@dataclass(frozen=True)
class Tried:
    """What the diagnosis says of one misconception, made in one framework."""

    mistake: KnownMistake
    framework: str
    seen: Seen
    named: tuple[Diagnosis, ...]

    @property
    def is_first(self) -> bool:
        """Whether it alone is named first; a tie is not first."""
        return names_first(self.named, (self.mistake.id,))


def names_first(named: Sequence[Diagnosis], ids: tuple[str, ...]) -> bool:
    """Whether a diagnosis names these mistakes, in any order and no other, before all others; a tie does not."""
    if not named or {mistake.id for mistake in named[0].mistakes} != {*ids}:
        return False
    return len(named) == 1 or named[0].distance < named[1].distance


def seen_of(pattern: Pattern, tests: Sequence[str]) -> dict[str, Parts | None]:
    """The tests of a group in which they fail as in a pattern; the others passed."""
    return {test: tuple(pattern.failed[test]) if test in pattern.failed else None for test in tests}


def tried(
    misconceptions: Sequence[Misconception], patterns: Sequence[Pattern], tests: Sequence[str]
) -> Iterator[Tried]:
    """Each pattern, diagnosed with those of the other frameworks; with its own too where there is one framework."""
    frameworks = {pattern.framework for pattern in patterns}
    for framework in sorted(frameworks):
        others = [pattern for pattern in patterns if len(frameworks) == 1 or pattern.framework != framework]
        mistakes = with_patterns(misconceptions, others, patterns)
        by_id = {mistake.id: mistake for mistake in mistakes}
        for pattern in patterns:
            if pattern.framework == framework and pattern.misconception in by_id:
                seen = seen_of(pattern, tests)
                yield Tried(by_id[pattern.misconception], framework, seen, likeliest(seen, mistakes))


def mixed_up(
    misconceptions: Sequence[Misconception], patterns: Sequence[Pattern], tests: Sequence[str]
) -> Iterator[str]:
    """For the author: each misconception that its students would not read of first, and which test to split."""
    missed: dict[str, list[Tried]] = {}
    for each in tried(misconceptions, patterns, tests):
        if not each.is_first and any(parts is not None for parts in each.seen.values()):
            missed.setdefault(each.mistake.id, []).append(each)
    for id, those in missed.items():
        where = ", ".join(each.framework for each in those)
        others = {mistake.id for each in those for named in each.named for mistake in named.mistakes} - {id}
        instead = f"cannot be told from {', '.join(sorted(others))}" if others else "is not named"
        failed = sorted({test for each in those for test, parts in each.seen.items() if parts is not None})
        yield (
            f"feedback: {id} {instead} ({where}); in {' or '.join(failed)}, let `mistaken` or `points_to` name it, "
            f"or give it an assertion of its own"
        )
