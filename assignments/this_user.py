"""Who runs this program, and where their home is: on many machines the user has no name and no home.

So it is in a container that runs as a number, on OpenShift, and while a directory service is down.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path


def login() -> str:
    """The name of the user, or the number that stands for it, as `uid 12345`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}"


def home_folder() -> Path | None:
    """The user's home; None where there is none."""
    try:
        home = Path.home()
    except (RuntimeError, KeyError):
        return None
    return home if home.is_absolute() else None


def expanded(path: Path | str) -> Path:
    """The path with `~` put out; as it is where nobody's home is meant by it."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cache_folder() -> Path | None:
    """Where medmark keeps what can be made again: in `$MEDMARK_HOME`, else the user's cache; None without a home."""
    for name, below in (("MEDMARK_HOME", "cache"), ("XDG_CACHE_HOME", "medmark")):
        if given := os.environ.get(name):
            return Path(given).absolute() / below
    home = home_folder()
    return None if home is None else home / ".cache" / "medmark"
