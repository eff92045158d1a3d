"""What a known layout is, and what the layouts share: the files of a folder, and a `dataset.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from assignments.data.folder.cases import CaseTable
from assignments.data.folder.subject_names import SUFFIXES
from assignments.errors import Problem, UserError

DESCRIPTION = "dataset.json"
HIGHEST_CLASS = 65_535
"""No list of names is made for more: a number in a file must not decide how much memory that takes."""
ClassNumber = Annotated[int, Field(ge=0, le=HIGHEST_CLASS)]


@dataclass(frozen=True)
class Layout:
    """A folder as many people have it."""

    looks_like: str
    """Its files, for a sentence."""
    fits: Callable[[Path], bool]
    """Whether a folder looks like that, from the names of its files."""
    table: Callable[[Path], CaseTable]
    """The cases of such a folder."""


def visible(folder: Path, suffixes: Sequence[str] = ()) -> list[Path]:
    """Files of a folder in the order of their names, without what a Mac or Windows adds: `._liver_1.nii.gz`."""
    if not folder.is_dir():
        return []
    files = (
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.name != "Thumbs.db" and path.is_file()
    )
    return sorted(path for path in files if not suffixes or path.name.casefold().endswith(tuple(suffixes)))


def folders_of(folder: Path) -> list[Path]:
    """The folders in a folder, without hidden ones."""
    inside = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in inside if not path.name.startswith((".", "__")) and path.is_dir())


def images(folder: Path) -> list[Path]:
    """The image files of a folder. A header with its voxels beside it, `P1.hdr` and `P1.img`, is one image."""
    files = visible(folder, SUFFIXES)
    headers = {path.stem for path in files if path.suffix.casefold() == ".hdr"}
    return [path for path in files if path.suffix.casefold() != ".img" or path.stem not in headers]


def relative(folder: Path, path: Path) -> str:
    """A path as a table writes it."""
    return path.relative_to(folder).as_posix()


def description(folder: Path) -> Mapping[str, Any] | None:
    """What `dataset.json` says; None if there is none, or if it is not a description of a data set.

    Raises:
        UserError: it is not JSON.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: is not JSON: {error.msg}. Correct or replace it.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}). Download it again.") from error
    return value if isinstance(value, dict) else None


def description_problems(folder: Path, error: ValidationError) -> tuple[Problem, ...]:
    """What is wrong with the values of `dataset.json`."""
    reasons: dict[str, str] = {}
    for wrong in error.errors():
        # pydantic names the types that it tried, too: `training.0.image.tuple[str, ...]`
        parts = [str(part) for part in wrong["loc"]]
        key = ".".join(part for part in parts if not re.match(r"constrained-|tuple\[|str$|\[key\]", part))
        reasons.setdefault(key, wrong["msg"])
    return tuple(
        Problem(str(folder / DESCRIPTION), key, None, what, "correct it there") for key, what in reasons.items()
    )


def classes_by_number(names: Mapping[int, str]) -> tuple[str, ...]:
    """Names of the classes from 0 on; a number without a name is its own."""
    return tuple(names.get(number, str(number)) for number in range(max(names, default=-1) + 1))


def channel_names(names: Mapping[int, str]) -> tuple[str, ...]:
    """Names of the channels in the order of their numbers; where two are equal, each gets a number."""
    channels = tuple(names[number] for number in sorted(names))
    if len(set(channels)) < len(channels):
        return tuple(f"{name}_{number}" for number, name in enumerate(channels))
    return channels
