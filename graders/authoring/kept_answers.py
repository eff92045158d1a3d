"""Answers of references, kept in the user's cache under the digest of all that made them, to be scored again.

Training references takes minutes to hours and scoring their answers seconds. Nothing of a course comes here; whatever
is lost or cannot be read is trained anew.
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

KEPT = 30
"""Draws of one reference that are kept, the newest: the last six versions of it."""


@dataclass(frozen=True)
class Run:
    """What one reference answered on one draw."""

    answers: Answers
    """Of every case: a calibration takes nothing less."""
    cpu_s: float
    versions: Mapping[str, str]
    """Names and versions of what it ran with."""


def shelf(assignment: str, framework: str) -> Path | None:
    """Where the answers of one reference are kept; None where this user has no place for them."""
    cache = cache_folder()
    return None if cache is None else cache / "calibration" / assignment / framework


def kept(shelf: Path | None, key: str) -> Run | None:
    """What is kept under a key; None where nothing is, or nothing that can be read."""
    if shelf is None:
        return None
    try:
        facts = json.loads((shelf / f"{key}.json").read_text("utf-8"))
        with (shelf / f"{key}.npz").open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        return Run(Answers(arrays), float(facts["cpu_s"]), dict(facts["versions"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def keep(shelf: Path | None, key: str, run: Run) -> None:
    """Keep a run under a key. Only a saving of time: where it cannot be written, the next calibration trains again."""
    if shelf is None:
        return
    arrays = io.BytesIO()
    np.savez_compressed(arrays, **run.answers.arrays)  # type: ignore[arg-type]
    facts = json.dumps({"cpu_s": run.cpu_s, "versions": dict(run.versions)})
    with suppress(OSError):
        # The facts come last: with them a run is whole.
        replace_file(shelf / f"{key}.npz", arrays.getvalue())
        replace_file(shelf / f"{key}.json", facts)
        by_age = sorted(shelf.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[KEPT:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".npz").unlink(missing_ok=True)
