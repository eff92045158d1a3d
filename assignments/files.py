"""Writes files that last: even after a full disk or a killed process, a reader finds the old or the new one, whole."""

from __future__ import annotations

import io
import os
import shutil
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

PIECE = 1 << 20
"""Bytes that are copied at once."""


def replace_file(path: Path, content: str | bytes | IO[bytes]) -> None:
    """Replace a file in one step by one with this content and the old permissions. A missing folder is created.

    Content that is a file is copied from where it stands, piece by piece.

    Raises:
        OSError: the file could not be written; the error names it. The old file is still whole, and no other is left.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    part = path.with_name(f".{os.getpid()}-{threading.get_native_id()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Created, not opened: a link of that name is refused, not followed.
        part.unlink(missing_ok=True)
        try:
            with part.open("xb") as file:
                if path.is_file() and not path.is_symlink():
                    with suppress(PermissionError):  # some disks have no permissions
                        os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
                shutil.copyfileobj(source, file, PIECE)
                file.flush()
                os.fsync(file.fileno())  # else a power cut could leave the new name with nothing in it
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        error.filename = str(path)  # a full disk names no file, and the name of the part means nothing to a person
        raise
