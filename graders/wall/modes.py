"""Makes files readable inside a container, whatever umask they were written with. Never removes a right."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def make_readable(folder: Path) -> None:
    """Let everybody read a folder and all below it; links stay as they are.

    A container's root has no capability to read other users' private files, and a worker owns no files.

    Raises:
        OSError: a file lacks the right and belongs to another user.
    """
    for parent, _, names in os.walk(folder):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            readable = mode | (0o555 if mode & 0o100 else 0o444)
            if readable != mode and not os.path.islink(path):
                os.chmod(path, readable)
