"""Who marks which paper, under which code; and the key file in which a course keeps it.

    hidden/marking/<assignment>-<criterion>.csv     code,group,commit,seed,first,second,why

Nothing is allocated twice: whoever has a paper keeps it when groups are added later. The order in which papers are
dealt follows from the course's secret and a seed, so that the same call allocates alike.
"""

from __future__ import annotations

import csv
import hmac
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from assignments.data.cases import keyed_order
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.tables import read_table
from graders.course.course import Course
from graders.course.pseudonyms import pseudonyms

COLUMNS: Final = ("code", "group", "commit", "seed", "first", "second", "why")
BORDERLINE: Final = Decimal(2)
"""Per cent below a boundary of classes, within which a mark is borderline."""


@dataclass(frozen=True)
class Allocated:
    """One paper: its code, whose it is, and who marks it."""

    code: str
    group: str
    commit: str
    seed: str = ""
    """With which its first marker was drawn."""
    first: str = ""
    second: str = ""
    why: str = ""
    """Why there is a second marker: `drawn with seed 1`, or why the paper is in the sample."""


@dataclass(frozen=True)
class MarkingKey:
    """Which paper has which code, and who marks it; the course alone keeps it."""

    path: Path
    form: str
    """Tells this course's forms for this part from all others."""
    papers: tuple[Allocated, ...] = ()

    def of_code(self, code: str) -> Allocated | None:
        """The paper of a code, whatever its capitals and spaces."""
        folded = _folded(code)
        return next((paper for paper in self.papers if _folded(paper.code) == folded), None)

    def of_group(self, group: str) -> Allocated | None:
        """The paper of a group."""
        return next((paper for paper in self.papers if paper.group == group), None)

    @property
    def markers(self) -> tuple[str, ...]:
        """Everyone who marks a paper, in the order of the file."""
        names = [name for paper in self.papers for name in (paper.first, paper.second) if name]
        return tuple(dict.fromkeys(names))

    def write(self) -> None:
        """Store it; the folder `hidden/` is the course's own."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows([getattr(paper, column) for column in COLUMNS] for paper in self.papers)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self.path, text.getvalue())


def read_key(course: Course, secret: bytes, assignment: str, criterion: str) -> MarkingKey:
    """The key of a part; without papers if none was allocated yet.

    Raises:
        UserError: its file cannot be read, or names a group that the roster has not.
    """
    path = course.folder / "hidden/marking" / f"{assignment}-{criterion}.csv"
    form = hmac.digest(secret, f"marking/{assignment}/{criterion}".encode(), "sha256").hex()[:12]
    if not path.is_file():
        return MarkingKey(path, form)
    table, problems = read_table(path)
    if table is None:
        raise UserError("\n".join(map(str, problems)))
    if lacking := [column for column in COLUMNS if column not in table.headings]:
        raise UserError(f"{path}: lacks the column {lacking[0]}; restore it from your backup")
    papers = tuple(Allocated(*(row.cells.get(column, "") for column in COLUMNS)) for row in table.rows)
    groups = {group.name for group in course.groups}
    if gone := [paper for paper in papers if paper.group not in groups]:
        raise UserError(
            f"{path}: {gone[0].code} is the paper of group {gone[0].group}, which is not in the roster; if the group "
            "has another name now, write that name in the column group"
        )
    return MarkingKey(path, form, papers)


def with_papers(key: MarkingKey, commits: Mapping[str, str], secret: bytes, label: str) -> MarkingKey:
    """The key with a code for the paper of each group, by its commit; codes that are in use stay what they are."""
    codes = dict.fromkeys(paper.code for paper in key.papers)
    papers = [replace(paper, commit=commits.get(paper.group, paper.commit)) for paper in key.papers]
    names = pseudonyms(commits, secret, label)
    for group in sorted(set(commits) - {paper.group for paper in key.papers}):
        code, number = names[group], 1
        while code in codes:
            number += 1
            code = f"{names[group]} {number}"
        codes[code] = None
        papers.append(Allocated(code, group, commits[group]))
    return replace(key, papers=tuple(papers))


def with_first(key: MarkingKey, markers: Sequence[str], secret: bytes, label: str, seed: int) -> MarkingKey:
    """A first marker for every paper that has none: whoever has the fewest, so that their numbers differ by one."""
    chosen = dict.fromkeys(paper.group for paper in key.papers if not paper.first)
    first = {paper.group: paper.first for paper in key.papers if paper.first}
    for group in in_order(chosen, secret, f"{label}/first/{seed}"):
        first[group] = min(markers, key=lambda name: list(first.values()).count(name))
    papers = (
        replace(paper, first=first[paper.group], seed=str(seed)) if paper.group in chosen else paper
        for paper in key.papers
    )
    return replace(key, papers=tuple(papers))


def with_second(
    key: MarkingKey, reasons: Mapping[str, str], markers: Sequence[str], secret: bytes, label: str
) -> MarkingKey:
    """A second marker, who is not the first, for each of these groups that has none.

    Args:
        reasons: by group, why there is one.

    Raises:
        UserError: nobody but the first marker could do it.
    """
    papers = {paper.group: paper for paper in key.papers}
    for group in in_order(reasons, secret, f"{label}/second"):
        paper = papers[group]
        if paper.second:
            continue
        others = [name for name in markers if name != paper.first]
        if not others:
            raise UserError(f"a second marker must be another person than {paper.first}: name two with --markers A,B")
        seconds = [each.second for each in papers.values()]
        second = min(others, key=lambda name: seconds.count(name))
        papers[group] = replace(paper, second=second, why=reasons[group])
    return replace(key, papers=tuple(papers.values()))


def in_order(groups: Iterable[str], secret: bytes, label: str) -> list[str]:
    """Groups in a random order that the secret and the label fix, and in which no group moves past another."""
    names = sorted(groups)
    return [names[i] for i in keyed_order(secret, label, "allocation", names)]


def number_of(text: str, of: int, option: str) -> int:
    """How many of `of` papers `20`, `20%` or `0.2` are; a share is rounded up.

    Raises:
        UserError: it is neither.
    """
    match = re.fullmatch(r"(\d+)|(\d{1,3})%|(0?\.\d+|1\.0*)", text.strip())
    if match is None or (match[2] and int(match[2]) > 100):
        raise UserError(f'{option} "{text}": write a number of papers such as 10, or a share such as 20% or 0.2')
    if match[1]:
        return min(int(match[1]), of)
    share = Decimal(match[2]) / 100 if match[2] else Decimal(match[3])
    return math.ceil(share * of)


def sample(
    percents: Mapping[str, Decimal], starts: Sequence[Decimal], each: int, secret: bytes, label: str
) -> dict[str, str]:
    """A sample for moderation, with the reason for each group: every fail, every borderline mark, some of each class.

    Args:
        percents: by group, the first mark in per cent of the part's points.
        starts: where the classes above the fails begin, in per cent, from the lowest.
        each: how many of each class; fails and borderlines of the class count.
    """
    reasons: dict[str, str] = {}
    for group, percent in percents.items():
        near = next((start for start in starts if start - BORDERLINE <= percent < start), None)
        if percent < starts[0]:
            reasons[group] = "a fail"
        if near is not None:
            reasons[group] = f"within {BORDERLINE} % below {near} %"
    for low, high in zip(starts, [*starts[1:], Decimal(101)], strict=True):
        members = [group for group, percent in percents.items() if low <= percent < high]
        lacking = each - sum(group in reasons for group in members)
        drawn = [group for group in in_order(members, secret, f"{label}/sample") if group not in reasons]
        reasons |= dict.fromkeys(drawn[: max(lacking, 0)], f"drawn from {low} % on")
    return reasons


def _folded(code: str) -> str:
    return " ".join(code.split()).casefold()
