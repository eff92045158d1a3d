"""The layouts of the marking sheet of UCL's Moodle activity Coursework: which column means what.

Coursework reads columns by position and number, and which it expects depends on the activity and on the rights of the
person. Here the headings tell which layout a sheet has. Evidence: the plugin's source, grading_sheet.php and csv/cells
in classes/export, and lang/en/coursework.php.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from assignments.errors import UserError

NAME: Final = "Coursework's sheet"
SUB_ID, FILE_ID, NAMED = 0, 1, 2
"""Columns of every layout; the third has the person's name, or that of the group."""
NAMING: Final = range(NAMED + 1, NAMED + 4)
"""User name, ID number and e-mail address, in a sheet of individuals."""

_MARK, _MARKER = r"(?:mark|grade)", r"(?:marker|assessor)"
_LETTERS: Final[Mapping[str, str]] = {
    r"sub(?:mission)? id": "S",
    r"submission file id": "F",
    r"surname/name": "N",
    r"username": "U",
    r"id number": "I",
    r"email(?: address)?": "E",
    r"group": "G",
    r"overdue|submission time": "T",
    _MARK: "M",
    r"feedback(?: comments?)?": "C",
    rf"{_MARKER} \d": "a",
    rf"{_MARKER} \d {_MARK}": "m",
    rf"{_MARKER} \d feedback": "f",
    rf"other {_MARKER} {_MARK} \(\d\)": "o",
    rf"other {_MARKER} feedback \(\d\)": "p",
    rf"agreed {_MARK}": "A",
    rf"agreed(?: {_MARK})? feedback": "B",
    r"comment for: .*": "R",
}
"""By the words of a heading, now and before the plugin wrote mark for grade: the letter that spells it in a layout."""
_LAYOUT: Final = re.compile(r"(?:SFNUIE|SFG)T(?:MC|(?:(?:amf)+|(?:mf)+)AB|MC(?:op)+AB)")
_LAYOUTS: Final = (
    "of individuals: Sub ID, Submission file id, Surname/Name, Username, ID number, Email address, Overdue, and then",
    "of groups: Sub ID, Submission file id, Group, Overdue, and then",
    "one marker: Mark, Feedback comment",
    "several markers: for each Marker 1 (where markers are allocated), Marker 1 mark, Marker 1 feedback; last Agreed "
    "mark, Agreed mark feedback",
    "one of several markers: Mark, Feedback comment, for each other Other marker mark (1), Other marker feedback (1); "
    "last Agreed mark, Agreed mark feedback",
)


@dataclass(frozen=True)
class CourseworkLayout:
    """Where the marks of a sheet stand."""

    is_of_groups: bool
    """Whether a row is a group."""
    first: Mapping[str, int]
    """By heading: the columns of first marks that Coursework reads; of a single marker it is the only mark."""
    others: tuple[int, ...]
    """Columns of other markers' marks, which it shows and does not read."""
    agreed: Mapping[str, int]
    """By heading: the column of the agreed mark, if there is one."""

    @property
    def read(self) -> Mapping[str, int]:
        """The columns of marks that Coursework reads."""
        return {**self.first, **self.agreed}

    def column(self, heading: str) -> str:
        """The heading of the column to fill.

        Args:
            heading: What the person typed; empty where there is only one.

        Raises:
            UserError: there is no such column, or several and none was named.
        """
        named = (
            [each for each in self.read if each.casefold() == heading.strip().casefold()] if heading else [*self.read]
        )
        if len(named) != 1:
            what = f"there is no column {heading!r}" if heading else "it has several columns for marks"
            raise UserError(f"{NAME}: {what}; name the one to fill with --column: {' or '.join(self.read)}")
        return named[0]


def layout_of(header: Sequence[str]) -> CourseworkLayout:
    """The layout of a sheet with this header.

    Raises:
        UserError: it is not known, or marks the criteria of a rubric.
    """
    letters = "".join(map(_letter, header))
    is_of_groups = letters[:3] == "SFG"
    if letters[:2] == "SF" and "R" in letters:
        raise UserError(_of_rubric(is_of_groups=is_of_groups))
    if not _LAYOUT.fullmatch(letters):
        raise UserError(
            f"{NAME}: its {len(header)} columns are not a layout of Coursework that medmark knows, so a mark could "
            "stand under another column. Set Moodle to English and download the marking sheet again. The layouts are\n"
            + "\n".join(f"  {layout}" for layout in _LAYOUTS)
        )
    at = {letter: [index for index, each in enumerate(letters) if each == letter] for letter in "MmoA"}
    return CourseworkLayout(
        is_of_groups,
        {header[index].strip(): index for index in (*at["M"], *at["m"])},
        tuple(at["o"]),
        {header[index].strip(): index for index in at["A"]},
    )


def _letter(heading: str) -> str:
    text = " ".join(heading.split()).casefold()
    return next((letter for words, letter in _LETTERS.items() if re.fullmatch(words, text)), "?")


def _of_rubric(*, is_of_groups: bool) -> str:
    why = (
        "medmark has a total, and not a level for each criterion"
        if is_of_groups
        else "Coursework, as published, reads the levels from the sixth column on, and seven columns stand before "
        "them, so that it would refuse the rows or take wrong levels"
    )
    return (
        f"{NAME}: it marks the criteria of a rubric, and cannot be filled: {why}. Set the grading method of the "
        "activity to simple direct grading and download the sheet again, or type the marks by hand."
    )
