"""The patients of proposed rows: of a table beside the images, of folders, or of names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from assignments.data.folder.cases import CaseRow
from assignments.data.folder.file_roles import FileRole
from assignments.data.folder.subject_names import guessed_subjects
from assignments.data.folder.tables_beside import Beside
from assignments.errors import listed

_MOST_GROUPS: Final = 20
_NO_PATIENT: Final = re.compile(r"(batch|part|fold|set|chunk|shard|group|site|cent(er|re)|hospital)s?$", re.IGNORECASE)
"""Words in the names of folders that hold several patients: `Training Batch 1`."""
_GROUPS: Final = frozenset({
    "benign", "malignant", "normal", "abnormal", "healthy", "control", "controls", "positive", "negative", "disease",
    "diseased", "tumor", "tumour", "cancer", "lesion", "pathological", "patient", "patients", "case", "cases", "covid",
    "pneumonia", "left", "right", "axial", "coronal", "sagittal", "male", "female", "low", "high", "ge", "siemens",
    "philips", "canon", "toshiba", "hitachi", "unknown", "other", "others",
})  # fmt: skip
"""Names of folders that hold several patients. Others may be a patient's, such as `Anna`."""


def with_subjects(
    rows: list[CaseRow], roles: Mapping[str, FileRole], notes: Beside | None, questions: list[str]
) -> list[CaseRow]:
    """Rows with their subjects: of the table beside, of a folder, of the names; else each row is its own."""
    if notes and "subject" in notes.columns:
        return [replace(row, subject=notes.cells.get(row.id, {}).get("subject", ""), members=()) for row in rows]
    of_class = bool(rows) and "class" in rows[0].values and not (notes and "class" in notes.columns)
    inner = [roles[row.id].folders[1 if of_class else 0 :] for row in rows]
    names = {folders[0] for folders in inner if folders}
    deeper = all(folders[1:] for folders in inner)
    if all(inner) and 1 < len(names) <= _MOST_GROUPS and _are_groups(names, deeper=deeper):
        questions.append(
            f"are the folders {listed(sorted(names))} patients? They are taken for groups of them, the stratum group"
        )
        rows = [
            replace(row, strata={**row.strata, "group": folders[0]}) for row, folders in zip(rows, inner, strict=True)
        ]
        inner, names = [folders[1:] for folders in inner], {folders[1] for folders in inner if folders[1:]}
    if all(inner) and len(names) > 1:
        subjects = [folders[0] for folders in inner]
        how, agree = f"the folder {subjects[0]} of {rows[0].id}", len(rows)
    elif guess := guessed_subjects([row.id for row in rows]):
        subjects, agree = list(guess.subjects), guess.agree
        how = f"`{subjects[0]}` in `{Path(rows[0].id).name}` ({guess.how})"
    else:
        subjects = [Path(row.subject).name for row in rows]
        how, agree = f"each of {len(rows)} cases a patient of its own, such as {subjects[0]}", 0
    if agree:
        count = len(set(subjects))
        questions.append(f"is {how} the patient? {agree} of {len(rows)} files agree, of {count} patients")
    else:
        questions.append(f"is {how}? A patient with two images must have one name in the column subject")
    return [replace(row, subject=subject, members=()) for row, subject in zip(rows, subjects, strict=True)]


def _are_groups(names: set[str], *, deeper: bool) -> bool:
    """Whether folders hold several patients each: by their names, or since each has folders in it.

    When in doubt they are patients: then no patient can come into two parts.
    """
    if any(map(_may_be_patient, names)):
        return False
    words = [word for name in names for word in re.findall(r"[A-Za-z]+", name)]
    return deeper or any(word.casefold() in _GROUPS or _NO_PATIENT.fullmatch(word) for word in words)


def _may_be_patient(folder: str) -> bool:
    """Whether a folder can be named after a patient: it has a number, and does not say that it holds several."""
    words = re.findall(r"[A-Za-z]+", folder)
    return any(map(str.isdigit, folder)) and not any(map(_NO_PATIENT.fullmatch, words))
