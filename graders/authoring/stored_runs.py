"""Stores the answers of references in the user's cache, under a digest of all that made them, to score them again.

Training references takes minutes to hours, scoring their answers seconds. Nothing of a course is stored here; what is
lost or cannot be read is trained anew.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assignments.data.case_files import UNREADABLE
from assignments.data.columns import Cases, Column, in_memory
from assignments.files import replace_file
from assignments.this_user import cache_folder
from graders.failures import InternalFailure
from graders.record.answer_files import AnswerFile, read_arrays
from graders.record.answers import Answers

STORED_DRAWS = 30
"""The newest draws of one reference that stay: those of its last six versions."""


@dataclass(frozen=True)
class StoredRun:
    """What one reference answered on one draw."""

    answers: Answers
    """Of every case: a calibration needs all of them."""
    cpu_s: float
    versions: Mapping[str, str]
    """Names and versions of what it ran with."""


def runs_folder(assignment: str, name: str) -> Path | None:
    """The folder of the answers of a framework's reference, or of a baseline; None where this user has no cache."""
    cache = cache_folder()
    return None if cache is None else cache / "calibration" / assignment / name


def stored_run(folder: Path | None, key: str) -> StoredRun | None:
    """The run that is stored under a key; None if there is none, or it cannot be read."""
    if folder is None:
        return None
    try:
        facts = json.loads((folder / f"{key}.json").read_text("utf-8"))
        count = int(facts.get("cases", 0))
        path = folder / f"{key}.npz"
        with path.open("rb") as file:
            arrays = read_arrays(path, file, range(count), count)
        return StoredRun(Answers(arrays), float(facts["cpu_s"]), dict(facts["versions"]))
    except (*UNREADABLE, TypeError):
        return None


def store_run(folder: Path | None, key: str, run: StoredRun) -> StoredRun:
    """Store a run under a key. It only saves time: where it cannot be written, the next calibration trains again.

    Returns:
        The run; answers that are read one at a time are read from its file from now on, or lie in memory.
    """
    arrays = run.answers.arrays
    count = len(next(iter(arrays.values()), ()))
    facts = json.dumps({"cpu_s": run.cpu_s, "versions": dict(run.versions), "cases": count})
    stored = None
    with suppress(OSError, InternalFailure):
        if folder is not None:
            # The facts are written last: a run with them is complete.
            _write_arrays(folder / f"{key}.npz", arrays, count)
            replace_file(folder / f"{key}.json", facts)
            _remove_old(folder)
            stored = stored_run(folder, key)
    if not any(isinstance(cases, Column) for cases in arrays.values()):
        return run
    return stored or replace(run, answers=Answers({name: in_memory(cases) for name, cases in arrays.items()}))


def _write_arrays(path: Path, arrays: Mapping[str, Cases], count: int) -> None:
    if any(isinstance(cases, Column) for cases in arrays.values()):
        with AnswerFile(path.parent) as file:
            for index in range(count):
                file.add(index, {name: np.asarray(cases[index]) for name, cases in arrays.items()})
            file.save(path)
        return
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    replace_file(path, content.getvalue())


def _remove_old(folder: Path) -> None:
    """Remove all runs but the newest."""
    with suppress(OSError):
        by_age = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[STORED_DRAWS:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".npz").unlink(missing_ok=True)
