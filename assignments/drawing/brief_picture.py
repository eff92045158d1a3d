"""What stands for `{{ picture }}` in a brief: a picture of published cases, or why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from assignments.assignment import Assignment
from assignments.data.published import PublishedCases
from assignments.data.sources import source_of
from assignments.drawing.data_picture import data_picture

PICTURE: Final = "brief.png"
"""The file, which lies beside the brief."""
STAY: Final = "There is no picture of the data: no case may leave the place where they are kept."
"""In place of a picture of cases that nobody may have."""


@dataclass(frozen=True)
class BriefPicture:
    """A picture and the Markdown that shows it; without a picture, words or nothing."""

    markdown: str = ""
    png: bytes = b""
    """Empty: there is no picture."""

    def file(self, brief: str) -> bytes:
        """The picture's file, if this brief shows it; its template may do so for some data alone."""
        return self.png if f"]({PICTURE})" in brief else b""


def brief_picture(assignment: Assignment, cases: PublishedCases) -> BriefPicture:
    """The picture of what students get of an assignment's cases.

    Cases that stand in for patients whom nobody may have are not drawn: they would pass for the data. Of cases without
    images, and without cases, there is nothing to draw and nothing to say.
    """
    if cases.kind in ("phantoms", "small cases"):
        return BriefPicture(STAY)
    if not cases.train:
        return BriefPicture()
    arrays = source_of(assignment).declared or (cases.prepared.arrays if cases.prepared is not None else {})
    shown = data_picture(assignment, arrays, cases.train)
    if shown is None:
        return BriefPicture()
    return BriefPicture(f"![{_plain(shown.alt)}]({PICTURE})\n\n*{_plain(shown.caption)}*", shown.png)


def _plain(text: str) -> str:
    """The text without Markdown of its own but code: names of classes are an author's."""
    parts = re.split(r"(`[^`\n]+`)", " ".join(text.split()))
    return "".join(part if i % 2 else re.sub(r"([\\*_\[\]<>&`])", r"\\\1", part) for i, part in enumerate(parts))
