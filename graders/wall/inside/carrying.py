"""Files of a worker as bytes: those that a solution wrote into a folder, and those of another worker for this one.

Nothing here opens a file's content: to medmark they are bytes. The host checks names and sizes once more.
"""

from __future__ import annotations

import os
import stat

import numpy as np

FILES = 256
"""The most files of a folder."""
NAME_BYTES = 200
"""The most bytes of a path within the folder."""


class Unfit(Exception):
    """A folder or a name that cannot be carried."""


def is_name(name: str) -> bool:
    """Whether it is a plain path within a folder: relative, without `..`, and the same on every system."""
    size = len(name.encode("utf-8", "replace"))
    plain = size <= NAME_BYTES and name.isprintable() and "\\" not in name
    return plain and all(part not in ("", ".", "..") for part in name.split("/"))


def files_in(folder: str, most_bytes: int) -> dict[str, np.ndarray]:
    """The content of every file below a folder, by its path within it; none where there is no folder.

    Raises:
        Unfit: it holds a link or anything else that is not a plain file or folder, too many files, or an odd name.
        ValueError: they have too many bytes together.
    """
    if not is_name(folder):
        raise Unfit("not a folder below the working directory")
    sizes: dict[str, int] = {}
    waiting = [folder] if os.path.lexists(folder) else []
    while waiting:
        path = waiting.pop()
        mode = os.lstat(path)
        if stat.S_ISDIR(mode.st_mode):
            waiting += [f"{path}/{name}" for name in sorted(os.listdir(path))]
            if len(waiting) + len(sizes) > 4 * FILES:
                raise Unfit(f"more than {FILES} files")
        elif not stat.S_ISREG(mode.st_mode) or path == folder:
            raise Unfit("neither a file nor a folder")
        else:
            sizes[path[len(folder) + 1 :]] = mode.st_size
    if len(sizes) > FILES or not all(map(is_name, sizes)):
        raise Unfit(f"more than {FILES} files, or a name that is not a plain path of at most {NAME_BYTES} bytes")
    if sum(sizes.values()) > most_bytes:
        raise ValueError(f"{sum(sizes.values())} bytes of files")
    return {name: _bytes_of(f"{folder}/{name}", size) for name, size in sizes.items()}


def _bytes_of(path: str, size: int) -> np.ndarray:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with open(fd, "rb") as file:
        return np.frombuffer(file.read(size), np.uint8)


def write_files(folder: str, files: dict[str, np.ndarray]) -> None:
    """Write files into a new folder below the working directory.

    Raises:
        Unfit: a name leads out of it, or it is there already.
    """
    if not is_name(folder) or os.path.lexists(folder) or not all(map(is_name, files)) or len(files) > FILES:
        raise Unfit("not a new folder below the working directory, or not plain paths in it")
    os.makedirs(folder)
    for name, content in files.items():
        path = f"{folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(content.tobytes())
