"""Pictures in a folder for each class: `malignant/P01_a.png`, or `train/malignant/P01_a.png` with a published split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from assignments.data.folder.cases import CaseRow, CaseTable
from assignments.data.folder.checked import checked_table
from assignments.data.folder.file_roles import is_label_name, mentions_role
from assignments.data.folder.layouts.layout import Layout, folders_of, images, relative, visible
from assignments.data.folder.subject_names import guessed_subjects, stem_of
from assignments.data.folder.values import PARTS, inferred_classes
from assignments.data.source import Part
from assignments.errors import listed

_CLASS_WORDS = re.compile(r"(class|grade|stage|level|type|score|kl|birads|bi-rads|label|cat|category)", re.IGNORECASE)
_MOST_CLASSES: Final = 100


def _fits(folder: Path) -> bool:
    classes = [path for _, inside in _parts(folder) for path in folders_of(inside)]
    names = {path.name for path in classes}
    return (
        2 <= len(names) <= _MOST_CLASSES
        and not any(mentions_role(name) or name.casefold() in PARTS for name in names)
        and not are_patients(names)
        and all(images(path) for path in classes)
        and not any(is_label_name(file.name) for path in classes for file in images(path))
        and not any(images(inside) for _, inside in _parts(folder))
    )


def _parts(folder: Path) -> list[tuple[Part | None, Path]]:
    """The folders that hold the classes: one for each published part, or the folder itself."""
    inside = folders_of(folder)
    if inside and all(path.name.casefold() in PARTS for path in inside):
        return [(PARTS[path.name.casefold()], path) for path in inside]
    return [(None, folder)]


def are_patients(names: set[str]) -> bool:
    """Whether folders are named after patients: `P01`, `P02`, `patient_3`. `grade_2` and `3` are classes."""
    numbered = [re.fullmatch(r"([A-Za-z]+)[-_ ]?\d+", name) for name in names]
    words = {match[1].casefold() for match in numbered if match}
    return all(numbered) and len(words) == 1 and not _CLASS_WORDS.fullmatch(next(iter(words)))


def _table(folder: Path) -> CaseTable:
    files = list(_files(folder))
    names = [relative(folder, path) for _, path in files]
    guess = guessed_subjects(names)
    subjects = guess.subjects if guess else tuple(map(stem_of, names))
    rows = [
        CaseRow(name, subject, {"image": name}, {"class": path.parent.name}, part=part)
        for (part, path), name, subject in zip(files, names, subjects, strict=True)
    ]
    classes, doubts = inferred_classes({path.parent.name for _, path in files})
    doubts.insert(0, f"the folders are the classes: {listed(classes, 6)}")
    if guess:
        count = len(set(subjects))
        example = f"such as {subjects[0]} of {names[0]}"
        doubts.append(f"subject: {guess.how}, {example}; {len(rows)} images of {count} subjects")
    else:
        doubts.append(f"subject: each of {len(rows)} images is a patient of its own, such as {subjects[0]}")
    if (parts := _parts(folder))[0][0] is not None:
        doubts.append(f"the folders {', '.join(path.name for _, path in parts)} are a published split")
    doubts += _left_out(folder)
    return checked_table(folder, folder, rows, ("image", "class"), classes=classes, doubts=doubts)


def _left_out(folder: Path) -> Iterator[str]:
    """What lies in the folders of the classes, and is not read: other files, and folders in them."""
    for _, inside in _parts(folder):
        for path in folders_of(inside):
            read = set(images(path))
            others = [other.name for other in visible(path) if other not in read]
            others += [f"{other.name}/" for other in folders_of(path)]
            if others:
                yield f"{relative(folder, path)}: {len(others)} files or folders are not read: {listed(others)}"


def _files(folder: Path) -> Iterator[tuple[Part | None, Path]]:
    for part, inside in _parts(folder):
        for name in folders_of(inside):
            for path in images(name):
                yield part, path


CLASS_FOLDERS = Layout("CLASS/PATIENT_IMAGE.png, also in train/ and test/", _fits, _table)
