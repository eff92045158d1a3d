"""The folder through which packages go to the nodes of a cluster, and results come back.

    blobs/DIGEST     content, written once
    in/KEY.json      the description of a package
    arrays/NAME      the keys of an array's packages, one a line: task N of the array does line N
    out/KEY.NODE     a node's reply, complete from its first moment: it is written in parts/ and renamed
    logs/NAME_N      what a task printed

All is for its owner alone: it holds hidden tests and the keys that draw their inputs. A reply is removed when it was
read, with its description and its log. No clock of one machine is compared with one of another: ages are differences
between two times of this folder's own disk.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from assignments.files import replace_file
from graders.runs.engines.package import Package

FOLDERS = ("blobs", "in", "arrays", "out", "parts", "logs")
BLOB_DAYS = 1
"""How long a blob stays that no description names."""
DAYS = 30
"""How long anything else stays that nobody came back for."""
ROOM_BYTES = 1 << 20
LOG_BYTES = 2000
LOG_LINES = 10
_DIGEST = re.compile(rb"[0-9a-f]{64}")


class SharedFolder:
    """A folder that this machine and all nodes see.

    Raises:
        OSError: by every method; the error names what could not be read or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folders, for their owner alone."""
        for name in FOLDERS:
            folder = self.root / name
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    def put(self, package: Package) -> None:
        """Write a package, with the blobs that are not there yet."""
        for digest, path in package.blobs.items():
            blob = self.root / "blobs" / digest
            if blob.is_file():
                os.utime(blob)  # so that no sweep takes it for old
                continue
            with path.open("rb") as content:
                replace_file(blob, content)
        replace_file(self.description(package.key), package.description)

    def description(self, key: str) -> Path:
        """Where a package's description lies."""
        return self.root / "in" / f"{key}.json"

    def add_array(self, keys: Sequence[str]) -> str:
        """Write the keys of a new array; its name."""
        name = secrets.token_hex(8)
        replace_file(self.root / "arrays" / name, "".join(f"{key}\n" for key in keys))
        return name

    def keys(self, array: str) -> list[str]:
        """The keys of an array's packages, by the number of their task; none if it was not submitted by this folder."""
        path = self.root / "arrays" / array
        return path.read_text().split() if path.is_file() else []

    def arrived(self) -> dict[str, str]:
        """The key of each reply, and the node that wrote it.

        From a listing: of one file, a network disk may say for a while that it is missing.
        """
        names = (path.name.partition(".") for path in os.scandir(self.root / "out"))
        return {key: node for key, _, node in names}

    def reply(self, key: str) -> bytes:
        """A reply that has arrived; of two that two nodes wrote, either."""
        return self._replies(key)[0].read_bytes()

    def log(self, array: str, index: int) -> Path:
        """Where what a task printed lies."""
        return self.root / "logs" / f"{array}_{index}"

    def last_lines(self, array: str, index: int) -> str | None:
        """The end of what a task printed; None if nothing came back of it."""
        try:
            with self.log(array, index).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_BYTES))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        return "\n".join(text.strip().splitlines()[-LOG_LINES:])

    def is_full(self) -> bool:
        """Whether its disk has no room for a reply."""
        return shutil.disk_usage(self.root).free < ROOM_BYTES

    def forget(self, key: str, array: str, index: int) -> None:
        """Remove a package, its reply and its log; its blobs stay for others, until a sweep."""
        for path in (*self._replies(key), self.description(key), self.log(array, index)):
            path.unlink(missing_ok=True)

    def _replies(self, key: str) -> list[Path]:
        return sorted((self.root / "out").glob(f"{key}.*"))

    def withdraw(self, key: str) -> None:
        """Remove a package that nobody waits for any more; a reply that comes all the same stays for a later run."""
        self.description(key).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what no later run can use: blobs that no description names, and what nobody came back for."""
        probe = self.root / "parts" / f"now-{secrets.token_hex(4)}"
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        for name in FOLDERS[1:]:
            _remove(path for path in (self.root / name).iterdir() if _age_days(path, now) > DAYS)
        named: set[str] = set()
        for description in (self.root / "in").glob("*.json"):
            named |= {digest.decode() for digest in _DIGEST.findall(description.read_bytes())}
        blobs = (path for path in (self.root / "blobs").iterdir() if path.name not in named)
        _remove(path for path in blobs if _age_days(path, now) > BLOB_DAYS)


def _age_days(path: Path, now: float) -> float:
    try:
        return (now - path.stat().st_mtime) / 86400
    except FileNotFoundError:  # another run has removed it
        return 0.0


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
