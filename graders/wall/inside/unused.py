"""Packages that a framework imports wherever they are installed, and that most solutions leave unused."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LARGEST = 1 << 20
"""Bytes of a source that are read: in a larger one, any package may be named."""


@contextmanager
def unused_left_out(names: tuple[str, ...]) -> Iterator[None]:
    """Let imports of those that no source of the solution names fail meanwhile, as if they were not installed.

    A solution that names one finds it as on its author's machine, and so does the framework.
    """
    folder = os.environ.get("MEDMARK_SOLUTION", "")
    unused = [name for name in names if name not in sys.modules and folder and not _is_named(name, folder)]
    sys.modules.update(dict.fromkeys(unused))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in unused:
            del sys.modules[name]


def _is_named(name: str, folder: str) -> bool:
    """Whether the word is in a source. They are read as text: nothing of a solution runs here."""
    for parent, _, files in os.walk(folder):
        for path in (os.path.join(parent, file) for file in files if file.endswith(".py")):
            if not os.path.isfile(path):  # a pipe would never end
                continue
            try:
                with open(path, "rb") as source:
                    text = source.read(LARGEST)
            except OSError:
                continue
            if name.encode() in text or len(text) == LARGEST:
                return True
    return False
