"""The formats in which marks leave for other systems: `EXPORTS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reports.exports import canvas, moodle_assign, moodle_feedback, ucl_coursework
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
    "ucl-coursework": Export(
        "The marking sheet of UCL's Moodle activity Coursework",
        ucl_coursework.fill,
        ".csv",
        "the plugin's source (ucl-isd/moodle-mod_coursework) and its tests; not tried on a Moodle",
        sheet="In the Coursework activity, open the marking actions and download the marking spreadsheet",
        upload="Upload it in the Coursework activity, as the person who downloaded it; where a mark changes, let "
        "existing marks be overwritten",
    ),
    "canvas": Export(
        "Canvas's gradebook",
        canvas.fill,
        ".csv",
        "Canvas's source (lib/gradebook_importer.rb) and its tests; not tried on a Canvas",
        sheet="In Canvas open Gradebook, Export, Export Entire Gradebook",
        upload="In Canvas open Gradebook, Import, and read the changes that it shows before you save them",
    ),
}
"""By name."""
