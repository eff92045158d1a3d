"""Writes points into nbgrader's gradebook through nbgrader's own interface. Run as a program, by a Python that has it.

It reads one JSON object on stdin, which `graders.runs.nbgrader_writing` writes, and answers on stdout. It imports no
part of medmark, since it may run in another environment. A manual score is never touched.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from nbgrader.api import Gradebook, MissingEntry  # type: ignore[import-untyped]


def main() -> None:
    """Write what stdin says; stdout has a JSON object with `notes`, `untimed`, and `error`, empty if all went well."""
    work = json.load(sys.stdin)
    notes: list[str] = []
    untimed: list[str] = []
    with Gradebook(work["db_url"], course_id=work["course_id"]) as gradebook:
        try:
            for submission in work["submissions"]:
                if not _submitted(gradebook, work["assignment"], submission):
                    untimed.append(submission["student"])
                _write(gradebook, work["assignment"], submission, notes)
            gradebook.db.commit()
        except MissingEntry as error:
            gradebook.db.rollback()
            print(json.dumps({"notes": notes, "untimed": untimed, "error": str(error)}))
            return
    print(json.dumps({"notes": notes, "untimed": untimed, "error": ""}))


def _submitted(gradebook: Any, assignment: str, submission: dict[str, Any]) -> bool:
    """Enter who handed in, and when; whether that time could be read."""
    student = submission["student"]
    gradebook.update_or_create_student(student)
    try:
        when = {"timestamp": submission["timestamp"]} if submission["timestamp"] else {}
        gradebook.update_or_create_submission(assignment, student, **when)
    except ValueError:
        gradebook.update_or_create_submission(assignment, student)
        return False
    return True


def _write(gradebook: Any, assignment: str, submission: dict[str, Any], notes: list[str]) -> None:
    student = submission["student"]
    for notebook in submission["notebooks"]:
        for grade_id, points in notebook["points"].items():
            grade = gradebook.find_grade(grade_id, notebook["name"], assignment, student)
            grade.auto_score = points
            grade.needs_manual_grade = grade.manual_score is not None or points is None
            if grade.manual_score is not None:
                notes.append(f"{student}, {grade_id}: has a manual score, which stays, and is up for review")
        for grade_id, text in notebook["comments"].items():
            gradebook.find_comment(grade_id, notebook["name"], assignment, student).auto_comment = text or None


if __name__ == "__main__":
    main()
