"""Writes files that last: after a full disk or a killed process, too, a reader finds the old one or the new, whole."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path


def replaced(path: Path, content: str | bytes) -> None:
    """Replace a file by one with this content and its permissions, in one step; its folder is made where there is none.

    Raises:
        OSError: it could not be written, and the error names it; what was there before is whole, and nothing lies
            beside it.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    beside = path.with_name(f".{os.getpid()}-{threading.get_native_id()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made anew: a link that lies in its place is refused, not followed.
        beside.unlink(missing_ok=True)
        try:
            with beside.open("xb") as file:
                if path.is_file() and not path.is_symlink():
                    with suppress(PermissionError):  # a disk that knows no permissions
                        os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # else a power cut could leave the new name with nothing in it
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        error.filename = str(path)  # a full disk names no file, and the one beside means nothing to a person
        raise
