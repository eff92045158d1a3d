"""How often the diagnosis names the right mistake: with the patterns of one framework, seen in another.

    python benchmarks/diagnosis.py [ASSIGNMENT ...]

Ties count as wrong: a mistake is first only if no other one fits as well. A sound solution must get none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assignments.folders import CATALOGUE, catalogue
from assignments.load import hidden_tests, load
from graders.marks.diagnosis import KnownMistake, Parts, Seen, diagnoses, known_mistakes
from graders.marks.mark import Finding, Verdict
from graders.record.documents import Cause
from graders.record.proof_status import recorded_patterns
from graders.record.rehearsal import ANSWER_OF


def findings(seen: Seen) -> list[Finding]:
    """The findings of a group whose tests failed so."""
    return [finding(test, parts) for test, parts in seen.items()]


def finding(test: str, parts: Parts | None) -> Finding:
    if parts is None:
        return Finding(f"tests/{test}", "hidden_test", "tests", Verdict.PASSED, Decimal(1), Decimal(1))
    words = [part for part in parts if not part.startswith(("line ", ANSWER_OF))]
    lines = [int(part.removeprefix("line ")) for part in parts if part.startswith("line ")]
    answers = [part.removeprefix(ANSWER_OF) for part in parts if part.startswith(ANSWER_OF)]
    failed = Finding(f"tests/{test}", "hidden_test", "tests", Verdict.FAILED, Decimal(0), Decimal(1))
    return replace(failed, cause=Cause(*words, mistake="".join(answers)), line=lines[0] if lines else None)


def main(ids: list[str]) -> None:
    for id in ids or catalogue():
        assignment = load(CATALOGUE / id)
        tests = [test.id for test in hidden_tests(assignment)]
        mistakes = known_mistakes(assignment)
        patterns = recorded_patterns(assignment)
        frameworks = list(dict.fromkeys(pattern.framework for pattern in patterns))
        passed: dict[str, Parts | None] = dict.fromkeys(tests)
        seen = {
            (pattern.misconception, pattern.framework): passed
            | {t: tuple(parts) for t, parts in pattern.failed.items()}
            for pattern in patterns
        }
        print(f"{id}: {len(mistakes)} misconceptions; of a sound solution {len(diagnoses(findings(passed), mistakes))}")
        for one, other in permutations(frameworks, 2):
            of_one = [
                replace(mistake, patterns=(without_passed(seen[mistake.id, one]),))
                for mistake in mistakes
                if (mistake.id, one) in seen
            ]
            print(f"  patterns of {one}, seen in {other}: {judge(of_one, seen, other)}")


def without_passed(seen: Seen) -> dict[str, Parts]:
    return {test: parts for test, parts in seen.items() if parts is not None}


def judge(mistakes: list[KnownMistake], seen: Mapping[tuple[str, str], Seen], other: str) -> str:
    """One line: how many are named first, among three, and not at all; and which are not first."""
    first, among, none, others = 0, 0, 0, []
    tried = [mistake for mistake in mistakes if (mistake.id, other) in seen]
    for mistake in tried:
        named = diagnoses(findings(seen[mistake.id, other]), mistakes)
        ids = [diagnosis.mistakes[0].id for diagnosis in named]
        alone = ids[:1] == [mistake.id] and (len(named) == 1 or named[0].distance < named[1].distance)
        first, among, none = first + alone, among + (mistake.id in ids), none + (not ids)
        others += [] if alone else [f"\n    {mistake.id}: {', '.join(ids) or 'none named'}"]
    return f"first {first} of {len(tried)}, among three {among}, none named {none}{''.join(others)}"


if __name__ == "__main__":
    main(sys.argv[1:])
