"""A folder of patients' files, without code: `assignments.data.folder` reads it.

That package imports SciPy's image functions, which a marking process without such a folder has no need of: so each
function imports it when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from assignments.assignment import Assignment
from assignments.data.problem_list import within
from assignments.data.source import Arrays, Axes, Finite, Subject
from assignments.errors import Problem

if TYPE_CHECKING:
    from assignments.data.folder.open_folder import OpenFolder


def _opened(assignment: Assignment) -> OpenFolder:
    from assignments.data.folder.open_folder import opened_folder

    return opened_folder(assignment)


def _arrays(opened: OpenFolder) -> Mapping[str, Axes]:
    return opened.arrays


def _subjects(opened: OpenFolder) -> list[Subject]:
    from assignments.data.folder.source import subjects

    return subjects(opened)


def _load(opened: OpenFolder, subject: str) -> list[Arrays]:
    from assignments.data.folder.source import load

    return load(opened, subject)


def _stamp(opened: OpenFolder, subject: str) -> object:
    from assignments.data.folder.source import stamp

    return stamp(opened, subject)


def _problems(opened: OpenFolder) -> Sequence[Problem]:
    return [within(opened.table.folder, problem) for problem in opened.table.problems]


def _doubts(opened: OpenFolder) -> Sequence[str]:
    from assignments.data.folder.dicom_headers import same_patients

    return (*opened.table.doubts, *same_patients(opened.table.folder, opened.table.rows))


def _classes(opened: OpenFolder) -> Sequence[str]:
    return opened.table.classes


def _remarks(opened: OpenFolder, subject: str) -> Sequence[str]:
    return opened.remarks.get(subject, ())


SOURCE = Finite(
    _arrays,
    _opened,
    _subjects,
    _load,
    problems=_problems,
    doubts=_doubts,
    classes=_classes,
    remarks=_remarks,
    stamp=_stamp,
)
