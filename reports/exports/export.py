"""What an export is: a file for another system with marks in it, and a line for each person that says what comes of it.

Each format is one pure function, `Fill`. Where the system gives out a sheet, the function edits that sheet in place
(`reports.exports.sheet`): a file that is put together anew may lack what the system finds its rows by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from assignments.assignment import Assignment
from assignments.errors import UserError
from graders.course.roster import Group, Member
from graders.marks.mark import Mark
from graders.marks.personal import PersonalMark
from reports.feedback import HandIn
from reports.numbers import half_up


class RowOutcome(StrEnum):
    """What comes of one row or person."""

    WRITTEN = "will be written"
    UNCHANGED = "has this mark already"
    BY_HAND = "type it by hand"
    """The platform would not take the mark from a file."""
    SKIPPED = "the platform skips it"
    NO_MARK = "has no mark"
    UNKNOWN = "names nobody for certain"
    MISSING = "is not in the sheet"


@dataclass(frozen=True)
class RowLine:
    """One row of a sheet, or one person whom it lacks."""

    outcome: RowOutcome
    who: str
    """The member's id, or what the row calls a person whom the roster lacks."""
    line: int | None = None
    """The line of the sheet; None where there is no sheet, or no row."""
    mark: str = ""
    """The mark as the cell has it now, or as a person has to type it."""
    why: str = ""


@dataclass(frozen=True)
class Filled:
    """A file for a platform, and what will come of each row."""

    data: bytes
    lines: tuple[RowLine, ...]
    notes: tuple[str, ...] = ()
    """About the file as a whole, such as another maximum; sentences."""


@dataclass(frozen=True)
class Page:
    """What one person may read, as one self-contained file."""

    data: bytes
    suffix: str
    """`.html` or `.pdf`."""


@dataclass(frozen=True)
class Marks:
    """The marks of one assignment as they stand, and what an export says beside them."""

    assignment: Assignment
    people: Mapping[str, PersonalMark]
    """By member: each person's own mark."""
    groups: Mapping[str, Mark] = field(default_factory=dict)
    """By group."""
    hand_ins: Mapping[str, HandIn] = field(default_factory=dict)
    """By group."""
    due: Mapping[str, datetime] = field(default_factory=dict)
    """By member: when their work is due, in UTC."""
    pages: Mapping[str, Page] = field(default_factory=dict)
    """By member; empty but for a format that hands pages out."""
    version: int = 1
    """One more with every correction of returned marks."""


@dataclass(frozen=True)
class ExportRules:
    """What the person who exports says beside the sheet."""

    column: str = ""
    """The heading of the column to fill, where a sheet has several: an assignment of a gradebook, or a marker's."""
    maximum: Decimal | None = None
    """The platform's maximum, where its file does not say it."""
    members: Mapping[str, str] = field(default_factory=dict)
    """By the platform's own number or word for a participant: the member's id, for a sheet without names."""


def check_rules(rules: ExportRules, title: str, *uses: str) -> None:
    """Refuse what a person said and the format has no use for.

    Args:
        uses: Names of the fields of `rules` that it uses.

    Raises:
        UserError: names the option.
    """
    for name in ("column", "maximum", "members"):
        if getattr(rules, name) and name not in uses:
            raise UserError(f"--{name}: {title} has no use for it: leave it out")


Fill = Callable[[bytes, Marks, Sequence[Group], ExportRules], Filled]
"""(the platform's sheet, or no bytes; marks; roster; rules) -> the file for the platform. It reads and writes no file.

Raises:
    UserError: the sheet is not what the platform gives out; says where, and what to do.
"""


@dataclass(frozen=True)
class Export:
    """A format of `EXPORTS`."""

    title: str
    """What it is, for the list of formats."""
    fill: Fill
    suffix: str
    """Of the file that it writes, such as `.csv`."""
    evidence: str
    """By what the platform's rules are known: the importer's source, its fixtures, or documents only."""
    sheet: str = ""
    """What the person has to download first, and where; empty where the file is made without one."""
    upload: str = ""
    """Where the file goes; a sentence that begins with a verb."""
    hands_out_pages: bool = False
    """Whether `Marks.pages` is needed."""
    first: str = ""
    """The format that has to be uploaded before this one."""


def scaled(mark: PersonalMark, maximum: Decimal) -> Decimal:
    """A person's mark on a platform's scale: points of the assignment as the mark sheet has them, else its percentage,
    scaled to two decimals, half up.

    Raises:
        UserError: the person has no mark.
    """
    percent, points = numbers_of(mark)
    return on_scale(percent, points, mark.out_of, maximum)


def numbers_of(mark: PersonalMark) -> tuple[Decimal, Decimal]:
    """A person's mark in per cent and in points.

    Raises:
        UserError: the person has no mark.
    """
    if mark.percent is None or mark.points is None:
        raise UserError(f"{mark.member} has no mark: {mark.status}")
    return mark.percent, mark.points


def on_scale(percent: Decimal, points: Decimal, out_of: Decimal, maximum: Decimal) -> Decimal:
    """A mark, in per cent and in points, on another scale; where it is on that scale already, as it stands."""
    if maximum == 100:
        return percent
    if maximum == out_of:
        return points
    return half_up(percent * maximum / 100, 2)


def cell_text(number: Decimal, *, comma: bool = False) -> str:
    """A mark as a cell has it: no exponent, no thousands, and a decimal, so that no reader takes 0 for empty."""
    text = f"{number:f}"
    text = text.rstrip("0") if "." in text else f"{text}."
    text = f"{text}0" if text.endswith(".") else text
    return text.replace(".", ",") if comma else text


@dataclass(frozen=True)
class OnRoster:
    """One member of the roster, with the group."""

    member: Member
    group: Group

    def __str__(self) -> str:
        return self.member.id
