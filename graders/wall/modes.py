"""Whether files can be read inside a container, whatever umask they were written with. Never removes a right."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from assignments.errors import shell_word
from graders.failures import InternalFailure


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


def refuse_unreadable(folder: Path) -> None:
    """Raise if a container could not read a folder: a worker owns no files, and the keeper may not read others' own.

    Raises:
        InternalFailure: a file or folder lacks the right; the text names the command that gives it.
    """
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        weights = "weights" in Path(parent).relative_to(folder).parts
        needed = [name for name in names if weights or name.endswith(".py")]
        paths = [(parent, 0o005)] if needed or parent == str(folder) else []
        for path, rights in (*paths, *((os.path.join(parent, name), 0o004) for name in needed)):
            if os.lstat(path).st_mode & rights != rights:
                raise InternalFailure(f"{path} cannot be read inside a container: chmod -R a+rX {shell_word(folder)}")
