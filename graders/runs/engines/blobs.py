"""Files that cross to another machine, each under the SHA-256 of its content: whoever receives one can check it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from assignments.frozen import Frozen
from graders.failures import EngineFailure

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""


class Blob(Frozen):
    """A file that a package names."""

    digest: Digest
    size: int = Field(ge=0)
    """In bytes."""


def blob_of(path: Path) -> Blob:
    """The name of a file by its content.

    Raises:
        OSError: it cannot be read.
    """
    state = path.stat()
    return Blob(digest=_digest(path, state.st_size, state.st_mtime_ns, state.st_ino), size=state.st_size)


def whole(blobs: Path, blob: Blob) -> Path:
    """The file of a blob, in a folder that has one for each digest.

    Raises:
        EngineFailure: it did not arrive, or not whole.
    """
    path = blobs / blob.digest
    try:
        arrived = blob_of(path)
    except OSError as error:
        raise EngineFailure(f"the file {blob.digest[:12]} of this job did not arrive: {error}") from error
    if arrived != blob:
        raise EngineFailure(
            f"{path} is damaged: it has {arrived.size} bytes with the digest {arrived.digest[:12]}, and was sent with "
            f"{blob.size}. Remove it; the next job brings it again."
        )
    return path


@lru_cache(maxsize=8192)
def _digest(path: Path, size: int, changed_ns: int, inode: int) -> str:
    """The digest of a file's content. A file that many jobs share is read once, unless it changes meanwhile."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
