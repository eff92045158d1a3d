"""What was made of a text before, kept in the user's cache. Only a saving of time: what is lost is made again.

A value is found by the digest of its text and by a name that changes with the code that made it, so it is never old.
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
"""Bytes of the file; a larger one begins anew."""
_KEY = slice(len('["'), len('["') + 64)
"""Where the key stands in a line."""


def remembered(maker: str, source: bytes, make: Callable[[bytes], Any]) -> Any:
    """`make(source)`, a value that JSON can hold; from the cache, if `maker` made it before.

    Args:
        maker: Names the code that makes it, in this version.
        source: All that it is made of.
        make: Makes it.
    """
    path, lines = _lines()
    key = hashlib.sha256(f"{maker}\0".encode() + source).hexdigest()
    with suppress(KeyError, ValueError, TypeError):  # absent, cut off by a full disk, or written by two at once
        _, value = json.loads(lines[key.encode()])
        return value
    value = make(source)
    line = json.dumps([key, value], separators=(",", ":")).encode()
    lines[key.encode()] = line
    if path is not None:
        _append(path, b"\n" + line)  # the line before may be cut off
    return value


@cache
def _lines() -> tuple[Path | None, dict[bytes, bytes]]:
    """The file, and the lines that it held when this process began, by key: few of them are needed, and read."""
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
    """Add a line in one write, so that two processes do not mix theirs."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
