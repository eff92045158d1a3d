"""Flags equal work of different groups, for a person to look at. No mark depends on it.

Work is equal when its bytes are; in solution.py, white space does not count. Other tools find similar work. The starter
and its files belong to everybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from graders.intake.listing import first_of
from graders.intake.source import SOLUTION
from graders.intake.submission import Submission


@dataclass(frozen=True)
class EqualWork:
    """Work that several groups have in common."""

    what: str
    groups: tuple[str, ...]


def equal_work(submissions: Sequence[Submission]) -> tuple[EqualWork, ...]:
    """Equal work of groups: the whole folder, else solution.py or a file of weights under any name."""
    equal: list[EqualWork] = []
    for what in ("the whole folder", SOLUTION, "a file of weights"):
        groups: dict[str, list[str]] = defaultdict(list)
        for submission in submissions:
            for digest in _digests(what, submission):
                groups[digest].append(submission.group)
        listed = [set(work.groups) for work in equal]
        alike = {tuple(dict.fromkeys(names)) for names in groups.values()}
        equal += [EqualWork(what, names) for names in sorted(alike) if len(names) > 1 and set(names) not in listed]
    return tuple(equal)


def flag_equal_work(submissions: Sequence[Submission]) -> list[Submission]:
    """The submissions, with a flag for staff on each that has work in common with others."""
    equal = equal_work(submissions)
    flags = {
        submission.group: [_flag(work, submission.group) for work in equal if submission.group in work.groups]
        for submission in submissions
    }
    return [replace(submission, flags=(*submission.flags, *flags[submission.group])) for submission in submissions]


def _digests(what: str, submission: Submission) -> tuple[str, ...]:
    if what == "a file of weights":
        return submission.weights
    digest = submission.tree if what == "the whole folder" else submission.solution
    return () if digest is None or submission.untouched else (digest,)


def _flag(work: EqualWork, group: str) -> str:
    others = [name for name in work.groups if name != group]
    return f"{work.what} equals that of {first_of(others, 10)}"
