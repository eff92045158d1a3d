"""The cases of a folder as rows: what a table of cases and every known layout are read into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from assignments.data.source import Part
from assignments.errors import Problem


@dataclass(frozen=True)
class CaseRow:
    """One case: its subject, its files and its values, by column."""

    id: str
    """The address of its first file, or the subject where it has none; different for every row."""
    subject: str
    files: Mapping[str, str]
    """Addresses (`assignments.data.folder.addresses`) by column."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Texts by column: a class, a number."""
    strata: Mapping[str, str] = field(default_factory=dict)
    part: Part | None = None
    """The part in which a published split has it."""
    line: int | None = None
    """The line of the table, if there is a table."""
    members: tuple[str, ...] = ()
    """All patients of whom it has data; `(subject,)` by default."""

    def __post_init__(self) -> None:
        if not self.members:
            object.__setattr__(self, "members", (self.subject,))


@dataclass(frozen=True)
class CaseTable:
    """All cases of a folder, all problems, and what was assumed."""

    folder: Path
    file: str
    """The file or folder that lists the cases, as problems name it."""
    rows: tuple[CaseRow, ...]
    """The rows without a problem of their own."""
    columns: tuple[str, ...]
    """The reserved columns besides `subject` and `part`. Those of channels are in the order of the channels."""
    strata: tuple[str, ...] = ()
    """All other columns."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers, where there are any."""
    problems: tuple[Problem, ...] = ()
    """Whoever reads the cases refuses a table with problems."""
    doubts: tuple[str, ...] = ()
    """What was assumed, or is allowed but seldom meant: for the author to check."""
    spacing_mm: tuple[float, ...] | None = None
    """The spacing that is assumed for files that have none, in the order of the axes."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, where the columns `image:NAME` are channels."""
        return tuple(column.partition(":")[2] for column in self.columns if column.startswith("image:"))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the numbers beside the image."""
        return tuple(column.partition(":")[2] for column in self.columns if column.startswith("feature:"))

    def class_number(self, name: str) -> int:
        """The number of a class, by its name or its number.

        Raises:
            ValueError: there is no such class.
        """
        if name in self.classes:
            return self.classes.index(name)
        if name.isdecimal() and int(name) < len(self.classes):
            return int(name)
        raise ValueError(f'no class "{name}"; the classes are {", ".join(self.classes) or "not named"}')


def numbered(rows: Iterable[CaseRow]) -> tuple[CaseRow, ...]:
    """The same rows with different ids: the second row of the same id ends in `#2`."""
    seen: dict[str, int] = {}
    different = []
    for row in rows:
        seen[row.id] = seen.get(row.id, 0) + 1
        different.append(row if seen[row.id] == 1 else replace(row, id=f"{row.id}#{seen[row.id]}"))
    return tuple(different)
