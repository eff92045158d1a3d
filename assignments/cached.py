"""Caches values computed from a text in the user's cache folder. This only saves time: a lost value is computed again.

The key of a value is a digest of its text and of a name for the code that computed it, so a value is never out of date.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from assignments.this_user import cache_folder

LARGEST = 2_000_000
"""Bytes of the file; a larger file is deleted and starts again."""
_KEY = slice(len('["'), len('["') + 64)
"""The position of the key in a line."""


def cached(maker: str, source: bytes, compute: Callable[[bytes], Any]) -> Any:
    """`compute(source)`, a value that JSON can hold; from the cache, if `maker` has computed it before.

    Args:
        maker: A name for the code of `compute` in its current version.
        source: Everything that the value depends on.
        compute: Computes the value.
    """
    path, lines = _lines()
    key = hashlib.sha256(f"{maker}\0".encode() + source).hexdigest()
    with suppress(KeyError, ValueError, TypeError):  # absent, cut off by a full disk, or mixed by two writers
        _, value = json.loads(lines[key.encode()])
        return value
    value = compute(source)
    line = json.dumps([key, value], separators=(",", ":")).encode()
    lines[key.encode()] = line
    if path is not None:
        _append(path, b"\n" + line)  # the line before may be cut off
    return value


@cache
def _lines() -> tuple[Path | None, dict[bytes, bytes]]:
    """The file, and the lines that it had when this process started, by key. Only the needed ones are parsed later."""
    folder = cache_folder()
    if folder is None:
        return None, {}
    path = folder / "remembered.jsonl"
    try:
        if path.stat().st_size > LARGEST:
            path.unlink()
        lines = path.read_bytes().split(b"\n")
    except OSError:
        lines = []
    return path, {line[_KEY]: line for line in lines}


def _append(path: Path, line: bytes) -> None:
    """Add a line in one write, so that two processes do not mix their lines."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
