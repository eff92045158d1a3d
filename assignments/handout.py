"""What students get of an assignment: brief, starter, interface, public tests and the published training cases.

Hidden tests, misconceptions, references and hidden cases stay behind; whether an assignment may be handed out is the
caller's question (`graders.record.rehearsal`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment
from assignments.data.sources import draw_of
from assignments.data.streams import PUBLISHED, stream
from assignments.errors import UserError
from assignments.folders import HANDOUT
from assignments.load import digest

_FILES = ("brief.md", "interface.py", "doubles.py", "assignment.toml")


def write_handout(
    assignment: Assignment, out: Path, packages: Sequence[str] = (), limits: str = ""
) -> tuple[Path, ...]:
    """Write the handout to `out / <assignment id>`, the folder that a group's repository has too.

    Args:
        packages: names and versions that solutions may import, as the runtime image lists them.
        limits: what a hand-in may use, for people: written to `limits.md`.

    Returns:
        The files written.

    Raises:
        UserError: a solution.py lies there: handing out again must not overwrite anybody's work.
    """
    folder = out / assignment.id
    starters = sorted((assignment.folder / "starter").glob("*"))
    for starter in starters:
        if (folder / starter.name).exists():
            raise UserError(f"{folder / starter.name} is there already; hand out to an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in [*(assignment.folder / name for name in _FILES), *starters]:
        if path.is_file():
            written.append(Path(shutil.copyfile(path, folder / path.name)))
    for path in sorted((assignment.folder / "public_tests").glob("test_*.py")):
        (folder / "public_tests").mkdir(exist_ok=True)
        written.append(Path(shutil.copyfile(path, folder / "public_tests" / path.name)))
    if limits:
        (folder / "limits.md").write_text(limits, encoding="utf-8")
        written.append(folder / "limits.md")
    written.append(_training_cases(assignment, folder))
    note = {"assignment": assignment.id, "digest": digest(assignment), "packages": list(packages)}
    (folder / HANDOUT).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return (*written, folder / HANDOUT)


def _training_cases(assignment: Assignment, folder: Path) -> Path:
    """The training cases of the published secret: those that `fit` receives where data.redraw is off.

    The test cases drawn with them are dropped: of a folder of real data they can be the hidden ones.
    """
    streams = [stream(PUBLISHED, assignment.id, purpose, "0") for purpose in ("train", "test")]
    train, _ = draw_of(assignment)(assignment.data, *streams)
    path = folder / "data" / "train.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **{name: array for name, array in train.items() if name != "group"})  # type: ignore[arg-type]
    return path
