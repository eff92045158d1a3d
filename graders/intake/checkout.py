"""Writes the files of one commit into a folder of ours. git's own work tree is not used, and no link is ever made.

Only regular files with ordinary names come out, within limits; all else is reported with its cure.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from graders.course.cells import JOINERS
from graders.intake.clone import is_commit
from graders.intake.hardened_git import GitFailed, Reach, run_git
from graders.wall.modes import make_readable

LFS = b"version https://git-lfs.github.com/spec/"
POINTER_BYTES = 1024
"""A Git LFS pointer is shorter than this."""
_ASCII = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.()[]@+,=&'!~#% -")
"""What of ASCII may stand in a name: nothing that a shell, a URL or Windows reads otherwise."""
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³])( *\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever follows the dot."""
_UNUSUAL = {
    "conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "sitecustomize.py", "usercustomize.py",
    ".gitmodules", ".lfsconfig", ".gitattributes", "pytest.py", "numpy.py", "torch.py", "tensorflow.py", "keras.py",
    "json.py", "math.py", "os.py", "random.py", "struct.py", "sys.py", "time.py",
}  # fmt: skip
_CONFIGURES = re.compile(r".*\.pth|(ipython|jupyter|nbgrader)\w*_config\.(py|json)")
SHOWN = 10
"""How many files of one kind a problem or a flag names."""
LISTING_MB = 16
"""What the list of a commit's files may come to: about 150,000 files."""


@dataclass(frozen=True)
class Caps:
    """How much of a commit is written."""

    weights_mb: float = 100
    """All files below `weights/` together."""
    file_mb: float = 20
    """Any other file."""
    total_mb: float = 200
    """All other files together."""
    files: int = 5000
    """So many, and as many folders around them."""


@dataclass(frozen=True)
class TreeEntry:
    """One line of a commit's tree."""

    mode: str
    blob: str
    size: int
    path: str
    """With bytes that are no UTF-8 as surrogates."""


@dataclass(frozen=True)
class CheckoutResult:
    """What came of writing a commit's files."""

    files: int
    problems: tuple[str, ...]
    """For the group, each with its cure."""
    flags: tuple[str, ...]
    """For staff."""


def tree_of(mirror: Path, commit: str, path: str, reach: Reach) -> tuple[TreeEntry, ...]:
    """Every file of a commit, or of a folder in it; `GitFailed` when the mirror has no such commit or folder."""
    if not is_commit(commit):
        raise GitFailed("is not a commit id")
    try:
        # A path is the roster's, validated there; it cannot begin with a dash or hold a colon.
        listed = run_git(
            ["ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", f"{commit}:{path}"],
            reach=reach, git_dir=mirror, output_mb=LISTING_MB,
        )  # fmt: skip
    except GitFailed as failure:
        if not re.search("not a valid object name|not a tree object", str(failure), re.IGNORECASE):
            raise  # too long a list, say: that is what the group has to read
        where = f'no folder "{path}" in commit' if path else "no commit"
        raise GitFailed(f"there is {where} {commit[:12]}", str(failure)) from None
    entries = []
    for line in listed.split(b"\0")[:-1]:
        left, _, name = line.partition(b"\t")
        mode, _, blob, size = left.split()
        entries.append(
            TreeEntry(mode.decode(), blob.decode(), int(size) if size.isdigit() else 0, os.fsdecode(name))
        )
    return tuple(entries)


def write_files(mirror: Path, entries: Sequence[TreeEntry], target: Path, caps: Caps, reach: Reach) -> CheckoutResult:
    """Write the entries below `target`; it appears whole or not at all, and is left alone if it is there already."""
    kept, problems, flags = _sorted_out(entries, caps)
    target.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    try:
        pointers, unwritten = _write(mirror, kept, making, reach)
        make_readable(making)
        try:
            os.rename(making, target)
        except OSError:
            # Another process was first; a commit's files are the same whoever writes them.
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    problems += _told(
        pointers, "Git LFS pointer", "commit the file itself (git lfs uninstall; git rm --cached FILE; git add FILE)"
    )
    problems += _told(unwritten, "file that cannot be written beside the others", "rename it")
    return CheckoutResult(len(kept) - len(pointers) - len(unwritten), tuple(problems), tuple(flags))


def _sorted_out(entries: Sequence[TreeEntry], caps: Caps) -> tuple[list[TreeEntry], list[str], list[str]]:
    links = [entry.path for entry in entries if entry.mode == "120000"]
    modules = [entry.path for entry in entries if entry.mode == "160000"]
    files = [
        entry
        for entry in entries
        # Compiled files are made anew from the sources; nobody reads these.
        if entry.mode.startswith("100") and "__pycache__" not in entry.path.split("/")
    ]
    odd = [entry.path for entry in files if not _ordinary(entry.path)]
    files = [entry for entry in files if _ordinary(entry.path)]
    unusual = _unusual(entries)
    flags = [f"holds {path}" for path in unusual[:SHOWN]]
    if len(unusual) > SHOWN:
        flags.append(f"holds {len(unusual) - SHOWN} more like these")
    problems = [
        *_told(links, "link", "links are not followed; commit the file itself"),
        *_told(modules, "submodule", "submodules are not fetched; commit the files themselves"),
        *_told(odd, "odd file name", "use letters, digits, dots, dashes and underscores; con, aux and nul are devices"),
    ]
    weights = [entry for entry in files if entry.path.startswith("weights/")]
    rest = [entry for entry in files if not entry.path.startswith("weights/")]
    heavy = sum(entry.size for entry in weights) / 1e6
    if heavy > caps.weights_mb:
        problems.append(
            f"weights/ holds {heavy:.0f} MB, {caps.weights_mb:g} MB are allowed: none of it was taken; "
            "save fewer or smaller weights (float16, no optimizer state)"
        )
        weights = []
    large = [entry.path for entry in rest if entry.size > caps.file_mb * 1e6]
    problems += _told(large, f"file over {caps.file_mb:g} MB", "only weights/ may hold large files; remove it")
    rest = [entry for entry in rest if entry.size <= caps.file_mb * 1e6]
    taken = _within([*rest, *weights], caps)
    if len(taken) < len(rest) + len(weights):
        problems.append(
            f"more than {caps.files} files or folders, or {caps.total_mb:g} MB beside the weights: the Python files "
            "and weights/ were taken, as far as they are within that; remove data and results from the folder"
        )
        taken = _within([*(entry for entry in rest if entry.path.endswith(".py")), *weights], caps)
    return taken, problems, flags


