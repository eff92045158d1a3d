"""The recorded patterns of an assignment: which hidden tests fail for each misconception, in each framework, and why.

They are proofs/patterns.json in the assignment's folder, by misconception, framework and test. Of the tests that a
misconception does not name in `fails`, those that stand here may fail for it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

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


def store_patterns(assignment: Assignment, patterns: Iterable[Pattern]) -> None:
    """Replace the recorded patterns."""
    document: dict[str, dict[str, Mapping[str, list[str]]]] = {}
    for pattern in patterns:
        failed = {test: list(parts) for test, parts in pattern.failed.items()}
        document.setdefault(pattern.misconception, {})[pattern.framework] = failed
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    replace_file(assignment.folder / PATTERNS_FILE, text)
