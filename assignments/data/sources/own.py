"""Reads an author's own source, a trusted Python file in the assignment's folder (docs/data.md)."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assignments.data.source import RESERVED, Axes, Endless, Finite, Source
from assignments.data.source_names import ENDLESS, EXAMPLE, FINITE, old_name
from assignments.errors import UserError


def own_source(folder: Path, name: str) -> Source:
    """The source that the file `name` in `folder` defines.

    Raises:
        UserError: the file is missing, raises, has an old signature, or does not define a source. The error says what
            to write.
    """
    where = f'{folder / "assignment.toml"} [data]: source = "{name}"'
    if ":" in name:
        what, cure = old_name(name)
        raise UserError(f"{where}: {what}. To correct it, {cure}.")
    path = folder / name
    if not path.is_file():
        raise UserError(f"{where}, but there is no file {path}")
    try:
        # Run as it is: an import would find the bytecode of a file that was saved twice within a second.
        defined = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:  # an author's file may raise anything
        raise UserError(f"{path} raised {type(error).__name__}: {error}. Correct the file.") from error
    draw, finite = defined.get("draw"), [name for name in ("open", "subjects", "load") if callable(defined.get(name))]
    arrays = _arrays(path, defined.get("ARRAYS"))
    if callable(draw) and finite:
        raise UserError(f"{path}: defines draw and {', '.join(finite)}; a source is endless or finite. Remove one.")
    small = defined.get("small_cases")
    if callable(draw):
        return Endless(arrays, draw, defined.get("training"), small)
    if len(finite) < 3:
        raise UserError(f"{path}: defines no source. Write\n  {ENDLESS}; or\n  {FINITE}")
    return Finite(
        arrays=lambda opened: arrays,
        open=lambda assignment: defined["open"](assignment.data.path),
        subjects=defined["subjects"],
        load=defined["load"],
        small_cases=small,
        declared=arrays,
    )


def _arrays(path: Path, value: Any) -> Mapping[str, Axes]:
    """The arrays that a file declares, checked."""
    cure = f"Declare each array of a case, such as\n  from assignments.data.source import Axes\n  {EXAMPLE}"
    if not isinstance(value, Mapping) or not value:
        raise UserError(f"{path}: has no ARRAYS. {cure}")
    for key, axes in value.items():
        if not isinstance(key, str) or not isinstance(axes, Axes):
            raise UserError(f"{path}: ARRAYS[{key!r}] is {axes!r}, not Axes(dtype, axes). {cure}")
        if key in RESERVED:
            raise UserError(f"{path}: ARRAYS declares {key}, which is reserved: remove it there. It may be drawn.")
        if problem := axes.problem:
            raise UserError(f"{path}: ARRAYS[{key!r}]: {problem}")
    return value
