"""The recorded patterns of an assignment: which hidden tests fail for each misconception, in each framework, and why.

They are proofs/patterns.json in the assignment's folder, by misconception, framework and test. Of the tests that a
misconception does not name in `fails`, those that stand here may fail for it too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from assignments.assignment import Assignment
from assignments.files import replace_file
from assignments.folders import PROOFS
from graders.record.rehearsal import Pattern

PATTERNS_FILE = f"{PROOFS}/patterns.json"


def stored_patterns(assignment: Assignment) -> tuple[Pattern, ...]:
    """The recorded patterns; none where there are none, or they cannot be read."""
    try:
        document = json.loads((assignment.folder / PATTERNS_FILE).read_text(encoding="utf-8"))
        return tuple(
            Pattern(misconception, framework, {test: tuple(map(str, parts)) for test, parts in failed.items()})
            for misconception, by_framework in document.items()
            for framework, failed in by_framework.items()
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return ()


def of_tests(patterns: Iterable[Pattern], tests: Collection[str]) -> tuple[Pattern, ...]:
    """The patterns without tests that no longer exist: a renamed test is another one."""
    return tuple(
        replace(pattern, failed={test: parts for test, parts in pattern.failed.items() if test in tests})
        for pattern in patterns
    )


def may_fail(patterns: Iterable[Pattern]) -> dict[str, frozenset[str]]:
    """By misconception: the tests that are recorded to fail for it, in any framework."""
    tests: dict[str, frozenset[str]] = {}
    for pattern in patterns:
        tests[pattern.misconception] = tests.get(pattern.misconception, frozenset()) | {*pattern.failed}
    return tests


def updated(
    recorded: Sequence[Pattern], seen: Sequence[Pattern], fails: Mapping[str, Sequence[str]], *, record: bool
) -> tuple[Pattern, ...]:
    """The patterns to record after a rehearsal.

    Why a test fails is taken from what was seen. A test that fails besides those in `fails` and was not recorded before
    is taken up only if the author says `record`. What was recorded and did not fail this time stays: some mistakes fail
    a test by chance.

    Args:
        recorded: What is recorded so far.
        seen: What the rehearsal saw.
        fails: By misconception: the tests that must fail for it.
        record: Whether to take up all that was seen.
    """
    allowed = may_fail(recorded)
    before = {(pattern.misconception, pattern.framework): pattern.failed for pattern in recorded}
    patterns = []
    for pattern in seen:
        id = pattern.misconception
        must, may = {*fails[id]}, allowed.get(id, frozenset())
        failed = {test: parts for test, parts in pattern.failed.items() if record or test in must | may}
        earlier = before.get((id, pattern.framework), {})
        stays = {test: parts for test, parts in earlier.items() if test not in failed and test not in must}
        patterns.append(Pattern(id, pattern.framework, {**failed, **stays}))
    return tuple(patterns)


def no_longer(
    recorded: Sequence[Pattern], seen: Sequence[Pattern], fails: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """For the author: each failure beside `fails` that is recorded and did not happen this time."""
    now = {(pattern.misconception, pattern.framework): pattern.failed for pattern in seen}
    for pattern in recorded:
        if (failed := now.get((pattern.misconception, pattern.framework))) is not None:
            tests = [t for t in pattern.failed if t not in failed and t not in fails[pattern.misconception]]
            if tests:
                where = f"{pattern.misconception} in {pattern.framework}"
                yield f"patterns: {where} did not fail {', '.join(tests)} this time, as {PATTERNS_FILE} records"


def store_patterns(assignment: Assignment, patterns: Iterable[Pattern]) -> None:
    """Replace the recorded patterns."""
    document: dict[str, dict[str, Mapping[str, list[str]]]] = {}
    for pattern in patterns:
        failed = {test: list(parts) for test, parts in pattern.failed.items()}
        document.setdefault(pattern.misconception, {})[pattern.framework] = failed
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    replace_file(assignment.folder / PATTERNS_FILE, text)
