"""Stores the answers of references in the user's cache, under a digest of all that made them, to score them again.

Training references takes minutes to hours, scoring their answers seconds. Nothing of a course is stored here; what is
lost or cannot be read is trained anew.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assignments.files import replace_file
from assignments.this_user import cache_folder
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


def runs_folder(assignment: str, framework: str) -> Path | None:
    """The folder of one reference's answers; None where this user has no cache."""
    cache = cache_folder()
    return None if cache is None else cache / "calibration" / assignment / framework


def stored_run(folder: Path | None, key: str) -> StoredRun | None:
    """The run that is stored under a key; None if there is none, or it cannot be read."""
    if folder is None:
        return None
    try:
        facts = json.loads((folder / f"{key}.json").read_text("utf-8"))
        with (folder / f"{key}.npz").open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        return StoredRun(Answers(arrays), float(facts["cpu_s"]), dict(facts["versions"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def store_run(folder: Path | None, key: str, run: StoredRun) -> None:
    """Store a run under a key. It only saves time: where it cannot be written, the next calibration trains again."""
    if folder is None:
        return
    arrays = io.BytesIO()
    np.savez_compressed(arrays, **run.answers.arrays)  # type: ignore[arg-type]
    facts = json.dumps({"cpu_s": run.cpu_s, "versions": dict(run.versions)})
    with suppress(OSError):
        # The facts are written last: a run with them is complete.
        replace_file(folder / f"{key}.npz", arrays.getvalue())
        replace_file(folder / f"{key}.json", facts)
        by_age = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[STORED_DRAWS:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".npz").unlink(missing_ok=True)
