"""Reads what one student handed in to a course of nbgrader's. All of it is hostile, and nothing is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from assignments.notebook import NOTEBOOK_BYTES, NotANotebook, Notebook, read_notebook, refuse_long_code
from graders.intake.hand_in_folders import NAMED, FolderWalk
from graders.intake.listing import first_of, printable
from graders.intake.nbgrader_notebook import sorted_notebook
from graders.record.notebook_course import HandedNotebook, TeacherNotebook

ENTRIES: Final = 5000
"""Files and folders of one hand-in."""
FILES_BYTES: Final = 100_000_000
"""Of all files of one hand-in that are not its notebooks: as nbgrader has it."""
IGNORED: Final = frozenset({".ipynb_checkpoints", "__pycache__", "feedback"})
"""Folders that nbgrader ignores."""
TIMESTAMP: Final = "timestamp.txt"


def read_hand_in(
    folder: Path,
    student: str,
    teachers: Sequence[TeacherNotebook],
    released: Mapping[str, Mapping[str, str]],
    files: Mapping[str, Path],
) -> Iterator[HandedNotebook]:
    """Each notebook of one student.

    Args:
        released: By notebook and grade id, the sources that students received.
        files: The instructor's own files, which replace the student's.
    """
    own, left_out = files_below(folder)
    for teacher in teachers:
        handed = HandedNotebook(student, teacher.name, files={**own, **files}, notes=tuple(left_out))
        path, note = notebook_file(folder, teacher.name, teachers)
        if path is None:
            yield replace(handed, problem=note, absent=True)
            continue
        notes = (*handed.notes, *([note] if note else []))
        yield _read(replace(handed, notes=notes), path, teacher, released.get(teacher.name))


def notebook_file(folder: Path, name: str, teachers: Sequence[TeacherNotebook]) -> tuple[Path | None, str]:
    """The file of a notebook, and what a person should know of it; None with the reason if there is none.

    Where one name is missing and one notebook with another name lies there, that is the one.
    """
    names = [teacher.name for teacher in teachers]
    present = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == ".ipynb"}
    others = [other for other in present if other not in names]
    if name in present:
        return present[name], ""
    if not others:
        return None, f"{name}.ipynb was not handed in"
    named = first_of([f"{printable(other)}.ipynb" for other in others], NAMED)
    if len(others) == 1 and sum(other not in present for other in names) == 1:
        return present[others[0]], f"there is no {name}.ipynb, so {named} counts"
    return None, f"{name}.ipynb was not handed in, but {named}: rename the right notebook to {name}.ipynb"


def _read(
    handed: HandedNotebook, path: Path, teacher: TeacherNotebook, released: Mapping[str, str] | None
) -> HandedNotebook:
    """The notebook that lies in a file; `problem` says why it cannot be read."""
    try:
        notebook = open_notebook(path)
    except NotANotebook as error:
        return replace(handed, problem=str(error))
    in_order = sorted_notebook(notebook, teacher, released)
    named = f"the notebook names the language {printable(notebook.language)[:40]}: its cells run as Python all the same"
    notes = [] if notebook.is_python else [named]
    return replace(
        handed,
        cells=in_order.to_run(),
        manual=in_order.by_hand(),
        notes=(*handed.notes, *notes, *in_order.notes),
        stops=in_order.stops,
    )


def open_notebook(path: Path) -> Notebook:
    """A student's notebook.

    Raises:
        NotANotebook: it cannot be read as a notebook; the text says why, and what to do.
    """
    name = printable(path.name)
    if path.is_symlink() or not path.is_file():
        raise NotANotebook(f"{name} is a link or a folder: hand in the file itself")
    with path.open("rb") as file:
        data = file.read(NOTEBOOK_BYTES + 1)
    if not data.strip():
        raise NotANotebook(f"{name} is empty: hand in the notebook in which the work is")
    notebook = read_notebook(data, name)
    if not any(cell.source.strip() for cell in notebook.cells):
        raise NotANotebook(f"{name} has no cell with anything in it: hand in the notebook in which the work is")
    refuse_long_code(notebook, name)
    return notebook


def files_below(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The files below a folder that are not notebooks of its own, by their path there, and what is left out."""
    walk = FolderWalk(ENTRIES)
    walk.folder(str(folder), "")
    files = [file for file in walk.files if _goes_along(file.path)]
    if walk.overfull or sum(file.size for file in files) > FILES_BYTES:
        limit = f"{ENTRIES} entries" if walk.overfull else f"{FILES_BYTES // 1_000_000} MB"
        return {}, [f"has more than {limit} beside its notebooks: none of them goes along"]
    return {file.path: file.source for file in files}, list(walk.lines(""))


def _goes_along(path: str) -> bool:
    is_notebook = "/" not in path and path.endswith(".ipynb")
    return not (is_notebook or path == TIMESTAMP or path.endswith(".pyc") or IGNORED & set(path.split("/")))


def timestamp_of(folder: Path) -> str:
    """What nbgrader noted as the time of a hand-in; empty where there is none."""
    path = folder / TIMESTAMP
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(100).decode(errors="replace").strip()
