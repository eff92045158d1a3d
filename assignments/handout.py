"""Writes what students get of an assignment: brief, starter, interface, public tests and published training cases.

Hidden tests, misconceptions, references and hidden cases stay behind. The caller decides whether an assignment may be
handed out (`graders.authoring.handing_out`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.columns import stacked
from assignments.data.parts import published_training_cases
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.folders import HANDOUT
from assignments.load import folder_digest

_FILES = ("brief.md", "interface.py", "doubles.py", "assignment.toml")


def write_handout(
    assignment: Assignment, out: Path, packages: Sequence[str] = (), limits: str = ""
) -> tuple[Path, ...]:
    """Write the handout to `out / <assignment id>`, the folder that a group's repository has too.

    Args:
        packages: names and versions that solutions may import, as the runtime image lists them.
        limits: text about what a submission may use, written to `limits.md`.

    Returns:
        The files written.

    Raises:
        UserError: there is a solution.py already; a second handout must not overwrite a group's work.
    """
    folder = out / assignment.id
    starters = sorted((assignment.folder / "starter").glob("*"))
    for starter in starters:
        if (folder / starter.name).exists():
            raise UserError(f"{folder / starter.name} is there already; choose an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in [*(assignment.folder / name for name in _FILES), *starters]:
        if path.is_file():
            written.append(_written(folder / path.name, path.read_bytes()))
    for path in sorted((assignment.folder / "public_tests").glob("test_*.py")):
        written.append(_written(folder / "public_tests" / path.name, path.read_bytes()))
    if limits:
        written.append(_written(folder / "limits.md", limits))
    written.append(_training_cases(assignment, folder))
    note = {"assignment": assignment.id, "digest": folder_digest(assignment), "packages": list(packages)}
    return (*written, _written(folder / HANDOUT, json.dumps(note, indent=2) + "\n"))


def _written(path: Path, content: str | bytes) -> Path:
    replace_file(path, content)
    return path


def _training_cases(assignment: Assignment, folder: Path) -> Path:
    """The training cases of the published secret: those that `fit` receives without `data.redraw`."""
    train = published_training_cases(assignment)
    arrays = io.BytesIO()
    np.savez_compressed(arrays, **{name: stacked(array) for name, array in train.items()})  # type: ignore[arg-type]
    return _written(folder / "data" / "train.npz", arrays.getvalue())
