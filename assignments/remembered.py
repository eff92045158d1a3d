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

LARGEST = 8_000_000
"""Bytes of the file; a larger one begins anew."""


def remembered(maker: str, source: bytes, make: Callable[[bytes], Any]) -> Any:
    """`make(source)`, a value that JSON can hold; from the cache, if `maker` made it before.

    Args:
        maker: Names the code that makes it, in this version.
        source: All that it is made of.
        make: Makes it.
    """
    path, known = _known()
    key = hashlib.sha256(f"{maker}\0".encode() + source).hexdigest()
    if key not in known:
        known[key] = make(source)
        line = "\n" + json.dumps([key, known[key]], separators=(",", ":"))  # the line before may be cut off
        if path is not None:
            _append(path, line.encode())
    return known[key]


@cache
def _known() -> tuple[Path | None, dict[str, Any]]:
    """The file, and what it held when this process began."""
    folder = cache_folder()
    if folder is None:
        return None, {}
    path = folder / "remembered.jsonl"
    known: dict[str, Any] = {}
    try:
        if path.stat().st_size > LARGEST:
            path.unlink()
        lines = path.read_bytes().splitlines()
    except OSError:
        lines = []
    for line in lines:
        with suppress(ValueError, TypeError):  # cut off by a full disk, or written by two at once
            key, value = json.loads(line)
            known[key] = value
    return path, known


def _append(path: Path, line: bytes) -> None:
    """Add a line in one write, so that two processes do not mix theirs."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
