"""The name and the home of the user who runs this program, also on machines where the user has neither.

Such machines are containers that run as a number, OpenShift, and any machine while its directory service is down.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path


def login() -> str:
    """The name of the user; without one, the user's number, such as `uid 12345`."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}"


def home_folder() -> Path | None:
    """The user's home, or None."""
    try:
        home = Path.home()
    except (RuntimeError, KeyError):
        return None
    return home if home.is_absolute() else None


def expand_home(path: Path | str) -> Path:
    """The path with `~` replaced by the home; unchanged if there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cache_folder() -> Path | None:
    """Folder for what medmark can compute again: in `$MEDMARK_HOME`, else the user's cache; None without a home."""
    for name, below in (("MEDMARK_HOME", "cache"), ("XDG_CACHE_HOME", "medmark")):
        if folder := os.environ.get(name):
            return Path(folder).absolute() / below
    home = home_folder()
    return None if home is None else home / ".cache" / "medmark"
