"""A rubric: the lines by which a person marks a criterion, each with the levels that its points mean. No I/O.

`assignments.rubric_files` reads one from a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from pydantic import Field

from assignments.frozen import Frozen

WHOLE: Final = "overall"
"""Names the comment on the whole part in forms, so no line has this id."""
LINE_ID: Final = r"[a-z][a-z0-9_]{0,31}"
"""The id of a line, which decisions and forms name."""


class Level(Frozen):
    """How well a line may be done: what a reader then sees in the work, and the points for it."""

    title: str = Field(min_length=1, max_length=40)
    points: Decimal | tuple[Decimal, Decimal]
    """What it is worth: one number, or the fewest and the most points."""
    descriptor: str
    """What the work shows at this level; the group reads it."""

    @property
    def least(self) -> Decimal:
        """The fewest points of the level."""
        return self.points[0] if isinstance(self.points, tuple) else self.points

    @property
    def most(self) -> Decimal:
        """The most points of the level."""
        return self.points[1] if isinstance(self.points, tuple) else self.points

    @property
    def range_text(self) -> str:
        """`5 to 6.5`, or `8`."""
        low, high = (f"{points.normalize():f}" for points in (self.least, self.most))
        return low if low == high else f"{low} to {high}"

    @property
    def choice(self) -> str:
        """`Good (5 to 6.5)`, as forms offer it."""
        return f"{self.title} ({self.range_text})"

    def has(self, points: Decimal) -> bool:
        """Whether so many points are this level."""
        return self.least <= points <= self.most


class RubricLine(Frozen):
    """One thing that a marker judges."""

    id: str = Field(pattern=f"^{LINE_ID}$")
    title: str = Field(min_length=1, max_length=60)
    points: int = Field(gt=0)
    question: str = ""
    """What a marker has to ask of the work; the group reads it."""
    levels: tuple[Level, ...] = ()
    """The best one first. Without levels, a marker gives any points from 0 on."""

    def level_of(self, points: Decimal) -> Level | None:
        """The level that so many points are; None without levels, and between two of them."""
        return next((level for level in self.levels if level.has(points)), None)

    def level(self, name: str) -> Level | None:
        """The level of this title or choice, whatever its capitals."""
        folded = name.casefold()
        return next((each for each in self.levels if folded in (each.title.casefold(), each.choice.casefold())), None)

    def points_problem(self, points: Decimal) -> str:
        """Why a marker cannot give so many points; empty if they can."""
        if not 0 <= points <= self.points:
            return f"{points} is not a number from 0 to {self.points}"
        if points != round(points, 2):
            return f"{points} has more than two decimals"
        if self.levels and self.level_of(points) is None:
            ranges = ", ".join(f"{level.title} is {level.range_text}" for level in reversed(self.levels))
            return f"{points} points belong to no level: {ranges}"
        return ""


class RubricFile(Frozen):
    """A file that holds a rubric."""

    title: str = ""
    lines: tuple[RubricLine, ...] = Field(alias="line")


def rubric_problems(lines: Sequence[RubricLine]) -> Iterator[tuple[int, str, str, str]]:
    """What is wrong with a rubric as a whole: the line's index, the key, the problem and its cure."""
    for index, line in enumerate(lines):
        before = lines[:index]
        if line.id == WHOLE:
            yield index, "id", f'no line can be called "{WHOLE}"', "forms have a row of this name: choose another id"
        if line.id in {other.id for other in before}:
            yield index, "id", f'a second line is called "{line.id}"', "give each line an id of its own"
        if line.title.casefold() in {other.title.casefold() for other in before}:
            yield index, "title", f'a second line has the title "{line.title}"', "give each line a title of its own"
        for problem, cure in _level_problems(line):
            yield index, "levels", f"{line.id}: {problem}", cure


def _level_problems(line: RubricLine) -> Iterator[tuple[str, str]]:
    levels = line.levels
    for level in levels:
        if level.most < level.least:
            yield f"{level.title} runs from {level.least} down to {level.most}", "write the fewer points first"
        if any(points != round(points, 2) for points in (level.least, level.most)):
            yield f"{level.title} has points of more than two decimals", "write points such as 6.5"
    for better, worse in pairwise(levels):
        if worse.most >= better.least:
            what = f"{worse.title} ({worse.range_text}) does not lie below {better.title} ({better.range_text})"
            yield what, "write the best level first, and let no two levels share points"
    if len({level.title.casefold() for level in levels}) < len(levels):
        yield "two levels have one title", "give each level a title of its own"
    if levels and levels[0].most != line.points:
        what = f"its best level ends at {levels[0].most}, and the line has {line.points} points"
        yield what, "let the best level end at the line's points"
    if levels and levels[-1].least != 0:
        what = f"its lowest level begins at {levels[-1].least}"
        yield what, "let the lowest level begin at 0: a marker must be able to give nothing"
