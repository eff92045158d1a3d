"""The digest of the toolkit's own source: two machines with equal digests ask alike."""

from __future__ import annotations

import hashlib
from functools import cache

from graders.record.dependencies import PACKAGES, TOOLKIT


@cache
def toolkit_digest() -> str:
    """SHA-256 over the Python files of `assignments/` and `graders/`, without the catalogue, whose tests cross."""
    total = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((TOOLKIT / package).rglob("*.py")):
            name = path.relative_to(TOOLKIT).as_posix()
            if not name.startswith("assignments/catalogue/"):
                total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()
