"""Lets solutions that train alike train once: what `fit` answers to equal arguments is saved, and read again.

A mutant spoils one function where tests ask it; inside, the reference stays whole, so its training is always the same,
and takes seconds. So is that of a mistake which `fit` does not reach. `graders.authoring.mutants` copies this file
beside the solution; it runs behind the wall as a part of it, so it imports nothing of medmark.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np


def remembered(
    fit: Callable[..., Any], save: Callable[[Any, Path], None], load: Callable[[Path], Any], folder: Path
) -> Callable[..., Any]:
    """A `fit` that loads the model it saved in `folder` for equal arguments, if it has done so.

    With a function among the arguments, such as `log`, it trains: somebody listens. With validation cases it trains
    too: they may ask anything of the solution.
    """

    @functools.wraps(fit)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        digest = hashlib.sha256()
        val = args[1] if len(args) > 1 else kwargs.get("val")
        if val is not None or not _add([list(args), kwargs], digest.update):
            return fit(*args, **kwargs)
        saved = folder / digest.hexdigest()
        if saved.is_dir():
            return load(saved)
        model = fit(*args, **kwargs)
        folder.mkdir(exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=folder))
        save(model, unfinished)
        with suppress(OSError):  # another worker was first
            unfinished.rename(saved)
        shutil.rmtree(unfinished, ignore_errors=True)
        return model

    return stand_in


def _add(value: Any, update: Callable[[bytes], None]) -> bool:
    """Add a value to a digest; whether it is of data alone."""
    if isinstance(value, dict):
        update(f"{len(value)} named".encode())
        return all(_add(key, update) and _add(value[key], update) for key in sorted(value, key=repr))
    if isinstance(value, list | tuple):
        update(f"{len(value)} of".encode())
        return all(_add(item, update) for item in value)
    if isinstance(value, np.ndarray):
        update(f"{value.dtype} {value.shape}".encode())
        update(np.ascontiguousarray(value).tobytes())
        return True
    update(repr(value).encode())
    return value is None or isinstance(value, bool | int | float | str | np.generic)
