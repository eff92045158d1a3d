"""Work that two groups have in common, for a person to look at. It decides nothing, and no mark depends on it.

Work is equal when its bytes are; in solution.py, white space does not count. Other tools find similar work. The starter
and its files belong to everybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from graders.intake.source import SOLUTION
from graders.intake.submission import Submission

SHOWN = 10


@dataclass(frozen=True)
class EqualWork:
    """What several groups have handed in alike."""

    what: str
    groups: tuple[str, ...]


def equal_work(submissions: Sequence[Submission]) -> tuple[EqualWork, ...]:
    """What is equal between groups: the whole folder, else solution.py or a file of weights under any name."""
    found: list[EqualWork] = []
    for what in ("the whole folder", SOLUTION, "a file of weights"):
        groups: dict[str, list[str]] = defaultdict(list)
        for submission in submissions:
            for digest in _digests(what, submission):
                groups[digest].append(submission.group)
        known = [set(equal.groups) for equal in found]
        alike = {tuple(dict.fromkeys(names)) for names in groups.values()}
        found += [EqualWork(what, names) for names in sorted(alike) if len(names) > 1 and set(names) not in known]
    return tuple(found)


def flag_equal_work(submissions: Sequence[Submission]) -> list[Submission]:
    """The submissions, each with a flag for staff for what it has in common with others."""
    equal = equal_work(submissions)
    return [
        replace(one, flags=(*one.flags, *(_flag(two, one.group) for two in equal if one.group in two.groups)))
        for one in submissions
    ]


def _digests(what: str, submission: Submission) -> tuple[str, ...]:
    if what == "a file of weights":
        return submission.weights
    digest = submission.tree if what == "the whole folder" else submission.solution
    return () if digest is None or submission.untouched else (digest,)


def _flag(equal: EqualWork, group: str) -> str:
    others = [name for name in equal.groups if name != group]
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return f"{equal.what} equals that of {', '.join(others[:SHOWN])}{more}"