def _within(entries: Sequence[TreeEntry], caps: Caps) -> list[TreeEntry]:
    """The entries, in their order, as long as they are not too many or too large together.

    By the size they are written with: a repository of kilobytes can hold one file under ten thousand names.
    """
    kept: list[TreeEntry] = []
    folders: set[PurePosixPath] = set()
    size = 0
    for entry in entries:
        folders.update(PurePosixPath(entry.path).parents)
        size += 0 if entry.path.startswith("weights/") else entry.size
        if len(kept) == caps.files or len(folders) > caps.files or size > caps.total_mb * 1e6:
            break
        kept.append(entry)
    return kept


def _ordinary(path: str) -> bool:
    return len(os.fsencode(path)) <= 400 and all(map(_is_name, path.split("/")))


def _is_name(part: str) -> bool:
    """Whether a file or folder may be called so: letters of any script with their marks, digits, common signs.

    A name is never changed: inside, an import looks for its very bytes.
    """
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", part) if unicodedata.category(letter) != "Cf")
    return (
        0 < len(os.fsencode(part)) <= 200
        and part not in (".", "..")
        and not part.startswith("-")
        and not _DEVICE.fullmatch(part)
        # As Windows and macOS spell the folder that holds git's settings, too.
        and seen.casefold().rstrip(". ") not in (".git", "git~1")
        and all(_is_sign(letter, before) for before, letter in zip(" " + part, part, strict=False))
    )


def _is_sign(letter: str, before: str) -> bool:
    if letter.isascii():
        return letter in _ASCII
    if letter in JOINERS:
        return not before.isascii() and unicodedata.category(before)[0] in "LMS"
    kind = unicodedata.category(letter)
    return kind[0] in "LMNPS" or kind == "Zs"


def _unusual(entries: Sequence[TreeEntry]) -> list[str]:
    """Files that change how tools behave, or that look like a repository inside the repository."""
    paths = {entry.path for entry in entries if len(entry.path) <= 400}
    names = {path: path.rsplit("/", 1)[-1].casefold() for path in paths}
    named = [path for path, name in names.items() if name in _UNUSUAL or _CONFIGURES.fullmatch(name)]
    heads = {path.rsplit("/", 1)[0] for path in paths if path.endswith("/HEAD")}
    around = {path[: inside.start()] for path in paths for inside in re.finditer(r"/(?=(?:hooks|objects)/)", path)}
    return sorted(plain(path) for path in [*named, *(f"{folder}/ (a Git repository)" for folder in heads & around)])


def _write(mirror: Path, entries: Sequence[TreeEntry], folder: Path, reach: Reach) -> tuple[list[str], list[str]]:
    """Write the blobs; the paths of LFS pointers, and of those whose place is taken by a file or folder."""
    pointers = []
    unwritten = []
    total_mb = sum(entry.size + 100 for entry in entries) / 1e6
    # Beside what is written, since /tmp is often memory.
    with tempfile.TemporaryFile(dir=folder.parent) as blobs:
        asked = "".join(f"{entry.blob}\n" for entry in entries).encode()
        run_git(
            ["cat-file", "--batch"], reach=reach, git_dir=mirror, stdin_data=asked, output=blobs, output_mb=total_mb + 1
        )
        blobs.seek(0)
        for entry in entries:
            header = blobs.readline().split()
            if len(header) != 3 or header[1] != b"blob" or int(header[2]) != entry.size:
                raise GitFailed("its history is malformed", f"cat-file answered {header!r} for {entry.blob}")
            after = blobs.tell() + entry.size + 1
            start = blobs.read(min(entry.size, POINTER_BYTES))
            if entry.size < POINTER_BYTES and start.startswith(LFS):
                pointers.append(entry.path)
            elif not _write_one(folder / entry.path, start, blobs, entry.size):
                unwritten.append(entry.path)
            blobs.seek(after)
    return pointers, unwritten


def _write_one(path: Path, start: bytes, blobs: IO[bytes], size: int) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # O_EXCL and O_NOFOLLOW: the folder is new and ours, so anything already there is a clash of names.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except (FileExistsError, NotADirectoryError):
        return False
    with open(descriptor, "wb") as file:
        file.write(start)
        left = size - len(start)
        while left > 0:
            chunk = blobs.read(min(left, 1 << 20))
            file.write(chunk)
            left -= len(chunk)
    return True


def _told(paths: Sequence[str], what: str, cure: str) -> list[str]:
    if not paths:
        return []
    named = ", ".join(plain(path) for path in paths[:SHOWN])
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return [f"{what}: {named}{more}; {cure}"]


def plain(path: str) -> str:
    """A path as a person may see it: control characters and bytes that are no text are escaped."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path)
    return shown if len(shown) <= 120 else shown[:117] + "..."
