"""Makes files readable inside a container, whatever the umask of whoever wrote them. Never takes a right away."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def make_readable(folder: Path) -> None:
    """Let everybody read a folder and all below it; links are left alone.

    A container's root has no capability to read what others keep to themselves, and a worker is nobody.

    Raises:
        OSError: a file lacks the right and belongs to somebody else.
    """
    for place, _, names in os.walk(folder):
        for path in (place, *(os.path.join(place, name) for name in names)):
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            wanted = mode | (0o555 if mode & 0o100 else 0o444)
            if wanted != mode and not os.path.islink(path):
                os.chmod(path, wanted)
