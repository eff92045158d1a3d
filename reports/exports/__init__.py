"""The formats in which marks leave for other systems: `EXPORTS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reports.exports import (
    blackboard,
    brightspace,
    canvas,
    classroom50,
    gradescope,
    moodle_assign,
    moodle_feedback,
    nbgrader_csv,
    plain,
    ucl_coursework,
)
from reports.exports.export import Export

_MOODLE: Final = "Moodle's source and the worksheets of its tests; not tried on a Moodle"
_OWN: Final = "medmark's own format"
_WORKSHEET: Final = (
    "In Moodle, in English, open the assignment: Submissions, all participants, Actions, Download grading worksheet"
)

BOARD: Final = "board"
"""Beside them: the pack about all assignments, which no platform imports. `reports.board.export` makes it."""
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
    "gradescope": Export(
        "Results for Gradescope, as an autograder",
        gradescope.fill,
        ".zip",
        "Gradescope's documents and the harness of its autograders; not tried on a Gradescope",
        upload="On Gradescope open the assignment: Configure Autograder, upload the ZIP, wait until it is built, and "
        "run it for all submissions",
    ),
    "classroom50": Export(
        "Classroom 50's gradebook",
        classroom50.fill,
        ".json",
        "Classroom 50's source (foundation50/classroom50) and its schema; not tried on a classroom",
        sheet="In your organization's repository classroom50 take CLASSROOM/scores.json, once scores are collected",
        upload="Commit it in your organization's repository classroom50, in place of CLASSROOM/scores.json",
    ),
    "brightspace": Export(
        "Brightspace's grades",
        brightspace.fill,
        ".csv",
        "D2L's documents and guides of universities alone; not tried on a Brightspace",
        sheet="In Brightspace open Grades, Enter Grades, Export: key field Both, points grade, and the one item, and "
        "Export to CSV",
        upload="In Brightspace open Grades, Enter Grades, Import, and read the grades that it shows before you import "
        "them",
    ),
    "blackboard": Export(
        "The Grade Center of Blackboard Learn",
        blackboard.fill,
        ".csv",
        "Blackboard's documents and headings of downloads alone; not tried on a Blackboard",
        sheet="In Blackboard open the Full Grade Center, Work Offline, Download: the selected column, delimiter comma, "
        "with user information",
        upload="In Blackboard open the Full Grade Center, Work Offline, Upload, and read the changes that it shows "
        "before you submit them",
    ),
    "nbgrader": Export(
        "Grades as nbgrader exports them",
        nbgrader_csv.fill,
        ".csv",
        "nbgrader's source (plugins/export.py), and in tests its own exporter where it is installed",
    ),
    "csv": Export("The mark sheet as CSV", plain.csv, ".csv", _OWN),
    "xlsx": Export("The mark sheet as a workbook", plain.xlsx, ".xlsx", _OWN),
    "json": Export("The mark sheet for programs", plain.json, ".json", _OWN),
}
"""By name."""
