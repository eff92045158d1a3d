"""What a source of cases is: a generator that draws any number of them, or a folder of subjects that is split once.

An author's file defines `ARRAYS` and either `draw`, or `open`, `subjects` and `load`; `assignments.data.sources` reads
it. A finite source lists its subjects and loads one of them at a time. It is never told to which part a subject
belongs, so its code cannot carry a hidden subject into the training cases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.random import Generator

from assignments.assignment import Assignment
from assignments.errors import Problem

Arrays = dict[str, np.ndarray]
"""Arrays by key. Those of several cases have a leading N."""
Draw = Callable[[int, Generator], Arrays]
"""(n, rng) -> n cases with a leading N."""
Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
RESERVED = ("subject", "group")
"""Keys that a source need not declare: whose case it is, and its stratum. They are neither input nor truth."""


@dataclass(frozen=True)
class Axes:
    """One array of a case, as its source declares it: `Axes("float32", "d h w")`."""

    dtype: str
    """NumPy's name of the dtype."""
    axes: str
    """Names or sizes of a case's axes, without the leading N: "d h w", "3 h w", "30", or "" for a single number."""
    role: Literal["input", "truth"] = "input"
    """Whether a solution may see it when it predicts."""
    doc: str = ""
    """What its numbers are, in a line for students: units, what 1 means. It stands in interface.py and in the brief."""

    @property
    def sizes(self) -> tuple[str, ...]:
        """The axes one by one."""
        return tuple(self.axes.split())

    @property
    def problem(self) -> str:
        """What is wrong with the declaration itself; empty if nothing is."""
        try:
            kind = np.dtype(self.dtype).kind
        except TypeError:
            return f'"{self.dtype}" is not a dtype of NumPy; write one such as "float32" or "uint8"'
        if kind not in "biuf":
            return f'"{self.dtype}" cannot cross to a solution; use a bool, integer or float dtype'
        if self.role not in ("input", "truth"):
            return f'role is "{self.role}"; write "input" or "truth"'
        if not isinstance(self.doc, str) or "\n" in self.doc:
            return "doc is not one line of text"
        if bad := [name for name in self.sizes if not name.isdecimal() and not name.isidentifier()]:
            return f'"{bad[0]}" is not an axis; write names or sizes such as "d h w" or "30"'
        return ""

    def fits(self, case: np.ndarray) -> bool:
        """Whether one case's array is as declared."""
        sizes = zip(self.sizes, case.shape, strict=False)
        return (
            case.dtype == np.dtype(self.dtype)
            and case.ndim == len(self.sizes)
            and all(not name.isdecimal() or int(name) == size for name, size in sizes)
        )

    def __str__(self) -> str:
        return f'{self.dtype} "{self.axes}"'


@dataclass(frozen=True)
class Subject:
    """One subject of a finite source: a patient, or whatever must not be in two parts."""

    id: str
    strata: Mapping[str, str] = field(default_factory=dict)
    """What the split may balance, such as `{"site": "A"}`."""
    part: Part | None = None
    """The part in which a published split has it; None leaves it to medmark."""
    members: tuple[str, ...] = ()
    """All patients of whom it has data, such as both of a registration pair; `(id,)` by default."""

    def __post_init__(self) -> None:
        if not self.members:
            object.__setattr__(self, "members", (self.id,))


@dataclass(frozen=True)
class Endless:
    """A generator: it draws any number of cases, and no subject twice."""

    arrays: Mapping[str, Axes]
    draw: Draw
    training: Draw | None = None
    """The same for training cases, where these come from elsewhere: from a public table, say."""
    small_cases: Draw | None = None
    """The same, but tiny, for tests."""

    @property
    def declared(self) -> Mapping[str, Axes]:
        """What each case has."""
        return self.arrays


@dataclass(frozen=True)
class Finite:
    """A folder of subjects. medmark splits them once (`assignments.data.split`)."""

    arrays: Callable[[Any], Mapping[str, Axes]]
    """What each case has, given what `open` returned."""
    open: Callable[[Assignment], Any]
    """Called once; its result goes to the other functions: an open HDF5 file, a table."""
    subjects: Callable[[Any], Sequence[Subject]]
    """All subjects, without reading an image."""
    load: Callable[[Any, str], Arrays | list[Arrays]]
    """All cases of the subject with this id: a list of cases, or arrays of one case, or of several with a leading N."""
    small_cases: Draw | None = None
    """Draws tiny cases for tests, which are of no patient."""
    declared: Mapping[str, Axes] | None = None
    """What each case has, where that is known without opening the folder."""
    problems: Callable[[Any], Sequence[Problem]] | None = None
    """What is wrong with the folder as a whole: nothing is used until it is corrected."""
    doubts: Callable[[Any], Sequence[str]] | None = None
    """What was assumed, for the author to check."""
    classes: Callable[[Any], Sequence[str]] | None = None
    """Names of the classes in the order of their numbers, where the folder has them."""
    remarks: Callable[[Any, str], Sequence[str]] | None = None
    """(opened, subject) -> what was decided when the subject was loaded, such as how a volume was turned."""
    stamp: Callable[[Any, str], object] | None = None
    """(opened, subject) -> what the subject's cases depend on, such as sizes and times of files: equal stamps, equal
    cases. Without it, a subject is loaded each time."""
    public: bool = False
    """Whether anybody can have its cases anyway, so that a handout need not ask."""


Source = Endless | Finite


def file_stamp(path: Path) -> list[object]:
    """What changes when a file changes: a file that was edited and given its old time has a new time of change.

    Raises:
        OSError: there is no such file.
    """
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
