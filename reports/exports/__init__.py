"""The formats in which marks leave for other systems: `EXPORTS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reports.exports import moodle_assign, moodle_feedback
from reports.exports.export import Export

_MOODLE: Final = "Moodle's source and the worksheets of its tests; not tried on a Moodle"
_WORKSHEET: Final = (
    "In Moodle, in English, open the assignment: Submissions, all participants, Actions, Download grading worksheet"
)

EXPORTS: Final[Mapping[str, Export]] = {
    "moodle-assign": Export(
        "Moodle's grading worksheet",
        moodle_assign.fill,
        ".csv",
        _MOODLE,
        sheet=_WORKSHEET,
        upload="In Moodle open the assignment: Submissions, all participants, Actions, Upload grading worksheet",
    ),
    "moodle-feedback": Export(
        "Feedback files for Moodle",
        moodle_feedback.fill,
        ".zip",
        _MOODLE,
        sheet=_WORKSHEET,
        upload="In Moodle open the assignment, with feedback files switched on: Submissions, Actions, Upload multiple "
        "feedback files in a zip",
        hands_out_pages=True,
        first="moodle-assign",
    ),
}
"""By name."""
